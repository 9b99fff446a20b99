"""Values of an article graph that no shape can express."""

from __future__ import annotations

from decimal import Decimal

import pytest
from rdflib import RDF, RDFS, XSD, Graph, Literal, URIRef

from kg.gate import literal_and_self_relation_checks
from kg.gate.gate import shared_gate
from kg.iris import CODE
from kg.rdf.rdflib_conversion import cg
from tests.cases.graphs import small_graph

S = URIRef("http://x/s")


@pytest.mark.parametrize(
    ("triple", "constraint"),
    [
        ((S, RDFS.label, Literal("a\0b", lang="en")), "J8"),
        ((S, RDFS.label, Literal("a\ufffeb")), "J8"),
        ((S, cg("extractionConfidence"), Literal(Decimal("1.0000000000000000001"))), "J11"),
        ((S, cg("size"), Literal(2**63)), "J11"),
        *(((S, URIRef(name), S), "C8") for name in sorted(literal_and_self_relation_checks.IRREFLEXIVE)),
    ],
)
def test_each_is_found(triple: tuple[URIRef, URIRef, URIRef | Literal], constraint: str) -> None:
    (result,) = literal_and_self_relation_checks.check(Graph().add(triple))
    assert (result.constraint, result.severity, result.focus) == (constraint, "Violation", str(S))


def test_relation_cues() -> None:
    cue = URIRef("http://x/cue")
    graph = Graph().add((cue, cg("relationFrom"), S)).add((cue, cg("relationTo"), S))
    (result,) = literal_and_self_relation_checks.check(graph)
    assert (result.constraint, result.focus) == ("C8", str(cue))
    graph.add((cue, cg("relationType"), URIRef(CODE + "sameEvent")))
    assert not list(literal_and_self_relation_checks.check(graph))


def test_other_values_are_not() -> None:
    graph = Graph().add((S, cg("sameIncidentAs"), S)).add((S, RDF.value, Literal("9" * 30)))
    graph.add((S, RDF.value, Literal("0.5", datatype=XSD.decimal)))
    assert not list(literal_and_self_relation_checks.check(graph))


def test_a_graph_whose_confidence_a_shape_would_let_pass() -> None:
    graph = Graph() + small_graph()  # a copy: the small graph belongs to all tests
    claim = next(graph.subjects(RDF.type, cg("Claim")))
    graph.set((claim, cg("extractionConfidence"), Literal(Decimal("1.0000000000000000000001"))))
    report = shared_gate().check_graph(graph)
    assert "J11" in {result.constraint for result in report.violations}
