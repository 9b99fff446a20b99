"""What is to become of pairs: a link at once, a person's decision, or nothing. The score alone never links.

Expressions, like :mod:`kg.events.event_matching`. Two releases of one dataset have taught the rules: events on one
day in one place with the same sides and the same dead are so common that even a lone candidate may be another event.
"""

from __future__ import annotations

from kg.events.event_schema import COLUMNS
from kg.events.ibis_engine import Table, Value, descending, literal, ranked, within

MARGIN = 5.0
"""Points by which a row must lead the next to be the only best one."""

ENOUGH = 45.0
"""Points from which a row is worth a person's time: a day, a place by name and a type, if no more is known."""

SHOWN = 5
"""Rows that are shown to a person for one event."""

FINE = 30.0
"""Kilometres of radius up to which a place is known well enough to link by."""

HEADLINE = 0.9
"""Share of the words of the shorter headline that the other must have as well."""


def decided(pairs: Table) -> Table:
    """Rank the rows of each event and decide.

    Args:
        pairs: see :func:`kg.events.event_matching.candidates`.

    Returns:
        The best rows of each event, with ``rank`` (from 0), ``margin`` (points ahead of the next; null for others than
        the first), a column for each condition (``only``, ``day``, ``near``, ``same_type``, ``cited``, ``agreed``,
        ``clear``), ``sure`` (all of them, and no mere mention), ``claimed`` (events that are sure of this row), and
        ``verdict``: ``accept``, ``review`` or ``nil``.
    """
    places = pairs.mutate(repeat=ranked(["q_id", "r_id"], [descending("score"), pairs.distance.fill_null(0.0)]))
    pairs = places.filter(places.repeat == 0)  # an event in three places meets a row three times
    ordered = pairs.mutate(rank=ranked("q_id", [descending("score"), pairs.r_id]))
    second = (ordered.rank == 1).ifelse(ordered.score, literal(None, "float64"))
    compared = ordered.mutate(second=within(second.max(), "q_id"))
    first = compared.rank == 0
    led = compared.mutate(
        margin=first.ifelse(compared.score - compared.second.fill_null(0.0), literal(None, "float64"))
    )
    held = led.mutate(**_conditions(led))
    sure = (
        (held.rank == 0)
        & held.only
        & held.day
        & held.near
        & held.same_type
        & held.cited
        & held.agreed
        & held.clear
        & ~held.r_mention
    )
    counted = held.mutate(sure=sure)
    claimed = counted.mutate(claimed=within(counted.sure.cast("int64").sum(), "r_id"))
    verdict = (claimed.sure & (claimed.claimed == 1)).ifelse(
        literal("accept"),
        ((claimed.rank < SHOWN) & (claimed.score >= ENOUGH)).ifelse(literal("review"), literal("nil")),
    )
    kept = [f"{side}_{name}" for side in ("q", "r") for name in COLUMNS]
    features = ["distance", "date", "place", "type", "actors", "casualties", "source", "score"]
    conditions = ["rank", "margin", "only", "day", "near", "same_type", "cited", "agreed", "clear", "sure", "claimed"]
    final = claimed.mutate(verdict=verdict)
    return final.select(*kept, *features, *conditions, "verdict").filter(final["rank"] < SHOWN)


def _conditions(led: Table) -> dict[str, Value]:
    finer = (led.q_radius <= FINE) & (led.r_radius <= FINE)
    wider = (led.q_radius >= led.r_radius).ifelse(led.q_radius, led.r_radius)
    return {
        "only": led.margin.fill_null(0.0) >= MARGIN,
        "day": (led.q_start == led.q_end) & (led.r_start == led.r_end) & (led.q_start == led.r_start),
        "near": (finer & (led.distance <= wider)).fill_null(False),
        "same_type": led.type.fill_null(0.0) == 1,
        "cited": led.source.fill_null(0.0) >= HEADLINE,
        "agreed": (led.actors.fill_null(0.0) == 1) & (led.casualties.fill_null(0.0) == 1),
        "clear": led.r_clarity.fill_null("") != "2",
    }
