"""Graph events: events of the graph as the common table, from the seed article and from changed copies."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from kg.errors import MalformedText
from kg.events.event_schema import COLUMNS
from kg.events.graph_events import PlacePoint, graph_events, read_points
from kg.knowledge_graph import KnowledgeGraph
from tests.cases import events
from tests.configs import configured


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    return KnowledgeGraph.open(configured(base_iri="https://news.example/"), in_memory=True)


def named(graph: KnowledgeGraph, name: str, points: dict[str, PlacePoint] | None = None) -> list[dict[str, object]]:
    listed = graph_events(graph.store, points)
    assert all(set(row) <= set(COLUMNS) for row in listed)
    return [row for row in listed if row["id"] == f"https://news.example/article/seed/{name}"]


def test_an_attack_with_day_place_and_words(graph: KnowledgeGraph) -> None:
    (row,) = named(graph, "sochi_attack")
    assert (row["start"], row["end"], row["date_code"]) == (date(2025, 10, 2), date(2025, 10, 2), "partOfDay")
    assert (row["plover"], row["place"], row["latitude"]) == ("ASSAULT", "Sochi", None)
    assert "українські безпілотники атакували" in str(row["headline"])
    assert str(row["headline"]).startswith("Ukrainian drone attack on Sochi; ")


def test_date_and_place_are_borrowed_from_the_effect(graph: KnowledgeGraph) -> None:
    rows = named(graph, "shelling")
    assert {row["start"] for row in rows} == {date(2025, 10, 3)}
    assert sorted(str(row["place"]) for row in rows) == [
        "Druzhkivka",
        "Kostiantynivka",
        "some districts of Kramatorsk",
    ]
    assert {row["actors"] for row in rows} == {"Russia"}


def test_the_dead_are_counted_at_the_attack(graph: KnowledgeGraph) -> None:
    (row,) = named(graph, "fpv_attack")
    assert (row["deaths_low"], row["deaths"], row["deaths_high"]) == (1, 1, 1)
    (other,) = named(graph, "sochi_attack")
    assert other["deaths"] is None


def test_only_what_is_reported_as_actual(graph: KnowledgeGraph) -> None:
    identifiers = {str(row["id"]).rsplit("/", 1)[1] for row in graph_events(graph.store)}
    assert identifiers >= {"offensive", "sochi_attack", "outage"}
    assert not identifiers & {"plea", "help", "interview", "pub_bild"}


@pytest.mark.parametrize("key", ["https://news.example/entity/sochi", "entity/sochi", "sochi", "Sochi", "Сочі"])
def test_points_by_any_name(graph: KnowledgeGraph, key: str) -> None:
    (row,) = named(graph, "sochi_attack", {key: PlacePoint(43.6, 39.73)})
    assert (row["latitude"], row["longitude"], row["radius"]) == (43.6, 39.73, 10.0)
    (country,) = named(graph, "offensive", {"syria": PlacePoint(35.0, 38.0)})
    assert (country["radius"], country["place_code"]) == (1000.0, "country")


def test_points_of_the_graph_itself() -> None:
    graph = KnowledgeGraph.open(configured(base_iri="https://news.example/"), in_memory=True)
    graph.store.update(
        """PREFIX geo: <http://www.w3.org/2003/01/geo/wgs84_pos#>
        INSERT DATA { GRAPH <urn:mine> { <https://news.example/entity/sochi> geo:lat 43.6 ; geo:long 39.73 .
            <https://news.example/entity/druzhkivka> <http://www.w3.org/2004/02/skos/core#exactMatch> <urn:d> .
            <urn:d> geo:lat 48.62 ; geo:long 37.53 } }"""
    )
    (row,) = named(graph, "sochi_attack")
    assert (row["latitude"], row["longitude"]) == (43.6, 39.73)
    assert [row["latitude"] for row in named(graph, "shelling") if row["latitude"] is not None] == [48.62]


def test_files_of_points(tmp_path: Path) -> None:
    file = tmp_path / "places.csv"
    file.write_text("place,latitude,longitude,radius\nsochi,43.6,39.73,\nKyiv,50.45,30.52,15\n", "utf-8")
    assert read_points(file) == {"sochi": PlacePoint(43.6, 39.73), "Kyiv": PlacePoint(50.45, 30.52, 15.0)}
    for broken in ("place,latitude\nsochi,43.6\n", "place,latitude,longitude\nsochi,43.6,east\n"):
        file.write_text(broken, "utf-8")
        with pytest.raises(MalformedText, match=r"places\.csv, line 2: not a position"):
            read_points(file)
    file.write_bytes("place,latitude,longitude\nСочі,1,2\n".encode("cp1251"))
    with pytest.raises(MalformedText, match="not UTF-8"):
        read_points(file)


def test_an_article_of_another_year(graph: KnowledgeGraph) -> None:
    other = KnowledgeGraph.open(configured(base_iri="https://news.example/"), in_memory=True, seed=False)
    other.articles.add(events.article("2014-06-14"))
    days = {row["start"] for row in graph_events(other.store) if str(row["id"]).endswith("other/shelling")}
    assert days == {date(2014, 6, 14)}
