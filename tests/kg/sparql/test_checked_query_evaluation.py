"""Query evaluator: fast checks save most texts the lexer, and decide on each like the lexer."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.errors import ClaimgraphError, Forbidden, MalformedText, ResultTooLarge, TooLarge
from kg.rdf import oxigraph, oxigraph_queries
from kg.rdf.query_request_and_result import QueryDataset, ResultFormats
from kg.rdf.result_limits import ResultLimits
from kg.sparql import checked_query_evaluation, cursor_with_iri_resolution, lexer, query_and_update_analysis
from kg.sparql.checked_query_evaluation import NestingLimits, QueryEvaluator
from kg.sparql.lexer import SparqlToken, tokens

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


def agree(
    store: oxigraph.Engine, texts: Iterable[str], depth: NestingLimits = FLAT, request: QueryDataset = _NOTHING
) -> None:
    """Check that the outcome for each text is the same as without the fast checks."""
    evaluator = QueryEvaluator(depth)
    for text in texts:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(query_and_update_analysis, "plain_form", lambda *_: "")
            for bound in ("nesting_bound", "height_bound"):
                patch.setattr(checked_query_evaluation, bound, lambda _: sys.maxsize)
            expected = verdict(evaluator, store, text, request)
        assert verdict(evaluator, store, text, request) == expected, text


# ---- the lexer is saved


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record which texts are passed to the lexer."""
    noted: list[str] = []

    def note(text: str, *_: object) -> Iterator[SparqlToken]:
        noted.append(text)
        return tokens(text)

    for module in (lexer, cursor_with_iri_resolution):
        monkeypatch.setattr(module, "tokens", note)
    return noted


@pytest.mark.parametrize(
    "text",
    [
        LOOKUP,
        LOOKUP.lower(),
        f"BASE <urn:x> prefix\nf:<urn:y> {LOOKUP}",
        f'# it\'s for "all"\r\n#\n{LOOKUP}',
        f"PREFIX f:<urn:#> # {{ of an app\n{LOOKUP}",
        LOOKUP.replace("<urn:a>", "?s"),
        LOOKUP.replace("FILTER", "# a comment\nFILTER"),
        LOOKUP.replace('"x"', "'x'"),
    ],
)
def test_a_plain_text_is_not_read_by_the_lexer(store: oxigraph.Engine, readings: list[str], text: str) -> None:
    assert "QueryResult" in verdict(QueryEvaluator(NestingLimits()), store, text)
    assert not readings


@pytest.mark.parametrize(
    "text",
    [
        LOOKUP.replace('"x"', '"x\\n"'),
        LOOKUP.replace('"x"', '"service"'),
        LOOKUP.replace('"x"', '"""x"""'),
        LOOKUP.replace("{", "FROM <urn:g> {"),
        LOOKUP.replace("http://e/", "http://e:80"),
        LOOKUP.replace("e:b", "e:%41"),
    ],
)
def test_another_text_is_read(store: oxigraph.Engine, readings: list[str], text: str) -> None:
    verdict(QueryEvaluator(NestingLimits()), store, text)
    assert set(readings) == {text}


def test_the_request_decides_what_names_mean(store: oxigraph.Engine) -> None:
    """With a base or prefixes of another kind, names of the same text may mean nothing."""
    text = "ASK { VALUES ?a { 1 } filtere:boolean(1) }"
    for namespace, outcome in (("urn:x", "QueryResult"), ("http://e:", "MalformedText")):
        for asked, request in (
            (text, QueryDataset(prefixes={"e": XSD, "filtere": namespace})),
            (f"PREFIX filtere: <> {text}", QueryDataset(prefixes={"e": XSD}, base=namespace)),
        ):
            assert verdict(QueryEvaluator(NestingLimits()), store, asked, request).startswith(outcome)
            agree(store, [asked], request=request)


# ---- and nothing is let pass


def _compared(inside: str) -> str:
    return f"PREFIX u: <urn:> ASK {{ VALUES (?a ?b ?c) {{ (1 2 3) }} FILTER(?a{inside}?b) }}"


def _cut(namespace: str) -> str:
    return f"PREFIX e: <{XSD}> PREFIX filtere: <{namespace}> ASK {{ VALUES ?a {{ 1 }} filtere:boolean(1) }}"


DEEP, LONG = "(" * 9 + "1" + ")" * 9, "1" + "*1" * 12


@pytest.mark.parametrize(
    ("plain", "attack"),
    [
        # Two comparisons look like an IRI.
        (_compared("<"), _compared(f"<u:f({DEEP})&&?c>")),
        (_compared("<"), _compared(f"<u:f({LONG})&&?c>")),
        (_compared("<"), _compared("<u:f(!!!!!!!!!1)&&?c>")),
        (_compared("<u:f(1)&&?c>"), _compared(f"<u:f({DEEP})&&?c>")),
        (_compared("<u:f(1)&&?c>"), _compared(f"<u:f({LONG})&&?c>")),
        (_compared("<u:f(1)&&1>"), _compared("<u:f(1)#>\n&&1>")),
        # So with strings and numbers.
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
        # Comments before the query, also where a string only looks like one.
        ("# <\n" + _compared("<"), "# <\n" + _compared(f"<u:f({DEEP})&&?c>")),
        ('BASE <a"b> #"\n' + _compared("<"), 'BASE <a"b> #"\n' + _compared(f"<u:f({DEEP})&&?c>")),
        ("BASE <a'b> #'{\nASK { ?s ?p 1 }", "BASE <a'b> #'{\nASK { ?s ?p 12 }"),
        # Declarations that only look so.
        ("PREFIX e: <urn:a> ASK { ?s e:b 1 }", "PREFIX e: <urn:{> ASK { ?s e:b 1 }"),
    ],
)
def test_what_looks_like_a_plain_text_is_checked(store: oxigraph.Engine, plain: str, attack: str) -> None:
    for depth in (FLAT, NestingLimits()):
        agree(store, [plain, attack], depth)


def test_what_is_too_deep_may_look_like_an_iri(store: oxigraph.Engine) -> None:
    deep = "(" * 1900 + "1" + ")" * 1900
    for text in (_compared(f"<u:f({deep})&&?c>"), _compared(f"<http://{deep}&&?c>")):
        with pytest.raises(TooLarge, match="deep"):
            QueryEvaluator(NestingLimits()).evaluate(store, text, ResultFormats(), _NOTHING)


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
def test_no_text_is_let_pass(store: oxigraph.Engine, texts: list[str]) -> None:
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


@pytest.mark.parametrize(
    "text",
    [
        "ASK { ?s ?p (" + "1 " * 20_000 + ") }",
        "ASK { ?s ?p ?o " + "~?r " * 20_000 + "}",
        "DESCRIBE " + "<u:x> " * 20_000,
    ],
)
def test_what_overflows_the_stack_without_marks_is_refused(store: oxigraph.Engine, text: str) -> None:
    """The engine nests a join for each element of a collection and each reifier, and more for DESCRIBE."""
    assert "TooLarge" in verdict(QueryEvaluator(NestingLimits()), store, text)


def test_bounds_hold(store: oxigraph.Engine) -> None:
    evaluator = QueryEvaluator(NestingLimits(), ResultLimits(rows=2))
    assert evaluator.evaluate(store, "SELECT * { VALUES ?a { 1 2 } }", ResultFormats(), _NOTHING)
    with pytest.raises(ResultTooLarge):
        evaluator.evaluate(store, "SELECT * { VALUES ?a { 1 2 3 } }", ResultFormats(), _NOTHING)


# ---- rewriting for the engine


@pytest.fixture
def filled() -> oxigraph.Engine:
    store = oxigraph.open_store(None)
    oxigraph_queries.update(store, "INSERT DATA { <urn:z> <urn:n> 1 , 2 ; <urn:m> 1 . <urn:zz> <urn:n> 10 , 2 }")
    return store


def table(evaluator: QueryEvaluator, store: oxigraph.Engine, text: str, bindings: dict[str, str] | None = None) -> str:
    request = QueryDataset(bindings=bindings)
    return evaluator.evaluate(store, text, ResultFormats("text/csv"), request).content.decode().replace("\r\n", " ")


def test_edits_fit_texts_of_any_length(filled: oxigraph.Engine) -> None:
    evaluator = QueryEvaluator(NestingLimits())
    form = "PREFIX n: <urn:> SELECT * {{ <{}> ?p ?b . }} ORDER BY DESC(?b) ?p LIMIT {}"
    for name, limit, rows in (
        ("urn:z", "1", "2"),
        ("urn:zz", "25", "10 2"),
        ("urn:none", "3", ""),
        ("urn:zz", "1", "10"),
    ):
        wanted = "".join(f"urn:n,{row} " for row in rows.split())
        assert table(evaluator, filled, form.format(name, limit)) == f"p,b {wanted}"


def test_edits_that_repeat_constants_are_made_anew(filled: oxigraph.Engine) -> None:
    evaluator = QueryEvaluator(NestingLimits())
    for name, count in (("urn:z", 3), ("urn:zz", 2), ("urn:z", 3)):
        text = f"SELECT (COUNT(*) AS ?n) {{ <{name}> <urn:n>|<urn:m> ?b }}"
        assert table(evaluator, filled, text) == f"n {count} "


def test_internal_queries_keep_the_duplicates_they_know(filled: oxigraph.Engine) -> None:
    evaluator, text = QueryEvaluator(NestingLimits()), "SELECT * { ?z <urn:n>|<urn:m> ?a } ORDER BY DESC(?a) ?z"
    for _ in range(2):
        assert table(evaluator, filled, text, {}) == "a,z 10,urn:zz 2,urn:z 2,urn:zz 1,urn:z "
        assert table(evaluator, filled, text) == "z,a urn:zz,10 urn:z,2 urn:zz,2 urn:z,1 urn:z,1 "


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * { ?a <urn:n>|<urn:m> ?b }\nORDER BY ?a ?",
        "SELECT * { ?a <urn:n>|<urn:m> ?b } ORDER BY ?a LIMIT x",
        "SELECT ?a { ?a <urn:n>|<urn:m> ?b } GROUP BY ?b ORDER BY ?a",
    ],
)
def test_an_error_names_a_place_in_the_users_own_text(store: oxigraph.Engine, text: str) -> None:
    with pytest.raises(MalformedText) as expected:
        oxigraph_queries.query(store, text, ResultFormats(), _NOTHING)
    with pytest.raises(MalformedText) as caught:
        QueryEvaluator(NestingLimits()).evaluate(store, text, ResultFormats(), _NOTHING)
    assert vars(caught.value) == vars(expected.value)


@pytest.mark.parametrize(
    "path", ["|".join(["<urn:a>"] * 900), "/".join(["(<urn:a>|<urn:b>)"] * 40), "^(" * 40 + "a|a" + ")" * 40]
)
def test_long_paths_do_not_overflow_the_stack(store: oxigraph.Engine, path: str) -> None:
    assert "QueryResult" in verdict(QueryEvaluator(NestingLimits()), store, f"SELECT * {{ ?s {path} ?o }}")


@pytest.mark.parametrize("repeated", ["CONSTRUCT ", "CONSTRUCT {", "CONSTRUCT { ?a ?b ", "NOW ", "now\n"])
def test_whether_a_result_is_volatile_is_decided_in_one_pass(repeated: str) -> None:
    """Web processes decide it: a pattern that reads the rest of the text again at each place takes minutes."""
    assert not checked_query_evaluation.volatile("SELECT * {} #" + repeated * (1_000_000 // len(repeated)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CONSTRUCT { ?s ?p [] } WHERE {}", True),
        ("CONSTRUCT { ?s ?p _:b } WHERE {}", True),
        ("construct\n{ ?s ?p (1 2) } WHERE {}", True),
        ("CONSTRUCT { } CONSTRUCT { ?s ?p (1) }", True),
        ("CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p (1) }", False),
        ("SELECT * { ?s ?p [] }", False),
        ("[] CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }", False),
    ],
)
def test_new_nodes_of_a_template_are_volatile(text: str, expected: bool) -> None:
    assert checked_query_evaluation.volatile(text) is expected
