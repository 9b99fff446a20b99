"""Private address guard: name resolution with a timeout; every failure of a resolver is a network error."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from kg.http_client.private_address_guard import look_up

GONE = 60.0
"""Seconds that no test waits."""


def test_a_name_is_looked_up_and_each_address_returned_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[Any, ...]]:
        assert (host, port) == ("data.example", 443)
        return [(0, 0, 0, "", (address, port)) for address in ("10.0.0.1", "fd00::1", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert look_up("data.example", 443, GONE) == ["10.0.0.1", "fd00::1"]


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example"])
def test_what_is_not_a_host_name(host: str) -> None:
    with pytest.raises(OSError):
        look_up(host, 80, GONE)


def test_a_resolver_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(GONE) and [])
    with pytest.raises(TimeoutError):
        look_up("data.example", 80, 0.01)
    over.set()
