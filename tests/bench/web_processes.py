"""Loads and measures that only Claimgraph has: pages and reconciliation by one web process and by all, and writes.

A write is measured from its request until every web process has answered with what it wrote.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

from kg.iris import CG, RDFS
from tests.bench.client import JSON
from tests.bench.peers import Peer, Server, Setting, default_program
from tests.processes import called, children

TOKEN = "bench"
"""What :class:`Peer` starts the server with."""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_NAMES = f"SELECT DISTINCT ?label {{ ?e a <{CG}Person> ; <{RDFS}label> ?label }} LIMIT 5000"
_BATCH, _BATCHES = 10, 200
_PAUSE = 0.02
"""Seconds between two writes, so that each meets an idle server."""


class Ours(Peer):
    """Claimgraph as it comes, with its request log, and with other settings if any are given."""

    def __init__(self, **settings: str) -> None:
        super().__init__(default_program())
        self.settings = settings

    def command(self, setting: Setting, port: int) -> list[str]:
        command = super().command(setting, port)
        del self.environment["KG_LOG"]
        self.environment |= self.settings
        return command


def webs(server: Server) -> list[int]:
    """Return the web processes of a server."""
    return [pid for pid in children(server.pid) if called(pid).startswith("kg web")]


def pages() -> list[str]:
    """Return requests for pages that differ from each other."""
    return ["/articles?n=__N__"]


def reconciliation(server: Server, rng: random.Random) -> list[str]:
    """Return requests for matches of ten names each, some of them with a typing error."""
    with server.client() as client:
        names = [row["label"]["value"] for row in client.get(server.peer.target(_NAMES)).rows()]
    return [f"/reconcile/0.2\t\t{_batch(names, rng)}" for _ in range(_BATCHES)]


def _batch(names: list[str], rng: random.Random) -> str:
    queries = {}
    for number in range(_BATCH):
        name = rng.choice(names)
        at = rng.randrange(len(name))
        cell = name[:at] + name[at + 1 :] if number % 2 and len(name) > 5 else name
        queries[str(number)] = {"query": cell, "type": f"{CG}Person", "limit": 5}
    return urlencode({"queries": json.dumps(queries)})


def visible(server: Server, count: int) -> Iterator[tuple[float, float, bool]]:
    """Send writes; yield for each the milliseconds to its acknowledgement and to the last web process that shows it.

    The third value is whether a web process first answered without what was acknowledged before.
    """
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(contextlib.closing(one)) for one in _one_for_each(server)]
        writer = stack.enter_context(contextlib.closing(_connection(server)))
        headers = {"Content-Type": "application/sparql-update", "Authorization": f"Bearer {TOKEN}"}
        for number in range(count):
            triple = f"<urn:bench:written> <urn:bench:number> {number}"
            begin = time.perf_counter()
            status, _ = _send(writer, "POST", "/update", f"INSERT DATA {{ {triple} }}".encode(), headers)
            if status != 204:
                raise RuntimeError(f"claimgraph: a write was answered with status {status}.")
            acknowledged = time.perf_counter() - begin
            stale = [_wait_for(reader, triple) for reader in readers]
            yield acknowledged * 1000, (time.perf_counter() - begin) * 1000, any(stale)
            time.sleep(_PAUSE)


def _wait_for(reader: http.client.HTTPConnection, triple: str) -> bool:
    """Ask until a triple is there; return whether it was missing at first."""
    target = f"/sparql?query={quote(f'ASK {{ {triple} }}')}"
    stale = False
    while b"true" not in _send(reader, "GET", target, None, {"Accept": JSON})[1]:
        stale = True
    return stale


def _one_for_each(server: Server, tries: int = 100) -> list[http.client.HTTPConnection]:
    """Connect until there is a connection to each web process.

    Raises:
        RuntimeError: one gets none.
    """
    found: dict[int, http.client.HTTPConnection] = {}
    spare = []
    for _ in range(tries):
        connection = _connection(server)
        _send(connection, "GET", "/healthz", None, {})
        pid = _holder(server, connection.sock.getsockname()[1])
        if pid in found or pid is None:
            spare.append(connection)
        else:
            found[pid] = connection
        if len(found) == len(webs(server)):
            break
    for connection in spare:
        connection.close()
    if len(found) != len(webs(server)):
        raise RuntimeError(f"claimgraph: {len(found)} of {len(webs(server))} web processes got a connection.")
    return list(found.values())


def _holder(server: Server, port: int) -> int | None:
    """Return the web process that has the connection of a client's port."""
    ends = [f"0100007F:{number:04X}" for number in (server.port, port)]
    rows = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
    sockets = {f"socket:[{row[9]}]" for row in rows if row[1:3] == ends}
    for pid in webs(server):
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if str(file.readlink()) in sockets:
                    return pid
    return None


def _connection(server: Server) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)


def _send(
    connection: http.client.HTTPConnection, method: str, target: str, body: bytes | None, headers: dict[str, str]
) -> tuple[int, bytes]:
    connection.request(method, target, body, headers)
    response = connection.getresponse()
    return response.status, response.read()
