"""Backup download: a command calls exactly the named server with the token, and reads the response."""

from __future__ import annotations

import socket

import pytest

from kg.errors import BadInput, Forbidden, StoreUnavailable
from kg.http_client.running_server_get_client import RunningServer
from tests.cases.peers import CERTIFICATE, Asked, Reply, saying, serving


def get(url: str, path: str = "/admin/backup", token: str | None = None) -> bytes:
    with RunningServer(url, token).get(path) as response:
        return response.read()


@pytest.mark.parametrize("base", ["", "/", "/graph", "/graph/", "/a%20b", "/é"])
def test_a_path_below_the_base_url_is_asked_with_the_token(base: str) -> None:
    with serving(lambda _: Reply(b"content")) as peer:
        assert get(peer.address + base, "/admin/backup?tokens=false", "secret") == b"content"
    (asked,) = peer.asked
    path = base.rstrip("/").replace("é", "%C3%A9") + "/admin/backup?tokens=false"
    assert (asked.method, asked.path) == ("GET", path)
    assert asked.headers["Authorization"] == "Bearer secret"
    assert asked.headers["Host"] == f"127.0.0.1:{peer.port}"


def test_without_a_token_none_is_sent() -> None:
    with serving(lambda _: Reply()) as peer:
        get(peer.address)
    assert "Authorization" not in peer.asked[0].headers


def test_a_name_that_leads_inside_may_be_asked() -> None:
    with serving(lambda _: Reply(b"content")) as peer:
        assert get(f"http://localhost:{peer.port}") == b"content"
    assert peer.asked[0].headers["Host"] == f"localhost:{peer.port}"


def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda _: Reply()) as proxy, serving(lambda _: Reply(b"content")) as peer:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.address)
        assert get(peer.address) == b"content"
    assert proxy.asked == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    with serving(lambda _: Reply()) as other:
        moved = Reply(status=status, headers={"Location": other.address})
        with serving(lambda _: moved) as peer, pytest.raises(StoreUnavailable, match=str(status)):
            get(peer.address, token="secret")
    assert other.asked == []


def test_tls_is_checked_against_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def lead(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", lead)
    with serving(lambda _: Reply(b"content"), tls=True) as peer:
        with pytest.raises(StoreUnavailable, match="TLS"):
            get(f"https://data.example:{peer.port}", token="secret")
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        assert get(f"https://data.example:{peer.port}") == b"content"
        with pytest.raises(StoreUnavailable, match="TLS"):
            get(f"https://other.example:{peer.port}", token="secret")
    assert len(peer.asked) == 1


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "127.0.0.1:8000",
        "",
        "data:,x",
        "http://",
        "http:///path",
        "http://[::1/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:x/",
        "http://a..b/",
        "http://a b/",
        "http://user:password@127.0.0.1/",
        "http://127.0.0.1/?x=1",
        "http://127.0.0.1/#x",
    ],
)
def test_what_is_not_the_url_of_a_server(url: str) -> None:
    with pytest.raises(BadInput, match="is not an address of a server"):
        get(url)


def test_a_token_that_no_header_can_hold() -> None:
    with serving(lambda _: Reply()) as peer, pytest.raises(BadInput, match="No request can be sent") as caught:
        get(peer.address, token="x\r\nX-More: y")
    assert "X-More" not in caught.value.message
    assert peer.asked == []


@pytest.mark.parametrize("status", [401, 403, 404, 500, 204])
def test_an_error_is_told_as_the_server_tells_it(status: int) -> None:
    def answer(_: Asked) -> Reply:
        return Reply(b'{"detail": "It is so.", "remedy": "Do this."}', "application/problem+json", status)

    if status == 204:  # has no body
        with serving(lambda _: Reply(status=status)) as peer, pytest.raises(StoreUnavailable, match="204"):
            get(peer.address)
        return
    with serving(answer) as peer, pytest.raises(Forbidden if status < 404 else StoreUnavailable) as caught:
        get(peer.address)
    assert (caught.value.message, caught.value.remedy) == ("It is so.", "Do this.")


@pytest.mark.parametrize("body", [b"", b"[]", b'"detail"', b"{}", b"\xff", b"[" * 100_000, b" " * 100_001])
def test_an_error_without_problem_details(body: bytes) -> None:
    with serving(lambda _: Reply(body, status=500)) as peer, pytest.raises(StoreUnavailable, match="500") as caught:
        get(peer.address)
    assert caught.value.remedy


def test_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(StoreUnavailable, match="refused"):
        get(f"http://127.0.0.1:{port}")


def test_a_body_that_breaks_off() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}"
    with saying(lambda peer: peer.sendall(head)) as peer, pytest.raises(StoreUnavailable, match="broke off"):
        get(peer.address)
