"""Dataset on disk: named graphs, and their union as the default graph.

The engine can present the union of all graphs as the default graph, but as a *bag*: a triple in two graphs matches
twice, so every count over two articles that name the same person would be wrong. The union is therefore materialised in
the engine's default graph, in the same transaction as each write. A ``bare`` store has no union: it is a plain
SPARQL 1.1 dataset.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kg.errors import BadInput, StorageFull, StoreInUse, StoreUnavailable
from kg.files import disk_space
from kg.iris import Names
from kg.rdf import oxigraph
from kg.rdf.query_request_and_result import QueryDataset, QueryResult, ResultFormats
from kg.sparql import query_and_update_analysis, request_policy
from kg.sparql.query_evaluator import NestingLimits, QueryEvaluator
from kg.store import directory_metadata, union_graph_maintenance
from kg.store.snapshots import last_number
from kg.store.store_protocols import Outcome, Subject

_CHUNK = 50_000
"""Quads for each transaction of a load."""


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


class Store:
    """One dataset, read and written without limits; thread-safe, with one write at a time.

    It implements all protocols of :mod:`kg.store.store_protocols`, and adds updates, loads and checkpoints.

    Attributes:
        names: IRIs of this dataset.
        bare: see :class:`StoreOptions`.
        directory: data directory; ``None`` in memory.
        identity: random identifier of the dataset; a copy restored from a backup has another.
        version: number of the last commit; it continues from the newest snapshot.
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
        self.names = Names(known["base"])
        self.bare = settings.bare
        self.identity = self._known["id"]
        # If the process was killed, the store may hold commits after the newest snapshot: its state needs a new number.
        self.version = last_number(directory) + 1 if directory else 1
        self.directory = directory
        self._depth = settings.depth
        self._evaluator = QueryEvaluator(settings.depth)
        self._lock = threading.RLock()
        self._counting = threading.Lock()
        self._sizes: dict[str, int] = {}
        self._written: dict[str, int] = {}
        if directory:
            directory_metadata.make_directory(directory)
        self._engine = oxigraph.open_store(directory / "store" if directory else None)
        self._failed = False
        if not named:
            self._describe()

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

    def __len__(self) -> int:
        """Return the number of distinct triples (quads, in a bare store)."""
        return len(self._engine) if self.bare else self.count(None)

    def count(self, graph: str | None) -> int:
        """Return the number of triples in one graph; ``None`` is the default graph (the union, unless bare)."""
        return self._count("{ ?s ?p ?o }" if graph is None else f"{{ GRAPH <{graph}> {{ ?s ?p ?o }} }}")

    def _count(self, pattern: str) -> int:
        (row,) = oxigraph.rows(self._engine, f"SELECT (COUNT(*) AS ?n) WHERE {pattern}")
        count = row["n"]
        assert isinstance(count, oxigraph.Literal)
        return int(count.value)

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

    # ---- reading

    def graphs(self) -> list[str]:
        """Return the names of the named graphs, sorted."""
        return sorted(g.value for g in self._engine.named_graphs() if isinstance(g, oxigraph.NamedNode))

    def has_graph(self, graph: str) -> bool:
        """Return whether a named graph exists (it may be empty); false for text that is not an IRI."""
        return oxigraph.is_iri(graph) and self._engine.contains_named_graph(oxigraph.NamedNode(graph))

    def triples(self, graph: str | None) -> list[oxigraph.Triple]:
        """Return the triples of one graph; ``None`` is the default graph (the union, unless bare)."""
        name = oxigraph.DefaultGraph() if graph is None else oxigraph.NamedNode(graph)
        return [quad.triple for quad in self._engine.quads_for_pattern(None, None, None, name)]

    def quads(self, graphs: Iterable[str] | None = None) -> Iterator[oxigraph.Quad]:
        """Yield the quads of some named graphs, or of all of them; the union default graph is not included."""
        for graph in self.graphs() if graphs is None else graphs:
            yield from self._engine.quads_for_pattern(None, None, None, oxigraph.NamedNode(graph))

    def match(
        self,
        subject: Subject | None,
        predicate: oxigraph.NamedNode | None,
        obj: oxigraph.Term | None,
        graph: str | None = None,
    ) -> list[oxigraph.Quad]:
        """Return the quads in named graphs that match a pattern; ``None`` matches everything."""
        name = None if graph is None else oxigraph.NamedNode(graph)
        found = self._engine.quads_for_pattern(subject, predicate, obj, name)
        return [quad for quad in found if isinstance(quad.graph_name, oxigraph.NamedNode)]

    def query(self, text: str, choice: ResultFormats, request: QueryDataset | None = None) -> QueryResult:
        """Evaluate a user's SPARQL query; see :meth:`kg.store.store_protocols.Reads.query`.

        Raises:
            MalformedText, TooLarge, Forbidden (SERVICE), NotAcceptable.
        """
        return self._evaluator.evaluate(self._engine, text, choice, request or QueryDataset())

    def rows(
        self, text: str, bindings: dict[str, oxigraph.Term] | None = None, request: QueryDataset | None = None
    ) -> list[dict[str, oxigraph.Term]]:
        """Evaluate a trusted SELECT; see :meth:`kg.store.store_protocols.Rows.rows`."""
        return oxigraph.rows(self._engine, text, bindings, request)

    def written(self, family: str) -> int:
        """Return the number of the last commit that wrote a graph of a family (:meth:`kg.iris.Names.family`), or 0."""
        return self._written.get(family, 0)

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
            if all(self._holds(name, items) for name, items in wanted.items()):
                return "unchanged"
            created = not self.has_graph(next(iter(wanted)))
            listed = ", ".join(f"<{name}>" for name in wanted)
            # A triple stays in the union only if a graph that is not replaced holds it; the new content is added last.
            steps = (
                []
                if self.bare
                else [union_graph_maintenance.unlink(name, f"?other NOT IN ({listed})") for name in wanted]
            )
            steps += [f"DROP SILENT GRAPH <{name}>" for name in wanted]
            filled = {name: items for name, items in wanted.items() if items is not None}
            steps += [f"CREATE SILENT GRAPH <{name}>" for name in filled]
            steps.append(union_graph_maintenance.insert(filled.items(), bare=self.bare))
            self._commit(" ;\n".join(steps), wanted)
            return "created" if created else "replaced"

    def _holds(self, name: str, wanted: set[oxigraph.Triple] | None) -> bool:
        """Return whether a graph has exactly the wanted content; ``None`` means that it does not exist."""
        exists = self.has_graph(name)
        return not exists if wanted is None else exists and set(self.triples(name)) == wanted

    def change(self, removed: union_graph_maintenance.Triples, added: union_graph_maintenance.Triples) -> None:
        """Remove and add triples in one transaction, at a cost that does not depend on the size of the graphs.

        See :func:`kg.store.union_graph_maintenance.change` for the form of the triples.
        """
        with self._lock:
            if steps := union_graph_maintenance.change(self._engine, removed, added, bare=self.bare):
                self._commit(" ;\n".join(steps), {**removed, **added})

    def merge(self, graph: str | None, triples: Iterable[oxigraph.Triple]) -> bool:
        """Add triples to a graph (``None``: the default graph) in one transaction; return whether it is new."""
        with self._lock:
            new = graph is not None and not self.has_graph(graph)
            create = "" if graph is None else f"CREATE SILENT GRAPH <{graph}> ;\n"
            self._commit(
                create + union_graph_maintenance.insert([(graph, triples)], bare=self.bare),
                () if graph is None else (graph,),
            )
            return new

    def clear_default(self, triples: Iterable[oxigraph.Triple] | None) -> None:
        """Replace the content of a bare store's default graph; ``None`` empties it."""
        with self._lock:
            self._commit(
                "CLEAR DEFAULT ;\n" + union_graph_maintenance.insert([(None, triples or ())], bare=self.bare), ()
            )

    def load(self, quads: Iterable[oxigraph.Quad], graph: str) -> int:
        """Add many quads in chunks, each of which is one transaction, and return their number.

        Quads without a graph go to ``graph``. Loading again adds nothing twice (except blank nodes), so an
        interrupted load can be resumed by repeating it.

        Raises:
            Forbidden: a quad names a managed graph.
            BadInput: a graph is named by a blank node.
        """
        count = 0
        for chunk in _chunks(quads, graph):
            for name in {oxigraph.graph_of(quad) for quad in chunk}:
                self.refuse_managed(name)
            # A triple without a graph name is one of the default graph, here the union.
            nameless = [] if self.bare else [oxigraph.Quad(q.subject, q.predicate, q.object) for q in chunk]
            with self._lock, self._writing():
                self._engine.extend([*chunk, *nameless])
                self._noted({oxigraph.graph_of(quad) for quad in chunk})
                self._engine.flush()
            count += len(chunk)
        return count

    def update(self, text: str, request: QueryDataset | None = None) -> None:
        """Run a user's SPARQL update in one transaction.

        Raises:
            MalformedText, TooLarge, UsingConflict, Forbidden (LOAD, SERVICE, a managed graph).
        """
        request = request or QueryDataset()
        base = request.base or self.names.base
        parsed = query_and_update_analysis.UpdateAnalysis.parse(text, base)
        self._depth.check(text)
        if parsed.malformed:
            request_policy.refuse_malformed(text, parsed.malformed, lambda: oxigraph.check_update(text, base))
        request_policy.refuse_load(parsed)
        request_policy.check_syntax(text, base)
        if request.default_graphs or request.named_graphs:
            text = query_and_update_analysis.with_using(text, request.default_graphs, request.named_graphs)
            parsed = query_and_update_analysis.UpdateAnalysis.parse(text, base)
        self._refuse_targets(parsed)  # first on the user's own text, so that an error names a place in it
        # Then again on the text that will run, with all IRIs in full and without declarations that could change them.
        text = query_and_update_analysis.expanded(text, base)
        parsed = query_and_update_analysis.UpdateAnalysis.parse(text, base)
        if parsed.malformed:
            request_policy.refuse_malformed(text, parsed.malformed, lambda: oxigraph.check_update(text, base))
        request_policy.refuse_load(parsed)
        if parsed.operations:
            with self._lock:
                # Any user graph may have been written.
                users = [name for name in self._sizes if self.bare or not self.names.is_managed(name)]
                self._commit(text if self.bare else self._with_union(parsed), users, base)

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
        """Return an update that is confined to user graphs and also updates the union, in the same transaction.

        ``INSERT DATA { GRAPH <urn:g> { … } }`` becomes, with names and the filter shortened::

            COPY SILENT <urn:g> TO <shadow/0> ;
            INSERT DATA { GRAPH <urn:g> { … } } ;
            DELETE { ?s ?p ?o } WHERE { GRAPH <shadow/0> { ?s ?p ?o } FILTER NOT EXISTS { GRAPH ?other { … } } } ;
            DROP SILENT GRAPH <shadow/0> ;
            INSERT { ?s ?p ?o } WHERE { GRAPH <urn:g> { ?s ?p ?o } }

        The shadow graph is a copy of the graph before the update. The union loses the triples of the shadow that no
        other graph holds afterwards, and receives all triples that the graph then holds. If an update may write graphs
        that only its solutions name (variables, ``DROP ALL``), all user graphs are treated so.
        """
        names = self.names
        pattern = names.managed_pattern
        text = request_policy.confine(update, names)
        written, unknown = query_and_update_analysis.written(update, names.default_graph)
        if unknown:
            written |= {graph for graph in self.graphs() if not names.is_managed(graph)}
        shadows = {graph: f"{names.shadow_prefix}{i}" for i, graph in enumerate(sorted(written))}
        before = [f"COPY SILENT <{graph}> TO <{shadow}>" for graph, shadow in shadows.items()]
        not_shadow = f'!STRSTARTS(STR(?other), "{names.shadow_prefix}")'
        after = [union_graph_maintenance.unlink(shadow, not_shadow) for shadow in shadows.values()]
        after += [f"DROP SILENT GRAPH <{shadow}>" for shadow in shadows.values()]
        after += [f"INSERT {{ ?s ?p ?o }} WHERE {{ GRAPH <{graph}> {{ ?s ?p ?o }} }}" for graph in shadows]
        if unknown:
            users = f'FILTER(!REGEX(STR(?g), "{pattern}"))'
            after.append(f"INSERT {{ ?s ?p ?o }} WHERE {{ GRAPH ?g {{ ?s ?p ?o }} {users} }}")
        return " ;\n".join([*before, text + "\n", *after])

    def checkpoint(self, path: Path) -> int:
        """Write an immutable copy of the current dataset, and return the number of the last commit in it."""
        with self._lock:
            oxigraph.checkpoint(self._engine, path)
            return self.version

    def _commit(self, text: str, written: Iterable[str], base: str | None = None) -> None:
        with self._writing():
            oxigraph.update(self._engine, text, base)
            self._noted(written)
            self._engine.flush()

    def _noted(self, written: Iterable[str]) -> None:
        """Count a commit, and discard the cached sizes of the graphs that it may have changed."""
        self.version += 1
        for name in written:
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
            with disk_space.writing():
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

    def refuse_managed(self, graph: str) -> None:
        """Check that a graph is not managed.

        Raises:
            Forbidden: only the server writes it.
        """
        if not self.bare and self.names.is_managed(graph):
            raise request_policy.managed(graph)


def _chunks(quads: Iterable[oxigraph.Quad], graph: str) -> Iterator[list[oxigraph.Quad]]:
    """Yield quads in lists of at most ``_CHUNK``; those without a graph are put into ``graph``."""
    chunk: list[oxigraph.Quad] = []
    home = oxigraph.NamedNode(graph)
    for quad in quads:
        if isinstance(quad.graph_name, oxigraph.BlankNode):
            raise BadInput(
                "A graph is named by a blank node.", remedy="Name it by an IRI, so that queries can refer to it."
            )
        nameless = isinstance(quad.graph_name, oxigraph.DefaultGraph)
        chunk.append(oxigraph.Quad(quad.subject, quad.predicate, quad.object, home) if nameless else quad)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
