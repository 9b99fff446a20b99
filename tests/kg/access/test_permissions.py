"""Permissions of callers."""

from __future__ import annotations

import pytest

from kg.access.permissions import NOWHERE, GraphLimit, Principal, Scope, anonymous, restricted, scopes_up_to
from kg.errors import InsufficientScope, Unauthorized
from kg.iris import Names
from kg.rdf.query_request_and_result import QueryDataset
from kg.sparql import query_and_update_analysis

NAMES = Names("http://b.example/")
BASE = "http://b.example/"


def test_what_is_not_granted_is_refused() -> None:
    reader = Principal("r", scopes_up_to("read"))
    reader.require("read")
    for scope in ("write", "admin"):
        with pytest.raises(InsufficientScope) as caught:
            reader.require(scope)
        assert caught.value.scope == scope
    with pytest.raises(InsufficientScope):
        Principal("w", scopes_up_to("write")).require("admin")
    Principal("a", scopes_up_to("admin")).require("admin")


def test_callers_without_a_token_are_asked_for_one() -> None:
    asked: tuple[tuple[Principal, Scope], ...] = (
        (anonymous("*"), "write"),
        (anonymous("none"), "read"),
        (anonymous("none"), "admin"),
    )
    anonymous("*").require("read")
    for caller, scope in asked:
        with pytest.raises(Unauthorized) as caught:
            caller.require(scope)
        assert not caught.value.invalid


@pytest.mark.parametrize(
    ("graphs", "graph", "sees", "covers"),
    [
        (["http://e/g"], "http://e/g", True, True),
        (["http://e/g"], "http://e/g2", False, False),
        (["http://e/g"], "http://e/", False, False),
        (["http://e/g*"], "http://e/g2", True, True),
        (["http://e/g*"], "http://e/", False, False),
        (["http://e/g", "http://f/*"], "http://f/", True, True),
        ([], "http://e/g", False, False),
        ([], "", False, False),
        ([], f"{BASE}graph/ontology", True, False),
        ([], f"{BASE}graph/reference", True, False),
        ([], f"{BASE}graph/ontology2", False, False),
        ([], f"{BASE}graph/default", False, False),
        ([f"{BASE}graph/article/a"], f"{BASE}graph/inferred/a", True, True),
        ([f"{BASE}graph/article/a"], f"{BASE}graph/inferred/ab", False, False),
        ([f"{BASE}graph/article/*"], f"{BASE}graph/inferred/a", True, True),
        ([f"{BASE}graph/inferred/a"], f"{BASE}graph/inferred/a", False, False),
        ([f"{BASE}graph/inferred/*"], f"{BASE}graph/inferred/a", False, False),
        ([f"{BASE}*"], f"{BASE}graph/shadow/0", False, False),
        ([f"{BASE}*"], f"{BASE}graph/inferred/a", True, True),
    ],
)
def test_limits(graphs: list[str], graph: str, sees: bool, covers: bool) -> None:
    limit = GraphLimit(tuple(graphs), NAMES)
    assert (limit.can_read(graph), limit.can_write(graph)) == (sees, covers)


def test_in_a_bare_store_no_graph_is_special() -> None:
    limit = GraphLimit((f"{BASE}graph/article/a", f"{BASE}graph/inferred/b"), NAMES, bare=True)
    seen = ["graph/article/a", "graph/inferred/b"]
    for name in (*seen, "graph/ontology", "graph/reference", "graph/inferred/a"):
        assert limit.can_read(BASE + name) == (name in seen)


@pytest.mark.parametrize(
    ("default", "named", "text", "expected"),
    [
        ([], [], "ASK {}", (["urn:a", "urn:b"], ["urn:a", "urn:b"])),
        ([], [], "ASK FROM <urn:b> {}", (["urn:b"], [])),
        ([], [], "ASK FROM <urn:b> FROM <urn:x> FROM NAMED <urn:x> {}", (["urn:b"], [])),
        ([], [], "ASK FROM <urn:x> {}", ([NOWHERE], [])),
        ([], [], "ASK FROM NAMED <urn:a> {}", ([NOWHERE], ["urn:a"])),
        (["urn:a"], [], "ASK FROM <urn:b> {}", (["urn:a"], [])),
        ([], ["urn:b"], "ASK FROM <urn:b> {}", ([NOWHERE], ["urn:b"])),
        (["urn:x"], ["urn:x"], "ASK {}", ([NOWHERE], [])),
        (["urn:x"], [], "ASK FROM <urn:b> {}", ([NOWHERE], [])),
        ([NOWHERE], [NOWHERE], "ASK {}", ([NOWHERE], [])),
    ],
)
def test_restricted(default: list[str], named: list[str], text: str, expected: tuple[list[str], list[str]]) -> None:
    asked = QueryDataset(default, named, base="urn:base", prefixes={"p": "urn:p"})
    found = restricted(asked, query_and_update_analysis.QueryAnalysis.parse(text, BASE), ["urn:a", "urn:b"])
    assert (list(found.default_graphs), list(found.named_graphs)) == expected
    assert (found.base, found.prefixes) == (asked.base, asked.prefixes)


def test_a_dataset_is_never_left_to_the_engine() -> None:
    """Two empty lists would be the whole store."""
    parsed = query_and_update_analysis.QueryAnalysis.parse("ASK {}", BASE)
    assert restricted(QueryDataset(), parsed, []).default_graphs == [NOWHERE]
    assert restricted(QueryDataset(), parsed, [], union=False).default_graphs == [NOWHERE]
    found = restricted(QueryDataset(), parsed, ["urn:a"], union=False)
    assert (found.default_graphs, found.named_graphs) == ([NOWHERE], ["urn:a"])
