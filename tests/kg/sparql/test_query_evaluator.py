"""Query evaluator: cached analysis saves parsing and never admits a query that would be refused."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.errors import ClaimgraphError, Forbidden, MalformedText, ResultTooLarge, TooLarge
from kg.rdf import oxigraph
from kg.rdf.query_request_and_result import QueryDataset, ResultFormats
from kg.rdf.result_limits import ResultLimits
from kg.sparql import query_and_update_analysis, query_evaluator
from kg.sparql.query_evaluator import NestingLimits, QueryEvaluator

FLAT = NestingLimits(nesting=7, height=9)
"""So low that short texts are over it."""
LOOKUP = 'PREFIX e: <http://e/> SELECT * { <urn:a> e:b ?o FILTER(?o < 5 && STR(?o) != "x") }'
XSD = "http://www.w3.org/2001/XMLSchema#"
_NOTHING = QueryDataset()


@pytest.fixture(scope="module")
def store() -> oxigraph.Engine:
    return oxigraph.open_store(None)


def verdict(evaluator: QueryEvaluator, store: oxigraph.Engine, text: str, request: QueryDataset = _NOTHING) -> str:
    """Return the outcome of evaluating a text."""
    try:
        return repr(evaluator.evaluate(store, text, ResultFormats(), request))
    except ClaimgraphError as error:
        return f"{type(error).__name__}: {error.message}"


def agree(store: oxigraph.Engine, texts: Iterable[str], depth: NestingLimits = FLAT) -> None:
    """Check that an evaluator that has seen all texts, in any order, decides on each like a new one."""
    experienced = QueryEvaluator(depth)
    for text in [*texts, *texts]:
        assert verdict(experienced, store, text) == verdict(QueryEvaluator(depth), store, text), text


# ---- the memory works


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record which texts are parsed."""
    noted: list[str] = []
    parse = query_and_update_analysis.QueryAnalysis.parse

    def note(text: str, *others: object) -> query_and_update_analysis.QueryAnalysis:
        noted.append(text)
        return parse(text, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(query_and_update_analysis.QueryAnalysis, "parse", note)
    return noted


@pytest.mark.parametrize(
    "lookup",
    [
        LOOKUP,
        LOOKUP.lower(),
        f"BASE <urn:x> prefix\nf:<y> {LOOKUP}",
        f'# it\'s for "all"\r\n#\n{LOOKUP}',
        f"PREFIX f:<urn:#> # {{ of an app\n{LOOKUP}",
    ],
)
def test_texts_of_one_form_are_read_once(store: oxigraph.Engine, readings: list[str], lookup: str) -> None:
    evaluator = QueryEvaluator(NestingLimits())
    others = [lookup.replace("urn:a", f"http://e/#{n}'").replace('"x"', f'"SELECT ({n}"') for n in range(5)]
    for text in [lookup, *others, lookup.replace("5", "123456")]:
        verdict(evaluator, store, text)
    assert readings == [lookup]


@pytest.mark.parametrize(
    "other",
    [
        LOOKUP.replace("?o", "?x"),
        LOOKUP.replace("http://e/", "http://f/"),
        LOOKUP.replace("<urn:a>", "<a>"),
        LOOKUP.replace("5", "5.0"),
        LOOKUP.replace("5", '"5"'),
        LOOKUP.replace("<urn:a>", "?s"),
        LOOKUP.replace("FILTER", "# a comment\nFILTER"),
        LOOKUP.replace('"x"', "'x'"),
        LOOKUP.replace('"x"', '"x\\n"'),
        LOOKUP.replace('"x"', '"service"'),
    ],
)
def test_another_form_is_read(store: oxigraph.Engine, readings: list[str], other: str) -> None:
    evaluator = QueryEvaluator(NestingLimits())
    for text in (LOOKUP, other):
        verdict(evaluator, store, text)
    assert readings == [LOOKUP, other]


@pytest.mark.parametrize("text", ["SELEC * {}", "SELECT * { ?a <<urn:b> ?c }", "ASK { SERVICE <urn:a> {} }"])
def test_what_was_refused_is_refused_again(store: oxigraph.Engine, text: str) -> None:
    evaluator = QueryEvaluator(NestingLimits())
    first, second = (verdict(evaluator, store, text) for _ in range(2))
    assert first == second
    assert first.partition(":")[0] in ("MalformedText", "Forbidden")


def test_the_memory_is_bounded(store: oxigraph.Engine) -> None:
    evaluator = QueryEvaluator(NestingLimits())
    for number in range(query_evaluator._MEMO_SIZE + 10):
        verdict(evaluator, store, f"ASK {{ ?a{number} <urn:b> 1 }}")
        assert 0 < len(evaluator._checked) <= query_evaluator._MEMO_SIZE
    for size, kept in ((query_evaluator._MEMO_TEXT, 1), (query_evaluator._MEMO_TEXT + 1, 0)):
        evaluator = QueryEvaluator(NestingLimits())
        assert "boolean" in verdict(evaluator, store, "ASK { ?s ?p ?o }".ljust(size))
        assert len(evaluator._checked) == kept


def test_the_request_belongs_to_the_form(store: oxigraph.Engine) -> None:
    """With a base or prefixes of another kind, names of the same text may mean nothing."""
    text = "ASK { VALUES ?a { 1 } filtere:boolean(1) }"
    evaluator, found = QueryEvaluator(NestingLimits()), list[str]()
    for namespace in ("urn:x", "http://e:"):
        for asked, request in (
            (text, QueryDataset(prefixes={"e": XSD, "filtere": namespace})),
            (f"PREFIX filtere: <> {text}", QueryDataset(prefixes={"e": XSD}, base=namespace)),
        ):
            found.append(verdict(evaluator, store, asked, request).partition("(")[0].partition(":")[0])
    assert found == ["QueryResult", "QueryResult", "MalformedText", "MalformedText"]


# ---- and is never misled


def _compared(inside: str) -> str:
    return f"PREFIX u: <urn:> ASK {{ VALUES (?a ?b ?c) {{ (1 2 3) }} FILTER(?a{inside}?b) }}"


def _cut(namespace: str) -> str:
    return f"PREFIX e: <{XSD}> PREFIX filtere: <{namespace}> ASK {{ VALUES ?a {{ 1 }} filtere:boolean(1) }}"


DEEP, LONG = "(" * 9 + "1" + ")" * 9, "1" + "*1" * 12


@pytest.mark.parametrize(
    ("plain", "attack"),
    [
        # A comparison and an IRI look alike when both are left out.
        (_compared("<"), _compared(f"<u:f({DEEP})&&?c>")),
        (_compared("<"), _compared(f"<u:f({LONG})&&?c>")),
        (_compared("<"), _compared("<u:f(!!!!!!!!!1)&&?c>")),
        # Two comparisons are no IRI, though they look like one.
        (_compared("<u:f(1)&&?c>"), _compared(f"<u:f({DEEP})&&?c>")),
        (_compared("<u:f(1)&&?c>"), _compared(f"<u:f({LONG})&&?c>")),
        (_compared("<u:f(1)&&1>"), _compared("<u:f(1)#>\n&&1>")),
        # So with strings and numbers: what stands for them may not look like anything else.
        ('ASK { ?s ?p "a" }', 'ASK { ?s ?p "} }'),
        ("ASK { ?s ?p 1 }", "ASK { ?s ?p 1é }"),
        ("ASK { ?s ?1 1 }", "ASK { ?s ?12(1 1 }"),
        ("ASK { ?s ?p \0I }", "ASK { ?s ?p <urn:x> }"),
        ("ASK { ?s ?p <urn:x> }", "ASK { ?s ?p \0I }"),
        # What a declaration says decides what names mean.
        ("PREFIX e: <http://e/> ASK { ?s e:b ?o }", "PREFIX e: <http://e:> ASK { ?s e:b ?o }"),
        ("PREFIX e: <http://e/> ASK { ?s e:b ?o }", "PREFIX e: <http://[> ASK { ?s e:b ?o }"),
        ("BASE <http://e/> PREFIX e: <a> ASK { ?s e:b ?o }", "BASE <urn:[> PREFIX e: <a> ASK { ?s e:b ?o }"),
        ('VERSION "1.2" PREFIX e: <http://e/> ASK { ?s e:b 1 }', 'VERSION "{" PREFIX e: <http://e:> ASK { ?s e:b 1 }'),
        (
            "PREFIX e: <http://e/> SELECT (1 AS ?prefix) { ?s e:b ?o }",
            "PREFIX e: <http://e:> SELECT (1 AS ?prefix) { ?s e:b ?o }",
        ),
        # The engine cuts a name that means nothing, and would find FILTER and a cast in this one.
        (_cut("urn:x"), _cut("http://e:")),
        ('VERSION "1.2" ' + _cut("urn:x"), 'VERSION "1.2" ' + _cut("http://e:")),
        (_cut("urn:x").replace("REFIX", "refix"), _cut("http://e:").replace("REFIX", "refix")),
        ('version "{" ' + _cut("urn:x").lower(), 'version "{" ' + _cut("http://e:").lower()),
        # Comments before the query are a part of it as they are, also where a string only looks like one.
        ("# <\n" + _compared("<"), "# <\n" + _compared(f"<u:f({DEEP})&&?c>")),
        ('BASE <a"b> #"\n' + _compared("<"), 'BASE <a"b> #"\n' + _compared(f"<u:f({DEEP})&&?c>")),
        ("BASE <a'b> #'{\nASK { ?s ?p 1 }", "BASE <a'b> #'{\nASK { ?s ?p 12 }"),
        # Declarations that only look so.
        ("PREFIX e: <urn:a> ASK { ?s e:b 1 }", "PREFIX e: <urn:{> ASK { ?s e:b 1 }"),
    ],
)
def test_a_text_is_not_let_pass_for_another(store: oxigraph.Engine, plain: str, attack: str) -> None:
    agree(store, [plain, attack])
    agree(store, [attack, plain])


def test_too_deep_is_too_deep_whatever_was_read_before(store: oxigraph.Engine) -> None:
    evaluator = QueryEvaluator(NestingLimits())
    deep = "(" * 1900 + "1" + ")" * 1900
    for plain in ("<", "<u:f(1)&&?c>", "<u:f(2)&&?c>"):
        assert "boolean" in verdict(evaluator, store, _compared("<"))
        verdict(evaluator, store, _compared(plain))
        with pytest.raises(TooLarge, match="deep"):
            evaluator.evaluate(store, _compared(f"<u:f({deep})&&?c>"), ResultFormats(), _NOTHING)


_INSIDE = st.lists(
    st.sampled_from(
        ["(", "((((", ")", "))))", "!", "!!!!", "1", "&&", "?c", "u:f(", "*1", "*1*1*1*1", "#", "'", ";", ","]
    ),
    max_size=8,
).map("".join)
_OPERANDS = st.sampled_from(
    [
        "?a",
        "?1",
        "1",
        "22",
        "1.5",
        '"x"',
        '"("',
        '""',
        "<urn:x>",
        "<5>",
        "u:f(1)",
        "(1)",
        "true",
        '"x"@en',
        "'",
        '"',
        "e:1",
    ]
)
_OPERATORS = st.sampled_from(["<", ">", "<=", "&&", "=", "*", "+", "-", " < ", " > ", " ", "", "^^", "||", "\n", "\0"])
_SCHEMES = st.sampled_from(["u:", "urn:", "e:", "http://e/", ""])
_TAILS = st.sampled_from([">", "&&?c>", ")&&?c>", "&&1>", ""])
_COMPARED = st.builds("<{}{}{}".format, _SCHEMES, _INSIDE, _TAILS)
_EXPRESSIONS = st.lists(_OPERANDS | _OPERATORS | _COMPARED, max_size=8).map("".join)
_DECLARATIONS = st.lists(
    st.sampled_from(
        [
            "PREFIX u: <urn:>",
            "PREFIX e: <http://e/>",
            "PREFIX e: <http://e:>",
            "PREFIX e: <a>",
            "BASE <http://e/>",
            "BASE <urn:x>",
            "prefix u:<urn:%>",
            'VERSION "1.2"',
            "# <u:>\n",
        ]
    ),
    max_size=3,
).map(" ".join)
_BODIES = st.sampled_from(
    [
        "ASK {{ VALUES (?a ?b ?c) {{ (1 2 3) }} FILTER({}) }}",
        "ASK {{ ?s ?p {} }}",
        "SELECT ({} AS ?x) {{}}",
        "SELECT * {{ ?s ?p ?o }} ORDER BY ({})",
        "SELECT * {{ {{ ?s e:b {} . FILTER(?s<?a) }} }}",
        "ASK {{ FILTER(?a{}?b) }}",
        "DESCRIBE {}",
    ]
)
_FILLED = re.compile(r'<[^<>\s]*>|<|"[^"]*"|[0-9]+')


_OTHERS = {"<": _COMPARED | st.just("<"), '"': st.sampled_from(['"y"', '"', '""', '"{"', '"#"'])}
_NUMBERS = st.sampled_from(["7", "88", "1e", "9a"])


@st.composite
def families(draw: st.DrawFn) -> list[str]:
    """Draw a text, and variants in which apparent constants are moved to other places."""
    body = draw(_BODIES)
    found = [f"{draw(_DECLARATIONS)} {body.format(draw(_EXPRESSIONS))}"]
    found.append(f"PREFIX u: <urn:> {body.format(draw(_EXPRESSIONS))}")

    def other(match: re.Match[str]) -> str:
        return draw(st.just(match.group()) | _OTHERS.get(match.group()[0], _NUMBERS))

    for _ in range(draw(st.integers(1, 4))):
        found.append(_FILLED.sub(other, draw(st.sampled_from(found))))
    return found


@settings(max_examples=400, deadline=None)
@given(texts=families())
def test_no_text_is_let_pass_for_another(store: oxigraph.Engine, texts: list[str]) -> None:
    agree(store, texts)


# ---- SERVICE


_WORDS = st.sampled_from(["SERVICE", "service", "SeRvIcE", "SERVICE SILENT"])
_GAPS = st.sampled_from([" ", "", "\n", "#\n", "\t"])
_PARTS = st.lists(
    st.sampled_from(
        ["?s ?p ?o", "{ }", "FILTER(?a<?b)", 'FILTER(?a<u:x&&"x">?b)', "?s ?p <urn:x>", "BIND(1 AS ?x)", "."]
    ),
    max_size=3,
).map(" ".join)


@settings(max_examples=300, deadline=None)
@given(word=_WORDS, gap=_GAPS, before=_PARTS, after=_PARTS, named=st.sampled_from(["<{}>", "?s", "e:x"]))
def test_a_service_is_called_by_no_text(
    store: oxigraph.Engine, word: str, gap: str, before: str, after: str, named: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        evaluator = QueryEvaluator(NestingLimits())
        frame = "PREFIX u: <urn:> PREFIX e: <{}> SELECT * {{ {} {} {} }}"
        for middle in ("", "{ ?s ?p ?o }", f"GRAPH{gap}{named.format('urn:x')} {{ ?s ?p ?o }}"):
            verdict(evaluator, store, frame.format(address, before, middle, after))
        call = f"{word}{gap}{named.format(address)} {{ ?s ?p ?o }}"
        with pytest.raises((Forbidden, MalformedText)):
            evaluator.evaluate(store, frame.format(address, before, call, after), ResultFormats(), _NOTHING)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_service_in_a_comment_or_a_constant_is_none(store: oxigraph.Engine) -> None:
    for text in ('ASK { ?s <urn:service> "SERVICE" }', "ASK { # SERVICE <urn:x> {}\n }", "ASK { ?service ?p ?o }"):
        assert "boolean" in verdict(QueryEvaluator(NestingLimits()), store, text)


# ---- limits


@pytest.mark.parametrize("nesting", [10, 100])
def test_nesting_has_an_exact_limit(store: oxigraph.Engine, nesting: int) -> None:
    depth = NestingLimits(nesting=nesting)
    for levels, word in ((nesting, "boolean"), (nesting + 1, f"{nesting + 1} deep; the limit is {nesting}.")):
        text = "ASK " + "{" * levels + "}" * levels
        assert word in verdict(QueryEvaluator(depth), store, text)


def test_height_has_an_exact_limit(store: oxigraph.Engine) -> None:
    for count, word in ((50, "boolean"), (51, "the limit is 50")):
        text = f"ASK {{ FILTER({'||'.join(['1'] * count)}) }}"  # the bracket itself counts as one
        assert word in verdict(QueryEvaluator(NestingLimits(height=50)), store, text)


def test_bounds_hold_for_what_was_read_before(store: oxigraph.Engine) -> None:
    evaluator = QueryEvaluator(NestingLimits(), ResultLimits(rows=2))
    assert evaluator.evaluate(store, "SELECT * { VALUES ?a { 1 2 } }", ResultFormats(), _NOTHING)
    with pytest.raises(ResultTooLarge):
        evaluator.evaluate(store, "SELECT * { VALUES ?a { 1 2 3 } }", ResultFormats(), _NOTHING)
