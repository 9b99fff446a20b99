"""Depth of SPARQL texts: of brackets and unary operators, and of what the engine builds a tree of."""

from __future__ import annotations

import pytest

from kg.sparql.text_depth import height, nesting


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        ("", 0),
        ("ASK {}", 1),
        ("ASK { ?s ?p [ ?q ( 1 ) ] . {} }", 3),
        ("ASK { FILTER('((((' = \"{{{\") # [[[[\n }", 2),
        ("ASK { ?s <((((> ?o }", 1),
        ("ASK { FILTER(!!!!!?x) }", 7),
        ("ASK { FILTER(----1) }", 6),
        ("ASK { FILTER(!(!(!?x))) }", 7),
        ("ASK { FILTER(!?a && !?b) }", 3),
        ("ASK { <<<<<a> <b> <c>>> <b> <c>>> ?p ?o }", 3),
        ("ASK { ?s ?p ?o {| ?p ?o {| ?p ?o |} |} }", 3),
        ("}}}}{", 1),
        ("((((", 4),
    ],
)
def test_nesting(text: str, depth: int) -> None:
    assert nesting(text) == depth


@pytest.mark.parametrize(
    "text",
    [
        "ASK{FILTER(" + "1||" * 99 + "1)}",
        "ASK{FILTER(" + "1+" * 99 + "1)}",
        "ASK{?s " + "<a>/" * 99 + "<a> ?o}",
        "ASK{" + "{}UNION" * 99 + "{}}",
        "ASK{" + "OPTIONAL{}" * 99 + "}",
        "ASK{" + "FILTER(1)" * 99 + "}",
        "ASK{" + "?s ?p ?o." * 99 + "}",
        "DELETE WHERE{" + "?s ?p ?o." * 99 + "}",
        "SELECT*{}HAVING" + "(1)" * 99,
        "ASK{FILTER(" + "1||" * 50 + "(" + "1||" * 49 + "1))}",
        "ASK{" + "OPTIONAL{" * 99,
        *("ASK{?s ?p (" + term * 99 + ")}" for term in ("1 ", "?a", "<a>", "e:a ", "[]", "()", "_:a ", "true ")),
        *("ASK{?s ?p (" + term * 99 + ")}" for term in ("'a'@en", "'1'^^e:a ", "<<<a><b>1>>")),
        "ASK{?s ?p ?o" + "~" * 99 + "}",
        "DESCRIBE" + "<a>" * 99,
        "PREFIX e:<urn:e>DESCRIBE" + " e:a" * 99 + "{}",
    ],
)
def test_height_grows_with_what_the_engine_makes_a_tree_of(text: str) -> None:
    assert 98 <= height(text) <= 102


@pytest.mark.parametrize(
    "text",
    [
        "INSERT DATA {" + "<s> <p> -1, ('|'), <a/b> ; <q> [] . GRAPH <g> { <s> <p> <o> . }" * 99 + "}",
        "DELETE {" + "?s ?p ?o ." * 99 + "} INSERT {" + "?s ?p ?o ." * 99 + "} WHERE {}",
        "ASK{VALUES(?a ?b){" + "(1 -1)" * 99 + "}VALUES ?c{" + "1 " * 99 + "}}",
        "ASK{FILTER(?a IN (" + "1," * 99 + "1))}",
        "ASK{FILTER(?a IN (" + "'1'@en,e:f(1)," * 99 + "1))}",
        "INSERT DATA {?s ?p (" + "1 " * 99 + ")}",
        "INSERT DATA {};" * 99,
        "ASK{FILTER('" + "||" * 99 + "' = 1)}",
    ],
)
def test_height_ignores_what_is_flat(text: str) -> None:
    assert height(text) < 10
