"""What never ends by itself is ended: a query at its deadline or when nobody waits for it, an update at its own."""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

from tests.bench.processes import cpu
from tests.processes import RUNAWAY, Server, alive, doctor, running, wait_until

LIMIT = 4
SOON = 5.0
"""Seconds after which something certainly is not soon, even where much else runs."""


def runner(server: Server) -> int:
    """Give the reader that works, as soon as one does; one that only starts takes less time of a processor."""
    before = cpu(server.readers())
    begun = time.monotonic()
    while time.monotonic() - begun < 20:
        time.sleep(0.02)
        for pid, used in cpu(before).items():
            if used - before[pid] >= 0.5:
                return pid
    raise AssertionError("no reader works")


def test_a_query_is_ended_at_its_deadline_and_others_are_answered(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool, running(tmp_path, KG_CACHE_BYTES="0") as server:
        count, begun = len(server.readers()), time.monotonic()
        asked = pool.submit(server.query, RUNAWAY, timeout=str(LIMIT))
        victim = runner(server)
        waits: list[float] = []
        while not asked.done():
            sent = time.monotonic()
            assert server.query(f"SELECT * {{ ?s ?p ?o }} LIMIT {len(waits) + 1}").status == 200
            waits.append(time.monotonic() - sent)
        answered = time.monotonic() - begun
        gone = answered + wait_until(lambda: not alive(victim), "its process is dead", SOON)
        reply = asked.result()
        print(
            f"limit {LIMIT} s: answered after {answered:.2f} s, process gone after {gone:.2f} s; meanwhile "
            f"{len(waits)} other queries, the slowest took {max(waits) * 1000:.0f} ms"
        )
        assert reply.status == 504
        assert json.loads(reply.body)["type"].endswith("#timed-out")
        assert answered >= LIMIT
        assert gone < LIMIT + SOON
        assert len(waits) > 5
        assert max(waits) < LIMIT / 2
        wait_until(lambda: len(server.readers()) == count, "it is replaced")


def test_runaways_of_one_client_leave_a_reader_to_others(tmp_path: Path) -> None:
    with ThreadPoolExecutor(6) as pool, running(tmp_path, KG_READERS="2") as server:
        asked = [pool.submit(server.query, RUNAWAY, timeout="6") for _ in range(6)]
        runner(server)
        with socket.create_connection(("127.0.0.1", server.port), 20, ("127.0.0.2", 0)) as other:
            other.sendall(b"GET /sparql?query=ASK%7B%7D HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert other.recv(100).startswith(b"HTTP/1.1 200")
        assert not any(future.done() for future in asked)
        assert {future.result(60).status for future in asked} == {503, 504}


def test_a_query_ends_when_its_client_hangs_up(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        for method in ("GET", "POST"):
            count = len(server.readers())
            with socket.create_connection(("127.0.0.1", server.port), 20) as client:
                client.sendall(_request(method))
                victim = runner(server)
                time.sleep(0.5)
                assert alive(victim)
            took = wait_until(lambda pid=victim: not alive(pid), "its process is dead", SOON)  # type: ignore[misc]
            print(f"{method}: process gone {took:.2f} s after its client")
            wait_until(lambda wanted=count: len(server.readers()) == wanted, "it is replaced")  # type: ignore[misc]


def _request(method: str) -> bytes:
    if method == "GET":
        return f"GET /sparql?query={quote(RUNAWAY)} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    head = (
        f"POST /sparql HTTP/1.1\r\nHost: a\r\nContent-Type: application/sparql-query\r\nContent-Length: {len(RUNAWAY)}"
    )
    return f"{head}\r\n\r\n{RUNAWAY}".encode()


def test_an_update_is_ended_with_its_process_and_nothing_of_it_stays(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool, running(tmp_path, KG_UPDATE_TIMEOUT="1") as server:
        assert server.update("INSERT DATA { <urn:kept> <urn:p> 1 }").status == 204
        writer = server.writer()
        assert writer
        body = RUNAWAY.removeprefix("SELECT (COUNT(*) AS ?n) ")
        asked = pool.submit(
            server.update, f"INSERT DATA {{ <urn:lost> <urn:p> 1 }} ; INSERT {{ ?a <urn:lost> ?i }} WHERE {body}"
        )
        answered = 0
        while not asked.done():
            assert server.query("SELECT * { <urn:kept> ?p ?o }").status == 200
            answered += 1
        reply = asked.result()
        assert reply.status == 504
        assert json.loads(reply.body)["type"].endswith("#timed-out")
        assert answered > 5
        took = wait_until(lambda: not alive(writer), "the process is dead", SOON) + server.wait()
        print(f"limit 1 s: the server is back {took:.2f} s after it said so; {answered} queries answered meanwhile")
        assert server.writer() not in (None, writer)
        assert b"1" in server.query("SELECT ?o { <urn:kept> ?p ?o }").body
        assert server.query("SELECT ?o { { <urn:lost> ?p ?o } UNION { ?o <urn:lost> ?p } }").body.split() == [b"o"]
        assert server.update("INSERT DATA { <urn:kept> <urn:p> 2 }").status == 204
        assert "ended by signal 9" in server.log.read_text("utf-8")
        server.process.terminate()
        assert server.process.wait(30) == 0
        assert json.loads(doctor(server.data))["ok"]
