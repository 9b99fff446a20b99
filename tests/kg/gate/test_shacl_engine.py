"""SHACL engine: the gate and plain pySHACL agree on every graph."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator

import pyshacl
import pytest
from rdflib import RDF, SH, BNode, Graph, Literal
from rdflib.plugins.sparql import processor
from rdflib.plugins.sparql.algebra import translateQuery
from rdflib.plugins.sparql.parser import parseQuery
from rdflib.plugins.sparql.sparql import Query
from rdflib.term import Node

from kg.document.document_model import Document
from kg.document.document_rdf_conversion import to_graph
from kg.gate.gate import Gate, shared_gate
from kg.gate.shacl_engine import ShaclError, Shapes
from tests.cases.graphs import GRAPHS, NAMES, SEED, GraphCase, small_graph

Results = Counter[tuple[Node | None, ...]]
_PROPERTIES = (
    SH.focusNode,
    SH.sourceShape,
    SH.sourceConstraint,
    SH.sourceConstraintComponent,
    SH.resultSeverity,
    SH.value,
    SH.resultPath,
)


@pytest.fixture(scope="module")
def gate() -> Gate:
    return shared_gate()


@pytest.fixture(scope="module")
def small(gate: Gate) -> Results:
    return results(gate.shapes.validate(small_graph()))


@pytest.fixture(scope="module", autouse=True)
def _parse_once() -> Iterator[None]:
    """Parse each query once: pySHACL parses it again for every focus node, which dominates its run time."""

    @functools.cache
    def prepared(text: str, base: str | None) -> Query:
        return translateQuery(parseQuery(text), base, {})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processor, "parseQuery", lambda text: text)
        patch.setattr(processor, "translateQuery", lambda text, base, _: prepared(text, base))
        yield


def reference(shapes: Shapes, data: Graph) -> Graph:
    """Validate with pySHACL and the whole, unsplit shapes graph."""
    _, report, _ = pyshacl.validate(data, shacl_graph=shapes.graph, ont_graph=shapes.ontology, inference="none")
    assert isinstance(report, Graph)
    return report


def results(report: Graph) -> Results:
    """List what was found, in the terms of clause 3.6.2.

    A path expression is a blank node, which has no name to compare; pySHACL drops the language of some messages.
    """
    found: Results = Counter()
    for node in report.subjects(RDF.type, SH.ValidationResult):
        values = [report.value(node, prop) for prop in _PROPERTIES]
        messages = sorted(Literal(str(message)) for message in report.objects(node, SH.resultMessage))
        found[tuple(None if isinstance(value, BNode) else value for value in (*values, *messages))] += 1
    return found


@pytest.mark.slow
@pytest.mark.parametrize("case", GRAPHS, ids=lambda case: case.part)
def test_both_engines_agree_on_a_broken_graph(case: GraphCase, gate: Gate, small: Results) -> None:
    data = case.graph()
    ours = results(gate.shapes.validate(data))
    assert ours == results(reference(gate.shapes, data))
    assert ours != small or case.constraint in {"F3", "F4", "O1"}


def test_both_engines_agree_on_the_seed(gate: Gate) -> None:
    data = to_graph(Document.model_validate_json(SEED), NAMES).graph
    found = results(gate.shapes.validate(data))
    assert found == results(reference(gate.shapes, data))
    assert found.total() == 14


@pytest.mark.slow
def test_both_engines_agree_on_many_mistakes_at_once(gate: Gate) -> None:
    data = Graph()
    for case in GRAPHS:
        data += case.graph()
    found = results(gate.shapes.validate(data))
    assert found == results(reference(gate.shapes, data))
    assert found.total() > 80


def test_the_reports_conform_or_not_alike(gate: Gate) -> None:
    for data in (small_graph(), Graph()):
        ours, theirs = gate.shapes.validate(data), reference(gate.shapes, data)
        assert conforms(ours) == conforms(theirs) == (len(results(ours)) == 0)


def conforms(report: Graph) -> bool:
    return bool(report.value(report.value(None, RDF.type, SH.ValidationReport), SH.conforms))


def test_constraints_in_sparql_run_on_our_engine(gate: Gate) -> None:
    """Otherwise the agreement above would compare pySHACL with itself."""
    constraints = set(gate.shapes.graph.objects(None, SH.sparql))
    assert {constraint.node for constraint in gate.shapes.constraints} == constraints
    assert (None, SH.sparql, None) not in gate.shapes.core


def test_shapes_that_are_ill_formed_are_refused() -> None:
    shapes = Graph().parse(
        data="""
        PREFIX sh: <http://www.w3.org/ns/shacl#>
        PREFIX ex: <https://news.example/>
        ex:Shape a sh:NodeShape ; sh:targetNode ex:this ; sh:property [ sh:minCount 1 ] .
        """,
        format="turtle",
    )
    with pytest.raises(ShaclError):
        Shapes.prepare(shapes).validate(Graph())
