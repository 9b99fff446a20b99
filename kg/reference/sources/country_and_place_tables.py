"""Readers of two published tables: country-codes.csv, and the populated places of Natural Earth."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from kg.reference.records import Record, RecordKind, RecordName
from kg.reference.sources.source_files import SourceFile, TableRow

QID = r"(?:https?://www\.wikidata\.org/(?:entity|wiki)/)?(Q[1-9]\d*)"
WIKIDATA = "a Wikidata id (Q and a number)"
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
            "wikidata": row.matched("wikidata_id", QID, WIKIDATA),
            "geonames": row.matched("Geoname ID", r"\d+", "a GeoNames id"),
            "iso3166-alpha3": row.matched("ISO3166-1-Alpha-3", "[A-Z]{3}", "a code of three capitals"),
        }
        yield Record("iso3166", code, RecordKind.country, tuple(names.values()), (code,), identifiers=stated(known))


def stated(identifiers: Mapping[str, str]) -> dict[str, str]:
    """Return the identifiers that are not empty."""
    return {dataset: identifier for dataset, identifier in identifiers.items() if identifier}


def natural_earth_places(source: SourceFile) -> Iterator[Record]:
    """Yield the populated places of Natural Earth, from a table; those without a GeoNames id are left out."""
    for row in source.rows(("wikidata", "geonameid", "name", "iso_a2", "lat", "lon")):
        # Ids may be written as decimals; missing ones are -99 or another negative number, which yields no group.
        geonames = row.matched("geonameid", r"(\d+)(?:\.0)?|-\d+(?:\.0)?", "a GeoNames id")
        if not geonames or geonames == "0":
            continue
        country = row["iso_a2"] if re.fullmatch("[A-Z]{2}", row["iso_a2"]) else ""
        yield Record(
            "geonames",
            geonames,
            RecordKind.settlement,
            tuple(_natural_earth_names(row)),
            (country,) if country else (),
            row.point("lat", "lon"),
            prominence=max(row.number("pop_max"), 0.0),
            identifiers=stated({"wikidata": row.matched("wikidata", QID, WIKIDATA)}),
            description=", ".join(filter(None, (row["adm1"], country))),
        )


def _natural_earth_names(row: TableRow) -> Iterator[RecordName]:
    yield RecordName(row.needed("name"), label=True)
    for language in ("en", "ru", "uk"):
        if text := row[f"name_{language}"]:
            yield RecordName(text, language, label=True)
