"""Geographic context of an entity from accepted links: its countries, regions and places mentioned nearby."""

from __future__ import annotations

from collections.abc import Iterable
from math import asin, cos, radians, sin, sqrt

from kg.linking.entity_profiles import EntityProfile
from kg.reference.records import Record, RecordKind

_EARTH = 6371.0  # mean radius in km
_ANCHORS = 12  # maximum number of settlements to compare with


class GeographicContext:
    """Records that entities are linked to so far."""

    def __init__(self) -> None:
        self._records: dict[str, dict[str, Record]] = {}

    def put(self, iri: str, records: Iterable[Record]) -> bool:
        """Replace the records of an entity; return whether they changed."""
        linked = {record.dataset: record for record in records}
        changed = self._records.get(iri, {}) != linked
        self._records[iri] = linked
        return changed

    def records(self, iri: str) -> list[Record]:
        """Return the records of an entity, one of each dataset."""
        return list(self._records.get(iri, {}).values())

    def countries(self, iris: Iterable[str]) -> dict[str, str]:
        """Map the countries (ISO 3166-1 alpha-2) of some entities to the name of the first entity in each."""
        found: dict[str, str] = {}
        for iri in iris:
            for record in self.records(iri):
                if record.kind in (RecordKind.country, RecordKind.region, RecordKind.settlement):
                    for code in record.countries:
                        found.setdefault(code, record.label("uk"))
        return found

    def stated(self, entity: EntityProfile) -> dict[str, str]:
        """Map the countries of an entity in the graph to names: by place, nationality and office."""
        offices = [office.of for office in entity.offices if office.of]
        return self.countries((*entity.within, *entity.nations, *offices))

    def regions(self, entity: EntityProfile, dataset: str) -> dict[str, str]:
        """Map the regions of an entity in one dataset, by identifier, to names; countries are left out."""
        places = [record for iri in entity.within for record in self.records(iri)]
        return {
            r.identifier: r.label("uk") for r in places if r.dataset == dataset and r.kind is not RecordKind.country
        }

    def itself(self, entity: EntityProfile, dataset: str) -> tuple[str, tuple[float, float]] | None:
        """Return key and point of the record of an entity in any other dataset; ``None`` without one."""
        for record in self.records(entity.iri):
            if record.dataset != dataset and record.point is not None:
                return record.key, record.point
        return None

    def anchors(self, entity: EntityProfile) -> list[tuple[str, tuple[float, float]]]:
        """Return names and points of settlements in the same sentences, else in the same articles."""
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
    """Return the great-circle distance in km between two points (latitude and longitude in degrees)."""
    lat1, lon1, lat2, lon2 = (radians(value) for value in (*one, *other))
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * _EARTH * asin(min(1.0, sqrt(half)))
