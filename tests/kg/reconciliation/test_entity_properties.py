"""Entity properties: values of rows compared with those of the graph."""

from __future__ import annotations

import pytest

from kg.linking.entity_profiles import EntityProfile, Office
from kg.reconciliation.entity_properties import PROPERTIES, agreement, proposed
from kg.reconciliation.reconcilable_entities import ReconcilableEntity
from kg.reference.records import RecordKind, RecordName

UA = "https://data.example/entity/ua"
COUNTRY = ReconcilableEntity(
    EntityProfile(UA, (RecordKind.country,), (RecordName("Україна", "uk", True),)), ("Country",), {"iso3166": ("UA",)}
)
THING = ReconcilableEntity(
    EntityProfile(
        "https://data.example/entity/x",
        (RecordKind.settlement,),
        (RecordName("Сочі", "uk", True), RecordName("Sochi", "en", True)),
        within=(UA,),
        offices=(Office("міський голова"),),
        dates=("2025-10-02", "2025-10-05"),
        point=(43.6, 39.73),
    ),
    ("Place",),
    {"geonames": ("491422",)},
)
ITEMS = {item.iri: item for item in (COUNTRY, THING)}


@pytest.mark.parametrize(
    ("name", "wanted", "least", "most"),
    [
        ("country", "Ukraina", 1, 1),
        ("country", "УКРАЇНА", 1, 1),
        ("country", "UA", 1, 1),
        ("country", UA, 1, 1),
        ("country", "Russia", 0, 0),
        ("within", "Україна", 1, 1),
        ("role", "міський голова", 1, 1),
        ("role", "голова", 0.7, 0.95),
        ("role", "посол", 0, 0),
        ("date", "2025-10-03", 1, 1),
        ("date", "2025", 1, 1),
        ("date", "2025-10-03T10:00:00Z", 1, 1),
        ("date", "2026-01-01", 0, 0),
        ("coordinates", "43.60, 39.72", 1, 1),
        ("coordinates", "44.9 39.72", 0.3, 0.7),
        ("coordinates", "0,0", 0, 0),
        ("geonames", "491422", 1, 1),
        ("geonames", "4914220", 0, 0),
        ("label", "sochi", 1, 1),
    ],
)
def test_agreement(name: str, wanted: str, least: float, most: float) -> None:
    found = agreement(wanted, PROPERTIES[name], THING, ITEMS)
    assert found is not None
    assert least <= found.value <= most
    assert found.evidence


@pytest.mark.parametrize(("name", "wanted"), [("wikidata", "Q1"), ("date", "soon"), ("coordinates", "here")])
def test_what_nothing_is_known_of_is_no_contradiction(name: str, wanted: str) -> None:
    assert agreement(wanted, PROPERTIES[name], THING, ITEMS) is None


def test_proposals_fit_the_class() -> None:
    people, places = ({one.name for one in proposed(kind)} for kind in ("Person", "Place"))
    assert "role" in people - places
    assert "coordinates" in places - people
    assert {one.name for one in proposed(None)} == {*PROPERTIES}
