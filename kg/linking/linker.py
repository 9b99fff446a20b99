"""Says of each entity which records it may be, one dataset after another, and what is to become of each proposal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from kg.linking import entity_profiles
from kg.linking.acceptance_rules import AcceptanceDecision, decide
from kg.linking.candidates import Candidate, Candidates, NameSpelling
from kg.linking.entity_profiles import EntityProfile
from kg.linking.geographic_context import GeographicContext
from kg.linking.lemmas import MISSING, Lemmas
from kg.linking.link_consistency import agreed
from kg.linking.link_proposals import LinkProposal, ProposalVerdict
from kg.linking.logic_v2_scorer import Scorer
from kg.linking.scoring_features import ScoredCandidate, scored
from kg.reference.records import RecordKind
from kg.reference.reference_store import ReferenceStore
from kg.store.store_protocols import Reads

_ORDER = (RecordKind.country, RecordKind.region, RecordKind.settlement)
_ROUNDS = 4
_BARE: GeographicContext = GeographicContext()


@dataclass(frozen=True, slots=True)
class LinkerSettings:
    """How the linker works.

    Attributes:
        runners_up: how many records of a dataset are proposed for review, after the best.
        plausible: score (0 to 100) under which a record is not proposed.
        spread: how many points after the best a record is still proposed.
        lemmas: whether names are put into the nominative, where the extra is installed.
        people: another scorer for people (:func:`kg.linking.logic_v2_scorer.logic`), if one is wanted.
    """

    runners_up: int = 4
    plausible: float = 74.0
    spread: float = 12.0
    lemmas: bool = True
    people: Scorer | None = None


class Linker:
    """Proposes links; it stores nothing.

    Attributes:
        missing: what to tell a person of what it works without; empty where nothing is missing.
    """

    def __init__(
        self,
        reference: ReferenceStore,
        settings: LinkerSettings | None = None,
        rejected: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        """Make a linker.

        Args:
            reference: the records.
            settings: see :class:`LinkerSettings`.
            rejected: by the IRI of an entity, the records (``dataset:identifier``) that a person has said it is not.
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
        self, entity: EntityProfile, known: GeographicContext = _BARE, others: Collection[str] = ()
    ) -> list[LinkProposal]:
        """Say which records an entity may be: of each dataset the best, then others for review; or that it has none.

        Args:
            entity: see :func:`kg.linking.entity_profiles.read`.
            known: what the entities around it are, as far as that is known.
            others: names of the entities around it.
        """
        entity = self._candidates.narrowed(entity)
        spellings = self._candidates.spellings(entity, others)
        return self._proposed(entity, spellings, self._candidates.find(entity, spellings), known)

    def link(
        self, entities: Iterable[EntityProfile], progress: Callable[[int], None] | None = None
    ) -> list[LinkProposal]:
        """Propose links for many entities, each in the light of what those around it are.

        Countries come first, for they decide of regions, and these of towns; it is done again until nothing more is
        decided by what was.

        Args:
            entities: all of the graph, or one with all that stands beside it.
            progress: is told of each entity that is done.
        """
        ordered = sorted(map(self._candidates.narrowed, entities), key=_turn)
        names = {entity.iri: {form.name or form.exact for form in entity.forms} for entity in ordered}
        found: dict[str, tuple[list[NameSpelling], list[Candidate]]] = {}
        for entity in ordered:
            others = {name for other in entity.near for name in names.get(other, ())}
            spellings = self._candidates.spellings(entity, others)
            found[entity.iri] = spellings, self._candidates.find(entity, spellings)
            if progress is not None:
                progress(1)
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

    def link_one(self, store: Reads, iri: str) -> list[LinkProposal]:
        """Propose links for one entity of a dataset, in the light of what stands beside it."""
        entity = next(iter(entity_profiles.read(store, iri)), None)
        if entity is None:
            return []
        around = (*entity.near, *entity.within, *entity.nations, *(office.of for office in entity.offices if office.of))
        entities = [
            entity,
            *(other for beside in dict.fromkeys(around) for other in entity_profiles.read(store, beside)),
        ]
        return [proposal for proposal in self.link(entities) if proposal.subject == iri]

    def _note(self, iri: str, proposals: list[LinkProposal], known: GeographicContext) -> bool:
        """Note what was accepted, for the entities around; tells whether that is new."""
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
        if not spellings and not candidates:
            return []
        rejected = self._rejected.get(entity.iri, ())
        weighed: dict[str, list[ScoredCandidate]] = defaultdict(list)
        for candidate in candidates:
            if candidate.record.key not in rejected:
                weighed[candidate.record.dataset].append(self._scored(entity, candidate, known))
        found: list[LinkProposal] = []
        for dataset in sorted({*self._packs, *weighed}):
            barred = any(record.startswith(f"{dataset}:") for record in rejected)
            ranked = [one for one in _ranked(weighed[dataset]) if one.score >= self._settings.plausible]
            if ranked:
                decision = decide(ranked, rejected=barred)
                found += self._plausible(entity, decision)
            else:
                found.append(self._none(entity, dataset, spellings, known))
        return sorted(agreed(entity, found, self._reference, rejected), key=lambda p: (p.dataset, -p.score))

    def _scored(self, entity: EntityProfile, candidate: Candidate, known: GeographicContext) -> ScoredCandidate:
        if self._settings.people is not None and candidate.record.kind is RecordKind.person and not candidate.exact:
            candidate = self._settings.people(candidate)
        return scored(entity, candidate, known, self._reference)

    def _plausible(self, entity: EntityProfile, decision: AcceptanceDecision) -> list[LinkProposal]:
        """Propose the best record of a dataset; others too, where a person is to decide."""
        best = decision.ranked[0].score
        close = [one for one in decision.ranked if one.score >= best - self._settings.spread]
        kept = close[: 1 if decision.accepted else 1 + self._settings.runners_up]
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
                reason=decision.reason if at == 0 else f"It comes after {kept[0].candidate.record.key}.",
                source=one.candidate.pack,
            )
            for at, one in enumerate(kept)
        ]

    def _none(
        self, entity: EntityProfile, dataset: str, spellings: list[NameSpelling], known: GeographicContext
    ) -> LinkProposal:
        """Say that no record of a dataset is it: nil, or nothing that the dataset would have."""
        countries = list(known.stated(entity)) or [""]
        day = entity.dates[1]
        packs = self._packs[dataset]
        covered = any(p.covers(kind, country, day) for p in packs for kind in entity.kinds for country in countries)
        name = spellings[0].text if spellings else entity.label
        if covered:
            verdict, reason = ProposalVerdict.nil, f"No record of {dataset} has this name, or one like it."
        else:
            verdict, reason = (
                ProposalVerdict.outside,
                f"The packs of {dataset} do not cover {_what(entity, countries, day)}.",
            )
        return LinkProposal(
            subject=entity.iri,
            name=name,
            kind=entity.kinds[0],
            dataset=dataset,
            identifier="",
            label="",
            matched="",
            score=0.0,
            features=(),
            verdict=verdict,
            reason=reason,
            source=", ".join(pack.label for pack in packs),
        )


def _what(entity: EntityProfile, countries: list[str], day: str) -> str:
    kinds = (
        " or ".join(
            f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}" for kind in entity.kinds if kind is not RecordKind.other
        )
        or "such things"
    )
    where = f" in {', '.join(countries)}" if countries[0] else ""
    return f"{kinds}{where}{f' on {day}' if day else ''}"


def _turn(entity: EntityProfile) -> tuple[int, str]:
    kind = entity.kinds[0]
    return (_ORDER.index(kind) if kind in _ORDER else len(_ORDER), entity.iri)


def _ranked(weighed: list[ScoredCandidate]) -> list[ScoredCandidate]:
    """Order by score; those alike by prominence, then by name, so that the order is always the same."""
    return sorted(weighed, key=lambda one: (-one.score, -one.candidate.record.prominence, one.candidate.record.key))
