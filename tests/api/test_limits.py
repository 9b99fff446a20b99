"""Limits as clients meet them: values within a limit pass, values over it are refused with the right message.

A setting of :class:`kg.config.Config` that is a limit and has no test here fails :func:`test_every_limit_has_a_test`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2
import pytest
from fastapi import FastAPI

from api.server.connection_limit_settings import ConnectionLimits
from kg.config import variables
from tests.api.server.test_process_supervisor import toy
from tests.applications import MANY, RUNAWAY, WRITER, Served, application, endpoint_of, observer_of, on_disk, settings
from tests.cases.peers import Asked, Reply, solutions
from tests.cases.peers import serving as peer_serving
from tests.processes import running, wait_until
from tests.serving import Address, Answer, ask, connect, parse, receive, serving

F = TypeVar("F", bound=Callable[..., object])

NO_LIMITS = frozenset(
    ("data_dir", "base_iri", "token", "public_graphs", "host", "port", "bare", "log", "metrics_public", "cors_origins",
     "readers", "web_processes", "allow_service", "allow_load")
)  # fmt: skip
"""Settings that say where, who and what, not how much."""

CSV = {"Accept": "text/csv"}
COVERED: set[str] = set()
ENDLESS = f"INSERT {{ <urn:n> <urn:n> ?n }} WHERE {{ {RUNAWAY} }}"


def covers(*names: str) -> Callable[[F], F]:
    """Record which settings a test covers."""

    def note(test: F) -> F:
        COVERED.update(names)
        return test

    return note


def test_every_limit_has_a_test() -> None:
    assert {row.option for row in variables()} - NO_LIMITS == COVERED


def refused(answer: httpx2.Response | Answer, status: int, setting: str) -> None:
    """Check that a response is a refusal that names the setting to change."""
    content = answer.content if isinstance(answer, httpx2.Response) else answer.body
    status_code = answer.status_code if isinstance(answer, httpx2.Response) else answer.status
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert status_code == status, content
    assert headers["content-type"] == "application/problem+json"
    problem = json.loads(content)
    assert problem["status"] == status
    assert setting in problem.get("remedy", ""), problem
    if status in (429, 503):
        assert headers["retry-after"] == "1"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An application with all limits set low."""
    low = {
        "max_body_bytes": 100_000,
        "max_nesting": 10,
        "max_height": 20,
        "max_query_length": 5000,
        "max_url_bytes": 2000,
        "max_rows": 10,
        "max_result_bytes": 4000,
        "timeout": 1.0,
        "readers": 2,
    }
    with on_disk(tmp_path_factory.mktemp("limits"), **low) as found:
        found.update(MANY)
        yield found


def posted(served: Served, query: str, **headers: str) -> httpx2.Response:
    return served.client.post("/sparql", data={"query": query}, headers=headers)


# ---- what is asked


@covers("max_body_bytes")
@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/update", "application/sparql-update"),
        ("POST", "/sparql", "application/sparql-query"),
        ("PUT", "/graphs?graph=urn:body", "text/turtle"),
        ("POST", "/graphs?graph=urn:body", "text/turtle"),
    ],
)
def test_bytes_of_a_body(served: Served, method: str, path: str, kind: str) -> None:
    headers = WRITER | {"Content-Type": kind}
    text = b"#" * 100_000 if "sparql-query" not in kind else b"ASK {}" + b" " * 4000
    assert served.client.request(method, path, content=text, headers=headers).status_code < 300
    refused(served.client.request(method, path, content=b"#" * 100_001, headers=headers), 413, "KG_MAX_BODY_BYTES")

    def pieces() -> Iterator[bytes]:
        for _ in range(101):
            yield b"#" * 1000

    refused(served.client.request(method, path, content=pieces(), headers=headers), 413, "KG_MAX_BODY_BYTES")


@covers("max_nesting")
def test_nesting(served: Served) -> None:
    def nested(depth: int) -> str:
        return "{" * depth + "}" * depth

    assert posted(served, f"ASK {nested(10)}").status_code == 200
    for answer in (posted(served, f"ASK {nested(11)}"), served.ask(f"ASK {nested(11)}")):
        refused(answer, 413, "KG_MAX_NESTING")
    update = f"DELETE {{ <a:a> <a:a> <a:a> }} WHERE {nested(11)}"
    refused(served.client.post("/update", data={"update": update}, headers=WRITER), 413, "KG_MAX_NESTING")


@covers("max_height")
def test_height(served: Served) -> None:
    def high(count: int) -> str:
        return f"(1{' + 1' * count} AS ?n)"

    assert posted(served, f"SELECT {high(10)} {{}}").status_code == 200
    refused(posted(served, f"SELECT {high(30)} {{}}"), 413, "KG_MAX_HEIGHT")
    update = f"INSERT {{ <a:a> <a:a> ?n }} WHERE {{ SELECT {high(30)} {{}} }}"
    refused(served.client.post("/update", data={"update": update}, headers=WRITER), 413, "KG_MAX_HEIGHT")


@covers("max_query_length")
def test_length_of_a_query(served: Served) -> None:
    assert posted(served, "ASK {}" + " " * 4994).status_code == 200
    refused(posted(served, "ASK {}" + " " * 4995), 413, "KG_MAX_QUERY_LENGTH")


@covers("max_url_bytes")
def test_length_of_an_address(served: Served) -> None:
    def target(length: int) -> str:
        start = "/sparql?query=ASK%7B%7D&x="
        return start + "y" * (length - len(start) + 1)  # the question mark does not count

    assert served.client.get(target(2000)).status_code == 200
    refused(served.client.get(target(2001)), 414, "KG_MAX_URL_BYTES")
    refused(served.client.get("/" + "y" * 2000), 414, "KG_MAX_URL_BYTES")


# ---- what is answered

SELECT = "SELECT ?o {{ ?s <urn:p> ?o }} LIMIT {}"
CONSTRUCT = "CONSTRUCT {{ ?s <urn:p> ?o }} WHERE {{ {{ SELECT * {{ ?s <urn:p> ?o }} LIMIT {} }} }}"


@covers("max_rows")
@pytest.mark.parametrize(
    ("query", "form"),
    [
        (SELECT, "json"),
        (SELECT, "xml"),
        (SELECT, "csv"),
        (SELECT, "tsv"),
        (SELECT, "html"),
        (CONSTRUCT, "ttl"),
        (CONSTRUCT, "nt"),
        (CONSTRUCT, "jsonld"),
        (CONSTRUCT, "rdf"),
        (CONSTRUCT, "html"),
    ],
)
def test_rows(served: Served, query: str, form: str) -> None:
    assert served.ask(query.format(10), format=form).status_code == 200
    answer = served.ask(query.format(11), format=form)
    refused(answer, 422, "KG_MAX_ROWS")
    assert "urn:s" not in answer.text, "a part could pass for the whole"


def test_rows_of_a_graph(served: Served) -> None:
    refused(served.client.get("/graphs?default"), 422, "KG_MAX_ROWS")


def test_pages_have_the_limits_of_queries(tmp_path: Path) -> None:
    with on_disk(tmp_path, bare=False, max_rows=1000) as served:
        content = "".join(f"<urn:s{n}> <urn:p> {n} .\n" for n in range(1001))
        headers = WRITER | {"Content-Type": "text/turtle"}
        assert served.client.put("/graphs/large", content=content, headers=headers).status_code == 201
        turtle = {"Accept": "text/turtle"}
        refused(served.client.get("/graphs/large", headers=turtle), 422, "KG_MAX_ROWS")
        assert served.client.get("/describe?iri=urn:s1", headers=turtle).status_code == 200
        refused(served.client.get(f"/describe?iri={served.app.state.services.graph.names.base}graphs/large",
                                  headers=turtle), 422, "KG_MAX_ROWS")  # fmt: skip
        for path in ("/describe?iri=urn:s1&", "/graph/ontology?", "/entity/putin?", "/articles?", "/questions/2?"):
            wait_until(lambda: served.pool.ready == 1, "the reader is there")
            for pid in served.pool.processes:
                os.kill(pid, signal.SIGSTOP)  # as slow as can be
            assert served.client.get(f"{path}timeout=0.2").status_code in (503, 504), path


@covers("max_result_bytes")
@pytest.mark.parametrize("form", ["json", "xml", "csv", "tsv"])
def test_bytes_of_an_answer(served: Served, form: str) -> None:
    def query(size: int) -> str:
        return f'SELECT ?x {{ VALUES ?x {{ "{"y" * size}" }} }}'

    assert "yyy" in served.client.post("/sparql", data={"query": query(3500), "format": form}).text
    answer = served.client.post("/sparql", data={"query": query(4000), "format": form})
    refused(answer, 422, "KG_MAX_RESULT_BYTES")
    assert "yyy" not in answer.text


def test_bytes_of_a_graph_that_is_made(served: Served) -> None:
    refused(posted(served, f'CONSTRUCT {{ <a:a> <a:b> "{"y" * 4000}" }} {{}}'), 422, "KG_MAX_RESULT_BYTES")


# ---- time and memory


@covers("timeout")
def test_time_of_a_query(served: Served) -> None:
    begun, kills = time.monotonic(), served.pool.counts.kills["deadline"]
    answer = served.ask(RUNAWAY)
    refused(answer, 504, "KG_TIMEOUT")
    assert 0.9 < time.monotonic() - begun < 20
    assert served.pool.counts.kills["deadline"] == kills + 1
    assert served.ask("ASK {}", timeout="20").status_code == 200


@covers("max_memory")
def test_memory_of_a_reader(tmp_path: Path) -> None:
    hungry = 'SELECT (COUNT(DISTINCT ?x) AS ?n) { ?a ?b ?c . ?d ?e ?f . BIND(CONCAT(STR(?a), "%s", STR(?d)) AS ?x) }'
    with on_disk(tmp_path, max_memory=256 << 20, timeout=60) as served:
        served.update(MANY)
        answer = posted(served, hungry % ("x" * 1000))
        assert answer.status_code == 503, answer.text
        assert answer.headers["Retry-After"] == "1"
        assert answer.json()["type"] == "/docs#reader-lost"
        assert "256 MiB" in answer.json()["detail"]
        assert served.pool.counts.kills["memory"] == 1
        assert served.ask("ASK {}").status_code == 200


@covers("max_writer_memory")
def test_memory_of_the_writer(tmp_path: Path) -> None:
    rows = "{ ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"
    text = f"DELETE {{ <urn:s> <urn:p> ?f }} WHERE {{ {{ SELECT ?f {rows} ORDER BY ?f ?a LIMIT 1 }} }}"
    with on_disk(tmp_path, max_writer_memory=512 << 20, update_timeout=300, readers=1) as served:
        served.update(MANY)
        refused(served.client.post("/update", data={"update": text}, headers=WRITER), 503, "KG_MAX_WRITER_MEMORY")
        served.update("INSERT DATA { <urn:new> <urn:p> 1 }")


@covers("update_timeout")
def test_time_of_an_update(tmp_path: Path) -> None:
    """The process that writes is ended; another takes its place."""
    with on_disk(tmp_path, update_timeout=1, readers=1) as served:
        served.update(MANY)
        begun = time.monotonic()
        answer = served.client.post("/update", data={"update": ENDLESS}, headers=WRITER)
        refused(answer, 504, "KG_UPDATE_TIMEOUT")
        assert "completely or not at all" in answer.json()["detail"]
        assert time.monotonic() - begun >= 1
        served.update("INSERT DATA { <urn:new> <urn:p> 1 }")


@covers("shutdown_seconds")
def test_time_of_answers_in_flight_when_the_server_is_stopped(tmp_path: Path) -> None:
    with running(tmp_path, "--bare", KG_SHUTDOWN_SECONDS="1", KG_READERS="2", KG_TIMEOUT="300") as server:
        assert server.update(MANY).status == 204
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(f"GET /sparql?query={quote(RUNAWAY)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            time.sleep(0.3)
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(60) is not None


# ---- how many at a time


@contextmanager
def live(folder: Path, **others: Any) -> Iterator[tuple[Address, FastAPI]]:
    """Serve an application over a thousand statements, as `kg serve` does."""
    config = settings(folder, readers=2, **others)
    app = application(config)
    with serving(app, ConnectionLimits.of(config.http, observer_of(app).metrics.refused)) as address:
        update = {"update": MANY}
        done = httpx2.post(f"http://127.0.0.1:{address[1]}/update", data=update, headers=WRITER, timeout=60)
        assert done.status_code == 204
        yield address, app


def get(path: str, *fields: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: x", "Connection: close", *fields, "", ""]).encode()


ASK = get("/sparql?query=ASK%7B%7D&format=json")
AUTHORIZED = f"Authorization: {WRITER['Authorization']}"


@contextmanager
def busy(address: Address, app: FastAPI, count: int) -> Iterator[None]:
    """Keep some endless queries running."""
    with ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(connect(address))
            connection.sendall(get(f"/sparql?query={quote(RUNAWAY)}"))
        pool = endpoint_of(app).pool
        assert pool
        wait_until(lambda: pool.busy + pool.waiting == count, "all are under way")
        yield


@covers("max_queries_per_client")
def test_queries_of_one_client(tmp_path: Path) -> None:
    with live(tmp_path, max_queries_per_client=3, timeout=60, bare=False) as (address, app):
        with busy(address, app, 3):
            refused(ask(address, ASK), 429, "KG_MAX_QUERIES_PER_CLIENT")
            for path in ("/graphs?default", "/describe?iri=urn:s1", "/entity/putin", "/articles", "/questions/2"):
                refused(ask(address, get(path)), 429, "KG_MAX_QUERIES_PER_CLIENT")
            assert ask(address, get("/sparql?query=ASK%7B%7D", AUTHORIZED)).status == 200  # another client: a token
            assert ask(address, get("/healthz")).status == 200
        wait_until(lambda: ask(address, ASK).status == 200, "it is answered when the others have hung up")


@covers("max_queries")
def test_queries_in_total(tmp_path: Path) -> None:
    with live(tmp_path, max_queries=3, timeout=60) as (address, app):
        with busy(address, app, 3):
            refused(ask(address, get("/sparql?query=ASK%7B%7D")), 503, "KG_MAX_QUERIES")
            # A client without queries takes the place of one that waits.
            assert ask(address, get("/sparql?query=ASK%7B%7D", AUTHORIZED)).status == 200
        wait_until(lambda: ask(address, ASK).status == 200, "it is answered when the others have hung up")


# ---- connections

_MUCH = f'SELECT ("{"y" * 9000}" AS ?x) {{ VALUES ?n {{ {"1 " * 1500}}} }}'
LARGE = get(f"/sparql?query={quote(_MUCH)}&format=csv")
"""Some 13 MB, more than the system takes into its buffers."""


@contextmanager
def stalled(address: Address, source: str) -> Iterator[None]:
    """Request a large response from a loopback address, and read nothing of it."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.bind((source, 0))
        connection.settimeout(20)
        connection.connect(address)
        connection.sendall(LARGE)
        connection.recv(1)
        yield


def from_source(address: Address, source: str) -> Answer:
    with socket.create_connection(address, 20, (source, 0)) as connection:
        connection.sendall(LARGE)
        return parse(receive(connection))


@covers("max_sending_bytes")
def test_answers_that_clients_do_not_take(tmp_path: Path) -> None:
    with live(tmp_path, max_sending_bytes=20 << 20) as (address, _):
        with stalled(address, "127.0.0.1"):
            refused(from_source(address, "127.0.0.1"), 429, "KG_MAX_SENDING_BYTES")
            refused(from_source(address, "127.0.0.2"), 503, "KG_MAX_SENDING_BYTES")
            assert ask(address, ASK).status == 200  # a small one needs no room
        whole: list[Answer] = []

        def taken() -> bool:
            whole.append(from_source(address, "127.0.0.2"))
            return whole[-1].status == 200

        wait_until(taken, "there is room when the client has gone")
        assert len(whole[-1].body) > 13_000_000


@covers("header_timeout")
def test_time_of_a_head(tmp_path: Path) -> None:
    with live(tmp_path, header_timeout=1) as (address, app), connect(address) as connection:
        begun = time.monotonic()
        connection.sendall(ASK[:-2])
        refused(parse(receive(connection)), 408, "KG_HEADER_TIMEOUT")
        assert time.monotonic() - begun < 15
        assert observer_of(app).metrics.refused["slow head"] == 1


@covers("body_timeout")
def test_time_of_a_body(tmp_path: Path) -> None:
    head = b"POST /sparql HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/sparql-query\r\n"
    with live(tmp_path, body_timeout=1) as (address, _), connect(address) as connection:
        connection.sendall(head + b"Content-Length: 100\r\n\r\nASK")
        refused(parse(receive(connection)), 408, "KG_BODY_TIMEOUT")


@covers("max_connections")
def test_connections(tmp_path: Path) -> None:
    head = b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Type: application/sparql-query\r\nContent-Length: 6\r\n"
    with live(tmp_path, max_connections=10) as (address, app), ExitStack() as stack:
        waiting = [stack.enter_context(connect(address)) for _ in range(10)]
        for connection in waiting:
            connection.sendall(head + b"Expect: 100-continue\r\n\r\n")
            assert b"100 Continue" in connection.recv(1000)  # each is being answered
        with connect(address) as late:
            refused(parse(receive(late)), 503, "KG_MAX_CONNECTIONS")
        assert observer_of(app).metrics.refused["connections"] == 1
        for connection in waiting:
            connection.sendall(b"ASK {}")
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        assert ask(address, ASK).status == 200  # idle ones make room


@covers("max_connections_per_client")
def test_connections_of_a_client(tmp_path: Path) -> None:
    with toy(tmp_path, connections_per_client=2) as server, ExitStack() as stack:
        for _ in range(2):
            held = server.connect("127.0.1.1")
            stack.callback(held.close)
            assert server.ask("/", held)["status"] == 200
        with socket.create_connection(("127.0.0.1", server.port), 60, ("127.0.1.1", 0)) as late:
            late.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            refused(parse(receive(late)), 429, "KG_MAX_CONNECTIONS_PER_CLIENT")


# ---- what is kept


@covers("snapshots")
@pytest.mark.parametrize("kept", [1, 3])
def test_snapshots(tmp_path: Path, kept: int) -> None:
    with on_disk(tmp_path, snapshots=kept, readers=1) as served:
        for number in range(5):
            served.update(f"INSERT DATA {{ <a:a> <a:b> {number} }}")
        newest = served.endpoint.number
        snapshots = served.endpoint.snapshots
        assert snapshots
        # One that was in use at the last write is removed a few seconds later.
        wait_until(lambda: len(snapshots.numbers) == kept, "the others are removed")
        statuses = [served.ask("ASK {}", asOf=str(number)).status_code for number in range(newest - 4, newest + 1)]
        assert statuses == [404] * (5 - kept) + [200] * kept
        assert "KG_SNAPSHOTS" in served.ask("ASK {}", asOf=str(newest - 4)).json()["remedy"]


@covers("cache_bytes")
@pytest.mark.parametrize(("size", "kept"), [(0, 0), (200_000, 5)])
def test_room_for_answers(tmp_path: Path, size: int, kept: int) -> None:
    """Only the last few of many answers of 20,000 bytes are given without a reader."""
    query = 'SELECT ("' + "y" * 6000 + '" AS ?x) {{ VALUES ?n {{ 1 2 3 }} }} #{}'
    with on_disk(tmp_path, cache_bytes=size, readers=1) as served:
        for number in range(30):
            served.ask(query.format(number), CSV)
        for number in range(29, 29 - kept, -1):
            served.ask(query.format(number), CSV)
        assert served.answered == 30
        for number in range(5):
            served.ask(query.format(number), CSV)
        assert served.answered == 35


# ---- what is asked of others


@contextmanager
def federated(
    folder: Path, answer: Callable[[Asked], Reply], **others: Any
) -> Iterator[Callable[[str], httpx2.Response]]:
    """Serve an application that may call one endpoint, whose responses a function makes."""
    with peer_serving(answer) as peer:
        allowed = f"{peer.address}/sparql"
        with on_disk(folder, allow_service=allowed, readers=1, **others) as served:

            def call(more: str) -> httpx2.Response:
                return served.ask(f"SELECT * {{ SERVICE <{allowed}> {{ ?s ?p ?o {more} }} }}")

            yield call


@covers("outgoing_seconds")
def test_time_of_another_server(tmp_path: Path) -> None:
    over = threading.Event()

    def slowly(_asked: Asked) -> Reply:
        over.wait(30)
        return solutions(["s"])

    with federated(tmp_path, slowly, outgoing_seconds=0.3) as call:
        begun = time.monotonic()
        answer = call("")
        over.set()
        assert (answer.status_code, answer.json()["type"]) == (502, "/docs#unreachable")
        assert time.monotonic() - begun < 20


@covers("outgoing_max_bytes")
def test_bytes_of_another_server(tmp_path: Path) -> None:
    rows = [{"s": {"type": "literal", "value": "y" * 2000}}]
    with federated(tmp_path, lambda _: solutions(["s"], *rows), outgoing_max_bytes=2000) as call:
        answer = call("")
        assert (answer.status_code, answer.json()["type"]) == (502, "/docs#unreachable")
        assert "2000 bytes" in answer.json()["detail"]


@covers("outgoing_max_rows")
def test_rows_of_another_server(tmp_path: Path) -> None:
    def rows(asked: Asked) -> Reply:
        count = 5 if "five" in asked.query else 6
        return solutions(["s"], *({"s": {"type": "literal", "value": str(n)}} for n in range(count)))

    with federated(tmp_path, rows, outgoing_max_rows=5) as call:
        assert len(call('FILTER(?s != "five")').json()["results"]["bindings"]) == 5
        answer = call('FILTER(?s != "six")')
        assert answer.status_code == 502
        assert "yyy" not in answer.text


@covers("outgoing_cache_seconds")
@pytest.mark.parametrize(("seconds", "times"), [(0.0, 2), (300.0, 1)])
def test_answers_of_another_server_are_kept_for_a_time(tmp_path: Path, seconds: float, times: int) -> None:
    asked: list[Asked] = []

    def note(request: Asked) -> Reply:
        asked.append(request)
        return solutions(["s"])

    with federated(tmp_path, note, outgoing_cache_seconds=seconds) as call:
        for _ in range(2):
            answer = call("")
            assert answer.status_code == 200
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Claimgraph-Sources"]
    assert len(asked) == times
