"""Lemmas: names in Ukrainian texts, in the nominative."""

from __future__ import annotations

import sys

import pytest

from kg.linking.lemmas import MISSING, Lemmas
from kg.linking.linker import Linker, LinkerSettings
from tests.linked import KRAMATORSK, mention, reference


@pytest.fixture(scope="module")
def lemmas() -> Lemmas:
    loaded = Lemmas.load()
    assert loaded is not None
    return loaded


@pytest.mark.parametrize(
    ("text", "nominative"),
    [
        ("Краматорська", "Краматорськ"),
        ("Донецької області", "Донецька область"),
        ("Чернівцях", "Чернівці"),
        ("Івано-Франківську", "Івано-Франківськ"),
        ("Кам’янця-Подільського", "Кам’янець-Подільський"),
        ("Нью-Йорка", "Нью-Йорк"),
        ("Ради безпеки ООН", "Рада безпеки ООН"),
        ("Сполучених Штатах Америки", "Сполучені Штати Америки"),
        ("Данських протоках", "Данські протоки"),
    ],
)
def test_places_and_organisations(lemmas: Lemmas, text: str, nominative: str) -> None:
    assert nominative in lemmas.nominatives(text)


@pytest.mark.parametrize(
    ("text", "nominative"),
    [
        ("Путіним", "Путін"),
        ("Башара Асада", "Башар Асад"),
        ("Олени Зеленської", "Олена Зеленська"),
        ("Ангели Меркель", "Ангела Меркель"),
        ("Джо Байдена", "Джо Байден"),
        ("Урсули фон дер Ляєн", "Урсула фон дер Ляєн"),
    ],
)
def test_people_agree_in_gender_and_case(lemmas: Lemmas, text: str, nominative: str) -> None:
    assert nominative in lemmas.nominatives(text, person=True)


def test_a_name_as_it_stands_and_one_in_latin_letters_have_no_nominative(lemmas: Lemmas) -> None:
    assert "Костянтинівка" not in lemmas.nominatives("Костянтинівка")
    assert lemmas.nominatives("Kyiv Independent") == []


def test_a_name_beside_its_noun_is_told_from_what_the_noun_is_of(lemmas: Lemmas) -> None:
    assert lemmas.is_named("Сочі")
    assert lemmas.is_named("Mazeej")
    assert not lemmas.is_named("Краматорська")  # деякі райони Краматорська


def test_without_the_extra_it_says_so_and_works_with_what_the_text_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymorphy3", None)
    assert Lemmas.load() is None
    linker = Linker(reference(KRAMATORSK))
    assert linker.missing == MISSING
    assert linker.propose(mention("Краматорськ"))[0].verdict == "accept"
    monkeypatch.undo()
    assert Linker(reference(KRAMATORSK)).missing == ""
    assert Linker(reference(KRAMATORSK), LinkerSettings(lemmas=False)).missing == MISSING
