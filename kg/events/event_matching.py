"""Candidate pairs of an event and a dataset row that are near in time and place, with features and a score.

The pairs are Ibis expressions, so that they run on any engine that the tables come from. Decisions are made in
:mod:`kg.events.match_acceptance_rules`.
"""

from __future__ import annotations

from kg.events.event_schema import COLUMNS, names
from kg.events.table_engines import Table, Value, greatest, least, literal, span

WEIGHTS: dict[str, int] = {"date": 20, "place": 25, "type": 10, "actors": 15, "casualties": 15, "source": 15}
"""Points of each feature, 100 in total. An unknown feature adds no points."""

SLACK_DAYS = 1
"""Days by which two dates may differ: a night belongs to two dates, and time zones shift them."""

SLACK_KM = 5.0
"""Kilometres by which two places may differ: datasets take the coordinates of towns from different lists."""

_BUCKET_DAYS = 10
"""Days of one bucket; pairs are joined by bucket, so that not every event meets every row."""

_KM_PER_DEGREE = 111.2
"""Kilometres of a degree of latitude."""

_EARTH_KM = 6371.0
"""Radius of the Earth in kilometres."""

_GENERIC = names(
    "the and for from with government military forces force armed army police group groups militia unidentified "
    "unknown civilians united state states republic people security"
)
"""Words in the names of so many actors that they are not evidence."""

_PLAIN = names(
    "city town village district districts oblast region raion area province some near municipality settlement"
)
"""Words in the names of so many places that they are not evidence."""


def candidates(queries: Table, rows: Table) -> Table:
    """Return the pairs of an event and a row that may be the same, with the comparison of each pair.

    Args:
        queries: events of the graph, in the common table; the smaller side.
        rows: the dataset, in the common table; rows without coordinates are left out.

    Returns:
        A table with the columns of both (``q_…`` and ``r_…``), ``distance`` in kilometres (null if the event has no
        known point), a column from 0 to 1 for each feature of :data:`WEIGHTS` (null: unknown), and ``score``, 0 to 100.
    """
    queries, rows = (
        _prepared(queries, "q_"),
        _prepared(rows.filter(rows.latitude.notnull(), rows.longitude.notnull()), "r_"),
    )
    pairs = _by_place(queries, rows).union(_by_name(queries, rows))
    compared = pairs.mutate(**_features(pairs))
    return compared.mutate(score=_score(compared))


def _prepared(events: Table, prefix: str) -> Table:
    """Return dated events with the columns that comparing needs: day numbers, latitude bands and sets of words.

    A band is one degree of latitude; ``south`` and ``north`` are the first and the last band that the event may be in.
    """
    dated = events.filter(events.start.notnull(), events.end.notnull())
    # Days as numbers, so that spans are compared with arithmetic that all engines share.
    epoch = literal("1970-01-01").cast("date")
    reach = (dated.radius + SLACK_KM) / _KM_PER_DEGREE
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
    """Return the set of words of a text, in lower case and longer than two characters: “Kyiv, UA” has ``kyiv``."""
    plain = column.fill_null("").lower().re_replace(r"[^\p{L}\p{N}]+", " ").strip()
    return plain.split(" ").unique().filter(lambda word: word.length() > 2)


def _buckets(first: Value, last: Value, size: int) -> tuple[Value, Value]:
    """Return the first and the last bucket of ``size`` days that a span of day numbers touches."""
    return (first / size).floor().cast("int64"), (last / size).floor().cast("int64")


def _spread(events: Table, prefix: str, *, slack: int) -> Table:
    """Return events repeated for every bucket of days that they touch: days 8 to 12 touch the buckets 0 and 1."""
    # The first bucket is retained as day_0: it identifies the one match of a pair that counts.
    low, high = _buckets(events[f"{prefix}first"] - slack, events[f"{prefix}last"] + slack, _BUCKET_DAYS)
    counted = events.mutate(**{f"{prefix}day_0": low, f"{prefix}day": span(low, high + 1)})
    return counted.unnest(f"{prefix}day")


def _by_place(queries: Table, rows: Table) -> Table:
    """Return pairs within each other's radius, joined by bucket of days and band of latitude.

    Both sides are repeated for each bucket and band that they touch, so a pair can meet several times; only the first
    bucket and band that both touch counts.
    """
    pointed = queries.filter(queries.q_latitude.notnull(), queries.q_longitude.notnull())
    left, right = _banded(_spread(pointed, "q_", slack=SLACK_DAYS), "q_"), _banded(_spread(rows, "r_", slack=0), "r_")
    met = left.join(right, [left.q_day == right.r_day, left.q_band == right.r_band])
    # Buckets 3 and 4 against 4 and 5: the pair meets in 4 only. Twice 3 and 4: it meets in both, and 3 counts.
    met = met.filter(
        met.q_day == greatest(met.q_day_0, met.r_day_0),
        met.q_band == greatest(met.q_south, met.r_south),
        _dates_meet(met),
    )
    met = met.mutate(distance=_haversine(met))
    near = met.filter(met.distance <= met.q_radius + met.r_radius + SLACK_KM)
    return near.select(*_columns("q_"), *_columns("r_"), "distance")


def _banded(events: Table, prefix: str) -> Table:
    """Return events repeated for every band of latitude that they touch."""
    bands = span(events[f"{prefix}south"], events[f"{prefix}north"] + 1)
    return events.mutate(**{f"{prefix}band": bands}).unnest(f"{prefix}band")


def _by_name(queries: Table, rows: Table) -> Table:
    """Return pairs for events without a point, joined by bucket of days and a word that both place names share."""
    named = queries.filter(queries.q_latitude.isnull() | queries.q_longitude.isnull())
    left, right = _spread(named, "q_", slack=SLACK_DAYS), _spread(rows, "r_", slack=0)
    met = left.join(right, [left.q_day == right.r_day])
    met = met.filter(
        met.q_day == greatest(met.q_day_0, met.r_day_0),
        _dates_meet(met),
        met.q_place_words.intersect(met.r_place_words).length() > 0,
    )
    return met.mutate(distance=literal(None, "float64")).select(*_columns("q_"), *_columns("r_"), "distance")


def _columns(prefix: str) -> list[str]:
    """Return the columns of one side that comparing needs."""
    return [
        prefix + name
        for name in (*COLUMNS, "first", "last", "place_words", "actor_words", "source_words", "headline_words")
    ]


def _dates_meet(met: Table) -> Value:
    """Return whether both spans of days overlap, with a slack of :data:`SLACK_DAYS`."""
    return (met.q_first - SLACK_DAYS <= met.r_last) & (met.r_first <= met.q_last + SLACK_DAYS)


def _haversine(met: Table) -> Value:
    """Return the great-circle distance of both points in kilometres."""
    south, north = met.q_latitude.radians(), met.r_latitude.radians()
    across = (((met.r_longitude - met.q_longitude).radians()) / 2).sin()
    along = ((north - south) / 2).sin()
    chord = along * along + south.cos() * north.cos() * across * across
    # Rounding can lift the value just over 1 for antipodes, where the arcsine is undefined.
    return least(chord, literal(1.0)).sqrt().asin() * (2 * _EARTH_KM)


def _features(met: Table) -> dict[str, Value]:
    """Return each feature of :data:`WEIGHTS` as a value from 0 to 1, or null if a side does not state it.

    ``date`` is the overlap of both spans divided by their union: 1 to 2 May against 2 May alone is 0.5.
    """
    none = literal(None, "float64")
    # Days that both spans have in common, and days from the first to the last of either.
    common = least(met.q_last, met.r_last) - greatest(met.q_first, met.r_first) + 1
    both = greatest(met.q_last, met.r_last) - least(met.q_first, met.r_first) + 1
    allowed = met.q_radius + met.r_radius + SLACK_KM
    words = _shared(met.q_headline_words, met.r_headline_words, at_least=3)
    return {
        # Without a common day, the dates are within SLACK_DAYS, which is still weak evidence.
        "date": (common > 0).ifelse(common / both, literal(0.3)).cast("float64"),
        "place": met.distance.isnull().ifelse(
            _shared(met.q_place_words, met.r_place_words, at_least=1) * 0.6, 1 - met.distance / allowed
        ),
        "type": ((met.q_plover == "") | (met.r_plover == "")).ifelse(
            none, (met.q_plover == met.r_plover).ifelse(literal(1.0), literal(0.0))
        ),
        "actors": _shared(met.q_actor_words, met.r_actor_words, at_least=1),
        "casualties": _casualties(met),
        # A shared publisher alone is half as much evidence as a shared headline.
        "source": greatest(
            words.fill_null(0.0), _shared(met.q_source_words, met.r_source_words, at_least=1).fill_null(0.0) / 2
        ).nullif(0.0),
    }


def _shared(query: Value, row: Value, *, at_least: int) -> Value:
    """Return the share of the smaller set of words that is also in the other; null if one has under ``at_least`` words.

    {drone, attack, sochi} and {sochi, attack, port, fire} share 2 of 3: 0.67.
    """
    fewer = least(query.length(), row.length())
    share = query.intersect(row).length().cast("float64") / greatest(fewer, literal(1))
    return (fewer >= at_least).ifelse(share, literal(None, "float64"))


def _casualties(met: Table) -> Value:
    """Return how well the numbers of dead agree: 1 if they are equal, at least 0.5 if their ranges overlap.

    10 and 8 dead: 1 - 2 / 10 = 0.8. A single lowest number stands in for the best one; an open range has no upper end.
    """
    query, row = met.q_deaths.fill_null(met.q_deaths_low), met.r_deaths.fill_null(met.r_deaths_low)
    apart = (query - row).abs().cast("float64") / greatest(query, row, literal(1))
    overlap = (met.q_deaths_low.fill_null(query) <= met.r_deaths_high.fill_null(row)) & (
        met.r_deaths_low.fill_null(row) <= met.q_deaths_high.fill_null(literal(1_000_000))
    )
    known = query.notnull() & row.notnull()
    return known.ifelse(greatest(1 - apart, overlap.ifelse(literal(0.5), literal(0.0))), literal(None, "float64"))


def _score(compared: Table) -> Value:
    """Return the weighted sum of the features, rounded to one decimal."""
    points = literal(0.0)
    for name, weight in WEIGHTS.items():
        points = points + compared[name].fill_null(0.0) * weight
    return (points * 10 + 0.5).floor().cast("float64") / 10  # engines round halves differently
