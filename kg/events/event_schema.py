"""The common event table: columns that each dataset and the graph are mapped to, and the conversions this needs."""

from __future__ import annotations

from collections.abc import Mapping

from kg.events.table_engines import Table, Value, literal

COLUMNS: dict[str, str] = {
    "dataset": "string",
    "id": "string",
    "start": "date",
    "end": "date",
    "date_code": "string",
    "latitude": "float64",
    "longitude": "float64",
    "radius": "float64",
    "place": "string",
    "place_code": "string",
    "plover": "string",
    "kind": "string",
    "actors": "string",
    "deaths_low": "int64",
    "deaths": "int64",
    "deaths_high": "int64",
    "source": "string",
    "headline": "string",
    "clarity": "string",
    "mention": "boolean",
}
"""Name and type of each column.

dataset, id: name of the dataset, and id of the row in it.
start, end: first and last day (inclusive) on which the event may have happened, as wide as the dataset's precision.
date_code, place_code: that precision, in the dataset's own codes.
latitude, longitude: degrees. radius: kilometres around this point within which the event happened.
place: names of the place.
plover: root of the PLOVER type; empty if it has none. kind: type in the dataset's own words.
actors: all sides, separated by semicolons.
deaths_low, deaths, deaths_high: lowest, best and highest number of dead; null if not stated.
source: cited publishers. headline: cited titles and passages.
clarity: ``2`` if a row sums up several events (UCDP).
mention: whether the row only records that some text mentions such an event.
"""


def names(text: str) -> tuple[str, ...]:
    """Return the names in a text that is separated by white space."""
    return tuple(text.split())


def text(column: Value) -> Value:
    """Return a column of text without surrounding blanks; null becomes empty."""
    return column.fill_null("").strip()


def code(column: Value) -> Value:
    """Return a column of codes or ids, without the decimals that pandas adds to integers (``1.0`` becomes ``1``)."""
    plain = text(column)
    return plain.re_search(r"^[0-9]+\.0+$").ifelse(plain.re_replace(r"\.0+$", ""), plain)


def number(column: Value) -> Value:
    """Parse a column of numbers; null if a value is empty or malformed."""
    return column.strip().nullif("").try_cast("float64")


def whole(column: Value) -> Value:
    """Parse a column of integers; null if a value is empty or malformed."""
    return number(column).try_cast("int64")


def day(column: Value) -> Value:
    """Parse a column of days: ``2014-01-22``, with any time after it, or ``22 January 2014``; null if it is neither."""
    words = column.strip().split(" ")
    # The position of “mar” in this text is 6, so March is month 6 / 3 + 1; engines differ in their own formats.
    position = literal("janfebmaraprmayjunjulaugsepoctnovdec").find(words[1].substr(0, 3).lower())
    month = (position % 3 == 0).ifelse((position / 3).floor() + 1, 0).cast("int64").cast("string").lpad(2, "0")
    spelt = words[2] + literal("-") + month + literal("-") + words[0].lpad(2, "0")
    iso = column.strip().substr(0, 10).try_cast("date")
    return (column.strip().re_search(r"^\d{1,2} [A-Za-z]+ \d{4}$")).ifelse(spelt.try_cast("date"), iso)


def compact_day(column: Value) -> Value:
    """Parse a column of days written ``20140122``; null if a value is malformed."""
    plain = column.strip()
    iso = plain.substr(0, 4) + literal("-") + plain.substr(4, 2) + literal("-") + plain.substr(6, 2)
    return plain.re_search(r"^\d{8}$").ifelse(iso, literal(None, "string")).try_cast("date")


def joined(*columns: Value) -> Value:
    """Return columns of text joined by ``; ``; an empty value leaves only the separator."""
    whole_text = text(columns[0])
    for column in columns[1:]:
        whole_text = whole_text + literal("; ") + text(column)
    return whole_text


def chosen(column: Value, table: Mapping[str, str | float], other: object) -> Value:
    """Return the value of each code in a table; ``other`` for a code that it does not list."""
    found = literal(other)
    for listed, value in table.items():
        found = (code(column) == listed).ifelse(literal(value), found)
    return found


def complete(table: Table) -> Table:
    """Return a table with its columns cast and ordered as in :data:`COLUMNS`."""
    return table.select(**{name: table[name].cast(kind) for name, kind in COLUMNS.items()})
