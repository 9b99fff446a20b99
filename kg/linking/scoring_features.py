"""Why a record may be an entity, and why not: features, each with its value, its weight and what it was seen in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import log10

from kg.files import tsv_tables
from kg.linking.candidates import Candidate
from kg.linking.entity_profiles import EntityProfile, Office
from kg.linking.geographic_context import GeographicContext, kilometres
from kg.linking.link_proposals import ScoringFeature
from kg.reference.records import Record, RecordKind
from kg.reference.reference_store import ReferenceStore

_WEIGHTS: Mapping[str, float] = {
    "alias": 60,
    "lemma": 60,
    "rule": 60,
    "similarity": 60,
    "identifier": 60,
    "kind": 8,
    "country": 12,
    "within": 16,
    "distance": 12,
    "role": 16,
    "co-mention": 4,
    "prominence": 3,
}
_CERTAINTY = {"identifier": 1.0, "alias": 1.0, "lemma": 0.97, "rule": 0.96}
CONTRADICTING = ("country", "within", "role", "distance")
"""Features that, with the value 0, say that the record is something else."""

_DEEPEST = 6
_SAME_PLACE = 15.0
"""Kilometres between points that datasets give for one settlement."""


@dataclass(frozen=True, slots=True)
class ScoredCandidate:
    """A candidate with what speaks for and against it, and the score that makes, 0 to 100."""

    candidate: Candidate
    features: tuple[ScoringFeature, ...]
    score: float

    def value(self, name: str) -> float | None:
        """Give the value of a feature; ``None`` where nothing is known of it."""
        return next((feature.value for feature in self.features if feature.name == name), None)

    @property
    def contradicted(self) -> bool:
        """Whether the graph says something else of the entity: another country, region or place."""
        return any(self.value(name) == 0 for name in CONTRADICTING)


def scored(
    entity: EntityProfile, candidate: Candidate, known: GeographicContext, reference: ReferenceStore
) -> ScoredCandidate:
    """Weigh a candidate."""
    record = candidate.record
    found = [
        _named(candidate),
        _kind(entity, candidate),
        _country(record, known.stated(entity)),
        _within(record, known.regions(entity, record.dataset), reference),
        _distance(entity, record, known),
        _role(entity, record),
        _beside(entity, record, known),
        _prominence(record),
    ]
    features = tuple(feature for feature in found if feature is not None)
    return ScoredCandidate(candidate, features, total(features))


def total(features: tuple[ScoringFeature, ...]) -> float:
    """Make one score of features, 0 to 100."""
    weight = sum(feature.weight for feature in features)
    return round(100 * sum(feature.value * feature.weight for feature in features) / weight, 1) if weight else 0.0


def feature(name: str, value: float, evidence: str) -> ScoringFeature:
    """Make a feature of the weight that its name has."""
    return ScoringFeature(name, round(value, 3), _WEIGHTS[name], evidence)


def _named(candidate: Candidate) -> ScoringFeature:
    spelling, name = candidate.spelling, candidate.name
    language = f" ({name.language})" if name.language else ""
    if not candidate.exact:
        return feature("similarity", candidate.similarity, f"“{spelling.text}” is like “{name.text}”{language}")
    if spelling.how == "identifier":
        return feature("identifier", 1.0, f"the graph says that it is {spelling.source}")
    source = "" if spelling.source == spelling.text else f"“{spelling.source}”: "
    evidence = f"{source}“{spelling.text}” is a name of it{language}"
    return feature(spelling.how, _CERTAINTY[spelling.how], evidence)


def _kind(entity: EntityProfile, candidate: Candidate) -> ScoringFeature:
    kind = candidate.record.kind
    value = 1.0 if kind is entity.kinds[0] else 0.8 if kind in entity.kinds else 0.0
    return feature("kind", value, f"it is a {kind}" if kind is not RecordKind.other else "its kind is not told")


def _country(record: Record, stated: Mapping[str, str]) -> ScoringFeature | None:
    if not stated or not record.countries or record.kind is RecordKind.country:
        return None
    shared = [code for code in record.countries if code in stated]
    if shared:
        return feature("country", 1.0, f"in {shared[0]}, as the graph says ({stated[shared[0]]})")
    return feature("country", 0.0, f"in {record.countries[0]}, but the graph says {', '.join(sorted(stated))}")


def _within(record: Record, regions: Mapping[str, str], reference: ReferenceStore) -> ScoringFeature | None:
    if not regions or not record.within:
        return None
    held, at = record.within, 0
    while held and at < _DEEPEST:
        if held in regions:
            return feature("within", 1.0, f"in {regions[held]} ({record.dataset}:{held}), as the graph says")
        larger = reference.get(record.dataset, held)
        if larger is None:
            return None  # where it lies is not told to the end
        held, at = larger.within, at + 1
    return feature("within", 0.0, f"not in {', '.join(regions.values())}, where the graph has it")


def _distance(entity: EntityProfile, record: Record, known: GeographicContext) -> ScoringFeature | None:
    """Measure to where it is by another dataset, else to the nearest place that is named beside it."""
    if record.point is None or record.kind is not RecordKind.settlement:
        return None
    if (itself := known.itself(entity, record.dataset)) is not None:
        name, point = itself
        away = kilometres(point, record.point)
        return feature("distance", 1.0 if away <= _SAME_PLACE else 0.0, f"{away:.0f} km from {name}")
    anchors = known.anchors(entity)
    if not anchors:
        return None
    away, name = min((kilometres(point, record.point), name) for name, point in anchors)
    return feature("distance", max(0.001, 1 / (1 + (away / 150) ** 2)), f"{away:.0f} km from {name}")


def _role(entity: EntityProfile, record: Record) -> ScoringFeature | None:
    """Compare the offices that the graph has with those of the record, in title and time.

    Examples, for a person of whom an article of 31 January 2025 says «президент»:

    - record with the role “President of Russia” since 2012: 1, “президент: President of Russia”
    - the same role from 2000 to 2008: 0.2, “президент, but not at that time (2025-01-31)”; 1 if the graph has the
      office as a former one
    - no role, but the description “Russian ice hockey player”: 0.2, “nothing says that it was президент”
    - neither role nor description: no feature, as nothing is known

    It is 0.2 and not 0, which would contradict: records seldom list every office.
    """
    titles = [office for office in entity.offices if office.title]
    if record.kind is not RecordKind.person or not titles:
        return None
    said = " ; ".join((*(role.title for role in record.roles), record.description)).casefold()
    for office in titles:
        if _titled(office, said):
            day = office.start or entity.dates[1] or entity.dates[0]
            held = [r for r in record.roles if _titled(office, r.title.casefold())] or list(record.roles)
            if held and day and not office.former and not any(_during(r.start, r.end, day) for r in held):
                return feature("role", 0.2, f"{office.title}, but not at that time ({day})")
            return feature("role", 1.0, f"{office.title}: {record.description or held[0].title}")
    return feature("role", 0.2, f"nothing says that it was {titles[0].title}") if said.strip(" ;") else None


def _titled(office: Office, said: str) -> bool:
    title = office.title.casefold()
    words = [theirs for ours, theirs in _titles() if ours.search(title)]
    return title in said or any(theirs.search(said) for theirs in words)


@cache
def _titles() -> list[tuple[re.Pattern[str], re.Pattern[str]]]:
    """Return the patterns of offices as texts and as records call them: «президент», “president”.

    Raises:
        DamagedTable: one is no regular expression.
    """
    found = []
    for row in tsv_tables.read("kg.linking", "titles.tsv", ("text", "record")):
        try:
            ours, theirs = (re.compile(rf"\b(?:{pattern})") for pattern in row.cells)
        except re.error as error:
            raise tsv_tables.DamagedTable(f"{row.place}: no regular expression: {error}.") from None
        found.append((ours, theirs))
    return found


def _during(start: str, end: str, day: str) -> bool:
    return (not start or start <= day) and (not end or day[: len(end)] <= end)


def _beside(entity: EntityProfile, record: Record, known: GeographicContext) -> ScoringFeature | None:
    if record.kind is RecordKind.country or not record.countries:
        return None
    beside = known.countries(entity.near) or known.countries(entity.together)
    shared = [code for code in record.countries if code in beside]
    if not beside:
        return None
    evidence = f"{beside[shared[0]]} is named beside it" if shared else "no place of its country is named beside it"
    return feature("co-mention", 1.0 if shared else 0.2, evidence)


def _prominence(record: Record) -> ScoringFeature | None:
    if record.prominence <= 0:
        return None
    places = record.kind in (RecordKind.settlement, RecordKind.region, RecordKind.country)
    evidence = f"{record.prominence:,.0f} {'inhabitants' if places else 'articles about it'}"
    return feature("prominence", min(1.0, log10(1 + record.prominence) / (7.5 if places else 2.5)), evidence)
