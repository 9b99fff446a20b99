"""Graceful shutdown: requests in flight are completed, and no process or file is left behind."""

from __future__ import annotations

import json
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

from tests.bench.processes import tree
from tests.faults.articles import article
from tests.faults.test_runaway import runner
from tests.processes import RUNAWAY, WRITER, Server, alive, doctor, running, wait_until

SLOW = """SELECT (COUNT(*) AS ?n) {
  { SELECT * { ?a ?b ?c } LIMIT %d } { SELECT * { ?d ?e ?f } LIMIT 4000 }
  FILTER(STRLEN(CONCAT(STR(?a), STR(?d))) > 0) }"""
LARGE = """SELECT * { { SELECT * { ?a ?b ?c } LIMIT 100 } { SELECT * { ?d ?e ?f } LIMIT 500 } }"""


def ends(server: Server, pids: list[int]) -> int:
    """Wait until the server has exited with all its processes; return its exit code."""
    code = server.process.wait(60)
    wait_until(lambda: not any(alive(pid) for pid in pids), "no process is left")
    return code


def test_answers_in_flight_are_finished(tmp_path: Path) -> None:
    """However fast or slow the machine is: a slower query is tried until one is seen at work, and it has its time."""
    settings = {"KG_SHUTDOWN_SECONDS": "600", "KG_TIMEOUT": "600"}
    with ThreadPoolExecutor(1) as pool, running(tmp_path, **settings) as server:
        pids = tree(server.process.pid)
        assert len(pids) > 3
        with socket.create_connection(("127.0.0.1", server.port), 60) as slow:
            slow.sendall(f"GET /sparql?query={quote(LARGE)} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            start = slow.recv(1000)
            for rows in (1000, 2000, 4000):
                asked = pool.submit(server.query, SLOW % rows)
                runner(server, lambda asked=asked: asked.done())  # type: ignore[misc]
                if not asked.done():
                    break
                asked.result()
            server.process.terminate()
            assert not asked.done(), "the slow query is not slow enough to show anything"
            time.sleep(0.5)  # until the shutdown has begun
            assert whole(slow, start)
        reply = asked.result(600)
        assert (reply.status, reply.body.split()) == (200, [b"n", b"%d" % (rows * 4000)])
        assert ends(server, pids) == 0
        assert "Traceback" not in server.log.read_text("utf-8")


def whole(connection: socket.socket, data: bytes) -> bool:
    """Read the rest of a response, and return whether it has the length that its head states."""
    while b"\r\n\r\n" not in data:
        data += connection.recv(1000)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length"))
    size = len(body)
    assert length > 2_000_000
    while size < length and (data := connection.recv(1_000_000)):
        size += len(data)
    return size == length


def test_commits_are_whole(tmp_path: Path) -> None:
    """Whichever of the writes was acknowledged is there afterwards."""
    headers = WRITER | {"Content-Type": "application/json"}
    with ThreadPoolExecutor(8) as pool:
        with running(tmp_path) as server:
            pids = tree(server.process.pid)
            sent = [pool.submit(server.ask, "POST", "/articles", article(f"a{n}", 6), headers) for n in range(8)]
            wait_until(lambda: any(future.done() for future in sent), "one is stored")
            server.process.terminate()
            assert ends(server, pids) == 0
            statuses = [future.result(60).status if future.exception(60) is None else None for future in sent]
        assert 201 in statuses
        assert set(statuses) <= {201, None}
        assert json.loads(doctor(server.data))["ok"]
        with running(tmp_path) as server:
            there = [server.ask("GET", f"/articles/a{n}").status == 200 for n in range(8)]
            assert all(there[n] for n in range(8) if statuses[n] == 201)


def test_what_takes_too_long_is_cut_off(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool, running(tmp_path, KG_SHUTDOWN_SECONDS="2") as server:
        pids = tree(server.process.pid)
        asked = pool.submit(server.query, RUNAWAY)
        runner(server)
        begun = time.monotonic()
        server.process.terminate()
        assert ends(server, pids) == 0
        took = time.monotonic() - begun
        print(f"with 2 s for what is in flight it took {took:.1f} s")
        assert took >= 1.9
        assert asked.exception(60) is not None or asked.result().status == 503


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """At once is long before what is in flight has had its time."""
    settings = {"KG_SHUTDOWN_SECONDS": "600", "KG_TIMEOUT": "600"}
    with ThreadPoolExecutor(1) as pool, running(tmp_path, **settings) as server:
        pids = tree(server.process.pid)
        asked = pool.submit(server.query, RUNAWAY)
        runner(server)
        server.process.send_signal(signal.SIGINT)
        time.sleep(1)
        assert server.process.poll() is None
        server.process.send_signal(signal.SIGINT)
        assert ends(server, pids) in (0, 130)
        assert asked.exception(60) is not None or asked.result().status != 200
        assert json.loads(doctor(server.data))["ok"]


def test_no_process_is_left_without_the_one_that_was_started(tmp_path: Path) -> None:
    """A parent that is killed cannot pass on anything; its children notice."""
    with running(tmp_path) as server:
        pids = tree(server.process.pid)
        server.process.kill()
        ends(server, pids)
        assert json.loads(doctor(server.data))["ok"]
