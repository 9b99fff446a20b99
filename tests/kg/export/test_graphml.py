"""GraphML export: it opens in networkx, with every role and relation once."""

from __future__ import annotations

import io
from collections import Counter

import networkx
import pytest

from kg.export.graphml import GraphMLWriter
from kg.export.table_rows import TableReader
from kg.knowledge_graph import KnowledgeGraph
from tests.cases import articles


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    found = articles.seeded()
    articles.add_odd(found)
    return found


def read(graph: KnowledgeGraph, article: str | None = None) -> networkx.MultiDiGraph[str]:
    network = GraphMLWriter(TableReader(graph.articles, article))
    text = "".join(network.pieces())
    found = networkx.read_graphml(io.BytesIO(text.encode()), force_multigraph=True)
    assert isinstance(found, networkx.MultiDiGraph)
    assert (network.nodes, network.edges) == (found.number_of_nodes(), found.number_of_edges())
    return found


def test_roles_and_relations_are_edges(graph: KnowledgeGraph) -> None:
    found = read(graph, "seed")
    article = TableReader(graph.articles).of_article("seed")
    wanted = Counter((row["situation"], row["entity"], row["role"]) for row in article.records("participants"))
    wanted += Counter(
        (row["subject"], row["object"], row["relation"])
        for row in article.records("relations")
        if row["relation"] != "conflictsWith"  # between claims, which are no nodes
    )
    assert Counter((s, t, data["role"]) for s, t, data in found.edges(data=True)) == wanted


def test_nodes_tell_what_they_are(graph: KnowledgeGraph) -> None:
    found = read(graph, "seed")
    assert found.nodes[graph.names.entity("putin")] == {"kind": "entity", "type": "Person", "label": "Vladimir Putin"}
    outage = found.nodes[graph.names.local("seed", "outage")]
    assert outage == {
        "kind": "situation",
        "type": "PowerOutage",
        "label": "power outage",
        "article": "seed",
        "modality": "actual",
        "reported_fact": True,
        "edtf": "2025-10-03",
        "not_before": "2025-10-03",
        "not_after": "2025-10-03",
    }


def test_words_that_xml_cannot_hold_and_edges_between_articles(graph: KnowledgeGraph) -> None:
    found = read(graph)
    odd = graph.names.local("odd", "s1")
    assert found.nodes[odd]["label"] == articles.ODD.replace("\x00", "").replace("\x0b", "")
    across = [data["role"] for _, target, data in found.out_edges(odd, data=True) if "/seed/" in target]
    assert across == ["sameIncidentAs"]  # though the other article comes later
    assert graph.names.local("seed", "outage") not in read(graph, "odd")
