"""Place coordinates: points only from sources, and the nearest enclosing place that has one."""

from __future__ import annotations

import pytest

from kg.export import place_coordinates_and_containers
from kg.knowledge_graph import KnowledgeGraph
from kg.rdf import oxigraph
from tests.cases import articles

PREFIXES = """
@prefix e: <{base}entity/> .
@prefix wd: <http://www.wikidata.org/entity/> .
@prefix wdt: <http://www.wikidata.org/prop/direct/> .
@prefix pos: <http://www.w3.org/2003/01/geo/wgs84_pos#> .
@prefix geo: <http://www.opengis.net/ont/geosparql#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
"""


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    return articles.seeded()


def read(graph: KnowledgeGraph, turtle: str = "") -> dict[str, place_coordinates_and_containers.PlaceLocation]:
    text = PREFIXES.format(base=graph.names.base) + turtle
    graph.store.replace({"urn:mine": [quad.triple for quad in oxigraph.parse(text.encode(), "text/turtle")]})
    return {place.iri.rpartition("/")[2]: place for place in place_coordinates_and_containers.read(graph.store)}


def test_the_nearest_container(graph: KnowledgeGraph) -> None:
    found = {slug: place.within and place.within.rpartition("/")[2] for slug, place in read(graph).items()}
    assert found["kram_districts"] == "kramatorsk"
    assert found["kramatorsk"] == "donechchyna"
    assert found["donechchyna"] == "ukraine"
    assert found["ukraine"] is None


def test_nothing_is_guessed(graph: KnowledgeGraph) -> None:
    found = read(graph, "wd:Q1 pos:lat 1 ; pos:long 2 .")
    assert all((place.latitude, place.longitude, place.point_of) == (None, None, None) for place in found.values())
    assert {place.type for place in found.values()} == {"Place", "Country"}


@pytest.mark.parametrize(
    "told",
    [
        "pos:lat 43.5 ; pos:long 39.75",
        "pos:lat '43.5' ; pos:long '39.75'",
        "wdt:P625 'Point(39.75 43.5)'^^geo:wktLiteral",
        "geo:asWKT '<http://www.opengis.net/def/crs/OGC/1.3/CRS84> POINT (39.75 43.5)'^^geo:wktLiteral",
        "geo:hasGeometry [ geo:asWKT 'POINT(39.75 43.5)'^^geo:wktLiteral ]",
    ],
)
def test_every_way_to_tell_a_point(graph: KnowledgeGraph, told: str) -> None:
    own = read(graph, f"e:sochi {told} .")["sochi"]
    assert (own.latitude, own.longitude, own.point_of) == (43.5, 39.75, own.iri)


def test_a_point_of_the_record_that_it_is_linked_to(graph: KnowledgeGraph) -> None:
    link = "e:sochi skos:exactMatch wd:Q39420 . wd:Q39420 pos:lat 43.59 ; pos:long 39.73 ."
    found = read(graph, link + "e:ukraine skos:closeMatch wd:Q1 . wd:Q1 pos:lat 1 ; pos:long 2 .")
    assert found["sochi"].point_of == "http://www.wikidata.org/entity/Q39420"
    assert (found["sochi"].latitude, found["sochi"].longitude) == (43.59, 39.73)
    assert found["ukraine"].latitude is None  # what is only close is somewhere else
    own = read(graph, link + "e:sochi pos:lat 1 ; pos:long 2 .")["sochi"]
    assert (own.latitude, own.point_of) == (1.0, own.iri)


@pytest.mark.parametrize(
    "told",
    [
        "pos:lat 91 ; pos:long 0",
        "pos:lat 'north' ; pos:long 0",
        "pos:lat 'NaN' ; pos:long 0",
        "pos:lat 1",
        "geo:asWKT '<http://www.wikidata.org/entity/Q405> Point(1 2)'^^geo:wktLiteral",
        "geo:asWKT '<http://www.opengis.net/def/crs/EPSG/0/4326> POINT(1 2)'^^geo:wktLiteral",
        "geo:asWKT 'POLYGON((0 0, 1 1, 1 0, 0 0))'^^geo:wktLiteral",
        "geo:asWKT 'POINT(1-2 3)'^^geo:wktLiteral",
    ],
)
def test_what_is_no_point_of_the_earth_is_none(graph: KnowledgeGraph, told: str) -> None:
    assert read(graph, f"e:sochi {told} .")["sochi"].latitude is None
