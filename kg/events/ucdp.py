"""Reader of UCDP GED files: the published CSV, and its HDX edition (with a row of hashtags under the header)."""

from __future__ import annotations

from kg.events import plover_types
from kg.events.event_schema import chosen, code, complete, day, joined, names, number, text, whole
from kg.events.table_engines import Table, literal

REQUIRED = names(
    "id type_of_violence side_a side_b source_article source_office source_headline where_prec where_coordinates "
    "where_description adm_1 latitude longitude event_clarity date_prec date_start date_end best high low"
)
"""Columns that a file must have; the first holds the id of the row."""
DAYS = ("date_start", "date_end")
"""Columns that must hold a date."""
NUMBERS = ("latitude", "longitude", "best", "high", "low")
"""Columns that hold a number or nothing; latitude and longitude come first."""

RADIUS = {"1": 5.0, "2": 25.0, "3": 50.0, "4": 150.0, "5": 100.0, "6": 1000.0, "7": 1000.0}
"""Radius in kilometres for each ``where_prec``.

The codes mean: the place itself, up to 25 km from it, district, province, line or area, country, sea or airspace.
"""

CODES = {
    "type_of_violence": frozenset("123"),
    "where_prec": frozenset(RADIUS),
    "event_clarity": frozenset("12"),
    "date_prec": frozenset("12345"),
}
"""Columns that hold one of these codes or nothing."""
PERIOD = ("date_start", "date_end")
"""Columns of the first and the last day, which must be in this order."""


def rows(raw: Table) -> Table:
    """Return all rows except the HXL row of the HDX edition (``#date+start`` and so on)."""
    return raw.filter(~text(raw.date_start).startswith("#"))


def events(raw: Table) -> Table:
    """Return rows in the common table; ``date_start`` to ``date_end`` already spans what ``date_prec`` allows."""
    return complete(
        raw.select(
            dataset=literal("ucdp"),
            id=code(raw.id),
            start=day(raw.date_start),
            end=day(raw.date_end),
            date_code=code(raw.date_prec),
            latitude=number(raw.latitude),
            longitude=number(raw.longitude),
            radius=chosen(raw.where_prec, RADIUS, 1000.0),
            place=joined(raw.where_coordinates, raw.where_description, raw.adm_1),
            place_code=code(raw.where_prec),
            plover=chosen(raw.type_of_violence, plover_types.roots_of("ucdp"), ""),
            kind=literal("violence ") + code(raw.type_of_violence),
            actors=joined(raw.side_a, raw.side_b),
            deaths_low=whole(raw.low),
            deaths=whole(raw.best),
            deaths_high=whole(raw.high),
            source=text(raw.source_office),
            headline=(text(raw.source_headline) == "").ifelse(text(raw.source_article), text(raw.source_headline)),
            clarity=code(raw.event_clarity),
            mention=literal(False),
        )
    )
