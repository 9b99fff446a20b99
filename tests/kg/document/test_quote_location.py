"""Quote location: exact matches, matches up to typography, or none."""

from __future__ import annotations

import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kg.document.quote_location import QuoteNotLocated, QuoteSpan, locate
from tests.cases.strategies import texts

VARIANTS = [
    "'\u2018\u2019\u201b\u02bc\u2032`\u00b4\uff07",
    '"«»“”„‟″＂',
    "-\u2010\u2011\u2012–—―\u2212",
    " \u00a0\u2007\u2009\u202f\u3000\t",
]
ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"
TEXT = "Під час наступу повстанців Путін ігнорував прохання Асада. Асад просив про допомогу."


def test_words_that_stand_there_once() -> None:
    assert locate(TEXT, "прохання Асада") == QuoteSpan(43, 57)
    assert locate(TEXT, TEXT) == QuoteSpan(0, len(TEXT))


@pytest.mark.parametrize("group", VARIANTS)
def test_typographic_variants_are_equal_one_to_one(group: str) -> None:
    for there in group:
        for here in group:
            assert locate(f"a\U0001f680b{there}c", f"b{here}c") == QuoteSpan(2, 5)


@pytest.mark.parametrize("char", ZERO_WIDTH)
def test_zero_width_characters_do_not_count(char: str) -> None:
    assert locate(f"Джерело: BI{char}LD.", "BILD") == QuoteSpan(9, 14)
    assert locate("Джерело: BILD.", f"BI{char}LD") == QuoteSpan(9, 13)
    assert locate(f"{char}BILD{char}", "BILD") == QuoteSpan(1, 5)


def test_exact_words_win_over_folded_ones() -> None:
    assert locate('«так» і "так"', '"так"') == QuoteSpan(8, 13)
    assert locate("«так» і “так”", "«так»") == QuoteSpan(0, 5)


@pytest.mark.parametrize(
    ("text", "words", "span"),
    [
        ("\U0001f680 Сакр \U0001f1fa\U0001f1e6 додав", "додав", QuoteSpan(10, 15)),
        ("перший\r\nдругий", "\r\nдругий", QuoteSpan(6, 14)),
        ("и\u0306 й", "и\u0306", QuoteSpan(0, 2)),
        ("и\u0306 й", "й", QuoteSpan(3, 4)),
        ("рядок\x0b\x85\u2028кінець", "\u2028кінець", QuoteSpan(7, 14)),
    ],
)
def test_offsets_count_code_points(text: str, words: str, span: QuoteSpan) -> None:
    assert locate(text, words) == span
    assert text[span.start : span.end] == words


@pytest.mark.parametrize("words", ["й", "Асад прибув", "путін", "прохання  Асада"])
def test_likeness_is_not_enough(words: str) -> None:
    text = "и\u0306 " + TEXT
    with pytest.raises(QuoteNotLocated) as caught:
        locate(text, words)
    assert caught.value.found == []


def test_words_that_stand_there_twice() -> None:
    with pytest.raises(QuoteNotLocated, match="occurs 2 times") as caught:
        locate(TEXT, "Асад")
    assert caught.value.found == [QuoteSpan(52, 56), QuoteSpan(59, 63)]
    assert caught.value.nearest == ""


def test_words_that_overlap_themselves() -> None:
    with pytest.raises(QuoteNotLocated) as caught:
        locate("ааа", "аа")
    assert caught.value.found == [QuoteSpan(0, 2), QuoteSpan(1, 3)]


def test_words_that_stand_at_many_places() -> None:
    with pytest.raises(QuoteNotLocated) as caught:
        locate("а" * 100, "а")
    assert len(caught.value.found) == 100


def test_missing_words_bring_the_nearest() -> None:
    with pytest.raises(QuoteNotLocated) as caught:
        locate(TEXT, "прохання Асадові Б.")
    assert caught.value.nearest == "прохання Асада. Аса"
    assert caught.value.difference == ("о", "а")


def test_nothing_like_it_brings_nothing() -> None:
    with pytest.raises(QuoteNotLocated) as caught:
        locate(TEXT, "xyz")
    assert caught.value.nearest == ""


def test_a_segment_restricts_the_search() -> None:
    assert locate(TEXT, "Асад", QuoteSpan(59, len(TEXT))) == QuoteSpan(59, 63)
    assert locate(TEXT, "Асад", QuoteSpan(0, 58)) == QuoteSpan(52, 56)
    assert locate(TEXT.replace("Асад ", "«Асад» "), '"Асад"', QuoteSpan(59, 80)) == QuoteSpan(59, 65)
    with pytest.raises(QuoteNotLocated):
        locate(TEXT, "Асад", QuoteSpan(0, 55))


def test_a_quote_of_nothing_visible_is_not_found() -> None:
    with pytest.raises(QuoteNotLocated):
        locate(TEXT, "\u200b\ufeff")


def test_a_long_text_is_searched_quickly() -> None:
    text = "Слово за словом. " * 20_000
    before = time.process_time()
    with pytest.raises(QuoteNotLocated):
        locate(text, "Немає такого речення в цьому тексті. " * 20)
    assert time.process_time() - before < 60


def test_spans_lie_within_spans() -> None:
    assert QuoteSpan(2, 3).within(QuoteSpan(2, 3))
    assert not QuoteSpan(1, 3).within(QuoteSpan(2, 3))
    assert not QuoteSpan(2, 4).within(QuoteSpan(2, 3))


def places(text: str, words: str) -> list[QuoteSpan]:
    try:
        return [locate(text, words)]
    except QuoteNotLocated as error:
        return error.found


@settings(deadline=None)
@given(texts(), st.data())
def test_whatever_stands_in_a_text_is_found_there(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    found = places(text, text[start:end])
    assert QuoteSpan(start, end) in found
    assert {text[place.start : place.end] for place in found} == {text[start:end]}


def plain(words: str) -> str:
    """Fold typography as the module documents, by an independent implementation."""
    table = {char: group[0] for group in VARIANTS for char in group}
    return "".join(table.get(char, char) for char in words if char not in ZERO_WIDTH)


FOLDABLE = st.text("аб" + "".join(VARIANTS) + ZERO_WIDTH, min_size=1, max_size=30)


@settings(deadline=None)
@given(FOLDABLE, st.data())
def test_folding_finds_words_that_are_the_same_but_for_typography(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    words = plain(text[start:end])
    assume(words)
    found = places(text, words)
    assert found
    for place in found:
        assert plain(text[place.start : place.end]) == words
        assert text[place.start] not in ZERO_WIDTH
        assert text[place.end - 1] not in ZERO_WIDTH
