"""Remote results: strict parsing, and VALUES clauses equivalent to the JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.federation.remote_results_as_values import EMPTY_SOLUTION, BadRemoteResult, as_values
from kg.rdf import oxigraph, oxigraph_queries
from kg.rdf.query_request_and_result import QueryDataset, ResultFormats
from kg.sparql import query_and_update_analysis

A = {"type": "uri", "value": "a:b"}

XSD = "http://www.w3.org/2001/XMLSchema#"
SKOLEM = "http://example.org/.well-known/genid/"
Row = dict[str, Any]

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
LITERALS = st.one_of(
    TEXTS.map(lambda value: {"type": "literal", "value": value}),
    st.builds(
        lambda value, tag: {"type": "literal", "value": value, "xml:lang": tag},
        TEXTS,
        st.sampled_from(["en", "uk", "zh-hant-tw", "x-1"]),
    ),
    TEXTS.map(lambda value: {"type": "literal", "value": value, "datatype": "http://example.org/type"}),
)
IRIS = st.from_regex(r"http://example\.org/[a-zé/?#%2F'()*;=,.]{0,12}", fullmatch=True).map(
    lambda value: {"type": "uri", "value": value}
)
TERMS = st.one_of(LITERALS, IRIS.filter(lambda term: oxigraph.is_iri(str(term["value"]))))


def document(variables: list[str], rows: list[Row]) -> bytes:
    return json.dumps({"head": {"vars": variables}, "results": {"bindings": rows}}).encode()


def answered(text: str) -> list[Row]:
    """Run a query and read its result."""
    found = oxigraph_queries.query(oxigraph.open_store(None), text, ResultFormats(), QueryDataset())
    rows: list[Row] = json.loads(found.content)["results"]["bindings"]
    return rows


@given(st.lists(st.fixed_dictionaries({}, optional={"a": TERMS, "é_1": TERMS}), max_size=4))
def test_any_term_comes_through(rows: list[Row]) -> None:
    values, count = as_values(document(["a", "é_1"], rows), {"a", "é_1", "b"}, 4, SKOLEM)
    text = f"SELECT * WHERE {{ {values} }}"
    assert count == len(rows)
    assert answered(text) == rows
    assert "\n" not in values
    parsed = query_and_update_analysis.QueryAnalysis.parse(text, "base:/")
    assert (parsed.malformed, parsed.services) == (None, ())


@given(TEXTS)
def test_no_text_breaks_out_of_an_update(value: str) -> None:
    values, _ = as_values(document(["a"], [{"a": {"type": "literal", "value": value}}]), {"a"}, 1, SKOLEM)
    parsed = query_and_update_analysis.UpdateAnalysis.parse(
        f"INSERT {{ <a:s> <a:p> ?a }} WHERE {{ {values} }}", "base:/"
    )
    assert [(it.kind, it.services) for it in parsed.operations] == [("MODIFY", ())]
    assert parsed.malformed is None


@pytest.mark.parametrize(
    "term",
    [
        {"type": "literal", "value": "SERVICE <http://a.org/> { } }"},
        {"type": "literal", "value": '"""\\" \'\'\' # \\u0022'},
        {"type": "typed-literal", "value": "1.50", "datatype": f"{XSD}string"},
        {"type": "literal", "value": "x", "xml:lang": "en", "its:dir": "rtl"},
        {"type": "triple", "value": {"subject": A, "predicate": A, "object": A}},
    ],
)
def test_terms(term: Row) -> None:
    values, _ = as_values(document(["a"], [{"a": term}]), {"a"}, 1, SKOLEM)
    (row,) = answered(f"SELECT * WHERE {{ {values} }}")
    assert row["a"]["value"] == term["value"]
    assert row["a"].get("its:dir") == term.get("its:dir")


def test_blank_nodes_become_iris_that_are_the_same_in_one_answer_only() -> None:
    rows = [{"a": {"type": "bnode", "value": label}} for label in ("x", "y } DROP ALL", "x")]
    values, _ = as_values(document(["a"], rows), {"a"}, 3, SKOLEM)
    first, second, third = (row["a"] for row in answered(f"SELECT * WHERE {{ {values} }}"))
    assert first == third == {"type": "uri", "value": f"{SKOLEM}0"}
    assert second == {"type": "uri", "value": f"{SKOLEM}1"}


@pytest.mark.parametrize(("rows", "count"), [([], 0), ([{}], 1), ([{}, {}], 2)])
def test_answers_without_variables(rows: list[Row], count: int) -> None:
    values, _ = as_values(document([], rows), set(), 9, SKOLEM)
    assert len(answered(f"SELECT * WHERE {{ {values} }}")) == count


def test_no_solutions_keep_their_variables() -> None:
    values, count = as_values(document(["a"], []), {"a"}, 9, SKOLEM)
    assert count == 0
    found = oxigraph_queries.query(
        oxigraph.open_store(None), f"SELECT * WHERE {{ {values} }}", ResultFormats(), QueryDataset()
    )
    assert json.loads(found.content)["head"]["vars"] == ["a"]


def test_a_failure_that_is_hidden_is_one_empty_solution() -> None:
    assert answered(f"SELECT * WHERE {{ {EMPTY_SOLUTION} }}") == [{}]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"head":{},"boolean":true}',
        b'{"head":null,"results":{"bindings":[]}}',
        b'{"head":{"vars":[]},"results":null}',
        b'{"head":{"vars":[]},"results":{"bindings":{}}}',
        b'{"head":{"vars":{}},"results":{"bindings":[]}}',
        b'{"head":{"vars":[1]},"results":{"bindings":[]}}',
        b'{"head":{"vars":["a","a"]},"results":{"bindings":[]}}',
        b'{"head":{"vars":["b"]},"results":{"bindings":[]}}',
        b'{"head":{"vars":["a) { } DROP ALL"]},"results":{"bindings":[]}}',
        b'{"head":{"vars":[]},"results":{"bindings":[NaN]}}',
        b'{"head":{"vars":[]},"results":{"bindings":[]}} x',
        b'{"head":{"vars":[]},"results":{"bindings":[]}',
        '{"head":{"vars":[]},"results":{"bindings":[]}}'.encode("utf-16"),
        b'{"head":{"vars":["a"]},"results":{"bindings":[{"a":{"type":"literal","value":"\xff"}}]}}',
        b"[" * 200_000,
        b'{"head":{"vars":["a"]},"results":{"bindings":' + b'[{"a":' * 100_000,
    ],
)
def test_what_is_no_answer_is_refused(content: bytes) -> None:
    with pytest.raises(BadRemoteResult):
        as_values(content, {"a", "a) { } DROP ALL"}, 9, SKOLEM)


@pytest.mark.parametrize(
    "binding",
    [
        [],
        "a",
        {"b": A},
        {"a": None},
        {"a": "a:b"},
        {"a": {}},
        {"a": {"type": "uri"}},
        {"a": {"type": "uri", "value": 1}},
        {"a": {"type": "uri", "value": "relative"}},
        {"a": {"type": "uri", "value": "http://a> } ; DROP ALL ; SELECT * { <b"}},
        {"a": {"type": "uri", "value": "http://a b"}},
        {"a": {"type": "literal"}},
        {"a": {"type": "literal", "value": "\ud800"}},
        {"a": {"type": "literal", "value": "x", "xml:lang": "en . } DROP ALL"}},
        {"a": {"type": "literal", "value": "x", "xml:lang": 1}},
        {"a": {"type": "literal", "value": "x", "xml:lang": "en", "its:dir": "up } DROP ALL"}},
        {"a": {"type": "literal", "value": "x", "its:dir": "ltr"}},
        {"a": {"type": "literal", "value": "x", "datatype": "d> } "}},
        {"a": {"type": "literal", "value": "x", "datatype": 1}},
        {"a": {"type": "literal", "value": "x", "datatype": "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString"}},
        {"a": {"type": "unknown", "value": "x"}},
        {"a": {"type": ["uri"], "value": "a:b"}},
        {"a": {"type": "triple", "value": "x"}},
        {"a": {"type": "triple", "value": {"subject": A, "predicate": A}}},
        {
            "a": {
                "type": "triple",
                "value": {"subject": {"type": "literal", "value": "<x"}, "predicate": A, "object": A},
            }
        },
        {"a": {"type": "triple", "value": {"subject": A, "predicate": {"type": "literal", "value": "x"}, "object": A}}},
        {"a": {"type": "triple", "value": {"subject": A, "predicate": A, "object": {"type": "uri", "value": "b"}}}},
    ],
)
def test_terms_that_are_none_are_refused(binding: object) -> None:
    content = json.dumps({"head": {"vars": ["a"]}, "results": {"bindings": [binding]}}).encode()
    with pytest.raises(BadRemoteResult):
        as_values(content, {"a"}, 9, SKOLEM)


def test_triples_nest_only_so_deep() -> None:
    term: Row = A
    for _ in range(40):
        term = {"type": "triple", "value": {"subject": A, "predicate": A, "object": term}}
    with pytest.raises(BadRemoteResult):
        as_values(document(["a"], [{"a": term}]), {"a"}, 9, SKOLEM)


def test_too_many_solutions_are_refused() -> None:
    with pytest.raises(BadRemoteResult, match="more than 2"):
        as_values(document(["a"], [{"a": A}] * 3), {"a"}, 2, SKOLEM)
