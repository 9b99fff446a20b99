"""What texts call territories, and which records must not answer for them."""

from __future__ import annotations

import pytest

from kg.linking.records import Kind, Name, Record
from kg.linking.territory import bare, barred, country_names, narrowed, region_names, trap
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
        ("Північне море", Kind.water, True),
        ("Данських протоках", Kind.water, True),
        ("Донецької області", Kind.region, True),
        ("місто Сочі", Kind.settlement, True),
        ("Донеччині", Kind.region, False),
        ("Козельщина", Kind.region, False),  # it is a town, so that other kinds stay
        ("Краматорськ", Kind.settlement, False),
    ],
)
def test_kinds(name: str, first: Kind, only: bool) -> None:
    kinds = narrowed(PLACE, name)
    assert kinds[0] is first
    assert (len(kinds) == 1) is only


def test_the_kind_of_a_country_is_not_narrowed() -> None:
    assert narrowed((Kind.country,), "місто") == (Kind.country,)


def test_the_common_noun_is_left_out() -> None:
    assert bare("місто Сочі") == "Сочі"
    assert bare("подкаст Mazeej") == "Mazeej"
    assert bare("Краматорськ") == "Краматорськ"


def record(dataset: str, identifier: str, kind: Kind = Kind.region, **more: object) -> Record:
    return Record(dataset, identifier, kind, (Name("Донецька область", "uk"),), **more)  # type: ignore[arg-type]


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
    assert "realm" in barred(record("wikidata", "Q756617", Kind.country))
    assert barred(DENMARK) == ""
    assert barred(record("iso3166", "NL", Kind.country, identifiers={"wikidata": "Q29999"})) == ""
    assert "realm" in trap("wikidata", "Q29999")
