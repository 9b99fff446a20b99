"""Wikidata entities: lines of a JSON dump, or documents of ``Special:EntityData``.

Countries become ISO codes where :attr:`kg.linking.sources.files.Source.countries` knows them. The title of an office is
the Wikidata id of the position: its own record may have names for it, in any language.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from kg.linking.records import Kind, Name, Record, Role
from kg.linking.sources.files import LONGEST, Source

_CLASSES: dict[Kind, str] = {
    Kind.person: "Q5",
    Kind.country: "Q6256 Q3624078 Q7275 Q1520223 Q51576574 Q123480 Q112099 Q3336843",
    Kind.region: "Q10864048 Q13220204 Q3348196 Q835714 Q41162 Q1267632 Q34876 Q107390 Q35657 Q1221156 Q56061 Q82794 "
    "Q3455524 Q1620908 Q5107 Q855697",
    Kind.settlement: "Q515 Q1549591 Q1637706 Q5119 Q486972 Q3957 Q532 Q7930989 Q12131624 Q21672098 Q2514025 Q15078955 "
    "Q174844 Q200250 Q123705 Q5084 Q1093829",
    Kind.water: "Q165 Q986177 Q9430 Q4022 Q23397 Q131681 Q39594 Q37901 Q1322134 Q15324 Q12284 Q355304",
    Kind.organisation: "Q43229 Q4830453 Q783794 Q6881511 Q891723 Q7278 Q484652 Q245065 Q79913 Q163740 Q327333 Q192350 "
    "Q11032 Q1110794 Q1153191 Q11033 Q192283 Q17149090 Q37726 Q176799 Q3918 Q47913 Q61883 Q15265344 Q4508 Q31855",
}
_KINDS = {identifier: kind for kind, listed in _CLASSES.items() for identifier in listed.split()}
_ORDER = (Kind.person, Kind.country, Kind.settlement, Kind.region, Kind.water, Kind.organisation)
_PAST = {"Q3024240", "Q1763527", "Q19953632", "Q15893266", "Q22698"}
_OTHERS = {
    "P1566": "geonames",
    "P297": "iso3166",
    "P10632": "opensanctions",
    "P214": "viaf",
    "P213": "isni",
    "P227": "gnd",
    "P1278": "lei",
    "P402": "osm-relation",
}
_NO_WIKIPEDIA = {"commonswiki", "specieswiki", "metawiki", "wikidatawiki", "mediawikiwiki", "sourceswiki"}
_DIGITS = {9: 4, 10: 7, 11: 10}


def read(source: Source) -> Iterator[Record]:
    """Give a record for each item; properties, lexemes and redirects are left out."""
    for number, entity in _entities(source):
        identifier = entity.get("id")
        if entity.get("type", "item") != "item" or "redirect" in entity:
            continue
        if not isinstance(identifier, str) or not re.fullmatch(r"Q[1-9]\d*", identifier):
            raise source.wrong(number, f"“{str(identifier)[:40]}” is no id of an item", "Check the file and --format.")
        try:
            record = _record(identifier, entity, source.countries)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise source.wrong(
                number, f"{identifier} is not built as Wikidata builds entities", "Fetch it from Wikidata again."
            ) from None
        if record.names:
            yield record


def _entities(source: Source) -> Iterator[tuple[int, dict[str, Any]]]:
    first = next(source.lines(), (0, ""))[1].strip()
    if first == "{":  # a document over many lines
        with source.stream() as stream:
            content = stream.read(LONGEST)
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as error:
            line = getattr(error, "lineno", 1)
            raise source.wrong(line, "the JSON does not parse", "Fetch the document again.") from None
        yield from _parts(1, document)
        return
    for number, found in source.objects():
        yield from _parts(number, found)


def _parts(number: int, found: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    entities = found.get("entities")
    if isinstance(entities, dict):
        yield from ((number, entity) for entity in entities.values() if isinstance(entity, dict))
    else:
        yield number, found


def _record(identifier: str, entity: Mapping[str, Any], countries: Mapping[str, str]) -> Record:
    claims: dict[str, list[dict[str, Any]]] = entity.get("claims") or {}
    classes = [value["id"] for value in _values(claims, "P31")]
    found = {_KINDS[name] for name in classes if name in _KINDS}
    codes = [str(code) for code in _values(claims, "P297")]
    nations = [countries[v["id"]] for p in ("P17", "P27") for v in _values(claims, p) if v["id"] in countries]
    points = [v for v in _values(claims, "P625") if v.get("globe", "").endswith("/Q2")]
    sites = [site for site in entity.get("sitelinks") or () if site.endswith("wiki") and site not in _NO_WIKIPEDIA]
    descriptions = entity.get("descriptions") or {}
    return Record(
        "wikidata",
        identifier,
        next((kind for kind in _ORDER if kind in found), Kind.other),
        tuple(_names(entity)),
        tuple(dict.fromkeys(codes or nations)),
        (float(points[0]["latitude"]), float(points[0]["longitude"])) if points else None,
        next((str(value["id"]) for value in _values(claims, "P131")), ""),
        float(len(sites)),
        {name: str(values[0]) for p, name in _OTHERS.items() if (values := _values(claims, p))},
        tuple(_roles(claims)),
        next(
            (str(descriptions[language]["value"]) for language in ("en", *descriptions) if language in descriptions), ""
        ),
        ("historical",) if _PAST.intersection(classes) else (),
    )


def _names(entity: Mapping[str, Any]) -> Iterator[Name]:
    for language, label in (entity.get("labels") or {}).items():
        yield Name(label["value"], language, label=True)
    for language, aliases in (entity.get("aliases") or {}).items():
        yield from (Name(alias["value"], language) for alias in aliases)


def _statements(claims: Mapping[str, list[dict[str, Any]]], name: str) -> list[dict[str, Any]]:
    """List what is stated and not deprecated, the preferred first."""
    found = [statement for statement in claims.get(name) or () if statement.get("rank") != "deprecated"]
    return sorted(found, key=lambda statement: statement.get("rank") != "preferred")


def _values(claims: Mapping[str, list[dict[str, Any]]], name: str) -> list[Any]:
    snaks = (statement["mainsnak"] for statement in _statements(claims, name))
    return [snak["datavalue"]["value"] for snak in snaks if snak["snaktype"] == "value"]


def _roles(claims: Mapping[str, list[dict[str, Any]]]) -> Iterator[Role]:
    for statement in _statements(claims, "P39"):
        if statement["mainsnak"]["snaktype"] == "value":
            qualifiers = statement.get("qualifiers") or {}
            days = [_day(qualifiers.get(name) or ()) for name in ("P580", "P582")]
            yield Role(statement["mainsnak"]["datavalue"]["value"]["id"], *days)


def _day(snaks: Any) -> str:
    """Write a time as far as it is known: a year, a month or a day; nothing before our era or less exact."""
    for snak in snaks:
        if snak["snaktype"] == "value":
            value = snak["datavalue"]["value"]
            return str(value["time"])[1 : 1 + _DIGITS.get(value["precision"], 0)] if value["time"][0] == "+" else ""
    return ""
