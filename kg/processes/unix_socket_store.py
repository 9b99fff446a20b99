"""Store of a running server, for commands on the same data directory: its newest snapshot, and its writer.

The writer listens on a Unix socket in the data directory, which only the owner of the directory can reach. So a command
needs no address and no token, and a copy of the directory, or a socket that a killed server has left, leads nowhere.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from kg.errors import Busy, StoreUnavailable
from kg.processes import ipc_messages
from kg.processes.remote_store import RemoteStore, StoreDescription
from kg.rdf import oxigraph
from kg.rdf.query_request_and_result import QueryDataset, QueryResult, ResultFormats
from kg.sparql.checked_query_evaluation import NestingLimits, QueryEvaluator
from kg.store.prepared_writes_and_conflicts import GraphContent, PreparedWrite
from kg.store.recent_commits import property_key
from kg.store.snapshots import HeldSnapshots, last_number
from kg.store.store_protocols import Outcome, Subject

SOCKET = "server.sock"
"""Name of the socket in the data directory; it is in no backup."""

_PATIENCE = 3600.0
"""Seconds that a command waits for writes of others."""


def listen(directory: Path) -> socket.socket:
    """Return a socket that listens in a data directory; it replaces one that a killed server has left.

    Raises:
        StoreUnavailable: it cannot be made.
    """
    listener = socket.socket(socket.AF_UNIX)
    try:
        with _short(directory) as path:
            with contextlib.suppress(FileNotFoundError):
                Path(path).unlink()
            before = os.umask(0o177)
            try:
                listener.bind(path)
            finally:
                os.umask(before)
        listener.listen()
    except OSError as error:
        listener.close()
        raise StoreUnavailable(f"No socket can be made in the data directory: {error.strerror}.") from None
    listener.setblocking(False)
    return listener


def connect(directory: Path, limits: NestingLimits) -> RunningServerStore | None:
    """Return the store of the server that runs on a data directory; ``None`` if none does.

    Raises:
        StoreUnavailable: the metadata of the directory is damaged.
    """
    channel = socket.socket(socket.AF_UNIX)
    try:
        with _short(directory) as path:
            channel.connect(path)
    except OSError:
        channel.close()
        return None
    snapshots = HeldSnapshots(directory, lambda: last_number(directory))
    return RunningServerStore(
        StoreDescription.read(directory),
        lambda: last_number(directory),
        _SnapshotQueries(snapshots, limits).run,
        _Writer(channel).commit,
    )


class RunningServerStore(RemoteStore):
    """Store of a running server, whose writes depend on what this process has read before."""

    _since = 0  # snapshot before the first of these reads; 0 if there is none
    _properties: frozenset[str] = frozenset()

    def match(
        self,
        subject: Subject | None,
        predicate: oxigraph.NamedNode | None,
        obj: oxigraph.Term | None,
        graph: str | None = None,
    ) -> list[oxigraph.Quad]:
        """Return the quads that match, and record which property was read; see :meth:`Reads.match`."""
        if isinstance(subject, oxigraph.NamedNode):
            self._since = self._since or self.number
            self._properties |= {property_key(subject.value, predicate.value if predicate else None)}
        return super().match(subject, predicate, obj, graph)

    def replace(self, graphs: Mapping[str, Iterable[oxigraph.Triple] | None]) -> Outcome:
        """Replace whole graphs in one transaction; see :meth:`Writes.replace`.

        Raises:
            Busy: another write has changed what was read since the last call.
        """
        contents = tuple(GraphContent.of(name, triples) for name, triples in graphs.items())
        write = PreparedWrite("replace", contents, self._since, self._properties)
        self._since, self._properties = 0, frozenset()
        return self._commit(write)


@contextmanager
def _short(directory: Path) -> Iterator[str]:
    """Yield a path of the socket that is short enough for the system, which allows about a hundred bytes."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}"
    finally:
        os.close(descriptor)


class _SnapshotQueries:
    """Evaluation of queries on the newest snapshot, in this process."""

    def __init__(self, snapshots: HeldSnapshots, limits: NestingLimits) -> None:
        self._snapshots = snapshots
        self._evaluator = QueryEvaluator(limits)
        self._engine = lru_cache(1)(oxigraph.open_snapshot)

    def run(self, text: str, choice: ResultFormats, request: QueryDataset) -> QueryResult:
        """Run a query."""
        with self._snapshots.held() as snapshot:
            return self._evaluator.evaluate(self._engine(snapshot.path), text, choice, request)


class _Writer:
    """Blocking connection to the writer."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._unpacker = ipc_messages.MessageUnpacker()
        self._lock = threading.Lock()
        self._last = 0

    def commit(self, write: PreparedWrite) -> Outcome:
        """Commit a prepared write.

        Raises:
            Busy: it depends on something that another write has changed.
            StoreUnavailable: the server has ended.
            ClaimgraphError: the write was refused.
        """
        with self._lock:
            self._last += 1
            header, content = write.pack()
            request = {"id": self._last, "expires": time.monotonic() + _PATIENCE, "write": header}
            reply = self._exchange(ipc_messages.pack(request, content))
        if "outdated" in reply:
            raise Busy("Another write has changed what this one depends on.", remedy="Repeat the command.")
        if "error" in reply:
            reply.pop("id")
            raise ipc_messages.decode_error(reply)
        outcome: Outcome = reply["outcome"]
        return outcome

    def _exchange(self, message: bytes) -> dict[str, Any]:
        """Send a request and return its reply; other messages are for web processes."""
        try:
            self._channel.sendall(message)
            found = self._unpacker.feed(b"")
            while found is None or found[0].get("id") != self._last:
                if found is None:
                    data = self._channel.recv(1 << 16)
                    if not data:
                        raise ConnectionResetError
                    found = self._unpacker.feed(data)
                else:
                    found = self._unpacker.feed(b"")
        except OSError:
            raise StoreUnavailable(
                "The server ended during this write; it is stored completely or not at all.",
                remedy="Check which, and repeat the command.",
            ) from None
        return found[0]
