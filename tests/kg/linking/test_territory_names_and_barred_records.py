"""Territory names in texts, and the records that must not match them."""

from __future__ import annotations

import pytest

from kg.linking.territory_names_and_barred_records import bare, barred, country_names, narrowed, region_names, trap
from kg.reference.records import Record, RecordKind, RecordName
from tests.linked import DENMARK, PLACE


@pytest.mark.parametrize(
    ("word", "country"),
    [
        ("сирійського", "Сирія"),
        ("ліванські", "Ліван"),
        ("саудівському", "Саудівська Аравія"),
        ("французький", "Франція"),
        ("данських", "Данія"),
        ("іранська", "Іран"),
        ("українськими", "Україна"),
        ("бразильський", "Бразилія"),
        ("угандійська", "Уганда"),
        ("венесуельського", "Венесуела"),
        ("китайське", "Китай"),
        ("мозамбіцький", "Мозамбік"),
        ("туніський", "Туніс"),
        ("РФ", "Росія"),
        ("США", "Сполучені Штати"),
    ],
)
def test_countries(word: str, country: str) -> None:
    assert country in country_names(word)


def test_what_is_no_adjective_and_no_short_name_is_of_no_country() -> None:
    assert list(country_names("Сирія")) == []
    assert "Нігерія" not in country_names("нігерський")


@pytest.mark.parametrize(
    ("name", "oblast"),
    [
        ("Донеччина", "Донецька область"),
        ("Луганщина", "Луганська область"),
        ("Вінниччина", "Вінницька область"),
        ("Одещина", "Одеська область"),
        ("Франківщина", "Івано-Франківська область"),
        ("Волинь", "Волинська область"),
        ("Крим", "Автономна Республіка Крим"),
        ("Донецька область", "Донецька"),
    ],
)
def test_oblasts(name: str, oblast: str) -> None:
    assert oblast in region_names(name)


def test_a_town_is_no_oblast() -> None:
    assert list(region_names("Донецьк")) == []


@pytest.mark.parametrize(
    ("name", "first", "only"),
    [
        ("Північне море", RecordKind.water, True),
        ("Данських протоках", RecordKind.water, True),
        ("Донецької області", RecordKind.region, True),
        ("місто Сочі", RecordKind.settlement, True),
        ("Донеччині", RecordKind.region, False),
        ("Козельщина", RecordKind.region, False),  # it is a town, so that other kinds stay
        ("Краматорськ", RecordKind.settlement, False),
    ],
)
def test_kinds(name: str, first: RecordKind, only: bool) -> None:
    kinds = narrowed(PLACE, name)
    assert kinds[0] is first
    assert (len(kinds) == 1) is only


def test_the_kind_of_a_country_is_not_narrowed() -> None:
    assert narrowed((RecordKind.country,), "місто") == (RecordKind.country,)


def test_the_common_noun_is_left_out() -> None:
    assert bare("місто Сочі") == "Сочі"
    assert bare("подкаст Mazeej") == "Mazeej"
    assert bare("Краматорськ") == "Краматорськ"


def record(dataset: str, identifier: str, kind: RecordKind = RecordKind.region, **more: object) -> Record:
    return Record(dataset, identifier, kind, (RecordName("Донецька область", "uk"),), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "trapped",
    [
        record("rigour", "ua-dpr"),
        record("rigour", "ua-cri"),
        record("wikidata", "Q16150196"),
        record("user", "1", identifiers={"wikidata": "Q16150196"}),
        record("user", "1", flags=("occupation-entity",)),
    ],
)
def test_occupation_entities_are_barred(trapped: Record) -> None:
    assert "occupation entity" in barred(trapped)


def test_the_realm_is_barred_but_not_the_country_that_a_list_takes_for_it() -> None:
    assert "realm" in barred(record("wikidata", "Q756617", RecordKind.country))
    assert barred(DENMARK) == ""
    assert barred(record("iso3166", "NL", RecordKind.country, identifiers={"wikidata": "Q29999"})) == ""
    assert "realm" in trap("wikidata", "Q29999")
