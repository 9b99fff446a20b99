"""HTTP client: only allowed URLs, only the address that was checked, within time and size limits."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from typing import Any

import pytest

from kg.config import OutgoingSettings
from kg.errors import BadInput, Forbidden, Unreachable
from kg.http_client.federation_client import FederationClient, Fetched
from tests.cases.peers import CERTIFICATE, RESULTS, Asked, Reply, saying, serving

QUERY = "SELECT * WHERE { ?s ?p ?o }"
EMPTY = Reply(b"{}", RESULTS)
GONE = 60.0
_CHUNKED = b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
"""Seconds that no test waits: a deadline that is not meant to be reached."""


def ask(endpoint: str, allowed: str | None = None, seconds: float = GONE, **settings: Any) -> Fetched:
    outgoing = FederationClient(OutgoingSettings(allow_service=endpoint if allowed is None else allowed, **settings))
    return outgoing.ask(endpoint, QUERY, time.monotonic() + seconds)


def refused(endpoint: str, allowed: str | None = None, seconds: float = GONE, **settings: Any) -> str:
    with pytest.raises(Unreachable) as caught:
        ask(endpoint, allowed, seconds, **settings)
    return caught.value.message


# ---- what is asked


def test_an_endpoint_is_asked_by_the_protocol() -> None:
    with serving(lambda _: Reply(b'{"a": 1}', f"{RESULTS}; charset=utf-8")) as peer:
        fetched = ask(f"{peer.address}/sparql?x=1")
    (asked,) = peer.asked
    assert (fetched.content, fetched.media_type, fetched.cached) == (b'{"a": 1}', RESULTS, False)
    assert (asked.method, asked.path, asked.query) == ("POST", "/sparql?x=1", QUERY)
    assert asked.headers["Host"] == f"127.0.0.1:{peer.port}"
    assert asked.headers["Accept-Encoding"] == "identity"
    assert "Authorization" not in asked.headers
    assert "Cookie" not in asked.headers


def test_a_document_is_fetched_each_time() -> None:
    with serving(lambda _: Reply(b"", None)) as peer:
        outgoing = FederationClient(OutgoingSettings(allow_load=f"{peer.address}/d.ttl"))
        for _ in range(2):
            assert outgoing.fetch(f"{peer.address}/d.ttl", outgoing.deadline()).media_type == ""
    assert [asked.method for asked in peer.asked] == ["GET", "GET"]


def test_answers_of_any_framing_are_read() -> None:
    replies = [
        b"Content-Length: 2\r\n\r\n{}",
        b"\r\n{}",
        b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
    ]
    heads = iter(replies)
    with saying(
        lambda peer: peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + next(heads))
    ) as peer:
        assert [ask(f"{peer.address}/").content for _ in replies] == [b"{}"] * 3


def test_the_two_lists_are_apart() -> None:
    outgoing = FederationClient(OutgoingSettings(allow_service="http://a.org/s", allow_load="http://a.org/d"))
    assert outgoing.allows_service("http://a.org/s")
    assert outgoing.allows_load("http://a.org/d")
    assert not outgoing.allows_service("http://a.org/d")
    assert not outgoing.allows_load("http://a.org/s")
    with pytest.raises(Forbidden):
        outgoing.ask("http://a.org/d", QUERY, 0)
    with pytest.raises(Forbidden):
        outgoing.fetch("http://a.org/s", 0)


def test_closed_by_default() -> None:
    assert not FederationClient(OutgoingSettings())
    assert FederationClient(OutgoingSettings(allow_load="http://a.org/"))
    assert FederationClient(OutgoingSettings(allow_service="http://a.org/"))


def test_a_bad_list_is_an_error_at_once() -> None:
    with pytest.raises(BadInput, match="KG_ALLOW_LOAD"):
        FederationClient(OutgoingSettings(allow_load="file:///data"))


def test_a_name_may_be_asked_elsewhere() -> None:
    with serving(lambda _: EMPTY) as peer:
        ask("http://example.org/sparql", f"http://example.org/sparql={peer.address}/mirror")
    assert [asked.path for asked in peer.asked] == ["/mirror"]


def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda _: EMPTY) as proxy, serving(lambda _: EMPTY) as peer:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.address)
        ask(f"{peer.address}/")
    assert (len(peer.asked), proxy.asked) == (1, [])


# ---- where it goes


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Resolve names from this list, one after the other; the rest of the list was not requested."""
    answers: list[list[str]] = []

    def getaddrinfo(_host: str, port: int, **_: object) -> list[tuple[Any, ...]]:
        if not answers:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(0, 0, 0, "", (address, port)) for address in answers.pop(0)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return answers


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Record the targets of connections, and redirect those to public addresses to the loopback interface."""
    noted: list[Any] = []
    connect = socket.socket.connect

    def lead(self: socket.socket, address: Any) -> None:
        noted.append(address[0])
        connect(self, ("127.0.0.1", address[1]))

    monkeypatch.setattr(socket.socket, "connect", lead)
    return noted


def test_the_address_that_was_checked_is_the_one_that_is_asked(
    looked_up: list[list[str]], connected: list[Any]
) -> None:
    looked_up += [["93.184.216.34"], ["127.0.0.1"]]
    with serving(lambda _: EMPTY) as peer:
        ask(f"http://data.example:{peer.port}/")
    assert connected == ["93.184.216.34"]
    assert looked_up == [["127.0.0.1"]]
    assert peer.asked[0].headers["Host"] == f"data.example:{peer.port}"


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["93.184.216.34", "127.0.0.1"],
        ["127.0.0.1", "93.184.216.34"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["::ffff:93.184.216.34"],
        ["64:ff9b::7f00:1"],
        ["2002:7f00:1::"],
        ["fe80::1%eth0"],
        ["0.0.0.0"],
    ],
)
def test_a_name_that_leads_inside_is_not_asked(
    addresses: list[str], looked_up: list[list[str]], connected: list[Any]
) -> None:
    looked_up.append(addresses)
    with serving(lambda _: EMPTY) as peer, pytest.raises(Forbidden) as caught:
        ask(f"http://data.example:{peer.port}/")
    assert not any(address in caught.value.message for address in addresses)
    assert (connected, peer.asked) == ([], [])


def test_a_pinned_address_is_not_looked_up(looked_up: list[list[str]]) -> None:
    looked_up.append(["93.184.216.34"])
    with serving(lambda _: EMPTY) as peer:
        ask(f"http://localhost:{peer.port}/", f"http://localhost:{peer.port}/@127.0.0.1")
    assert peer.asked[0].headers["Host"] == f"localhost:{peer.port}"
    assert looked_up == [["93.184.216.34"]]


def test_the_next_address_is_tried(looked_up: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    connect = socket.socket.connect

    def refuse_once(self: socket.socket, address: Any) -> None:
        tried.append(address[0])
        if len(tried) == 1:
            raise ConnectionRefusedError(111, "Connection refused")
        connect(self, ("127.0.0.1", address[1]))

    looked_up.append(["93.184.216.34", "93.184.216.35"])
    with serving(lambda _: EMPTY) as peer:
        monkeypatch.setattr(socket.socket, "connect", refuse_once)
        ask(f"http://data.example:{peer.port}/")
    assert tried == ["93.184.216.34", "93.184.216.35"]


def test_a_name_that_is_unknown(looked_up: list[list[str]]) -> None:
    assert "its name is not known" in refused("http://data.example/")


def test_a_name_without_addresses(looked_up: list[list[str]]) -> None:
    looked_up.append([])
    assert "no address" in refused("http://data.example/")


def test_a_slow_look_up_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(GONE) and [])
    assert "in time" in refused("http://data.example/", seconds=0.1)
    over.set()


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert "refused" in refused(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["http://127.0.0.1:{port}/secret", "http://93.184.216.34/", "/secret", "file:///x"])
def test_redirects_are_not_followed(status: int, target: str) -> None:
    def answer(asked: Asked) -> Reply:
        return Reply(b"", RESULTS, status, {"Location": target.format(port=peer.port)})

    with serving(answer) as peer:
        assert f"redirects (status {status})" in refused(f"{peer.address}/sparql")
    assert [asked.path for asked in peer.asked] == ["/sparql"]


# ---- TLS


def test_tls_is_checked_against_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with serving(lambda _: EMPTY, tls=True) as peer:
        ask(f"https://data.example:{peer.port}/", f"https://data.example:{peer.port}/@127.0.0.1")
        for other in ("other.example", "127.0.0.1"):
            message = refused(f"https://{other}:{peer.port}/", f"https://{other}:{peer.port}/@127.0.0.1")
            assert "TLS" in message
    assert [asked.headers["Host"] for asked in peer.asked] == [f"data.example:{peer.port}"]


def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    with serving(lambda _: EMPTY, tls=True) as peer:
        assert "TLS" in refused(f"https://data.example:{peer.port}/", f"https://data.example:{peer.port}/@127.0.0.1")
    assert peer.asked == []


def test_a_peer_that_speaks_no_tls() -> None:
    with serving(lambda _: EMPTY) as peer:
        assert refused(f"https://127.0.0.1:{peer.port}/")
    assert peer.asked == []


# ---- what comes back


@pytest.mark.parametrize("status", [100 + 101, 204, 400, 401, 404, 500, 503])
def test_only_200_is_an_answer(status: int) -> None:
    with serving(lambda _: Reply(b"", RESULTS, status)) as peer:
        assert f"status {status}" in refused(f"{peer.address}/")


@pytest.mark.parametrize("media_type", [None, "text/html", "text/csv", "application/sparql-results+xml", "text/turtle"])
def test_an_answer_in_another_format_is_refused(media_type: str | None) -> None:
    with serving(lambda _: Reply(b"{}", media_type)) as peer:
        assert RESULTS in refused(f"{peer.address}/")


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "gzip, identity", "x"])
def test_compressed_answers_are_refused(coding: str) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    with serving(lambda _: Reply(bomb, RESULTS, headers={"Content-Encoding": coding})) as peer:
        assert "Content-Encoding" in refused(f"{peer.address}/")


def test_compressed_framing_is_refused() -> None:
    with serving(lambda _: Reply(b"", RESULTS, headers={"Transfer-Encoding": "gzip, chunked"})) as peer:
        assert "Transfer-Encoding" in refused(f"{peer.address}/")


def test_too_many_bytes() -> None:
    with serving(lambda _: Reply(b" " * 2001, RESULTS)) as peer:
        assert "more than 2000 bytes" in refused(f"{peer.address}/", max_bytes=2000)
        assert len(ask(f"{peer.address}/", max_bytes=2001).content) == 2001


def flood(head: bytes, piece: bytes, end: bytes = b"") -> Any:
    """Make a peer that goes on until nobody listens."""

    def talk(peer: socket.socket) -> None:
        peer.settimeout(GONE)
        peer.sendall(b"HTTP/1.1 " + head)
        for _ in range(1_000_000):
            peer.sendall(piece)
        peer.sendall(end)

    return talk


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"200 OK\r\nContent-Type: application/json\r\n\r\n", b" " * 65536),
        (b"200 OK\r\n" + _CHUNKED, b"8000\r\n" + b" " * 32768 + b"\r\n"),
        (b"200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (b"200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"Trailer: x\r\n"),
        (b"200 OK\r\n", b"X: " + b"y" * 60_000 + b"\r\n"),
        (b"200 OK\r\nX: ", b"y" * 65536),
        (b"100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b"x" * 65536),
    ],
)  # fmt: skip
def test_a_peer_that_never_ends_is_left(head: bytes, piece: bytes) -> None:
    with saying(flood(head, piece)) as peer:
        assert refused(f"{peer.address}/", max_bytes=100_000)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\r\n\r\n",
        b"hello\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}",
        b"HTTP/1.1 200 OK\r\n" + _CHUNKED + b"FFFFFFFFFFFFFFFF\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
    ],
)
def test_what_is_no_answer(answer: bytes) -> None:
    with saying(lambda peer: peer.sendall(answer)) as peer:
        assert refused(f"{peer.address}/")


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_a_peer_that_drips_is_left_at_the_deadline(head: bytes) -> None:
    def talk(peer: socket.socket) -> None:
        peer.sendall(head)
        piece = b"1\r\n \r\n" if b"chunked" in head else b"x"
        for _ in range(1000):
            peer.sendall(piece)
            time.sleep(0.02)

    with saying(talk) as peer:
        assert "in time" in refused(f"{peer.address}/", seconds=0.3)


def test_a_deadline_that_is_past() -> None:
    with serving(lambda _: EMPTY) as peer:
        assert refused(f"{peer.address}/", seconds=-1)
    assert peer.asked == []


# ---- the cache


def test_answers_are_kept_with_the_time_they_come_from() -> None:
    with serving(lambda _: EMPTY) as peer:
        outgoing = FederationClient(OutgoingSettings(allow_service=f"{peer.address}/"))
        first, second = (outgoing.ask(f"{peer.address}/", QUERY, outgoing.deadline()) for _ in range(2))
        outgoing.ask(f"{peer.address}/", "ASK { }", outgoing.deadline())
    assert (first.cached, second.cached) == (False, True)
    assert (first.retrieved, first.identity, first.content) == (second.retrieved, second.identity, second.content)
    assert len(peer.asked) == 2


@pytest.mark.parametrize("seconds", [0, 0.01])
def test_answers_are_forgotten(seconds: float) -> None:
    with serving(lambda _: EMPTY) as peer:
        outgoing = FederationClient(OutgoingSettings(allow_service=f"{peer.address}/", cache_seconds=seconds))
        for _ in range(2):
            assert not outgoing.ask(f"{peer.address}/", QUERY, outgoing.deadline()).cached
            time.sleep(0.02)
    assert len(peer.asked) == 2


def test_the_cache_is_bounded_in_number_and_bytes() -> None:
    size = 0

    with serving(lambda _: Reply(b" " * size, RESULTS)) as peer:
        outgoing = FederationClient(OutgoingSettings(allow_service=f"{peer.address}/", max_bytes=2**25))

        def cached(query: str) -> bool:
            return outgoing.ask(f"{peer.address}/", query, outgoing.deadline()).cached

        assert not any(cached(f"query {number}") for number in range(70))
        assert cached("query 69")
        assert not cached("query 0")
        size = 12 * 2**20
        assert not any(cached(f"large {number}") for number in range(3))
        assert cached("large 2")
        assert not cached("large 0")


def test_failures_are_not_kept() -> None:
    replies = iter([Reply(b"", RESULTS, 503), EMPTY])
    with serving(lambda _: next(replies)) as peer:
        outgoing = FederationClient(OutgoingSettings(allow_service=f"{peer.address}/"))
        with pytest.raises(Unreachable):
            outgoing.ask(f"{peer.address}/", QUERY, outgoing.deadline())
        assert outgoing.ask(f"{peer.address}/", QUERY, outgoing.deadline()).content == b"{}"


def test_one_slow_peer_does_not_take_all_the_room() -> None:
    over, started = threading.Event(), threading.Semaphore(0)

    def slow(_: Asked) -> Reply:
        started.release()
        over.wait(GONE)
        return EMPTY

    with serving(slow) as peer, serving(lambda _: EMPTY) as other:
        outgoing = FederationClient(OutgoingSettings(allow_service=f"{peer.address}/ {other.address}/"))
        waiting = [
            threading.Thread(target=outgoing.ask, args=(f"{peer.address}/", f"{number}", outgoing.deadline()))
            for number in range(4)
        ]
        for thread in waiting:
            thread.start()
        for _ in waiting:
            assert started.acquire(timeout=GONE)
        with pytest.raises(Unreachable, match="too many requests in progress"):
            outgoing.ask(f"{peer.address}/", "one more", time.monotonic() + 0.05)
        outgoing.ask(f"{other.address}/", QUERY, outgoing.deadline())
        over.set()
        for thread in waiting:
            thread.join()
    assert len(peer.asked) == 4
