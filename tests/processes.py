"""`kg serve` as a separate process: start, requests, inspection, and termination with all its children."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

from tests.bench.processes import tree

PYTHON = [sys.executable, "-c", "from kg.cli.main import main; main()"]
COMMAND = [*PYTHON, "serve"]
TOKEN = "a token for tests"
WRITER = {"Authorization": f"Bearer {TOKEN}"}
RUNAWAY = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . FILTER(?a != ?d && ?f != ?i) }"
"""Some 10^10 pairs on the seed article alone: it never ends by itself."""

_PATIENCE = 120.0
_START = 0.005


@contextmanager
def serving(
    data: Path, *options: str, errors: int | IO[str] = subprocess.PIPE, **environ: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a server on a free port and read what it prints up to the first query."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("KG_")} | environ
    command = [*COMMAND, "--data", str(data), "--port", "0", *options]
    with subprocess.Popen(command, env=clean, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
        try:
            assert process.stdout is not None
            said = ""
            while not said.endswith(("}'\n", "/graphs\n")):
                line = process.stdout.readline()
                assert line, process.stderr.read() if process.stderr else ""
                said += line
            yield process, said
        finally:
            end(process)


def end(process: subprocess.Popen[str]) -> None:
    """Kill a server with all its processes, the parent first so that it replaces none."""
    pids = tree(process.pid) if process.poll() is None else []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait(60)
    wait_until(lambda: not any(alive(pid) for pid in pids), "every process of the server has ended")


def alive(pid: int) -> bool:
    """Return whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(") ")[2][:1] not in ("Z", "X")
    except OSError:
        return False


def wait_until(true: Callable[[], object], what: str, seconds: float = _PATIENCE) -> float:
    """Wait until a condition holds, and return the seconds it took; fail on timeout."""
    begun, pause = time.monotonic(), _START
    while not true():
        assert time.monotonic() - begun < seconds, f"not within {seconds:g} s: {what}"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    return time.monotonic() - begun


@dataclass(frozen=True)
class Reply:
    """A complete response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        process: the supervisor.
        said: what it printed.
        port: where it listens.
        log: what it and its children wrote to the standard error.
        data: its data directory.
    """

    process: subprocess.Popen[str]
    said: str
    port: int
    log: Path
    data: Path

    @property
    def base(self) -> str:
        """The base IRI, as long as it has been on one port."""
        return f"http://127.0.0.1:{self.port}/"

    def writer(self) -> int | None:
        """Return the process that owns the store, if there is one now."""
        return next((pid for pid in children(self.process.pid) if called(pid) == "kg writer"), None)

    def webs(self) -> list[int]:
        """Return the web processes, in the order of their indexes."""
        found = {pid: called(pid) for pid in children(self.process.pid)}
        return sorted((pid for pid, name in found.items() if name.startswith("kg web")), key=lambda pid: found[pid])

    def readers(self) -> list[int]:
        """Return the reader processes of all web processes."""
        return [pid for launcher in self.launchers() for pid in children(launcher) if called(pid) == "kg reader"]

    def launchers(self) -> list[int]:
        """Return the processes that launch the readers."""
        return [pid for web in self.webs() for pid in children(web) if called(pid) == "kg launcher"]

    def metric(self, name: str) -> float:
        """Read one number of the metrics."""
        text = self.ask("GET", "/metrics", headers=WRITER).body.decode()
        found = re.search(rf"^claimgraph_{re.escape(name)} (\S+)$", text, re.MULTILINE)
        assert found, text
        return float(found[1])

    def connect(self, timeout: float = 60) -> http.client.HTTPConnection:
        """Return a client with one keep-alive connection."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(
        self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send one request on a connection of its own.

        Raises:
            OSError, http.client.HTTPException: there is no response.
        """
        connection = self.connect()
        try:
            return send(connection, method, target, body, headers)
        finally:
            connection.close()

    def query(self, text: str, **parameters: str) -> Reply:
        """Run a query."""
        more = "".join(f"&{name}={quote(value)}" for name, value in parameters.items())
        return self.ask("GET", f"/sparql?query={quote(text)}{more}", headers={"Accept": "text/csv"})

    def update(self, text: str) -> Reply:
        """Send an update."""
        headers = WRITER | {"Content-Type": "application/sparql-update"}
        return self.ask("POST", "/update", text.encode(), headers)

    def answers(self) -> bool:
        """Return whether it responds to a query now."""
        try:
            return self.query("SELECT * { }").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def wait(self) -> float:
        """Wait until it responds to a query, and return the seconds it took."""

        def answers() -> bool:
            assert self.process.poll() is None, self.log.read_text("utf-8")
            return self.answers()

        return wait_until(answers, "the server answers")


def send(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Send one request on a connection that may be reused."""
    connection.request(method, target, body, dict(headers or {}))
    answer = connection.getresponse()
    return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())


def called(pid: int) -> str:
    """Return the name of a living process, as `ps` and `top` show it."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text("utf-8").strip() if alive(pid) else ""
    return ""


def children(pid: int) -> list[int]:
    """List the children of a process, of all its threads, the oldest first."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(word) for word in task.read_text("utf-8").split()]
    return found


@contextmanager
def running(folder: Path, *options: str, **environ: str) -> Iterator[Server]:
    """Run a server with its data and its log in a folder; afterwards none of its processes is left."""
    data, log = folder / "data", folder / "log"
    environ = {"KG_TOKEN": TOKEN, "KG_LOG": "off"} | environ
    with (
        log.open("a", encoding="utf-8") as errors,
        serving(data, *options, errors=errors, **environ) as (process, said),
    ):
        address = re.search(r"listens on http://[^:]+:(\d+)/", said)
        assert address
        server = Server(process, said, int(address[1]), log, data)
        server.wait()
        yield server


def doctor(data: Path) -> str:
    """Run `kg doctor` over every statement of a store; fail if it finds a fault."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("KG_")}
    command = [*PYTHON, "doctor", "--data", str(data), "--full", "--json"]
    result = subprocess.run(command, env=clean, capture_output=True, text=True, timeout=300, check=False)
    assert '"check"' in result.stdout, result.stdout + result.stderr
    return result.stdout
