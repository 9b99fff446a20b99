"""Servers of the comparison: preparation, start, queries and stop of each, on the same data."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from tests.bench import processes
from tests.bench.client import Client

_START = 60.0
"""Start timeout in seconds; loading into memory takes longer, see :class:`RdflibEndpoint`."""


@dataclass(frozen=True)
class Setting:
    """Parameters of the start of a peer.

    Attributes:
        corpus: directory that :mod:`tests.bench.corpus` made.
        deadline: time limit of a query, in seconds.
    """

    corpus: Path
    deadline: float = 30.0


@dataclass
class Peer:
    """A server of the comparison; this class is Claimgraph itself.

    Attributes:
        name: display name.
        program: name or path of its executable.
        advice: how to install it.
        path: path of the SPARQL endpoint, with a query string if it needs one.
        ends_queries: whether it can end a query; otherwise it is restarted after a query that timed out.
        in_memory: whether it loads the whole corpus at each start, so that one round has to do.
    """

    program: str = "kg"
    name: str = "claimgraph"
    advice: str = "pip install -e ."
    path: str = "/sparql?"
    ends_queries: bool = True
    in_memory: bool = False
    environment: dict[str, str] = field(default_factory=dict)

    def missing(self) -> str | None:
        """Return what is missing and how to install it, or an empty string."""
        if shutil.which(self.program) is None:
            return f"{self.name}: no `{self.program}` found; {self.advice}"
        return None

    def prepare(self, setting: Setting) -> float:
        """Load the data that the first start needs; return the seconds it took."""
        return 0.0

    def command(self, setting: Setting, port: int) -> list[str]:
        """Return the command line that serves the corpus on a port of the loopback interface."""
        self.environment = {"KG_TIMEOUT": str(setting.deadline), "KG_LOG": "off", "KG_TOKEN": "bench"}
        self.environment["KG_MAX_SENDING_BYTES"] = str(4 << 30)  # one address gets a quarter, and all clients share one
        return [self.program, "serve", "--data", str(setting.corpus / "data"), "--port", str(port)]

    def target(self, query: str) -> str:
        """Return the path and query string of a query; ``__N__`` in it stays unchanged."""
        return f"{self.path}query={quote(query, safe='')}"

    @property
    def start_limit(self) -> float:
        """Start timeout in seconds."""
        return _START


class Native(Peer):
    """Oxigraph's own server, in Rust, on a copy of the same engine directory.

    It is measured without a time limit unless ``limited``: with ``--timeout-s`` every query leaves a thread behind that
    sleeps for that time, so that some thousand queries a second exhaust the threads and the server ends.
    """

    def __init__(self, program: str = "oxigraph", *, limited: bool = False) -> None:
        name = "oxigraph --timeout-s" if limited else "oxigraph"
        super().__init__(program, name, "pip install oxigraph", "/query?", ends_queries=limited)

    def command(self, setting: Setting, port: int) -> list[str]:
        location = ["--location", str(setting.corpus / "native"), "--bind", f"127.0.0.1:{port}"]
        limit = ["--timeout-s", str(max(1, round(setting.deadline)))] if self.ends_queries else []
        return [self.program, "serve-read-only", *location, *limit]


class RdflibEndpoint(Peer):
    """rdflib-endpoint: FastAPI on rdflib's own query engine and store, in memory."""

    def __init__(self, program: str = "rdflib-endpoint") -> None:
        super().__init__(program, "rdflib-endpoint", "pip install rdflib-endpoint", "/?", False, True)

    def command(self, setting: Setting, port: int) -> list[str]:
        # Its default graph is the union of the named graphs anyway.
        return [self.program, "serve", "--host", "127.0.0.1", "--port", str(port), str(setting.corpus / "named.nq")]

    @property
    def start_limit(self) -> float:
        return 900.0


@dataclass
class Server:
    """A running peer.

    Attributes:
        started: seconds from the start of the process to the first correct response.
    """

    peer: Peer
    process: subprocess.Popen[bytes]
    port: int
    started: float = 0.0

    @property
    def pid(self) -> int:
        """Process id of the root of its process tree."""
        return self.process.pid

    def client(self, timeout: float = 60.0, source: str = "127.0.0.1") -> Client:
        """Connect, perhaps as somebody else: from another address of the loopback interface."""
        return Client(self.port, timeout, source)

    def stop(self) -> None:
        """End it with all its processes; kill it if it does not exit on request."""
        everyone = processes.tree(self.pid)
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(30 if self.peer.ends_queries else 3)
        for pid in everyone:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def running(peer: Peer, setting: Setting) -> Iterator[Server]:
    """Start a peer, wait for its first correct response, and stop it at the end.

    Raises:
        RuntimeError: it exited, or gave no correct response in time; the message names its log.
    """
    claim = (setting.corpus / "claims.txt").open(encoding="utf-8").readline().strip()
    query = f"SELECT ?id WHERE {{ <{claim}> <http://purl.org/dc/terms/identifier> ?id }}"
    port = free_port()
    log = setting.corpus / f"{peer.name}.log"
    command = peer.command(setting, port)
    with log.open("wb") as output:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, **peer.environment}, cwd=setting.corpus
        )
        server = Server(peer, process, port)
        try:
            expected = f'"{claim.rpartition("/")[2]}"'
            while expected not in _answer(server, query):
                if process.poll() is not None or time.perf_counter() - begin > peer.start_limit:
                    raise RuntimeError(f"{peer.name} did not start; see {log}.")
                time.sleep(0.005)
            server.started = time.perf_counter() - begin
            yield server
        finally:
            server.stop()


def _answer(server: Server, query: str) -> str:
    try:
        with server.client(5) as client:
            return client.get(server.peer.target(query)).content.decode("utf-8", "replace")
    except OSError:
        return ""


def free_port() -> int:
    """Return a free port below the range of ephemeral ports.

    Otherwise a client that polls the starting server could be assigned that very port and connect to itself; the server
    then finds its port in use.
    """
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("There is no free port.")


def default_program() -> str:
    """Find the `kg` of the environment that this runs in."""
    beside = Path(sys.executable).with_name("kg")
    return str(beside) if beside.exists() else "kg"
