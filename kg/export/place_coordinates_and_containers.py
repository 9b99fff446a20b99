"""Coordinates and containers of places.

A point comes from the place itself or from a record that it is linked to (``skos:exactMatch``).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kg.articles.labels import batches, labels, text, values
from kg.iris import CG, SKOS
from kg.rdf import oxigraph
from kg.rdf.query_request_and_result import QueryDataset
from kg.store.store_protocols import Reads

_PLACES = f"""
SELECT DISTINCT ?place ?country WHERE {{
  ?place a <{CG}Place> . BIND(EXISTS {{ ?place a <{CG}Country> }} AS ?country)
}} ORDER BY ?place"""
_GEO = "http://www.w3.org/2003/01/geo/wgs84_pos#"
_SPARQL_GEO = "http://www.opengis.net/ont/geosparql#"
_WKT = f"(<{_SPARQL_GEO}hasGeometry>?/<{_SPARQL_GEO}asWKT>)|<http://www.wikidata.org/prop/direct/P625>"
# Well-known text has the longitude first: POINT(30.52 50.45) is Kyiv. Points with the IRI of a reference system other
# than the default (CRS84) do not match.
_POINT = re.compile(
    r"\s*(?:<http://www\.opengis\.net/def/crs/OGC/1\.3/CRS84>)?\s*POINT\s*\(\s*(?P<x>[-+\d.eE]+)\s+(?P<y>[-+\d.eE]+)\s*\)\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class PlaceLocation:
    """Location of one place; the table ``places`` in :mod:`kg.export.table_schema` describes the fields."""

    iri: str
    type: str
    label: str | None
    within: str | None
    latitude: float | None
    longitude: float | None
    point_of: str | None


def read(store: Reads, graphs: Sequence[str] = ()) -> Iterator[PlaceLocation]:
    """Yield the places of some graphs, in the order of their IRIs.

    Points and containers come from all graphs: the reference graph, links and users' own graphs.

    Args:
        store: the dataset.
        graphs: the graphs that name the places; all graphs if empty.
    """
    named = store.rows(_PLACES, None, QueryDataset(default_graphs=tuple(graphs)))
    for batch in batches(named):
        kinds = {text(row["place"]): "Country" if text(row["country"]) == "true" else "Place" for row in batch}
        names, outer, points = labels(store, kinds), _containers(store, kinds), _points(store, kinds)
        for iri, kind in kinds.items():
            latitude, longitude, of = points.get(iri, (None, None, None))
            yield PlaceLocation(iri, kind, names.get(iri), outer.get(iri), latitude, longitude, of)


def _containers(store: Reads, iris: Iterable[str]) -> dict[str, str]:
    """Return the nearest container of each place: one that does not contain any other of its containers.

    Example: a village within a district and a region, and the district within the region: the district, as the region
    contains it.
    """
    first = _within(store, iris)
    further = _within(store, {outer for found in first.values() for outer in found})
    nearest = {}
    for iri, found in first.items():
        inner = [o for o in sorted(found) if not any(o in further.get(other, ()) for other in found if other != o)]
        nearest[iri] = (inner or sorted(found))[0]
    return nearest


def _within(store: Reads, iris: Iterable[str]) -> dict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    query = f"SELECT ?place ?outer WHERE {{ VALUES ?place {{ {values(iris)} }} ?place <{CG}within> ?outer }}"
    for row in store.rows(query):
        place, outer = text(row["place"]), text(row["outer"])
        if outer != place:
            found[place].add(outer)
    return found


def _points(store: Reads, iris: Iterable[str]) -> dict[str, tuple[float, float, str]]:
    """Return the point of each place as (latitude, longitude, IRI of the place or record that has it).

    The point of the place itself precedes that of a record that it matches exactly.
    """
    of = {iri: [iri] for iri in iris}
    query = f"SELECT ?x ?record WHERE {{ VALUES ?x {{ {values(of)} }} ?x <{SKOS}exactMatch> ?record }} ORDER BY ?record"
    for row in store.rows(query):
        if isinstance(row["record"], oxigraph.NamedNode):
            of[text(row["x"])].append(row["record"].value)
    known: dict[str, tuple[float, float]] = {}
    for batch in batches(dict.fromkeys(name for names in of.values() for name in names)):
        known |= _stated(store, batch)
    first = {iri: next((name for name in names if name in known), None) for iri, names in of.items()}
    return {iri: (*known[name], name) for iri, name in first.items() if name is not None}


def _stated(store: Reads, iris: Iterable[str]) -> dict[str, tuple[float, float]]:
    found: dict[str, tuple[float, float]] = {}
    these = f"VALUES ?x {{ {values(iris)} }}"
    query = f"SELECT ?x ?lat ?long WHERE {{ {these} ?x <{_GEO}lat> ?lat ; <{_GEO}long> ?long }} ORDER BY ?x ?lat ?long"
    for row in store.rows(query):
        _add_point(found, row["x"], text(row["lat"]), text(row["long"]))
    for row in store.rows(f"SELECT ?x ?wkt WHERE {{ {these} ?x {_WKT} ?wkt }} ORDER BY ?x ?wkt"):
        if point := _POINT.fullmatch(text(row["wkt"])):
            _add_point(found, row["x"], point["y"], point["x"])
    return found


def _add_point(found: dict[str, tuple[float, float]], of: oxigraph.Term, latitude: str, longitude: str) -> None:
    """Add a valid point in degrees, unless the resource has one already."""
    try:
        point = float(latitude), float(longitude)
    except ValueError:
        return
    if abs(point[0]) <= 90 and abs(point[1]) <= 180:
        found.setdefault(text(of), point)
