"""Provenance: every statement has evidence, and the graph can show it."""

from __future__ import annotations

import json

import pytest
from rdflib import RDF, URIRef
from rdflib.term import Node

import ontology
from kg.articles.explanation_records import Explanation
from kg.articles.statement_explanations import Evidence, evidence
from kg.errors import Ambiguous, BadInput, NotFound
from kg.gate.owl_closure_and_contradictions import Triple
from kg.knowledge_graph import KnowledgeGraph
from kg.rdf import rdflib_conversion
from kg.rdf.rdflib_conversion import cg
from tests.configs import configured

PUBLISHER, BILD, MAZEEJ, SAQR = "publisher of the article", "BILD", "Mazeej podcast", "Kamel Saqr"
INTERVIEW = [("pub_article", PUBLISHER), ("pub_bild", BILD), ("interview", SAQR)]


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    return KnowledgeGraph.open(configured(), in_memory=True)


@pytest.fixture(scope="module")
def found(graph: KnowledgeGraph) -> Evidence:
    return evidence(graph.articles, "seed")


def stored(graph: KnowledgeGraph, name: str) -> list[Triple]:
    triples = graph.store.triples(name)
    return [
        (
            rdflib_conversion.to_rdflib(t.subject),
            rdflib_conversion.to_rdflib(t.predicate),
            rdflib_conversion.to_rdflib(t.object),
        )
        for t in triples
    ]


def local(graph: KnowledgeGraph, identifier: str) -> str:
    return graph.names.local("seed", identifier)


def chain(explanation: Explanation) -> list[tuple[str, str]]:
    return [(hop.act.iri.rpartition("/")[2], hop.reporter[0].label["en"]) for hop in explanation.chain]


# ---- every triple


def test_every_asserted_triple_rests_on_words_of_the_article(graph: KnowledgeGraph, found: Evidence) -> None:
    """Only the article rests on nothing but its text, and its publisher, who is not named in it, on no words at all."""
    triples = stored(graph, graph.names.article_graph("seed"))
    assert len(triples) > 3000
    unquoted = {s for s, _, _ in triples if not found.supporting(s)}
    publications = set(found.facts.objects(None, cg("reportedIn")))
    publishers = {agent for act in publications for agent in found.facts.objects(act, cg("reporter"))}
    assert unquoted == {found.article} | publishers
    assert len(publishers) == 1
    assert not list(found.facts.subjects(cg("denotes"), publishers.pop()))


def test_the_words_stand_in_the_text_where_they_are_said_to_stand(graph: KnowledgeGraph, found: Evidence) -> None:
    passages = {p for s, _, _ in stored(graph, graph.names.article_graph("seed")) for p in found.supporting(s)}
    assert passages == set(found.facts.subjects(RDF.type, cg("Passage")))
    for passage in passages:
        quote = found.quote(passage)
        assert found.text[quote.start : quote.end] == quote.exact
        assert found.text[: quote.start].endswith(quote.before)
        assert found.text[quote.end :].startswith(quote.after)
        assert len(quote.before) == min(60, quote.start)
        assert len(quote.after) == min(60, len(found.text) - quote.end)
        assert str(passage).endswith(f"char={quote.start},{quote.end}")
        assert quote.section is not None


def leaves(found: Evidence, triple: Triple) -> set[Triple]:
    """Expand a derivation down to its underived premises."""
    todo, seen, ends = [triple], {triple}, set()
    while todo:
        derivation = found.closure.derivations.get(current := todo.pop())
        if derivation is None:
            ends.add(current)
        else:
            todo += [premise for premise in derivation.premises if premise not in seen]
            seen.update(derivation.premises)
    return ends


def test_every_inferred_triple_follows_from_what_is_asserted(graph: KnowledgeGraph, found: Evidence) -> None:
    inferred = stored(graph, graph.names.inferred_graph("seed"))
    assert set(inferred) == found.closure.derivations.keys()
    assert len(inferred) > 1600
    article = set(stored(graph, graph.names.article_graph("seed")))
    reference = set(stored(graph, graph.names.reference_graph)) | set(stored(graph, graph.names.ontology_graph))
    for triple in inferred:
        ends = leaves(found, triple)
        assert ends <= article | reference
        assert ends & article, "world knowledge alone is no reason to say it of this article"
    assert not set(inferred) & (article | reference)


def test_every_inferred_triple_can_be_explained(graph: KnowledgeGraph, found: Evidence) -> None:
    for triple in stored(graph, graph.names.inferred_graph("seed")):
        steps = found.derivation(triple)
        explained = [step.statement for step in steps]
        assert explained[0] == found.statement(triple)
        assert len(explained) == len({str(statement) for statement in explained})
        for step in steps:
            for premise in step.premises:
                assert premise in explained or premise.source in ("article", "reference")


# ---- claims


@pytest.mark.parametrize(
    ("claim", "hops"),
    [
        ("C01", [("pub_article_own", PUBLISHER)]),
        ("C05", INTERVIEW),
        ("C22", INTERVIEW),
        ("C20", [*INTERVIEW, ("signal", "Vladimir Putin")]),
        ("C25", [*INTERVIEW, ("realise", "Bashar al-Assad")]),
        ("C38", [("pub_article_own", PUBLISHER), ("prognosis", "doctors")]),
    ],
)
def test_a_chain_runs_from_the_article_to_the_innermost_source(
    claim: str, hops: list[tuple[str, str]], graph: KnowledgeGraph
) -> None:
    assert chain(graph.why(claim)) == hops


def test_why_a_claim(graph: KnowledgeGraph) -> None:
    why = graph.why("C22")
    assert (why.claim, why.article) == (local(graph, "C22"), graph.names.article("seed"))
    assert (why.polarity, why.content.type, why.content.iri) == ("affirms", "NonResponse", local(graph, "stopcalls"))
    (quote,) = why.quotes
    assert quote.exact == "за кілька днів до цього Путін припинив відповідати на дзвінки Асада"
    assert (quote.start, quote.end, quote.section) == (813, 880, "body")
    assert quote.segment == graph.names.passage("seed", 782, 969)
    assert quote.before.endswith("За словами колишнього речника, ")
    assert quote.after.startswith(", і лише після цього")
    assert [cue.exact for cue in why.cue] == ["За словами колишнього речника"]
    assert [outlet.label["en"] for outlet in why.chain[-1].venue] == [MAZEEJ]
    assert (why.attribution_mode, why.expression, why.certainty) == ("explicit", "stated", "certain")
    assert (why.probability, why.extraction_confidence, why.review_status) == (None, 1.0, "reviewed")


def test_why_says_what_follows_from_a_claim(graph: KnowledgeGraph) -> None:
    inferred = {(i.statement.predicate, i.statement.object): i for i in graph.why("C22").inferred}
    attributed = inferred["cg:attributedTo", graph.names.entity("saqr")]
    assert attributed.rule == "prp-spo2"
    assert attributed.axiom == "cg:originatesIn ∘ cg:reporter ⊑ cg:attributedTo"
    assert [(p.predicate, p.source) for p in attributed.premises] == [
        ("cg:originatesIn", "article"),
        ("cg:reporter", "article"),
    ]
    passed = {o for p, o in inferred if p == "cg:passedThrough"}
    assert passed == {graph.names.entity("bild"), graph.names.entity("publisher")}


def test_a_denial_and_a_probability(graph: KnowledgeGraph) -> None:
    assert graph.why("C25").polarity == "denies"
    assert (graph.why("C38").probability, graph.why("C38").certainty) == (0.5, "possible")


@pytest.mark.parametrize("key", ["C22", "seed/C22", "article/seed/C22", "http://127.0.0.1:8000/article/seed/C22"])
def test_names_of_a_claim(key: str, graph: KnowledgeGraph) -> None:
    assert graph.why(key).claim == local(graph, "C22")


@pytest.mark.parametrize(
    "key", ["", "C2", "22", "/C22", "seed", "other/C22", "c22", "stopcalls", "https://e.example/C22"]
)
def test_a_claim_that_is_not_there(key: str, graph: KnowledgeGraph) -> None:
    with pytest.raises(NotFound, match="There is no claim") as caught:
        graph.why(key)
    assert caught.value.remedy


def test_a_short_name_that_fits_two_claims() -> None:
    graph = KnowledgeGraph.open(configured(), in_memory=True)
    second = json.loads(ontology.read("seed/article.json"))
    second["article"]["id"] = "second"
    graph.articles.add(json.dumps(second).encode())
    with pytest.raises(Ambiguous, match="matches 2 claims: second/C22, seed/C22"):
        graph.why("C22")
    assert graph.why("second/C22").claim == graph.names.local("second", "C22")
    assert graph.why("second/C22").article == graph.names.article("second")


# ---- statements


def test_why_an_asserted_statement(graph: KnowledgeGraph) -> None:
    why = graph.why_statement(local(graph, "leave"), "cg:actor", graph.names.entity("assad"))
    assert (why.statement.source, why.derivation) == ("article", [])
    assert [quote.exact for quote in why.quotes] == ["8 грудня Асад остаточно покинув Сирію"]


def test_why_a_statement_of_a_value(graph: KnowledgeGraph) -> None:
    why = graph.why_statement(local(graph, "wait"), "cg:duration", '"P2D"^^xsd:duration')
    assert why.statement.source == "article"
    assert "два дні" in why.quotes[0].exact
    label = graph.why_statement(graph.names.entity("saqr"), "rdfs:label", '"Камель Сакр"@uk')
    assert "Камель Сакр" in [quote.exact for quote in label.quotes]


def test_why_something_is_where_it_is(graph: KnowledgeGraph) -> None:
    """Where the article stops (Donechchyna), the reference graph goes on (Ukraine)."""
    why = graph.why_statement(local(graph, "outage"), "cg:occurredWithin", graph.names.entity("ukraine"))
    assert why.statement.source == "inferred"
    assert why.quotes == []
    assert why.derivation[0].axiom == "cg:occurredWithin ∘ cg:within ⊑ cg:occurredWithin"
    premises = [premise for step in why.derivation for premise in step.premises]
    assert [p.subject.rpartition("/")[2] for p in premises if p.source == "reference"] == ["donechchyna"]
    assert {step.statement.predicate for step in why.derivation} <= {"cg:occurredWithin", "cg:within"}


def test_an_agent_without_a_name_rests_on_the_event(graph: KnowledgeGraph) -> None:
    why = graph.why_statement(graph.names.entity("attackers"), "rdf:type", "cg:Group")
    assert any("скоїли замах" in quote.exact for quote in why.quotes)


@pytest.mark.parametrize(
    ("subject", "predicate", "obj"),
    [
        ("urn:nothing", "cg:actor", "urn:nobody"),
        ("cg:Event", "rdfs:subClassOf", "cg:Situation"),
        ("urn:nothing", "rdfs:label", '"nothing"@en'),
    ],
)
def test_what_no_article_says(subject: str, predicate: str, obj: str, graph: KnowledgeGraph) -> None:
    with pytest.raises(NotFound, match="No article states this"):
        graph.why_statement(subject, predicate, obj)


@pytest.mark.parametrize(
    ("subject", "predicate", "obj"),
    [
        ("nothing", "cg:actor", "cg:x"),
        ("urn:a", "nope:b", "cg:x"),
        ("cg:a b", "cg:actor", "cg:x"),
        ("http://[", "cg:actor", "cg:x"),
        ("urn:a", "rdfs:label", '"a"^^nope:b'),
        ("urn:a", "rdfs:label", '"a"^^<no iri>'),
        ("urn:a", "rdfs:label", '"\\ud800"'),
    ],
)
def test_what_is_no_statement(subject: str, predicate: str, obj: str, graph: KnowledgeGraph) -> None:
    with pytest.raises(BadInput):
        graph.why_statement(subject, predicate, obj)


def test_what_users_write_is_no_evidence() -> None:
    graph = KnowledgeGraph.open(configured(), in_memory=True)
    graph.store.update(f"INSERT DATA {{ <urn:a> <urn:b> <urn:c> . <urn:a/C22> a <{cg('Claim')}> }}")
    with pytest.raises(NotFound):
        graph.why_statement("urn:a", "urn:b", "urn:c")
    with pytest.raises(NotFound):
        graph.why("urn:a/C22")
    assert graph.why("C22").claim == local(graph, "C22")


def test_nodes_that_are_nowhere_have_no_evidence(found: Evidence) -> None:
    nowhere: Node = URIRef("https://news.example/nowhere")
    assert found.passages(nowhere) == found.supporting(nowhere) == []
