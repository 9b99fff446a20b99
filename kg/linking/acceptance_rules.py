"""Rules for automatic acceptance: the records that are linked at once, and those left to a reviewer.

A record is linked at once only if it has the exact name and the right kind, and if no other record remains: no other
has the name, or statements of the graph distinguish them. Prominence never decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kg.linking.candidate_scoring import ScoredCandidate
from kg.reference.records import RecordKind

REJECTED_ANOTHER = "A reviewer rejected another record of this dataset."
"""Reason for review after any rejection in the dataset."""

_LANDS = (RecordKind.settlement, RecordKind.region)
_KIND = 0.8
"""Minimum value of the feature `kind`: one of the possible kinds of the entity."""

_SURE = 0.9
"""Minimum value of a feature that distinguishes a record from others."""

_NEAR = 0.7
"""Minimum value of the feature `distance`, at about 100 km."""

_FURTHER = 3.0
"""Minimum ratio of the distances of the second nearest record and of the nearest."""


@dataclass(frozen=True, slots=True)
class AcceptanceDecision:
    """The candidates of one dataset, best first, whether the best is linked at once, and why."""

    ranked: list[ScoredCandidate]
    accepted: bool
    reason: str


def decide(ranked: list[ScoredCandidate], *, rejected: bool = False) -> AcceptanceDecision:
    """Return whether the best of the candidates of one dataset, best first, is linked or all wait for a reviewer.

    ``rejected`` states that a reviewer rejected another record of the dataset for this entity.
    """
    named = [one for one in ranked if one.candidate.exact]
    exact = [one for one in named if not one.contradicted]
    if not exact:
        problem = "contradicts the graph" if ranked[0].contradicted else "has a similar name, but not the same"
        return AcceptanceDecision(ranked, accepted=False, reason=f"The best record {problem}.")
    first = min(one.candidate.spelling.rank for one in exact)
    left, why = _distinguished(_of_first_kind([one for one in exact if one.candidate.spelling.rank == first]))
    best, others = left[0], [one for one in ranked if one is not left[0]]
    reason = _objection(best, left, rejected=rejected)
    if reason:
        return AcceptanceDecision([best, *others], accepted=False, reason=reason)
    if not why and len(named) > len(exact):
        why = f"distinguished from {len(named) - len(exact)} more by contradictions with the graph"
    return AcceptanceDecision(
        [best, *others], accepted=True, reason=f"Exact name, right kind, {why or 'no other record of this name'}."
    )


def _objection(best: ScoredCandidate, left: list[ScoredCandidate], *, rejected: bool) -> str:
    """Return why the best record needs a reviewer; empty if it may be linked at once."""
    record = best.candidate.record
    if rejected:
        return REJECTED_ANOTHER
    if record.flags:
        return f"The record is flagged: {', '.join(record.flags)}."
    if len(left) > 1:
        return f"{len(left)} records have this name and differ only in prominence."
    single = record.kind is RecordKind.person and " " not in best.candidate.spelling.text
    if single and best.value("role") != 1:
        return "A single name is not enough to identify a person."
    return "" if (best.value("kind") or 0) >= _KIND else "The record is of a different kind."


def _of_first_kind(exact: list[ScoredCandidate]) -> list[ScoredCandidate]:
    """Drop settlements and regions of a less likely kind than the best of them; other kinds stay.

    Example: for a text about «місто Донецьк», a region of the same name is dropped.
    """
    best = max((one.value("kind") or 0 for one in exact if one.candidate.record.kind in _LANDS), default=0)
    return [one for one in exact if one.candidate.record.kind not in _LANDS or (one.value("kind") or 0) == best]


def _distinguished(exact: list[ScoredCandidate]) -> tuple[list[ScoredCandidate], str]:
    """Narrow the records by one feature after another; return the rest, and the last feature that narrowed them."""
    why = ""
    for name, text in _REASONS:
        if len(exact) == 1:
            break
        rest = _TESTS.get(name, _confirmed)(exact, name)
        if len(rest) < len(exact):
            exact, why = rest, f"distinguished from {len(exact) - 1} more by {text}"
    return exact, why


def _confirmed(exact: list[ScoredCandidate], name: str) -> list[ScoredCandidate]:
    """Return the records that a feature confirms; all if it confirms none."""
    return [one for one in exact if (one.value(name) or 0) >= _SURE] or exact


def _nearest(exact: list[ScoredCandidate], name: str) -> list[ScoredCandidate]:
    """Return the nearest record if it is near, all others are far, and all have a point; else all records."""
    values = [one.value(name) for one in exact]
    if any(value is None for value in values):
        return exact
    ordered = sorted(exact, key=lambda one: -(one.value(name) or 0))
    best, second = (ordered[at].value(name) or 0 for at in (0, 1))
    # The nearest counts as 30 km away at least, so that a second one in the same district is never far.
    if best >= _NEAR and _away(second) >= _FURTHER * max(_away(best), 30 / 150):
        return ordered[:1]
    return exact


def _away(value: float) -> float:
    """Return the distance, in units of 150 km, of a value of the feature `distance`.

    The inverse of the formula in :mod:`kg.linking.candidate_scoring`: a value of 0.5 is 150 km.
    """
    return float((1 / value - 1) ** 0.5) if value > 0 else float("inf")


# Features that distinguish records, most reliable first, in the words of a reason.
_REASONS = (
    ("identifier", "an identifier in the graph"),
    ("within", "the region in the graph"),
    ("country", "the country in the graph"),
    ("role", "an office"),
    ("distance", "the distance to places mentioned nearby"),
)
_TESTS: dict[str, Callable[[list[ScoredCandidate], str], list[ScoredCandidate]]] = {"distance": _nearest}
