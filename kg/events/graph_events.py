"""Our own events as the common table: what some source reports as actual, with day, place, sides, dead and words."""

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
"""Radius of a country, of a place of unknown size, and of one that a user gives a point for."""

_EVENT = "?event a cg:Event , cg:ReportedFact . FILTER NOT EXISTS { ?event a cg:SourceAct }"

# A date, and with it the place, may stand at the effect alone: “on 3 October he died of the attack” (question 40).
_EFFECT = "?event cg:causes ?bearer . FILTER NOT EXISTS { ?event cg:time|cg:startTime ?own }"

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
    """Where a place is: degrees, and kilometres around it."""

    latitude: float
    longitude: float
    radius: float = CLOSE_KM


@dataclass(frozen=True, slots=True)
class _EventPlace:
    names: str
    is_country: bool
    point: PlacePoint | None


def graph_events(store: Reads, points: Mapping[str, PlacePoint] | None = None) -> list[dict[str, object]]:
    """Read all reported events as records of the common table; one that happened in three places gives three.

    Args:
        store: the dataset.
        points: where places are, by IRI, name under the base (``entity/sochi``, ``sochi``) or label; the dataset's own
            ``geo:lat`` and ``geo:long``, also of what it links by ``skos:exactMatch``, count as well.
    """
    told = {name: _asked(store, query) for name, query in _QUERIES.items()}
    places = _places(store, points or {})
    found = []
    for event in sorted(told["other_label"]):
        common = _common(event, told)
        where = told["place"].get(event) or told["effect_place"].get(event) or []
        for place in sorted({value for value, _ in where}) or [""]:
            found.append({**common, **_placed(places.get(place))})
    return found


def _asked(store: Reads, query: str) -> dict[str, list[tuple[str, str]]]:
    answer = store.query(query, ResultFormats(), QueryDataset(prefixes=PREFIXES))
    by_event: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in json.loads(answer.content)["results"]["bindings"]:
        by_event[row["event"]["value"]].append((row["value"]["value"], row.get("last", {"value": ""})["value"]))
    return by_event


def _common(event: str, told: Mapping[str, Mapping[str, list[tuple[str, str]]]]) -> dict[str, object]:
    def values(name: str) -> list[str]:
        return sorted({value for value, _ in told[name].get(event, [])})

    dates = told["date"].get(event, [])
    classes = [value.rsplit("#", 1)[-1] for value in values("class")]
    labels = values("label") or values("other_label")
    return {
        "dataset": "claimgraph",
        "id": event,
        "start": min((date.fromisoformat(first) for first, _ in dates), default=None),
        "end": max((date.fromisoformat(last) for _, last in dates), default=None),
        "date_code": "; ".join(value.rsplit("/", 1)[-1] for value in values("precision")),
        "plover": _plover(told["code"].get(event, [])),
        "kind": "; ".join(classes),
        "actors": "; ".join(values("actor")),
        **_dead(told["death"].get(event, [])),
        "source": "; ".join(values("source")),
        "headline": "; ".join([*labels, *values("words")]),
        "clarity": "",
        "mention": False,
    }


def _plover(codes: Iterable[tuple[str, str]]) -> str:
    """Give the PLOVER root of an event: by its own code, else by its CAMEO code."""
    listed = sorted(codes)
    direct = (plover_types.root(code) for code, scheme in listed if scheme == "PLOVER")
    by_cameo = (plover_types.roots_of("cameo").get(code[:2], "") for code, scheme in listed if scheme == "CAMEO")
    return next(filter(None, [*direct, *by_cameo]), "")


def _dead(deaths: Iterable[tuple[str, str]]) -> dict[str, object]:
    """Count the dead: a person is one, a group its size; a group of no stated size makes the number a least one."""
    sizes = dict(deaths)
    if not sizes:
        return {"deaths_low": None, "deaths": None, "deaths_high": None}
    stated = sum(int(size or 1) for size in sizes.values())
    exact = stated if all(sizes.values()) else None
    return {"deaths_low": stated, "deaths": exact, "deaths_high": exact}


def _placed(place: _EventPlace | None) -> dict[str, object]:
    if place is None:
        return {"latitude": None, "longitude": None, "radius": PLACE_KM, "place": "", "place_code": ""}
    point, code = place.point, "country" if place.is_country else "place"
    radius = COUNTRY_KM if place.is_country else point.radius if point else PLACE_KM
    there = (
        {"latitude": point.latitude, "longitude": point.longitude} if point else {"latitude": None, "longitude": None}
    )
    return {**there, "radius": radius, "place": place.names, "place_code": code}


def _places(store: Reads, points: Mapping[str, PlacePoint]) -> dict[str, _EventPlace]:
    known = {
        iri: PlacePoint(float(south), float(east), PLACE_KM)
        for iri, [(south, east), *_] in _asked(store, _POINTS).items()
    }
    countries, found = _asked(store, _COUNTRIES), {}
    for iri, labels in _asked(store, _PLACES).items():
        names = sorted(name for name, _ in labels)
        english = sorted(name for name, language in labels if language == "en")  # datasets write these names
        keys = [iri, iri.removeprefix(store.names.base), iri.removeprefix(store.names.entity("")), *names]
        point = next((points[key] for key in keys if key in points), known.get(iri))
        found[iri] = _EventPlace("; ".join(english or names), iri in countries, point)
    return found


def read_points(file: Path) -> dict[str, PlacePoint]:
    """Read where places are: columns ``place``, ``latitude``, ``longitude`` and perhaps ``radius``, with commas.

    Raises:
        MalformedText: it cannot be read; with line.
    """
    points: dict[str, PlacePoint] = {}
    remedy = "Write the columns place,latitude,longitude and perhaps radius (kilometres), in UTF-8."
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            for row in reader:
                try:
                    point = PlacePoint(
                        float(row["latitude"]), float(row["longitude"]), float(row.get("radius") or CLOSE_KM)
                    )
                except (KeyError, TypeError, ValueError):
                    number = reader.line_num
                    raise MalformedText(f"{file.name}, line {number}: no point.", remedy=remedy, line=number) from None
                points[str(row.get("place") or "").strip()] = point
    except UnicodeDecodeError:
        raise MalformedText(f"{file.name} is not UTF-8.", remedy=remedy) from None
    return points
