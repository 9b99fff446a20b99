"""Result limits: the first row or byte over a limit is an error; no result is truncated."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.errors import ResultTooLarge
from kg.rdf import media_types, oxigraph, oxigraph_queries
from kg.rdf.query_request_and_result import QueryDataset, ResultFormats
from kg.rdf.result_limits import LimitedBuffer, ResultLimits

FORMATS = list(media_types.RESULTS)
GRAPHS = [name for name in media_types.GRAPHS if name != "text/n3"]
SELECT = "SELECT ?s ?o ?nothing { ?s ?p ?o }"
NASTY = [
    "plain",
    "two\nlines",
    "\r\n\r\n\r",
    'a "quote", a comma',
    '"',
    '""\n""',
    "},{",
    '"},{"x":{"value":"',
    "}},{{",
    "<result>",
    "</result><result>",
    "<![CDATA[<result>]]>",
    "a\tb\\n\n",
    "",
    ",",
    "'\n'",
]
"""Each looks like the end of a row in some format."""


def store_of(literals: list[str]) -> oxigraph.Engine:
    store = oxigraph.open_store(None)
    for number, text in enumerate(literals):
        names = oxigraph.NamedNode(f"urn:s{number}"), oxigraph.NamedNode("urn:p")
        store.add(oxigraph.Quad(*names, oxigraph.Literal(text)))
    return store


def answer(store: oxigraph.Engine, text: str, media_type: str, bounds: ResultLimits) -> bytes:
    choice = ResultFormats(media_type, media_type, media_type)
    return oxigraph_queries.query(store, text, choice, QueryDataset(), bounds).content


@pytest.mark.parametrize("media_type", FORMATS)
@pytest.mark.parametrize("literal", NASTY)
def test_rows_of_a_select_are_counted_exactly(literal: str, media_type: str) -> None:
    store = store_of([literal] * 7)
    assert answer(store, SELECT, media_type, ResultLimits(rows=7)) == answer(store, SELECT, media_type, ResultLimits())
    with pytest.raises(ResultTooLarge, match="more than 6 rows"):
        answer(store, SELECT, media_type, ResultLimits(rows=6))


@pytest.mark.parametrize("media_type", FORMATS)
@settings(max_examples=60)
@given(literals=st.lists(st.sampled_from(NASTY) | st.text("\",\r\n\t\\{}<>result'", max_size=12), max_size=8))
def test_rows_of_any_literals_are_counted_exactly(media_type: str, literals: list[str]) -> None:
    store, size = store_of(literals), len(literals)
    answer(store, SELECT, media_type, ResultLimits(rows=max(size, 1)))
    if size > 1:
        with pytest.raises(ResultTooLarge):
            answer(store, SELECT, media_type, ResultLimits(rows=size - 1))


@pytest.mark.parametrize("media_type", FORMATS)
@pytest.mark.parametrize("head", ["?s", "?nothing", "*", "?nothing ?none"])
def test_rows_that_hold_little_are_rows(head: str, media_type: str) -> None:
    """A solution without any binding is one all the same."""
    store = store_of(["", "", ""])
    pattern = "VALUES ?nothing { UNDEF UNDEF UNDEF }" if head == "*" else "?s ?p ?o"
    answer(store, f"SELECT {head} {{ {pattern} }}", media_type, ResultLimits(rows=3))
    with pytest.raises(ResultTooLarge):
        answer(store, f"SELECT {head} {{ {pattern} }}", media_type, ResultLimits(rows=2))


@pytest.mark.parametrize("media_type", FORMATS)
def test_no_row_and_no_variable(media_type: str) -> None:
    store = store_of([])
    assert answer(store, "SELECT * {}", media_type, ResultLimits(rows=1))
    assert answer(store, SELECT, media_type, ResultLimits(rows=1))


@pytest.mark.parametrize("media_type", FORMATS)
def test_a_long_literal_of_many_lines_is_one_row(media_type: str) -> None:
    """The csv module of Python reads no field of more than 128 KiB."""
    store = store_of(["line\n},{ <result>" * 30_000] * 2)
    answer(store, SELECT, media_type, ResultLimits(rows=2))
    with pytest.raises(ResultTooLarge):
        answer(store, SELECT, media_type, ResultLimits(rows=1))


@pytest.mark.parametrize("media_type", GRAPHS)
@pytest.mark.parametrize("text", ["CONSTRUCT WHERE { ?s ?p ?o }", "DESCRIBE ?s { ?s ?p ?o }"])
def test_triples_are_counted_exactly(text: str, media_type: str) -> None:
    store = store_of(NASTY)
    size = len(NASTY)
    assert answer(store, text, media_type, ResultLimits(rows=size))
    with pytest.raises(ResultTooLarge, match=f"more than {size - 1} rows"):
        answer(store, text, media_type, ResultLimits(rows=size - 1))


@pytest.mark.parametrize("media_type", [*FORMATS, *GRAPHS])
def test_bytes_are_counted_exactly(media_type: str) -> None:
    store = store_of(NASTY)  # with carriage returns, which XML needs five bytes for
    text = SELECT if media_type in FORMATS else "CONSTRUCT WHERE { ?s ?p ?o }"
    whole = answer(store, text, media_type, ResultLimits())
    assert answer(store, text, media_type, ResultLimits(size=len(whole))) == whole
    with pytest.raises(ResultTooLarge, match=f"larger than {len(whole) - 1} bytes"):
        answer(store, text, media_type, ResultLimits(size=len(whole) - 1))


@pytest.mark.parametrize("media_type", FORMATS[:2])
def test_an_ask_has_bytes_and_no_rows(media_type: str) -> None:
    store = store_of(NASTY)
    whole = answer(store, "ASK {}", media_type, ResultLimits(rows=1))
    with pytest.raises(ResultTooLarge):
        answer(store, "ASK {}", media_type, ResultLimits(size=len(whole) - 1))


def test_what_is_passed_on_is_not_read_further_than_one_over_the_limit() -> None:
    seen = []

    def items() -> Iterator[int]:
        for number in range(10):
            seen.append(number)
            yield number

    with pytest.raises(ResultTooLarge):
        list(ResultLimits(rows=3).counted(items()))
    assert seen == [0, 1, 2, 3]


def test_a_sink_keeps_what_fits_and_no_part_of_what_does_not() -> None:
    sink = LimitedBuffer(5)
    sink.write(b"abc")
    with pytest.raises(ResultTooLarge):
        sink.write(b"def")
    assert sink.getvalue() == b"abc"
    sink.write(memoryview(b"de"))
    assert sink.getvalue() == b"abcde"
