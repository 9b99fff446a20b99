"""Dataset on disk: named graphs, and their union as the default graph.

The engine can present the union of all graphs as the default graph, but as a *bag*: a triple in two graphs matches
twice, so every count over two articles that name the same person would be wrong. The union is therefore materialised in
the engine's default graph, in the same transaction as each write. A ``bare`` store has no union: it is a plain
SPARQL 1.1 dataset.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kg.errors import StorageFull, StoreInUse, StoreUnavailable
from kg.files import disk_space
from kg.iris import Names
from kg.rdf import oxigraph, oxigraph_queries
from kg.rdf.query_request_and_result import QueryDataset
from kg.sparql import inserted_literals, query_and_update_analysis, request_policy
from kg.sparql.checked_query_evaluation import NestingLimits, QueryEvaluator
from kg.sparql.rewriting import update_dataset_and_confinement
from kg.sparql.rewriting.engine_rewriting import rewritten_update
from kg.store import directory_metadata, union_graph_maintenance
from kg.store.engine_view import EngineView
from kg.store.quad_chunks import chunks
from kg.store.recent_commits import Commit, CommitHistory, property_key
from kg.store.snapshots import last_number
from kg.store.store_protocols import Outcome, Triples

_CHECK_SECONDS = 5.0
"""Seconds for which a store is read before it is served."""


@dataclass(frozen=True)
class StoreOptions:
    """Options for opening or creating a store.

    Attributes:
        directory: data directory; ``None`` for a store in memory.
        base: base IRI, ending in ``/``. For a new store ``None`` means ``http://127.0.0.1:8000/``; that of an existing
            store must be equal, and ``None`` accepts it.
        bare: whether it is a plain SPARQL 1.1 store, without managed graphs or union default graph.
        depth: limits on the nesting and length of queries and updates.
    """

    directory: Path | None = None
    base: str | None = None
    bare: bool = False
    depth: NestingLimits = field(default_factory=NestingLimits)


class Store(EngineView):
    """One dataset, read and written without limits; thread-safe, with one write at a time.

    It implements all protocols of :mod:`kg.store.store_protocols`, and adds updates, loads and checkpoints.

    Attributes:
        directory: data directory; ``None`` in memory.
    """

    def __init__(self, settings: StoreOptions) -> None:
        """Open or create the dataset.

        Raises:
            StoreUnavailable: the store is open in another process, is not a store, or has another kind or base IRI.
        """
        directory = settings.directory
        self._file = directory / directory_metadata.FILE if directory else None
        base = settings.base or "http://127.0.0.1:8000/"
        known = directory_metadata.DirectoryMetadata(base=base, bare=settings.bare, ready=False, id="")
        if self._file and self._file.exists():
            known = directory_metadata.read(self._file)
        directory_metadata.check(known, settings.base, bare=settings.bare)
        named = bool(known["id"])
        self._known = known if named else {**known, "id": secrets.token_hex(8)}
        if directory:
            directory_metadata.make_directory(directory)
        engine = oxigraph.open_store(directory / "store" if directory else None)
        super().__init__(engine, Names(known["base"]), self._known["id"], bare=settings.bare)
        # If the process was killed, the store may hold commits after the newest snapshot: its state needs a new number.
        self._history = CommitHistory(last_number(directory) + 1 if directory else 1)
        self.directory = directory
        self._depth = settings.depth
        self._evaluator = QueryEvaluator(settings.depth)
        self._lock = threading.RLock()
        self._counting = threading.Lock()
        self._sizes: dict[str, int] = {}
        self._written: dict[str, int] = {}
        self._failed = False
        if not named:
            self._describe()

    @property
    def version(self) -> int:
        """Number of the last commit; it continues from the newest snapshot."""
        return self._history.number

    @property
    def number(self) -> int:
        """Number of the last commit that reads see: here always the newest."""
        return self.version

    @property
    def is_new(self) -> bool:
        """Whether the store still lacks its initial content; see :meth:`made_ready`."""
        return not self._known["ready"]

    def made_ready(self) -> None:
        """Record that a new store has received its initial content, so that it is not added again."""
        self._known["ready"] = True
        self._describe()

    def _describe(self) -> None:
        """Write the metadata file."""
        if self._file:
            directory_metadata.write(self._file, self._known)

    def check_readable(self, enough: Callable[[], bool] | None = None) -> None:
        """Read the triples of all graphs, so that a damaged store never serves or counts.

        They are read one by one, because ``COUNT`` in the engine never ends on a damaged block: it gets the same error
        again and again. They are read until ``enough`` is true, by default for :data:`_CHECK_SECONDS`.

        Raises:
            StoreUnavailable: a file of the store is damaged.
        """
        until = time.monotonic() + _CHECK_SECONDS
        graphs: list[oxigraph.GraphName] = [oxigraph.DefaultGraph(), *map(oxigraph.NamedNode, self.graphs())]
        for graph in graphs:
            for _ in oxigraph.matching(self._engine, None, None, None, graph):
                if enough() if enough else time.monotonic() > until:
                    return

    def sizes(self) -> dict[str, int]:
        """Return the number of triples in each named graph, sorted by name.

        Only graphs that were written since the last call are counted again.
        """
        with self._counting:
            version, names = self.version, self.graphs()
            sizes = {name: self._sizes[name] if name in self._sizes else self.count(name) for name in names}
            with self._lock:
                if version == self.version:  # a commit during the count could make the numbers stale
                    self._sizes = dict(sizes)
            return sizes

    def written(self, family: str) -> int:
        """Return the number of the last commit that wrote a graph of a family (:meth:`kg.iris.Names.family`), or 0."""
        return self._written.get(family, 0)

    def commits_since(self, number: int) -> list[Commit] | None:
        """Return the commits after the one with that number, oldest first; ``None`` if not all are remembered."""
        return self._history.since(number)

    def continues(self, managed: int) -> None:
        """Record that the commits after that number, up to the start of this process, changed no managed graph."""
        self._history.continue_from(managed)

    # ---- writing

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Block other writers for the duration of a block that reads, decides and writes."""
        with self._lock:
            yield

    def replace(self, graphs: Mapping[str, Iterable[oxigraph.Triple] | None]) -> Outcome:
        """Replace whole graphs in one transaction; ``None`` drops a graph.

        Returns:
            ``"created"`` if the first graph did not exist, ``"unchanged"`` if nothing had to be written, otherwise
            ``"replaced"``.
        """
        with self._lock:
            wanted = {name: None if items is None else oxigraph.canonical(items) for name, items in graphs.items()}
            before = {name: set(self.triples(name)) for name in wanted if self.has_graph(name)}
            if all(before.get(name) == items for name, items in wanted.items()):
                return "unchanged"
            created = next(iter(wanted)) not in before
            properties = self._changed_properties(before, wanted)
            changed = Commit(0, frozenset(wanted), properties)
            if not before and all(wanted.values()):
                added = {name: items or () for name, items in wanted.items()}
                self._add(oxigraph.quads_of(added, union=not self.bare), changed)
            else:
                self._commit(" ;\n".join(self._replacement(before, wanted)), changed)
            return "created" if created else "replaced"

    def _add(self, quads: Iterable[oxigraph.Quad], changed: Commit) -> None:
        """Add quads in one transaction, with much less memory than an update whose text contains them all."""
        with self._writing():
            self._engine.extend(quads)
            self._noted(changed)
            self._engine.flush()

    def _replacement(
        self, before: Mapping[str, set[oxigraph.Triple]], wanted: Mapping[str, set[oxigraph.Triple] | None]
    ) -> list[str]:
        """Return the operations that replace graphs: only what differs, unless a blank node or an empty graph does."""
        removed = {name: items - (wanted[name] or set()) for name, items in before.items()}
        added = {name: (items or set()) - before.get(name, set()) for name, items in wanted.items()}
        full = all(before.get(name, True) if items is None else items for name, items in wanted.items())
        if full and not _names_blank_node(removed.values()):
            return union_graph_maintenance.change(self._engine, removed, added, bare=self.bare)
        return union_graph_maintenance.replacement(wanted, bare=self.bare)

    def _changed_properties(
        self, before: Mapping[str, set[oxigraph.Triple]], wanted: Mapping[str, set[oxigraph.Triple] | None]
    ) -> frozenset[str]:
        """Return the properties (:func:`property_key`) that change when managed graphs are replaced.

        A triple that another graph holds, too, changes nothing: articles that describe the same person alike can be
        stored at the same time. Only the reference graph is also read by itself.
        """
        found: set[str] = set()
        for name in wanted if not self.bare else ():
            if not self.names.is_managed(name):
                continue
            alone = name == self.names.reference_graph
            for triple in before.get(name, set()) ^ (wanted[name] or set()):
                if alone or not self._is_elsewhere(triple, wanted):
                    subject = oxigraph.subject_of(triple)
                    found |= {property_key(subject, triple.predicate.value), property_key(subject, None)}
        return frozenset(found)

    def _is_elsewhere(self, triple: oxigraph.Triple, graphs: Container[str]) -> bool:
        """Return whether a named graph other than these holds a triple; it looks no further than the first."""
        held = self._engine.quads_for_pattern(triple.subject, triple.predicate, triple.object, None)
        names = (quad.graph_name for quad in held)
        return any(isinstance(name, oxigraph.NamedNode) and name.value not in graphs for name in names)

    def change(self, removed: Triples, added: Triples) -> None:
        """Remove and add triples in one transaction, at a cost that does not depend on the size of the graphs.

        See :func:`kg.store.union_graph_maintenance.change` for the form of the triples.
        """
        with self._lock:
            if steps := union_graph_maintenance.change(self._engine, removed, added, bare=self.bare):
                self._commit(" ;\n".join(steps), Commit(0, frozenset({**removed, **added})))

    def merge(self, graph: str | None, triples: Iterable[oxigraph.Triple]) -> bool:
        """Add triples to a graph (``None``: the default graph) in one transaction; return whether it is new."""
        with self._lock:
            new = graph is not None and not self.has_graph(graph)
            if graph is not None and (items := list(triples)):
                self._add(oxigraph.quads_of({graph: items}, union=not self.bare), Commit(0, frozenset((graph,))))
                return new
            create = "" if graph is None else f"CREATE SILENT GRAPH <{graph}> ;\n"
            text = create + union_graph_maintenance.insert([(graph, triples if graph is None else ())], bare=self.bare)
            self._commit(text, Commit(0, frozenset(() if graph is None else (graph,))))
            return new

    def clear_default(self, triples: Iterable[oxigraph.Triple] | None) -> None:
        """Replace the content of a bare store's default graph; ``None`` empties it."""
        with self._lock:
            text = "CLEAR DEFAULT ;\n" + union_graph_maintenance.insert([(None, triples or ())], bare=self.bare)
            self._commit(text, Commit(0, frozenset()))

    def load(self, quads: Iterable[oxigraph.Quad], graph: str) -> int:
        """Add many quads in chunks, each of which is one transaction, and return their number.

        Quads without a graph go to ``graph``. Loading again adds nothing twice (except blank nodes), so an
        interrupted load can be resumed by repeating it.

        Raises:
            Forbidden: a quad names a managed graph.
            BadInput: a graph is named by a blank node.
        """
        count = 0
        for chunk in chunks(quads, graph):
            for name in {oxigraph.graph_of(quad) for quad in chunk}:
                self.refuse_managed(name)
            # A triple without a graph name is one of the default graph, here the union.
            nameless = [] if self.bare else [oxigraph.Quad(q.subject, q.predicate, q.object) for q in chunk]
            with self._lock:
                self._add([*chunk, *nameless], Commit(0, frozenset(map(oxigraph.graph_of, chunk))))
            count += len(chunk)
        return count

    def compact(self) -> None:
        """Merge the engine's files after many writes: then aggregates take about half the time."""
        with self._lock, self._writing():
            oxigraph.compact(self._engine)

    def update(self, text: str, request: QueryDataset | None = None) -> None:
        """Run a user's SPARQL update in one transaction.

        Raises:
            MalformedText, TooLarge, UsingConflict, Forbidden (LOAD, SERVICE, a managed graph).
            BadInput: it inserts a literal that :mod:`kg.rdf.literal_limits` refuses.
        """
        request = request or QueryDataset()
        base = request.base or self.names.base
        self._depth.check(text)
        parsed = _parsed(text, base)
        request_policy.check_syntax(text, base)
        if request.default_graphs or request.named_graphs:
            text = update_dataset_and_confinement.with_using(text, request.default_graphs, request.named_graphs)
            parsed = query_and_update_analysis.UpdateAnalysis.parse(text, base)
        self._refuse_targets(parsed)  # first on the user's own text, so that an error names a place in it
        # Then again on the text that will run, with all IRIs in full and without declarations that could change them.
        text = update_dataset_and_confinement.expanded(text, base)
        inserted_literals.check(text)
        parsed = query_and_update_analysis.UpdateAnalysis.parse(text, base)
        if parsed.malformed:
            request_policy.refuse_malformed(text, parsed.malformed, lambda: oxigraph_queries.check_update(text, base))
        request_policy.refuse_load(parsed)
        for rewrite in (update_dataset_and_confinement.without_illegal_graphs, rewritten_update):
            text = rewrite(parsed)
            parsed = query_and_update_analysis.UpdateAnalysis.parse(text, base)
        if parsed.operations:
            with self._lock:
                # Any user graph may have been written.
                users = [name for name in self._sizes if self.bare or not self.names.is_managed(name)]
                changed = Commit(0, frozenset(users), users=True)
                self._commit(text if self.bare else self._with_union(parsed), changed, base)

    def refuse_targets(self, text: str, base: str) -> None:
        """Check that an update names no managed graph to write; malformed text is left to :meth:`update`.

        Raises:
            Forbidden: it names a managed graph.
        """
        self._refuse_targets(query_and_update_analysis.UpdateAnalysis.parse(text, base))

    def _refuse_targets(self, update: query_and_update_analysis.UpdateAnalysis) -> None:
        if not (self.bare or update.malformed):
            request_policy.confine(update, self.names)

    def _with_union(self, update: query_and_update_analysis.UpdateAnalysis) -> str:
        """Return an update that is confined to user graphs and also updates the union, in the same transaction."""
        confined = request_policy.confine(update, self.names)
        written, unknown = update_dataset_and_confinement.written(update, self.names.default_graph)
        if unknown:
            written |= {graph for graph in self.graphs() if not self.names.is_managed(graph)}
        return union_graph_maintenance.follow(confined, written, self.names, unknown=unknown)

    def checkpoint(self, path: Path) -> int:
        """Write an immutable copy of the current dataset, and return the number of the last commit in it."""
        with self._lock:
            oxigraph.checkpoint(self._engine, path)
            return self.version

    def _commit(self, text: str, changed: Commit, base: str | None = None) -> None:
        with self._writing():
            oxigraph_queries.update(self._engine, text, base)
            self._noted(changed)
            self._engine.flush()

    def _noted(self, changed: Commit) -> None:
        """Number and remember a commit, and discard the cached sizes of the graphs that it may have changed."""
        self._history.add(changed)
        for name in changed.graphs:
            self._sizes.pop(name, None)
            self._written[self.names.family(name)] = self.version

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Guard a write: check the free space, and reopen the engine if the disk failed at an earlier write."""
        if self.directory:
            disk_space.require(self.directory)
            if self._failed:
                self._reopen(self.directory / "store")
        try:
            with oxigraph.reading(), disk_space.writing():
                yield
        except StoreUnavailable:
            self._failed = True
            raise

    def _reopen(self, place: Path) -> None:
        """Reopen the engine, which after a disk error refuses every write; reads continue meanwhile."""
        try:
            self._engine = oxigraph.open_snapshot(place)  # for reads; it also releases the lock of the old engine
            self._engine = oxigraph.open_store(place)
        except StorageFull:
            raise
        except StoreInUse:  # a read in progress still uses the old engine
            raise StoreUnavailable("The store is being reopened.", remedy="Retry in a moment.") from None
        except StoreUnavailable:
            raise disk_space.damaged() from None
        self._failed = False


def _names_blank_node(graphs: Iterable[set[oxigraph.Triple]]) -> bool:
    return any(oxigraph.has_blank_node(triple) for triples in graphs for triple in triples)


def _parsed(text: str, base: str) -> query_and_update_analysis.UpdateAnalysis:
    """Return the analysis of an update without faults and without LOAD."""
    parsed = query_and_update_analysis.UpdateAnalysis.parse(text, base)
    if parsed.malformed:
        request_policy.refuse_malformed(text, parsed.malformed, lambda: oxigraph_queries.check_update(text, base))
    request_policy.refuse_load(parsed)
    return parsed
