"""GeoJSON export (RFC 7946): every situation at every place, with a point only where coordinates are known."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kg.export.geojson import GeoJsonWriter
from kg.export.table_rows import TableReader
from kg.knowledge_graph import KnowledgeGraph
from tests.cases import articles
from tests.configs import configured


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    found = articles.seeded()
    articles.add_odd(found)
    here = f"<{found.names.entity('sochi')}>"
    articles.merge(
        found,
        "urn:mine",
        f"{here} <http://www.w3.org/2003/01/geo/wgs84_pos#lat> 43.59 ; "
        "<http://www.w3.org/2003/01/geo/wgs84_pos#long> 39.73 .",
    )
    return found


def drawn(graph: KnowledgeGraph, article: str | None = None) -> tuple[GeoJsonWriter, list[dict[str, Any]]]:
    found = GeoJsonWriter(TableReader(graph.articles, article))
    pieces = list(found.pieces())
    assert len(pieces) == len(TableReader(graph.articles, article).articles) + 1
    document = json.loads("".join(pieces))
    assert document.keys() == {"type", "features"}
    assert document["type"] == "FeatureCollection"
    return found, document["features"]


def test_each_feature_is_one_of_the_standard(graph: KnowledgeGraph) -> None:
    found, features = drawn(graph)
    assert (found.features, found.unlocated) == (len(features), 11) == (14, 11)
    assert len({feature["id"] for feature in features}) == 14
    for feature in features:
        assert feature.keys() == {"type", "id", "geometry", "properties"}
        assert feature["type"] == "Feature"
        if feature["geometry"] is not None:  # longitude first (clause 3.1.1)
            assert feature["geometry"] == {"type": "Point", "coordinates": [39.73, 43.59]}
            assert feature["properties"]["place_label"] == "Sochi"


def test_what_a_feature_tells(graph: KnowledgeGraph) -> None:
    names = graph.names
    _, features = drawn(graph, "seed")
    assert len(features) == 13
    attack = next(f["properties"] for f in features if f["properties"]["situation"].endswith("/sochi_attack"))
    assert attack == {
        "article": "seed",
        "situation": names.local("seed", "sochi_attack"),
        "type": "DroneAttack",
        "label": "Ukrainian drone attack on Sochi",
        "label_local": "атака українських безпілотників на Сочі",
        "modality": "actual",
        "reported_fact": True,
        "dates": "time",
        "edtf": "2025-10-02",
        "not_before": "2025-10-02",
        "not_after": "2025-10-02",
        "precision": "partOfDay",
        "part_of_day": "lateEvening",
        "year_source": "weekday",
        "place": names.entity("sochi"),
        "place_label": "Sochi",
        "place_type": "Place",
        "within": names.entity("russia"),
        "point_of": names.entity("sochi"),
        "claims": attack["claims"],
    }
    assert attack["claims"]
    assert all(claim.startswith(names.local("seed", "C")) for claim in attack["claims"])


def test_a_map_of_nothing() -> None:
    assert drawn(KnowledgeGraph.open(configured(), in_memory=True, seed=False))[1] == []
