"""Link proposals: an entity, a record that it may be, the reasons, a score, and a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kg.reference.records import RecordKind


class ProposalVerdict(StrEnum):
    """Verdict of the linker on a proposal."""

    accept = "accept"
    """Linked at once: an exact name, the right kind, and no other possible record."""
    review = "review"
    """Left to a reviewer."""
    nil = "nil"
    """No record of the reference data matches."""
    outside = "outside"
    """The reference data does not cover its time, place or kind, so its absence proves nothing."""


@dataclass(frozen=True, slots=True)
class ScoringFeature:
    """One reason for or against a link.

    Attributes:
        name: ``alias``, ``lemma``, ``similarity``, ``kind``, ``country``, ``within``, ``distance``, ``co-mention``,
            ``role``, ``identifier``, ``prominence``, ``rule``.
        value: 0 (against) to 1 (for).
        weight: weight in the score.
        evidence: explanation for reviewers.
    """

    name: str
    value: float
    weight: float
    evidence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkProposal:
    """One record that an entity may be; or, with an empty identifier, that no record of a dataset matches.

    Attributes:
        subject: IRI of the entity.
        name: the words of the article that matched.
        kind: kind of the record; without a record, the most likely kind of the entity.
        dataset, identifier: key of the record; see :class:`kg.reference.records.Record`.
        label: label of the record.
        matched: the name of the record that matched.
        score: weighted mean of the features, 0 to 100.
        features: reasons for and against.
        verdict: see :class:`ProposalVerdict`.
        reason: explanation of the verdict, in a sentence.
        source: pack of the record, as ``name@version``.
    """

    subject: str
    name: str
    kind: RecordKind
    dataset: str
    identifier: str = ""
    label: str = ""
    matched: str = ""
    score: float = 0.0
    features: tuple[ScoringFeature, ...] = ()
    verdict: ProposalVerdict
    reason: str
    source: str

    @property
    def record(self) -> str:
        """Unique key of the record across datasets: ``wikidata:Q212``."""
        return f"{self.dataset}:{self.identifier}"
