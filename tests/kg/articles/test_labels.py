"""Labels: the English name, or any other if there is none."""

from __future__ import annotations

from kg.articles.labels import batches, labels
from tests.cases import articles


def test_english_comes_first_and_then_the_alphabet() -> None:
    graph = articles.seeded()
    articles.merge(
        graph,
        "urn:mine",
        """
        @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
        <urn:a> rdfs:label "A"@de , "Z"@en , "Y"@en . <urn:b> rdfs:label "d"@uk , "c" . <urn:c> rdfs:label <urn:x> .""",
    )
    found = labels(graph.store, ["urn:a", "urn:b", "urn:c", "urn:none"])
    assert found == {"urn:a": "Y", "urn:b": "c"}


def test_more_than_a_query_names_at_once() -> None:
    assert [len(batch) for batch in batches(range(1001))] == [500, 500, 1]
    graph = articles.seeded()
    many = [*(f"urn:x:{number}" for number in range(1200)), graph.names.entity("putin")]
    assert labels(graph.store, many) == {graph.names.entity("putin"): "Vladimir Putin"}
