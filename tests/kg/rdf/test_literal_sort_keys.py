"""Sort keys: they agree with the engine's ``<`` and ``=`` wherever those are defined, and order everything else."""

from __future__ import annotations

import itertools
import random

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.rdf import oxigraph, oxigraph_queries
from kg.rdf.literal_sort_keys import literal_key

XSD = "http://www.w3.org/2001/XMLSchema#"

ZONES = st.sampled_from(["", "Z", "+14:00", "-14:00", "+03:00", "-00:30"])
YEARS = st.sampled_from(["-0044", "0000", "0001", "1999", "2024", "2025", "12025"])
MONTHS = st.integers(1, 12).map(lambda month: f"{month:02}")
DAYS = st.integers(1, 28).map(lambda day: f"{day:02}")
CLOCKS = st.builds(
    lambda hour, minute, second: f"{hour:02}:{minute:02}:{second}",
    st.integers(0, 23),
    st.integers(0, 59),
    st.sampled_from(["00", "59", "30.5", "30.50", "30.049"]),
)


def typed(name: str, values: st.SearchStrategy[str]) -> st.SearchStrategy[ox.Literal]:
    return values.map(lambda value: ox.Literal(value, datatype=ox.NamedNode(XSD + name)))


def joined(*parts: st.SearchStrategy[str] | str) -> st.SearchStrategy[str]:
    return st.tuples(*(st.just(part) if isinstance(part, str) else part for part in parts)).map("".join)


DATES = joined(YEARS, "-", MONTHS, "-", DAYS)
FIXED = st.sampled_from(["0", "-0", "1", "01", "-1", "9007199254740992", "9007199254740993", "-9007199254740993"])
DECIMALS = st.sampled_from(["0.0", "1.0", "1.50", "-1.5", "0.1", "9007199254740992.5", "100000000000000000.25"])
FLOATING = st.sampled_from(["0", "-0.0", "1e0", "1.5", "-1.5E0", "0.1", "1e300", "-1e300", "INF", "-INF", "NaN"])
DURATIONS = st.sampled_from(["P1M", "-P1M", "P30D", "P27D", "P32D", "PT36H", "P1DT12H", "P1Y", "P12M", "PT0.5S", "P0D"])
LITERALS = st.one_of(
    typed("dateTime", joined(DATES, "T", CLOCKS, ZONES)),
    typed("date", joined(DATES, ZONES)),
    typed("time", joined(CLOCKS, ZONES)),
    typed("gYear", joined(YEARS, ZONES)),
    typed("gYearMonth", joined(YEARS, "-", MONTHS, ZONES)),
    typed("gMonthDay", joined("--", MONTHS, "-", DAYS, ZONES)),
    typed("integer", FIXED),
    typed("decimal", DECIMALS),
    typed("double", FLOATING),
    typed("boolean", st.sampled_from(["true", "false", "1", "0"])),
    typed("duration", DURATIONS),
    typed("string", st.sampled_from(["", "a", "b", "10", "2025", "2025-01-01", "яблуко", "\U0001f600"])),
    typed("integer", st.sampled_from(["x", "", "1_0"])),  # values that are none of their type
    st.sampled_from([ox.Literal("a", language="en"), ox.Literal("a", language="uk"), ox.Literal("b", language="en")]),
)


def key(literal: ox.Literal) -> str:
    return literal_key(literal.value, literal.datatype.value, literal.language or "")


@settings(max_examples=1000)
@given(LITERALS, LITERALS)
def test_the_order_is_that_of_the_engine_where_it_has_one(one: ox.Literal, other: ox.Literal) -> None:
    text = f"SELECT (?a < ?b AS ?less) (?a = ?b AS ?equal) {{ BIND({one} AS ?a) BIND({other} AS ?b) }}"
    (row,) = oxigraph_queries.rows(oxigraph.open_store(None), text)
    less, equal = (row[name].value == "true" if name in row else None for name in ("less", "equal"))  # type: ignore[union-attr]
    if less:
        assert key(one) < key(other)
    if equal and one.datatype == other.datatype:
        assert key(one) == key(other)


def test_values_without_a_zone_stand_where_they_would_in_utc() -> None:
    times = ["2025-01-01T10:00:00+01:00", "2025-01-01T09:30:00", "2025-01-01T10:00:00Z", "2025-01-01T09:00:00-14:00"]
    keys = [literal_key(time, f"{XSD}dateTime", "") for time in times]
    assert keys == sorted(keys)


def test_dates_and_times_of_different_precision_stand_together() -> None:
    values = [
        ("gYear", "2024"),
        ("dateTime", "2024-12-31T23:59:59"),
        ("gYear", "2025"),
        ("gYearMonth", "2025-01"),
        ("date", "2025-01-01"),
        ("dateTime", "2025-01-01T00:00:00"),
        ("date", "2025-01-02"),
        ("gYearMonth", "2025-02"),
    ]
    keys = [literal_key(value, XSD + name, "") for name, value in values]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


def test_numbers_beyond_what_a_double_holds_stay_apart() -> None:
    numbers = ["-9223372036854775808", "9007199254740992", "9007199254740993", "9223372036854775807", "1" + 400 * "0"]
    keys = [literal_key(number, f"{XSD}integer", "") for number in numbers]
    assert keys == sorted(set(keys))
    assert literal_key("9007199254740992.0", f"{XSD}double", "") == keys[1]


@pytest.mark.parametrize("seed", range(3))
def test_the_engine_sorts_any_values_by_them(seed: int) -> None:
    """Its own order of these values ends the process: 9 < 10 as numbers, but "10" < "95" < "9…" as strings."""
    chosen = random.Random(seed)
    engine = oxigraph.open_store(None)
    zones = ["", "Z", "+05:00", "-10:00"]
    for number in range(600):
        day, hour = chosen.randint(1, 5), chosen.randint(0, 23)
        values: list[oxigraph.Term] = [
            ox.Literal(
                f"2025-01-{day:02}T{hour:02}:00:00{chosen.choice(zones)}", datatype=ox.NamedNode(f"{XSD}dateTime")
            ),
            ox.Literal(str(chosen.randint(0, 99))),
            ox.Literal(chosen.randint(0, 99)),
            ox.BlankNode(),
            ox.NamedNode(f"urn:{chosen.randint(0, 9)}"),
            ox.Triple(
                ox.NamedNode("urn:a"),
                ox.NamedNode("urn:b"),
                chosen.choice([ox.Literal(9), ox.Literal(10), ox.Literal("95"), ox.Literal(1.5)]),
            ),
        ]
        engine.add(ox.Quad(ox.NamedNode(f"urn:{number}"), ox.NamedNode("urn:p"), chosen.choice(values)))
    text = "SELECT ?o { ?s <urn:p> ?o } ORDER BY <urn:x-claimgraph:sort-key>(?o)"
    found = [row["o"] for row in oxigraph_queries.rows(engine, text)]
    kinds = [(ox.BlankNode, ox.NamedNode, ox.Literal, ox.Triple).index(type(term)) for term in found]
    assert kinds == sorted(kinds)
    keys = [key(term) for term in found if isinstance(term, ox.Literal)]
    assert keys == sorted(keys)
    assert len(found) == 600


def test_it_is_ordered_backwards_too() -> None:
    keys = [literal_key(f"{number}", f"{XSD}integer", "") for number in (-20, -3, 0, 3, 20)]
    assert all(one < other for one, other in itertools.pairwise(keys))
