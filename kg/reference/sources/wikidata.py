"""Reader of Wikidata entities: lines of a JSON dump, or documents of ``Special:EntityData``.

Countries become ISO codes by :attr:`kg.reference.sources.source_files.SourceFile.countries`. The title of an office is
the Wikidata id of the position, whose own record may have its names in any language.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from kg.files import packaged_tsv_tables
from kg.reference.records import Record, RecordKind, RecordName, RecordRole
from kg.reference.sources.source_files import LONGEST, SourceFile

_ORDER = (
    RecordKind.person,
    RecordKind.country,
    RecordKind.settlement,
    RecordKind.region,
    RecordKind.water,
    RecordKind.organisation,
)
"""Order of precedence for items of several kinds: a city may also be a region."""

_PAST = "historical"
"""Marker of former states and places in the table of classes, in the column of kinds."""

_IDENTIFIER_DATASETS = {
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
_DIGITS = {9: 4, 10: 7, 11: 10}  # characters of a date by its precision: year, month, day

_Json = Mapping[str, Any]
_Claims = Mapping[str, list[dict[str, Any]]]


@cache
def _classes() -> Mapping[str, str]:
    """Map known classes of items to kinds (``Q5``: person), or to :data:`_PAST`.

    Raises:
        DamagedTable: a kind is unknown.
    """
    rows = packaged_tsv_tables.read("kg.reference", "wikidata-classes.tsv", ("class", "kind"))
    for row in rows:
        if row.cells[1] not in {*RecordKind, _PAST}:
            raise packaged_tsv_tables.DamagedTable(f"{row.place}: {row.cells[1]} is not a kind.")
    return packaged_tsv_tables.mapping(rows)


def read(source: SourceFile) -> Iterator[Record]:
    """Yield a record for each item with a name; properties, lexemes and redirects are left out.

    Raises:
        MalformedText: the JSON does not parse, or is not an entity.
    """
    for number, entity in _entities(source):
        identifier = entity.get("id")
        if entity.get("type", "item") != "item" or "redirect" in entity:
            continue
        if not isinstance(identifier, str) or not re.fullmatch(r"Q[1-9]\d*", identifier):
            raise source.wrong(
                number, f"“{str(identifier)[:40]}” is not the id of an item", "Check the file and --format."
            )
        try:
            record = _record(identifier, entity, source.countries)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise source.wrong(
                number, f"{identifier} does not have the structure of an entity", "Fetch it from Wikidata again."
            ) from None
        if record.names:
            yield record


def _entities(source: SourceFile) -> Iterator[tuple[int, dict[str, Any]]]:
    first = next(source.lines(), (0, ""))[1].strip()
    if first == "{":  # one indented document
        with source.stream() as stream:
            content = stream.read(LONGEST)
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as error:
            line = getattr(error, "lineno", 1)
            raise source.wrong(line, "the JSON does not parse", "Fetch the document again.") from None
        source.refuse_nul(1, content, document)
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


def _record(identifier: str, entity: _Json, countries: Mapping[str, str]) -> Record:
    """Return the record of an item.

    Example: Q212 with ``P31`` Q3624078, ``P297`` UA, ``P625`` 49, 32 and ``P1566`` 690791 is a country with the code UA
    at (49.0, 32.0) and the GeoNames id 690791; its prominence is its number of Wikipedia articles.
    """
    claims: _Claims = entity.get("claims") or {}
    kinds = {_classes().get(value["id"], "") for value in _values(claims, "P31")}
    return Record(
        dataset="wikidata",
        identifier=identifier,
        kind=next((kind for kind in _ORDER if kind in kinds), RecordKind.other),
        names=tuple(_names(entity)),
        countries=_countries(claims, countries),
        point=_point(claims),
        within=next((str(value["id"]) for value in _values(claims, "P131")), ""),
        prominence=_wikipedias(entity),
        identifiers=_identifiers(claims),
        roles=tuple(_roles(claims)),
        description=_description(entity),
        flags=("historical",) if _PAST in kinds else (),
    )


def _identifiers(claims: _Claims) -> dict[str, str]:
    """Return the first identifier in each other dataset."""
    return {name: str(values[0]) for p, name in _IDENTIFIER_DATASETS.items() if (values := _values(claims, p))}


def _countries(claims: _Claims, countries: Mapping[str, str]) -> tuple[str, ...]:
    """Return the ISO code of a country (P297), else the codes of an item's countries and citizenships (P17, P27)."""
    codes = [str(code) for code in _values(claims, "P297")]
    stated = [value["id"] for name in ("P17", "P27") for value in _values(claims, name)]
    return tuple(dict.fromkeys(codes or [countries[item] for item in stated if item in countries]))


def _point(claims: _Claims) -> tuple[float, float] | None:
    """Return the first point on Earth (Q2), in degrees; ``None`` without one."""
    points = [value for value in _values(claims, "P625") if value.get("globe", "").endswith("/Q2")]
    return (float(points[0]["latitude"]), float(points[0]["longitude"])) if points else None


def _wikipedias(entity: _Json) -> float:
    """Return the number of Wikipedias with an article about the item."""
    sites = [site for site in entity.get("sitelinks") or () if site.endswith("wiki") and site not in _NO_WIKIPEDIA]
    return float(len(sites))


def _description(entity: _Json) -> str:
    """Return the description in English, else in any language."""
    found = entity.get("descriptions") or {}
    return next((str(found[language]["value"]) for language in ("en", *found) if language in found), "")


def _names(entity: _Json) -> Iterator[RecordName]:
    for language, label in (entity.get("labels") or {}).items():
        yield RecordName(label["value"], language, label=True)
    for language, aliases in (entity.get("aliases") or {}).items():
        yield from (RecordName(alias["value"], language) for alias in aliases)


def _statements(claims: _Claims, name: str) -> list[dict[str, Any]]:
    """Return the statements of a property that are not deprecated, preferred ones first."""
    # A preferred statement is usually the current one, as the capital or the population of today.
    found = [statement for statement in claims.get(name) or () if statement.get("rank") != "deprecated"]
    return sorted(found, key=lambda statement: statement.get("rank") != "preferred")


def _values(claims: _Claims, name: str) -> list[Any]:
    """Return the values of a property without “unknown” and “none”, preferred ones first."""
    snaks = (statement["mainsnak"] for statement in _statements(claims, name))
    return [snak["datavalue"]["value"] for snak in snaks if snak["snaktype"] == "value"]


def _roles(claims: _Claims) -> Iterator[RecordRole]:
    for statement in _statements(claims, "P39"):
        if statement["mainsnak"]["snaktype"] == "value":
            qualifiers = statement.get("qualifiers") or {}
            days = [_day(qualifiers.get(name) or ()) for name in ("P580", "P582")]
            yield RecordRole(statement["mainsnak"]["datavalue"]["value"]["id"], *days)


def _day(snaks: Any) -> str:
    """Return a time to its precision (``2019``, ``2019-05`` or ``2019-05-20``); empty if BCE or less precise."""
    for snak in snaks:
        if snak["snaktype"] == "value":
            value = snak["datavalue"]["value"]
            return str(value["time"])[1 : 1 + _DIGITS.get(value["precision"], 0)] if value["time"][0] == "+" else ""
    return ""
