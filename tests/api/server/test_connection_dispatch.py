"""Dispatch of connections: who counts as one client. How they are spread is tested with the supervisor."""

from __future__ import annotations

import pytest

from api.server.connection_dispatch import client_of


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::1", "::1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::1", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("fe80::1%eth0", "fe80::"),
        ("no address", "no address"),
    ],
)
def test_the_client_of_an_address(address: str, client: str) -> None:
    assert client_of(address) == client
