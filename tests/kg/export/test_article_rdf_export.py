"""RDF export: complete, parseable, and equal to the store."""

from __future__ import annotations

import pytest
from rdflib import Graph
from rdflib.compare import isomorphic

from kg.errors import NotFound
from kg.export.article_rdf_export import RdfExportFormat, export
from kg.knowledge_graph import KnowledgeGraph
from kg.rdf import oxigraph
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
