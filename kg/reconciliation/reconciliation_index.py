"""In-memory index of entities for matching the rows of a table: candidates with score, reasons and certainty.

An index belongs to one snapshot and one set of readable graphs. Least recently used indexes are evicted.
"""

from __future__ import annotations

import threading
import time
import weakref
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice

from cachetools import LRUCache, cachedmethod

from kg.errors import BadInput, TimedOut
from kg.iris import CG
from kg.linking.lemmas import Lemmas
from kg.linking.link_proposal_types import ScoringFeature
from kg.reconciliation import name_match_value_and_reason
from kg.reconciliation.entity_properties import PROPERTIES, PropertyAgreement, agreement
from kg.reconciliation.name_match_value_and_reason import NameMatch
from kg.reconciliation.reconcilable_entities import EntityType, ReconcilableEntity, read
from kg.reference.name_keys_and_trigrams import key
from kg.reference.pack_metadata import PackMetadata
from kg.reference.records import Record, RecordKind, RecordName
from kg.reference.reference_store import ReferenceStore
from kg.reference.transliteration_to_latin import latin
from kg.store.store_protocols import Reads

_NAME, _TYPE, _PROPERTY = 70.0, 10.0, 20.0
"""Weights in the score of the name, the type and each property."""

_POOL = 30
"""Maximum number of similar names that are compared closely."""

_CACHED = 4
"""Maximum number of cached indexes: of all graphs, of some restricted sets, and of the previous snapshot."""


@dataclass(frozen=True, slots=True)
class RowCondition:
    """Condition on a property of candidates.

    Attributes:
        property: a name of :data:`kg.reconciliation.entity_properties.PROPERTIES`.
        values: values in the row.
        required: whether to drop candidates that do not agree, or whose value is unknown.
        quantifier: whether ``any``, ``all`` or ``none`` of the values have to agree.
    """

    property: str
    values: tuple[str, ...]
    required: bool = False
    quantifier: str = "any"


@dataclass(frozen=True, slots=True)
class RowQuery:
    """Query for the entity of one row.

    Attributes:
        name: name in the row; may be empty if there is an identifier or a condition.
        types: local names of classes; empty for all.
        strict: whether entities of other classes are dropped, or only score less.
        identifier: IRI in the row, if any.
        conditions: see :class:`RowCondition`.
        limit: maximum number of candidates.
    """

    name: str = ""
    types: tuple[str, ...] = ()
    strict: bool = True
    identifier: str = ""
    conditions: tuple[RowCondition, ...] = ()
    limit: int = 10


@dataclass(frozen=True, slots=True)
class RowMatch:
    """A candidate for a row.

    Attributes:
        item: the entity.
        score: weighted mean of the features, 0 to 100.
        features: reasons for and against.
        certain: whether the row certainly means it; true for at most one candidate of a query.
    """

    item: ReconcilableEntity
    score: float
    features: tuple[ScoringFeature, ...]
    certain: bool


class ReconciliationIndex:
    """The entities of one snapshot, indexed by name and identifier. Thread-safe.

    Attributes:
        items: entities by IRI.
        types: classes by local name.
    """

    def __init__(self, items: Iterable[ReconcilableEntity], types: Mapping[str, EntityType], base: str) -> None:
        """Build the index.

        Args:
            items: the entities.
            types: their classes by local name.
            base: base IRI of the store.
        """
        self.items = {item.iri: item for item in items}
        self.types = dict(types)
        self._base = base
        self._lemmas = _lemmas()
        # Entities are records of a reference store in memory, so that both kinds of search share one implementation.
        self._reference = ReferenceStore.in_memory()
        weakref.finalize(self, self._reference.close)
        records = [_record(item) for item in self.items.values() if item.entity.labels or item.entity.forms]
        if records:
            self._reference.add(PackMetadata("graph", "1", "graph"), records)
        self._kinds: dict[str, set[RecordKind]] = {}
        self._holders: dict[tuple[str, str], list[str]] = {}
        prefixes: list[tuple[str, str]] = []
        self._known: set[str] = set()  # names in Latin letters, and identifiers in datasets
        for item in self.items.values():
            for name in item.types:
                self._kinds.setdefault(name, set()).add(item.entity.kinds[0])
            for dataset, identifiers in item.links.items():
                for identifier in identifiers:
                    self._holders.setdefault((dataset, identifier), []).append(item.iri)
                self._known.update(identifiers)
            self._known.update(latin(name.text) for name in item.entity.labels)
            prefixes += _prefixes(item)
        self._prefixes = sorted(prefixes)

    @classmethod
    def of(cls, store: Reads) -> ReconciliationIndex:
        """Build the index of the current snapshot of a store.

        Raises:
            ResultTooLarge: it has too many entities.
        """
        items, types = read(store)
        return cls(items, types, store.names.base)

    def find(self, identifier: str) -> ReconcilableEntity | None:
        """Return an entity by its IRI, or by the part after the base (``entity/putin``); ``None`` without one."""
        text = identifier.strip()
        return self.items.get(text) or self.items.get(f"{self._base}{text}")

    def type(self, identifier: str) -> EntityType:
        """Return a class by its IRI or its local name, with or without the prefix.

        Raises:
            BadInput: the class does not exist.
        """
        found = self.types.get(identifier.removeprefix(CG).removeprefix("cg:"))
        if found is None:
            raise BadInput(
                f"There is no type “{identifier[:100]}”.",
                remedy=f"Use one of {', '.join(self.types)}, or leave it out.",
            )
        return found

    # ---- matching

    def match(self, query: RowQuery) -> list[RowMatch]:
        """Return the entities that a row may mean, best first.

        Each feature has a value from 0 to 1 and a weight: 70 for the name, 10 for the type, 20 for each property. An
        unknown property is left out, so that it counts neither for nor against. Examples from the seed:

        - name «Володимира Путіна», type Person: name 0.97 (a form of «Володимир Путін»), type 1; 97.4
        - name «Володимир Путін», type Person, country «Росія»: all 1; 100, certain
        - name “Vladimir Putin”, type Person, country “Ukraine”: name 1, type 1, country 0; 80, not certain

        A match is certain if it is the first, its name or identifier is exact, no feature is 0, and no other entity
        meets these conditions.
        """
        scored = []
        for iri, named in self._candidates(query).items():
            item = self.items[iri]
            if query.strict and query.types and not {*query.types} & {*item.types}:
                continue
            features = [] if not named.how else [ScoringFeature("name", round(named.value, 3), _NAME, named.evidence)]
            features += self._typed(query, item)
            fits = True
            for condition in query.conditions:
                found = self._agreed(condition, item)
                if found is not None:
                    features.append(ScoringFeature(condition.property, found.value, _PROPERTY, found.evidence))
                fits &= not condition.required or (found is not None and found.value > 0)
            if fits and any(one.value for one in features):
                scored.append((_score(features), item, tuple(features), named))
        scored.sort(key=lambda one: (-one[0], -one[1].articles, one[1].iri))
        # Two namesakes without a distinguishing property are both “sure”, so neither is certain.
        sure = [one for one in scored if _sure(one[2], one[3])]
        certain = sure[0][1].iri if len(sure) == 1 and sure[0] is scored[0] else ""
        return [RowMatch(item, score, found, item.iri == certain) for score, item, found, _ in scored[: query.limit]]

    def match_all(self, queries: Iterable[RowQuery], seconds: float) -> list[list[RowMatch]]:
        """Match many rows within a number of seconds.

        Raises:
            TimedOut: matching took longer.
        """
        end, found = time.monotonic() + seconds, []
        for query in queries:
            if time.monotonic() > end:
                raise TimedOut("Matching took too long.", remedy="Send smaller batches.")
            found.append(self.match(query))
        return found

    def _candidates(self, query: RowQuery) -> dict[str, NameMatch]:
        """Return the best match of each entity by IRI."""
        found: dict[str, NameMatch] = {}
        for iri, named in self._looked_up(query):
            if iri not in found or named.value > found[iri].value:
                found[iri] = named
        return found

    def _looked_up(self, query: RowQuery) -> Iterator[tuple[str, NameMatch]]:
        """Yield matches by IRI, by identifier in a dataset, and by name; all entities if there are only conditions."""
        for text in (query.identifier, query.name):
            if text and (item := self.find(text)) is not None:
                yield item.iri, name_match_value_and_reason.identified(f"“{text}” is its identifier")
        # A property that is a dataset holds an identifier, which finds its entity without any name.
        for condition in query.conditions:
            for value in condition.values if condition.quantifier != "none" else ():
                for iri in self._holders.get((condition.property, value), ()):
                    yield iri, name_match_value_and_reason.identified(f"it is linked to {condition.property}:{value}")
        if query.name:
            yield from self._by_name(query)
        elif query.conditions and not query.identifier:
            yield from ((iri, name_match_value_and_reason.UNNAMED) for iri in self.items)

    def _by_name(self, query: RowQuery) -> Iterator[tuple[str, NameMatch]]:
        """Yield matches by exact name; without an exact label also by nominative and by similar name."""
        kinds = self._narrowed(query)
        spelt = key(query.name)
        sure = False
        for hit in self._reference.exact(spelt, kinds):
            sure |= hit.similarity == 1 and hit.name.label
            yield hit.record.identifier, name_match_value_and_reason.exact(hit, query.name)
        if sure:  # an exact label was found, so inflected and similar names are not searched for
            return
        person = kinds is None or RecordKind.person in kinds
        for form in self._lemmas.nominatives(query.name, person=person) if self._lemmas else ():
            for hit in self._reference.exact(key(form), kinds):
                if hit.similarity == 1 and hit.name.label:
                    yield hit.record.identifier, name_match_value_and_reason.inflected(hit, query.name)
        for hit in self._reference.similar(query.name, kinds, _POOL):
            if (named := name_match_value_and_reason.similar(hit, query.name)) is not None:
                yield hit.record.identifier, named

    def _narrowed(self, query: RowQuery) -> Collection[RecordKind] | None:
        """Return the kinds of entities to search; ``None`` for all."""
        if not query.types or not query.strict:
            return None
        return {kind for name in query.types for kind in self._kinds.get(name, ())}

    def _typed(self, query: RowQuery, item: ReconcilableEntity) -> list[ScoringFeature]:
        """Return the feature of the type, if the query has types."""
        if not query.types:
            return []
        shared = [name for name in query.types if name in item.types]
        evidence = f"its type is {[*shared, *item.types, 'unknown'][0]}"
        return [ScoringFeature("type", float(bool(shared)), _TYPE, evidence)]

    def _agreed(self, condition: RowCondition, item: ReconcilableEntity) -> PropertyAgreement | None:
        """Return the agreement of an entity with a condition; ``None`` if its value, or that of the row, is unknown.

        A country that the graph does not know, such as one in another language, contradicts nothing.
        """
        one = PROPERTIES[condition.property]
        values = [value for value in condition.values if not one.refers or self._names_an_entity(value)]
        known = [agreement(value, one, item, self.items) for value in values]
        compared = [one for one in known if one is not None]
        if not compared:
            return None
        if condition.quantifier == "all":
            return min(compared, key=lambda one: one.value)
        best = max(compared, key=lambda one: one.value)
        return best if condition.quantifier == "any" else PropertyAgreement(round(1 - best.value, 3), best.evidence)

    def _names_an_entity(self, value: str) -> bool:
        """Return whether a value of a row is the IRI, a name or an identifier of some entity of the graph."""
        return value in self.items or value in self._known or latin(value) in self._known

    # ---- suggestions

    def suggest(self, prefix: str, start: int, count: int) -> list[ReconcilableEntity]:
        """Return entities with a name, a word in a name or an identifier that starts with a prefix.

        Those in the most articles come first. Without any, return entities with similar names.

        Args:
            prefix: beginning of the text; empty for all entities.
            start: number of entities to skip.
            count: maximum number of entities.
        """
        if not key(prefix):
            found = [*self.items.values()]
        else:
            # By key, and in Latin letters: “пут” and “put” both suggest «Путін».
            iris = dict.fromkeys(iri for wanted in (key(prefix), latin(prefix)) for iri in self._starting(wanted))
            if (named := self.find(prefix)) is not None:
                iris = {named.iri: None, **iris}
            found = [self.items[iri] for iri in iris]
            if not found:
                found = [self.items[hit.record.identifier] for hit in self._reference.similar(prefix, None, count)]
        ordered = sorted(found, key=lambda item: (-item.articles, -item.mentions, item.iri))
        return list(islice(ordered, start, start + count))

    def _starting(self, wanted: str) -> Iterator[str]:
        """Yield IRIs of entities with a suggestion key that starts with a prefix, by binary search."""
        at = bisect_left(self._prefixes, (wanted, ""))
        while at < len(self._prefixes) and self._prefixes[at][0].startswith(wanted):
            yield self._prefixes[at][1]
            at += 1

    def describe(self, item: ReconcilableEntity, language: str) -> str:
        """Return a line that distinguishes an entity from its namesakes: class, offices, places, number of articles."""
        entity = item.entity
        offices = [office.title for office in entity.offices[:2]]
        around = [self.items[iri].label(language) for iri in (*entity.within, *entity.nations) if iri in self.items]
        parts = [self.types[item.types[0]].label(language)] if item.types else []
        parts += [*dict.fromkeys(offices), ", ".join(around[:3])]
        number = {"uk": f"статей: {item.articles}"}.get(language, f"articles: {item.articles}")
        return " · ".join(part for part in (*parts, number) if part)


class ReconciliationIndexes:
    """Cache of indexes; each is built once, even for concurrent callers."""

    def __init__(self) -> None:
        self._cache: LRUCache[tuple[str, int], ReconciliationIndex] = LRUCache(_CACHED)
        self._building = threading.Condition()

    @cachedmethod(
        lambda self: self._cache,
        key=lambda _, store: (store.identity, store.number),
        condition=lambda self: self._building,  # concurrent callers wait for the one being built
    )
    def get(self, store: Reads) -> ReconciliationIndex:
        """Return the index of the snapshot and the readable graphs of a store; build it on first use. Blocking.

        Failures are not cached: the next caller tries again.

        Raises:
            ResultTooLarge: see :meth:`ReconciliationIndex.of`. Errors of reading pass unchanged.
        """
        return ReconciliationIndex.of(store)


@cache
def _lemmas() -> Lemmas | None:
    return Lemmas.load()


def _record(item: ReconcilableEntity) -> Record:
    """Return an entity as a record: its labels, and capitalised words that denote it in articles."""
    entity = item.entity
    names = {label.text: label for label in entity.labels}
    for form in entity.forms:
        text = form.name or form.exact
        if text[:1].isupper():
            names.setdefault(text, RecordName(text))
    if not names:
        names = {entity.label: RecordName(entity.label)}
    return Record("graph", entity.iri, entity.kinds[0], tuple(names.values()), prominence=item.articles)


def _prefixes(item: ReconcilableEntity) -> Iterator[tuple[str, str]]:
    """Yield suggestion keys of an entity: its labels from each of the first six words on, by key and in Latin letters.

    Example: «Джо Байден» has ``джо байден``, ``байден``, ``dzho baiden`` and ``baiden``.
    """
    texts = dict.fromkeys(form for name in item.entity.labels for form in (key(name.text), latin(name.text)))
    found = dict.fromkeys(" ".join(words[at:]) for words in map(str.split, texts) for at in range(min(len(words), 6)))
    return ((text, item.iri) for text in found if text)


def _score(features: Collection[ScoringFeature]) -> float:
    """Return the weighted mean of features, 0 to 100."""
    weight = sum(one.weight for one in features)
    return round(100 * sum(one.value * one.weight for one in features) / weight, 1)


def _sure(features: Iterable[ScoringFeature], named: NameMatch) -> bool:
    """Return whether a match may be certain: an exact name or identifier, and no feature of 0."""
    return named.certain and all(one.value > 0 for one in features)
