"""Lexer of SPARQL: the same tokens as the engine, in linear time, for any input."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kg.sparql.lexer import LineIndex, TokenKind, tokens
from kg.sparql.text_depth import height, nesting

SKIPPED = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*)*")
SHORT = {
    TokenKind.IRIREF: "iri",
    TokenKind.STRING: "string",
    TokenKind.LANGTAG: "lang",
    TokenKind.VAR: "var",
    TokenKind.BNODE: "bnode",
    TokenKind.PNAME: "pname",
    TokenKind.NUMBER: "number",
    TokenKind.WORD: "word",
    TokenKind.PUNCTUATION: "mark",
    TokenKind.UNKNOWN: "?",
}


def read(text: str) -> list[str]:
    return [f"{SHORT[token.kind]} {token.text}" for token in tokens(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<http://e/a#b?c=d>", ["iri <http://e/a#b?c=d>"]),
        (r"<http://e/\u0061\U00000062>", [r"iri <http://e/\u0061\U00000062>"]),
        ("<>", ["iri <>"]),
        ("?x $x ?é ?1", ["var ?x", "var $x", "var ?é", "var ?1"]),
        ("ex:a", ["pname ex:a"]),
        ("ex: : :a ex:a:b", ["pname ex:", "pname :", "pname :a", "pname ex:a:b"]),
        (r"ex:a\-b ex:%20 ex:\~\#\/", [r"pname ex:a\-b", "pname ex:%20", r"pname ex:\~\#\/"]),
        ("ex:a.b. ex:a.", ["pname ex:a.b", "mark .", "pname ex:a", "mark ."]),
        ("e.x:a e.:a", ["pname e.x:a", "? e", "mark .", "pname :a"]),
        ("ex:SERVICE ?SERVICE _:SERVICE", ["pname ex:SERVICE", "var ?SERVICE", "bnode _:SERVICE"]),
        ("_:a.b. _:1", ["bnode _:a.b", "mark .", "bnode _:1"]),
        ("'a'@en-GB 'a'@ar--rtl", ["string 'a'", "lang @en-GB", "string 'a'", "lang @ar--rtl"]),
        ("1 1.5 .5 1e5 1.e5 1.5E-3", [f"number {n}" for n in ("1", "1.5", ".5", "1e5", "1.e5", "1.5E-3")]),
        ("1. -1 +.5", ["number 1", "mark .", "mark -", "number 1", "mark +", "number .5"]),
        ("select SeLeCt a true", ["word select", "word SeLeCt", "word a", "word true"]),
        ("INSERTDATA LIMIT10 NOTIN", ["word INSERT", "word DATA", "word LIMIT", "number 10", "word NOT", "word IN"]),
        ("trueSERVICE?x", ["word true", "word SERVICE", "var ?x"]),
        ("^^^ || | && != ! >= >", [f"mark {m}" for m in ("^^", "^", "||", "|", "&&", "!=", "!", ">=", ">")]),
        ("{|?p?o|}}", ["mark {|", "var ?p", "var ?o", "mark |}", "mark }"]),
        ("A foo § \\", ["? A", "? f", "? o", "? o", "? §", "? \\"]),
    ],
)
def test_each_kind_of_token(text: str, expected: list[str]) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    "string",
    [
        "'SERVICE { # <'",
        '"it\'s"',
        r"'it\'s \\'",
        "''",
        '""',
        "'''a''b'c\n# SERVICE {'''",
        '"""say ""hi"" {\n"""',
        r'"""a\""""',
        r"'\u0041\U0001F600'",
    ],
)
def test_a_string_is_one_token(string: str) -> None:
    assert read(f"{string}ex:a") == [f"string {string}", "pname ex:a"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'a\nb'", ["? '", "word a", "? b", "? '"]),
        ("'a", ["? '", "word a"]),
        (r"'\q'", ["? '", "? \\", "? q", "? '"]),
        ("'''a'", ["string ''", "string 'a'"]),
        (r"'''\uD800'}'''", ["string ''", "? '", "? \\", "? u", "? D", "number 800", "string '}'", "string ''"]),
        (r"'\U00110000'", ["? '", "? \\", "? U", "number 00110000", "? '"]),
    ],
)
def test_what_is_no_string_to_the_engine_hides_nothing(text: str, expected: list[str]) -> None:
    assert read(text) == expected


def test_comments_and_white_space_are_skipped() -> None:
    assert read("ASK # ' \" { <\r{ # }\n\t} #") == ["word ASK", "mark {", "mark }"]
    assert read("<a#b> # c") == ["iri <a#b>"]
    assert read("ex:a#b") == ["pname ex:a"]
    assert read("\u00a0") == ["? \u00a0"]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("FILTER(?a<?b && ?c>?d)", "<"),
        ("FILTER(?a<?b&&?c>?d)", "<"),
        ("FILTER(?a<=?b&&?c>?d)", "<="),
        ("FILTER(?a<<b>)", "< iri"),
        ("FILTER(1<2) ?s<p>?o", "< iri"),
        ("FILTER(<a><<b>)", "iri < iri"),
        ("FILTER(true<false)", "<"),
        ("FILTER(EXISTS{?s<p>?o}<?x)", "iri <"),
        ("FILTER(?a IN(<b>,?c<?d))", "iri <"),
        ("FILTER('1'^^<b><?c)", "iri <"),
        ("FILTER(<<(?s<p>?o)>>=?t)", "<< iri"),
        ("FILTER ex:f(?a<?b)", "<"),
        ("FILTER <f>(?a<?b)", "iri <"),
        ("FILTER regex(?a,?b<?c)", "<"),
        ("FILTERex:f(?a<?b)", "<"),
        ("BIND(?a<?b AS ?c)", "<"),
        ("?s<p>?o", "iri"),
        ("?s ?p (?a<b>)", "iri"),
        ("?s a (?a<b>)", "iri"),
        ("?s (<p>|^<q>/<r>) ?o", "iri iri iri"),
        ("?s ex:p (?a<b>)", "iri"),
        ("VALUES(?a ?b){(1<b>)(<a>1)}", "iri iri"),
        ("?s ?p <<?s<p>?o>>", "<< iri"),
        ("<<<a><b><c>>> ?p ?o", "<< iri iri iri"),
        ("{SELECT(?a<?b AS ?c){?a<p>?b}GROUP BY(?a<?b) HAVING(?a<?b)}", "< iri < <"),
        ("{SELECT ?x(?a<?b AS ?c){}ORDER BY ?x(?a<?b)}", "< <"),
    ],
)
def test_less_than_is_told_from_an_iri_by_its_place(text: str, kinds: str) -> None:
    found = [token for token in tokens(f"ASK{{{text}}}") if token.text.startswith("<")]
    assert " ".join("iri" if token.kind is TokenKind.IRIREF else token.text for token in found) == kinds
    assert all(token.kind is not TokenKind.UNKNOWN for token in found)


def test_outside_brackets_an_iri_follows_a_variable() -> None:
    assert "iri <g>" in read("SELECT ?x FROM<g>{}")
    assert "iri <f>" in read("SELECT*{}ORDER BY ?x<f>(?a<?b)")
    assert read("SELECT*{}ORDER BY ?x<f>(?a<?b)").count("mark <") == 1


marks = st.sampled_from(
    ["<", ">", "<a>", "'", '"', "'''", "\\", "#", "\n", "{", "}", "(", ")", "<<", "{|", " ", "\x00"]
)
words = st.sampled_from(
    ["?x", "a", "ex:", ":", "b.c", ".", "-", "_", "1e", "@en", "FILTER", "SELECT", "%4", "\\u0041", "é"]
)
text_like_sparql = st.lists(marks | words | st.text(max_size=3)).map("".join)


@given(text_like_sparql)
@example("''''''''")
@settings(deadline=None, max_examples=400)
def test_tokens_cover_the_text_without_overlap(text: str) -> None:
    offset = 0
    for token in tokens(text):
        assert SKIPPED.fullmatch(text, offset, token.start)
        assert token.start < token.end
        assert token.text == text[token.start : token.end]
        assert token.kind is not TokenKind.UNKNOWN or len(token.text) == 1
        offset = token.end
    assert SKIPPED.fullmatch(text, offset)
    assert nesting(text) >= 0
    assert height(text) >= 0


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["a-", "é-", r"'''\'''", r"\'", "<a", "ex:a..", "{<'", "(", '"\n"""', "_a"])
def test_time_is_linear(piece: str) -> None:
    """A quadratic scan of these takes minutes."""
    text = "'''" + piece * (300_000 // len(piece))
    start = time.process_time()
    assert sum(1 for _ in tokens(text)) > 1
    assert time.process_time() - start < 60


def test_lines_count_from_one_in_code_points() -> None:
    lines = LineIndex("é😀\nb\r\nc")
    assert [lines.at(offset) for offset in (0, 1, 3, 6)] == [(1, 1), (1, 2), (2, 1), (3, 1)]


@pytest.mark.parametrize("text", ["FILTER(?a<1#>)", "FILTER(STR(?a)<'>')"])
def test_a_comparison_that_may_hide_what_follows_is_no_token(text: str) -> None:
    (sign,) = [token for token in tokens(f"ASK{{{text}}}") if token.text.startswith("<")]
    assert sign.kind is TokenKind.UNKNOWN
    spaced = [token for token in tokens(f"ASK{{{text.replace('<', '< ')}}}") if token.text.startswith("<")]
    assert [token.kind for token in spaced] == [TokenKind.PUNCTUATION]
