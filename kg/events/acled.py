"""Reader of ACLED files, with the columns of its export tool and API."""

from __future__ import annotations

from kg.events import plover_types
from kg.events.event_schema import chosen, code, complete, day, joined, names, number, text, whole
from kg.events.table_engines import Table, literal

REQUIRED = names(
    "event_id_cnty event_date time_precision event_type sub_event_type actor1 actor2 admin1 location latitude "
    "longitude geo_precision source notes fatalities"
)
"""Columns that a file must have, in lower case; the first holds the id of the row."""
DAYS = ("event_date",)
"""Columns that must hold a date."""
NUMBERS = ("latitude", "longitude", "fatalities")
"""Columns that hold a number or nothing; latitude and longitude come first."""

RADIUS = {"1": 5.0, "2": 30.0, "3": 150.0}
"""Radius in kilometres for each ``geo_precision``: the town itself, near it, somewhere in the province."""

SPREAD = {"1": 0, "2": 6, "3": 31}
"""Days before and after ``event_date`` for each ``time_precision``: the exact day, the week, the month."""

CODES = {"time_precision": frozenset(SPREAD), "geo_precision": frozenset(RADIUS)}
"""Columns that hold one of these codes or nothing."""
PERIOD: tuple[str, ...] = ()
"""A row has a single date."""


def rows(raw: Table) -> Table:
    """Return all rows: none of them has to be skipped."""
    return raw


def events(raw: Table) -> Table:
    """Return rows in the common table; ACLED has a single number of dead, which fills all three columns."""
    when, spread = day(raw.event_date), chosen(raw.time_precision, SPREAD, 31)
    # “Strategic developments” lumps together arrests, agreements and looting, so only its sub-event has a PLOVER type.
    strategic = chosen(raw.sub_event_type, plover_types.roots_of("acled-strategic"), "")
    return complete(
        raw.select(
            dataset=literal("acled"),
            id=code(raw.event_id_cnty),
            start=when - spread.as_interval("D"),
            end=when + spread.as_interval("D"),
            date_code=code(raw.time_precision),
            latitude=number(raw.latitude),
            longitude=number(raw.longitude),
            radius=chosen(raw.geo_precision, RADIUS, 1000.0),
            place=joined(raw.location, raw.admin1),
            place_code=code(raw.geo_precision),
            plover=(text(raw.event_type) == "Strategic developments").ifelse(
                strategic, chosen(raw.event_type, plover_types.roots_of("acled"), "")
            ),
            kind=text(raw.event_type) + literal(" – ") + text(raw.sub_event_type),
            actors=joined(raw.actor1, raw.actor2),
            deaths_low=whole(raw.fatalities),
            deaths=whole(raw.fatalities),
            deaths_high=whole(raw.fatalities),
            source=text(raw.source),
            headline=text(raw.notes),
            clarity=literal(""),
            mention=literal(False),
        )
    )
