"""Linker: proposals of records for entities, with a verdict, dataset by dataset."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from kg.linking.acceptance_rules import AcceptanceDecision, decide
from kg.linking.candidate_scoring import ScoredCandidate, scored
from kg.linking.candidates import Candidate, Candidates, NameSpelling
from kg.linking.cross_dataset_agreement import agreed
from kg.linking.entity_profiles import EntityProfile
from kg.linking.geographic_context import GeographicContext
from kg.linking.lemmas import MISSING, Lemmas
from kg.linking.link_proposal_types import LinkProposal, ProposalVerdict
from kg.linking.logic_v2_person_name_similarity import Scorer
from kg.reference.records import RecordKind
from kg.reference.reference_store import ReferenceStore

_ORDER = (RecordKind.country, RecordKind.region, RecordKind.settlement)
"""Kinds that are linked first, in this order."""

_ROUNDS = 4
"""Maximum number of rounds in which accepted links become context of others."""

_NO_CONTEXT: GeographicContext = GeographicContext()


@dataclass(frozen=True, slots=True)
class LinkerSettings:
    """Options of the linker.

    Attributes:
        runners_up: maximum number of records of a dataset that are proposed for review after the best.
        plausible: minimum score (0 to 100) of a proposed record.
        spread: maximum distance in points from the score of the best record.
        lemmas: whether names are converted to the nominative, if the extra is installed.
        people: optional scorer for names of persons (:func:`kg.linking.logic_v2_person_name_similarity.logic`).
    """

    runners_up: int = 4
    plausible: float = 74.0
    spread: float = 12.0
    lemmas: bool = True
    people: Scorer | None = None


class Linker:
    """Proposes links for entities, and stores nothing.

    Attributes:
        missing: notice for users about a missing extra; empty if nothing is missing.
    """

    def __init__(
        self,
        reference: ReferenceStore,
        settings: LinkerSettings | None = None,
        rejected: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        """Prepare a linker for the packs that the reference store has now.

        Args:
            reference: the reference store.
            settings: see :class:`LinkerSettings`.
            rejected: records (``dataset:identifier``) that reviewers have rejected, by the IRI of the entity.
        """
        self._settings = settings or LinkerSettings()
        lemmas = Lemmas.load() if self._settings.lemmas else None
        self.missing = "" if lemmas else MISSING
        self._reference = reference
        self._rejected = rejected or {}
        self._candidates = Candidates(reference, lemmas)
        self._packs = defaultdict(list)
        for pack in reference.packs():
            self._packs[pack.dataset].append(pack)

    def propose(
        self, entity: EntityProfile, known: GeographicContext = _NO_CONTEXT, others: Collection[str] = ()
    ) -> list[LinkProposal]:
        """Return proposals for one entity: of each dataset the best record and others for review, or that none matches.

        Args:
            entity: see :func:`kg.linking.entity_profiles.read`.
            known: records of the entities in its context, as far as known.
            others: names of the entities in its context.
        """
        entity = self._candidates.narrowed(entity)
        spellings = self._candidates.spellings(entity, others)
        return self._proposed(entity, spellings, self._candidates.find(entity, spellings), known)

    def link(
        self, entities: Iterable[EntityProfile], progress: Callable[[int], None] | None = None
    ) -> list[LinkProposal]:
        """Return proposals for many entities, using the accepted links of each as context of the others.

        Countries come first, because they help to distinguish regions, and regions settlements. Rounds are repeated
        until the accepted links no longer change, four times at most.

        Args:
            entities: all entities of the graph, or one with all in its context.
            progress: callback with the number of further entities for which candidates were found.
        """
        ordered = sorted(map(self._candidates.narrowed, entities), key=_linking_order)
        names = {entity.iri: {form.name or form.exact for form in entity.forms} for entity in ordered}
        found: dict[str, tuple[list[NameSpelling], list[Candidate]]] = {}
        for entity in ordered:
            others = {name for other in entity.near for name in names.get(other, ())}
            spellings = self._candidates.spellings(entity, others)
            found[entity.iri] = spellings, self._candidates.find(entity, spellings)
            if progress is not None:
                progress(1)
        # Candidates do not depend on the context and are searched for once; only their scores change between rounds:
        # once «Донецька область» is linked, the Костянтинівка within it is distinguished from its namesakes elsewhere.
        known = GeographicContext()
        proposals: dict[str, list[LinkProposal]] = {}
        for _ in range(_ROUNDS):
            changed = False
            for entity in ordered:
                proposals[entity.iri] = self._proposed(entity, *found[entity.iri], known)
                changed |= self._note(entity.iri, proposals[entity.iri], known)
            if not changed:
                break
        return [proposal for iri in sorted(proposals) for proposal in proposals[iri]]

    def _note(self, iri: str, proposals: list[LinkProposal], known: GeographicContext) -> bool:
        """Add the accepted records to the context; return whether it changed."""
        accepted = [p for p in proposals if p.verdict is ProposalVerdict.accept]
        records = [self._reference.get(proposal.dataset, proposal.identifier) for proposal in accepted]
        return known.put(iri, filter(None, records))

    def _proposed(
        self,
        entity: EntityProfile,
        spellings: list[NameSpelling],
        candidates: list[Candidate],
        known: GeographicContext,
    ) -> list[LinkProposal]:
        """Return the proposals of all datasets, sorted by dataset and descending score; none for an unnamed entity."""
        if not spellings and not candidates:
            return []
        rejected = self._rejected.get(entity.iri, ())
        by_dataset: dict[str, list[ScoredCandidate]] = defaultdict(list)
        for candidate in candidates:
            if candidate.record.key not in rejected:
                by_dataset[candidate.record.dataset].append(self._scored(entity, candidate, known))
        found: list[LinkProposal] = []
        for dataset in sorted({*self._packs, *by_dataset}):
            # A rejected record is no candidate, and the rejection prevents automatic links to others of the dataset.
            rejected_another = any(record.startswith(f"{dataset}:") for record in rejected)
            ranked = [one for one in _ranked(by_dataset[dataset]) if one.score >= self._settings.plausible]
            if ranked:
                decision = decide(ranked, rejected=rejected_another)
                found += self._plausible(entity, decision)
            else:
                found.append(self._no_match(entity, dataset, spellings, known))
        return sorted(agreed(entity, found, self._reference, rejected), key=lambda p: (p.dataset, -p.score))

    def _scored(self, entity: EntityProfile, candidate: Candidate, known: GeographicContext) -> ScoredCandidate:
        if self._settings.people is not None and candidate.record.kind is RecordKind.person and not candidate.exact:
            candidate = self._settings.people(candidate)
        return scored(entity, candidate, known, self._reference)

    def _plausible(self, entity: EntityProfile, decision: AcceptanceDecision) -> list[LinkProposal]:
        """Return a proposal for the best record of a dataset, and for runners-up if it is left to a reviewer."""
        best = decision.ranked[0].score
        close = [one for one in decision.ranked if one.score >= best - self._settings.spread]
        proposed = close[: 1 if decision.accepted else 1 + self._settings.runners_up]
        verdict = ProposalVerdict.accept if decision.accepted else ProposalVerdict.review
        return [
            LinkProposal(
                subject=entity.iri,
                name=one.candidate.spelling.source,
                kind=one.candidate.record.kind,
                dataset=one.candidate.record.dataset,
                identifier=one.candidate.record.identifier,
                label=one.candidate.record.label("uk"),
                matched=one.candidate.name.text,
                score=one.score,
                features=one.features,
                verdict=verdict,
                reason=decision.reason if at == 0 else f"It ranks below {proposed[0].candidate.record.key}.",
                source=one.candidate.pack,
            )
            for at, one in enumerate(proposed)
        ]

    def _no_match(
        self, entity: EntityProfile, dataset: str, spellings: list[NameSpelling], known: GeographicContext
    ) -> LinkProposal:
        """Return a proposal that no record of a dataset matches: ``nil``, or ``outside`` its coverage."""
        countries = list(known.stated(entity)) or [""]
        day = entity.dates[1]
        packs = self._packs[dataset]
        # Only a pack that covers the kind, the country and the date can prove that there is no record.
        covered = any(p.covers(kind, country, day) for p in packs for kind in entity.kinds for country in countries)
        verdict, reason = ProposalVerdict.nil, f"No record of {dataset} has this name or a similar one."
        if not covered:
            verdict = ProposalVerdict.outside
            reason = f"The packs of {dataset} do not cover {_described(entity, countries, day)}."
        return LinkProposal(
            subject=entity.iri,
            name=spellings[0].text if spellings else entity.label,
            kind=entity.kinds[0],
            dataset=dataset,
            verdict=verdict,
            reason=reason,
            source=", ".join(pack.label for pack in packs),
        )


def _described(entity: EntityProfile, countries: list[str], day: str) -> str:
    """Describe an entity by kind, countries and date: “a settlement or a region in UA on 2024-05-01”."""
    kinds = (
        " or ".join(
            f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}" for kind in entity.kinds if kind is not RecordKind.other
        )
        or "things of this kind"
    )
    where = f" in {', '.join(countries)}" if countries[0] else ""
    return f"{kinds}{where}{f' on {day}' if day else ''}"


def _linking_order(entity: EntityProfile) -> tuple[int, str]:
    kind = entity.kinds[0]
    return (_ORDER.index(kind) if kind in _ORDER else len(_ORDER), entity.iri)


def _ranked(candidates: list[ScoredCandidate]) -> list[ScoredCandidate]:
    """Sort by descending score, then prominence, then key, so that the order is deterministic."""
    return sorted(candidates, key=lambda one: (-one.score, -one.candidate.record.prominence, one.candidate.record.key))
