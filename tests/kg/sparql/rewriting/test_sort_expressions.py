"""Conditions of ORDER BY: the order is total, and that of the engine's ``<`` wherever this is defined."""

from __future__ import annotations

import itertools
import random

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.rdf import oxigraph, oxigraph_queries
from kg.sparql.rewriting.engine_rewriting import query_edits
from kg.sparql.text_edits import edited
from tests.kg.rdf.test_literal_sort_keys import LITERALS, XSD, typed

LONG = f"IF(true, {{}}, '{'long' * 40}')"
"""An expression too long to be repeated, which leaves the whole key to the function in Python."""

EXTREMES = [
    *(ox.Literal(value, datatype=ox.NamedNode(XSD + "double")) for value in ("99999.0", "1e-300", "3e-300", "1e17")),
    *(ox.Literal(value, datatype=ox.NamedNode(XSD + "double")) for value in ("0.3", "0.30000000000000004")),
    *(ox.Literal(value, datatype=ox.NamedNode(XSD + "float")) for value in ("0.1", "16777216", "1e-30", "INF")),
    *(ox.Literal(value, datatype=ox.NamedNode(XSD + "integer")) for value in ("99999", "16777217", "9" * 30)),
    *(ox.Literal(value, datatype=ox.NamedNode(XSD + "decimal")) for value in ("0.3", "0.299999999999999999")),
    *(ox.Literal(value, datatype=ox.NamedNode(XSD + "gYear")) for value in ("-12025", "9" * 13, "9" * 5000)),
]
OTHERS = st.one_of(
    LITERALS,
    st.sampled_from(EXTREMES),
    typed("dateTime", st.sampled_from(["-12025-01-01T00:00:00Z", "5000000000000-01-01T00:00:00Z"])),
    st.sampled_from([ox.NamedNode("urn:a"), ox.NamedNode("urn:b")]),
)
NUMBERS = ("integer", "decimal", "double")


def ordered(values: list[oxigraph.Term], expression: str = "?v") -> list[oxigraph.Term]:
    """Return values as ORDER BY sorts them."""
    inline = " ".join(map(str, values))
    text = f"SELECT ?v {{ VALUES ?v {{ {inline} }} }} ORDER BY {expression}"
    return [row["v"] for row in oxigraph_queries.rows(oxigraph.open_store(None), edited(text, query_edits(text)))]


@settings(max_examples=300, deadline=None)
@given(OTHERS, OTHERS)
def test_the_order_is_that_of_the_engine_where_it_has_one(one: oxigraph.Term, other: oxigraph.Term) -> None:
    text = f"SELECT (?a < ?b AS ?less) {{ BIND({one} AS ?a) BIND({other} AS ?b) }}"
    (row,) = oxigraph_queries.rows(oxigraph.open_store(None), text)
    if row.get("less") != ox.Literal(True):
        return
    for expression in ("?v", "(?v)", LONG.format("?v")):
        assert ordered([other, one], expression) == ordered([one, other], expression)
        first, last = ordered([other, one], f"DESC({expression})")
        assert (first, last) == tuple(reversed(ordered([one, other], expression)))
    assert ordered([other, one]) == ordered([one]) + ordered([other])


@settings(max_examples=200, deadline=None)
@given(OTHERS, OTHERS, OTHERS)
def test_the_order_is_transitive(one: oxigraph.Term, other: oxigraph.Term, third: oxigraph.Term) -> None:
    """Of equal values the first comes first, so the order of two is known only if it does not depend on that."""
    before = {
        (a, b): ordered([a, b]) == ordered([b, a]) == ordered([a]) + ordered([b])
        for a, b in itertools.permutations((one, other, third), 2)
        if ordered([a]) != ordered([b])
    }
    for a, b, c in itertools.permutations((one, other, third), 3):
        if before.get((a, b)) and before.get((b, c)):
            assert before.get((a, c))


def test_kinds_stand_one_after_another() -> None:
    names = "boolean duration integer string dateTime time gDay unknown"
    texts = ["true", "-P1D", "7", "-5", "2025-01-01T00:00:00", "00:00:00", "---01", "0"]
    values: list[oxigraph.Term] = [
        ox.NamedNode("urn:z"),
        *(ox.Literal(text, datatype=ox.NamedNode(XSD + name)) for name, text in zip(names.split(), texts, strict=True)),
    ]
    assert ordered(values[::-1]) == values


def test_dates_and_times_stand_together_the_vaguer_one_first() -> None:
    years = [("gYear", "-12025"), ("date", "-12024-01-01"), ("gYear", "-0044"), ("dateTime", "2024-12-31T23:59:59Z")]
    same = [("gYear", "2025"), ("gYearMonth", "2025-01"), ("date", "2025-01-01"), ("dateTime", "2025-01-01T00:00:00")]
    later = [("date", "2025-01-01-01:00"), ("dateTime", "2025-01-01T05:00:00"), ("gYear", "12025"), ("gYear", "9" * 20)]
    values: list[oxigraph.Term] = [
        ox.Literal(value, datatype=ox.NamedNode(XSD + name)) for name, value in [*years, *same, *later]
    ]
    for expression in ("?v", LONG.format("?v")):
        assert ordered(values[::-1], expression) == values


@pytest.mark.parametrize("expression", ["?v", LONG.format("?v")])
def test_numbers_of_all_types_stand_together(expression: str) -> None:
    numbers = [
        ("double", "-INF"),
        ("integer", "-" + "9" * 30),
        ("double", "-1e20"),
        ("decimal", "-0.5"),
        ("double", "1e-300"),
        ("double", "3e-300"),
        ("decimal", "0.2999999999999999999999999"),
        ("decimal", "0.3"),
        ("double", "0.30000000000000004"),
        ("integer", "99998"),
        ("double", "99999.0"),
        ("decimal", "99999.5"),
        ("integer", "9007199254740992"),
        ("integer", "9007199254740993"),
        ("double", "1e19"),
        ("double", "1e30"),
        ("double", "INF"),
        ("double", "NaN"),
    ]
    values: list[oxigraph.Term] = [ox.Literal(text, datatype=ox.NamedNode(XSD + name)) for name, text in numbers]
    assert [str(value) for value in ordered(values[::-1], expression)] == [str(one) for one in ordered_text(values)]


def ordered_text(values: list[oxigraph.Term]) -> list[oxigraph.Term]:
    """Return values as the engine writes them (``1e19`` as ``1.0E19``), in their order."""
    return [ordered([value])[0] for value in values]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("condition", ["?o", "DESC(?o)", "(IF(BOUND(?o), ?o, 0))"])
def test_any_values_are_sorted_by_kind(seed: int, condition: str) -> None:
    """The engine's own order of these values ends the process."""
    chosen = random.Random(seed)
    engine = oxigraph.open_store(None)
    for number in range(2000):
        zone = chosen.choice(["", "Z", "+05:00", "-10:00"])
        day, hour = chosen.randint(1, 5), chosen.randint(0, 23)
        time = f"2025-01-{day:02}T{hour:02}:00:00{zone}"
        values: list[oxigraph.Term] = [
            ox.Literal(time, datatype=ox.NamedNode(f"{XSD}dateTime")),
            ox.Literal(time[:10] + zone, datatype=ox.NamedNode(f"{XSD}date")),
            ox.Literal(f"{day}", datatype=ox.NamedNode(f"{XSD}{chosen.choice(NUMBERS)}")),
            ox.Literal(str(chosen.randint(0, 99)), language=chosen.choice([None, "en", "uk"])),
            chosen.choice(EXTREMES),
            ox.BlankNode(),
            ox.NamedNode(f"urn:{chosen.randint(0, 9)}"),
            ox.Triple(ox.NamedNode("urn:a"), ox.NamedNode("urn:b"), chosen.choice(EXTREMES)),
        ]
        engine.add(ox.Quad(ox.NamedNode(f"urn:{number}"), ox.NamedNode("urn:p"), chosen.choice(values)))
    text = f"SELECT ?o {{ ?s <urn:p> ?o }} ORDER BY {condition}"
    found = [row["o"] for row in oxigraph_queries.rows(engine, edited(text, query_edits(text)))]
    if condition.startswith("DESC"):
        found.reverse()
    kinds = [(ox.BlankNode, ox.NamedNode, ox.Literal, ox.Triple).index(type(term)) for term in found]
    assert kinds == sorted(kinds)
    assert len(found) == 2000
    numbers = [float(term.value) for term in found if isinstance(term, ox.Literal) and is_number(term)]
    assert numbers == sorted(numbers)


def is_number(term: ox.Literal) -> bool:
    return term.datatype.value.removeprefix(XSD) in NUMBERS


def test_groups_are_sorted_by_aggregates() -> None:
    rows = (
        "(1 'b') (1 <urn:a>) (2 7) (2 8) (3 '2025-01-01'^^<http://www.w3.org/2001/XMLSchema#date>) (4 true) (5 UNDEF)"
    )
    text = f"SELECT ?g (MAX(?v) AS ?m) {{ VALUES (?g ?v) {{ {rows} }} }} GROUP BY ?g ORDER BY "
    engine = oxigraph.open_store(None)
    for condition in ("?m", "MAX(?v)", "(?m) DESC(COUNT(*))"):
        found = oxigraph_queries.rows(engine, edited(text + condition, query_edits(text + condition)))
        assert [str(row["g"].value) for row in found] == ["5", "4", "2", "1", "3"]  # type: ignore[union-attr]


def test_distinct_limit_and_offset_see_the_order() -> None:
    values = "VALUES (?v ?w) { (1 1) ('a' 2) (1 3) (<urn:a> 4) (2 5) }"
    text = f"SELECT DISTINCT ?v {{ {values} }} ORDER BY DESC(?v) OFFSET 1 LIMIT 2"
    found = oxigraph_queries.rows(oxigraph.open_store(None), edited(text, query_edits(text)))
    assert [row["v"] for row in found] == [ox.Literal(2), ox.Literal(1)]
