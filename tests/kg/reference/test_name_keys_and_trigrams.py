"""Keys, transliterations and trigrams of names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.reference.name_keys_and_trigrams import key, trigrams
from kg.reference.transliteration_to_latin import latin


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Кам’янець-Подільський", "КАМ'ЯНЕЦЬ – ПОДІЛЬСЬКИЙ"),
        ("Ки́їв", "київ"),
        ("Київ", "Київ"),  # decomposed
        ("«Нафтогаз»", "Нафтогаз"),
        ("İstanbul", "istanbul"),
        ("Straße", "STRASSE"),
        ("U.S.A.", "USA"),
        ("ＢＢＣ\u00a0News", "bbc  news"),
    ],
)
def test_typography_makes_no_difference(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(("one", "other"), [("Київ", "Киів"), ("Zürich", "Zurich"), ("कि", "कु"), ("Ір", "Ир")])
def test_letters_make_one(one: str, other: str) -> None:
    assert key(one) != key(other)


@given(st.text(max_size=40))
def test_keys_are_their_own_keys(text: str) -> None:
    assert key(key(text)) == key(text)
    assert latin(key(text)) == latin(text)


def test_trigrams_know_where_a_name_begins() -> None:
    assert trigrams("kyiv") == [" ky", "kyi", "yiv", "iv "]
