"""Static analysis of requests: it agrees with the engine."""

from __future__ import annotations

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.errors import MalformedText
from kg.sparql import query_and_update_analysis
from kg.sparql.rewriting import update_dataset_and_confinement

BASE = "http://e/base/x"
DEFAULT = "http://e/default"
MANAGED = "http://m/"
PATTERN = 'STRSTARTS(STR(?{var}), "http://m/")'
PREFIXES = "PREFIX ex: <http://e/> PREFIX m: <http://m/> "


def query(text: str) -> query_and_update_analysis.QueryAnalysis:
    return query_and_update_analysis.QueryAnalysis.parse(text, BASE)


def update(text: str) -> query_and_update_analysis.UpdateAnalysis:
    return query_and_update_analysis.UpdateAnalysis.parse(text, BASE)


# ---- queries


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("ASK {}", "ASK"),
        ("# SELECT\nselect * {}", "SELECT"),
        ("BASE <http://e/> PREFIX ex: <a#> Construct { } where { }", "CONSTRUCT"),
        ("DESCRIBE <a>", "DESCRIBE"),
        ("PREFIX select: <a> ASK {}", "ASK"),
        ("INSERT DATA {}", ""),
        ("", ""),
    ],
)
def test_the_form_of_a_query(text: str, form: str) -> None:
    assert query(text).form == form
    assert (query(text).malformed is None) == bool(form)


@pytest.mark.parametrize(
    ("text", "place"), [("PREFIX ASK {}", (1, 8)), ("ASK { ?s ?p § }", (1, 13)), ("ASK { a:b a 1 }", (1, 7))]
)
def test_malformed_queries(text: str, place: tuple[int, int]) -> None:
    assert query(text).malformed == place


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT * FROM <g> {}", True),
        ("SELECT * from named <g> where {}", True),
        ("DESCRIBE <a>FROM<g>", True),
        ("SELECT * { ?s ?p 'FROM <g>' }", False),
        ("SELECT * # FROM <g>\n {}", False),
        ("PREFIX FROM: <a> SELECT * { ?FROM FROM:a <FROM> }", False),
    ],
)
def test_the_dataset_clause_of_a_query(text: str, expected: bool) -> None:
    assert query(text).has_dataset is expected
    assert query(text).malformed is None


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("SELECT * { SERVICE <http://e/> {} }", [(1, 12)]),
        ("SELECT *\n{\n  service silent ?s {} Service<a>{} }", [(3, 3), (3, 24)]),
        ("SELECT * { { SELECT * { FILTER EXISTS { SERVICE ?s {} } } } }", [(1, 41)]),
        ("PREFIX ex: <http://e/> ASK { ?s ?p trueSERVICE ex:x {} }", [(1, 40)]),
        ("ASK { VALUES ?x {'''a'} SERVICE ?s {} }", [(1, 25)]),
    ],
)
def test_calls_of_service_are_found(text: str, places: list[tuple[int, int]]) -> None:
    assert list(query(text).services) == places
    assert query(text).malformed is None


@pytest.mark.parametrize(
    "pattern",
    [
        "?s ?p ex:SERVICE . SERVICE:SERVICE a SERVICE: .",
        "?SERVICE $SERVICE _:SERVICE .",
        "?s ?p 'SERVICE', \"SERVICE\", '''\nSERVICE <a> {}''', \"\"\"'SERVICE\"\"\", 'a'@SERVICE .",
        "?s <SERVICE> <#SERVICE> . # SERVICE <a> {}",
        "GRAPH SERVICE:g { ?s ?p ?o }",
        "?s ?p ?o FILTER SERVICE:f(?s)",
        "?s ex:service ?o . { ?s ?p ?o }",
        "FILTER(?s<?SERVICE && ?o>?p)",
    ],
)
def test_what_only_looks_like_a_call_is_none(pattern: str) -> None:
    text = f"PREFIX ex: <http://e/> PREFIX SERVICE: <http://s/> SELECT * {{ {pattern}\n}}"
    assert query(text).services == ()
    assert query(text).malformed is None


PRELUDE = "PREFIX ex: <http://127.0.0.1:9/> PREFIX p: <http://e:> PREFIX h: <http://e/#> "


@pytest.mark.parametrize(
    "text",
    [
        PRELUDE + "SELECT * { SERVICEex:x {} }",
        PRELUDE + "PREFIX SERVICEex: <http://e/> SELECT * { SERVICEex:x {} }",
        PRELUDE + "SELECT * { SERVICESILENTex:x {} }",
        PRELUDE + "SELECT * { ?s ?p true.SERVICEex:x {} }",
        PRELUDE + "SELECT * { ?s ?p ex:a.b.SERVICE?x {} }",
        PRELUDE + "SELECT * { ?s ?p p:SERVICE ?x {} }",
        PRELUDE + "SELECT * { ?s ?p h:SERVICEex:\\#x {} }",
        "SELECT * { FILTER(?a<?b)SERVICE?x#>\n{} }",
        "SELECT * { FILTER(?a<'>')SERVICE?x{}#')\n }",
        "SELECT * { { SELECTDISTINCT(?a<'>'AS?c){SERVICE?x{}#'\n} } }",
        "SELECT * { FILTERregex(?a<'>')SERVICE?x{}#')\n }",
        PRELUDE + "SELECT * { FILTERex:f(?a<'>')SERVICE?x{}#')\n }",
        PRELUDE + "PREFIX FILTERex: <http://e/> SELECT * { FILTERex:f(?a<'>')SERVICE?x{}#')\n }",
        PRELUDE + "SELECT * { FILTER ex:f(?a<'>')SERVICE?x{}#')\n }",
        "SELECT * { ?s <a\\u+041#> ?o SERVICE ?x {}\n }",
        "ASK { VALUES ?x {'''a'} SERVICE ?x {} #\\uD800'''\n }",
    ],
)
def test_a_call_cannot_be_hidden_from_us_and_shown_to_the_engine(text: str) -> None:
    assert query(text).services


def test_the_engine_does_call_what_is_hidden() -> None:
    """The reason for the test above; the engine refuses this port before it opens a connection."""
    with pytest.raises(OSError, match="port 9"):
        bool(ox.Store().query(PRELUDE + "ASK { SERVICEex:x {} }"))


def test_prefixes_may_be_given_beside_the_text() -> None:
    assert query("ASK { ?s a ex:A }").malformed == (1, 12)
    assert (
        query_and_update_analysis.QueryAnalysis.parse("ASK { ?s a ex:A }", BASE, {"ex": "http://e/"}).malformed is None
    )


# ---- updates: what is read


@pytest.mark.parametrize(
    ("text", "kind", "graphs", "default"),
    [
        ("LOAD <a>", "LOAD", [], True),
        ("LOAD SILENT <a> INTO GRAPH <g>", "LOAD", ["http://e/base/g"], False),
        ("CLEAR GRAPH ex:g", "CLEAR", ["http://e/g"], False),
        ("CLEAR DEFAULT", "CLEAR", [], True),
        ("DROP SILENT GRAPH <g>", "DROP", ["http://e/base/g"], False),
        ("create graph <urn:g>", "CREATE", ["urn:g"], False),
        ("ADD <a> TO <b>", "ADD", ["http://e/base/b"], False),
        ("COPY GRAPH <a> TO DEFAULT", "COPY", [], True),
        ("MOVE SILENT DEFAULT TO GRAPH <b>", "MOVE", ["http://e/base/b"], True),
        ("MOVE <a> TO <b>", "MOVE", ["http://e/base/a", "http://e/base/b"], False),
        ("INSERT DATA {}", "INSERT DATA", [], False),
        ("INSERT DATA { ex:s ex:p 1 }", "INSERT DATA", [], True),
        ("DELETE DATA { GRAPH <g> { ex:s ex:p 1 } }", "DELETE DATA", ["http://e/base/g"], False),
        ("DELETE WHERE { ?s ?p ?o }", "DELETE WHERE", [], True),
        ("DELETE { GRAPH <g> {} } WHERE {}", "MODIFY", ["http://e/base/g"], False),
        ("WITH <w> INSERT { ?s ?p 1 } WHERE {}", "MODIFY", ["http://e/base/w"], False),
        ("INSERT { ?s ?p 1 } USING <u> WHERE { GRAPH <r> {} }", "MODIFY", [], True),
    ],
)
def test_each_kind_of_operation(text: str, kind: str, graphs: list[str], default: bool) -> None:
    parsed = update(PREFIXES + text)
    assert parsed.malformed is None
    (operation,) = parsed.operations
    assert operation.kind == kind
    assert sorted(operation.graphs) == graphs
    assert operation.default is default
    assert operation.position == (1, len(PREFIXES) + 1)
    assert parsed.text[operation.span.start : operation.span.end] == text


def test_a_sequence_with_comments_strings_and_declarations() -> None:
    text = """# LOAD <x> ;
    BASE <http://e/> PREFIX g: <graph/>
    INSERT DATA { GRAPH g:a { <s> <p> "} ; LOAD <x>", '''}'''. } } ; # ; CLEAR ALL
    PREFIX g: <other/> BASE <deep/>
    DELETE { GRAPH g:a { ?s ?p ?o } GRAPH ?h { ?s ?p ?o } GRAPH $i {} . GRAPH ?h {} } INSERT { GRAPH <a> {} }
    USING <u> USING NAMED <n> WHERE { ?s ?p ?o FILTER(?s<?p && ?o>?p) # }
    } ;
    """
    first, second = update(text).operations
    assert (first.kind, first.graphs, first.variables) == ("INSERT DATA", frozenset({"http://e/graph/a"}), ())
    assert (second.kind, second.position) == ("MODIFY", (5, 5))
    assert second.graphs == {"http://e/other/a", "http://e/deep/a"}
    assert second.variables == ("h", "i")
    assert second.using
    assert not second.default
    assert update(text).malformed is None


@pytest.mark.parametrize(
    "text", ["", " ", "# nothing\n", "PREFIX ex: <a>", "CLEAR ALL ;", "INSERT DATA {} ; PREFIX ex: <a>"]
)
def test_empty_updates_and_trailing_semicolons(text: str) -> None:
    assert update(text).malformed is None
    assert len(update(text).operations) == (0 if "{" not in text and "ALL" not in text else 1)


@pytest.mark.parametrize("text", ["CLEAR ALL", "drop silent all", "CLEAR NAMED"])
def test_many_graphs_at_once(text: str) -> None:
    assert update(text).operations[0].everything == text.rpartition(" ")[2].upper()
    assert update_dataset_and_confinement.written(update(text), DEFAULT) == (frozenset(), True)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (";", (1, 1)),
        ("CLEAR ALL ;;", (1, 12)),
        ("CLEAR ALL CLEAR ALL", (1, 11)),
        ("CLEAR <g>", (1, 7)),
        ("INSERT DATA {", (1, 14)),
        ("INSERT DATA { { <s> <p> <o> } }", (1, 15)),
        ("INSERT DATA { GRAPH <g> { GRAPH <h> {} } }", (1, 27)),
        ("INSERT DATA { GRAPH [] {} }", (1, 21)),
        ("INSERT { } USING <g>", (1, 21)),
        ("INSERT { } WHERE { {", (1, 21)),
        ("DELETE WHERE { ?s ?p § }", (1, 22)),
        ("SELECT * {}", (1, 1)),
        ("PREFIX g: <g> COPY GRAPHg:a TO <b>", (1, 20)),
        ("PREFIX GRAPHg: <g> COPY <b> TO GRAPHg:a", (1, 32)),
        ("PREFIX GRAPHg: <g> INSERT DATA { GRAPHg:a {} }", (1, 43)),
        ("PREFIX WITHg: <g> WITHg:a INSERT {} WHERE {}", (1, 19)),
        ("PREFIX SILENTg: <g> LOAD SILENTg:a", (1, 26)),
        ("LOADex:a", (1, 1)),
    ],
)
def test_malformed_updates(text: str, place: tuple[int, int]) -> None:
    parsed = update(text)
    assert parsed.malformed == place
    assert parsed.operations[-1].kind == ""
    with pytest.raises(MalformedText) as caught:
        update_dataset_and_confinement.confine(parsed, DEFAULT, lambda _: False, "")
    assert (caught.value.line, caught.value.column) == place
    with pytest.raises(MalformedText):
        update_dataset_and_confinement.with_using(text, ["http://e/"], [])


@pytest.mark.parametrize(
    "text",
    [
        "INSERT {} WHERE { SERVICE <a> {} } ; CLEAR ALL",
        "CLEAR ALL ; DELETE {} WHERE { OPTIONAL { service silent ?s {} } }",
        "INSERT DATA { } SERVICE",
        "PREFIX ex: <a> PREFIX SERVICEex: <b> INSERT {} WHERE { SERVICEex:x {} }",
        "PREFIX ex: <a> LOADex:x",
    ],
)
def test_calls_in_updates_are_found(text: str) -> None:
    assert update(text).services
    assert any(operation.services for operation in update(text).operations)


keywords = st.sampled_from(
    ["INSERT", "DELETE", "DATA", "WHERE", "WITH", "USING", "GRAPH", "COPY", "TO", "CLEAR", "ALL"]
)
marks = st.sampled_from(["{", "}", ";", ".", "(", "#", "\n", "?g", "<g>", "ex:g", "'a'"])


@given(st.lists(keywords | marks))
@settings(deadline=None, max_examples=300)
def test_rubbish_never_raises(words: list[str]) -> None:
    text = " ".join(words)
    query(text)
    assert update(text).text == text
