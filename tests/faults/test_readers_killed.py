"""Killed readers: only the queries they were running fail, with a clear error, and other readers take over."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.processes import Reply, Server, alive, running, send, wait_until

KILLS = 40
CLIENTS = 5
READERS = 4
SETTINGS = {"KG_WEB_PROCESSES": "2", "KG_CACHE_BYTES": "0"}
QUERY = "SELECT (COUNT(*) AS ?n) { { SELECT * { ?a ?b ?c } LIMIT 20 } { SELECT * { ?d ?e ?f } LIMIT %d } }"


def right(reply: Reply, number: int) -> bool:
    return reply.status == 200 and reply.body.split() == [b"n", str(20 * number).encode()]


def lost(reply: Reply) -> bool:
    """Return whether a response reports that the reader was terminated and that a retry is worthwhile."""
    if reply.status != 503:
        return False
    problem = json.loads(reply.body)
    assert reply.headers["content-type"] == "application/problem+json"
    assert problem["type"].endswith("#reader-lost")
    assert int(reply.headers["retry-after"]) > 0
    return True


def full_strength(server: Server) -> bool:
    return len(server.readers()) == READERS


def test_only_their_own_queries_fail(tmp_path: Path) -> None:
    rng = random.Random(7)
    enough = threading.Event()

    def load(number: int) -> Counter[str]:
        """Run queries in sequence; no two are equal, so that only a reader can produce the result."""
        mine, seen = random.Random(number), Counter[str]()
        connection = server.connect()
        while not enough.is_set():
            rows = mine.randrange(500, 4000)
            query = (QUERY % rows).replace(" ", "%20").replace("?", "%3F")
            reply = send(connection, "GET", f"/sparql?query={query}", headers={"Accept": "text/csv"})
            kind = "right" if right(reply, rows) else "lost" if lost(reply) else f"{reply.status} {reply.body!r}"
            seen[kind] += 1
        connection.close()
        return seen

    with ThreadPoolExecutor(CLIENTS) as pool, running(tmp_path, KG_READERS=str(READERS), **SETTINGS) as server:
        others = [server.writer(), *server.webs()]
        loads = [pool.submit(load, number) for number in range(CLIENTS)]
        for _ in range(KILLS):
            wait_until(lambda: full_strength(server), "all readers are there")
            time.sleep(rng.uniform(0, 0.15))
            os.kill(victim := rng.choice(server.readers()), signal.SIGKILL)
            wait_until(lambda pid=victim: not alive(pid), "it is dead")  # type: ignore[misc]
        wait_until(lambda: full_strength(server), "all readers are there")
        enough.set()
        seen = sum((future.result(60) for future in loads), Counter[str]())
        assert [server.writer(), *server.webs()] == others
        print(f"{KILLS} readers killed under load: {dict(seen)}")
        assert seen.keys() == {"right", "lost"}
        # A reader runs one query at a time, so its death costs at most one; without any loss nothing was tested.
        assert 0 < seen["lost"] <= KILLS
        assert seen["right"] > KILLS
        assert "Traceback" not in server.log.read_text("utf-8")


def test_with_no_reader_left_queries_wait_for_the_next(tmp_path: Path) -> None:
    with running(tmp_path, KG_READERS="2", **SETTINGS) as server:
        before = server.readers()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not any(alive(pid) for pid in before), "they are dead")
        time.sleep(0.05)  # until the server has noticed it
        assert right(server.query(QUERY % 7), 7)
        wait_until(lambda: len(server.readers()) == 2, "both are replaced")
        assert not set(before) & set(server.readers())
