"""Slow clients: others are served, and memory stays bounded."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

from tests.bench.processes import memory
from tests.processes import TOKEN, Server, running, wait_until

MIB = 1024 * 1024
SENDING = 16
"""Send budget in MiB (KG_MAX_SENDING_BYTES)."""
SETTINGS = {"KG_MAX_SENDING_BYTES": str(SENDING * MIB), "KG_CACHE_BYTES": "0", "KG_WEB_PROCESSES": "2"}
"""Each web process has half of the budget."""
LAZY = 60
"""Clients that never read, each from an address of its own."""
GROWTH = 100
"""MiB; the responses of all clients together are more than twice that."""
LARGE = "SELECT * { { SELECT * { ?a ?b ?c } LIMIT 60 } { SELECT * { ?d ?e ?f } LIMIT %d } }"


def connect(server: Server, stack: ExitStack, address: str = "127.0.0.1", takes: int | None = None) -> socket.socket:
    """Connect from an address, with a receive buffer as small as ``takes`` states, if it does."""
    client = stack.enter_context(socket.socket())
    client.settimeout(60)
    if takes:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, takes)
    client.bind((address, 0))
    client.connect(("127.0.0.1", server.port))
    return client


def drip(clients: list[tuple[socket.socket, Iterator[bytes]]], enough: threading.Event) -> None:
    """Let every client send one byte repeatedly; clients that were cut off do not matter."""
    while not enough.wait(0.2):
        for client, rest in clients:
            try:
                client.send(next(rest))
            except OSError:
                continue


def heads() -> Iterator[bytes]:
    yield from (b"%c" % byte for byte in b"GET /sparql?query=ASK%7B%7D HTTP/1.1\r\nHost: a\r\nX-Long: ")
    while True:
        yield b"x"


def bodies() -> Iterator[bytes]:
    yield (
        f"POST /update HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 100000\r\n"
        "Content-Type: application/sparql-update\r\n\r\n"
    ).encode()
    while True:
        yield b"#"


def quick(server: Server, number: int) -> None:
    """Run a small query, which must succeed."""
    reply = server.query(f"SELECT * {{ ?s ?p ?o }} LIMIT {number + 1}")
    assert reply.status == 200, reply
    assert reply.body.count(b"\r\n") == number + 2


def test_clients_that_send_slowly_hold_nobody_up(tmp_path: Path) -> None:
    enough = threading.Event()
    with running(tmp_path, KG_HEADER_TIMEOUT="3", KG_BODY_TIMEOUT="3") as server, ExitStack() as stack:
        slow = [(connect(server, stack), heads()) for _ in range(50)]
        slow += [(connect(server, stack), bodies()) for _ in range(50)]
        dripping = threading.Thread(target=drip, args=(slow, enough))
        dripping.start()
        try:
            for number in range(40):
                quick(server, number)
                time.sleep(0.1)
            statuses = Counter(status(client) for client, _ in slow)  # each gets the problem document for slow clients
        finally:
            enough.set()
            dripping.join()
        print(f"slow senders were answered {dict(statuses)}")
        assert statuses == {"408": 100}
        assert server.update("INSERT DATA { <urn:a> <urn:b> 1 }").status == 204


def test_bodies_that_stall_do_not_take_the_server(tmp_path: Path) -> None:
    """Each of them says that much more will come; there are more than may be connected."""
    head = b"POST /sparql HTTP/1.1\r\nHost: a\r\nContent-Type: application/sparql-query\r\nContent-Length: 100000"
    with running(tmp_path, KG_MAX_CONNECTIONS="50", KG_WEB_PROCESSES="1") as server, ExitStack() as stack:
        for _ in range(60):
            connect(server, stack).sendall(head + b"\r\n\r\nASK")
        wait_until(lambda: query_status(server) == 200, "others are answered again", 60)
        for number in range(10):
            quick(server, number)


def query_status(server: Server) -> int | None:
    try:
        return server.query("SELECT * {} LIMIT 1").status
    except OSError:
        return None


def status(client: socket.socket) -> str:
    return client.recv(100).decode("latin-1").split(" ")[1]


def test_clients_that_never_read_take_bounded_memory(tmp_path: Path) -> None:
    with running(tmp_path, **SETTINGS) as server, ExitStack() as stack:
        size = len(server.ask("GET", f"/sparql?query={quote(LARGE % 160)}").body)
        assert 2 * GROWTH * MIB < LAZY * size < 10 * GROWTH * MIB, size
        webs = server.webs()
        before, peak = memory(webs).uss, 0.0
        lazy = []
        for number in range(LAZY):
            client = connect(server, stack, f"127.0.1.{number + 1}", takes=4096)
            client.sendall(f"GET /sparql?query={quote(LARGE % (160 + number))} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            lazy.append(client)
            quick(server, number)
            peak = max(peak, memory(webs).uss - before)
        statuses = Counter(status(client) for client in lazy)
        peak = max(peak, memory(webs).uss - before)
        print(f"{LAZY} answers of {size / MIB:.1f} MiB that nobody reads: {dict(statuses)}; grown by {peak:.0f} MiB")
        assert statuses.keys() == {"200", "503"}
        assert statuses["200"] >= 2 * (SENDING * MIB // 2 // size - 1)
        assert peak < GROWTH
        assert server.webs() == webs
        stack.close()
        wait_until(lambda: room(server), "there is room again once they are gone")


def room(server: Server) -> bool:
    return server.ask("GET", f"/sparql?query={quote(LARGE % 161)}").status == 200


def test_one_client_does_not_take_the_room_of_others(tmp_path: Path) -> None:
    with (
        running(tmp_path, **SETTINGS | {"KG_MAX_SENDING_BYTES": str(2 * SENDING * MIB)}) as server,
        ExitStack() as stack,
    ):
        greedy = []
        for number in range(8):
            client = connect(server, stack, "127.0.1.1", takes=4096)
            client.sendall(f"GET /sparql?query={quote(LARGE % (160 + number))} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            greedy.append(client)
        statuses = Counter(status(client) for client in greedy)
        assert statuses.keys() == {"200", "429"}
        assert room(server)
