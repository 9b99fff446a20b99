"""Candidate records of an entity, by identifier, by exact name in any script, and by similar name.

Spellings are looked up in order: a name unchanged, then its nominative, then names derived by rule; and labels of the
entity before words of the text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from kg.linking import territory_names_and_barred_records
from kg.linking.entity_profiles import EntityProfile
from kg.linking.lemmas import Lemmas
from kg.reference.name_keys_and_trigrams import key
from kg.reference.name_similarity import likeness, search_spellings
from kg.reference.records import Record, RecordKind, RecordName
from kg.reference.reference_store import LookupHit, ReferenceStore

_PLAUSIBLE = {True: 0.74, False: 0.84}
"""Minimum similarity of the names of candidates, for persons (``True``) and others."""

_QUOTES = '«»“”„"()'
_CAPITALS = re.compile(r"[«“\"„]?[A-ZА-ЯҐЄІЇ0-9]")
_UPPER = r"[«“\"„(]?[A-ZА-ЯҐЄІЇ0-9][^\s]*"
_PARTICLES = "де|да|фон|дер|аль|бен|ван|ла|al|bin|von|van|der|de|la|of|the|and|і|та|й"
# The name at the end of a phrase: «президент Сирії» ends in «Сирії»; «агентство “Reuters”» ends in “Reuters”.
_TAIL = re.compile(rf"{_UPPER}(?:[\s\-–]+(?:{_UPPER}|{_PARTICLES}))*$")
_SAME_NAME = 200  # maximum number of records of one exact name, or of one surname
_LIMIT = 60  # maximum number of records of similar names


@dataclass(frozen=True, slots=True)
class NameSpelling:
    """A name to look up.

    Attributes:
        text: the name.
        source: the words from which it is derived.
        how: ``alias`` if unchanged, ``lemma`` if in the nominative, ``rule`` if derived by a rule of
            :mod:`kg.linking.territory_names_and_barred_records`, ``identifier`` if the graph states the identifier of
            the record.
        rank: order of the lookup, from 0; records found at a lower rank have precedence over all others.
    """

    text: str
    source: str
    how: str
    rank: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record that an entity may be.

    Attributes:
        record, pack: the record and the pack that it comes from (``name@version``).
        name: its name that matched.
        spelling: the name that was looked up.
        similarity: similarity of the two names, 0 to 1.
        exact: whether the names are equal, in the same script.
    """

    record: Record
    pack: str
    name: RecordName
    spelling: NameSpelling
    similarity: float
    exact: bool


class Candidates:
    """Lookup of entities in the reference data."""

    def __init__(self, reference: ReferenceStore, lemmas: Lemmas | None) -> None:
        self._reference = reference
        self._lemmas = lemmas

    def narrowed(self, entity: EntityProfile) -> EntityProfile:
        """Return the entity with the kinds that the words of its names allow: «Північне море» is a water."""
        texts = [label.text for label in entity.labels] or [form.exact for form in entity.forms]
        narrower = [
            kinds
            for kinds in (territory_names_and_barred_records.narrowed(entity.kinds, text) for text in texts)
            if kinds != entity.kinds
        ]
        kinds = min(narrower, key=len, default=entity.kinds)
        return replace(entity, kinds=kinds)

    def spellings(self, entity: EntityProfile, others: Collection[str] = ()) -> list[NameSpelling]:
        """Return the names of an entity to look up, in order of rank; none if it is only described («лікарі»).

        Args:
            entity: the entity.
            others: names of other entities in the same sentences, which are removed from the start of its names.
        """
        person = entity.kinds[0] is RecordKind.person
        labels = self._labels(entity)
        if labels is None:
            return []
        found: dict[str, NameSpelling] = {}
        for label in labels:
            for name in dict.fromkeys((label, territory_names_and_barred_records.bare(label))):
                _add(found, NameSpelling(name, label, "alias", 0))
        for label in labels:
            self._derive(found, label, entity, rank=1)
        rank = 2 if labels else 0
        for form in entity.forms:
            name = form.name or self._named(form.exact, entity.kinds, others)
            if not name or (labels and person and " " not in name):
                continue
            for text in dict.fromkeys((name, territory_names_and_barred_records.bare(name))):
                _add(found, NameSpelling(text, form.exact, "alias", rank))
                self._derive(found, text, entity, rank)
        return list(found.values())

    def _labels(self, entity: EntityProfile) -> list[str] | None:
        """Return the labels that are names; ``None`` if the entity has labels that only describe it."""
        named = [self._named(label.text, entity.kinds, ()) for label in entity.labels]
        if named and not named[0]:  # the first is in the language of the text, in which names have a capital
            return None
        return list(dict.fromkeys(name for name in named if name))

    def _named(self, text: str, kinds: Collection[RecordKind], others: Collection[str]) -> str:
        """Return the name in a phrase, empty if there is none.

        Examples: «Сочі»: «Сочі»; «місто Сочі»: «Сочі»; «столиці Сирії»: empty, as the capital is not named «Сирії».
        """
        text = re.split(r",\s+(?=[a-zа-яґєії])", text.strip())[0].strip(_QUOTES)
        if _CAPITALS.match(text) or (
            RecordKind.country in kinds and next(territory_names_and_barred_records.country_names(text), "")
        ):
            return text
        match = _TAIL.search(text)
        tail = self._without(match[0], others).strip(_QUOTES) if match else ""
        if match is None or not tail:
            return ""
        # After a common noun, a name is in quotes, is a full name of a person, or has a form that names the noun.
        sure = match[0][0] in _QUOTES or (RecordKind.person in kinds and len(tail.split()) > 1)
        named = self._lemmas.is_named(tail) if self._lemmas is not None else tail.isascii()
        return tail if sure or named else ""

    @staticmethod
    def _without(tail: str, others: Collection[str]) -> str:
        """Remove the name of another entity from the start: «РФ Володимир Путін» becomes «Володимир Путін»."""
        for other in sorted(others, key=len, reverse=True):
            if tail.startswith(f"{other} "):
                return tail[len(other) + 1 :]
        return tail

    def _derive(self, found: dict[str, NameSpelling], name: str, entity: EntityProfile, rank: int) -> None:
        """Add the nominatives of a name, and the names of countries and regions that rules derive from all forms."""
        forms = [name]
        if self._lemmas is not None:
            forms += self._lemmas.nominatives(name, person=entity.kinds[0] is RecordKind.person)
        for form in forms[1:]:
            _add(found, NameSpelling(form, name, "lemma", rank))
            _add(found, NameSpelling(territory_names_and_barred_records.bare(form), name, "lemma", rank))
        for form in forms:
            if RecordKind.country in entity.kinds:
                for country in territory_names_and_barred_records.country_names(form):
                    _add(found, NameSpelling(country, name, "rule", rank))
            if RecordKind.region in entity.kinds:
                for region in territory_names_and_barred_records.region_names(form):
                    _add(found, NameSpelling(region, name, "rule", rank))

    def find(self, entity: EntityProfile, spellings: list[NameSpelling]) -> list[Candidate]:
        """Return the candidates of an entity, at most one for each record, best first."""
        best: dict[str, Candidate] = {}
        for candidate in self._candidates(entity, spellings):
            record = candidate.record.key
            if not territory_names_and_barred_records.barred(candidate.record) and _order(candidate) < _order(
                best.get(record)
            ):
                best[record] = candidate
        return sorted(best.values(), key=_order)

    def _candidates(self, entity: EntityProfile, spellings: list[NameSpelling]) -> Iterator[Candidate]:
        for dataset, identifier in entity.identifiers.items():
            for record in self._reference.by_identifier(dataset, identifier):
                stated = NameSpelling(entity.label, f"{dataset}:{identifier}", "identifier", 0)
                yield Candidate(record, "", RecordName(record.label()), stated, 1.0, exact=True)
        exact = False
        for spelling in spellings:
            for hit in self._reference.exact(key(spelling.text), entity.kinds, _SAME_NAME):
                exact |= hit.similarity == 1.0
                yield _candidate(hit, spelling)
        if not exact or RecordKind.person in entity.kinds:
            # Similar names of persons always count, for a record may have a fuller name.
            yield from self._similar(entity, [spelling for spelling in spellings if spelling.how != "rule"])

    def _similar(self, entity: EntityProfile, spellings: list[NameSpelling]) -> Iterator[Candidate]:
        """Yield candidates of similar names; for persons by Western spellings too, and at last by surname."""
        if RecordKind.person not in entity.kinds:
            for spelling in spellings:
                yield from self._search(entity, spelling, [spelling.text], _LIMIT)
            return
        found = False
        for spelling in spellings:
            for candidate in self._search(entity, spelling, search_spellings(spelling.text), _LIMIT):
                found = True
                yield candidate
        for spelling in () if found else spellings:  # the spelling of a given name may differ too much from its sound
            surname = spelling.text.split()[-1]
            yield from self._search(entity, spelling, search_spellings(surname), _SAME_NAME)

    def _search(
        self, entity: EntityProfile, spelling: NameSpelling, texts: list[str], limit: int
    ) -> Iterator[Candidate]:
        """Search for similar names, and yield those that are plausible in a comparison word by word.

        Args:
            entity: the entity, for its kinds.
            spelling: the name to compare.
            texts: spellings of it to search for.
            limit: maximum number of records for each text.
        """
        person = RecordKind.person in entity.kinds
        for text in texts:
            for hit in self._reference.similar(text, entity.kinds, limit):
                if key(hit.name.text) == key(spelling.text):
                    yield _candidate(hit, spelling)
                    continue
                similarity = min(likeness(spelling.text, hit.name.text, person=person), 0.99)  # 1 is for exact names
                if similarity >= _PLAUSIBLE[person]:
                    yield Candidate(hit.record, hit.pack, hit.name, spelling, similarity, exact=False)


def _candidate(hit: LookupHit, spelling: NameSpelling) -> Candidate:
    return Candidate(hit.record, hit.pack, hit.name, spelling, hit.similarity, exact=hit.similarity == 1.0)


def _add(found: dict[str, NameSpelling], spelling: NameSpelling) -> None:
    """Add a spelling of two characters or more, unless its text is there with a better rank."""
    if len(spelling.text) > 1:
        found.setdefault(spelling.text, spelling)


_HOW = ("identifier", "alias", "lemma", "rule")


def _order(candidate: Candidate | None) -> tuple[float, ...]:
    """Return a sort key of candidates: identifiers and exact names by rank, then others by similarity."""
    if candidate is None:
        return (9.0,)
    how = _HOW.index(candidate.spelling.how)
    return (not candidate.exact, candidate.spelling.rank if candidate.exact else 0, -candidate.similarity, how)
