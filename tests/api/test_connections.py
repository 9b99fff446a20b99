"""Keep-alive connections: sequential, fragmented, pipelined and idle requests, and shutdown."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import pytest

from tests.processes import Server, running, send
from tests.serving import parse

ANY = {"Accept": "*/*"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("connections"), KG_LANES="many") as server:  # a setting that is ignored
        yield server


def target(text: str) -> str:
    return f"/sparql?query={quote(text)}"


def request(text: str) -> bytes:
    return f"GET {target(text)} HTTP/1.1\r\nHost: x\r\nAccept: text/csv\r\n\r\n".encode()


def number(n: int) -> bytes:
    """Return a unique query, whose result :func:`numbered` recognizes."""
    return request(f"SELECT ({n} AS ?n) {{}}")


def numbered(n: int) -> bytes:
    return f"n\r\n{n}\r\n".encode()


def body(stream: BinaryIO) -> bytes:
    """Read one response of several."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        assert line
        head += line
    return stream.read(int(parse(head).headers["content-length"]))


def test_requests_in_a_row_and_in_pieces(server: Server) -> None:
    with (
        contextlib.ExitStack() as undo,
        socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection,
    ):
        stream = undo.enter_context(connection.makefile("rb"))
        connection.sendall(b"".join(number(n) for n in range(50)))
        for n in range(50):
            assert body(stream) == numbered(n)
        for n in range(200, 205):
            for cut in (1, 30, len(number(n)) - 1):
                connection.sendall(number(n)[:cut])
                connection.sendall(number(n)[cut:])
                assert body(stream) == numbered(n)


def test_answers_that_are_not_taken_at_once_come_whole(server: Server) -> None:
    long = "x" * 90_000
    query = f'(CONCAT({", ".join(["?x"] * 90)}) AS ?long) {{ VALUES ?x {{ "{"x" * 1000}" }} }}'
    with contextlib.ExitStack() as undo, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(60)
        connection.connect(("127.0.0.1", server.port))
        stream = undo.enter_context(connection.makefile("rb"))
        for n in range(60):
            connection.sendall(request(f"SELECT ({n} AS ?n) {query}"))
        for n in range(60):
            assert body(stream).decode() == f"n,long\r\n{n},{long}\r\n"


def test_what_is_written_is_read_by_the_next_query_of_a_connection(server: Server) -> None:
    text = "SELECT ?o { <urn:s> <urn:q> ?o }"
    with contextlib.closing(server.connect()) as connection:
        for n in range(10):
            change = (
                f"DELETE {{ ?s <urn:q> ?o }} INSERT {{ <urn:s> <urn:q> {n} }} WHERE {{ OPTIONAL {{ ?s <urn:q> ?o }} }}"
            )
            assert server.update(change).status == 204
            answer = send(connection, "GET", target(text), headers=ANY)
            assert [row["o"]["value"] for row in json.loads(answer.body)["results"]["bindings"]] == [str(n)]


def test_an_idle_connection_does_not_keep_a_server_from_ending(tmp_path: Path) -> None:
    """Nothing waits for the time that answers in flight get."""
    with running(tmp_path, KG_SHUTDOWN_SECONDS="3600") as server, contextlib.closing(server.connect()) as connection:
        for _ in range(5):
            assert send(connection, "GET", target("SELECT * {}"), headers=ANY).status == 200
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(60)
        with pytest.raises((http.client.HTTPException, OSError)):
            send(connection, "GET", target("SELECT * {}"), headers=ANY)
