"""What the linker says of an entity: which record it may be, why, how sure that is, and what is to become of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kg.reference.records import RecordKind


class ProposalVerdict(StrEnum):
    """What is to become of a proposal."""

    accept = "accept"
    """An exact name, the right kind, and no other that it could be: linked at once."""
    review = "review"
    """A person decides."""
    nil = "nil"
    """Nothing in this reference data is it."""
    outside = "outside"
    """This reference data does not cover its time, place or kind, so that nothing follows from its absence."""


@dataclass(frozen=True, slots=True)
class ScoringFeature:
    """One reason for or against.

    Attributes:
        name: ``alias``, ``lemma``, ``similarity``, ``kind``, ``country``, ``within``, ``distance``, ``co-mention``,
            ``role``, ``identifier``, ``prominence``, ``rule``.
        value: 0 (against) to 1 (for).
        weight: what it counts, in points of the score.
        evidence: what it was seen in, for a person.
    """

    name: str
    value: float
    weight: float
    evidence: str


@dataclass(frozen=True, slots=True)
class LinkProposal:
    """One record that an entity may be; or, with an empty identifier, that none of a dataset is it.

    Attributes:
        subject: IRI of the entity.
        name: what the article calls it, in the form that matched.
        kind: of the entity.
        dataset, identifier: of the record; see :class:`kg.reference.records.Record`.
        label: of the record.
        matched: the name of the record that matched.
        score: 0 to 100.
        features: what it is made of.
        verdict: see :class:`ProposalVerdict`.
        reason: why that verdict, in a sentence.
        source: the pack and version that the record comes from, as ``name@version``.
    """

    subject: str
    name: str
    kind: RecordKind
    dataset: str
    identifier: str
    label: str
    matched: str
    score: float
    features: tuple[ScoringFeature, ...]
    verdict: ProposalVerdict
    reason: str
    source: str

    @property
    def record(self) -> str:
        """Name the record among all datasets: ``wikidata:Q212``."""
        return f"{self.dataset}:{self.identifier}"
