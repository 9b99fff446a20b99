"""Readers of tables: country-codes.csv, populated places of Natural Earth, and CSV or TSV files of users."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from kg.reference.records import Record, RecordKind, RecordName
from kg.reference.sources.source_files import SourceFile, TableRow

QID = r"(?:https?://www\.wikidata\.org/(?:entity|wiki)/)?(Q[1-9]\d*)"
_WIKIDATA = "a Wikidata id (Q and a number)"
_COUNTRY_NAMES = {
    "CLDR display name": ("en", True),
    "UNTERM English Short": ("en", False),
    "UNTERM French Short": ("fr", True),
    "UNTERM Spanish Short": ("es", True),
    "UNTERM Russian Short": ("ru", True),
    "UNTERM Chinese Short": ("zh", True),
    "UNTERM Arabic Short": ("ar", True),
    "UNTERM English Formal": ("en", False),
    "UNTERM Russian Formal": ("ru", False),
    "official_name_en": ("en", False),
    "official_name_fr": ("fr", False),
    "official_name_es": ("es", False),
    "official_name_ru": ("ru", False),
}


def country_codes(source: SourceFile) -> Iterator[Record]:
    """Yield the countries of ``country-codes.csv`` of https://github.com/datasets/country-codes."""
    for row in source.rows(
        ("ISO3166-1-Alpha-2", "ISO3166-1-Alpha-3", "Geoname ID", "CLDR display name", "wikidata_id")
    ):
        code = row.matched("ISO3166-1-Alpha-2", "[A-Z]{2}", "a code of two capitals")
        if not code:  # a territory without an ISO code
            continue
        names: dict[tuple[str, str], RecordName] = {}
        for column, (language, main) in _COUNTRY_NAMES.items():
            text = re.sub(r"\s*\((?:l'|le|la|les|el|los|las|the)\)$|\*$", "", row[column])
            if text:
                names.setdefault((text, language), RecordName(text, language, label=main))
        known = {
            "wikidata": row.matched("wikidata_id", QID, _WIKIDATA),
            "geonames": row.matched("Geoname ID", r"\d+", "a GeoNames id"),
            "iso3166-alpha3": row.matched("ISO3166-1-Alpha-3", "[A-Z]{3}", "a code of three capitals"),
        }
        yield Record("iso3166", code, RecordKind.country, tuple(names.values()), (code,), identifiers=_stated(known))


def _stated(identifiers: Mapping[str, str]) -> dict[str, str]:
    return {dataset: identifier for dataset, identifier in identifiers.items() if identifier}


def natural_earth_places(source: SourceFile) -> Iterator[Record]:
    """Yield the populated places of Natural Earth, from a table; those without a GeoNames id are left out."""
    for row in source.rows(("wikidata", "geonameid", "name", "iso_a2", "lat", "lon")):
        # Ids may be written as decimals; missing ones are -99 or another negative number, which yields no group.
        geonames = row.matched("geonameid", r"(\d+)(?:\.0)?|-\d+(?:\.0)?", "a GeoNames id")
        if not geonames or geonames == "0":
            continue
        languages = {"name_en": "en", "name_ru": "ru", "name_uk": "uk"}
        listed = [RecordName(row.needed("name"), label=True)]
        listed += [
            RecordName(row[column], language, label=True) for column, language in languages.items() if row[column]
        ]
        country = row["iso_a2"] if re.fullmatch("[A-Z]{2}", row["iso_a2"]) else ""
        yield Record(
            "geonames",
            geonames,
            RecordKind.settlement,
            tuple(listed),
            (country,) if country else (),
            row.point("lat", "lon"),
            prominence=max(row.number("pop_max"), 0.0),
            identifiers=_stated({"wikidata": row.matched("wikidata", QID, _WIKIDATA)}),
            description=", ".join(filter(None, (row["adm1"], country))),
        )


def own(source: SourceFile) -> Iterator[Record]:
    """Yield the rows of a user's table with ``id``, ``name``, and any of the optional columns that the guide lists.

    ``name_uk`` and ``aliases_uk`` are in Ukrainian, likewise for any language; ``id:viaf`` is the identifier in VIAF.
    """
    for row in source.rows(("id", "name")):
        identifiers = {name[3:]: row[name] for name in row.cells if name.startswith("id:")}
        identifiers["wikidata"] = row.matched("wikidata", QID, _WIKIDATA)
        identifiers["geonames"] = row.matched("geonames", r"\d+", "a GeoNames id")
        countries = row["country"].upper().split("|") if row["country"] else []
        for country in countries:
            if not re.fullmatch("[A-Z]{2}", country):
                raise source.wrong(row.line, f"country is “{country[:40]}”", "Use ISO 3166-1 codes of two letters.")
        yield Record(
            source.dataset,
            row.needed("id"),
            _kind(row),
            tuple(dict.fromkeys(_names(row))),
            tuple(countries),
            row.point("lat", "lon"),
            row["within"],
            row.number("prominence"),
            _stated(identifiers),
            description=row["description"],
            flags=tuple(filter(None, row["flags"].split("|"))),
        )


def _kind(row: TableRow) -> RecordKind:
    text = row["kind"] or row.source.kind
    if text not in set(RecordKind):
        raise row.source.wrong(row.line, f"kind is “{text[:40]}”", f"Use one of {', '.join(RecordKind)}.")
    return RecordKind(text)


def _names(row: TableRow) -> Iterator[RecordName]:
    yield RecordName(row.needed("name"), row["lang"], label=True)
    for column in row.cells:
        what, _, language = column.partition("_")
        if column == "aliases" or (what == "aliases" and language):
            yield from (
                RecordName(text.strip(), language or row["lang"]) for text in row[column].split("|") if text.strip()
            )
        elif what == "name" and language and row[column]:
            yield RecordName(row[column], language, label=True)
