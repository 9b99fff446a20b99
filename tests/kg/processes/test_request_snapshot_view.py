"""Store at a snapshot: one request reads one snapshot through readers, within the limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from kg.access.restricted_store import RestrictedStore
from kg.errors import NotFound, ResultTooLarge, TimedOut
from kg.knowledge_graph import KnowledgeGraph, ReadableGraph
from kg.processes.query_and_write_service import QueryCaller
from kg.processes.request_snapshot_view import RequestSnapshotView
from kg.rdf import oxigraph, oxigraph_queries
from kg.rdf.query_request_and_result import QueryDataset, ResultFormats
from kg.store.engine_view import EngineView
from tests.configs import configured
from tests.writers import ServiceWithWriter

T = TypeVar("T")
CLAIM = "article/seed/C22"


@dataclass(frozen=True)
class Data:
    """A data directory that nobody has opened, and its content to compare with."""

    folder: Path
    expected: ReadableGraph


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    """The seed article, and a user's graph with unusual terms: blank nodes, quoted triples, texts with line feeds."""
    folder, copy = tmp_path_factory.mktemp("session"), tmp_path_factory.mktemp("copy") / "snapshot"
    store = KnowledgeGraph.open(configured(data_dir=folder)).store
    odd = '<urn:a> <urn:p> _:b, "a\\nb\\t\\"c\\"", "x"@uk-latn, 5, 1.0e0, <<( <urn:a> <urn:p> 1 )>> . _:b <urn:p> _:b'
    store.update(f"INSERT DATA {{ GRAPH <urn:g> {{ {odd} }} }} ; CREATE GRAPH <urn:empty>")
    # A quad that updates of an earlier version could make; it is in no graph that a name leads to.
    oxigraph_queries.update(store._engine, "INSERT { GRAPH ?g { <urn:a> <urn:q> 1 } } WHERE { BIND(BNODE() AS ?g) }")
    store.checkpoint(copy)
    view = EngineView(oxigraph.open_snapshot(copy), store.names, store.identity, bare=False)
    return Data(folder, ReadableGraph(view))


def in_session(folder: Path, work: Callable[[RequestSnapshotView], T], **settings: Any) -> T:
    """Call a function in a session of a server, in a thread, as handlers do."""

    async def run() -> T:
        endpoint = ServiceWithWriter(configured(data_dir=folder, readers=1, **settings))
        await endpoint.start()
        try:
            with endpoint.session(lambda: QueryCaller("test")) as session:
                assert session is not None
                return await asyncio.to_thread(work, session)
        finally:
            await endpoint.close()

    return asyncio.run(run())


def readings(graph: ReadableGraph) -> Iterator[Callable[[ReadableGraph], object]]:
    names = graph.names
    claim = oxigraph.NamedNode(names.base + CLAIM)
    label = oxigraph.NamedNode("http://www.w3.org/2000/01/rdf-schema#label")
    for name in (names.article_graph("seed"), "urn:g", "urn:empty", "urn:none", "no iri", "urn:x> {} } #"):
        yield lambda it, name=name: it.store.has_graph(name)  # type: ignore[misc]
    for name in (names.article_graph("seed"), "urn:g", "urn:empty", "urn:none"):
        yield lambda it, name=name: it.store.count(name)  # type: ignore[misc]
        yield lambda it, name=name: set(it.store.triples(name))  # type: ignore[misc]
    yield lambda it: set(it.store.triples(None))
    yield lambda it: set(it.store.quads())
    yield lambda it: set(it.store.quads(["urn:g"]))
    yield lambda it: it.store.graphs()
    yield lambda it: it.store.sizes()
    yield lambda it: len(it.store)
    yield lambda it: it.articles.entries()
    yield lambda it: it.articles.document("seed")
    yield lambda it: it.why("seed/C22").model_dump()
    yield lambda it: set(it.store.match(claim, None, None))
    yield lambda it: set(it.store.match(None, label, oxigraph.Literal("Iran", language="en")))
    yield lambda it: set(it.store.match(None, None, oxigraph.Literal("5", datatype=_INTEGER), "urn:g"))
    yield lambda it: set(it.store.match(None, None, None, "urn:g"))
    yield lambda it: set(it.store.match(oxigraph.NamedNode("urn:a"), None, None))
    text = "SELECT ?this ?o WHERE { GRAPH ?g { ?this ?p ?o } }"
    yield lambda it: sorted(str(row) for row in it.store.rows(text, {"this": oxigraph.NamedNode("urn:a")}))
    only = QueryDataset(default_graphs=["urn:g"])
    yield lambda it: it.store.rows("SELECT (COUNT(*) AS ?n) WHERE { ?s ?p ?o }", None, only)
    yield lambda it: it.store.query("ASK { ?s a ?type }", ResultFormats()).content  # the time that it took differs


_INTEGER = oxigraph.NamedNode("http://www.w3.org/2001/XMLSchema#integer")


def test_it_reads_what_the_store_holds(data: Data) -> None:
    asked = list(readings(data.expected))

    def work(session: RequestSnapshotView) -> list[object]:
        seen = ReadableGraph(session)
        return [read(seen) for read in asked]

    assert in_session(data.folder, work) == [read(data.expected) for read in asked]


def test_a_blank_node_that_was_read_can_be_asked_for(data: Data) -> None:
    def work(session: RequestSnapshotView) -> int:
        (blank,) = {quad.subject for quad in session.quads(["urn:g"]) if isinstance(quad.subject, oxigraph.BlankNode)}
        return len(session.match(blank, None, None))

    assert in_session(data.folder, work) == 1


def test_a_limited_caller_sees_no_more_through_a_session(data: Data) -> None:
    limit = ("urn:g",)
    asked = list(readings(data.expected))[:-4]

    def work(session: RequestSnapshotView) -> list[object]:
        return [_outcome(read, ReadableGraph(RestrictedStore(session, limit))) for read in asked]

    assert in_session(data.folder, work) == [
        _outcome(read, ReadableGraph(RestrictedStore(data.expected.store, limit))) for read in asked
    ]


def _outcome(read: Callable[[ReadableGraph], object], graph: ReadableGraph) -> object:
    try:
        return read(graph)
    except NotFound as error:
        return error.message


def test_everything_comes_from_one_snapshot(data: Data) -> None:
    async def run() -> tuple[int, int, int]:
        endpoint = ServiceWithWriter(configured(data_dir=data.folder, readers=1, snapshots=1))
        await endpoint.start()
        try:
            with endpoint.session(lambda: QueryCaller("test")) as session:
                assert session is not None
                before = await asyncio.to_thread(session.count, "urn:later")
                for number in range(3):  # more commits than snapshots are kept
                    text = f"INSERT DATA {{ GRAPH <urn:later> {{ <urn:a> <urn:p> {number} }} }}"
                    await endpoint.update(text, QueryDataset())
                after = await asyncio.to_thread(session.count, "urn:later")
            return before, after, await asyncio.to_thread(endpoint.store.count, "urn:later")
        finally:
            await endpoint.close()

    assert asyncio.run(run()) == (0, 0, 3)


def test_its_reading_has_the_limits_of_queries(data: Data) -> None:
    with pytest.raises(ResultTooLarge):
        in_session(data.folder, lambda session: session.triples(None), max_rows=100)
    endless = "SELECT (COUNT(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"
    with pytest.raises(TimedOut):
        in_session(data.folder, lambda session: session.rows(endless), timeout=0.5)
