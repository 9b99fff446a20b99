"""Store protocols: read-only stores have no writing methods, and implementations are complete."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from kg.access.restricted_store import RestrictedStore, WritableView
from kg.knowledge_graph import ReadableGraph, WritableGraph
from kg.processes.remote_store import RemoteStore, StoreDescription
from kg.processes.request_snapshot_view import RequestSnapshotView
from kg.rdf import oxigraph
from kg.store.engine_view import EngineView
from kg.store.prepared_writes_and_conflicts import WriteRecorder
from kg.store.store import Store, StoreOptions
from kg.store.store_protocols import Dataset, Reads, ReadsAndWrites, Writes

LIMIT = ("http://e/open/*",)
GRAPH = "http://e/open/1"


def public(thing: object) -> set[str]:
    return {name for name in dir(thing) if not name.startswith("_")}


def remote_store(store: Store) -> RemoteStore:
    description = StoreDescription(Path(), store.names, bare=False, identity="")
    return RemoteStore(description, lambda: 1, lambda *_: pytest.fail("asked"), lambda _: "unchanged")


def test_a_view_and_a_session_can_do_what_is_read_and_no_more() -> None:
    store = Store(StoreOptions())
    session = RequestSnapshotView(store, lambda *_: pytest.fail("asked"), 1)
    assert public(session) == public(Reads)
    assert public(RestrictedStore(store, LIMIT)) == public(Reads) | {"dataset", "limit"}
    assert public(WritableView(store, LIMIT)) == public(Reads) | public(Writes) | {"dataset", "limit"}
    assert public(store) >= public(Dataset)
    assert public(remote_store(store)) >= public(Dataset)
    assert public(WriteRecorder(oxigraph.open_store(None), store.names, 1, bare=False)) >= public(ReadsAndWrites)
    for thing in (session, RestrictedStore(store, LIMIT), WritableView(store, LIMIT)):
        assert not isinstance(thing, Store)
        for name in ("update", "load", "change", "exclusive", "checkpoint", "made_ready", "_engine", "_lock"):
            assert not hasattr(thing, name)


@pytest.mark.parametrize("protocol", [Reads, Writes])
def test_what_fits_a_protocol_takes_the_same_arguments(protocol: type) -> None:
    kinds: tuple[type, ...] = (Store, WritableView, RemoteStore, WriteRecorder)
    if protocol is Reads:
        kinds += (EngineView, RestrictedStore, RequestSnapshotView)
    for name, method in inspect.getmembers(protocol, inspect.isfunction):
        if not name.startswith("_"):
            wanted = list(inspect.signature(method).parameters)
            assert [list(inspect.signature(getattr(kind, name)).parameters) for kind in kinds] == [wanted] * len(kinds)


def proved_by_the_type_checker(
    store: Store,
    view: RestrictedStore,
    session: RequestSnapshotView,
    limited: WritableView,
    others: tuple[RemoteStore, WriteRecorder],
) -> None:
    """Show that read-only stores cannot write: never called, but type-checked, as an unused ignore is an error."""
    whole: list[Dataset] = [store, others[0]]
    both: list[ReadsAndWrites] = [*whole, limited, others[1]]
    reads: list[Reads] = [*both, view, session, RestrictedStore(session, LIMIT)]
    reads[0].replace({})  # type: ignore[attr-defined]
    view.merge(GRAPH, [])  # type: ignore[attr-defined]
    session.update("CLEAR ALL")  # type: ignore[attr-defined]
    limited.update("CLEAR ALL")  # type: ignore[attr-defined]
    limited.load([], GRAPH)  # type: ignore[attr-defined]
    WritableView(view, LIMIT)  # type: ignore[arg-type]
    ReadableGraph(store).articles.add(b"")  # type: ignore[attr-defined]
    WritableGraph(limited).store.update("")  # type: ignore[attr-defined]
