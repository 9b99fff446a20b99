"""Vocabulary as shipped: complete in two languages, within OWL 2 RL, and consistent across all files that use it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest
from rdflib import OWL, RDF, RDFS, SKOS, BNode, Graph, Literal, Namespace, Node, URIRef
from rdflib.compare import isomorphic

from ontology import names, read

ROOT = Path(__file__).resolve().parents[2] / "ontology"
CG = Namespace("https://w3id.org/claimgraph/ns#")
CODE = Namespace("https://w3id.org/claimgraph/code/")
CROSSWALK = Namespace("https://w3id.org/claimgraph/code/crosswalk/")
ONTOLOGY = URIRef("https://w3id.org/claimgraph/ns")

LANGUAGES = {"en", "uk"}
PROPERTIES = (OWL.ObjectProperty, OWL.DatatypeProperty, OWL.AnnotationProperty)
LOGIC = ("claimgraph.ttl", "alignments.ttl", "codes.ttl")
SCHEMES = {"CAMEO", "PLOVER", "ACLED", "LDC-AIDA", "KAIROS", "CEO", "ESO"}

# OWL 2 Profiles, section 4.2, as far as we use it. Class expressions may stand on the left of a subclass axiom only.
OWL_TYPES = {
    OWL.Ontology,
    OWL.Class,
    OWL.Restriction,
    OWL.AllDisjointClasses,
    OWL.ObjectProperty,
    OWL.DatatypeProperty,
    OWL.AnnotationProperty,
    OWL.TransitiveProperty,
    OWL.SymmetricProperty,
}
EXPRESSIONS = {OWL.intersectionOf, OWL.someValuesFrom, OWL.hasValue}
OWL_PREDICATES = EXPRESSIONS | {
    OWL.onProperty,
    OWL.members,
    OWL.inverseOf,
    OWL.propertyChainAxiom,
    OWL.versionInfo,
    OWL.versionIRI,
}


@cache
def _graph(*files: str) -> Graph:
    graph = Graph()
    for name in files:
        graph.parse(data=read(name), format="turtle", publicID="https://example.org/")
    return graph


def _logic() -> Graph:
    return _graph(*LOGIC)


def _named(nodes: Iterable[Node], namespace: Namespace) -> set[URIRef]:
    return {node for node in nodes if isinstance(node, URIRef) and node.startswith(namespace)}


def _terms() -> set[URIRef]:
    """Return every term of the vocabulary: whatever is declared in its namespace."""
    return _named(_graph("claimgraph.ttl").subjects(RDF.type), CG)


def _codes() -> set[URIRef]:
    return _named(_graph("codes.ttl").subjects(RDF.type), CODE)


def _properties(graph: Graph) -> set[Node]:
    return {node for kind in PROPERTIES for node in graph.subjects(RDF.type, kind)}


def _languages(graph: Graph, subject: Node, predicate: URIRef) -> list[str]:
    texts = [text for text in graph.objects(subject, predicate) if isinstance(text, Literal) and str(text).strip()]
    return sorted(str(text.language) for text in texts)


def _used(prefix: str) -> set[str]:
    """Return the local names under ``prefix`` in any Turtle, SPARQL or JSON-LD file, embedded queries included."""
    files = (path for path in ROOT.rglob("*") if path.suffix in {".ttl", ".rq", ".jsonld"})
    text = "\n".join(path.read_text("utf-8") for path in files)
    return set(re.findall(rf"(?<![\w/]){prefix}:([A-Za-z]\w*)", text))


def _owl(nodes: Iterable[Node]) -> set[URIRef]:
    return {node for node in nodes if isinstance(node, URIRef) and node.startswith(str(OWL))}


# ---- words


def test_every_term_is_labelled_and_defined_in_both_languages() -> None:
    graph = _graph("claimgraph.ttl")
    for term in _terms():
        for predicate in (RDFS.label, SKOS.definition):
            assert _languages(graph, term, predicate) == sorted(LANGUAGES), (term, predicate)
        assert (term, RDFS.isDefinedBy, ONTOLOGY) in graph, term


def test_every_code_and_list_is_labelled_and_defined_in_both_languages() -> None:
    graph = _graph("codes.ttl")
    for code in _codes():
        for predicate in (RDFS.label, SKOS.prefLabel, SKOS.definition):
            assert _languages(graph, code, predicate) == sorted(LANGUAGES), (code, predicate)
        assert set(graph.objects(code, RDFS.label)) == set(graph.objects(code, SKOS.prefLabel)), code


def test_labels_tell_terms_apart() -> None:
    graph = _graph("claimgraph.ttl")
    for language in LANGUAGES:
        labels = [
            (str(label), (term, RDF.type, OWL.Class) in graph)
            for term in _terms()
            for label in graph.objects(term, RDFS.label)
            if isinstance(label, Literal) and label.language == language
        ]
        assert len(labels) == len(set(labels)), sorted(label for label in labels if labels.count(label) > 1)


def test_every_term_and_code_used_in_any_file_is_defined() -> None:
    assert {CG[name] for name in _used("cg")} - _terms() == set()
    assert {CODE[name] for name in _used("code")} - _codes() == set()


def test_each_code_is_a_notation_in_its_lists_and_nowhere_else() -> None:
    graph = _graph("codes.ttl")
    for code in set(graph.subjects(RDF.type, SKOS.Concept)):
        lists = set(graph.objects(code, SKOS.inScheme))
        assert lists, code
        assert lists == set(graph.objects(code, SKOS.topConceptOf)) == set(graph.subjects(SKOS.hasTopConcept, code))
        assert [CODE[str(notation)] for notation in graph.objects(code, SKOS.notation)] == [code]
        assert set(graph.objects(code, RDF.type)) == {SKOS.Concept}, code


# ---- logic


def test_no_domain_range_cardinality_import_or_equivalence() -> None:
    graph = _graph(*LOGIC, "crosswalk.ttl", "reference.ttl")
    assert not set(graph.predicates()) & {
        RDFS.domain,
        RDFS.range,
        OWL.imports,
        OWL.equivalentClass,
        OWL.equivalentProperty,
        OWL.sameAs,
        OWL.hasKey,
    }
    assert not set(graph.objects(None, RDF.type)) & {OWL.FunctionalProperty, OWL.InverseFunctionalProperty}


def test_only_owl_2_rl_constructs_occur() -> None:
    graph = _logic()
    assert _owl(graph.predicates()) <= OWL_PREDICATES
    assert _owl(graph.objects(None, RDF.type)) <= OWL_TYPES
    assert not _owl(o for _, p, o in graph if p != RDF.type)
    assert not _owl(graph.subjects())


def test_class_expressions_stand_on_the_subclass_side_only() -> None:
    graph = _logic()
    expressions = {s for predicate in EXPRESSIONS for s in graph.subjects(predicate)}
    assert expressions and all(isinstance(node, BNode) for node in expressions)
    assert all(isinstance(o, URIRef) for o in graph.objects(None, RDFS.subClassOf))
    outermost = {node for node in expressions if (node, RDFS.subClassOf, None) in graph}
    parts = {
        part
        for node in outermost
        for members in graph.objects(node, OWL.intersectionOf)
        for part in graph.items(members)
    }
    assert expressions <= outermost | parts


def test_restrictions_and_chains_are_over_object_properties() -> None:
    graph = _logic()
    objects = set(graph.subjects(RDF.type, OWL.ObjectProperty))
    assert set(graph.objects(None, OWL.onProperty)) <= objects
    for derived, chain in graph.subject_objects(OWL.propertyChainAxiom):
        assert {derived, *graph.items(chain)} <= objects, derived


def test_every_property_used_is_declared_once() -> None:
    graph = _graph(*LOGIC, "crosswalk.ttl")
    built_in = {p for p in graph.predicates() if str(p).startswith((str(RDF), str(RDFS), str(OWL)))}
    assert set(graph.predicates()) - built_in <= _properties(graph)
    for term in _properties(graph):
        assert sum((term, RDF.type, kind) in graph for kind in PROPERTIES) == 1, term


def test_alignments_say_nothing_about_the_other_side() -> None:
    graph = _graph("alignments.ttl")
    assert {s for s, p, _ in graph if p != RDF.type} <= _terms()
    assert set(graph.predicates()) <= {
        RDF.type,
        RDFS.subClassOf,
        RDFS.subPropertyOf,
        RDFS.seeAlso,
        SKOS.closeMatch,
        SKOS.relatedMatch,
    }
    assert not _named(graph.subjects(RDF.type), CG)


# ---- crosswalk


def test_each_crosswalk_row_is_complete_and_maps_an_existing_class() -> None:
    graph, vocabulary = _graph("crosswalk.ttl"), _graph("claimgraph.ttl")
    rows = set(graph.subjects())
    assert rows == set(graph.subjects(RDF.type, CG.CodeMapping))
    for row in rows:
        [mapped] = graph.objects(row, CG.mapsClass)
        [scheme] = graph.objects(row, CG.scheme)
        [version] = graph.objects(row, CG.schemeVersion)
        [notation] = graph.objects(row, CG.notation)
        [match] = graph.objects(row, CG.matchType)
        assert (mapped, RDF.type, OWL.Class) in vocabulary, row
        assert str(scheme) in SCHEMES, row
        assert str(version).strip() and str(notation).strip(), row
        assert str(match) in {"exact", "close", "loose"}, row
        assert re.fullmatch(rf"{str(mapped).removeprefix(CG)}-{scheme}-\d+", str(row).removeprefix(CROSSWALK)), row


def test_no_pair_of_class_and_code_is_mapped_twice() -> None:
    graph = _graph("crosswalk.ttl")
    pairs = [
        tuple(graph.value(row, p) for p in (CG.mapsClass, CG.scheme, CG.schemeVersion, CG.notation))
        for row in graph.subjects(RDF.type, CG.CodeMapping)
    ]
    assert len(pairs) == len(set(pairs))


def test_the_crosswalk_makes_no_code_a_class() -> None:
    graph = _graph("crosswalk.ttl")
    assert set(graph.predicates()) <= {RDF.type, RDFS.label, RDFS.comment} | _properties(_graph("claimgraph.ttl"))
    assert {o for o in graph.objects() if isinstance(o, URIRef)} <= _terms()


# ---- context


def _context() -> dict[str, object]:
    document: dict[str, dict[str, object]] = json.loads(read("context.jsonld"))
    return document["@context"]


def _expand(definition: object) -> tuple[str, str | None]:
    """Return the IRI of a term of the context, and the type of its values."""
    identifier = definition["@id"] if isinstance(definition, dict) else definition
    kind = definition.get("@type") if isinstance(definition, dict) else None
    prefix, _, local = str(identifier).partition(":")
    return f"{_context()[prefix]}{local}", kind


def test_the_context_maps_every_term_by_its_own_name() -> None:
    context, graph = _context(), _graph("claimgraph.ttl")
    for term in _terms():
        name = term.removeprefix(CG)
        assert name in context, name
        iri, kind = _expand(context[name])
        assert iri == str(term)
        assert (kind == "@id") == ((term, RDF.type, OWL.ObjectProperty) in graph), name


def test_the_context_invents_no_term() -> None:
    context = _context()
    prefixes = {key for key, value in context.items() if "://" in str(value)}
    iris = {_expand(context[key])[0] for key in context.keys() - prefixes - {"@version", "id", "type"}}
    assert {URIRef(iri) for iri in iris if iri.startswith(CG)} == _terms()
    assert context["cg"] == str(CG)
    assert context["code"] == str(CODE)


# rdflib's own JSON-LD parser still builds its deprecated class.
@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
def test_a_graph_survives_the_context() -> None:
    article = Graph().parse(
        format="turtle",
        data="""
        @prefix cg: <https://w3id.org/claimgraph/ns#> .
        @prefix code: <https://w3id.org/claimgraph/code/> .
        @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
        @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
        @base <https://example.org/article/a/> .
        <c1> a cg:Claim ; cg:affirms <leave> ; cg:certainty code:possible ; cg:probability 0.5 .
        <leave> a cg:Departure ; cg:modality code:actual ; cg:duration "P2D"^^xsd:duration ; cg:repeated true .
        <t> a cg:TimeSpan ; cg:notBefore "2024-12-08"^^xsd:date ; cg:notAfter "2024-12-08"^^xsd:date .
        <g> a cg:Group ; cg:size 22 ; rdfs:label "children"@en , "діти"@uk , "22" .
        <char=0,5> a cg:Passage ; cg:start 0 ; cg:end 5 ; cg:exact "Асад " ; cg:inArticle <> .
        """,
    )
    text = article.serialize(format="json-ld", context=_context())
    assert isomorphic(Graph().parse(data=text, format="json-ld"), article)
    nodes = {node["id"]: node for node in json.loads(text)["@graph"]}
    claim = nodes["https://example.org/article/a/c1"]
    assert claim["type"] == "Claim"
    assert claim["certainty"] == "code:possible"
    assert nodes["https://example.org/article/a/t"]["notBefore"] == "2024-12-08"
    assert nodes["https://example.org/article/a/char=0,5"]["start"] == 0


# ---- version and files


def test_the_version_iri_ends_with_the_version() -> None:
    graph = _graph("claimgraph.ttl")
    [version] = graph.objects(ONTOLOGY, OWL.versionInfo)
    [iri] = graph.objects(ONTOLOGY, OWL.versionIRI)
    assert str(iri) == f"{ONTOLOGY}/{version}"
    assert f"\n## {version} " in read("CHANGELOG.md")


def test_names_are_readable_and_in_order() -> None:
    found = names("", ".ttl")
    assert found == sorted(found)
    assert {"claimgraph.ttl", "alignments.ttl", "codes.ttl", "crosswalk.ttl", "reference.ttl"} <= set(found)
    assert all(read(name) for name in found)
    assert "seed/article.txt" in names("seed", ".txt")
    assert read("seed/article.txt")


@pytest.mark.parametrize("name", ["missing.ttl", "seed", "seed/missing.txt"])
def test_a_missing_file_is_reported(name: str) -> None:
    with pytest.raises(FileNotFoundError):
        read(name)


def test_a_missing_folder_is_reported() -> None:
    with pytest.raises(FileNotFoundError):
        names("missing", ".rq")
