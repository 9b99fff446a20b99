"""Liveness, readiness and metrics over HTTP, also under load and with blocked readers."""

from __future__ import annotations

import os
import re
import select
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest

from api.edge import query_service_monitoring
from api.server.connection_limit_settings import ConnectionLimits
from tests.applications import MANY, RUNAWAY, WRITER, Served, application, endpoint_of, on_disk, settings
from tests.processes import wait_until
from tests.serving import connect, serving

LONG_UPDATE = """INSERT { <urn:n> <urn:n> ?n } WHERE { SELECT (COUNT(*) AS ?n) {
  { SELECT ?a { ?a <urn:p> ?c } LIMIT 200 } ?d ?e ?f . FILTER(STR(?a) != STR(?d)) } }"""
"""Two hundred thousand pairs: a second or two."""
ENOUGH = 3
"""Answers during one piece of work that show that it holds nothing up: if it did, there would be one, at its end."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    app = application(settings(tmp_path_factory.mktemp("operations"), readers=2, timeout=300))
    with serving(app, ConnectionLimits()) as address:
        base = f"http://127.0.0.1:{address[1]}"
        assert httpx2.post(f"{base}/update", data={"update": MANY}, headers=WRITER, timeout=60).status_code == 204
        yield base


def meanwhile(work: Callable[[], object], look: Callable[[], None]) -> None:
    """Repeat some work until enough probes happened during one repetition, however long one takes."""
    with ThreadPoolExecutor(1) as pool:
        for _ in range(20):
            doing, count = pool.submit(work), 0
            while not doing.done() and count < ENOUGH:
                look()
                count += not doing.done()
            doing.result(60)
            if count == ENOUGH:
                return
    raise AssertionError("never were there enough answers during one piece of work")


def alive(base: str) -> None:
    answer = httpx2.get(f"{base}/healthz", timeout=60)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer.headers["Cache-Control"] == "no-store"


def test_it_is_alive_while_runaway_queries_run(base: str) -> None:
    """They run until their clients hang up, which is after the server has answered others."""
    address = ("127.0.0.1", int(base.rpartition(":")[2]))
    head = f"GET /sparql?query={quote(RUNAWAY)} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    with ExitStack() as stack:
        queries = [stack.enter_context(connect(address)) for _ in range(6)]
        for query in queries:
            query.sendall(head)
        wait_until(lambda: running(base) > 0, "one of them runs")
        for _ in range(6):
            alive(base)
        assert running(base) > 0
        assert select.select(queries, [], [], 0)[0] == [], "none of them has an answer"
    wait_until(lambda: running(base) == 0, "nobody waits for them any more")


def running(base: str) -> int:
    """Count the readers that work."""
    text = httpx2.get(f"{base}/metrics", headers=WRITER, timeout=60).text
    found = re.search(r'^claimgraph_readers\{state="busy"\} (\S+)$', text, re.MULTILINE)
    assert found, text
    return int(float(found[1]))


def test_runaway_queries_end_at_their_deadline(base: str) -> None:
    def ask(_number: int) -> int:
        return httpx2.get(f"{base}/sparql", params={"query": RUNAWAY, "timeout": "1"}, timeout=60).status_code

    with ThreadPoolExecutor(6) as pool:
        found = set(pool.map(ask, range(6)))
    assert found <= {503, 504}
    assert 504 in found


def test_it_is_alive_while_an_update_runs(base: str) -> None:
    def run() -> None:
        text = " ; ".join([LONG_UPDATE] * 2)
        done = httpx2.post(f"{base}/update", data={"update": text}, headers=WRITER, timeout=60)
        assert done.status_code == 204

    meanwhile(run, lambda: alive(base))


def test_queries_are_answered_while_an_update_runs(base: str) -> None:
    def run() -> None:
        httpx2.post(f"{base}/update", data={"update": " ; ".join([LONG_UPDATE] * 2)}, headers=WRITER, timeout=60)

    def look() -> None:
        query = f"SELECT (COUNT(*) AS ?n) {{ ?s <urn:p> ?o }} # {time.monotonic_ns()}"
        answer = httpx2.get(f"{base}/sparql", params={"query": query}, headers={"Accept": "text/csv"}, timeout=60)
        assert answer.text.split() == ["n", "1000"]

    meanwhile(run, look)


def test_ready(tmp_path: Path) -> None:
    with on_disk(tmp_path) as served:
        answer = served.client.get("/readyz")
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
        assert answer.json() == {"status": "ready", "snapshot": served.endpoint.number}
        served.update("INSERT DATA { <a:a> <a:b> 1 }")
        assert served.client.get("/readyz").json()["snapshot"] == served.endpoint.number


def test_not_ready_while_no_reader_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The readers are stopped, as on a machine that has no time for them; the process itself is alive."""
    monkeypatch.setattr(query_service_monitoring, "_LATELY", 0.0)
    monkeypatch.setattr(query_service_monitoring, "_PATIENCE", 60.0)
    with on_disk(tmp_path) as served:
        assert served.client.get("/readyz").status_code == 200
        monkeypatch.setattr(query_service_monitoring, "_PATIENCE", 0.3)
        stopped = served.pool.processes
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        answer = served.client.get("/readyz")
        assert (answer.status_code, answer.headers["Content-Type"]) == (503, "application/problem+json")
        assert answer.json()["detail"] == "No reader responds."
        assert served.client.get("/healthz").status_code == 200
        for pid in stopped:
            if pid in served.pool.processes:
                os.kill(pid, signal.SIGCONT)
        monkeypatch.setattr(query_service_monitoring, "_PATIENCE", 60.0)
        wait_until(lambda: served.client.get("/readyz").status_code == 200, "it is ready again")


def test_not_ready_when_every_reader_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_service_monitoring, "_LATELY", 0.0)
    monkeypatch.setattr(query_service_monitoring, "_PATIENCE", 0.2)
    with on_disk(tmp_path) as served:
        _lose_all(served, monkeypatch)
        assert served.client.get("/readyz").status_code == 503
        assert served.client.get("/healthz").status_code == 200


def _lose_all(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill the readers on a machine that cannot start new ones."""

    async def nothing(*_: object) -> None:
        return

    monkeypatch.setattr(served.pool, "_start_one", nothing)
    for pid in served.pool.processes:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not served.pool.processes, "all are gone")


def test_not_ready_before_the_store_is_open(tmp_path: Path) -> None:
    app = application(settings(tmp_path))
    app.state.observer.metrics.endpoint = None
    with serving(app, ConnectionLimits()) as address:
        answer = httpx2.get(f"http://127.0.0.1:{address[1]}/readyz")
    assert answer.status_code == 503
    assert "not open yet" in answer.json()["detail"]
    assert endpoint_of(app).pool


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_signs_of_life_need_no_token_and_heed_none(tmp_path: Path, path: str) -> None:
    with on_disk(tmp_path, public_graphs="none", readers=1) as served:
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            assert served.client.get(path, headers=headers).status_code == 200
            assert served.client.head(path, headers=headers).status_code == 200
        assert served.client.post(path).status_code == 405
