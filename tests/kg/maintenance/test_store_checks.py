"""Store checks: every possible fault is found, and a sound store has none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from kg.maintenance.store_checks import StoreCheck, check_store, newest_snapshot
from kg.rdf import oxigraph, oxigraph_queries
from kg.store.store import Store, StoreOptions
from tests.cases import stores

_ARTICLE = f"<{stores.BASE}graph/article/seed>"
_INFERRED = f"<{stores.BASE}graph/inferred/seed>"


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stores.seeded(tmp_path_factory.mktemp("seeded") / "data")


@pytest.fixture
def data(seeded: Path, tmp_path: Path) -> Path:
    """A store to damage."""
    return Path(shutil.copytree(seeded, tmp_path / "data"))


def faults(data: Path, *, full: bool = False) -> list[StoreCheck]:
    return [found for found in check_store(data, full=full) if found.fault]


def only(data: Path, *, full: bool = False) -> StoreCheck:
    (found,) = faults(data, full=full)
    assert found.remedy
    return found


@pytest.mark.parametrize("full", [False, True])
def test_a_sound_store(full: bool, data: Path) -> None:
    before = stores.quads(data)
    found = check_store(data, full=full)
    assert [one for one in found if one.fault or one.remedy] == []
    checks = ["description", "engine", "article graphs", "scratch graphs", "union graph"]
    assert [one.check for one in found] == checks + (["articles"] if full else [])
    assert f"{len(before)} quads in {len(stores.names(data))} named graphs" in found[1].what
    assert stores.quads(data) == before


def test_a_sound_bare_store(tmp_path: Path) -> None:
    """Nothing that only managed graphs have is missed in it."""
    found = check_store(stores.plain(tmp_path / "data", "x"), full=True)
    assert [(one.check, one.fault) for one in found] == [("description", False), ("engine", False)]


def test_a_store_that_somebody_holds_without_snapshots(data: Path) -> None:
    holder = Store(StoreOptions(data))
    found = only(data)
    assert found.check == "engine"
    assert "in use" in found.what
    assert holder.graphs()


def test_a_held_store_is_examined_in_its_newest_snapshot(data: Path) -> None:
    holder = Store(StoreOptions(data))
    (data / "snapshots").mkdir()
    holder.checkpoint(data / "snapshots" / "8")
    holder.checkpoint(data / "snapshots" / "11")
    assert newest_snapshot(data) == data / "snapshots" / "11"
    assert faults(data, full=True) == []


def test_without_snapshots_there_is_no_newest(tmp_path: Path) -> None:
    assert newest_snapshot(tmp_path) is None


def test_a_graph_named_by_a_blank_node_is_found_and_the_remedy_removes_it(data: Path) -> None:
    """As an update of an earlier version could make it."""
    engine = oxigraph.open_store(data / "store")
    oxigraph_queries.update(engine, "INSERT { GRAPH ?g { <urn:s> <urn:p> 1 } } WHERE { BIND(BNODE() AS ?g) }")
    del engine
    found = only(data)
    assert (found.check, found.what.split(" are ")[0]) == ("graph names", "1 quads")
    store = Store(StoreOptions(data))
    assert store.match(oxigraph.NamedNode("urn:s"), None, None) == []
    store.update(found.remedy.split("`")[1])
    del store
    assert faults(data, full=True) == []


# ---- broken files


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"base": "x"}', b"\xff"])
def test_a_damaged_description(content: bytes, data: Path) -> None:
    (data / "claimgraph.json").write_bytes(content)
    assert "claimgraph.json is damaged" in only(data).what


def largest(data: Path) -> Path:
    return max((data / "store").glob("*.sst"), key=lambda path: path.stat().st_size)


def test_a_block_that_is_damaged_is_found_when_everything_is_read(tmp_path: Path) -> None:
    """In whichever of the engine's indexes it is: not every one is needed to list all quads."""
    whole = stores.broad(tmp_path / "whole", 2000)
    assert faults(whole, full=True) == []
    tables = sorted(path.name for path in (whole / "store").glob("*.sst") if path.stat().st_size > 10_000)
    assert len(tables) >= 10  # the texts, and three orders of the default graph, six of the named ones
    for name in tables:
        data = Path(shutil.copytree(whole, tmp_path / name / "data"))
        table = data / "store" / name
        content = bytearray(table.read_bytes())
        content[len(content) // 3] ^= 1
        table.write_bytes(content)
        found = only(data, full=True)
        assert (found.check, found.what) == ("engine", "A file of the engine is damaged.")


@pytest.mark.parametrize("lacking", ["sog", "so", "p"])
def test_an_index_that_lacks_something_is_found(lacking: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The engine itself would have to be at fault, so that one is made up here."""

    class Faulty:
        def __init__(self, place: Path) -> None:
            self.real = oxigraph.open_snapshot(place)

        def __len__(self) -> int:
            return len(self.real)

        def __iter__(self) -> Iterator[oxigraph.Quad]:
            return iter(self.real)

        def __getattr__(self, name: str) -> object:
            return getattr(self.real, name)

        def quads_for_pattern(self, *pattern: oxigraph.Term | None) -> list[oxigraph.Quad]:
            found = [*self.real.quads_for_pattern(*pattern)]  # type: ignore[arg-type]
            known = "".join(name for name, part in zip("spog", pattern, strict=True) if part is not None)
            return found[1:] if known == lacking else found

    data = stores.plain(tmp_path / "data", "x", "y")
    monkeypatch.setattr(
        "kg.maintenance.store_checks.oxigraph", SimpleNamespace(**{**vars(oxigraph), "open_snapshot": Faulty})
    )
    assert "The indexes of the engine differ" in only(data, full=True).what


@pytest.mark.parametrize("how", ["missing", "empty", "half", "noise"])
@pytest.mark.parametrize("which", ["table", "MANIFEST", "CURRENT"])
def test_files_of_the_engine(which: str, how: str, tmp_path: Path) -> None:
    data = stores.plain(tmp_path / "data", *map(str, range(20)))
    path = largest(data) if which == "table" else next((data / "store").glob(f"{which}*"))
    content = path.read_bytes()
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "half": content[: len(content) // 2], "noise": b"\x01" * len(content)}[how])
    found = faults(data, full=True)
    assert found
    assert found[0].check == "engine"
    assert found[0].remedy
    assert str(data) not in found[0].what.replace(f"There is no store in {data}", "")


# ---- graphs that do not fit together


def test_what_follows_from_an_article_is_missing(data: Path) -> None:
    stores.change(data, f"DELETE {{ ?s ?p ?o }} WHERE {{ GRAPH {_INFERRED} {{ ?s ?p ?o }} }}; DROP GRAPH {_INFERRED}")
    found = faults(data)
    assert found[0].check == "article graphs"
    assert "The inferred graph is missing for: seed" in found[0].what


def test_something_follows_from_no_article(data: Path) -> None:
    stores.change(data, f"DELETE {{ ?s ?p ?o }} WHERE {{ GRAPH {_ARTICLE} {{ ?s ?p ?o }} }}; DROP GRAPH {_ARTICLE}")
    found = faults(data)
    assert found[0].check == "article graphs"
    assert "inferred graphs of missing articles: seed" in found[0].what


def test_many_are_not_all_listed(data: Path) -> None:
    stores.change(data, ";".join(f"CREATE GRAPH <{stores.BASE}graph/article/a{n}>" for n in range(7)))
    assert only(data).what.endswith("a0, a1, a2, a3, a4 and 2 more.")


def test_the_vocabulary_is_missing(data: Path) -> None:
    vocabulary = f"<{stores.BASE}graph/ontology>"
    assert vocabulary[1:-1] in stores.names(data)
    stores.change(data, f"DROP GRAPH {vocabulary}")
    found = faults(data)
    assert [one.check for one in found] == ["article graphs", "union graph"]
    assert found[0].what == "The vocabulary is missing."


def test_a_scratch_graph_is_left_over(data: Path) -> None:
    shadow = Store(StoreOptions(data)).names.shadow_prefix
    stores.change(data, f"INSERT DATA {{ <urn:a> <urn:b> 1 . GRAPH <{shadow}0> {{ <urn:a> <urn:b> 1 }} }}")
    found = only(data)
    assert (found.check, f"<{shadow}0>" in found.what) == ("scratch graphs", True)


@pytest.mark.parametrize(
    ("update", "said"),
    [
        ("INSERT DATA { <urn:stale> <urn:b> 1 }", "0 missing, 1 stale"),
        ("DELETE DATA { <urn:s> <urn:p> 1 }", "1 missing, 0 stale"),
        ("DELETE DATA { <urn:s> <urn:p> 1 } ; INSERT DATA { <urn:stale> <urn:b> 1 }", "1 missing, 1 stale"),
        ("INSERT DATA { GRAPH <urn:more> { <urn:lost> <urn:p> 1 } }", "1 missing, 0 stale"),
    ],
)
def test_the_union_is_not_what_it_should_be(update: str, said: str, data: Path) -> None:
    Store(StoreOptions(data)).update("INSERT DATA { GRAPH <urn:mine> { <urn:s> <urn:p> 1 } }")
    assert faults(data) == []
    stores.change(data, update)
    found = only(data)
    assert found.check == "union graph"
    assert said in found.what


def test_a_large_union_is_compared_by_number_unless_asked(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kg.maintenance.store_checks._EXACT", 1000)
    Store(StoreOptions(data)).update("INSERT DATA { GRAPH <urn:mine> { <urn:s> <urn:p> 1 } }")
    assert "--full compares each" in next(one.what for one in check_store(data) if one.check == "union graph")
    stores.change(data, "DELETE DATA { <urn:s> <urn:p> 1 } ; INSERT DATA { <urn:stale> <urn:b> 1 }")
    assert faults(data) == []
    assert only(data, full=True).check == "union graph"


def test_a_triple_of_two_graphs_is_one_in_the_union(data: Path) -> None:
    store = Store(StoreOptions(data))
    store.update("INSERT DATA { GRAPH <urn:x> { <urn:s> <urn:p> 1 } GRAPH <urn:y> { <urn:s> <urn:p> 1 } }")
    del store
    assert faults(data, full=True) == []


def test_an_article_that_the_gate_refuses_now(data: Path) -> None:
    """As after a change of the constraints, or behind the back of the gate."""
    cut = "?s <https://w3id.org/claimgraph/ns#quotedIn> ?o"
    stores.change(data, f"DELETE {{ {cut} . GRAPH ?g {{ {cut} }} }} WHERE {{ GRAPH ?g {{ {cut} }} }}")
    assert faults(data) == []
    found = only(data, full=True)
    assert found.check == "articles"
    assert found.what.startswith("1 of 1 do not pass the gate: seed (")
    assert "B1" in found.what


# ---- a disk that is full


def test_a_full_disk_hinders_no_examination(seeded: Path, tmp_path: Path) -> None:
    with stores.small_disk(tmp_path / "disk", 40) as disk:
        data = Path(shutil.copytree(seeded, disk / "data"))
        stores.fill(disk)
        assert [one for one in check_store(data) if one.fault] == []
