"""Links repository: the link graphs follow from the log after any sequence of changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.errors import BadInput, NotFound
from kg.gate.validation_report import Rejected
from kg.iris import CG, RDF, SKOS
from kg.knowledge_graph import KnowledgeGraph, WholeGraph
from kg.linking.link_proposal_types import ProposalVerdict
from kg.links import decision_log_and_link_graphs, links_as_rdf, outside_datasets
from kg.links import decision_log_state as entries
from kg.links.decision_log_and_link_graphs import DecisionLogAndLinkGraphs
from kg.links.decision_log_state import Judgement, LogEntry, Relation
from kg.links.link_review_and_proposals import LinkReview, ReviewDecision
from kg.links.links_as_rdf import PublishedLink
from kg.rdf import oxigraph, rdflib_conversion
from kg.reference.records import Record, RecordKind, RecordName
from kg.store.store import Store, StoreOptions
from kg.store.store_protocols import Dataset
from tests.cases.links import BASE, proposal

YES, NO = Judgement.positive, Judgement.negative
ENTITIES = ("a", "b", "c")
RECORDS = ("wikidata:Q1", "wikidata:Q2", "towns:1", f"towns:{BASE}dataset/towns/1")
"""The last two are different identifiers of one thing."""


def speak(store: Dataset, article: str, entities: frozenset[str]) -> None:
    """Store an article about some entities."""
    person = oxigraph.NamedNode(f"{CG}Person")
    found = [
        oxigraph.Triple(oxigraph.NamedNode(f"{BASE}entity/{e}"), oxigraph.NamedNode(f"{RDF}type"), person)
        for e in entities
    ]
    store.replace({store.names.article_graph(article): found or None})


def record(dataset: str, identifier: str) -> Record:
    return Record(dataset, identifier, RecordKind.other, (RecordName("a thing"),))


@pytest.fixture
def store() -> Store:
    made = Store(StoreOptions())
    speak(made, "one", frozenset(ENTITIES))
    return made


@pytest.fixture
def review(store: Store) -> LinkReview:
    return KnowledgeGraph(store).review(record)


def held(store: Store, graph: str | None) -> set[oxigraph.Triple]:
    return set(store.triples(graph))


def anew(store: Store, dataset: str) -> dict[str, set[oxigraph.Triple]]:
    """Make the graphs of a dataset of the whole log."""
    fresh = DecisionLogAndLinkGraphs(store)
    log = fresh.log()
    found = outside_datasets.find(dataset, store.names, log.datasets())
    made = links_as_rdf.graphs(log, store.names, found, fresh.present)
    return {graph: oxigraph.canonical(rdflib_conversion.from_rdflib(triples or ())) for graph, triples in made.items()}


def check(store: Store, touched: set[str]) -> None:
    for dataset in touched:
        for graph, wanted in anew(store, dataset).items():
            assert held(store, graph) == wanted
            assert store.has_graph(graph) == bool(wanted)
    assert held(store, None) == {triple for graph in store.graphs() for triple in store.triples(graph)}


# ---- whatever is done

some_proposals = st.lists(
    st.builds(
        lambda e, r, v: replace(proposal(e, r, v), verdict=v),
        st.sampled_from(ENTITIES),
        st.sampled_from(RECORDS),
        st.sampled_from(ProposalVerdict),
    ),
    max_size=4,
)


def decision(
    entity: str, record: str, judgement: Judgement = YES, relation: Relation = Relation.exact
) -> ReviewDecision:
    dataset, identifier = record.split(":", 1)
    return ReviewDecision(f"entity/{entity}", dataset, identifier, judgement, "", relation)


decisions = st.builds(
    decision,
    st.sampled_from(ENTITIES),
    st.sampled_from(RECORDS),
    st.sampled_from(Judgement),
    st.sampled_from(Relation),
)
steps = st.one_of(
    st.tuples(st.just("propose"), some_proposals),
    st.tuples(st.just("decide"), st.lists(decisions, min_size=1, max_size=3)),
    st.tuples(st.just("undo"), st.integers(1, 12)),
    st.tuples(st.just("speak"), st.tuples(st.sampled_from(("one", "two")), st.frozensets(st.sampled_from(ENTITIES)))),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), steps), max_size=8))
def test_the_graphs_are_those_made_anew_from_the_log(script: list[tuple[bool, tuple[str, object]]]) -> None:
    store = Store(StoreOptions())
    speak(store, "one", frozenset(ENTITIES))
    reviews = [KnowledgeGraph(store).review(record) for _ in range(2)]  # each with a ledger of its own
    for which, step in (*script, (False, ("propose", []))):
        version = store.version
        try:
            check(store, _done(reviews[which], *step))
        except (BadInput, NotFound):
            assert store.version == version
        for review in reviews:
            assert review.log().entries == DecisionLogAndLinkGraphs(store).log().entries
            assert review.log().queue() == DecisionLogAndLinkGraphs(store).log().queue()
            assert review.log().conflicts() == DecisionLogAndLinkGraphs(store).log().conflicts()


def _done(review: LinkReview, what: str, about: object) -> set[str]:
    """Run a step, and return the datasets that it changes."""
    if isinstance(about, tuple):
        speak(review.store, *about)
        return set()
    if isinstance(about, int):
        return {review.undo(about, "ann").key.dataset}
    assert isinstance(about, list)
    if what == "decide":
        return {entry.key.dataset for entry, _ in review.decide_all(about, "bob")}
    review.propose(sorted(about, key=lambda one: (one.subject, one.dataset)))
    return review.log().datasets()


# ---- what a step costs


def test_a_decision_costs_what_it_changes(review: LinkReview, monkeypatch: pytest.MonkeyPatch) -> None:
    review.decide_all([ReviewDecision("entity/a", "wikidata", f"Q{at}", YES) for at in range(1, 40)], "ann")
    made: list[PublishedLink] = []
    read: list[str] = []
    triples, reader = PublishedLink.triples, entries.read

    def counted(link: PublishedLink) -> Iterator[links_as_rdf.Triple]:
        made.append(link)
        return triples(link)

    def noted(text: str) -> LogEntry:
        read.append(text)
        return reader(text)

    monkeypatch.setattr(PublishedLink, "triples", counted)
    monkeypatch.setattr(decision_log_and_link_graphs, "read", noted)
    review.decide(ReviewDecision("entity/b", "wikidata", "Q50", YES), "ann")
    review.decide(ReviewDecision("entity/a", "wikidata", "Q1", NO), "ann")
    review.undo(1, "ann")
    # 39 links exist: the cost must not depend on them, only on the links that the steps change.
    assert len(made) <= 4
    assert read == []
    # Another article may have brought or removed entities; the log is nevertheless not read again.
    speak(review.store, "two", frozenset("a"))
    review.decide(ReviewDecision("entity/b", "wikidata", "Q50", NO), "ann")
    assert len(made) <= 6
    assert read == []
    WholeGraph(review.store).review().undo(2, "ann")
    assert len(made) <= 7
    assert len(read) == 43
    review.log()
    assert len(read) == 44  # the one that another wrote


def test_nothing_new_writes_nothing_in_a_new_process(review: LinkReview) -> None:
    found = [
        proposal("a", "wikidata:Q1"),
        proposal("b", "towns:1"),
        proposal("c", "wikidata:Q3", ProposalVerdict.review),
    ]
    review.propose(found)
    version = review.store.version
    WholeGraph(review.store).review(record).propose(found)
    assert review.store.version == version


# ---- what two links say


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "wikidata:Q1"), ("b", "wikidata:Q1")),  # two entities: where people find the thing stays
        (("a", RECORDS[2]), ("a", RECORDS[3])),  # two identifiers of one thing: the link itself stays
        (("a", "wikidata:Q1"), ("a", "wikidata:Q2")),
    ],
)
def test_what_another_link_says_too_stays(
    store: Store, review: LinkReview, one: tuple[str, str], other: tuple[str, str]
) -> None:
    decided = [decision(entity, named) for entity, named in (one, other)]
    review.decide_all(decided, "ann")
    same = oxigraph.NamedNode(f"{SKOS}exactMatch")
    for made, left in zip(decided, (1, 0), strict=True):
        review.decide(replace(made, judgement=NO), "bob")
        check(store, {made.dataset})
        assert len(store.match(None, same, None, store.names.links_graph(made.dataset))) == left


# ---- entities that come and go


def test_an_entity_that_is_gone_and_comes_back(store: Store, review: LinkReview) -> None:
    review.propose([proposal("a", "wikidata:Q1"), proposal("b", "wikidata:Q2")])
    before = held(store, store.names.links_graph("wikidata"))
    speak(store, "one", frozenset("bc"))
    review.propose([])
    check(store, {"wikidata"})
    assert not [t for t in held(store, store.names.links_graph("wikidata")) if str(t.subject).endswith("entity/a>")]
    speak(store, "one", frozenset("abc"))
    review.propose([])
    assert held(store, store.names.links_graph("wikidata")) == before


# ---- what cannot be told from the log is written anew


def _lost(store: Store) -> None:
    store.replace({store.names.links_graph("wikidata"): None, store.names.rejected_graph("wikidata"): None})


def _stray(store: Store) -> None:
    row = f"<{BASE}link/wikidata/Q9/x> a <http://www.w3.org/2002/07/owl#Axiom> ."
    store.merge(store.names.rejected_graph("wikidata"), [q.triple for q in oxigraph.parse(row.encode(), "text/turtle")])


def _miscounted(store: Store) -> None:
    row = f"<{BASE}link/wikidata> <http://rdfs.org/ns/void#triples> 7 ."
    store.merge(store.names.links_graph("wikidata"), [q.triple for q in oxigraph.parse(row.encode(), "text/turtle")])


def _older(store: Store) -> None:
    """Make it as it was written when nothing told the form, with less in each record."""
    marker = oxigraph.NamedNode(f"{BASE}link/log")
    log = store.names.decisions_graph
    gone = {log: {quad.triple for quad in store.match(marker, None, None, log)}}
    assert len(gone[log]) == 1
    for graph in (store.names.links_graph("wikidata"), store.names.rejected_graph("wikidata")):
        gone[graph] = {t for t in store.triples(graph) if t.predicate.value.endswith("mapping_justification")}
    store.change(gone, {})


@pytest.mark.parametrize("damage", [_lost, _stray, _miscounted, _older])
@pytest.mark.parametrize("new", [True, False])
def test_it_is_mended(store: Store, review: LinkReview, damage: Callable[[Store], None], *, new: bool) -> None:
    review.propose([proposal("a", "wikidata:Q1"), proposal("b", "wikidata:Q2"), proposal("a", "towns:1")])
    review.decide(ReviewDecision("entity/b", "wikidata", "Q2", NO), "ann")
    damage(store)
    with pytest.raises(AssertionError):
        check(store, {"wikidata"})
    review = KnowledgeGraph(store).review(record) if new else review
    review.decide(ReviewDecision("entity/c", "wikidata", "Q3", YES), "ann")
    check(store, {"wikidata", "towns"})


def test_an_older_form_is_renewed_for_all_datasets(store: Store, review: LinkReview) -> None:
    review.propose([proposal("a", "wikidata:Q1"), proposal("b", "towns:1")])
    _older(store)
    review.decide(ReviewDecision("entity/c", "towns", "2", YES), "ann")
    check(store, {"wikidata", "towns"})


def test_what_fails_leaves_nothing_behind(store: Store, review: LinkReview, monkeypatch: pytest.MonkeyPatch) -> None:
    review.propose([proposal("a", "wikidata:Q1"), proposal("a", "towns:1")])
    before = {*store.quads()}
    decided = [ReviewDecision("entity/b", *r, YES) for r in (("towns", "1"), ("wikidata", "Q2"))]
    with monkeypatch.context() as patch:
        patch.setattr(links_as_rdf, "justification", lambda _: "noTerm")
        with pytest.raises(Rejected):
            review.decide_all(decided, "ann")
    assert {*store.quads()} == before
    assert [*review.log().entries] == [1, 2]
    review.decide(ReviewDecision("entity/c", "wikidata", "Q1", YES), "ann")
    review.decide_all(decided, "ann")
    assert [*review.log().entries] == [1, 2, 3, 4, 5]
    check(store, {"wikidata", "towns"})


def test_a_log_that_was_given_stays_as_it_was(review: LinkReview) -> None:
    review.propose([proposal("a", "wikidata:Q1")])
    log = review.log()
    review.decide(ReviewDecision("entity/a", "wikidata", "Q1", NO), "ann")
    review.undo(1, "ann")
    assert ([*log.entries], len([*log.links()])) == ([1], 1)
