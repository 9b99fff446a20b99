"""One Host field in HTTP/1.1, as RFC 9112, clause 3.2, demands."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from api.server.connection_limit_settings import ConnectionLimits
from api.server.host_field_syntax import names_one_host
from tests.serving import ask, connect, parse, receive, serving

GOOD = [
    "x",
    "example.org",
    "example.org:80",
    "example.org:",
    "127.0.0.1:8000",
    "[::1]:8000",
    "a_b",
    "%D1%97.test",
    "a,b",
]
BAD = ["", ":80", "a b", "a/b", "user@host", "[::1", "a:b", "a:123456", "https://a", "a,b:1:2", 'a"b', "%zz", "[x]"]


@pytest.mark.parametrize("host", GOOD)
def test_valid(host: str) -> None:
    assert names_one_host([(b"host", host.encode())], "1.1")
    assert not names_one_host([(b"host", host.encode())] * 2, "1.1")


@pytest.mark.parametrize("host", BAD)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_invalid(host: str, version: str) -> None:
    assert not names_one_host([(b"host", host.encode())], version)


def test_only_an_old_request_may_name_none() -> None:
    assert names_one_host([(b"accept", b"*/*")], "1.0")
    assert not names_one_host([], "1.1")


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Respond at once."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


def test_a_server_refuses_what_does_not_name_one_host() -> None:
    refused: Counter[str] = Counter()
    with serving(application, ConnectionLimits(refused=refused)) as address:
        for fields in ("", "Host: a\r\nHost: a\r\n", "Host: a\r\nX: y\r\nHost: b\r\n", "Host: a/b\r\n", "Host:\r\n"):
            answer = ask(address, f"GET / HTTP/1.1\r\n{fields}\r\n".encode())
            assert answer.status == 400, fields
            assert answer.headers["content-type"] == "application/problem+json"
            assert "Host" in json.loads(answer.body)["remedy"]
        assert ask(address, b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n").status == 400
        assert ask(address, b"GET / HTTP/1.0\r\n\r\n").status == 200
        assert ask(address, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").status == 200
    assert refused == {"host": 6}


def test_the_second_request_of_a_connection_needs_one_too() -> None:
    with serving(application, ConnectionLimits()) as address, connect(address) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        found = receive(connection)
    assert found.count(b"HTTP/1.1 200") == 1  # nothing is read after the refusal
    assert parse(found[found.index(b"HTTP/1.1 400") :]).status == 400
