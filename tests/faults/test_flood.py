"""Ten thousand meaningless requests: each gets a problem document, and the server is unchanged afterwards."""

from __future__ import annotations

import http.client
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.bench.processes import memory, tree
from tests.faults.nonsense import Request, nonsense
from tests.processes import WRITER, Reply, Server, doctor, running, send, wait_until

REQUESTS = 10_000
CLIENTS = 4
SEED = 31
BODY = 300_000
EXPECTED = {200, 201, 204, 400, 403, 404, 406, 413, 414, 415, 422}
SURE = {503, 504, 507}
"""Documented statuses for a query that times out, and for a server under load."""
FILES = 200
"""Files by which open ones may have become more: those of the store come and go; a leak would be of thousands."""
GROWTH = 150
"""MiB by which all processes together may have grown; mostly what each thread keeps for the next request."""


def ask(server: Server, requests: list[Request]) -> Counter[str]:
    """Send requests on one connection, reopened only where the server has closed it."""
    seen: Counter[str] = Counter()
    connection = server.connect(timeout=30)
    for request in requests:
        headers = {name: value.encode() for name, value in (request.headers | WRITER).items()}
        for attempt in range(2):
            try:
                reply = send(connection, request.method, request.target, request.body, headers)  # type: ignore[arg-type]
                break
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                connection.close()  # the server closes after a refusal that leaves the body unread
                assert attempt == 0, f"no answer to {request}"
        check(request, reply)
        seen[str(reply.status)] += 1
    connection.close()
    return seen


def check(request: Request, reply: Reply) -> None:
    assert reply.status in EXPECTED | SURE, f"{reply} to {request}"
    if reply.status >= 400:
        assert reply.headers["content-type"] == "application/problem+json", f"{reply} to {request}"
        assert json.loads(reply.body)["status"] == reply.status


def open_files(server: Server) -> int:
    return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in tree(server.process.pid))


def kills(server: Server) -> dict[str, float]:
    text = server.ask("GET", "/metrics", headers=WRITER).body.decode()
    return {line.split('"')[1]: float(line.split()[-1]) for line in text.splitlines() if "kill" in line and '"' in line}


def test_ten_thousand_requests_that_make_no_sense(tmp_path: Path) -> None:
    requests = list(nonsense(REQUESTS, SEED))
    environ = {"KG_TIMEOUT": "2", "KG_MAX_BODY_BYTES": str(BODY), "KG_CACHE_BYTES": "1000000"}
    with ThreadPoolExecutor(CLIENTS) as pool, running(tmp_path, **environ) as server:

        def flood(part: list[Request]) -> Counter[str]:
            return sum(pool.map(lambda n: ask(server, part[n::CLIENTS]), range(CLIENTS)), Counter[str]())

        writer = server.writer()
        # By all clients, so that every reader has loaded what it needs before memory is measured.
        warm = flood(requests[: REQUESTS // 2])
        before, files, begun = memory(tree(server.process.pid)).uss, open_files(server), time.monotonic()
        seen = warm + flood(requests[REQUESTS // 2 :])
        took = time.monotonic() - begun
        wait_until(lambda: open_files(server) < files + FILES, "hardly more files are open than before", 20)
        grown = memory(tree(server.process.pid)).uss - before
        print(
            f"{seen.total()} requests in {took:.0f} s after the first half: {dict(sorted(seen.items()))}; ended "
            f"readers: {kills(server)}; grown by {grown:.0f} MiB of {before:.0f}"
        )
        assert seen.total() == REQUESTS
        assert seen["400"] > REQUESTS / 3
        assert seen["503"] + seen["504"] < REQUESTS / 100
        assert kills(server).keys() >= {"crash", "memory", "deadline"}
        assert not kills(server)["crash"] + kills(server)["memory"]
        assert server.writer() == writer
        assert grown < GROWTH
        server.process.terminate()
        assert server.process.wait(60) == 0
        assert "Traceback" not in server.log.read_text("utf-8")
        assert json.loads(doctor(server.data))["ok"]
