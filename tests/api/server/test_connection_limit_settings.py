"""Limits of connections come from the settings; processes share the number of connections."""

from __future__ import annotations

from collections import Counter

from api.server.connection_limit_settings import ConnectionLimits
from kg.config import HttpSettings


def test_limits_come_from_the_settings() -> None:
    counter: Counter[str] = Counter()
    found = ConnectionLimits.of(HttpSettings(max_url_bytes=5000, header_timeout=3, max_connections=50), counter)
    assert (found.url_bytes, found.head_seconds, found.connections) == (5000, 3, 50)
    assert found.refused is counter
    assert ConnectionLimits.of(HttpSettings(max_connections=50), counter, processes=4).connections == 13
    assert found.head_bytes > found.url_bytes
