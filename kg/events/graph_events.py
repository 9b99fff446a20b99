"""Events of the graph as records of the common table: situations that some source reports as actual, with details."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from kg.errors import MalformedText
from kg.events import plover_types
from kg.iris import PREFIXES
from kg.rdf.query_request_and_result import QueryDataset, ResultFormats
from kg.store.store_protocols import Reads

COUNTRY_KM, PLACE_KM, CLOSE_KM = 1000.0, 25.0, 10.0
"""Radius in kilometres of a country, of a place of unknown size, and of a point that a user lists without radius."""

_EVENT = "?event a cg:Event , cg:ReportedFact . FILTER NOT EXISTS { ?event a cg:SourceAct }"

# Date and place may be stated only for an effect: “on 3 October he died of the attack” (question 40).
_EFFECT = "?event cg:causes ?bearer . FILTER NOT EXISTS { ?event cg:time|cg:startTime ?own }"

# Each selects ?event and ?value, and a second value as ?last.
_QUERIES = {
    "label": f"SELECT ?event ?value WHERE {{ {_EVENT} ?event rdfs:label ?value FILTER(LANG(?value) = 'en') }}",
    "other_label": f"SELECT ?event ?value WHERE {{ {_EVENT} ?event rdfs:label ?value }}",
    "date": f"""SELECT ?event ?value ?last WHERE {{ {_EVENT}
        {{ ?event cg:time|cg:startTime ?span }} UNION {{ {_EFFECT} ?bearer cg:time|cg:startTime ?span }}
        ?span cg:notBefore ?value ; cg:notAfter ?last }}""",
    "precision": f"""SELECT ?event ?value WHERE {{ {_EVENT}
        {{ ?event cg:time|cg:startTime ?span }} UNION {{ {_EFFECT} ?bearer cg:time|cg:startTime ?span }}
        ?span cg:precision ?value }}""",
    "place": f"SELECT ?event ?value WHERE {{ {_EVENT} ?event cg:place ?value }}",
    "effect_place": f"""SELECT ?event ?value WHERE {{ {_EVENT} {_EFFECT} ?bearer cg:place ?value
        FILTER NOT EXISTS {{ ?event cg:place ?anywhere }} }}""",
    "actor": f"""SELECT ?event ?value WHERE {{ {_EVENT} ?event cg:actor ?actor . ?actor rdfs:label ?value
        FILTER(LANG(?value) = "en" || NOT EXISTS {{ ?actor rdfs:label ?en FILTER(LANG(?en) = "en") }}) }}""",
    "code": f"""SELECT ?event ?value ?last WHERE {{ {_EVENT} ?event a ?class .
        ?row cg:mapsClass ?class ; cg:notation ?value ; cg:scheme ?last }}""",
    "class": f"SELECT ?event ?value WHERE {{ {_EVENT} ?event a ?value . ?value rdfs:subClassOf* cg:Event }}",
    "death": f"""SELECT ?event ?value ?last WHERE {{ {_EVENT} ?event cg:causes ?death .
        ?death a cg:Death , cg:ReportedFact ; cg:affected ?value .
        OPTIONAL {{ ?value cg:size ?size }} OPTIONAL {{ ?value a cg:Person . BIND(1 AS ?one) }}
        BIND(COALESCE(?size, ?one, "") AS ?last) }}""",
    "words": f"SELECT ?event ?value WHERE {{ {_EVENT} ?claim cg:affirms ?event ; cg:quotedIn/cg:exact ?value }}",
    "source": f"""SELECT ?event ?value WHERE {{ {_EVENT}
        ?claim cg:affirms ?event ; cg:attributedTo|cg:passedThrough ?agent . ?agent rdfs:label ?value }}""",
}

_PLACES = """SELECT ?event ?value ?last WHERE {
    { SELECT DISTINCT ?event { ?anything cg:place ?event } } ?event rdfs:label ?value .
    BIND(LANG(?value) AS ?last) }"""

_COUNTRIES = "SELECT ?event ?value WHERE { ?event a cg:Country , ?value }"

_POINTS = """PREFIX geo: <http://www.w3.org/2003/01/geo/wgs84_pos#>
SELECT ?event ?value ?last WHERE { { ?event geo:lat ?value ; geo:long ?last }
    UNION { ?event skos:exactMatch/geo:lat ?value ; skos:exactMatch/geo:long ?last } }"""


@dataclass(frozen=True, slots=True)
class PlacePoint:
    """Position of a place: degrees north and east, and a radius in kilometres."""

    latitude: float
    longitude: float
    radius: float = CLOSE_KM


@dataclass(frozen=True, slots=True)
class _EventPlace:
    """A place that an event names; ``names`` are its labels, separated by semicolons."""

    names: str
    is_country: bool
    point: PlacePoint | None


def graph_events(store: Reads, points: Mapping[str, PlacePoint] | None = None) -> list[dict[str, object]]:
    """Return all reported events as records of the common table; an event with three places has three records.

    Args:
        store: the dataset.
        points: positions of places, by IRI, path under the base IRI (``entity/sochi``), id (``sochi``) or label; other
            places have the ``geo:lat`` and ``geo:long`` of the place itself or of its ``skos:exactMatch``, if any.
    """
    facts = {name: _pairs(store, query) for name, query in _QUERIES.items()}
    places = _places(store, points or {})
    found = []
    for event in sorted(facts["other_label"]):
        common = _common(event, facts)
        where = facts["place"].get(event) or facts["effect_place"].get(event) or []
        for place in sorted({value for value, _ in where}) or [""]:
            found.append({**common, **_placed(places.get(place))})
    return found


def _pairs(store: Reads, query: str) -> dict[str, list[tuple[str, str]]]:
    """Return the pairs of ``?value`` and ``?last`` (empty if unbound) of a query, by ``?event``."""
    result = store.query(query, ResultFormats(), QueryDataset(prefixes=PREFIXES))
    by_event: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in json.loads(result.content)["results"]["bindings"]:
        by_event[row["event"]["value"]].append((row["value"]["value"], row.get("last", {"value": ""})["value"]))
    return by_event


def _common(event: str, facts: Mapping[str, Mapping[str, list[tuple[str, str]]]]) -> dict[str, object]:
    """Return the columns of an event that do not depend on its place."""

    def values(name: str) -> list[str]:
        return sorted({value for value, _ in facts[name].get(event, [])})

    dates = facts["date"].get(event, [])
    classes = [value.rsplit("#", 1)[-1] for value in values("class")]
    labels = values("label") or values("other_label")
    return {
        "dataset": "claimgraph",
        "id": event,
        "start": min((date.fromisoformat(first) for first, _ in dates), default=None),
        "end": max((date.fromisoformat(last) for _, last in dates), default=None),
        "date_code": "; ".join(value.rsplit("/", 1)[-1] for value in values("precision")),
        "plover": _plover(facts["code"].get(event, [])),
        "kind": "; ".join(classes),
        "actors": "; ".join(values("actor")),
        **_casualties(facts["death"].get(event, [])),
        "source": "; ".join(values("source")),
        "headline": "; ".join([*labels, *values("words")]),
        "clarity": "",
        "mention": False,
    }


def _plover(codes: Iterable[tuple[str, str]]) -> str:
    """Return the PLOVER root of an event: by its own code, else by its CAMEO code; empty if it has neither.

    Args:
        codes: pairs of notation and scheme, such as ``("195", "CAMEO")``.
    """
    listed = sorted(codes)
    direct = (plover_types.root(code) for code, scheme in listed if scheme == "PLOVER")
    by_cameo = (plover_types.roots_of("cameo").get(code[:2], "") for code, scheme in listed if scheme == "CAMEO")
    return next(filter(None, [*direct, *by_cameo]), "")


def _casualties(deaths: Iterable[tuple[str, str]]) -> dict[str, object]:
    """Return the number of dead: a person counts as one, a group as its size.

    A group without a stated size counts as one, and the number is then only a lower bound: of two persons and “several
    soldiers”, ``deaths_low`` is 3 and the others are null.
    """
    sizes = dict(deaths)
    if not sizes:
        return {"deaths_low": None, "deaths": None, "deaths_high": None}
    stated = sum(int(size or 1) for size in sizes.values())
    # An empty size means that the group has none: then the number is a lower bound.
    exact = stated if all(sizes.values()) else None
    return {"deaths_low": stated, "deaths": exact, "deaths_high": exact}


def _placed(place: _EventPlace | None) -> dict[str, object]:
    """Return the columns of an event that depend on its place."""
    if place is None:
        return {"latitude": None, "longitude": None, "radius": PLACE_KM, "place": "", "place_code": ""}
    point, code = place.point, "country" if place.is_country else "place"
    # A point within a country does not make the place more precise than the country.
    radius = COUNTRY_KM if place.is_country else point.radius if point else PLACE_KM
    position = (
        {"latitude": point.latitude, "longitude": point.longitude} if point else {"latitude": None, "longitude": None}
    )
    return {**position, "radius": radius, "place": place.names, "place_code": code}


def _places(store: Reads, points: Mapping[str, PlacePoint]) -> dict[str, _EventPlace]:
    """Return all places of events by IRI; a position in ``points`` takes precedence over one in the dataset."""
    known = {
        iri: PlacePoint(float(south), float(east), PLACE_KM)
        for iri, [(south, east), *_] in _pairs(store, _POINTS).items()
    }
    countries, found = _pairs(store, _COUNTRIES), {}
    for iri, labels in _pairs(store, _PLACES).items():
        names = sorted(name for name, _ in labels)
        english = sorted(name for name, language in labels if language == "en")  # datasets use English names
        keys = [iri, iri.removeprefix(store.names.base), iri.removeprefix(store.names.entity("")), *names]
        point = next((points[key] for key in keys if key in points), known.get(iri))
        found[iri] = _EventPlace("; ".join(english or names), iri in countries, point)
    return found


def read_points(file: Path) -> dict[str, PlacePoint]:
    """Parse positions of places from a CSV file with the columns place, latitude, longitude and optionally radius.

    Raises:
        MalformedText: the file is not UTF-8, or a row has no valid position; with line.
    """
    points: dict[str, PlacePoint] = {}
    remedy = "Write the columns place,latitude,longitude and optionally radius (kilometres), in UTF-8."
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            for row in reader:
                try:
                    points[str(row.get("place") or "").strip()] = _point(row)
                except (KeyError, TypeError, ValueError):
                    problem, number = f"{file.name}, line {reader.line_num}: not a position.", reader.line_num
                    raise MalformedText(problem, remedy=remedy, line=number) from None
    except UnicodeDecodeError:
        raise MalformedText(f"{file.name} is not UTF-8.", remedy=remedy) from None
    return points


def _point(row: Mapping[str, str]) -> PlacePoint:
    return PlacePoint(float(row["latitude"]), float(row["longitude"]), float(row.get("radius") or CLOSE_KM))
