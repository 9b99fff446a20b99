"""Engine view: a snapshot reads as the store did when it was taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from kg.errors import Forbidden
from kg.rdf import oxigraph
from kg.rdf.query_request_and_result import ResultFormats
from kg.store.engine_view import EngineView
from kg.store.store import Store, StoreOptions

DATA = (
    "INSERT DATA { GRAPH <urn:g> { <urn:a> <urn:p> 1, 2 } GRAPH <urn:h> { <urn:a> <urn:p> 1 } } ; CREATE GRAPH <urn:e>"
)


@pytest.fixture(params=[True, False])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Store, EngineView]:
    """A store, and a view of its snapshot."""
    store = Store(StoreOptions(tmp_path / "data", bare=request.param))
    store.update(DATA)
    store.checkpoint(tmp_path / "snapshot")
    engine = oxigraph.open_snapshot(tmp_path / "snapshot")
    return store, EngineView(engine, store.names, store.identity, bare=store.bare)


def readings(store: EngineView) -> list[object]:
    subject, number = oxigraph.NamedNode("urn:a"), oxigraph.Literal(1)
    return [
        len(store),
        store.sizes(),
        store.graphs(),
        [store.count(graph) for graph in (None, "urn:g", "urn:none")],
        [store.has_graph(graph) for graph in ("urn:e", "urn:none", "no iri")],
        [set(store.triples(graph)) for graph in (None, "urn:g", "urn:none")],
        set(store.quads()),
        set(store.quads(["urn:g"])),
        set(store.match(subject, None, None)),
        set(store.match(None, None, number, "urn:h")),
        store.query("ASK { <urn:a> ?p 2 }", ResultFormats()).content,
        sorted(map(str, store.rows("SELECT ?this ?o { GRAPH ?g { ?this ?p ?o } }", {"this": subject}))),
        store.identity,
    ]


def test_it_reads_what_the_store_reads(pair: tuple[Store, EngineView]) -> None:
    store, view = pair
    assert readings(view) == readings(store)


def test_it_stays_as_it_was(pair: tuple[Store, EngineView]) -> None:
    store, view = pair
    before = readings(view)
    store.update("INSERT DATA { GRAPH <urn:g> { <urn:b> <urn:p> 3 } }")
    assert readings(view) == before != readings(store)


def test_only_the_server_writes_managed_graphs(pair: tuple[Store, EngineView]) -> None:
    _, view = pair
    managed = view.names.article_graph("x")
    view.refuse_managed("urn:g")
    if view.bare:
        view.refuse_managed(managed)
    else:
        with pytest.raises(Forbidden):
            view.refuse_managed(managed)
