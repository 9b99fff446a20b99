"""Which rows of a dataset an event may be: pairs that are near in time and place, and what speaks for each.

Written once as Ibis expressions, so that they run on whatever engine the tables come from. Nothing is decided here.
"""

from __future__ import annotations

from kg.events.event_schema import COLUMNS, names
from kg.events.ibis_engine import Table, Value, greatest, least, literal, span

WEIGHTS: dict[str, int] = {"date": 20, "place": 25, "type": 10, "actors": 15, "casualties": 15, "source": 15}
"""Points of each feature; together 100. What is not known gives no points."""

SLACK_DAYS = 1
"""Days by which two dates may miss each other: a night has two dates, and so have time zones."""

SLACK_KM = 5.0
"""Kilometres by which two places may miss each other: datasets take the coordinates of towns from different lists."""

_BUCKET_DAYS = 10
_KM_A_DEGREE = 111.2
_EARTH_KM = 6371.0

_GENERIC = names(
    "the and for from with government military forces force armed army police group groups militia unidentified "
    "unknown civilians united state states republic people security"
)
"""Words that the names of too many actors have."""

_PLAIN = names(
    "city town village district districts oblast region raion area province some near municipality settlement"
)
"""Words that the names of too many places have."""


def candidates(queries: Table, rows: Table) -> Table:
    """Pair events with the rows that they may be, and compare each pair.

    Args:
        queries: our events, in the common table; the smaller side.
        rows: the dataset, in the common table; rows without coordinates are left out.

    Returns:
        A table with the columns of both (``q_…`` and ``r_…``), ``distance`` in kilometres (null where we know no
        point), a column for each feature of :data:`WEIGHTS` from 0 to 1 (null: not known), and ``score``, 0 to 100.
    """
    ours, theirs = (
        _prepared(queries, "q_"),
        _prepared(rows.filter(rows.latitude.notnull(), rows.longitude.notnull()), "r_"),
    )
    pairs = _by_place(ours, theirs).union(_by_name(ours, theirs))
    compared = pairs.mutate(**_features(pairs))
    return compared.mutate(score=_score(compared))


def _prepared(events: Table, prefix: str) -> Table:
    """Add what comparing needs: numbers of days, bands of latitude, sets of words."""
    dated = events.filter(events.start.notnull(), events.end.notnull())
    epoch = literal("1970-01-01").cast("date")
    reach = (dated.radius + SLACK_KM) / _KM_A_DEGREE
    ready = dated.mutate(
        first=dated.start.delta(epoch, unit="day"),
        last=dated.end.delta(epoch, unit="day"),
        south=(dated.latitude - reach).floor().cast("int64"),
        north=(dated.latitude + reach).floor().cast("int64"),
        place_words=_words(dated.place).filter(lambda word: word.notin(_PLAIN)),
        actor_words=_words(dated.actors).filter(lambda word: word.notin(_GENERIC) & ~word.re_search(r"^[0-9]+$")),
        source_words=_words(dated.source),
        headline_words=_words(dated.headline),
    )
    return ready.rename(lambda name: prefix + name)


def _words(column: Value) -> Value:
    plain = column.fill_null("").lower().re_replace(r"[^\p{L}\p{N}]+", " ").strip()
    return plain.split(" ").unique().filter(lambda word: word.length() > 2)


def _buckets(first: Value, last: Value, size: int) -> tuple[Value, Value]:
    return (first / size).floor().cast("int64"), (last / size).floor().cast("int64")


def _spread(events: Table, prefix: str, *, slack: int) -> Table:
    """Repeat each event for every bucket of days that it touches."""
    low, high = _buckets(events[f"{prefix}first"] - slack, events[f"{prefix}last"] + slack, _BUCKET_DAYS)
    counted = events.mutate(**{f"{prefix}day_0": low, f"{prefix}day": span(low, high + 1)})
    return counted.unnest(f"{prefix}day")


def _by_place(ours: Table, theirs: Table) -> Table:
    """Pair by bucket of days and band of latitude; each pair is kept in the first bucket and band that it shares."""
    pointed = ours.filter(ours.q_latitude.notnull(), ours.q_longitude.notnull())
    left, right = _banded(_spread(pointed, "q_", slack=SLACK_DAYS), "q_"), _banded(_spread(theirs, "r_", slack=0), "r_")
    met = left.join(right, [left.q_day == right.r_day, left.q_band == right.r_band])
    met = met.filter(
        met.q_day == greatest(met.q_day_0, met.r_day_0),
        met.q_band == greatest(met.q_south, met.r_south),
        _dates_meet(met),
    )
    met = met.mutate(distance=_haversine(met))
    near = met.filter(met.distance <= met.q_radius + met.r_radius + SLACK_KM)
    return near.select(*_kept("q_"), *_kept("r_"), "distance")


def _banded(events: Table, prefix: str) -> Table:
    bands = span(events[f"{prefix}south"], events[f"{prefix}north"] + 1)
    return events.mutate(**{f"{prefix}band": bands}).unnest(f"{prefix}band")


def _by_name(ours: Table, theirs: Table) -> Table:
    """Pair those of ours that have no point by bucket of days, where one of the names of the place is the same."""
    named = ours.filter(ours.q_latitude.isnull() | ours.q_longitude.isnull())
    left, right = _spread(named, "q_", slack=SLACK_DAYS), _spread(theirs, "r_", slack=0)
    met = left.join(right, [left.q_day == right.r_day])
    met = met.filter(
        met.q_day == greatest(met.q_day_0, met.r_day_0),
        _dates_meet(met),
        met.q_place_words.intersect(met.r_place_words).length() > 0,
    )
    return met.mutate(distance=literal(None, "float64")).select(*_kept("q_"), *_kept("r_"), "distance")


def _kept(prefix: str) -> list[str]:
    return [
        prefix + name
        for name in (*COLUMNS, "first", "last", "place_words", "actor_words", "source_words", "headline_words")
    ]


def _dates_meet(met: Table) -> Value:
    return (met.q_first - SLACK_DAYS <= met.r_last) & (met.r_first <= met.q_last + SLACK_DAYS)


def _haversine(met: Table) -> Value:
    """Give the distance of both points in kilometres, on a sphere."""
    south, north = met.q_latitude.radians(), met.r_latitude.radians()
    across = (((met.r_longitude - met.q_longitude).radians()) / 2).sin()
    along = ((north - south) / 2).sin()
    chord = along * along + south.cos() * north.cos() * across * across
    return least(chord, literal(1.0)).sqrt().asin() * (2 * _EARTH_KM)


def _features(met: Table) -> dict[str, Value]:
    none = literal(None, "float64")
    common = least(met.q_last, met.r_last) - greatest(met.q_first, met.r_first) + 1
    both = greatest(met.q_last, met.r_last) - least(met.q_first, met.r_first) + 1
    allowed = met.q_radius + met.r_radius + SLACK_KM
    words = _shared(met.q_headline_words, met.r_headline_words, at_least=3)
    return {
        "date": (common > 0).ifelse(common / both, literal(0.3)).cast("float64"),
        "place": met.distance.isnull().ifelse(
            _shared(met.q_place_words, met.r_place_words, at_least=1) * 0.6, 1 - met.distance / allowed
        ),
        "type": ((met.q_plover == "") | (met.r_plover == "")).ifelse(
            none, (met.q_plover == met.r_plover).ifelse(literal(1.0), literal(0.0))
        ),
        "actors": _shared(met.q_actor_words, met.r_actor_words, at_least=1),
        "casualties": _casualties(met),
        "source": greatest(
            words.fill_null(0.0), _shared(met.q_source_words, met.r_source_words, at_least=1).fill_null(0.0) / 2
        ).nullif(0.0),
    }


def _shared(ours: Value, theirs: Value, *, at_least: int) -> Value:
    """Give the share of the shorter set of words that the other has as well; null if one has too few."""
    fewer = least(ours.length(), theirs.length())
    share = ours.intersect(theirs).length().cast("float64") / greatest(fewer, literal(1))
    return (fewer >= at_least).ifelse(share, literal(None, "float64"))


def _casualties(met: Table) -> Value:
    ours, theirs = met.q_deaths.fill_null(met.q_deaths_low), met.r_deaths.fill_null(met.r_deaths_low)
    apart = (ours - theirs).abs().cast("float64") / greatest(ours, theirs, literal(1))
    overlap = (met.q_deaths_low.fill_null(ours) <= met.r_deaths_high.fill_null(theirs)) & (
        met.r_deaths_low.fill_null(theirs) <= met.q_deaths_high.fill_null(literal(1_000_000))
    )
    known = ours.notnull() & theirs.notnull()
    return known.ifelse(greatest(1 - apart, overlap.ifelse(literal(0.5), literal(0.0))), literal(None, "float64"))


def _score(compared: Table) -> Value:
    points = literal(0.0)
    for name, weight in WEIGHTS.items():
        points = points + compared[name].fill_null(0.0) * weight
    return (points * 10 + 0.5).floor().cast("float64") / 10  # engines round halves each in a way of its own
