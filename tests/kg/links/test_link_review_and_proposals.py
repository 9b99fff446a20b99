"""Link review: proposals, decisions and links are committed together to a real store, or not at all."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kg.errors import BadInput, Forbidden, NotFound, StoreUnavailable
from kg.gate.validation_report import Rejected
from kg.knowledge_graph import KnowledgeGraph, WholeGraph
from kg.linking.link_proposal_types import LinkProposal, ProposalVerdict
from kg.links import links_as_rdf
from kg.links.decision_log_state import Judgement, Relation
from kg.links.link_review_and_proposals import LinkReview, ReviewDecision, sentences
from kg.rdf import oxigraph
from kg.reference.records import Record, RecordKind, RecordName
from kg.store.store import Store
from tests.cases.links import proposal
from tests.configs import configured

YES, NO, UNSURE = Judgement.positive, Judgement.negative, Judgement.unsure
LINKS = """PREFIX skos: <http://www.w3.org/2004/02/skos/core#>
SELECT ?s ?o { ?s skos:exactMatch ?o FILTER(STRSTARTS(STR(?s), '%sentity/')) }"""


@pytest.fixture
def graph() -> KnowledgeGraph:
    return KnowledgeGraph.open(configured(), in_memory=True)


@pytest.fixture
def review(graph: KnowledgeGraph) -> LinkReview:
    return graph.review()


def linked(review: LinkReview) -> set[tuple[str, str]]:
    """Query the default graph, as users do."""
    rows = review.store.rows(LINKS % review.names.base)
    return {(row["s"].value.rpartition("/")[2], row["o"].value) for row in rows}  # type: ignore[union-attr]


def done(review: LinkReview, *proposals: LinkProposal, **options: Any) -> list[str]:
    return [outcome.done for outcome in review.propose(proposals, **options)]


PUTIN = ("putin", "http://www.wikidata.org/entity/Q7747")


def test_what_may_be_linked_is_and_the_rest_waits(review: LinkReview) -> None:
    nil = replace(proposal("iran", "geonames:"), verdict=ProposalVerdict.outside)
    found = [proposal("putin", "wikidata:Q7747"), proposal("iran", "wikidata:Q794", ProposalVerdict.review), nil]
    assert done(review, *found) == ["linked", "queued", "nothing"]
    assert linked(review) == {PUTIN}
    (waiting,) = review.log().queue()
    assert waiting.proposal == found[1]
    version = review.store.version
    assert done(review, *found) == ["linked", "queued", "nothing"]
    assert review.store.version == version  # nothing new, so nothing was written


def test_a_dry_run_writes_nothing(review: LinkReview) -> None:
    version = review.store.version
    assert done(review, proposal("putin", "wikidata:Q7747"), dry_run=True) == ["linked"]
    assert (review.store.version, linked(review)) == (version, set())
    assert review.log().entries == {}


def test_only_some_datasets(review: LinkReview) -> None:
    found = [proposal("iran", "wikidata:Q794"), proposal("iran", "geonames:130758")]
    assert done(review, *found, only=["geonames"]) == ["linked"]
    assert linked(review) == {("iran", "https://sws.geonames.org/130758/")}


def test_rejected_stays_rejected(review: LinkReview) -> None:
    done(review, proposal("putin", "wikidata:Q7747"))
    entry, conflicts = review.decide(ReviewDecision("entity/putin", "wikidata", "Q7747", NO, "a namesake"), "ann")
    assert (entry.user, entry.reason, conflicts) == ("ann", "a namesake", [])
    assert linked(review) == set()
    (outcome,) = review.propose([proposal("putin", "wikidata:Q7747")])
    assert (outcome.done, outcome.proposal.reason) == ("kept", "ann decided: negative.")
    assert linked(review) == set()
    review.undo(entry.number, "bob")
    assert linked(review) == {PUTIN}


def test_undoing_twice(review: LinkReview) -> None:
    entry, _ = review.decide(ReviewDecision("entity/putin", "wikidata", "Q7747", YES), "ann")
    review.undo(entry.number, "bob")
    version = review.store.version
    with pytest.raises(BadInput, match="was already undone by bob"):
        review.undo(entry.number, "cy")
    assert (review.store.version, linked(review)) == (version, set())


def test_what_a_person_took_back_is_not_linked_again_without_one(review: LinkReview) -> None:
    done(review, proposal("putin", "wikidata:Q7747"))
    review.undo(1, "ann", "not he")
    (outcome,) = review.propose([proposal("putin", "wikidata:Q7747")])
    assert (outcome.done, outcome.proposal.reason) == ("queued", "ann undid this link.")
    assert linked(review) == set()


def test_the_linker_may_change_its_mind_but_not_that_of_people(review: LinkReview) -> None:
    done(review, proposal("putin", "wikidata:Q1"), proposal("iran", "wikidata:Q2"))
    review.decide(ReviewDecision("entity/iran", "wikidata", "Q2", YES), "ann")
    assert done(review, proposal("putin", "wikidata:Q7747"), proposal("iran", "wikidata:Q3")) == ["linked", "queued"]
    assert linked(review) == {PUTIN, ("iran", "http://www.wikidata.org/entity/Q2")}
    nil = replace(proposal("putin", "wikidata:"), verdict=ProposalVerdict.nil)
    assert done(review, nil) == ["nothing"]
    assert linked(review) == {("iran", "http://www.wikidata.org/entity/Q2")}
    assert review.log().queue() == []  # what was proposed for Iran is in question no longer


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ([("putin", "wikidata:Q1"), ("iran", "wikidata:Q1")], "two entities are linked to wikidata:Q1"),
        ([("putin", "wikidata:Q1"), ("putin", "wikidata:Q2")], "two records of wikidata"),
        ([("putin", "wikidata:Q9"), ("putin", "geonames:5")], "wikidata:Q9 is geonames:4"),
    ],
)
def test_the_linker_makes_no_contradiction(graph: KnowledgeGraph, others: list[tuple[str, str]], said: str) -> None:
    def lookup(dataset: str, identifier: str) -> Record | None:
        known = {"geonames": "4"} if identifier == "Q9" else {}
        return Record(dataset, identifier, RecordKind.person, (RecordName("x", "en", True),), identifiers=known)

    review = graph.review(lookup)
    first, second = review.propose([proposal(*other) for other in others])
    assert (first.done, second.done) == ("linked", "queued")
    assert said in second.proposal.reason
    assert len(linked(review)) == 1
    entity, record = others[1]
    dataset, _, identifier = record.partition(":")
    _, conflicts = review.decide(ReviewDecision(f"entity/{entity}", dataset, identifier, YES), "ann")  # people may
    assert said in conflicts[0].what
    assert len(linked(review)) == 2


def test_people_link_what_nobody_proposed(review: LinkReview) -> None:
    entry, _ = review.decide(ReviewDecision("entity/putin", "wikidata", "Q7747", YES, relation=Relation.close), "ann")
    assert (entry.proposal.name, entry.tool) == ("Vladimir Putin", "")
    assert linked(review) == set()  # it is close, not exact
    slots = dict(next(iter(review.links("wikidata"))).slots())
    assert str(slots["mapping_justification"]).endswith("ManualMappingCuration")
    assert str(slots["author_id"]).endswith("link/reviewer/ann")


def test_unsure_waits_and_may_be_decided(review: LinkReview) -> None:
    done(review, proposal("putin", "wikidata:Q7747", ProposalVerdict.review))
    review.decide(ReviewDecision("entity/putin", "wikidata", "Q7747", UNSURE, "?"), "ann")
    assert [entry.judgement for entry in review.log().queue()] == [UNSURE]
    assert done(review, proposal("putin", "wikidata:Q7747")) == ["kept"]
    review.decide(ReviewDecision("entity/putin", "wikidata", "Q7747", YES), "bob")
    assert (linked(review), review.log().queue()) == ({PUTIN}, [])


@pytest.mark.parametrize(
    ("decision", "error", "said"),
    [
        (ReviewDecision("entity/nobody", "wikidata", "Q1", YES), NotFound, "no entity “entity/nobody”"),
        (ReviewDecision("not an IRI", "wikidata", "Q1", YES), NotFound, "no entity"),
        (ReviewDecision("\ud800", "wikidata", "Q1", YES), NotFound, "no entity"),
        (ReviewDecision("https://w3id.org/claimgraph/ns#Person", "wikidata", "Q1", YES), NotFound, "no entity"),
        (ReviewDecision("entity/putin", "nothing", "Q1", YES), NotFound, "no dataset “nothing”"),
        (ReviewDecision("entity/putin", "log", "Q1", YES), BadInput, "not a name of a dataset"),
        (ReviewDecision("entity/putin", "wikidata", "7747", YES), BadInput, "not an identifier"),
        (ReviewDecision("entity/putin", "wikidata", "Q1", YES, "x" * 2001), BadInput, "2001 characters"),
        (ReviewDecision("entity/putin", "wikidata", "Q1", YES, "\ud800"), BadInput, "half a character"),
    ],
)
def test_bad_decisions_leave_nothing(
    review: LinkReview, decision: ReviewDecision, error: type[Exception], said: str
) -> None:
    version = review.store.version
    good = ReviewDecision("entity/iran", "wikidata", "Q794", YES)
    with pytest.raises(error, match=said):
        review.decide_all([good, decision], "ann")
    assert (review.store.version, review.log().entries, linked(review)) == (version, {}, set())


def test_a_malformed_proposal_leaves_nothing(review: LinkReview) -> None:
    with pytest.raises(BadInput, match="not an identifier of wikidata"):
        review.propose([proposal("iran", "wikidata:Q794"), proposal("putin", "wikidata:x> <y")])
    assert (review.log().entries, linked(review)) == ({}, set())


def test_a_link_that_breaks_a_constraint_leaves_nothing(review: LinkReview, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links_as_rdf, "justification", lambda _: "noTerm")
    with pytest.raises(Rejected) as caught:
        done(review, proposal("putin", "wikidata:Q7747"))
    assert [found.constraint for found in caught.value.report.violations] == ["N4"]
    assert (review.log().entries, linked(review)) == ({}, set())


def test_links_of_an_entity_that_is_gone_are_not_published(review: LinkReview) -> None:
    done(review, proposal("putin", "wikidata:Q7747"), proposal("iran", "geonames:130758"))
    WholeGraph(review.store).articles.remove("seed")
    done(review)
    assert linked(review) == set()
    assert not review.store.has_graph(review.names.links_graph("wikidata"))


@pytest.mark.parametrize("graph_name", ["links/wikidata", "links/rejected/wikidata", "links/log/decisions"])
def test_users_cannot_write_there(review: LinkReview, graph_name: str) -> None:
    done(review, proposal("putin", "wikidata:Q7747"))
    assert isinstance(review.store, Store)
    with pytest.raises(Forbidden, match="managed by the server"):
        review.store.update(f"INSERT DATA {{ GRAPH <{review.names.base}graph/{graph_name}> {{ <urn:a> <urn:b> 1 }} }}")


def test_a_damaged_log_is_told(review: LinkReview) -> None:
    done(review, proposal("putin", "wikidata:Q7747"))
    assert [*review.log().entries] == [1]
    value = f'<{review.names.decision(2)}> <http://www.w3.org/1999/02/22-rdf-syntax-ns#value> "{{" .'
    review.store.merge(review.names.decisions_graph, [q.triple for q in oxigraph.parse_as_is(value.encode())])
    with pytest.raises(StoreUnavailable, match="log of links is damaged"):
        review.log()


def test_all_of_it_is_there_after_a_restart(tmp_path: Path) -> None:
    config = configured(data_dir=tmp_path / "data")
    review = KnowledgeGraph.open(config).review()
    done(review, proposal("putin", "wikidata:Q7747"), proposal("iran", "wikidata:Q794", ProposalVerdict.review))
    entries = review.log().entries
    del review
    review = KnowledgeGraph.open(config).review()
    assert review.log().entries == entries
    assert linked(review) == {PUTIN}


def test_many_decide_at_once(review: LinkReview) -> None:
    def decide(number: int) -> None:
        review.decide(ReviewDecision("entity/putin", "wikidata", f"Q{number}", NO), f"user{number}")

    threads = [threading.Thread(target=decide, args=(number,)) for number in range(1, 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = review.log().entries
    assert [*entries] == [*range(1, 13)]
    assert {entry.user for entry in entries.values()} == {f"user{number}" for number in range(1, 13)}


def test_sentences(review: LinkReview) -> None:
    found = sentences(review.store, review.entity("entity/putin"))
    assert len(found) > 3
    assert all(sentence.exact in sentence.text for sentence in found)
    assert len({sentence.text for sentence in found}) == len(found)
    assert sentences(review.store, review.names.base + "entity/nobody") == []
