"""Date checks: dates in words and in EDTF."""

from __future__ import annotations

import time
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdflib import RDF, XSD, Graph, Literal, URIRef

from kg.gate.edtf_and_weekday_checks import bounds, check, readings, weekdays
from kg.rdf.rdflib_conversion import cg

SPAN, PASSAGE = URIRef("https://news.example/t"), URIRef("https://news.example/p")


def span(edtf: str = "2024-12-08", first: str = "2024-12-08", last: str = "2024-12-08", words: str = "") -> Graph:
    graph = Graph()
    graph.add((SPAN, RDF.type, cg("TimeSpan")))
    graph.add((SPAN, cg("edtf"), Literal(edtf)))
    graph.add((SPAN, cg("notBefore"), Literal(first, datatype=XSD.date)))
    graph.add((SPAN, cg("notAfter"), Literal(last, datatype=XSD.date)))
    graph.add((SPAN, cg("quotedIn"), PASSAGE))
    graph.add((PASSAGE, cg("exact"), Literal(words)))
    return graph


@pytest.mark.parametrize(
    ("edtf", "first", "last"),
    [
        ("2024-12-08", date(2024, 12, 8), date(2024, 12, 8)),
        ("[2024-12-01..2024-12-06]", date(2024, 12, 1), date(2024, 12, 6)),
        ("2024-12-01/2024-12-06", date(2024, 12, 1), date(2024, 12, 6)),
        ("{2024-12-01,2024-12-06}", date(2024, 12, 1), date(2024, 12, 6)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2024", date(2024, 1, 1), date(2024, 12, 31)),
        ("2024?", date(2024, 1, 1), date(2024, 12, 31)),
        ("2024-XX", date(2024, 1, 1), date(2024, 12, 31)),
        ("201X", date(2010, 1, 1), date(2019, 12, 31)),
        ("2024-21", date(2024, 3, 1), date(2024, 5, 31)),
        ("2024-12-08T23:15:00Z", date(2024, 12, 8), date(2024, 12, 8)),
    ],
)
def test_edtf_has_two_ends(edtf: str, first: date, last: date) -> None:
    assert bounds(edtf) == (first, last)


@pytest.mark.parametrize(
    ("edtf", "both"),
    [
        ("2023-24", [(date(2023, 12, 1), date(2024, 2, 29)), (date(2022, 12, 1), date(2023, 2, 28))]),
        ("2023-28", [(date(2023, 12, 1), date(2024, 2, 29)), (date(2022, 12, 1), date(2023, 2, 28))]),
        ("2023-30", [(date(2023, 12, 1), date(2024, 2, 29)), (date(2022, 12, 1), date(2023, 2, 28))]),
        ("0001-24", [(date(1, 12, 1), date(2, 2, 28))]),
        ("2023-24/2024-21", [(date(2023, 12, 1), date(2024, 5, 31)), (date(2022, 12, 1), date(2024, 5, 31))]),
        ("2023-22/2023-24", [(date(2023, 6, 1), date(2024, 2, 29))]),
        ("2023-32", [(date(2023, 6, 1), date(2023, 8, 31))]),
    ],
)
def test_a_season_over_the_end_of_a_year(edtf: str, both: list[tuple[date, date]]) -> None:
    assert bounds(edtf) == both[0]
    assert [*readings(edtf)][: len(both)] == both
    for first, last in both:
        assert list(check(span(edtf, str(first), str(last)))) == []
    assert [r.constraint for r in check(span(edtf, "2023-12-01", "2023-12-31"))] == ["F4"]


@pytest.mark.parametrize(
    "edtf",
    [
        *("", "\0", "[" * 50, "early December", "8.12.2024", "2024–12–08"),
        *("2024-13", "2024-02-30", "-0001", "Y170000002", "2024-1X", "2024-11-2X"),
        *("2024/..", "../2024", "2024/", "/2024", "[2024..]", "[..2024]", "unknown"),
    ],
)
def test_what_cannot_be_read_is_refused(edtf: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError):
        bounds(edtf)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("edtf", ["[" * 100_000, "[" + "2024-12-08," * 5000 + "2024]", "2" * 100_000, "(" * 100])
def test_refusing_takes_no_time(edtf: str) -> None:
    before = time.process_time()
    with pytest.raises(ValueError):
        bounds(edtf)
    assert time.process_time() - before < 60


@settings(max_examples=25, deadline=None)
@given(st.dates(), st.dates())
def test_any_two_dates_are_read_back(one: date, other: date) -> None:
    first, last = sorted((one, other))
    assert bounds(f"[{first}..{last}]") == (first, last)
    assert bounds(f"{first}") == (first, first)
    assert list(check(span(f"[{first}..{last}]", f"{first}", f"{last}"))) == []


@settings(deadline=None)
@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        first, last = bounds(text)
    except ValueError:
        return
    assert isinstance(first, date)
    assert isinstance(last, date)


@pytest.mark.parametrize(
    ("words", "days"),
    [
        ("у понеділок", {0}),
        ("у Вівторок, 3 жовтня", {1}),
        ("серед ночі", set()),
        ("в середу", {2}),
        ("Пізно ввечері у четвер, 2 жовтня", {3}),
        ("у ніч на четверга", {3}),
        ("о четвертій ранку", set()),
        ("четверо поранених", set()),
        ("у п’ятницю", {4}),
        ("у п'ятницю", {4}),
        ("у пʼятницю чи суботу", {4, 5}),
        ("минулої неділі", {6}),
        ("on Thursday and Friday", {3, 4}),
        ("8 грудня", set()),
    ],
)
def test_days_of_the_week_in_words(words: str, days: set[int]) -> None:
    assert weekdays(words) == days


def test_a_weekday_that_does_not_agree_is_f3() -> None:
    (result,) = check(span(words="у четвер, 8 грудня"))
    assert (result.constraint, result.severity, result.focus) == ("F3", "Violation", str(SPAN))
    assert result.message == "“у четвер, 8 грудня” names another day of the week than 2024-12-08, which is a Sunday."
    assert result.messages["uk"] == "У словах «у четвер, 8 грудня» названо інший день тижня, ніж 2024-12-08 (неділя)."
    assert result.value == "у четвер, 8 грудня"


@pytest.mark.parametrize("words", ["у неділю, 8 грудня", "8 грудня", "у ніч із суботи на неділю"])
def test_a_weekday_that_agrees_is_fine(words: str) -> None:
    assert list(check(span(words=words))) == []


def test_a_weekday_says_nothing_of_a_range() -> None:
    graph = span("[2024-12-01..2024-12-06]", "2024-12-01", "2024-12-06", "у середу")
    assert list(check(graph)) == []


def test_edtf_that_cannot_be_read_is_f4() -> None:
    (result,) = check(span("8 грудня"))
    assert (result.constraint, result.focus, result.value) == ("F4", str(SPAN), "8 грудня")


def test_edtf_that_does_not_agree_is_f4() -> None:
    (result,) = check(span("2024-12-09"))
    assert result.constraint == "F4"
    assert result.message == (
        "The EDTF string 2024-12-09 spans 2024-12-09 to 2024-12-09, but the bounds are 2024-12-08 to 2024-12-08."
    )


@pytest.mark.parametrize(("first", "last"), [("2024-12-01", "2024-12-30"), ("2024-12-02", "2024-12-31")])
def test_both_ends_have_to_agree(first: str, last: str) -> None:
    assert [result.constraint for result in check(span("2024-12", first, last))] == ["F4"]


def test_bounds_that_other_constraints_report_are_left_to_them() -> None:
    assert list(check(span(first="2024-12-09"))) == []  # F1: the wrong way round
    graph = span()
    graph.set((SPAN, cg("notAfter"), Literal("soon")))
    assert list(check(graph)) == []
    graph.remove((SPAN, cg("notAfter"), None))
    assert list(check(graph)) == []
