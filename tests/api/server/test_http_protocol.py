"""HTTP protocol limits over real sockets: slow, endless, malformed and too many clients."""

from __future__ import annotations

import asyncio
import json
import select
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any

import pytest

from api.server.connection_limit_settings import ConnectionLimits
from api.server.socket_write_coalescing import CoalescingTransport
from tests.processes import wait_until
from tests.serving import Address, ask, connect, parse, receive, serving

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
PADDED = REQUEST[:-2] + b"A: " + b"a" * 1200 + b"\r\n\r\n"
LIMITS = ConnectionLimits(url_bytes=2000, head_seconds=0.3, connections=20, stall_seconds=0.3)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Echo the body; /early responds without reading it, /large sends a large response."""
    if scope["type"] != "http":
        return
    body = b""
    while scope["path"] != "/early":
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        if not message["more_body"]:
            break
    if scope["path"] == "/large":
        body = b"x" * 50_000_000
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def refused() -> Counter[str]:
    return Counter()


@pytest.fixture
def address(refused: Counter[str]) -> Iterator[Address]:
    with serving(application, replace(LIMITS, refused=refused)) as found:
        yield found


def check(data: bytes, status: int) -> None:
    answer = parse(data)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["connection"] == "close"
    assert answer.headers["x-content-type-options"] == "nosniff"
    problem = json.loads(answer.body)
    assert set(problem) == {"type", "title", "status", "detail", "remedy"}
    assert problem["status"] == status


def closed(connection: socket.socket) -> bool:
    """Wait until the server closes the connection, and return whether it sent nothing."""
    return receive(connection) == b""


def test_a_request_is_answered_and_the_connection_kept(address: Address, refused: Counter[str]) -> None:
    with connect(address) as connection:
        for body in (b"one", b"two"):
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n" + body)
            answer = b""
            while not answer.endswith(body):
                answer += connection.recv(1000)
            assert parse(answer).status == 200
    assert not refused


def test_pipelined_requests_are_answered_in_order(address: Address) -> None:
    requests = b"".join(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n%d" % n for n in range(5))
    with connect(address) as connection:
        connection.sendall(requests[:-30])
        connection.sendall(requests[-30:])
        found = receive(connection)
    assert [part[-1:] for part in found.split(b"HTTP/1.1 200")[1:]] == [b"0", b"1", b"2", b"3", b"4"]


def test_no_more_requests_are_parsed_ahead_than_a_few(address: Address, refused: Counter[str]) -> None:
    """Thousands fit into one piece, and parsing them would keep the others waiting."""
    with connect(address) as connection:
        connection.sendall(REQUEST * 5000)
        answers = receive(connection).count(b"HTTP/1.1 200")
        assert 1 <= answers <= 64
    assert refused["malformed"] == 1


def test_fields_after_a_body_are_ignored_and_bounded(address: Address, refused: Counter[str]) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
    with connect(address) as connection:
        connection.sendall(head + b"checksum: 1\r\n" * 50 + b"\r\n")
        assert b"\r\n\r\nx" in connection.recv(65536)
        connection.sendall(head)
        with suppress(OSError):
            for _ in range(200):
                connection.sendall(b"a: b\r\n" * 1000)
        check(receive(connection), 400)
    assert refused["malformed"] == 1


def test_a_head_that_never_ends_in_time(address: Address, refused: Counter[str]) -> None:
    with connect(address) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        check(receive(connection), 408)
    assert refused == {"slow head": 1}


def test_a_head_that_comes_byte_by_byte(address: Address) -> None:
    with connect(address) as connection:
        connection.settimeout(0.02)
        found = b""
        for byte in b"GET / HTTP/1.1\r\n" + b"X-Slow: and slower\r\n" * 1000:
            try:
                connection.sendall(bytes([byte]))
                found = connection.recv(4096)
                break
            except TimeoutError:
                continue
        check(found, 408)


def test_a_connection_on_which_nothing_comes(address: Address) -> None:
    with connect(address) as connection:
        assert closed(connection)


def test_line_feeds_do_not_keep_an_answered_connection(address: Address) -> None:
    with connect(address) as connection:
        connection.sendall(REQUEST)
        assert b"200 OK" in connection.recv(1000)
        connection.sendall(b"\r\n")  # stops uvicorn's own clock
        assert closed(connection)


def test_the_second_request_of_a_connection_is_watched_too(address: Address) -> None:
    with connect(address) as connection:
        connection.sendall(REQUEST)
        assert b"200 OK" in connection.recv(1000)
        connection.sendall(b"GET / HT")
        check(receive(connection), 408)


@pytest.mark.parametrize(
    ("endless", "status"),
    [
        (b"GET /", 414),
        (b"GET / HTTP/1.1\r\nX: ", 431),
        (b"GET / HTTP/1.1\r\nX", 431),
        (b"GET / HTTP/1.1\r\n", 431),
    ],
    ids=["address", "value", "name", "fields"],
)
def test_endless(address: Address, refused: Counter[str], endless: bytes, status: int) -> None:
    more = b"X: y\r\n" * 1000 if endless.endswith(b"\n") else b"a" * 4000
    with connect(address) as connection:
        sent = connection.send(endless)
        try:
            while sent < 10_000_000:
                sent += connection.send(more)
        except OSError:
            pass
        check(receive(connection), status)
    assert sent < 10_000_000
    assert refused.total() == 1


def test_a_long_head_that_comes_at_once(address: Address) -> None:
    long = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: " + b"y" * LIMITS.head_bytes + b"\r\n\r\n"
    check_status = ask(address, long)
    assert check_status.status == 431
    assert json.loads(check_status.body)["status"] == 431


def test_a_long_body_in_the_same_packet_is_no_long_head(address: Address) -> None:
    body = b"y" * (LIMITS.head_bytes + 1000)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert ask(address, head + body).body == body


@pytest.mark.parametrize(
    "before",
    [b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n" + b"x" * 60_000, PADDED * 50],
    ids=["a long body", "many requests"],
)
@pytest.mark.parametrize("cut", [2, 20])
def test_what_came_before_a_head_is_no_part_of_it(
    address: Address, refused: Counter[str], before: bytes, cut: int
) -> None:
    """A packet ends within a head, and begins with a lot that is not of it."""
    with connect(address) as connection:
        connection.sendall(before + REQUEST[:cut])
        time.sleep(0.1)
        connection.sendall(REQUEST[cut:] + b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nlast")
        found = b""
        while not found.endswith(b"last"):
            more = connection.recv(65536)
            assert more, found[-500:]
            found += more
    assert found.count(b"HTTP/1.1 200") == before.count(b"HTTP/1.1") + 2
    assert not refused


def test_a_long_head_behind_another_request(address: Address, refused: Counter[str]) -> None:
    """What came of it with the other counts, too, once it is whole."""
    long = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: %b\r\n" % (b"a" * 2000) * 26
    with connect(address) as connection:
        connection.sendall(REQUEST + long[:40_000])
        time.sleep(0.1)
        connection.sendall(long[40_000:] + b"\r\n")
        answer = receive(connection)
    assert answer.startswith(b"HTTP/1.1 200")
    check(answer[answer.index(b"HTTP/1.1 431") :], 431)
    assert refused == {"long head": 1}


@pytest.mark.parametrize(
    "noise",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnot hex\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /ї HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
    ],
    ids=["tls", "line", "space", "lengths", "smuggling", "negative", "huge", "chunk", "connect", "letters"],
)
def test_what_is_not_http(address: Address, refused: Counter[str], noise: bytes) -> None:
    with connect(address) as connection:
        connection.sendall(noise)
        check(receive(connection), 400)
    assert refused == {"malformed": 1}


def test_noise_behind_a_request_does_not_spoil_its_answer(address: Address) -> None:
    with connect(address) as connection:
        connection.sendall(REQUEST + b"\x00\x01\x02\r\n\r\n")
        found = receive(connection)
    assert found.startswith(b"HTTP/1.1 200")
    assert found.count(b"HTTP/1.1") == 1


def test_a_body_that_goes_on_after_its_answer(address: Address) -> None:
    with connect(address) as connection:
        connection.sendall(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n")
        assert b"200 OK" in connection.recv(1000)
        with pytest.raises(OSError):  # noqa: PT012 - which of them fails depends on the system
            for _ in range(100_000):
                connection.sendall(b"x" * 65536)


def test_one_who_does_not_take_his_answer(address: Address, refused: Counter[str]) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(20)
        connection.connect(address)
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        while not refused["slow reader"]:
            ask(address, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert len(receive(connection)) < 50_000_000


def test_one_who_takes_his_answer_slowly_gets_it_whole(refused: Counter[str]) -> None:
    with serving(application, replace(LIMITS, stall_seconds=5, refused=refused)) as address, connect(address) as slow:
        slow.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        size, reads = 0, 0
        while data := slow.recv(262_144):
            size, reads = size + len(data), reads + 1
            if reads % 10 == 0:
                time.sleep(0.4)  # more than the limit in all
    assert size > 50_000_000
    assert not refused


def test_waiting_connections_make_room(refused: Counter[str]) -> None:
    limits = replace(LIMITS, head_seconds=60, refused=refused)
    with serving(application, limits) as address:
        idle = [connect(address) for _ in range(60)]
        for connection in idle:
            connection.sendall(b"GET / HT")
        for _ in range(3):
            answer = ask(address, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert answer.status == 200
        assert refused["made room"] >= 40
        for connection in idle:
            connection.close()


def test_connections_that_are_all_busy_leave_no_room(refused: Counter[str]) -> None:
    limits = replace(LIMITS, head_seconds=60, body_stall_seconds=600, connections=10, refused=refused)
    with serving(application, limits) as address:
        busy = [connect(address) for _ in range(10)]
        for connection in busy:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            assert b"100 Continue" in connection.recv(1000)
        with connect(address) as late:
            found = receive(late)
        check(found, 503)
        assert parse(found).headers["retry-after"] == "1"
        for connection in busy:
            connection.sendall(b"ok")
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
            connection.close()


STALLED = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nASK"


def stall(stack: ExitStack, address: Address, count: int) -> list[socket.socket]:
    """Open connections, each with a request whose body does not go on after its first bytes."""
    found = [stack.enter_context(connect(address)) for _ in range(count)]
    for connection in found:
        connection.sendall(STALLED)
    return found


def test_stalled_bodies_make_room(refused: Counter[str]) -> None:
    limits = replace(LIMITS, head_seconds=60, body_stall_seconds=0.2, refused=refused)
    with serving(application, limits) as address, ExitStack() as stack:
        stalled = stall(stack, address, LIMITS.connections)
        time.sleep(0.5)
        for _ in range(3):
            assert ask(address, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status == 200
        wait_until(lambda: refused["stalled body"], "one has made room")
        (first, *_), _, _ = select.select(stalled, [], [], 60)
        check(receive(first), 408)


def test_idle_connections_make_room_before_stalled_ones(refused: Counter[str]) -> None:
    limits = replace(LIMITS, head_seconds=60, body_stall_seconds=0.2, refused=refused)
    with serving(application, limits) as address, ExitStack() as stack:
        stall(stack, address, LIMITS.connections - 3)
        idle = [stack.enter_context(connect(address)) for _ in range(3)]
        time.sleep(0.5)
        for _ in idle:
            assert ask(address, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status == 200
        assert refused.keys() == {"made room"}


def test_a_body_that_trickles_is_stalled_too(refused: Counter[str]) -> None:
    """The rate counts: else one byte now and then would keep a connection."""
    limits = replace(LIMITS, head_seconds=60, body_stall_seconds=0.3, connections=10, refused=refused)
    with serving(application, limits) as address, ExitStack() as stack:
        trickling = stall(stack, address, limits.connections)
        for _ in range(10):
            for connection in trickling:
                connection.sendall(b"#")
            time.sleep(0.05)
        assert ask(address, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status == 200
        wait_until(lambda: refused["stalled body"] == 1, "one has made room")


def test_bodies_of_a_client_with_many_connections_make_room_for_another(refused: Counter[str]) -> None:
    """Bodies that come just fast enough take no connection from others, however many there are."""
    limits = replace(LIMITS, head_seconds=60, body_stall_seconds=60, connections=10, refused=refused)
    with serving(application, limits) as address, ExitStack() as stack:
        stall(stack, address, limits.connections)
        wait_until(lambda: check_full(address, refused), "all are taken")
        with connect(address, "127.0.0.2") as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert parse(receive(connection)).status == 200
        wait_until(lambda: refused["stalled body"] == 1, "one has made room")


def check_full(address: Address, refused: Counter[str]) -> bool:
    """Return whether the client with the most connections gets no more."""
    return b" 503 " in ask_nothing(address)[:20] and refused["connections"] > 0


def test_who_waits_for_the_server_is_not_stalled(refused: Counter[str]) -> None:
    """One whose body is not read, one who has not been told to continue, and one who waits for a response."""
    asked = asyncio.Event()

    async def never_reads(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await asked.wait()

    limits = replace(LIMITS, head_seconds=60, body_stall_seconds=0.1, connections=3, refused=refused)
    head = b"POST / HTTP/1.1\r\nHost: x\r\n"
    with serving(never_reads, limits) as address, ExitStack() as stack:
        for start in (
            head + b"Content-Length: 1000000\r\n\r\n" + b"x" * 200_000,
            head + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n",
            REQUEST,
        ):
            stack.enter_context(connect(address)).sendall(start)
        time.sleep(0.5)
        check(ask_nothing(address), 503)
    assert refused == {"connections": 1}


def ask_nothing(address: Address) -> bytes:
    with connect(address) as connection:
        return receive(connection)


class Recording(asyncio.Transport):
    """A transport that records each write."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:  # type: ignore[override]
        assert not self.closed
        self.pieces.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ([b"head", b"body"], [b"headbody"]),
        ([b"head", b""], [b"head"]),
        ([b"head", b"one", b"two"], [b"headone", b"two"]),
        ([b"head", b"x" * 100_000], [b"head", b"x" * 100_000]),
        ([b"head"], [b"head"]),
    ],
)
@pytest.mark.parametrize("close", [False, True])
def test_the_head_leaves_with_what_follows_it(written: list[bytes], sent: list[bytes], close: bool) -> None:
    """In one packet, which wakes the client once; what nothing follows leaves all the same."""

    async def main() -> None:
        transport = Recording()
        joined = CoalescingTransport(transport, asyncio.get_running_loop())
        for piece in written:
            joined.write(piece)
        if close:
            joined.close()
        await asyncio.sleep(0)
        assert transport.pieces == sent
        assert transport.closed == close

    asyncio.run(main())


def test_answers_of_the_server_are_so_joined(address: Address) -> None:
    with connect(address) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none")
        assert connection.recv(1000).endswith(b"\r\n\r\none")
