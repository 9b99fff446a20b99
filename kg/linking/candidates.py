"""Which records an entity may be: by its identifiers, by an exact name in any script, by the likeness of names.

What a name is looked up as has an order. A name as it stands comes before its nominative, and that before what a rule
makes of it; the labels of an entity come before the words of the text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from kg.linking import territory_names
from kg.linking.entity_profiles import EntityProfile
from kg.linking.lemmas import Lemmas
from kg.reference.name_similarity import likeness, search_spellings
from kg.reference.name_spelling import key
from kg.reference.records import Record, RecordKind, RecordName
from kg.reference.reference_store import LookupHit, ReferenceStore

_PLAUSIBLE = {True: 0.74, False: 0.84}
"""Likeness of names from which on a person (``True``), or anything else, may be meant."""

_QUOTES = '«»“”„"()'
_CAPITALS = re.compile(r"[«“\"„]?[A-ZА-ЯҐЄІЇ0-9]")
_UPPER = r"[«“\"„(]?[A-ZА-ЯҐЄІЇ0-9][^\s]*"
_LINKS = "де|да|фон|дер|аль|бен|ван|ла|al|bin|von|van|der|de|la|of|the|and|і|та|й"
_TAIL = re.compile(rf"{_UPPER}(?:[\s\-–]+(?:{_UPPER}|{_LINKS}))*$")
_SAME_NAME = 200
_LIMIT = 60


@dataclass(frozen=True, slots=True)
class NameSpelling:
    """A name to look up.

    Attributes:
        text: the name.
        source: the words that it comes from.
        how: ``alias`` as it stands, ``lemma`` in the nominative, ``rule`` by a rule of
        :mod:`kg.linking.territory_names`. rank: 0 for what is looked up first; a record found at one rank is no rival
        of those found before.
    """

    text: str
    source: str
    how: str
    rank: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record that an entity may be.

    Attributes:
        record, pack: what was found, and in which pack.
        name: the name of it that matched.
        spelling: what it was found by.
        similarity: 0 to 1.
        exact: it has just this name, in the script that it is looked up in.
    """

    record: Record
    pack: str
    name: RecordName
    spelling: NameSpelling
    similarity: float
    exact: bool


class Candidates:
    """Looks entities up in the reference data."""

    def __init__(self, reference: ReferenceStore, lemmas: Lemmas | None) -> None:
        self._reference = reference
        self._lemmas = lemmas

    def narrowed(self, entity: EntityProfile) -> EntityProfile:
        """Give an entity with the kinds that the words of its names leave: «Північне море» is a water."""
        texts = [label.text for label in entity.labels] or [form.exact for form in entity.forms]
        told = [
            kinds for kinds in (territory_names.narrowed(entity.kinds, text) for text in texts) if kinds != entity.kinds
        ]
        kinds = min(told, key=len, default=entity.kinds)
        return replace(entity, kinds=kinds)

    def spellings(self, entity: EntityProfile, others: Collection[str] = ()) -> list[NameSpelling]:
        """Give the names of an entity, first what counts most; none, where it is only described («лікарі»).

        Args:
            entity: whose.
            others: names of other entities beside it, which are no part of its own.
        """
        person = entity.kinds[0] is RecordKind.person
        labels = self._labels(entity)
        if labels is None:
            return []
        found: dict[str, NameSpelling] = {}
        for label in labels:
            for name in dict.fromkeys((label, territory_names.bare(label))):
                _put(found, NameSpelling(name, label, "alias", 0))
        for label in labels:
            self._derive(found, label, entity, rank=1)
        rank = 2 if labels else 0
        for form in entity.forms:
            name = form.name or self._named(form.exact, entity.kinds, others)
            if not name or (labels and person and " " not in name):
                continue
            for text in dict.fromkeys((name, territory_names.bare(name))):
                _put(found, NameSpelling(text, form.exact, "alias", rank))
                self._derive(found, text, entity, rank)
        return list(found.values())

    def _labels(self, entity: EntityProfile) -> list[str] | None:
        """Give the labels that are names; ``None`` if those that an entity has describe it."""
        named = [self._named(label.text, entity.kinds, ()) for label in entity.labels]
        if named and not named[0]:  # the first is in the language of the text, which writes names with a capital
            return None
        return list(dict.fromkeys(name for name in named if name))

    def _named(self, text: str, kinds: Collection[RecordKind], others: Collection[str]) -> str:
        """Cut the name out of a phrase; empty where there is none."""
        text = re.split(r",\s+(?=[a-zа-яґєії])", text.strip())[0].strip(_QUOTES)
        if _CAPITALS.match(text) or (RecordKind.country in kinds and next(territory_names.country_names(text), "")):
            return text
        match = _TAIL.search(text)
        tail = self._without(match[0], others).strip(_QUOTES) if match else ""
        if match is None or not tail:
            return ""
        sure = match[0][0] in _QUOTES or (RecordKind.person in kinds and len(tail.split()) > 1)
        named = self._lemmas.is_named(tail) if self._lemmas is not None else tail.isascii()
        return tail if sure or named else ""

    @staticmethod
    def _without(tail: str, others: Collection[str]) -> str:
        """Leave out what other entities are called at the start («президент РФ Володимир Путін»)."""
        for other in sorted(others, key=len, reverse=True):
            if tail.startswith(f"{other} "):
                return tail[len(other) + 1 :]
        return tail

    def _derive(self, found: dict[str, NameSpelling], name: str, entity: EntityProfile, rank: int) -> None:
        forms = [name]
        if self._lemmas is not None:
            forms += self._lemmas.nominatives(name, person=entity.kinds[0] is RecordKind.person)
        for form in forms[1:]:
            _put(found, NameSpelling(form, name, "lemma", rank))
            _put(found, NameSpelling(territory_names.bare(form), name, "lemma", rank))
        for form in forms:
            if RecordKind.country in entity.kinds:
                for country in territory_names.country_names(form):
                    _put(found, NameSpelling(country, name, "rule", rank))
            if RecordKind.region in entity.kinds:
                for region in territory_names.region_names(form):
                    _put(found, NameSpelling(region, name, "rule", rank))

    def find(self, entity: EntityProfile, spellings: list[NameSpelling]) -> list[Candidate]:
        """Give the records that it may be, at most one candidate for each record, the likeliest first."""
        best: dict[str, Candidate] = {}
        for candidate in self._candidates(entity, spellings):
            record = candidate.record.key
            if not territory_names.barred(candidate.record) and _order(candidate) < _order(best.get(record)):
                best[record] = candidate
        return sorted(best.values(), key=_order)

    def _candidates(self, entity: EntityProfile, spellings: list[NameSpelling]) -> Iterator[Candidate]:
        for dataset, identifier in entity.identifiers.items():
            for record in self._reference.by_identifier(dataset, identifier):
                said = NameSpelling(entity.label, f"{dataset}:{identifier}", "identifier", 0)
                yield Candidate(record, "", RecordName(record.label()), said, 1.0, exact=True)
        exact = False
        for spelling in spellings:
            for hit in self._reference.exact(key(spelling.text), entity.kinds, _SAME_NAME):
                exact |= hit.similarity == 1.0
                yield _candidate(hit, spelling)
        if not exact or RecordKind.person in entity.kinds:
            yield from self._alike(entity, [spelling for spelling in spellings if spelling.how != "rule"])

    def _alike(self, entity: EntityProfile, spellings: list[NameSpelling]) -> Iterator[Candidate]:
        if RecordKind.person not in entity.kinds:
            for spelling in spellings:
                yield from self._likely(entity, spelling, [spelling.text], _LIMIT)
            return
        found = False
        for spelling in spellings:
            for candidate in self._likely(entity, spelling, search_spellings(spelling.text), _LIMIT):
                found = True
                yield candidate
        for spelling in () if found else spellings:  # a given name may be too far from how it is heard
            surname = spelling.text.split()[-1]
            yield from self._likely(entity, spelling, search_spellings(surname), _SAME_NAME)

    def _likely(
        self, entity: EntityProfile, spelling: NameSpelling, texts: list[str], limit: int
    ) -> Iterator[Candidate]:
        """Look texts up by likeness, and keep what may be meant when names are compared again, word by word."""
        person = RecordKind.person in entity.kinds
        for text in texts:
            for hit in self._reference.similar(text, entity.kinds, limit):
                if key(hit.name.text) == key(spelling.text):
                    yield _candidate(hit, spelling)
                    continue
                alike = min(likeness(spelling.text, hit.name.text, person=person), 0.99)
                if alike >= _PLAUSIBLE[person]:
                    yield Candidate(hit.record, hit.pack, hit.name, spelling, alike, exact=False)


def _candidate(hit: LookupHit, spelling: NameSpelling) -> Candidate:
    return Candidate(hit.record, hit.pack, hit.name, spelling, hit.similarity, exact=hit.similarity == 1.0)


def _put(found: dict[str, NameSpelling], spelling: NameSpelling) -> None:
    if len(spelling.text) > 1:
        found.setdefault(spelling.text, spelling)


_HOW = ("identifier", "alias", "lemma", "rule")


def _order(candidate: Candidate | None) -> tuple[float, ...]:
    """Order candidates: identifiers and exact names by rank, then by likeness."""
    if candidate is None:
        return (9.0,)
    how = _HOW.index(candidate.spelling.how)
    return (not candidate.exact, candidate.spelling.rank if candidate.exact else 0, -candidate.similarity, how)
