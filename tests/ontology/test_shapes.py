"""File of shapes: each constraint has an id and an explanation, and its lists equal those of the code schemes.

Whether a constraint finds what it is for is tested where it runs, on broken graphs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyshacl
import pytest
from rdflib import DCTERMS, OWL, RDF, RDFS, SH, SKOS, BNode, Graph, Literal, Namespace, URIRef
from rdflib.collection import Collection
from rdflib.plugins.sparql import prepareQuery
from rdflib.plugins.sparql.parserutils import CompValue
from rdflib.term import Node

CG = Namespace("https://w3id.org/claimgraph/ns#")
CODE = Namespace("https://w3id.org/claimgraph/code/")
ONTOLOGY = URIRef("https://w3id.org/claimgraph/shapes")
SHAPES = Namespace("https://w3id.org/claimgraph/shapes#")

FOLDER = Path(__file__).resolve().parents[2] / "ontology"

IDENTIFIERS = {
    *("A1", "A2", "A3", "A4"),
    *("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B9", "B10", "B11", "B12"),
    *("C1", "C2", "C3", "C4", "C5", "C6", "C7"),
    *("D1", "D2", "D2n", "D3", "D4", "D5"),
    *("E1", "E2", "E3", "E4", "E5"),
    *("F0", "F1", "F2"),
    *("G0", "G1", "G2", "G3", "G4", "G5"),
}
NOT_VIOLATIONS = {SHAPES.E1: SH.Warning, SHAPES.E2: SH.Warning, SHAPES.E3: SH.Info}
CONDITIONS = {SHAPES.NotAFact}
"""Shapes that others refer to, and that report nothing themselves."""

LISTS = {
    *("modality", "certainty", "attributionMode", "expression", "relationType"),
    *("precision", "yearSource", "section", "partOfDay", "reviewStatus"),
}


@pytest.fixture(scope="module")
def shapes() -> Graph:
    return Graph().parse(FOLDER / "shapes.ttl")


@pytest.fixture(scope="module")
def vocabulary() -> Graph:
    return Graph().parse(FOLDER / "claimgraph.ttl").parse(FOLDER / "codes.ttl")


@pytest.fixture(scope="module")
def sources(shapes: Graph) -> set[Node]:
    """Return everything that a validation result can name as its source."""
    properties = set(shapes.objects(None, SH.property))
    queries = set(shapes.objects(None, SH.sparql))
    nodes = {node for node in _node_shapes(shapes) if _constrains(shapes, node)} - CONDITIONS
    return properties | queries | nodes


def _node_shapes(shapes: Graph) -> Iterator[Node]:
    return shapes.subjects(RDF.type, SH.NodeShape)


def _constrains(shapes: Graph, node: Node) -> bool:
    """Return whether a node shape has constraints in addition to those of its property shapes and queries."""
    structure = {RDF.type, SH.property, SH.sparql, SH.targetClass, SH.targetSubjectsOf, SH.message, SH.severity}
    return any(str(p).startswith(str(SH)) and p not in structure for p in shapes.predicates(node))


def _languages(literals: Iterable[Node]) -> list[str]:
    """List in order the languages of texts that say something."""
    return sorted(str(text.language) for text in literals if isinstance(text, Literal) and text.strip())


def _name(node: Node) -> str:
    return str(node).removeprefix(SHAPES)


def test_header(shapes: Graph) -> None:
    assert (ONTOLOGY, RDF.type, OWL.Ontology) in shapes
    assert (ONTOLOGY, OWL.versionInfo, Literal("1.0.0")) in shapes
    assert _languages(shapes.objects(ONTOLOGY, RDFS.label)) == ["en", "uk"]


def test_every_source_has_a_name(sources: set[Node]) -> None:
    assert [node for node in sources if isinstance(node, BNode) or not str(node).startswith(SHAPES)] == []


def test_every_source_has_one_identifier_which_its_name_begins_with(shapes: Graph, sources: set[Node]) -> None:
    for node in sources:
        found = [str(identifier) for identifier in shapes.objects(node, DCTERMS.identifier)]
        assert found == [_name(node).partition("-")[0]], node


def test_only_sources_are_identified(shapes: Graph, sources: set[Node]) -> None:
    assert set(shapes.subjects(DCTERMS.identifier)) == sources


def test_no_constraint_is_missing(shapes: Graph) -> None:
    assert {str(identifier) for identifier in shapes.objects(None, DCTERMS.identifier)} == IDENTIFIERS


@pytest.mark.parametrize("prop", [SH.message, CG.remedy], ids=["message", "remedy"])
def test_every_source_explains_itself_in_both_languages(shapes: Graph, sources: set[Node], prop: URIRef) -> None:
    for node in sources:
        assert _languages(shapes.objects(node, prop)) == ["en", "uk"], node


def test_no_message_begins_with_its_identifier(shapes: Graph, sources: set[Node]) -> None:
    for node in sources:
        for message in shapes.objects(node, SH.message):
            assert not str(message).startswith(str(shapes.value(node, DCTERMS.identifier))), node


def test_only_gaps_that_the_text_may_leave_are_less_than_violations(shapes: Graph) -> None:
    severities = dict(shapes.subject_objects(SH.severity))
    assert {node: severity for node, severity in severities.items() if severity != SH.Violation} == NOT_VIOLATIONS


def test_every_shape_states_its_severity(shapes: Graph) -> None:
    nodes = {*shapes.subjects(RDF.type, SH.NodeShape), *shapes.subjects(RDF.type, SH.PropertyShape)}
    assert [node for node in nodes if shapes.value(node, SH.severity) is None] == []


def test_every_shape_is_used(shapes: Graph) -> None:
    properties = set(shapes.subjects(RDF.type, SH.PropertyShape))
    queries = set(shapes.subjects(RDF.type, SH.SPARQLConstraint))
    assert properties == set(shapes.objects(None, SH.property))
    assert queries == set(shapes.objects(None, SH.sparql))
    for node in _node_shapes(shapes):
        targets = (node, SH.targetClass, None) in shapes or (node, SH.targetSubjectsOf, None) in shapes
        assert targets != (node in CONDITIONS), node
    assert {node for node in CONDITIONS if (None, RDF.first, node) in shapes} == CONDITIONS


def test_no_shape_is_closed(shapes: Graph) -> None:
    assert list(shapes.subjects(SH.closed)) == []


def test_shapes_are_well_formed(shapes: Graph) -> None:
    conforms, _, text = pyshacl.validate(Graph(), shacl_graph=shapes, meta_shacl=True, inference="none")
    assert conforms, text


def test_queries_select_this_and_are_legal_with_it_bound(shapes: Graph) -> None:
    prefixes = _prefixes(shapes)
    for node in shapes.objects(None, SH.sparql):
        assert list(shapes.objects(node, SH.prefixes)) == [ONTOLOGY], node
        query = prepareQuery(str(shapes.value(node, SH.select)), initNs=prefixes)
        assert [str(variable) for variable in query.algebra.PV] in (["this"], ["this", "value"]), node
        # SHACL, appendix A: what may not stand in a query whose variables are bound beforehand.
        assert {"Minus", "ServiceGraphPattern", "ToMultiSet"}.isdisjoint(_operators(query.algebra)), node


def _prefixes(shapes: Graph) -> dict[str, str]:
    declarations = shapes.objects(ONTOLOGY, SH.declare)
    return {str(shapes.value(d, SH.prefix)): str(shapes.value(d, SH.namespace)) for d in declarations}


def _operators(part: object) -> set[str]:
    """Return the names of the operators in a SPARQL algebra expression."""
    if isinstance(part, CompValue):
        return {part.name}.union(*(_operators(value) for value in part.values()))
    if isinstance(part, list):
        return set().union(*(_operators(item) for item in part))
    return set()


def test_lists_are_the_code_schemes(shapes: Graph, vocabulary: Graph) -> None:
    found = set()
    for node, head in shapes.subject_objects(SH["in"]):
        name = str(shapes.value(node, SH.path)).removeprefix(CG)
        scheme = CODE[f"scheme/{name}"]
        values = list(Collection(shapes, head))
        assert len(values) == len(set(values)), node
        assert set(values) == set(vocabulary.subjects(SKOS.inScheme, scheme)), node
        found.add(name)
    assert found == LISTS


def test_shapes_use_only_terms_of_the_vocabulary(shapes: Graph, vocabulary: Graph) -> None:
    used = {str(term) for triple in shapes for term in triple if str(term).startswith((str(CG), str(CODE)))}
    for query in shapes.objects(None, SH.select):
        used |= {_prefixes(shapes)[prefix] + name for prefix, name in re.findall(r"\b(cg|code):(\w+)", str(query))}
    defined = {str(term) for term in vocabulary.subjects(RDF.type)}
    assert used - defined - {str(CG), str(CODE)} == set()


def test_all_parts_of_a_constraint_follow_from_a_gap_or_none(shapes: Graph, sources: set[Node]) -> None:
    follows = URIRef("https://w3id.org/claimgraph/shapes#followsFromGap")
    marked = set(shapes.subjects(follows))
    assert marked <= sources
    assert set(shapes.objects(None, follows)) == {Literal(True)}
    identifiers = {shapes.value(node, DCTERMS.identifier) for node in marked}
    assert {node for node in sources if shapes.value(node, DCTERMS.identifier) in identifiers} == marked
