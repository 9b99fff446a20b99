"""Links of one entity to several datasets, made one: what a record says other datasets call it must be what they are.

A record that is accepted in one dataset brings those of others with it; where two bring different ones, a person
decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from kg.linking.entity_profiles import EntityProfile
from kg.linking.link_proposals import LinkProposal, ProposalVerdict, ScoringFeature
from kg.linking.scoring_features import CONTRADICTING, feature, total
from kg.linking.territory_names import barred, trap
from kg.reference.records import Record
from kg.reference.reference_store import ReferenceStore

_STEPS = 3
_SPELLINGS = frozenset({"iso3166-alpha3", "iso3166-numeric"})
"""Not datasets, but other ways to write the identifiers of one that we have."""


@dataclass(frozen=True, slots=True)
class StatedIdentity:
    """That a record of another dataset is the same thing, by which record, of which pack."""

    by: LinkProposal
    record: str
    dataset: str
    identifier: str


def agreed(
    entity: EntityProfile, found: list[LinkProposal], reference: ReferenceStore, rejected: Collection[str]
) -> list[LinkProposal]:
    """Add the links that accepted records bring, accept those that they confirm, and put in doubt those that disagree.

    Examples, of what was found and of what comes out:

    - iso3166:UA is accepted, and its record says that it is wikidata:Q212 and geonames:690791: all three are accepted.
    - geonames:704508 is accepted; wikidata:Q33613 and Q1 have the name, too, and are in review; Q33613 says that it is
      geonames:704508: Q33613 is accepted, and Q1 is left out.
    - geonames:704508, which says that it is wikidata:Q33613, and dr5hn:7, which says Q9, are both accepted: all four
      are left to a person (“The packs disagree which record of wikidata it is: Q33613, Q9.”).
    - iso3166:UA is accepted and a person has rejected wikidata:Q212: Q212 is not brought again.

    Args:
        entity: whose links.
        found: what was found in each dataset by itself.
        reference: where the records are.
        rejected: records (``dataset:identifier``) that a person has said it is not.
    """
    said = list(_said(found, reference))
    meant: dict[str, dict[str, StatedIdentity]] = defaultdict(dict)
    for one in said:
        meant[one.dataset].setdefault(one.identifier, one)
    for proposal in found:
        if proposal.verdict is ProposalVerdict.accept:
            own = StatedIdentity(proposal, proposal.record, *_named(proposal))
            meant[proposal.dataset].setdefault(proposal.identifier, own)
    torn = {dataset: sorted(ids) for dataset, ids in meant.items() if len(ids) > 1}
    if torn:
        doubted = {one.by.record for dataset in torn for one in meant[dataset].values()}
        found = [_doubted(p, torn) if p.record in doubted or p.dataset in torn else p for p in found]
        return [*found, *_suggested(found, reference, rejected)]
    result = [p for p in found if p.dataset not in meant or p.identifier]
    for dataset, ids in meant.items():
        ((identifier, one),) = ids.items()
        if f"{dataset}:{identifier}" not in rejected:
            result = _with(entity, result, one, reference)
        if any(record.startswith(f"{dataset}:") for record in rejected):
            result = [_left_to_a_person(p) if p.dataset == dataset else p for p in result]
    return [*result, *_suggested(result, reference, rejected)]


def _suggested(
    found: list[LinkProposal], reference: ReferenceStore, rejected: Collection[str]
) -> Iterable[LinkProposal]:
    """Propose, for review, what the first record of a dataset in review says, in datasets that have nothing else."""
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
                reason = f"{record.key} may be it, and says so."
                yield replace(proposal, dataset=dataset, identifier=identifier, reason=reason)


def _named(proposal: LinkProposal) -> tuple[str, str]:
    return proposal.dataset, proposal.identifier


def _said(found: Iterable[LinkProposal], reference: ReferenceStore) -> Iterable[StatedIdentity]:
    """Follow identifiers from the accepted records, through records that carry no flag."""
    for proposal in found:
        if proposal.verdict is not ProposalVerdict.accept:
            continue
        start = reference.get(proposal.dataset, proposal.identifier)
        if start is None:
            continue
        seen, edge = {start.key}, [start]
        for _ in range(_STEPS):
            following = []
            for record in edge:
                for other in _others(record, reference):
                    key = f"{other[0]}:{other[1]}"
                    if key in seen:
                        continue
                    seen.add(key)
                    yield StatedIdentity(proposal, record.key, *other)
                    following += [r for r in (reference.get(*other),) if r and not r.flags and not barred(r)]
            edge = following


def _others(record: Record, reference: ReferenceStore) -> Iterable[tuple[str, str]]:
    """Name the records that one says it is, and those that say that they are it."""
    yield from (other for other in record.identifiers.items() if other[0] not in _SPELLINGS and not trap(*other))
    for other in reference.by_identifier(record.dataset, record.identifier):
        if other.kind is record.kind and not other.flags and not barred(other):
            yield other.dataset, other.identifier


def _left_to_a_person(proposal: LinkProposal) -> LinkProposal:
    """Take back an acceptance where a person has rejected another record of the dataset."""
    if proposal.verdict is not ProposalVerdict.accept:
        return proposal
    reason = "A person has said that it is not another record of this dataset."
    return replace(proposal, verdict=ProposalVerdict.review, reason=reason)


def _doubted(proposal: LinkProposal, torn: dict[str, list[str]]) -> LinkProposal:
    """Take back an acceptance, and say why."""
    if proposal.verdict is not ProposalVerdict.accept:
        return proposal
    dataset, identifiers = next(iter(torn.items()))
    reason = f"The packs disagree which record of {dataset} it is: {', '.join(identifiers)}."
    return replace(proposal, verdict=ProposalVerdict.review, reason=reason)


def _with(
    entity: EntityProfile, found: list[LinkProposal], said: StatedIdentity, reference: ReferenceStore
) -> list[LinkProposal]:
    """Put one record that another brings among what was found."""
    if (said.dataset, said.identifier) == _named(said.by):
        return found
    why = feature("identifier", 1.0, f"{said.record} says that it is {said.dataset}:{said.identifier}")
    for at, proposal in enumerate(found):
        if _named(proposal) == (said.dataset, said.identifier):
            confirmed = [*found[:at], _confirmed(proposal, why, reference), *found[at + 1 :]]
            return [p for p in confirmed if p.dataset != said.dataset or p.identifier == said.identifier]
    record = reference.get(said.dataset, said.identifier)
    if record is not None and (record.flags or barred(record)):
        return found
    label = record.label("uk") if record is not None else said.by.label
    rest = [p for p in found if p.dataset != said.dataset]
    brought = replace(
        said.by,
        subject=entity.iri,
        dataset=said.dataset,
        identifier=said.identifier,
        label=label,
        features=(why, *_without(said.by.features)),
        score=min(said.by.score, total((why, *_without(said.by.features)))),
        reason=f"{said.by.record} is it, and {'so says' if said.record == said.by.record else f'{said.record} says'}.",
    )
    return [*rest, brought]


def _without(features: tuple[ScoringFeature, ...]) -> tuple[ScoringFeature, ...]:
    return tuple(feature for feature in features if feature.name != "identifier")


def _confirmed(proposal: LinkProposal, why: ScoringFeature, reference: ReferenceStore) -> LinkProposal:
    """Accept what two datasets agree on, unless it is flagged."""
    features = (*proposal.features, why)
    record = reference.get(proposal.dataset, proposal.identifier)
    contradicted = any(f.value == 0 for f in proposal.features if f.name in CONTRADICTING)
    if proposal.verdict is ProposalVerdict.accept or record is None or record.flags or contradicted:
        return replace(proposal, features=features, score=total(features))
    return replace(
        proposal, features=features, score=total(features), verdict=ProposalVerdict.accept, reason=f"{why.evidence}."
    )
