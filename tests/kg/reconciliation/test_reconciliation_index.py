"""Reconciliation index: rows against the entities of the seed article and of small graphs."""

from __future__ import annotations

import threading

import pytest

from kg.access.permissions import Principal
from kg.errors import BadInput, ResultTooLarge, TimedOut
from kg.knowledge_graph import KnowledgeGraph
from kg.linking.entity_profiles import EntityProfile
from kg.rdf import oxigraph
from kg.reconciliation import reconcilable_entities
from kg.reconciliation.reconcilable_entities import ReconcilableEntity
from kg.reconciliation.reconciliation_index import (
    ReconciliationIndex,
    ReconciliationIndexes,
    RowCondition,
    RowMatch,
    RowQuery,
)
from kg.reference.records import RecordKind, RecordName
from kg.store.store_protocols import Reads
from tests.configs import configured

BASE = "https://data.example/"


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    return KnowledgeGraph.open(configured(base_iri=BASE), in_memory=True)


@pytest.fixture(scope="module")
def index(graph: KnowledgeGraph) -> ReconciliationIndex:
    return ReconciliationIndex.of(graph.store)


def first(index: ReconciliationIndex, query: RowQuery) -> RowMatch:
    return index.match(query)[0]


def place(slug: str, name: str, within: str) -> ReconcilableEntity:
    labels = (RecordName(name, "uk", label=True),)
    return ReconcilableEntity(
        EntityProfile(f"{BASE}entity/{slug}", (RecordKind.settlement,), labels, within=(f"{BASE}entity/{within}",)),
        ("Place",),
    )


def region(slug: str, name: str) -> ReconcilableEntity:
    return ReconcilableEntity(
        EntityProfile(f"{BASE}entity/{slug}", (RecordKind.country,), (RecordName(name, "uk", label=True),)),
        ("Country", "Place"),
    )


@pytest.fixture(scope="module")
def namesakes(index: ReconciliationIndex) -> ReconciliationIndex:
    """Two towns with the same name, in two countries."""
    towns = [place("one", "Костянтинівка", "ukraine"), place("two", "Костянтинівка", "moldova")]
    return ReconciliationIndex([*towns, region("ukraine", "Україна"), region("moldova", "Молдова")], index.types, BASE)


@pytest.mark.parametrize(
    ("name", "slug", "certain"),
    [
        ("Володимир Путін", "putin", True),
        ("VLADIMIR  PUTIN", "putin", True),
        (f"{BASE}entity/putin", "putin", True),
        ("entity/putin", "putin", True),
        ("Володимира Путіна", "putin", False),
        ("Volodymyr Putin", "putin", False),
        ("Vladimir Putn", "putin", False),
        ("Путін", "putin", False),
        ("Башаром Асадом", "assad", False),
        ("Краматорську", "kramatorsk", False),
        ("Bring Kids Back UA", "bkbua", True),
    ],
)
def test_names(index: ReconciliationIndex, name: str, slug: str, certain: bool) -> None:
    found = first(index, RowQuery(name))
    assert found.item.iri == f"{BASE}entity/{slug}"
    assert found.certain is certain
    assert 0 < found.score <= 100
    assert found.features[0].evidence


@pytest.mark.parametrize("name", ["Xyzzy Plugh", "Антарктида", "☃", "a", "' OR 1=1 --", '"*" NEAR', "\x00"])
def test_what_is_not_there_is_not_found(index: ReconciliationIndex, name: str) -> None:
    assert not [match for match in index.match(RowQuery(name)) if match.certain or match.score > 80]


def test_the_score_falls_and_the_limit_holds(index: ReconciliationIndex) -> None:
    found = index.match(RowQuery("Ukrainian", limit=3))
    assert len(found) <= 3
    assert [match.score for match in found] == sorted((match.score for match in found), reverse=True)


def test_a_type_narrows_or_is_only_preferred(index: ReconciliationIndex) -> None:
    assert first(index, RowQuery("Сирія", ("Country",))).certain
    assert first(index, RowQuery("Сирія", ("Agent",))).certain, "a country is a polity, and that an agent"
    assert index.match(RowQuery("Сирія", ("Person",))) == []
    preferred = first(index, RowQuery("Сирія", ("Person",), strict=False))
    assert (preferred.score < 100, preferred.certain) == (True, False)


def test_unknown_types(index: ReconciliationIndex) -> None:
    assert index.type("https://w3id.org/claimgraph/ns#Person").name == index.type("cg:Person").name == "Person"
    with pytest.raises(BadInput, match="Q5"):
        index.type("Q5")


def test_namesakes_are_never_certain_unless_something_tells_them_apart(namesakes: ReconciliationIndex) -> None:
    alone = namesakes.match(RowQuery("Костянтинівка"))
    assert [match.certain for match in alone] == [False, False]
    told = namesakes.match(RowQuery("Костянтинівка", conditions=(RowCondition("country", ("Moldova", "Молдова")),)))
    assert [(match.item.iri[-3:], match.certain) for match in told] == [("two", True), ("one", False)]
    required = namesakes.match(
        RowQuery("Костянтинівка", conditions=(RowCondition("country", ("Молдова",), required=True),))
    )
    assert [match.item.iri[-3:] for match in required] == ["two"]
    none = namesakes.match(
        RowQuery("Костянтинівка", conditions=(RowCondition("country", ("Молдова",), quantifier="none"),))
    )
    assert none[0].item.iri.endswith("one")


def test_what_is_contradicted_is_not_certain(index: ReconciliationIndex) -> None:
    found = first(index, RowQuery("Kostiantynivka", conditions=(RowCondition("country", ("Russia",)),)))
    assert not found.certain
    assert found.score < 85
    assert "Russia" in found.features[-1].evidence


def test_properties_alone(index: ReconciliationIndex) -> None:
    found = index.match(
        RowQuery(conditions=(RowCondition("role", ("президент",)), RowCondition("country", ("Syria",))))
    )
    assert found[0].item.iri.endswith("/assad")
    assert not found[0].certain


def test_linked_identifiers_find_and_decide() -> None:
    graph = KnowledgeGraph.open(configured(base_iri=BASE), in_memory=True)
    putin, same = (oxigraph.NamedNode(iri) for iri in (f"{BASE}entity/putin", "http://www.wikidata.org/entity/Q7747"))
    exact = oxigraph.NamedNode("http://www.w3.org/2004/02/skos/core#exactMatch")
    triple = oxigraph.Triple(putin, exact, same)
    other = oxigraph.Triple(oxigraph.NamedNode(f"{BASE}entity/assad"), exact, same)
    names = graph.names
    graph.store.replace({names.links_graph("wikidata"): [triple], names.rejected_graph("wikidata"): [other]})
    index = ReconciliationIndex.of(graph.store)
    found = first(index, RowQuery("Хтось", conditions=(RowCondition("wikidata", ("Q7747",)),)))
    assert (found.item.iri, found.certain) == (putin.value, True)
    assert not index.items[f"{BASE}entity/assad"].links, "what is rejected is no link"


def test_time_is_limited(index: ReconciliationIndex) -> None:
    with pytest.raises(TimedOut):
        index.match_all([RowQuery("a"), RowQuery("b")], -1)


def test_suggestions(index: ReconciliationIndex) -> None:
    def names(prefix: str, start: int = 0, count: int = 5) -> list[str]:
        return [item.iri.rpartition("/")[2] for item in index.suggest(prefix, start, count)]

    assert names("Пут")[0] == names("put")[0] == names(f"{BASE}entity/putin")[0] == names("Володимир П")[0] == "putin"
    assert "assad" in names("асад")
    everything = [*names("", 0, 10), *names("", 10, 1000)]
    assert len(everything) == len(set(everything)) == len(index.items)


def test_only_what_is_visible_is_indexed(graph: KnowledgeGraph) -> None:
    limited = graph.seen_by(Principal("somebody", ("read",), (f"{BASE}graph/nothing",)))
    index = ReconciliationIndex.of(limited.store)
    assert index.match(RowQuery("Володимир Путін")) == []
    assert {*index.types} >= {"Person", "Country"}


def test_too_many(graph: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcilable_entities, "MOST", 10)
    with pytest.raises(ResultTooLarge, match="47"):
        ReconciliationIndex.of(graph.store)


def test_an_index_is_made_once_and_again_only_for_another_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = KnowledgeGraph.open(configured(base_iri=BASE), in_memory=True)
    made: list[int] = []
    make = ReconciliationIndex.of

    def counted(store: Reads) -> ReconciliationIndex:
        made.append(1)
        return make(store)

    monkeypatch.setattr(ReconciliationIndex, "of", counted)
    indexes = ReconciliationIndexes()
    found: list[ReconciliationIndex] = []
    threads = [threading.Thread(target=lambda: found.append(indexes.get(graph.store))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 8
    assert len({id(one) for one in found}) == len(made) == 1
    graph.articles.remove("seed")
    assert indexes.get(graph.store).match(RowQuery("Володимир Путін")) == []
    assert len(made) == 2


def test_a_failure_is_not_kept(graph: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    indexes = ReconciliationIndexes()
    with monkeypatch.context() as patch:
        patch.setattr(reconcilable_entities, "MOST", 1)
        with pytest.raises(ResultTooLarge):
            indexes.get(graph.store)
    assert indexes.get(graph.store).items
