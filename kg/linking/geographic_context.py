"""What is known around an entity from what is linked already: its countries, its regions, the places near it."""

from __future__ import annotations

from collections.abc import Iterable
from math import asin, cos, radians, sin, sqrt

from kg.linking.entity_profiles import EntityProfile
from kg.reference.records import Record, RecordKind

_EARTH = 6371.0
_ANCHORS = 12


class GeographicContext:
    """The records that entities are linked to so far."""

    def __init__(self) -> None:
        self._records: dict[str, dict[str, Record]] = {}

    def put(self, iri: str, records: Iterable[Record]) -> bool:
        """Note which records an entity is, in place of what was noted before; tells whether that is new."""
        noted = {record.dataset: record for record in records}
        changed = self._records.get(iri, {}) != noted
        self._records[iri] = noted
        return changed

    def records(self, iri: str) -> list[Record]:
        """List what an entity is, one record a dataset."""
        return list(self._records.get(iri, {}).values())

    def countries(self, iris: Iterable[str]) -> dict[str, str]:
        """Give the countries (ISO 3166-1 alpha-2) of some entities, each with a name of the one that tells it."""
        found: dict[str, str] = {}
        for iri in iris:
            for record in self.records(iri):
                if record.kind in (RecordKind.country, RecordKind.region, RecordKind.settlement):
                    for code in record.countries:
                        found.setdefault(code, record.label("uk"))
        return found

    def stated(self, entity: EntityProfile) -> dict[str, str]:
        """Give the countries that the graph says an entity is in, of, or in office of."""
        offices = [office.of for office in entity.offices if office.of]
        return self.countries((*entity.within, *entity.nations, *offices))

    def regions(self, entity: EntityProfile, dataset: str) -> dict[str, str]:
        """Give the records of a dataset that hold an entity, by identifier, with their names; countries apart."""
        held = [record for iri in entity.within for record in self.records(iri)]
        return {r.identifier: r.label("uk") for r in held if r.dataset == dataset and r.kind is not RecordKind.country}

    def itself(self, entity: EntityProfile, dataset: str) -> tuple[str, tuple[float, float]] | None:
        """Give where an entity is by what it is in another dataset."""
        for record in self.records(entity.iri):
            if record.dataset != dataset and record.point is not None:
                return record.key, record.point
        return None

    def anchors(self, entity: EntityProfile) -> list[tuple[str, tuple[float, float]]]:
        """Give the settlements beside an entity, with their points: those of its sentences, else of its articles."""
        for iris in (entity.near, entity.together):
            found = []
            for iri in iris:
                places = [r for r in self.records(iri) if r.point is not None and r.kind is RecordKind.settlement]
                if places and places[0].point is not None:
                    found.append((places[0].label("uk"), places[0].point))
            if found:
                return found[:_ANCHORS]
        return []


def kilometres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Measure the great circle between two points (latitude and longitude in degrees)."""
    lat1, lon1, lat2, lon2 = (radians(value) for value in (*one, *other))
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * _EARTH * asin(min(1.0, sqrt(half)))
