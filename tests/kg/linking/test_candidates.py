"""Candidate records of an entity."""

from __future__ import annotations

import pytest

from kg.linking.candidates import Candidates
from kg.linking.entity_profiles import NameForm
from kg.linking.lemmas import Lemmas
from kg.reference.records import RecordKind
from tests.linked import KOSTIANTYNIVKA, KRAMATORSK, OBLAST, SYRIA, UKRAINE, entity, mention, person, reference

PUTIN = person("Q7747", "Vladimir Putin")


@pytest.fixture(scope="module")
def candidates() -> Candidates:
    return Candidates(reference(*KOSTIANTYNIVKA, KRAMATORSK, OBLAST, UKRAINE, SYRIA, PUTIN), Lemmas.load())


@pytest.mark.parametrize(
    ("label", "kinds"),
    [
        ("лікарі", (RecordKind.organisation,)),
        ("президент України", (RecordKind.person,)),
        ("пресслужба Асада", (RecordKind.organisation,)),
        ("деякі райони Краматорська", ()),
        ("тимчасово окуповані території", ()),
        ("«близькосхідна країна»", (RecordKind.country,)),
    ],
)
def test_a_description_is_no_name(candidates: Candidates, label: str, kinds: tuple[RecordKind, ...]) -> None:
    assert candidates.spellings(entity(label, *kinds)) == []


@pytest.mark.parametrize(
    ("words", "kinds", "others", "name"),
    [
        ("російське місто Сочі", (), (), "Сочі"),
        ("саудівському подкасту Mazeej", (RecordKind.organisation,), (), "Mazeej"),
        ("президент РФ Володимир Путін", (RecordKind.person,), ("РФ",), "Володимир Путін"),
        ("колишнього президента Сирії Башара Асада", (RecordKind.person,), ("Сирії",), "Башара Асада"),
        ("Асма, дружина Башара Асада", (RecordKind.person,), (), "Асма"),
        ("агенція «Суспільне»", (RecordKind.organisation,), (), "Суспільне"),
    ],
)
def test_the_name_is_cut_out(
    candidates: Candidates, words: str, kinds: tuple[RecordKind, ...], others: tuple[str, ...], name: str
) -> None:
    assert candidates.spellings(mention(words, *kinds), others)[0].text == name


@pytest.mark.parametrize(
    ("words", "kinds", "record", "how"),
    [
        ("Краматорськ", (), "geonames:704508", "alias"),
        ("Краматорська", (), "geonames:704508", "lemma"),
        ("Донеччині", (), "geonames:709716", "rule"),
        ("Україною", (RecordKind.country,), "iso3166:UA", "lemma"),
        ("сирійського", (RecordKind.country,), "iso3166:SY", "rule"),
    ],
)
def test_exact_names(candidates: Candidates, words: str, kinds: tuple[RecordKind, ...], record: str, how: str) -> None:
    found = mention(words, *kinds)
    best = candidates.find(found, candidates.spellings(found))[0]
    assert (best.record.key, best.spelling.how, best.exact) == (record, how, True)


def test_a_latin_name_is_found_by_likeness(candidates: Candidates) -> None:
    found = mention("Володимиром Путіним", RecordKind.person)
    (best,) = candidates.find(found, candidates.spellings(found))
    assert best.record is PUTIN or best.record.key == PUTIN.key
    assert not best.exact
    assert 0.8 < best.similarity < 1


def test_nothing_is_found_of_another_kind_or_of_no_likeness(candidates: Candidates) -> None:
    for found in (
        mention("Краматорськ", RecordKind.person),
        mention("Гельсінкі"),
        mention("Камель Сакр", RecordKind.person),
    ):
        assert candidates.find(found, candidates.spellings(found)) == []


def test_an_identifier_comes_before_all_names(candidates: Candidates) -> None:
    named = entity("Костянтинівка", identifiers={"geonames": "705115"})
    best, other = candidates.find(named, candidates.spellings(named))
    assert (best.record.identifier, best.spelling.how) == ("705115", "identifier")
    assert other.record.identifier == "705104"


def test_labels_come_before_the_words_of_the_text(candidates: Candidates) -> None:
    named = entity("Краматорськ", forms=(NameForm("Костянтинівка"),))
    ranks = {c.record.identifier: c.spelling.rank for c in candidates.find(named, candidates.spellings(named))}
    assert ranks["704508"] == 0 < ranks["705104"]


def test_a_surname_in_the_text_adds_nothing_to_a_whole_name(candidates: Candidates) -> None:
    named = entity("Володимир Путін", RecordKind.person, forms=(NameForm("Путіна"),))
    assert all(spelling.source != "Путіна" for spelling in candidates.spellings(named))


def test_the_words_of_all_labels_narrow_the_kind(candidates: Candidates) -> None:
    assert candidates.narrowed(entity("Північне море")).kinds == (RecordKind.water,)
    assert candidates.narrowed(entity("Краматорськ")).kinds == entity("Краматорськ").kinds
