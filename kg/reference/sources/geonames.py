"""Reader of GeoNames: dumps (allCountries, one country, cities500), tables with a subset of columns, alternate names.

``--with`` adds to a dump its alternateNames or alternateNamesV2 (languages of names, Wikidata ids) and its
admin1CodesASCII (the regions of places). Columns: https://download.geonames.org/export/dump/readme.txt
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from kg.reference.records import Record, RecordKind, RecordName
from kg.reference.sources.row_grouping import grouped
from kg.reference.sources.source_files import SourceFile, TableRow

_COLUMNS = (
    "geonameid",
    "name",
    "asciiname",
    "alternatenames",
    "lat",
    "lon",
    "class",
    "code",
    "country",
    "cc2",
    "admin1",
)
_MORE = ("admin2", "admin3", "admin4", "population", "elevation", "dem", "timezone", "modified")
_PLACE = (*_COLUMNS, *_MORE)
_OTHER_NAMES = ("id", "geonameid", "language", "name", "preferred", "short", "colloquial", "historic", "from", "to")
# Pseudo-languages of alternate names: codes and links, such as postal codes. Only `wkdt` (Wikidata ids) is used.
_NO_LANGUAGE = {"link", "post", "iata", "icao", "faac", "fr_1793", "abbr", "unlc", "phon", "piny", "tcid", "nuts"}
_KINDS = {"P": RecordKind.settlement, "H": RecordKind.water}
_PAST = ("PPLH", "PPLQ", "PPLW", "PCLH")


def read(source: SourceFile) -> Iterator[Record]:
    """Yield a record for each place.

    Raises:
        BadInput: a column is missing, or a file is damaged.
        MalformedText: a row does not have the columns of a dump, or a cell is malformed.
    """
    regions: dict[str, str] = {}
    names: list[SourceFile] = []
    for path in source.others:
        if path.name.lower().startswith("admin1"):
            regions.update((row["code"], row.needed("geonameid")) for row in _rows(source.other(path), _ADMIN1))
        else:
            names.append(source.other(path))
    places = _places(source)
    if not names:
        yield from (_record(place, (), regions) for place in places)
        return
    for _, parts in grouped(_by_place(places, names)):
        cells = [part for part in parts if isinstance(part, dict)]
        if cells:  # otherwise the dump lacks the place of these names
            yield _record(cells[0], [part for part in parts if isinstance(part, list)], regions)


_ADMIN1 = ("code", "name", "asciiname", "geonameid")


def _rows(source: SourceFile, columns: tuple[str, ...]) -> Iterator[TableRow]:
    """Split lines at tabs; dumps of GeoNames have neither headings nor quotes."""
    for number, line in source.lines():
        cells = line.split("\t")
        if not line.startswith("#"):
            if len(cells) != len(columns) and not (columns is _OTHER_NAMES and len(cells) >= 4):
                what = f"{len(cells)} columns instead of {len(columns)}"
                raise source.wrong(number, what, "The file may be truncated, or of another format; see --format.")
            yield TableRow(source, number, dict(zip(columns, cells, strict=False)))


def _places(source: SourceFile) -> Iterator[dict[str, Any]]:
    """Yield the cells of each place with checked id, name, population and point.

    A file with headings may have any subset of columns, and separates alternate names by “|”; a dump by commas.
    """
    headed = next(source.lines(), (0, ""))[1].startswith("geonameid\t")
    rows = source.rows(("geonameid", "name", "country", "lat", "lon"), "\t") if headed else _rows(source, _PLACE)
    for row in rows:
        place = row.matched("geonameid", r"\d{1,10}", "a GeoNames id")
        yield {
            **row.cells,
            "geonameid": source.check_identifier(row.line, "geonames", place),
            "name": row.needed("name"),
            "population": row.number("population"),
            "point": row.point("lat", "lon"),
            "alternatenames": row["alternatenames"].split("|" if headed else ","),
        }


def _by_place(places: Iterable[dict[str, Any]], names: Iterable[SourceFile]) -> Iterator[tuple[str, Any]]:
    """Yield GeoNames ids with the cells of the place (a dict), or one of its names (text, language, whether main)."""
    for place in places:
        yield place["geonameid"], place
    for source in names:
        for row in _rows(source, _OTHER_NAMES):
            if row["name"] and row["language"] not in _NO_LANGUAGE:
                main = row["preferred"] == "1" and not row["historic"]
                yield row.matched("geonameid", r"\d{1,10}", "a GeoNames id"), [row["name"], row["language"], main]


def _record(place: dict[str, Any], names: Iterable[list[Any]], regions: dict[str, str]) -> Record:
    code = place.get("code", "PPL")
    found = {RecordName(place["name"], "", label=True): None}
    identifiers: dict[str, str] = {}
    for text, language, main in names:
        if language == "wkdt":
            identifiers["wikidata"] = text
        else:
            found[RecordName(text, language, label=main)] = None
    if len(found) == 1:
        found.update((RecordName(text), None) for text in place["alternatenames"] if text and text != place["name"])
    country = place["country"].strip()
    return Record(
        "geonames",
        place["geonameid"],
        _kind(place.get("class", "P"), code),
        tuple(found),
        (country,) if country else (),
        tuple(place["point"]) if place["point"] else None,
        regions.get(f"{country}.{place['admin1']}", "") if code != "ADM1" else "",
        place["population"],
        identifiers,
        description=", ".join(filter(None, (code, country))),
        flags=("historical",) if code in _PAST or (code[:3] == "ADM" and code.endswith("H")) else (),
    )


def _kind(group: str, code: str) -> RecordKind:
    if group == "A":
        return RecordKind.country if code.startswith("PCL") else RecordKind.region
    return _KINDS.get(group, RecordKind.region if code.startswith("RGN") else RecordKind.other)
