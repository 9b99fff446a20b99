"""Similarity of names."""

from __future__ import annotations

import pytest

from kg.reference.name_similarity import likeness, respelt, search_spellings

PAIRS = [
    ("Володимир Путін", "Vladimir Putin"),
    ("Джо Байден", "Joe Biden"),
    ("Тереза Мей", "Theresa May"),
    ("Борис Джонсон", "Boris Johnson"),
    ("Найджел Фарадж", "Nigel Farage"),
    ("Євген Пригожин", "Yevgeny Prigozhin"),
    ("Роберт Фіцо", "Robert Fico"),
    ("Башар Асад", "Bashar al-Assad"),
    ("Володимир Зеленський", "Volodymyr Oleksandrovych Zelenskyy"),
    ("Борис Пісторіус", "Pistorius Boris"),
]


@pytest.mark.parametrize(("heard", "spelt"), PAIRS)
def test_a_name_is_like_what_it_transcribes(heard: str, spelt: str) -> None:
    assert likeness(heard, spelt, person=True) >= 0.8


@pytest.mark.parametrize(("heard", "spelt"), PAIRS)
def test_and_unlike_all_others(heard: str, spelt: str) -> None:
    assert all(likeness(heard, other, person=True) < 0.74 for _, other in PAIRS if other != spelt)


def test_kin_are_kept_apart() -> None:
    assert likeness("Володимир Путін", "Igor Putin", person=True) < 0.74
    assert likeness("Хантер Байден", "Joe Biden", person=True) < 0.74


def test_a_surname_alone_is_less_than_a_whole_name() -> None:
    assert 0.74 <= likeness("Путін", "Vladimir Putin", person=True) < likeness("Путін", "Putin", person=True)
    assert likeness("Володимир Путін", "Putin", person=True) < 0.74
    assert likeness("Володимир", "Vladimir Putin", person=True) < 0.74


def test_other_names_must_have_the_same_words() -> None:
    assert likeness("Краматорськ", "Kramatorsk") > 0.95
    assert likeness("Північне море", "Море") == 0
    assert likeness("", "Море") == 0


def test_respelling_is_of_cyrillic_alone() -> None:
    assert respelt("Joe Biden") == "Joe Biden"
    assert respelt("Гейтс").isascii()


def test_a_person_is_looked_up_as_the_west_writes_it_and_with_kin_of_the_given_name() -> None:
    assert {"Володимир Путін", "volodimir putin", "vladimir putin"} <= set(search_spellings("Володимир Путін"))
    assert search_spellings("Mark Rutte") == ["Mark Rutte"]
