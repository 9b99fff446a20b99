"""Linksets: plain links, mapping records and descriptions, and shapes that detect errors in them."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from rdflib import DCTERMS, OWL, RDF, SH, SKOS, XSD, Graph, Literal, URIRef

import ontology
from kg.gate.gate import check_against_shapes
from kg.gate.validation_report import Rejected
from kg.iris import FOAF, PAV
from kg.knowledge_graph import KnowledgeGraph
from kg.linking.link_proposal_types import ProposalVerdict, ScoringFeature
from kg.links import links_as_rdf, outside_datasets
from kg.links.decision_log_state import Judgement
from kg.links.link_review_and_proposals import LinkReview, ReviewDecision
from kg.links.links_as_rdf import sssom, void
from kg.rdf import oxigraph, rdflib_conversion
from tests.cases.links import BASE, proposal
from tests.configs import configured

WD = "http://www.wikidata.org/entity/"
RECORD = URIRef(f"{BASE}link/wikidata/Q7747/entity%2Fputin")
PUTIN, Q7747 = URIRef(f"{BASE}entity/putin"), URIRef(f"{WD}Q7747")


@pytest.fixture(scope="module")
def review() -> LinkReview:
    made = KnowledgeGraph.open(configured(), in_memory=True).review()
    made.propose([proposal("putin", "wikidata:Q7747"), proposal("iran", "wikidata:Q794", ProposalVerdict.review)])
    made.decide(ReviewDecision("entity/iran", "wikidata", "Q794", Judgement.positive, "the state"), "ann")
    made.decide(ReviewDecision("entity/russia", "wikidata", "Q1", Judgement.negative, "a universe"), "bob")
    return made


def stored(review: LinkReview, name: str) -> Graph:
    return rdflib_conversion.to_graph(review.store.triples(name))


@pytest.fixture
def graph(review: LinkReview) -> Graph:
    return stored(review, review.names.links_graph("wikidata"))


def test_the_plain_links_and_where_people_find_them(graph: Graph) -> None:
    iran = URIRef(f"{BASE}entity/iran"), SKOS.exactMatch, URIRef(f"{WD}Q794")
    assert {*graph.triples((None, SKOS.exactMatch, None))} == {(PUTIN, SKOS.exactMatch, Q7747), iran}
    assert graph.value(Q7747, URIRef(f"{FOAF}page")) == URIRef("https://www.wikidata.org/wiki/Q7747")


def test_the_record_of_a_link_that_the_linker_made(graph: Graph) -> None:
    found = {str(p).rpartition("/")[2].rpartition("#")[2]: str(o) for p, o in graph.predicate_objects(RECORD)}
    assert (RECORD, RDF.type, OWL.Axiom) in graph
    assert found["subject_id"] == found["annotatedSource"] == str(PUTIN)
    assert found["object_id"] == found["annotatedTarget"] == str(Q7747)
    assert found["mapping_justification"] == "https://w3id.org/semapv/vocab/CompositeMatching"
    assert (found["mapping_tool"], found["match_string"]) == ("Claimgraph", "ім’я wikidata:Q7747")
    assert found["object_source_version"] == "wikidata-pack@2026-01"
    confidence = graph.value(RECORD, sssom.confidence)
    assert isinstance(confidence, Literal)
    assert (confidence.datatype, confidence.toPython()) == (XSD.double, 0.97)
    assert not {"reviewer_id", "review_date", "predicate_modifier", "authoredBy"} & {*found}


def test_the_record_of_a_link_that_a_person_confirmed(graph: Graph) -> None:
    record = URIRef(f"{BASE}link/wikidata/Q794/entity%2Firan")
    assert graph.value(record, sssom.reviewer_id) == URIRef(f"{BASE}link/reviewer/ann")
    assert str(graph.value(record, sssom.reviewer_agreement)) in ("1.0", "1")
    assert graph.value(record, sssom.mapping_tool) == Literal("Claimgraph")  # the tool proposed it
    day = graph.value(record, sssom.review_date)
    assert isinstance(day, Literal)
    assert day.datatype == XSD.date
    assert str(graph.value(record, URIRef(f"{PAV}authoredOn"))) == str(day)


def test_the_description(graph: Graph) -> None:
    linkset = URIRef(f"{BASE}link/wikidata")
    assert (linkset, RDF.type, void.Linkset) in graph
    assert graph.value(linkset, void.linkPredicate) == SKOS.exactMatch
    assert graph.value(linkset, void.triples) == Literal(2)
    assert graph.value(linkset, void.subjectsTarget) == URIRef(f"{BASE}sparql#dataset")
    target = graph.value(linkset, void.objectsTarget)
    assert {str(getattr(t, "language", "")) for t in graph.objects(target, DCTERMS.title)} == {"en", "uk"}


def test_what_is_rejected_stands_apart(review: LinkReview, graph: Graph) -> None:
    record = URIRef(f"{BASE}link/wikidata/Q1/entity%2Frussia")
    assert (record, None, None) not in graph
    apart = stored(review, review.names.rejected_graph("wikidata"))
    assert apart.value(record, sssom.predicate_modifier) == Literal("Not")
    assert (None, SKOS.exactMatch, None) not in apart
    assert (record, sssom.confidence, None) not in apart


@pytest.mark.parametrize(
    ("names", "tool", "wanted"),
    [
        (["alias"], "1", "LexicalMatching"),
        (["lemma", "kind"], "1", "LexicalMatching"),
        (["alias", "distance"], "1", "CompositeMatching"),
        (["similarity"], "1", "LexicalSimilarityThresholdMatching"),
        (["similarity", "role"], "1", "CompositeMatching"),
        (["identifier"], "1", "BackgroundKnowledgeBasedMatching"),
        (["kind"], "1", "UnspecifiedMatching"),
        (["alias"], "", "ManualMappingCuration"),
    ],
)
def test_justifications(review: LinkReview, names: list[str], tool: str, wanted: str) -> None:
    entry = review.log().entries[1]
    features = (*(ScoringFeature(name, 1, 10, "") for name in names), ScoringFeature("country", 0.0, 10, "against"))
    changed = replace(entry, tool=tool, proposal=replace(entry.proposal, features=features))
    assert links_as_rdf.justification(changed) == wanted


CHANGES = [
    ("N1", sssom.subject_id, None),
    ("N1", OWL.annotatedSource, URIRef("urn:other")),
    ("N2", sssom.predicate_id, OWL.sameAs),
    ("N2", OWL.annotatedProperty, SKOS.closeMatch),
    ("N3", sssom.object_id, Literal("Q7747")),
    ("N3", OWL.annotatedTarget, URIRef("urn:other")),
    ("N4", sssom.mapping_justification, URIRef("urn:because")),
    ("N4", sssom.mapping_justification, None),
    ("N5", sssom.confidence, Literal(97.0)),
    ("N5", sssom.confidence, Literal("high")),
    ("N6", sssom.reviewer_id, Literal("ann")),
    ("N6", sssom.review_date, Literal("yesterday")),
    ("N6", sssom.reviewer_agreement, Literal(2.0)),
    ("N7", sssom.predicate_modifier, Literal("Perhaps")),
    ("N8", sssom.mapping_tool, Literal("")),
    ("N8", sssom.mapping_tool_version, Literal("")),
    ("N9", sssom.subject_source, None),
    ("N9", sssom.object_source, Literal("Wikidata")),
    ("N10", sssom.mapping_tool, None),
    ("N11", void.triples, Literal("two")),
    ("N11", void.objectsTarget, None),
    ("N11", void.subjectsTarget, Literal("us")),
    ("N11", void.linkPredicate, OWL.sameAs),
]


@pytest.mark.parametrize(("constraint", "predicate", "value"), CHANGES)
def test_each_constraint_fails(graph: Graph, constraint: str, predicate: URIRef, value: URIRef | None) -> None:
    assert links_as_rdf.check(graph, [])  # as it is, it passes
    subject = URIRef(f"{BASE}link/wikidata") if constraint == "N11" else RECORD
    graph.remove((subject, predicate, None))
    if value is not None:
        graph.add((subject, predicate, value))
    with pytest.raises(Rejected) as caught:
        links_as_rdf.check(graph, [])
    assert constraint in {found.constraint for found in caught.value.report.violations}
    for found in caught.value.report.results:
        assert {*found.messages} >= {"en", "uk"}
        assert {*found.remedies} == {"en", "uk"}


def test_every_constraint_is_tried() -> None:
    shapes = Graph().parse(data=ontology.read("links.ttl"), format="turtle")
    assert {str(found) for found in shapes.objects(None, DCTERMS.identifier)} == {change[0] for change in CHANGES}
    for shape in shapes.subjects(DCTERMS.identifier):
        assert {getattr(text, "language", "") for text in shapes.objects(shape, SH.message)} == {"en", "uk"}


def test_what_was_checked_is_not_checked_again(
    review: LinkReview, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[int] = []

    def counted(shapes: Any, fresh: Any) -> Any:
        checked.append(len(fresh))
        return check_against_shapes(shapes, fresh)

    monkeypatch.setattr(links_as_rdf, "check_against_shapes", counted)
    links_as_rdf.check(graph, review.store.triples(review.names.links_graph("wikidata")))
    assert checked == [0]


def test_another_form_has_another_name(review: LinkReview) -> None:
    """Graphs are written again only if :data:`links_as_rdf.FORM` is raised, as any change of them here demands."""
    entry = replace(review.log().entries[1], time="2026-01-02T03:04:05Z", tool="1")
    by_hand = replace(entry, automatic=False, user="ann", reason="so")
    told = []
    for name in ("wikidata", "towns"):
        dataset = outside_datasets.find(name, review.names, ("towns",))
        entries = (entry, by_hand, replace(by_hand, judgement=Judgement.negative), replace(by_hand, tool=""))
        links = [links_as_rdf.PublishedLink(one, dataset, review.names) for one in entries]
        described = links_as_rdf.description(review.names, dataset, links_as_rdf.extent(links))
        told += [*described, *(triple for link in links for triple in link.triples())]
    text = "\n".join(sorted(str(triple) for triple in oxigraph.canonical(rdflib_conversion.from_rdflib(told))))
    assert (links_as_rdf.FORM, sha256(text.encode()).hexdigest()[:16]) == ("1", "81109e701d528085")
