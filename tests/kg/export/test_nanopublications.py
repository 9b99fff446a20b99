"""Nanopublications: one for each claim, whose assertion is what the claim affirms."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from rdflib import RDF, URIRef

from kg.articles.statement_explanations import evidence
from kg.export.article_rdf_export import RdfExportFormat, export
from kg.export.nanopublications import NP, nanopublications
from kg.knowledge_graph import KnowledgeGraph
from kg.rdf import oxigraph, rdflib_conversion
from kg.rdf.rdflib_conversion import cg
from tests.configs import configured


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    return KnowledgeGraph.open(configured(), in_memory=True)


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
