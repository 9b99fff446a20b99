"""Prepared writes: the content of a write, made on a snapshot, and committed if what it has read there still holds.

Whatever takes long (parsing, mapping, the gate, the closure) happens on a snapshot in one process; the commit happens
in another, which owns the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from kg.iris import Names
from kg.rdf import oxigraph
from kg.store.engine_view import EngineView
from kg.store.recent_commits import property_key
from kg.store.store import Store
from kg.store.store_protocols import Outcome, Subject

Operation = Literal["replace", "merge", "clear", "change", "load"]
"""Method of the store that commits the write."""

_NTRIPLES = "application/n-triples"


class Outdated(Exception):
    """A commit has changed what a prepared write has read."""


@dataclass(frozen=True)
class GraphContent:
    """Triples for one graph.

    Attributes:
        graph: IRI of the graph; ``None`` for the default graph.
        triples: the triples as N-Triples; ``None`` to drop the graph.
        removes: whether a ``change`` removes the triples.
    """

    graph: str | None
    triples: bytes | None
    removes: bool = False

    @classmethod
    def of(cls, graph: str | None, triples: Iterable[oxigraph.Triple] | None, *, removes: bool = False) -> GraphContent:
        """Return the content for a graph."""
        return cls(graph, None if triples is None else oxigraph.serialize(triples, _NTRIPLES), removes)

    def parsed(self) -> list[oxigraph.Triple]:
        """Return the triples."""
        return [quad.triple for quad in oxigraph.parse_as_is(self.triples or b"")]


@dataclass(frozen=True)
class PreparedWrite:
    """A write that is ready to be committed.

    Attributes:
        operation: see :data:`Operation`.
        contents: the triples of each graph.
        since: number of the snapshot that the preparation has read.
        properties: properties in managed graphs that it has read (:func:`kg.store.recent_commits.property_key`); if
            any of them has changed, it is outdated.
    """

    operation: Operation
    contents: tuple[GraphContent, ...]
    since: int = 0
    properties: frozenset[str] = field(default=frozenset(), repr=False)

    def pack(self) -> tuple[dict[str, Any], bytes]:
        """Return the write as a JSON object and raw content, for another process."""
        parts = [(it.graph, None if it.triples is None else len(it.triples), it.removes) for it in self.contents]
        header = {
            "operation": self.operation,
            "parts": parts,
            "since": self.since,
            "properties": sorted(self.properties),
        }
        return header, b"".join(it.triples or b"" for it in self.contents)

    @classmethod
    def unpack(cls, header: Mapping[str, Any], content: bytes) -> PreparedWrite:
        """Return the write that :meth:`pack` has packed."""
        contents, start = [], 0
        for graph, size, removes in header["parts"]:
            triples = None if size is None else content[start : start + size]
            start += size or 0
            contents.append(GraphContent(graph, triples, removes))
        return cls(header["operation"], tuple(contents), header["since"], frozenset(header["properties"]))

    def commit(self, store: Store) -> Outcome:
        """Commit the write in one transaction.

        Raises:
            Outdated: it must be prepared again; nothing is stored.
            StorageFull, StoreUnavailable: the disk refuses it.
        """
        with store.exclusive():
            self._check(store)
            return self._run(store)

    def _check(self, store: Store) -> None:
        if not self.properties:
            return
        commits = store.commits_since(self.since)
        if commits is None or any(not commit.properties.isdisjoint(self.properties) for commit in commits):
            raise Outdated

    def _run(self, store: Store) -> Outcome:
        if self.operation == "replace":
            return store.replace({str(it.graph): None if it.triples is None else it.parsed() for it in self.contents})
        if self.operation == "change":
            store.change(self._changed(removes=True), self._changed(removes=False))
            return "replaced"
        if self.operation == "load":
            store.load(self._quads(), store.names.default_graph)
            return "replaced"
        (content,) = self.contents
        if self.operation == "clear":
            store.clear_default(content.parsed())
            return "replaced"
        return "created" if store.merge(content.graph, content.parsed()) else "replaced"

    def _changed(self, *, removes: bool) -> dict[str, set[oxigraph.Triple]]:
        """Return the triples, by graph, that a ``change`` removes, or those that it adds."""
        return {str(it.graph): set(it.parsed()) for it in self.contents if it.removes is removes}

    def _quads(self) -> Iterator[oxigraph.Quad]:
        """Yield the quads of all contents, whose blank nodes are the same in all writes of one load."""
        for content in self.contents:
            name = oxigraph.NamedNode(str(content.graph))
            for triple in content.parsed():
                yield oxigraph.Quad(triple.subject, triple.predicate, triple.object, name)


class WriteRecorder(EngineView):
    """A snapshot for reading, which records what is read and the write that follows, in place of committing it.

    Attributes:
        prepared: the recorded write; ``None`` before there is one.
    """

    def __init__(self, engine: oxigraph.Engine, names: Names, number: int, *, bare: bool) -> None:
        super().__init__(engine, names, "", bare=bare)
        self.prepared: PreparedWrite | None = None
        self._number = number
        self._properties: set[str] = set()

    @property
    def number(self) -> int:
        """Number of the snapshot."""
        return self._number

    def match(
        self,
        subject: Subject | None,
        predicate: oxigraph.NamedNode | None,
        obj: oxigraph.Term | None,
        graph: str | None = None,
    ) -> list[oxigraph.Quad]:
        """Return the quads that match, and record which property was read; see :meth:`Reads.match`."""
        if isinstance(subject, oxigraph.NamedNode):
            self._properties.add(property_key(subject.value, predicate.value if predicate else None))
        return super().match(subject, predicate, obj, graph)

    def replace(self, graphs: Mapping[str, Iterable[oxigraph.Triple] | None]) -> Outcome:
        """Record that graphs are to be replaced; the outcome is known only after the commit."""
        self._record("replace", [GraphContent.of(name, triples) for name, triples in graphs.items()])
        return "replaced"

    def merge(self, graph: str | None, triples: Iterable[oxigraph.Triple]) -> bool:
        """Record that triples are to be added; whether the graph is new is known only after the commit."""
        self._record("merge", [GraphContent.of(graph, triples)])
        return False

    def clear_default(self, triples: Iterable[oxigraph.Triple] | None) -> None:
        """Record that the default graph is to be replaced."""
        self._record("clear", [GraphContent.of(None, triples or ())])

    def _record(self, operation: Operation, contents: list[GraphContent]) -> None:
        assert self.prepared is None, "a task prepares one transaction"
        self.prepared = PreparedWrite(operation, tuple(contents), self._number, frozenset(self._properties))
