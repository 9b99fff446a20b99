"""Decision rules for matched pairs: accept, leave to a person, or drop. A score alone never makes a link.

The rules are expressions, like :mod:`kg.events.event_matching`. They were derived from two releases of one dataset:
events on the same day in the same place with the same sides and the same number of dead are so common that even a
single candidate may be another event.
"""

from __future__ import annotations

from kg.events.event_schema import COLUMNS
from kg.events.table_engines import Table, Value, descending, literal, ranked, within

MARGIN = 5.0
"""Points by which the best row must lead the second to count as the only one."""

ENOUGH = 45.0
"""Lowest score for review: the day, a place by name and the type agree, if nothing else is known."""

SHOWN = 5
"""Most rows that are listed for one event."""

FINE = 30.0
"""Largest radius in kilometres at which a place is precise enough for a link."""

HEADLINE = 0.9
"""Share of the words of the shorter headline that the other headline must contain."""


def decided(pairs: Table) -> Table:
    """Return the best rows of each event, ranked and with a verdict.

    Args:
        pairs: see :func:`kg.events.event_matching.candidates`.

    Returns:
        At most :data:`SHOWN` rows for each event, with ``rank`` (from 0), ``margin`` (points ahead of the second row;
        null except for the first), a boolean column for each condition (``only``, ``day``, ``near``, ``same_type``,
        ``cited``, ``agreed``, ``clear``), ``sure`` (the first row meets all of them and is not a mere mention),
        ``claimed`` (number of events that are sure of this row), and ``verdict``: ``accept``, ``review`` or ``nil``.
    """
    places = pairs.mutate(repeat=ranked(["q_id", "r_id"], [descending("score"), pairs.distance.fill_null(0.0)]))
    pairs = places.filter(places.repeat == 0)  # an event in three places is compared with a row three times
    ordered = pairs.mutate(rank=ranked("q_id", [descending("score"), pairs.r_id]))
    second = (ordered.rank == 1).ifelse(ordered.score, literal(None, "float64"))
    compared = ordered.mutate(second=within(second.max(), "q_id"))
    first = compared.rank == 0
    margin = first.ifelse(compared.score - compared.second.fill_null(0.0), literal(None, "float64"))
    led = compared.mutate(margin=margin)
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
    # Two events cannot be the same row: if both are sure of it, a person decides.
    claimed = counted.mutate(claimed=within(counted.sure.cast("int64").sum(), "r_id"))
    verdict = (claimed.sure & (claimed.claimed == 1)).ifelse(
        literal("accept"),
        ((claimed.rank < SHOWN) & (claimed.score >= ENOUGH)).ifelse(literal("review"), literal("nil")),
    )
    columns = [f"{side}_{name}" for side in ("q", "r") for name in COLUMNS]
    features = ["distance", "date", "place", "type", "actors", "casualties", "source", "score"]
    conditions = ["rank", "margin", "only", "day", "near", "same_type", "cited", "agreed", "clear", "sure", "claimed"]
    final = claimed.mutate(verdict=verdict)
    return final.select(*columns, *features, *conditions, "verdict").filter(final["rank"] < SHOWN)


def _conditions(led: Table) -> dict[str, Value]:
    """Return the conditions that a row must meet to be linked without review; unknown values never meet one."""
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
