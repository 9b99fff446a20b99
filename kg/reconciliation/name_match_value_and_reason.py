"""Match of an entity with the name or identifier in a row: its value, and the reason that a user reads."""

from __future__ import annotations

from dataclasses import dataclass

from kg.reference.name_similarity import likeness
from kg.reference.records import RecordKind
from kg.reference.reference_store import LookupHit

_EXACT = 1.0
_LEMMA = 0.97
"""Value of an inflected form of a label."""

_MENTION = 0.9
"""Value of words that denote the entity in an article but are not a label of it: «Путін»."""

_LEAST = 0.62
"""Minimum similarity of a similar name."""


@dataclass(frozen=True, slots=True)
class NameMatch:
    """Match of a name: value (0 to 1), method, and explanation."""

    value: float
    how: str
    evidence: str

    @property
    def certain(self) -> bool:
        """Whether it is an exact label or an identifier."""
        return self.value == _EXACT


UNNAMED = NameMatch(0.0, "", "")
"""Match of an entity that is found by conditions alone."""


def identified(evidence: str) -> NameMatch:
    """Return the match of an identifier."""
    return NameMatch(_EXACT, "identifier", evidence)


def inflected(hit: LookupHit, name: str) -> NameMatch:
    """Return the match of a name whose nominative is a label: «Володимира Путіна»."""
    return NameMatch(_LEMMA, "lemma", f"“{name}” is a form of “{hit.name.text}”")


def exact(hit: LookupHit, name: str) -> NameMatch:
    """Return the match of a name by equal key or equal Latin letters."""
    language = f" ({hit.name.language})" if hit.name.language else ""
    if not hit.name.label:
        return NameMatch(_MENTION * hit.similarity, "mention", f"an article calls it “{hit.name.text}”")
    if hit.similarity == 1:
        return NameMatch(_EXACT, "name", f"“{name}” is one of its names{language}")
    return NameMatch(hit.similarity, "latin", f"“{name}” is “{hit.name.text}”{language} in Latin letters")


def similar(hit: LookupHit, name: str) -> NameMatch | None:
    """Return the match of a similar name; ``None`` if it is not similar enough."""
    by_words = likeness(name, hit.name.text, person=hit.record.kind is RecordKind.person)
    value = max(hit.similarity, by_words) * (0.96 if hit.name.label else 0.86)
    return NameMatch(value, "similar", f"“{name}” is similar to “{hit.name.text}”") if value >= _LEAST else None
