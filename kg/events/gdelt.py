"""Reader of GDELT events (2.0: 61 columns, 1.0: 58) and mentions (16): tab-separated files without a header.

A row of GDELT means that a program read some text as such an event. It is a mention and never corroborates anything.
"""

from __future__ import annotations

from kg.events import plover_types
from kg.events.event_schema import chosen, code, compact_day, complete, joined, names, number, text
from kg.events.table_engines import Table, literal

_ACTOR = names(
    "Code Name CountryCode KnownGroupCode EthnicCode Religion1Code Religion2Code Type1Code Type2Code Type3Code"
)
_GEO_2 = names("Type FullName CountryCode ADM1Code ADM2Code Lat Long FeatureID")
# Version 1.0 lacks one column for each of three places: 58 columns instead of 61.
_GEO_1 = tuple(name for name in _GEO_2 if name != "ADM2Code")
_ACTION = names(
    "IsRootEvent EventCode EventBaseCode EventRootCode QuadClass GoldsteinScale NumMentions NumSources NumArticles "
    "AvgTone"
)


def _columns(geo: tuple[str, ...]) -> tuple[str, ...]:
    return (
        *names("GLOBALEVENTID SQLDATE MonthYear Year FractionDate"),
        *(f"Actor{side}{name}" for side in (1, 2) for name in _ACTOR),
        *_ACTION,
        *(f"{of}Geo_{name}" for of in ("Actor1", "Actor2", "Action") for name in geo),
        *("DATEADDED", "SOURCEURL"),
    )


EVENTS_2, EVENTS_1 = _columns(_GEO_2), _columns(_GEO_1)
"""Columns of a file of events, by version; the number of columns identifies the version."""
MENTIONS = names(
    "GLOBALEVENTID EventTimeDate MentionTimeDate MentionType MentionSourceName MentionIdentifier SentenceID "
    "Actor1CharOffset Actor2CharOffset ActionCharOffset InRawText Confidence MentionDocLen MentionDocTone "
    "MentionDocTranslationInfo Extras"
)
"""Columns of a file of mentions."""

REQUIRED = names("GLOBALEVENTID SQLDATE EventRootCode ActionGeo_Lat ActionGeo_Long SOURCEURL")
"""Columns that are read; the first holds the id of the row."""
DAYS = ("SQLDATE",)
"""Columns that must hold a date (``20140122``)."""
NUMBERS = ("ActionGeo_Lat", "ActionGeo_Long")
"""Columns that hold a number or nothing; latitude and longitude come first."""

RADIUS = {"1": 1000.0, "2": 300.0, "3": 10.0, "4": 10.0, "5": 200.0}
"""Radius in kilometres for each ``ActionGeo_Type``: country, US state, US city, other city, state or province."""

CODES = {"ActionGeo_Type": frozenset(RADIUS) | {"0"}}
"""Columns that hold one of these codes or nothing; 0 says that no place was found."""
PERIOD: tuple[str, ...] = ()
"""A row has a single date."""


def rows(raw: Table) -> Table:
    """Return all rows: none of them has to be skipped."""
    return raw


def events(raw: Table) -> Table:
    """Return rows in the common table; the URL of the text stands for source and headline, as GDELT cites no more.

    ``https://www.example.org/news/2024/drone-hits-port.html`` has the source ``example.org`` and the headline
    ``/news/ /drone-hits-port``, whose words are compared later.
    """
    host = raw.SOURCEURL.re_extract(r"^[a-z]+://(?:www\.)?([^/:]+)", 1)
    return complete(
        raw.select(
            dataset=literal("gdelt"),
            id=code(raw.GLOBALEVENTID),
            start=compact_day(raw.SQLDATE),
            end=compact_day(raw.SQLDATE),
            date_code=literal("day"),
            latitude=number(raw.ActionGeo_Lat),
            longitude=number(raw.ActionGeo_Long),
            radius=chosen(raw.ActionGeo_Type, RADIUS, 1000.0),
            place=text(raw.ActionGeo_FullName),
            place_code=code(raw.ActionGeo_Type),
            plover=chosen(code(raw.EventRootCode).lpad(2, "0"), plover_types.roots_of("cameo"), ""),
            kind=literal("CAMEO ") + code(raw.EventCode),
            actors=joined(raw.Actor1Name, raw.Actor2Name),
            deaths_low=literal(None, "int64"),
            deaths=literal(None, "int64"),
            deaths_high=literal(None, "int64"),
            source=text(host),
            headline=text(raw.SOURCEURL.re_replace(r"^[a-z]+://[^/]*|\.[a-z]+$|[0-9]{4,}", " ")),
            clarity=literal(""),
            mention=literal(True),
        )
    )


def with_mentions(found: Table, mentions: Table) -> Table:
    """Return the events, each with the names of its sources in a file of mentions added to ``source``."""
    named = mentions.group_by(code(mentions.GLOBALEVENTID).name("mention_id")).aggregate(
        sources=mentions.MentionSourceName.fill_null("").group_concat("; ")
    )
    both = found.left_join(named, found.id == named.mention_id)
    return both.mutate(source=joined(both.source, both.sources)).drop("mention_id", "sources")
