"""Consistency of the links of one entity across datasets, by the identifiers that records state for each other.

An accepted record also links the entity to the records that it states as equivalent. If accepted records state
different ones, a reviewer decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from kg.linking.acceptance_rules import REJECTED_ANOTHER
from kg.linking.candidate_scoring import CONTRADICTING, feature, total
from kg.linking.entity_profiles import EntityProfile
from kg.linking.link_proposal_types import LinkProposal, ProposalVerdict, ScoringFeature
from kg.linking.territory_names_and_barred_records import barred, trap
from kg.reference.records import Record
from kg.reference.reference_store import ReferenceStore

_STEPS = 3  # maximum number of statements between an accepted record and one that follows from it
_SPELLINGS = frozenset({"iso3166-alpha3", "iso3166-numeric"})
"""Other notations of the identifiers of a dataset, which are not linked separately."""


@dataclass(frozen=True, slots=True)
class StatedIdentity:
    """Statement that an entity is also a record of another dataset.

    Attributes:
        by: the accepted proposal from which it follows.
        record: key of the record that states it: that of the proposal, or a further one.
        dataset, identifier: the record that it is stated to be.
    """

    by: LinkProposal
    record: str
    dataset: str
    identifier: str


def agreed(
    entity: EntityProfile, found: list[LinkProposal], reference: ReferenceStore, rejected: Collection[str]
) -> list[LinkProposal]:
    """Return the proposals with stated links added, confirmed ones accepted, and contradictory ones left to a reviewer.

    Examples of proposals and results:

    - iso3166:UA is accepted, and its record states wikidata:Q212 and geonames:690791: all three are accepted.
    - geonames:704508 is accepted; wikidata:Q33613 and wikidata:Q1 have the same name and are in review; Q33613 states
      geonames:704508: Q33613 is accepted, and Q1 is dropped.
    - geonames:704508, which states wikidata:Q33613, and dr5hn:7, which states wikidata:Q9, are both accepted: all four
      are left to a reviewer (“The packs disagree on its record in wikidata: Q33613, Q9.”).
    - iso3166:UA is accepted, and a reviewer has rejected wikidata:Q212: Q212 is not added again.

    Args:
        entity: the entity.
        found: proposals for each dataset by itself.
        reference: the reference store.
        rejected: records (``dataset:identifier``) that a reviewer has rejected for the entity.
    """
    by_dataset: dict[str, dict[str, StatedIdentity]] = defaultdict(dict)
    for one in _stated(found, reference):
        by_dataset[one.dataset].setdefault(one.identifier, one)
    # An accepted proposal states its own record, so that it conflicts with a statement of another one in its dataset.
    for proposal in found:
        if proposal.verdict is ProposalVerdict.accept:
            own = StatedIdentity(proposal, proposal.record, *_named(proposal))
            by_dataset[proposal.dataset].setdefault(proposal.identifier, own)
    disputed = {dataset: sorted(ids) for dataset, ids in by_dataset.items() if len(ids) > 1}
    if disputed:
        sources = {one.by.record for dataset in disputed for one in by_dataset[dataset].values()}
        found = [_disputed(p, disputed) if p.record in sources or p.dataset in disputed else p for p in found]
        return [*found, *_suggested(found, reference, rejected)]
    result = [p for p in found if p.dataset not in by_dataset or p.identifier]  # no “nil” where a record is stated
    for dataset, ids in by_dataset.items():
        ((identifier, one),) = ids.items()
        if f"{dataset}:{identifier}" not in rejected:
            result = _with_stated(entity, result, one, reference)
        # A statement must not bypass the rule that nothing is linked at once after a rejection in the dataset.
        if any(record.startswith(f"{dataset}:") for record in rejected):
            result = [_left_to_reviewer(p) if p.dataset == dataset else p for p in result]
    return [*result, *_suggested(result, reference, rejected)]


def _suggested(
    found: list[LinkProposal], reference: ReferenceStore, rejected: Collection[str]
) -> Iterable[LinkProposal]:
    """Propose for review what the first record in review of each dataset states, in datasets without a proposal."""
    filled = {proposal.dataset for proposal in found if proposal.identifier}
    first = {proposal.dataset: proposal for proposal in reversed(found) if proposal.identifier}
    yielded = set(rejected)
    for proposal in first.values():
        record = reference.get(*_named(proposal))
        if proposal.verdict is not ProposalVerdict.review or record is None:
            continue
        for dataset, identifier in record.identifiers.items():
            key = f"{dataset}:{identifier}"
            if dataset not in filled | _SPELLINGS and key not in yielded and not trap(dataset, identifier):
                yielded.add(key)
                reason = f"{record.key}, which is also in review, states this identifier."
                yield replace(proposal, dataset=dataset, identifier=identifier, reason=reason)


def _named(proposal: LinkProposal) -> tuple[str, str]:
    return proposal.dataset, proposal.identifier


def _stated(found: Iterable[LinkProposal], reference: ReferenceStore) -> Iterable[StatedIdentity]:
    """Follow statements from accepted records, breadth first and through records without flags, up to three steps."""
    for proposal in found:
        if proposal.verdict is not ProposalVerdict.accept:
            continue
        start = reference.get(proposal.dataset, proposal.identifier)
        if start is None:
            continue
        seen, frontier = {start.key}, [start]
        for _ in range(_STEPS):
            following = []
            for record in frontier:
                for other in _others(record, reference):
                    key = f"{other[0]}:{other[1]}"
                    if key in seen:
                        continue
                    seen.add(key)
                    yield StatedIdentity(proposal, record.key, *other)
                    following += [r for r in (reference.get(*other),) if r and not r.flags and not barred(r)]
            frontier = following


def _others(record: Record, reference: ReferenceStore) -> Iterable[tuple[str, str]]:
    """Yield dataset and identifier of records that a record states, and of those that state it."""
    yield from (other for other in record.identifiers.items() if other[0] not in _SPELLINGS and not trap(*other))
    for other in reference.by_identifier(record.dataset, record.identifier):
        if other.kind is record.kind and not other.flags and not barred(other):
            yield other.dataset, other.identifier


def _left_to_reviewer(proposal: LinkProposal) -> LinkProposal:
    """Change an acceptance to review because a reviewer rejected another record of the dataset."""
    if proposal.verdict is not ProposalVerdict.accept:
        return proposal
    return replace(proposal, verdict=ProposalVerdict.review, reason=REJECTED_ANOTHER)


def _disputed(proposal: LinkProposal, disputed: dict[str, list[str]]) -> LinkProposal:
    """Change an acceptance to review because packs disagree; the reason names the first disputed dataset."""
    if proposal.verdict is not ProposalVerdict.accept:
        return proposal
    dataset, identifiers = next(iter(disputed.items()))
    reason = f"The packs disagree on its record in {dataset}: {', '.join(identifiers)}."
    return replace(proposal, verdict=ProposalVerdict.review, reason=reason)


def _with_stated(
    entity: EntityProfile, found: list[LinkProposal], stated: StatedIdentity, reference: ReferenceStore
) -> list[LinkProposal]:
    """Return the proposals with a stated record added, or accepted if it was proposed already."""
    if (stated.dataset, stated.identifier) == _named(stated.by):
        return found
    why = feature("identifier", 1.0, f"{stated.record} states that it is {stated.dataset}:{stated.identifier}")
    for at, proposal in enumerate(found):
        if _named(proposal) == (stated.dataset, stated.identifier):
            confirmed = [*found[:at], _confirmed(proposal, why, reference), *found[at + 1 :]]
            return [p for p in confirmed if p.dataset != stated.dataset or p.identifier == stated.identifier]
    record = reference.get(stated.dataset, stated.identifier)
    if record is not None and (record.flags or barred(record)):
        return found
    label = record.label("uk") if record is not None else stated.by.label
    # The stated record replaces the proposals of its dataset, which are others of the same name, or “nil”.
    rest = [p for p in found if p.dataset != stated.dataset]
    brought = replace(
        stated.by,
        subject=entity.iri,
        dataset=stated.dataset,
        identifier=stated.identifier,
        label=label,
        features=(why, *_without(stated.by.features)),
        score=min(stated.by.score, total((why, *_without(stated.by.features)))),
        reason=_reason(stated),
    )
    return [*rest, brought]


def _reason(stated: StatedIdentity) -> str:
    if stated.record == stated.by.record:
        return f"{stated.record} is accepted and states this identifier."
    return f"{stated.by.record} is accepted, and {stated.record} states this identifier."


def _without(features: tuple[ScoringFeature, ...]) -> tuple[ScoringFeature, ...]:
    return tuple(feature for feature in features if feature.name != "identifier")


def _confirmed(proposal: LinkProposal, why: ScoringFeature, reference: ReferenceStore) -> LinkProposal:
    """Accept a proposal that another record confirms, unless its record is flagged or contradicts the graph."""
    features = (*proposal.features, why)
    record = reference.get(proposal.dataset, proposal.identifier)
    contradicted = any(f.value == 0 for f in proposal.features if f.name in CONTRADICTING)
    if proposal.verdict is ProposalVerdict.accept or record is None or record.flags or contradicted:
        return replace(proposal, features=features, score=total(features))
    return replace(
        proposal, features=features, score=total(features), verdict=ProposalVerdict.accept, reason=f"{why.evidence}."
    )
