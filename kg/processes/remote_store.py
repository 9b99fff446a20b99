"""Store of a web process: reads the newest snapshot by readers, and writes by the writer process."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kg.errors import Busy
from kg.iris import Names
from kg.processes.request_snapshot_view import RequestSnapshotView, RunQuery
from kg.processes.writer_connection import News
from kg.rdf import oxigraph
from kg.sparql import query_and_update_analysis, request_policy
from kg.store import directory_metadata
from kg.store.prepared_writes_and_conflicts import GraphContent, Operation, PreparedWrite
from kg.store.quad_chunks import chunks
from kg.store.store_protocols import Outcome, Triples

_LOCK_SECONDS = 30.0
"""Seconds that a decision about links waits for the decisions of other processes."""

_LOCK_PAUSE = 0.005


@dataclass(frozen=True)
class StoreDescription:
    """What is fixed about a store, as its directory says.

    Attributes:
        directory: data directory.
        names: IRIs of the dataset.
        bare: whether it is a plain SPARQL 1.1 dataset.
        identity: random identifier of the dataset.
    """

    directory: Path
    names: Names
    bare: bool
    identity: str

    @classmethod
    def read(cls, directory: Path) -> StoreDescription:
        """Read the description of an existing store.

        Raises:
            StoreUnavailable: there is none, or it is damaged.
        """
        known = directory_metadata.read(directory / directory_metadata.FILE)
        return cls(directory, Names(known["base"]), known["bare"], known["id"])


class RemoteStore(RequestSnapshotView):
    """Whole dataset of a server (:class:`kg.store.store_protocols.Dataset`), in a process that has not opened it.

    Each call reads the newest snapshot. Use it in worker threads only, as calls block.

    Attributes:
        directory: data directory.
    """

    def __init__(
        self,
        description: StoreDescription,
        newest: Callable[[], int],
        run: RunQuery,
        commit: Callable[[PreparedWrite], Outcome],
    ) -> None:
        """Read by ``run`` and write by ``commit``; ``newest`` returns the number of the newest snapshot."""
        super().__init__(description, run, 0)
        self.directory = description.directory
        self._newest = newest
        self._commit = commit
        self._lock = threading.RLock()
        self._depth = 0
        self._counting = threading.Lock()
        self._counts: dict[str, int] = {}
        self._counted = -1
        self._changed: dict[str, int] = {}
        self._all_changed = 0
        self._users_changed = 0
        self._heard = 0

    # ---- news of the writer

    @property
    def number(self) -> int:
        """Number of the newest snapshot."""
        return self._newest()

    @property
    def version(self) -> int:
        """Number of the last commit, which is that of the newest snapshot."""
        return self._newest()

    def note(self, news: News) -> None:
        """Record which graphs were written."""
        number = news.number or self._newest()
        if news.graphs is None:
            self._all_changed = number
        for graph in news.graphs or ():
            self._changed[graph] = number
        if news.users:
            self._users_changed = number
        self._heard = max(self._heard, number)

    def _changed_since(self, number: int, graph: str) -> bool:
        """Return whether a graph may have been written after a snapshot."""
        users = self._users_changed if self.bare or not self.names.is_managed(graph) else 0
        return max(self._changed.get(graph, 0), self._all_changed, users) > number

    def written(self, family: str) -> int:
        """Return the number of the last commit that wrote a graph of a family, or a higher one if that is unknown."""
        newest = self._newest()
        if newest > self._heard:
            return newest
        graphs = (number for graph, number in self._changed.items() if self.names.family(graph) == family)
        return max(self._all_changed, *graphs, 0)

    def sizes(self) -> dict[str, int]:
        """Return the number of triples of each named graph; only those written since the last call are counted."""
        with self._counting:
            newest = self._newest()
            if newest > self._heard:  # its news is on its way
                self._counts = {}
            graphs = self.graphs()
            self._counts = {
                graph: self._counts[graph]
                if graph in self._counts and not self._changed_since(self._counted, graph)
                else self.count(graph)
                for graph in graphs
            }
            self._counted = newest
            return dict(self._counts)

    # ---- writing

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Block the decisions of all processes for the duration of a block that reads, decides and writes.

        Raises:
            Busy: others take too long.
        """
        with self._lock:
            if self._depth:
                yield
                return
            descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                _wait_for_lock(descriptor)
                self._depth = 1
                yield
            finally:
                self._depth = 0
                os.close(descriptor)

    def replace(self, graphs: Mapping[str, Iterable[oxigraph.Triple] | None]) -> Outcome:
        """Replace whole graphs in one transaction; see :meth:`Writes.replace`."""
        return self._write("replace", [GraphContent.of(name, triples) for name, triples in graphs.items()])

    def change(self, removed: Triples, added: Triples) -> None:
        """Remove and add triples in one transaction; see :meth:`kg.store.store.Store.change`."""
        contents = [GraphContent.of(graph, triples, removes=True) for graph, triples in removed.items()]
        contents += [GraphContent.of(graph, triples) for graph, triples in added.items()]
        if any(it.triples for it in contents):
            self._write("change", contents)

    def merge(self, graph: str | None, triples: Iterable[oxigraph.Triple]) -> bool:
        """Add triples to a graph; see :meth:`Writes.merge`."""
        return self._write("merge", [GraphContent.of(graph, triples)]) == "created"

    def clear_default(self, triples: Iterable[oxigraph.Triple] | None) -> None:
        """Replace the content of a bare store's default graph; ``None`` empties it."""
        self._write("clear", [GraphContent.of(None, triples or ())])

    def load(self, quads: Iterable[oxigraph.Quad], graph: str) -> int:
        """Add many quads in chunks, each of which is one transaction; see :meth:`kg.store.store.Store.load`."""
        count = 0
        for chunk in chunks(quads, graph):
            by_graph: dict[str, list[oxigraph.Triple]] = defaultdict(list)
            for quad in chunk:
                by_graph[oxigraph.graph_of(quad)].append(quad.triple)
            for name in by_graph:
                self.refuse_managed(name)
            self._write("load", [GraphContent.of(name, triples) for name, triples in by_graph.items()])
            count += len(chunk)
        return count

    def compact(self) -> None:
        """Do nothing: the engine of the writer compacts its files in the background."""

    def _write(self, operation: Operation, contents: list[GraphContent]) -> Outcome:
        return self._commit(PreparedWrite(operation, tuple(contents)))

    def refuse_managed(self, graph: str) -> None:
        """Check that a graph is not managed.

        Raises:
            Forbidden: only the server writes it.
        """
        if not self.bare and self.names.is_managed(graph):
            raise request_policy.managed(graph)

    def refuse_targets(self, text: str, base: str) -> None:
        """Check that an update names no managed graph to write; malformed text is left to the update itself.

        Raises:
            Forbidden: it names a managed graph.
        """
        update = query_and_update_analysis.UpdateAnalysis.parse(text, base)
        if not (self.bare or update.malformed):
            request_policy.confine(update, self.names)


def _wait_for_lock(descriptor: int) -> None:
    """Lock a directory (flock(2)); the lock ends with the descriptor, hence also with the process.

    Raises:
        Busy: another process holds it for too long.
    """
    until = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise Busy("Other decisions about links take too long.", remedy="Retry in a moment.") from None
            time.sleep(_LOCK_PAUSE)
        else:
            return
