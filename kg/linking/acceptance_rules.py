"""What may be linked at once, and what a person decides.

Only an exact name of the right kind is linked at once, and only if no other record it could be is left: there is none,
or what the graph says tells them apart. How well known a thing is never decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kg.linking.scoring_features import ScoredCandidate
from kg.reference.records import RecordKind

_LANDS = (RecordKind.settlement, RecordKind.region)
_KIND = 0.8
_SURE = 0.9
_NEAR = 0.7
"""Value of a distance of some 100 km."""

_FURTHER = 3.0


@dataclass(frozen=True, slots=True)
class AcceptanceDecision:
    """The records of one dataset that an entity may be, the first one first, and whether it is linked at once."""

    ranked: list[ScoredCandidate]
    accepted: bool
    reason: str


def decide(ranked: list[ScoredCandidate], *, rejected: bool = False) -> AcceptanceDecision:
    """Decide of the plausible records of one dataset.

    Args:
        ranked: at least one, the best first.
        rejected: a person has said of another record of the dataset that the entity is not it.
    """
    named = [one for one in ranked if one.candidate.exact]
    exact = [one for one in named if not one.contradicted]
    if not exact:
        what = "contradicts the graph" if ranked[0].contradicted else "has a name that is like it, but not the same"
        return AcceptanceDecision(ranked, accepted=False, reason=f"The best record {what}.")
    first = min(one.candidate.spelling.rank for one in exact)
    left, why = _told_apart(_of_first_kind([one for one in exact if one.candidate.spelling.rank == first]))
    best, others = left[0], [one for one in ranked if one is not left[0]]
    reason = _objection(best, left, rejected=rejected)
    if reason:
        return AcceptanceDecision([best, *others], accepted=False, reason=reason)
    if not why and len(named) > len(exact):
        why = f"told apart from {len(named) - len(exact)} more, which contradict the graph"
    return AcceptanceDecision(
        [best, *others], accepted=True, reason=f"Exact name, right kind, {why or 'no other of that name'}."
    )


def _objection(best: ScoredCandidate, left: list[ScoredCandidate], *, rejected: bool) -> str:
    """Say why the best record may not be linked without a person; empty where it may."""
    record = best.candidate.record
    if rejected:
        return "A person has said that it is not another record of this dataset."
    if record.flags:
        return f"The record is flagged: {', '.join(record.flags)}."
    if len(left) > 1:
        return f"{len(left)} records have this name, and nothing but how well known they are tells them apart."
    single = record.kind is RecordKind.person and " " not in best.candidate.spelling.text
    if single and best.value("role") != 1:
        return "A single name tells too little of a person."
    return "" if (best.value("kind") or 0) >= _KIND else "The record is of another kind."


def _of_first_kind(exact: list[ScoredCandidate]) -> list[ScoredCandidate]:
    """Of a settlement and a region of one name, keep the kind that the text rather speaks of; waters stay too."""
    best = max((one.value("kind") or 0 for one in exact if one.candidate.record.kind in _LANDS), default=0)
    return [one for one in exact if one.candidate.record.kind not in _LANDS or (one.value("kind") or 0) == best]


def _told_apart(exact: list[ScoredCandidate]) -> tuple[list[ScoredCandidate], str]:
    """Keep the records for which most speaks, one kind of reason after another; says which reason told."""
    why = ""
    for name, text in _REASONS:
        if len(exact) == 1:
            break
        kept = _TESTS.get(name, _stated)(exact, name)
        if len(kept) < len(exact):
            exact, why = kept, f"told apart from {len(exact) - 1} more by {text}"
    return exact, why


def _stated(exact: list[ScoredCandidate], name: str) -> list[ScoredCandidate]:
    """Keep those for which a feature surely speaks, if any; with none, all."""
    return [one for one in exact if (one.value(name) or 0) >= _SURE] or exact


def _nearest(exact: list[ScoredCandidate], name: str) -> list[ScoredCandidate]:
    """Keep the nearest, if it is near and all others are far, and every one has a point."""
    values = [one.value(name) for one in exact]
    if any(value is None for value in values):
        return exact
    ordered = sorted(exact, key=lambda one: -(one.value(name) or 0))
    best, second = (ordered[at].value(name) or 0 for at in (0, 1))
    if best >= _NEAR and _away(second) >= _FURTHER * max(_away(best), 30 / 150):
        return ordered[:1]
    return exact


def _away(value: float) -> float:
    """Undo what :mod:`kg.linking.scoring_features` makes of a distance."""
    return float((1 / value - 1) ** 0.5) if value > 0 else float("inf")


_REASONS = (
    ("identifier", "an identifier that the graph states"),
    ("within", "the region that the graph states"),
    ("country", "the country that the graph states"),
    ("role", "an office"),
    ("distance", "the distance to places beside it"),
)
_TESTS: dict[str, Callable[[list[ScoredCandidate], str], list[ScoredCandidate]]] = {"distance": _nearest}
