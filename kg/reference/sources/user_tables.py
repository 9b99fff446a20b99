"""Reader of CSV and TSV tables of users, with the columns that the guide lists."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kg.reference.records import Record, RecordKind, RecordName
from kg.reference.sources.country_and_place_tables import QID, WIKIDATA, stated
from kg.reference.sources.source_files import SourceFile, TableRow


def user_table(source: SourceFile) -> Iterator[Record]:
    """Yield the rows of a user's table with ``id``, ``name``, and any of the optional columns that the guide lists.

    ``name_uk`` and ``aliases_uk`` are in Ukrainian, likewise for any language; ``id:viaf`` is the identifier in VIAF.
    """
    for row in source.rows(("id", "name")):
        identifiers = {name[3:]: row.identifier(name, name[3:]) for name in row.cells if name.startswith("id:")}
        identifiers["wikidata"] = row.matched("wikidata", QID, WIKIDATA)
        identifiers["geonames"] = row.matched("geonames", r"(\d+)(?:\.0+)?", "a GeoNames id")
        yield Record(
            source.dataset,
            row.identifier("id", source.dataset) or row.needed("id"),
            _kind(row),
            tuple(dict.fromkeys(_names(row))),
            tuple(_countries(row)),
            row.point("lat", "lon"),
            row["within"],
            row.number("prominence"),
            stated(identifiers),
            description=row["description"],
            flags=tuple(filter(None, row["flags"].split("|"))),
        )


def _countries(row: TableRow) -> Iterator[str]:
    """Yield the codes of the countries, which ``|`` separates."""
    for country in row["country"].upper().split("|") if row["country"] else ():
        if not re.fullmatch("[A-Z]{2}", country):
            raise row.source.wrong(row.line, f"country is “{country[:40]}”", "Use ISO 3166-1 codes of two letters.")
        yield country


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
