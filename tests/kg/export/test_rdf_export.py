"""RDF export: complete, parseable, and equal to the store."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from rdflib import RDF, Graph, URIRef
from rdflib.compare import isomorphic

from kg.articles.statement_explanations import evidence
from kg.errors import NotFound
from kg.export.rdf_export import NP, RdfExportFormat, export, nanopublications
from kg.knowledge_graph import KnowledgeGraph
from kg.rdf import oxigraph, rdflib_conversion
from kg.rdf.rdflib_conversion import cg
from tests.configs import configured


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    return KnowledgeGraph.open(configured(), in_memory=True)


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
@pytest.mark.parametrize(("form", "syntax"), [(RdfExportFormat.turtle, "turtle"), (RdfExportFormat.jsonld, "json-ld")])
def test_triples_come_back(graph: KnowledgeGraph, form: RdfExportFormat, syntax: str) -> None:
    back = Graph().parse(data=export(graph.articles, form, "seed"), format=syntax)
    assert isomorphic(back, graph.articles.facts("seed"))


@pytest.mark.parametrize(
    ("form", "media_type"),
    [(RdfExportFormat.trig, "application/trig"), (RdfExportFormat.nquads, "application/n-quads")],
)
@pytest.mark.parametrize("inferred", [False, True])
def test_quads_come_back(graph: KnowledgeGraph, form: RdfExportFormat, media_type: str, inferred: bool) -> None:
    names = [graph.names.article_graph("seed")] + ([graph.names.inferred_graph("seed")] if inferred else [])
    back = set(oxigraph.parse(export(graph.articles, form, inferred=inferred), media_type))
    assert back == set(graph.store.quads(names))


def test_an_unknown_article_is_not_found(graph: KnowledgeGraph) -> None:
    with pytest.raises(NotFound):
        export(graph.articles, RdfExportFormat.turtle, "nowhere")


def test_nanopublications(graph: KnowledgeGraph) -> None:
    quads = list(nanopublications(evidence(graph.articles, "seed"), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)))
    wholes = {s for s, p, o, _ in quads if (p, o) == (RDF.type, NP.Nanopublication)}
    assert len(wholes) == 59
    graphs = Counter(str(g).rsplit("#", 1)[1] for g in {quad[3] for quad in quads})
    assert graphs == {"Head": 59, "assertion": 59, "provenance": 59, "pubinfo": 59}


def test_a_denial_asserts_nothing_of_the_situation(graph: KnowledgeGraph) -> None:
    claim = URIRef(graph.names.local("seed", "C18"))
    quads = list(oxigraph.parse(export(graph.articles, RdfExportFormat.nanopub, "seed"), "application/trig"))
    assertion = [quad.triple for quad in quads if oxigraph.graph_of(quad) == f"{claim}/nanopub#assertion"]
    assert list(rdflib_conversion.to_graph(assertion)) == [
        (claim, cg("denies"), URIRef(graph.names.local("seed", "silence")))
    ]
