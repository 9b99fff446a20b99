"""Features that score a candidate: reasons for and against, each with a value, a weight and evidence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import log10

from kg.files import packaged_tsv_tables
from kg.linking.candidates import Candidate
from kg.linking.entity_profiles import EntityProfile, Office
from kg.linking.geographic_context import GeographicContext, kilometres
from kg.linking.link_proposal_types import ScoringFeature
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
# Values of names that match exactly: a derived form is less certain than an unchanged one.
_CERTAINTY = {"identifier": 1.0, "alias": 1.0, "lemma": 0.97, "rule": 0.96}
CONTRADICTING = ("country", "within", "role", "distance")
"""Features that exclude a record if their value is 0."""

_DEEPEST = 6
"""Maximum number of enclosing regions to follow."""

_SAME_PLACE = 15.0
"""Maximum distance in km between the points of one settlement in different datasets."""


@dataclass(frozen=True, slots=True)
class ScoredCandidate:
    """A candidate with its features and the resulting score, 0 to 100."""

    candidate: Candidate
    features: tuple[ScoringFeature, ...]
    score: float

    def value(self, name: str) -> float | None:
        """Return the value of a feature; ``None`` if it is unknown."""
        return next((feature.value for feature in self.features if feature.name == name), None)

    @property
    def contradicted(self) -> bool:
        """Whether the graph contradicts the record: another country, region or place."""
        return any(self.value(name) == 0 for name in CONTRADICTING)


def scored(
    entity: EntityProfile, candidate: Candidate, known: GeographicContext, reference: ReferenceStore
) -> ScoredCandidate:
    """Return a candidate with features and score.

    ``known`` has the records of the entities in its context; ``reference`` is asked for enclosing regions.
    """
    record = candidate.record
    # A feature of which nothing is known is left out, so that it counts neither for nor against.
    found = [
        _named(candidate),
        _kind(entity, candidate),
        _country(record, known.stated(entity)),
        _within(record, known.regions(entity, record.dataset), reference),
        _distance(entity, record, known),
        _role(entity, record),
        _co_mention(entity, record, known),
        _prominence(record),
    ]
    features = tuple(feature for feature in found if feature is not None)
    return ScoredCandidate(candidate, features, total(features))


def total(features: tuple[ScoringFeature, ...]) -> float:
    """Return the weighted mean of features as a score, 0 to 100.

    Example: a value of 1 with weight 60 and one of 0.5 with weight 12 make 91.7.
    """
    weight = sum(feature.weight for feature in features)
    return round(100 * sum(feature.value * feature.weight for feature in features) / weight, 1) if weight else 0.0


def feature(name: str, value: float, evidence: str) -> ScoringFeature:
    """Return a feature with the weight of its name, and its value rounded."""
    return ScoringFeature(name, round(value, 3), _WEIGHTS[name], evidence)


def _named(candidate: Candidate) -> ScoringFeature:
    spelling, name = candidate.spelling, candidate.name
    language = f" ({name.language})" if name.language else ""
    if not candidate.exact:
        return feature("similarity", candidate.similarity, f"“{spelling.text}” is similar to “{name.text}”{language}")
    if spelling.how == "identifier":
        return feature("identifier", 1.0, f"the graph states that it is {spelling.source}")
    source = "" if spelling.source == spelling.text else f"“{spelling.source}”: "
    evidence = f"{source}“{spelling.text}” is one of its names{language}"
    return feature(spelling.how, _CERTAINTY[spelling.how], evidence)


def _kind(entity: EntityProfile, candidate: Candidate) -> ScoringFeature:
    kind = candidate.record.kind
    value = 1.0 if kind is entity.kinds[0] else 0.8 if kind in entity.kinds else 0.0
    return feature("kind", value, f"its kind is {kind}" if kind is not RecordKind.other else "its kind is unknown")


def _country(record: Record, stated: Mapping[str, str]) -> ScoringFeature | None:
    if not stated or not record.countries or record.kind is RecordKind.country:
        return None
    shared = [code for code in record.countries if code in stated]
    if shared:
        return feature("country", 1.0, f"in {shared[0]}, as the graph states ({stated[shared[0]]})")
    return feature("country", 0.0, f"in {record.countries[0]}, but the graph states {', '.join(sorted(stated))}")


def _within(record: Record, regions: Mapping[str, str], reference: ReferenceStore) -> ScoringFeature | None:
    if not regions or not record.within:
        return None
    # From the region of the record outwards: a town, its district, its oblast.
    within, depth = record.within, 0
    while within and depth < _DEEPEST:
        if within in regions:
            return feature("within", 1.0, f"in {regions[within]} ({record.dataset}:{within}), as the graph states")
        larger = reference.get(record.dataset, within)
        if larger is None:
            return None  # the chain of regions is incomplete, so it proves nothing
        within, depth = larger.within, depth + 1
    return feature("within", 0.0, f"not in {', '.join(regions.values())}, contrary to the graph")


def _distance(entity: EntityProfile, record: Record, known: GeographicContext) -> ScoringFeature | None:
    """Measure the distance to its point in another dataset, else to the nearest settlement mentioned nearby.

    The second one has the value 1 / (1 + (km / 150)²): 0.99 at 15 km, 0.69 at 100 km, 0.5 at 150 km; never 0, as a text
    may mention distant places.
    """
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
    """Compare the offices in the graph with those of the record, by title and time.

    Examples, for a person whom an article of 31 January 2025 calls «президент»:

    - record with the role “President of Russia” since 2012: 1, “президент: President of Russia”
    - the same role from 2000 to 2008: 0.2, “президент, but not at that time (2025-01-31)”; 1 if the graph states a
      former office
    - no role, but the description “Russian ice hockey player”: 0.2, “the record does not mention президент”
    - neither role nor description: no feature, as nothing is known

    The value is 0.2, as 0 would exclude the record: records rarely list every office.
    """
    titles = [office for office in entity.offices if office.title]
    if record.kind is not RecordKind.person or not titles:
        return None
    titles_of_record = " ; ".join((*(role.title for role in record.roles), record.description)).casefold()
    for office in titles:
        if _same_office(office, titles_of_record):
            day = office.start or entity.dates[1] or entity.dates[0]
            held = [r for r in record.roles if _same_office(office, r.title.casefold())] or list(record.roles)
            if held and day and not office.former and not any(_during(r.start, r.end, day) for r in held):
                return feature("role", 0.2, f"{office.title}, but not at that time ({day})")
            return feature("role", 1.0, f"{office.title}: {record.description or held[0].title}")
    return (
        feature("role", 0.2, f"the record does not mention {titles[0].title}") if titles_of_record.strip(" ;") else None
    )


def _same_office(office: Office, text: str) -> bool:
    """Return whether a text of a record, in lower case, contains the title of an office or an equivalent."""
    title = office.title.casefold()
    equivalents = [in_record for in_text, in_record in _titles() if in_text.search(title)]
    return title in text or any(pattern.search(text) for pattern in equivalents)


@cache
def _titles() -> list[tuple[re.Pattern[str], re.Pattern[str]]]:
    """Return pairs of patterns for the titles of an office in texts and in records: «президент», “president”.

    Raises:
        DamagedTable: one is not a regular expression.
    """
    found = []
    for row in packaged_tsv_tables.read("kg.linking", "titles.tsv", ("text", "record")):
        try:
            in_text, in_record = (re.compile(rf"\b(?:{pattern})") for pattern in row.cells)
        except re.error as error:
            raise packaged_tsv_tables.DamagedTable(f"{row.place}: invalid regular expression: {error}.") from None
        found.append((in_text, in_record))
    return found


def _during(start: str, end: str, day: str) -> bool:
    """Return whether a day lies in a period with bounds of any precision: 2008-05-07 lies in one that ends in 2008."""
    return (not start or start <= day) and (not end or day[: len(end)] <= end)


def _co_mention(entity: EntityProfile, record: Record, known: GeographicContext) -> ScoringFeature | None:
    if record.kind is RecordKind.country or not record.countries:
        return None
    nearby = known.countries(entity.near) or known.countries(entity.together)
    shared = [code for code in record.countries if code in nearby]
    if not nearby:
        return None
    evidence = f"{nearby[shared[0]]} is mentioned nearby" if shared else "no place in its country is mentioned nearby"
    return feature("co-mention", 1.0 if shared else 0.2, evidence)


def _prominence(record: Record) -> ScoringFeature | None:
    if record.prominence <= 0:
        return None
    places = record.kind in (RecordKind.settlement, RecordKind.region, RecordKind.country)
    evidence = f"{record.prominence:,.0f} {'inhabitants' if places else 'articles about it'}"
    return feature("prominence", min(1.0, log10(1 + record.prominence) / (7.5 if places else 2.5)), evidence)
