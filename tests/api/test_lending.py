"""A connection that asks one quick query after another is answered by a lane, and nobody can tell but by the time."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.processes import RUNAWAY, WRITER, Reply, Server, running, send, wait_until
from tests.serving import parse

ANY = {"Accept": "*/*"}
MANY = 30
"""Queries after which a connection is certainly lent."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("lending"), KG_TIMEOUT="2") as server:
        assert server.update("INSERT DATA { <urn:s> <urn:p> 1 }").status == 204
        yield server


def target(text: str) -> str:
    return f"/sparql?query={quote(text)}"


def number(n: int) -> str:
    """A query that nobody has asked yet, and its answer."""
    return f"SELECT ({n} AS ?n) {{}}"


def told(reply: Reply) -> tuple[int, dict[str, str], bytes]:
    changing = ("date", "x-request-id")
    return reply.status, {name: value for name, value in reply.headers.items() if name not in changing}, reply.body


@contextlib.contextmanager
def lent(server: Server, headers: dict[str, str] | None = None) -> Iterator[http.client.HTTPConnection]:
    """Give a connection that a lane answers."""
    with contextlib.closing(server.connect()) as connection:
        become_lent(server, lambda n: send(connection, "GET", target(number(n)), headers=headers or ANY))
        yield connection


def become_lent(server: Server, ask: Callable[[int], object]) -> None:
    """Ask until the connection is lent; the first lane takes a while to start."""

    def lent() -> bool:
        first = time.monotonic_ns()
        for n in range(MANY):
            ask(first + n)
        return server.metric("connections_lent") > 0

    wait_until(lent, "the connection is lent")


def test_its_answers_are_those_of_the_server(server: Server) -> None:
    with lent(server) as connection:
        texts = (
            "SELECT ?o { <urn:s> <urn:p> ?o }",
            "SELECT * { }",
            "ASK { <urn:s> ?p 1 }",
            "CONSTRUCT WHERE { <urn:s> ?p ?o }",
            "SELECT (<x> AS ?relative) {}",
            'SELECT ("é+ &#" AS ?odd) {}',
        )
        for text in texts:
            quick = [send(connection, "GET", target(text), headers=ANY) for _ in range(2)]
            assert server.metric("connections_lent") > 0
            slow = server.ask("GET", target(text), headers=ANY)
            assert told(quick[0]) == told(quick[1]) == told(slow)
            assert slow.status == 200
            assert len({reply.headers["x-request-id"] for reply in (*quick, slow)}) == 3


def test_it_says_304_as_the_server_does(server: Server) -> None:
    text = "SELECT ?o { <urn:s> <urn:p> ?o }"
    tag = server.ask("GET", target(text), headers=ANY).headers["etag"]
    headers = ANY | {"If-None-Match": f'"other", {tag}'}
    with lent(server, headers) as connection:
        quick = [send(connection, "GET", target(text), headers=headers) for _ in range(2)]
        assert told(quick[0]) == told(quick[1]) == told(server.ask("GET", target(text), headers=headers))
        assert quick[0].status == 304
        for condition, status in (('"another"', 200), (tag, 304), ("*", 304)):
            headers = ANY | {"If-None-Match": condition}
            assert send(connection, "GET", target(text), headers=headers).status == status


def test_the_identifier_of_a_request_is_given_back(server: Server) -> None:
    headers = ANY | {"X-Request-Id": "mine"}
    with lent(server, headers) as connection:
        assert send(connection, "GET", target(number(5)), headers=headers).headers["x-request-id"] == "mine"


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", target("SELECT"), ANY, 400),
        ("GET", "/sparql?query=%FF", ANY, 400),
        ("GET", "/sparql?query=", ANY, 400),
        ("GET", target("SELECT * { }") + "&format=csv", ANY, 200),
        ("GET", target("SELECT * { }") + "&asOf=99999", ANY, 404),
        ("GET", target("SELECT * { SERVICE <urn:x> { } }"), ANY, 403),
        ("GET", target("SELECT (NOW() AS ?now) { FILTER(false) }"), ANY, 200),
        ("GET", target("SELECT * { }"), {"Accept": "text/csv"}, 200),
        ("GET", target("SELECT * { }"), {"Accept": "image/png"}, 406),
        ("GET", target("SELECT * { }"), ANY | {"Authorization": "Bearer wrong"}, 401),
        ("GET", target("SELECT ?s ?t ?p { { ?s ?a ?b } { ?t ?p ?c } } LIMIT 2000"), ANY, 200),
        ("HEAD", target("SELECT * { }"), ANY, 200),
        ("POST", "/sparql", ANY, 415),
        ("GET", "/healthz", ANY, 200),
        ("GET", "/article/none", ANY, 404),
    ],
)
def test_what_is_not_for_a_lane_is_answered_by_the_server(
    server: Server, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    with lent(server) as connection:
        odd = send(connection, method, path, headers=headers)
        assert odd.status == status
        assert told(odd) == told(server.ask(method, path, headers=headers))
        assert send(connection, "GET", target(number(6)), headers=ANY).status == 200


def test_what_is_written_is_read_by_the_next_query(server: Server) -> None:
    with lent(server) as connection:
        lent_at_end = 0
        for n in range(40):
            assert (
                server.update(
                    f"DELETE {{ <urn:s> <urn:q> ?o }} INSERT {{ <urn:s> <urn:q> {n} }} WHERE {{ "
                    "OPTIONAL { <urn:s> <urn:q> ?o } }"
                ).status
                == 204
            )
            answer = send(connection, "GET", target("SELECT ?o { <urn:s> <urn:q> ?o }"), headers=ANY)
            assert [row["o"]["value"] for row in json.loads(answer.body)["results"]["bindings"]] == [str(n)]
            lent_at_end = server.metric("connections_lent")
        assert lent_at_end > 0


def test_requests_in_a_row_and_in_pieces(server: Server) -> None:
    def request(n: int) -> bytes:
        return f"GET {target(number(n))} HTTP/1.1\r\nHost: x\r\nAccept: text/csv\r\n\r\n".encode()

    with (
        contextlib.ExitStack() as undo,
        socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection,
    ):
        stream = undo.enter_context(connection.makefile("rb"))

        def answered(n: int) -> None:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = stream.readline()
                assert line
                head += line
            body = stream.read(int(parse(head).headers["content-length"]))
            assert body == f"n\r\n{n}\r\n".encode()

        def asked(n: int) -> None:
            connection.sendall(request(n))
            answered(n)

        become_lent(server, asked)
        connection.sendall(b"".join(request(100 + n) for n in range(50)))
        for n in range(50):
            answered(100 + n)
        for n in range(200, 220):
            for cut in (1, 30, len(request(n)) - 1):
                connection.sendall(request(n)[:cut])
                time.sleep(0.005)
                connection.sendall(request(n)[cut:])
                answered(n)


def test_answers_that_are_not_taken_at_once_come_whole(server: Server) -> None:
    body = "x" * 90_000

    def request(n: int) -> bytes:
        query = quote(
            f'SELECT ("{n}" AS ?n) (CONCAT({", ".join(["?x"] * 90)}) AS ?long) {{ VALUES ?x {{ "{"x" * 1000}" }} }}'
        )
        return f"GET /sparql?query={query} HTTP/1.1\r\nHost: x\r\nAccept: text/csv\r\n\r\n".encode()

    with contextlib.ExitStack() as undo, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(20)
        connection.connect(("127.0.0.1", server.port))
        stream = undo.enter_context(connection.makefile("rb"))

        def answered(n: int) -> None:
            head = b"".join(iter(stream.readline, b"\r\n")) + b"\r\n"
            assert stream.read(int(parse(head).headers["content-length"])).decode() == f"n,long\r\n{n},{body}\r\n"

        def asked(n: int) -> None:
            connection.sendall(request(n))
            answered(n)

        become_lent(server, asked)
        for n in range(60):
            connection.sendall(request(n))
        time.sleep(0.5)
        for n in range(60):
            answered(n)


def test_a_lane_that_is_killed_is_replaced_and_nobody_notices(server: Server) -> None:
    with lent(server) as connection:
        for n in range(5):
            lanes = server.lanes()
            for pid in lanes:
                os.kill(pid, signal.SIGKILL)
            for m in range(MANY):
                assert send(connection, "GET", target(number(n * 1000 + m)), headers=ANY).status == 200
            wait_until(lambda: len(set(server.lanes()) - set(lanes)) == len(lanes), "others have taken their places")  # noqa: B023
        assert server.metric("lane_kills_total") >= 5


def test_a_query_that_does_not_end_holds_up_nobody(server: Server) -> None:
    kills = server.metric("lane_kills_total")
    with lent(server) as connection, lent(server) as other, lent(server) as third:
        connection.request("GET", target(RUNAWAY), headers=ANY)
        begun = time.monotonic()
        for n in range(50):
            for one in (other, third):
                assert send(one, "GET", target(number(n)), headers=ANY).status == 200
        assert time.monotonic() - begun < 1.9, "they did not wait for it"
        assert connection.getresponse().status == 504
        assert server.metric("lane_kills_total") == kills + 1
        # Nothing is lent any more to one who has done that, for a while.
        wait_until(lambda: server.metric("connections_lent") == 0, "the connections have come back")
        for n in range(MANY):
            assert send(other, "GET", target(number(n)), headers=ANY).status == 200
        assert server.metric("connections_lent") == 0


def test_what_lanes_answer_is_counted_and_logged(tmp_path: Path) -> None:
    with running(tmp_path, KG_LOG="json") as server, lent(server) as connection:
        text = "SELECT ?counted {}"
        for _ in range(3):
            assert send(connection, "GET", target(text), headers=ANY).status == 200
        wait_until(lambda: server.log.read_text("utf-8").count("hit") >= 2, "the lane has told of it")
        lines = [json.loads(line) for line in server.log.read_text("utf-8").splitlines()]
        alike = [line for line in lines if line.get("query") and line["query"] == lines[-1]["query"]]
        assert [line["cache"] for line in alike] == ["miss", "hit", "hit"]
        assert {(line["path"], line["route"], line["status"]) for line in alike} == {("/sparql", "/sparql", 200)}
        assert all(line["bytes"] > 0 and line["client"] == "127.0.0.1" and line["request"] for line in alike)


def test_an_idle_connection_comes_back_and_one_that_hangs_up_goes(tmp_path: Path) -> None:
    with running(tmp_path, KG_LANES="1") as server:
        with lent(server) as connection:
            wait_until(lambda: server.metric("connections_lent") == 0, "it has come back")
            assert send(connection, "GET", target(number(1)), headers=ANY).status == 200
        with lent(server):
            pass
        wait_until(lambda: server.metric("connections_lent") == 0, "it has gone")


def test_a_server_ends_at_once_though_connections_are_lent(tmp_path: Path) -> None:
    with running(tmp_path) as server, lent(server) as connection:
        begun = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(20)
        assert time.monotonic() - begun < 5
        with pytest.raises((http.client.HTTPException, OSError)):
            send(connection, "GET", target(number(1)), headers=ANY)


def test_nothing_is_lent_to_those_who_see_a_part(tmp_path: Path) -> None:
    with running(tmp_path, KG_PUBLIC_GRAPHS="urn:g") as server:
        connection = server.connect()
        for n in range(MANY):
            assert send(connection, "GET", target(number(n)), headers=ANY).status == 200
        assert server.metric("connections_lent") == 0
        connection.close()


def test_nothing_is_lent_to_those_with_a_token(server: Server) -> None:
    connection = server.connect()
    wait_until(lambda: server.metric("connections_lent") == 0, "others have left")
    for n in range(MANY):
        assert send(connection, "GET", target(number(n)), headers=ANY | WRITER).status == 200
    assert server.metric("connections_lent") == 0
    connection.close()
