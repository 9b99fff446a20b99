"""The common table of events: what every dataset, and our own graph, is brought to before anything is compared."""

from __future__ import annotations

from collections.abc import Mapping

from kg.events.ibis_engine import Table, Value, literal

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

dataset, id: of the row. start, end: first and last day on which it may have happened, as wide as the dataset's own
precision makes it. date_code, place_code: that precision, in the dataset's own codes. latitude, longitude: degrees.
radius: kilometres around the point within which it happened. place: its names. plover: root of the PLOVER type; empty
where there is none. kind: type in the dataset's own words. actors: all sides, with semicolons between. deaths_low,
deaths, deaths_high: least, best and highest number of dead; null where nothing is said. source: who is cited. headline:
titles and words that are cited. clarity: ``2`` where a row sums up several events (UCDP). mention:
whether the row only says that some text mentions such an event.
"""


def names(text: str) -> tuple[str, ...]:
    """Split a list of names at its blanks."""
    return tuple(text.split())


def text(column: Value) -> Value:
    """Give text without blanks around it; empty for null."""
    return column.fill_null("").strip()


def number(column: Value) -> Value:
    """Read a number; null where there is none."""
    return column.strip().nullif("").try_cast("float64")


def whole(column: Value) -> Value:
    """Read a whole number; null where there is none."""
    return number(column).try_cast("int64")


def day(column: Value) -> Value:
    """Read a day: ``2014-01-22``, with any time behind it, or ``22 January 2014``; null where it is neither."""
    words = column.strip().split(" ")
    position = literal("janfebmaraprmayjunjulaugsepoctnovdec").find(words[1].substr(0, 3).lower())
    month = (position % 3 == 0).ifelse((position / 3).floor() + 1, 0).cast("int64").cast("string").lpad(2, "0")
    spelt = words[2] + literal("-") + month + literal("-") + words[0].lpad(2, "0")
    iso = column.strip().substr(0, 10).try_cast("date")
    return (column.strip().re_search(r"^\d{1,2} [A-Za-z]+ \d{4}$")).ifelse(spelt.try_cast("date"), iso)


def compact_day(column: Value) -> Value:
    """Read a day written ``20140122``; null where it is none."""
    plain = column.strip()
    iso = plain.substr(0, 4) + literal("-") + plain.substr(4, 2) + literal("-") + plain.substr(6, 2)
    return plain.re_search(r"^\d{8}$").ifelse(iso, literal(None, "string")).try_cast("date")


def joined(*columns: Value) -> Value:
    """Join texts with semicolons; an empty one leaves nothing but the sign."""
    whole_text = text(columns[0])
    for column in columns[1:]:
        whole_text = whole_text + literal("; ") + text(column)
    return whole_text


def chosen(column: Value, table: Mapping[str, str | float], other: object) -> Value:
    """Look a code up in a table; ``other`` for a code that is not there."""
    found = literal(other)
    for code, value in table.items():
        found = (text(column) == code).ifelse(literal(value), found)
    return found


def complete(table: Table) -> Table:
    """Bring columns to the order and types of :data:`COLUMNS`."""
    return table.select(**{name: table[name].cast(kind) for name, kind in COLUMNS.items()})
