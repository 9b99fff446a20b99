"""Prepared writes: committed as they were prepared, or not at all if what they depend on has changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kg.rdf import oxigraph
from kg.store.prepared_writes_and_conflicts import GraphContent, Operation, Outdated, PreparedWrite, WriteRecorder
from kg.store.store import Store, StoreOptions

GRAPH = "urn:g"


def triples(text: str) -> list[oxigraph.Triple]:
    return [quad.triple for quad in oxigraph.parse_as_is(text.encode())]


ONE, TWO = triples("<urn:a> <urn:p> <urn:b> ."), triples('<urn:a> <urn:p> "two \\n"@en .')


def sent(write: PreparedWrite) -> PreparedWrite:
    """Return what arrives of a write in another process."""
    header, content = write.pack()
    return PreparedWrite.unpack(json.loads(json.dumps(header)), content)


def recorder(store: Store, folder: Path) -> WriteRecorder:
    """Return a recorder over a new snapshot of a store."""
    path = folder / f"snapshot {len(list(folder.iterdir()))}"
    number = store.checkpoint(path)
    return WriteRecorder(oxigraph.open_snapshot(path), store.names, number, bare=store.bare)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(StoreOptions(tmp_path / "data"))


@pytest.mark.parametrize("operation", ["replace", "merge", "clear", "change"])
def test_a_write_arrives_as_it_was_sent(operation: Operation) -> None:
    contents = (
        GraphContent.of("urn:ї", ONE),
        GraphContent.of(None, TWO, removes=True),
        GraphContent.of("urn:h", None),
        GraphContent.of("urn:i", []),
    )
    write = PreparedWrite(operation, contents, 7, frozenset({"urn:x", "urn:y"}))
    assert sent(write) == write
    assert [it.parsed() for it in sent(write).contents] == [ONE, TWO, [], []]


def test_what_is_recorded_has_the_effect_of_writing_directly(store: Store, tmp_path: Path) -> None:
    def prepared(work: Callable[[WriteRecorder], object]) -> PreparedWrite:
        found = recorder(store, tmp_path)
        work(found)
        assert found.prepared
        return sent(found.prepared)

    assert prepared(lambda it: it.replace({GRAPH: ONE})).commit(store) == "created"
    assert prepared(lambda it: it.replace({GRAPH: ONE})).commit(store) == "unchanged"
    assert prepared(lambda it: it.merge(GRAPH, TWO)).commit(store) == "replaced"
    assert set(store.triples(GRAPH)) == {*ONE, *TWO}
    assert prepared(lambda it: it.merge("urn:h", TWO)).commit(store) == "created"
    assert prepared(lambda it: it.replace({GRAPH: None})).commit(store) == "replaced"
    assert store.graphs() == ["urn:h"]
    assert store.triples(None) == TWO


def test_recording_stores_nothing(store: Store, tmp_path: Path) -> None:
    found = recorder(store, tmp_path)
    before = store.version
    found.replace({GRAPH: ONE})
    assert (store.version, store.graphs(), found.graphs()) == (before, [], [])
    with pytest.raises(AssertionError, match="one transaction"):
        found.merge(GRAPH, ONE)


def test_the_default_graph_of_a_bare_store(tmp_path: Path) -> None:
    store = Store(StoreOptions(tmp_path / "data", bare=True))
    for wanted in (ONE, TWO, []):
        found = recorder(store, tmp_path)
        found.clear_default(wanted)
        assert found.prepared and sent(found.prepared).commit(store) == "replaced"
        assert store.triples(None) == wanted


def test_a_change_removes_and_adds_at_once(store: Store) -> None:
    store.replace({GRAPH: ONE})
    contents = (GraphContent.of(GRAPH, ONE, removes=True), GraphContent.of(GRAPH, TWO), GraphContent.of("urn:h", ONE))
    before = store.version
    assert sent(PreparedWrite("change", contents)).commit(store) == "replaced"
    assert (store.triples(GRAPH), store.triples("urn:h"), store.version) == (TWO, ONE, before + 1)


# ---- what a write depends on


def about(subject: str, text: str) -> list[oxigraph.Triple]:
    return triples(f'<{subject}> <urn:p> "{text}" .')


@pytest.mark.parametrize(
    ("graph", "subject", "outdated"),
    [("article", "urn:read", True), ("article", "urn:other", False), ("user", "urn:read", False)],
)
def test_it_is_outdated_if_a_managed_graph_says_something_else_of_what_it_has_read(
    store: Store, tmp_path: Path, graph: str, subject: str, outdated: bool
) -> None:
    """What is read for a write (names, articles, entities) is in managed graphs only; user graphs do not matter."""
    found = recorder(store, tmp_path)
    found.match(oxigraph.NamedNode("urn:read"), None, None)
    found.replace({store.names.article_graph("one"): about("urn:new", "1")})
    assert found.prepared
    name = store.names.article_graph("two") if graph == "article" else "urn:user"
    store.replace({name: about(subject, "1")})
    before = store.version
    if outdated:
        with pytest.raises(Outdated):
            sent(found.prepared).commit(store)
        assert store.version == before
    else:
        assert sent(found.prepared).commit(store) == "created"


def test_a_removal_counts_too_and_the_same_again_does_not(store: Store, tmp_path: Path) -> None:
    graph = store.names.article_graph("two")
    store.replace({graph: [*about("urn:read", "1"), *about("urn:stays", "1")]})
    read, stays = recorder(store, tmp_path), recorder(store, tmp_path)
    for found, subject in ((read, "urn:read"), (stays, "urn:stays")):
        found.match(oxigraph.NamedNode(subject), None, None)
        found.replace({store.names.article_graph(subject[4:]): ONE})
    store.replace({graph: about("urn:stays", "1")})
    assert read.prepared and stays.prepared
    with pytest.raises(Outdated):
        read.prepared.commit(store)
    assert stays.prepared.commit(store) == "created"


@pytest.mark.slow
def test_what_cannot_be_known_counts_as_changed(tmp_path: Path) -> None:
    """A store that was opened again has forgotten its commits; so has one with more of them than it remembers."""
    store = Store(StoreOptions(tmp_path / "data"))
    found = recorder(store, tmp_path)
    found.match(oxigraph.NamedNode("urn:read"), None, None)
    found.replace({store.names.article_graph("one"): ONE})
    assert found.prepared
    for number in range(257):
        store.merge("urn:user", about("urn:s", str(number)))
    with pytest.raises(Outdated):
        found.prepared.commit(store)


def test_one_that_depends_on_nothing_is_never_outdated(store: Store, tmp_path: Path) -> None:
    found = recorder(store, tmp_path)
    found.replace({GRAPH: ONE})
    store.replace({store.names.article_graph("two"): TWO, GRAPH: TWO})
    assert found.prepared and found.prepared.commit(store) == "replaced"
    assert store.triples(GRAPH) == ONE
