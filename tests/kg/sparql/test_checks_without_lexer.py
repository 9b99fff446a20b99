"""Plain queries: the fast analysis decides like the lexer, or leaves the text to it."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from kg.rdf import oxigraph
from kg.sparql.checks_without_lexer import height_bound, nesting_bound, plain_form
from kg.sparql.text_depth import height, nesting
from tests.query_texts import PREFIXES, Comparison, compare, sources

_TERMS = (
    "?a",
    "1 ",
    "<a>",
    "'x'",
    "[]",
    "'a'@a1",
    "true1",
    "_:a#\n",
    "FALSE",
    "()",
    "?a:b",
    "1.1.",
    "'a':b",
    "<a>b:c",
    "true\r",
)
"""Elements of a collection that need no mark between them."""


def test_no_text_is_decided_otherwise_than_by_the_lexer() -> None:
    """A longer comparison: ``python -m tests.query_texts 1000000 1``."""
    seen = compare(4000, seed=1)
    assert seen["plain"] > 800
    assert seen["refused by both"] > 10
    assert seen["refused by the lexer only"] > 40, "the texts include some that only the lexer refuses"


def test_the_texts_of_the_guide_are_plain() -> None:
    comparison = Comparison(oxigraph.open_store(None), Counter())
    for text in sources():
        comparison.compare(text, PREFIXES)
    assert comparison.seen["plain"] > 30
    readme = sources()[0]
    assert plain_form(readme) == "SELECT"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("SELECT * { <http://e/#a,b'(c)> ?p ?o } LIMIT 10", "SELECT"),
        ("ask{?s?p?o}", "ASK"),
        ("cOnStRuCt { ?s a e:a } where { ?s e:b-c 'x'@en-GB , \"é\"^^e:t . }", "CONSTRUCT"),
        ("DESCRIBE <a> # a comment", "DESCRIBE"),
        ("# c\nBASE<u:x>PREFIX :<urn:x:>#\nASK{:a :b_1 _:c}", "ASK"),
        ("SELECT (COUNT(*) AS ?n) { ?s ?p ?o FILTER(?o <= 1.5 && ?o < 2 || !ISIRI(?o)) }", "SELECT"),
        ("SELECT ?місто { ?місто e:a/^e:b|!e:c* ?o }", "SELECT"),
    ],
)
def test_plain_texts(text: str, form: str) -> None:
    assert plain_form(text, {"e": "http://e/"}) == form


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SELEC * {}",
        "?x SELECT * {}",
        "INSERT DATA {}",
        "SELECT * FROM <g> {}",
        "ASK { SERVICE <u:x> {} }",
        "ASK { ?service ?p ?o }",
        "ASK { \\u0053ERVICE <u:x> {} }",
        "ASK { ?s ?p '\\n' }",
        "ASK { ?s ?p '''x''' }",
        "ASK { ?s ?p <<?s ?p ?o>> }",
        "ASK { ?s ?p e:a.b }",
        "ASK { ?s ?p e:%41 }",
        "ASK { ?s ?p nope:a }",
        "ASK { FILTERe:f(1) }",
        "ASK { FILTER(?a<1#>)\n) }",
        "ASK { FILTER(?a<b:f(1)&&?c>?d) }",
        "ASK { ?s ?p 1e5 }",
        "ASK { ?s ?p 1 ~ ?r }",
        "ASK { ?s ?p ?o PREFIX e: <u:x> }",
        "PREFIX f: <http://e:80> ASK { ?s ?p f:a }",
        "PREFIX f: <x> ASK { ?s ?p f:a }",
        "ASK { } \u017felect",
        "ASK { \ud800 }",
    ],
)
def test_texts_that_are_left_to_the_lexer(text: str) -> None:
    assert plain_form(text, {"e": "http://e/"}) == ""


@pytest.mark.parametrize(
    "text",
    [
        "ASK {" + "(" * 500 + "}",
        "ASK { FILTER(" + "!" * 500 + "1) }",
        "ASK { ?s ?p " + "<<" * 500 + "}",
        "ASK { FILTER(1" + "||1" * 500 + ") }",
        *(f"ASK {{ ?s ?p ({term * 500}) }}" for term in _TERMS),
    ],
)
def test_bounds_are_not_below_what_they_bound(text: str) -> None:
    assert max(nesting(text), height(text)) >= 490
    assert nesting(text) <= nesting_bound(text)
    assert height(text) <= height_bound(text)


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece", ["a-", "a", "ex:a..", "<a", "<a:", "'", "1", "....", "@a-", "a:", "_:a.", "PREFIX ", "#\r"]
)
def test_time_is_linear(piece: str) -> None:
    """A quadratic scan of these takes minutes."""
    text = "ASK {" + piece * (1_000_000 // len(piece))
    start = time.process_time()
    plain_form(text)
    plain_form(piece * (1_000_000 // len(piece)))
    assert time.process_time() - start < 60
