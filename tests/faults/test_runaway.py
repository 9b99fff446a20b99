"""Runaway queries and updates: a query ends at its deadline or on disconnection, an update at its own deadline."""

from __future__ import annotations

import json
import select
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

from tests.bench.processes import cpu
from tests.processes import RUNAWAY, Server, alive, doctor, running, wait_until

LIMITS = (4, 20, 60)
"""Deadlines of a query in seconds; the longer ones are for machines too slow for the shorter ones."""
ENOUGH = 5
"""Answers to others before a query is ended that show that it holds nobody up."""


def runner(server: Server, over: Callable[[], bool] = lambda: False) -> int:
    """Return the reader that is busy, as soon as one is; a reader that is only starting uses less CPU time.

    Return 0 if the work is ``over`` before that is observed.
    """
    before = cpu(server.readers())
    found = [0]

    def works() -> bool:
        found[:] = [pid for pid, used in cpu(before).items() if used - before[pid] >= 0.5] or [0]
        return found != [0] or over()

    wait_until(works, "a reader works")
    return found[0]


def test_a_query_is_ended_at_its_deadline_and_others_are_answered(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool, running(tmp_path, KG_CACHE_BYTES="0", KG_TIMEOUT="60") as server:
        assert any(_others_are_answered(server, pool, limit) > ENOUGH for limit in LIMITS)


def _others_are_answered(server: Server, pool: ThreadPoolExecutor, limit: int) -> int:
    """Count the responses to other clients before a query is ended at its deadline."""
    count, begun = len(server.readers()), time.monotonic()
    asked = pool.submit(server.query, RUNAWAY, timeout=str(limit))
    victim = runner(server, asked.done)
    answers = 0
    while not asked.done():
        assert server.query(f"SELECT * {{ ?s ?p ?o }} LIMIT {answers + 1}").status == 200
        answers += not asked.done()
    answered = time.monotonic() - begun
    gone = answered + wait_until(lambda: not alive(victim), "its process is dead")
    reply = asked.result()
    print(
        f"limit {limit} s: answered after {answered:.2f} s, process gone after {gone:.2f} s; meanwhile {answers} others"
    )
    assert reply.status == 504
    assert json.loads(reply.body)["type"].endswith("#timed-out")
    assert answered >= limit
    wait_until(lambda: len(server.readers()) == count, "it is replaced")
    return answers


def test_runaways_of_one_client_leave_a_reader_to_others(tmp_path: Path) -> None:
    with running(tmp_path, KG_WEB_PROCESSES="2", KG_READERS="4", KG_TIMEOUT="300") as server, ExitStack() as stack:
        greedy = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 60)) for _ in range(6)]
        for client in greedy:
            client.sendall(_request("GET"))
        runner(server)
        with socket.create_connection(("127.0.0.1", server.port), 60, ("127.0.0.2", 0)) as other:
            other.sendall(b"GET /sparql?query=ASK%7B%7D HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert other.recv(100).startswith(b"HTTP/1.1 200")
        assert select.select(greedy, [], [], 0)[0] == [], "none of the six has an answer"


def test_a_query_ends_when_its_client_hangs_up(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        for method in ("GET", "POST"):
            count = len(server.readers())
            with socket.create_connection(("127.0.0.1", server.port), 60) as client:
                client.sendall(_request(method))
                victim = runner(server)
                time.sleep(0.5)
                assert alive(victim)
            took = wait_until(lambda pid=victim: not alive(pid), "its process is dead")  # type: ignore[misc]
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
    assert any(_answers_until_an_update_is_ended(tmp_path / str(limit), limit) > ENOUGH for limit in (1, *LIMITS))


def _answers_until_an_update_is_ended(folder: Path, limit: int) -> int:
    """Count the responses to queries before an update is ended at its deadline."""
    folder.mkdir()
    with ThreadPoolExecutor(1) as pool, running(folder, KG_UPDATE_TIMEOUT=str(limit)) as server:
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
            # A response that arrives after the update ended does not count: it proves nothing about the time before.
            answered += not asked.done()
        reply = asked.result()
        assert reply.status == 504
        assert json.loads(reply.body)["type"].endswith("#timed-out")
        wait_until(lambda: not alive(writer), "the process is dead")
        took = wait_until(lambda: server.writer() not in (None, writer), "another writer is there")
        print(f"limit {limit} s: another writer after {took:.2f} s; {answered} queries answered meanwhile")
        assert b"1" in server.query("SELECT ?o { <urn:kept> ?p ?o }").body
        assert server.query("SELECT ?o { { <urn:lost> ?p ?o } UNION { ?o <urn:lost> ?p } }").body.split() == [b"o"]
        assert server.update("INSERT DATA { <urn:kept> <urn:p> 2 }").status == 204
        assert f"terminated by signal {int(signal.SIGALRM)}" in server.log.read_text("utf-8")
        server.process.terminate()
        assert server.process.wait(60) == 0
        assert json.loads(doctor(server.data))["ok"]
    return answered


def test_an_update_that_takes_too_much_memory_fails_alone(tmp_path: Path) -> None:
    pattern = "{ SELECT ?f { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } ORDER BY ?f ?a ?i LIMIT 1 }"
    with running(tmp_path, KG_MAX_WRITER_MEMORY=str(700 << 20), KG_UPDATE_TIMEOUT="600") as server:
        writer, webs = server.writer(), server.webs()
        reply = server.update(
            f"INSERT DATA {{ <urn:lost> <urn:p> 1 }} ; INSERT {{ <urn:lost> <urn:p> ?f }} WHERE {pattern}"
        )
        assert reply.status == 503
        assert json.loads(reply.body)["type"].endswith("#reader-lost")
        assert "KG_MAX_WRITER_MEMORY" in json.loads(reply.body)["remedy"]
        assert server.update("INSERT DATA { <urn:kept> <urn:p> 1 }").status == 204
        assert server.query("SELECT ?o { <urn:lost> ?p ?o }").body.split() == [b"o"]
        assert server.writer() != writer
        assert server.webs() == webs


def test_a_validation_that_never_ends_holds_nobody_up(tmp_path: Path) -> None:
    """A chain of claims about claims, of 58 kB, whose checks take hours."""
    chain = "".join(f"<urn:s{n}> a cg:Claim ; cg:affirms <urn:s{n + 1}> . " for n in range(4000))
    text = f"@prefix cg: <https://w3id.org/claimgraph/ns#> . <urn:a> a cg:Article . {chain}".encode()
    with ThreadPoolExecutor(2) as pool, running(tmp_path, KG_TIMEOUT="5") as server:
        asked = [pool.submit(server.ask, "POST", "/validate", text, {"Content-Type": "text/turtle"}) for _ in range(2)]
        number = 0
        while not all(one.done() for one in asked):
            assert server.update(f"INSERT DATA {{ <urn:kept> <urn:p> {number} }}").status == 204
            assert server.query(f"SELECT ?o {{ <urn:kept> <urn:p> ?o FILTER(?o = {number}) }}").body.split()[1:]
            number += 1
        assert {one.result().status for one in asked} <= {503, 504}
        assert number
