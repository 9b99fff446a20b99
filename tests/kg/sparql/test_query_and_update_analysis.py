"""Static analysis of requests: it agrees with the engine, and a rewritten update has the same effect."""

from __future__ import annotations

from collections.abc import Iterable

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.errors import BadInput, MalformedText, UsingConflict
from kg.sparql import query_and_update_analysis

BASE = "http://e/base/x"
DEFAULT = "http://e/default"
MANAGED = "http://m/"
PATTERN = 'STRSTARTS(STR(?{var}), "http://m/")'
PREFIXES = "PREFIX ex: <http://e/> PREFIX m: <http://m/> "


def query(text: str) -> query_and_update_analysis.QueryAnalysis:
    return query_and_update_analysis.QueryAnalysis.parse(text, BASE)


def update(text: str) -> query_and_update_analysis.UpdateAnalysis:
    return query_and_update_analysis.UpdateAnalysis.parse(text, BASE)


def is_managed(graph: str) -> bool:
    return graph.startswith(MANAGED)


def confined(text: str) -> str:
    return query_and_update_analysis.confine(update(text), DEFAULT, is_managed, PATTERN)


def quads(trig: str) -> set[ox.Quad]:
    prefixes = "PREFIX ex: <http://e/> PREFIX m: <http://m/> "
    return set(ox.parse(prefixes + trig, format=ox.RdfFormat.TRIG, base_iri=BASE))


def run(text: str, data: Iterable[ox.Quad] = ()) -> set[ox.Quad]:
    store = ox.Store()
    store.extend(data)
    store.update(text, base_iri=BASE)
    return set(store)


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
    assert query_and_update_analysis.written(update(text), DEFAULT) == (frozenset(), True)


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
        confined(text)
    assert (caught.value.line, caught.value.column) == place
    with pytest.raises(MalformedText):
        query_and_update_analysis.with_using(text, ["http://e/"], [])


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


# ---- using


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("INSERT { ?s ?p ?o } WHERE { ?s ?p ?o }", "INSERT { ?s ?p ?o } {} WHERE {{ ?s ?p ?o }}"),
        ("DELETE WHERE { ?s ?p ?o }", "DELETE { ?s ?p ?o } {} WHERE { ?s ?p ?o }"),
    ],
)
def test_using_stands_before_where(text: str, expected: str) -> None:
    clause = "USING <http://e/a> USING <http://e/b> USING NAMED <http://e/c>"
    expected = expected.replace("{}", clause).replace("{{", "{").replace("}}", "}")
    assert query_and_update_analysis.with_using(text, ["http://e/a", "http://e/b"], ["http://e/c"]) == expected


def test_using_selects_what_where_sees() -> None:
    data = quads("ex:s ex:p 0 . ex:a { ex:s ex:p 1 } ex:b { ex:s ex:p 2 } ex:c { ex:s ex:p 3 }")
    where = "{ { ?s ex:p ?o } UNION { GRAPH ?g { ?s ex:p ?o } } }"
    text = f"{PREFIXES} INSERT DATA {{ ex:s ex:r 9 }} ; INSERT {{ ?s ex:q ?o }} WHERE {where}"
    added = run(query_and_update_analysis.with_using(text, ["http://e/a"], ["http://e/c"]), data) - data
    assert added == quads("ex:s ex:r 9 ; ex:q 1, 3 .")


def test_delete_where_with_a_dataset_deletes_from_the_default_graph() -> None:
    data = quads("ex:s ex:p 1, 2 . ex:a { ex:s ex:p 1 }")
    text = query_and_update_analysis.with_using(PREFIXES + "DELETE WHERE { ?s ex:p ?o }", ["http://e/a"], [])
    assert run(text, data) == quads("ex:s ex:p 2 . ex:a { ex:s ex:p 1 }")


@pytest.mark.parametrize(
    "text",
    [
        "INSERT {} USING <g> WHERE {}",
        "INSERT {} using named <g> WHERE {}",
        "WITH <g> INSERT {} WHERE {}",
        "CLEAR ALL ; INSERT {} WHERE {} ; DELETE {} USING <g> USING <h> WHERE {}",
    ],
)
def test_a_dataset_in_both_places_is_a_conflict(text: str) -> None:
    with pytest.raises(UsingConflict):
        query_and_update_analysis.with_using(text, [], ["http://e/a"])
    assert query_and_update_analysis.with_using(text, [], []) == text


@pytest.mark.parametrize(
    "graph", ["a", "", "http://e/> WHERE {} ; DROP ALL ; INSERT {} USING <http://e/", "http://e/\\u003e"]
)
def test_a_graph_of_the_dataset_is_an_absolute_iri(graph: str) -> None:
    with pytest.raises(BadInput):
        query_and_update_analysis.with_using("INSERT {} WHERE {}", [graph], [])


# ---- confinement: what it does


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        ("INSERT DATA { ex:s ex:p 1 }", "", "ex:default { ex:s ex:p 1 }"),
        (
            "INSERT DATA { ex:s ex:p 1 ; ex:q 2, 3 . ex:t ex:p 4 GRAPH ex:g { ex:s ex:p 5 . } . ex:u ex:p 6 . "
            "GRAPH <http://e/h> {} ex:v ex:p 'GRAPH m:x { }' . # }\n }",
            "",
            "ex:default { ex:s ex:p 1 ; ex:q 2, 3 . ex:t ex:p 4 . ex:u ex:p 6 . ex:v ex:p 'GRAPH m:x { }' } "
            "ex:g { ex:s ex:p 5 }",
        ),
        (
            "INSERT DATA{GRAPH<http://e/g>{ex:s a 1}GRAPH ex:h{ex:s a 2}ex:s a 3}",
            "",
            "ex:g {ex:s a 1} ex:h {ex:s a 2} ex:default {ex:s a 3}",
        ),
        ("DELETE DATA { ex:s ex:p 1 }", "ex:default { ex:s ex:p 1, 2 }", "ex:default { ex:s ex:p 2 }"),
        (
            "DELETE WHERE { ex:s ?p 1 }",
            "ex:default { ex:s ex:p 1, 2 } ex:g { ex:s ex:p 1 }",
            "ex:default { ex:s ex:p 2 } ex:g { ex:s ex:p 1 }",
        ),
        (
            "DELETE WHERE { ex:s ex:p ?o . GRAPH ?g { ex:t ex:p ?o } }",
            "ex:default { ex:s ex:p 1, 2 } ex:g { ex:t ex:p 1 } m:g { ex:t ex:p 2 }",
            "ex:default { ex:s ex:p 2 } m:g { ex:t ex:p 2 }",
        ),
        (
            "DELETE { ?s ex:p ?o } INSERT { ?s ex:q ?o GRAPH ex:h { ?s ex:r ?o } } WHERE { GRAPH ex:g { ?s ex:p ?o } }",
            "ex:g { ex:s ex:p 1 } ex:default { ex:s ex:p 1, 2 }",
            "ex:g { ex:s ex:p 1 } ex:default { ex:s ex:p 2 ; ex:q 1 } ex:h { ex:s ex:r 1 }",
        ),
        (
            "WITH ex:g DELETE { ?s ex:p ?o } INSERT { ?s ex:q ?o . GRAPH ex:h { ?s ex:r ?o } } WHERE { ?s ex:p ?o }",
            "ex:g { ex:s ex:p 1 } ex:default { ex:s ex:p 1 }",
            "ex:g { ex:s ex:q 1 } ex:default { ex:s ex:p 1 } ex:h { ex:s ex:r 1 }",
        ),
        (
            "INSERT { ?s ex:q ?o } USING ex:g USING NAMED ex:h WHERE { ?s ex:p ?o . GRAPH ?x { ?s ex:p ?p } }",
            "ex:g { ex:s ex:p 1 } ex:h { ex:s ex:p 2 }",
            "ex:g { ex:s ex:p 1 } ex:h { ex:s ex:p 2 } ex:default { ex:s ex:q 1 }",
        ),
        ("CLEAR DEFAULT", "ex:default { ex:s ex:p 1 } ex:g { ex:s ex:p 1 }", "ex:g { ex:s ex:p 1 }"),
        ("DROP DEFAULT", "", ""),
        ("clear silent default", "ex:default { ex:s ex:p 1 }", ""),
        (
            "COPY DEFAULT TO ex:g",
            "ex:default { ex:s ex:p 1 } ex:g { ex:s ex:p 2 }",
            "ex:default { ex:s ex:p 1 } ex:g { ex:s ex:p 1 }",
        ),
        (
            "ADD GRAPH ex:g TO DEFAULT",
            "ex:default { ex:s ex:p 1 } ex:g { ex:s ex:p 2 }",
            "ex:default { ex:s ex:p 1, 2 } ex:g { ex:s ex:p 2 }",
        ),
        ("MOVE DEFAULT TO ex:g", "ex:default { ex:s ex:p 1 }", "ex:g { ex:s ex:p 1 }"),
        ("MOVE DEFAULT TO ex:g", "ex:g { ex:s ex:p 1 }", ""),
        ("MOVE DEFAULT TO DEFAULT", "ex:default { ex:s ex:p 1 }", "ex:default { ex:s ex:p 1 }"),
        ("COPY m:g TO DEFAULT", "m:g { ex:s ex:p 1 }", "m:g { ex:s ex:p 1 } ex:default { ex:s ex:p 1 }"),
        (
            "INSERT DATA { ex:s a ex:T } ; DELETE DATA { ex:s a ex:T } ; INSERT DATA { ex:s a ex:U } ;",
            "",
            "ex:default { ex:s a ex:U }",
        ),
    ],
)
def test_what_names_no_graph_goes_to_the_default_graph(text: str, before: str, after: str) -> None:
    assert run(confined(PREFIXES + text), quads(before)) == quads(after)


def test_load_names_the_default_graph() -> None:
    assert confined("LOAD <a> ; LOAD SILENT <b> INTO GRAPH <g>") == (
        f"LOAD <a> INTO GRAPH <{DEFAULT}> ; LOAD SILENT <b> INTO GRAPH <g>"
    )


def test_blank_nodes_and_collections_keep_together() -> None:
    annotated = "_:a ex:p << ex:s ex:p 1 >> {| ex:r 2 |} ."
    text = f"INSERT DATA {{ _:a ex:p [ ex:q ( 1 [] ) ] . GRAPH ex:g {{ _:a ex:p 1 }} {annotated} }}"
    plain, moved = (ox.Dataset(run(done)) for done in (PREFIXES + text, confined(PREFIXES + text)))
    home = ox.NamedNode(DEFAULT)
    back = ox.Dataset(
        ox.Quad(q.subject, q.predicate, q.object, ox.DefaultGraph() if q.graph_name == home else q.graph_name)
        for q in moved
    )
    for dataset in (plain, back):
        dataset.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
    assert plain == back
    assert len(plain) > 8


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "INSERT DATA { GRAPH ex:g { ex:s ex:p 1 } . } ;",
        "DELETE WHERE { GRAPH ex:g { ?s ?p ?o } }",
        "WITH ex:g DELETE { ?s ?p ?o } WHERE { GRAPH ?h { ?s ?p ?o } }",
        "DELETE { GRAPH ex:g { ?s ?p ?o } } USING m:g WHERE { ?s ?p ?o }",
        "COPY m:a TO GRAPH ex:b ; CLEAR GRAPH ex:c; DROP SILENT GRAPH ex:d ; CREATE GRAPH ex:d",
        "INSERT DATA { }",
    ],
)
def test_what_needs_no_change_stays_as_it_is(text: str) -> None:
    assert confined(PREFIXES + text) == PREFIXES + text


graph_names = st.sampled_from(["ex:g", "<http://e/h>", "<i>"])
data_triples = st.sampled_from(
    ["ex:s ex:p 1", "<s> a 'GRAPH { }', [] ; ex:q ( ex:a.b '}' )", "_:a ex:p ex:a\\-b", "[] ex:p 'x'@en"]
)
blocks = st.builds(
    lambda name, lines: f"GRAPH {name} {{ {' . '.join(lines)} }}", graph_names, st.lists(data_triples, max_size=3)
)


@given(st.lists(blocks, max_size=3).map(" . ".join), st.sampled_from([" ", "\n", " # } GRAPH m:x {\n"]), st.booleans())
@settings(deadline=None, max_examples=100)
def test_updates_of_named_graphs_stay_as_they_are(body: str, space: str, ended: bool) -> None:
    text = f"{PREFIXES}INSERT{space}DATA{space}{{{space}{body}{space}}}{' ;' if ended else ''}"
    assert confined(text) == text
    run(text)


@given(st.lists(st.one_of(blocks, data_triples.map(lambda line: f"{line} .")), max_size=5).map("\n".join))
@settings(deadline=None, max_examples=200)
def test_data_goes_where_it_went_but_for_the_default_graph(body: str) -> None:
    def lines(store: set[ox.Quad], home: ox.NamedNode | ox.DefaultGraph) -> list[tuple[str, str]]:
        graphs = [("home" if quad.graph_name == home else str(quad.graph_name), str(quad.predicate)) for quad in store]
        return sorted(graphs)

    text = f"{PREFIXES}INSERT DATA {{ {body} }}"
    assert lines(run(text), ox.DefaultGraph()) == lines(run(confined(text)), ox.NamedNode(DEFAULT))


# ---- confinement: attacks


@pytest.mark.parametrize(
    ("text", "graph"),
    [
        ("INSERT DATA { GRAPH <http://m/x> { ex:s ex:p 1 } }", "http://m/x"),
        ("INSERT DATA { ex:s ex:p 1 . GRAPH m:x { ex:s ex:p 1 } }", "http://m/x"),
        ("INSERT DATA { graph m:x {} }", "http://m/x"),
        ("DELETE DATA { GRAPH ex:g {} GRAPH m:x { ex:s ex:p 1 } }", "http://m/x"),
        ("DELETE WHERE { GRAPH m:x { ?s ?p ?o } }", "http://m/x"),
        ("INSERT { GRAPH m:x { ?s ?p 1 } } WHERE { ?s ?p ?o }", "http://m/x"),
        ("DELETE { GRAPH m:x { ?s ?p 1 } } INSERT {} WHERE { ?s ?p ?o }", "http://m/x"),
        ("DELETE {} INSERT { GRAPH m:x { ?s ?p 1 } } WHERE { ?s ?p ?o }", "http://m/x"),
        ("WITH m:x INSERT { ?s ?p 1 } WHERE { ?s ?p ?o }", "http://m/x"),
        ("PREFIX a: <http://m> PREFIX ex: <http://m/> INSERT DATA { GRAPH ex:x {} }", "http://m/x"),
        (r"PREFIX a: <http://m> INSERT DATA { GRAPH a:\/x {} }", "http://m/x"),
        ("PREFIX : <http://m/a:> INSERT DATA { GRAPH ::b {} }", "http://m/a::b"),
        ("BASE <http://m/a/b> INSERT DATA { GRAPH <x> {} }", "http://m/a/x"),
        ("BASE <//m> INSERT DATA { GRAPH </x> {} }", "http://m/x"),
        ("INSERT DATA { GRAPH <//m/x> {} }", "http://m/x"),
        (r"INSERT DATA { GRAPH <http://\u006d/\U00000078> {} }", "http://m/x"),
        (r"BASE <http://\u006D/> COPY ex:g TO <x>", "http://m/x"),
        ("INSERT DATA {} ; INSERT DATA { GRAPH m:x {} }", "http://m/x"),
        ("INSERT DATA { ex:s ex:p '} ; ' } ; # ;\nCLEAR GRAPH m:x", "http://m/x"),
        ("INSERT DATA {} ; PREFIX ex: <http://m/> INSERT DATA { GRAPH ex:x {} }", "http://m/x"),
        ("INSERT DATA {} ; BASE <http://m/> INSERT DATA { GRAPH <x> {} }", "http://m/x"),
        ("CLEAR SILENT GRAPH m:x", "http://m/x"),
        ("DROP GRAPH m:x", "http://m/x"),
        ("CREATE SILENT GRAPH m:x", "http://m/x"),
        ("ADD ex:g TO m:x", "http://m/x"),
        ("COPY DEFAULT TO GRAPH m:x", "http://m/x"),
        ("MOVE SILENT ex:g TO m:x", "http://m/x"),
        ("MOVE m:x TO ex:g", "http://m/x"),
        ("LOAD <a> INTO GRAPH m:x", "http://m/x"),
        ("CLEAR ALL", "ALL"),
        ("drop silent all", "ALL"),
        ("CLEAR NAMED", "NAMED"),
    ],
)
def test_a_managed_graph_cannot_be_named(text: str, graph: str) -> None:
    with pytest.raises(query_and_update_analysis.GraphForbidden) as caught:
        confined(f"{PREFIXES}\n{text}")
    assert caught.value.graph == graph
    assert caught.value.line >= 2


def test_the_place_of_a_forbidden_graph() -> None:
    with pytest.raises(query_and_update_analysis.GraphForbidden) as caught:
        confined(f"{PREFIXES}\nCLEAR GRAPH ex:g ;\n  COPY ex:g TO m:x")
    assert (caught.value.line, caught.value.column) == (3, 16)


@pytest.mark.parametrize(
    "graph", ["http://M/x", "http://%6D/x", "http://e/../m/x", "http://e/%6d", "https://m/x", "http://m"]
)
def test_other_spellings_are_other_graphs(graph: str) -> None:
    text = f"INSERT DATA {{ GRAPH <{graph}> {{ <urn:s> <urn:p> 1 }} }}"
    assert confined(text) == text
    (quad,) = run(text)
    assert str(quad.graph_name) == f"<{graph}>"


KEPT = "m:g { ex:s ex:p 1 } "


@pytest.mark.parametrize(
    ("text", "added"),
    [
        ("INSERT { GRAPH ?g { ex:s ex:p 2 } } WHERE { VALUES ?g { m:g ex:g } }", "ex:g { ex:s ex:p 2 }"),
        ("INSERT { GRAPH ?g { ex:s ex:p 2 } } WHERE { BIND(m:g AS ?g) }", ""),
        ("INSERT { GRAPH $g { ex:s ex:p 2 } } WHERE { BIND(IRI(CONCAT('http://', 'm/g')) AS ?g) }", ""),
        (
            "INSERT { GRAPH ?g { ex:s ex:p 2 } } WHERE { SELECT ?g { VALUES ?g { m:g ex:g } } ORDER BY ?g }",
            "ex:g { ex:s ex:p 2 }",
        ),
        ("INSERT { GRAPH ?é { ex:s ex:p 2 } } WHERE { VALUES ?é { m:g ex:g } # }\n}", "ex:g { ex:s ex:p 2 }"),
        (
            "INSERT { GRAPH ?g { ex:s ex:p 2 } GRAPH ?h {} } WHERE { VALUES (?g ?h) { (ex:g m:h) (ex:g ex:h) } }",
            "ex:g { ex:s ex:p 2 }",
        ),
        ("DELETE { GRAPH ?g { ?s ?p ?o } } WHERE { GRAPH ?g { ?s ?p ?o } }", ""),
        ("DELETE WHERE { GRAPH ?g { ?s ?p ?o } }", ""),
        ("DELETE WHERE{GRAPH?g{?s?p?o}}", ""),
        ("WITH ex:w DELETE { GRAPH ?g { ?s ?p ?o } } INSERT { ex:s ex:p 3 } WHERE { GRAPH ?g { ?s ?p ?o } }", ""),
        (
            "INSERT DATA { GRAPH ex:g { ex:s ex:p 2 } } ; "
            "DELETE { GRAPH ?g { ?s ?p ?o } } WHERE { GRAPH ?g { ?s ?p ?o } }",
            "",
        ),
        (
            "INSERT { ex:s ex:p 2 GRAPH ?g { ex:s ex:p 2 } } WHERE { OPTIONAL { GRAPH ex:none { ?g ?p ?o } } }",
            "ex:default { ex:s ex:p 2 }",
        ),
        (
            "INSERT { ex:s ex:p 2 GRAPH ?g { ex:s ex:p 2 } } WHERE { BIND('http://m/g' AS ?g) }",
            "ex:default { ex:s ex:p 2 }",
        ),
    ],
)
def test_a_graph_variable_is_never_a_managed_graph(text: str, added: str) -> None:
    assert run(confined(PREFIXES + text), quads(KEPT)) == quads(KEPT + added)


def test_the_same_updates_write_it_unless_they_are_confined() -> None:
    """Otherwise the test above would say nothing."""
    text = "INSERT { GRAPH ?g { ex:s ex:p 2 } } WHERE { BIND(IRI(CONCAT('http://', 'm/g')) AS ?g) }"
    assert run(PREFIXES + text, quads(KEPT)) == quads(KEPT + "m:g { ex:s ex:p 2 }")
    assert run("DELETE WHERE { GRAPH ?g { ?s ?p ?o } }", quads(KEPT)) == set()
    assert run(PREFIXES + "PREFIX GRAPHm: <http://e/> COPY m:g TO GRAPHm:x") == set()


def test_the_engine_cuts_names_that_start_with_graph() -> None:
    """The reason why such names are malformed: this copies from <http://m/g>, not from <http://e/g>."""
    text = PREFIXES + "PREFIX GRAPHm: <http://e/> COPY GRAPHm:g TO ex:h"
    assert run(text, quads(KEPT)) == quads(KEPT + "ex:h { ex:s ex:p 1 }")
    with pytest.raises(MalformedText):
        confined(text)


# ---- what is written


@pytest.mark.parametrize(
    ("text", "graphs", "unknown"),
    [
        ("", [], False),
        ("INSERT DATA { ex:s ex:p 1 GRAPH ex:g {} }", [DEFAULT, "http://e/g"], False),
        ("CLEAR DEFAULT", [DEFAULT], False),
        ("COPY m:a TO ex:b ; MOVE ex:c TO DEFAULT", [DEFAULT, "http://e/b", "http://e/c"], False),
        ("WITH ex:w DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }", ["http://e/w"], False),
        ("DELETE WHERE { GRAPH ?g { ?s ?p ?o } }", [], True),
        (
            "INSERT { GRAPH ?g {} GRAPH ex:g {} } WHERE { GRAPH ?h {} } ; DROP GRAPH ex:h",
            ["http://e/g", "http://e/h"],
            True,
        ),
    ],
)
def test_written(text: str, graphs: list[str], unknown: bool) -> None:
    assert query_and_update_analysis.written(update(PREFIXES + text), DEFAULT) == (frozenset(graphs), unknown)


# ---- updates among others


def test_expanded_updates_need_no_declarations() -> None:
    text = """BASE <http://e/> PREFIX : <#> PREFIX v: <http://v/> # the first
    INSERT DATA { <s> :p 'v:x', "<x>", "1"^^v:n, <http://e/o> } ;
    BASE <deep/> PREFIX : <http://other/>
    INSERT { ?s :p <s> } WHERE { ?s ?p ?o FILTER(?o<v:n||?o=v:n) }"""
    first = text.partition(" ;\n")[0]
    with pytest.raises(SyntaxError):
        run(text)
    expanded = query_and_update_analysis.expanded(text, BASE)
    assert run(expanded) == quads("<http://e/s> <http://e/#p> 'v:x', '<x>', '1'^^<http://v/n>, <http://e/o> .")
    assert run(query_and_update_analysis.expanded(first, BASE)) == run(first)
    assert "<http://e/deep/s>" in expanded
    assert "<http://other/p>" in expanded
    assert "BASE" not in expanded


@pytest.mark.parametrize(
    "text",
    [
        r"INSERT DATA { <http://e/\u003e> <http://e/p> 1 }",
        "INSERT DATA { none:s none:p 1 }",
        "PREFIX INSERT DATA {}",
        "INSERT DATA { § }",
    ],
)
def test_what_cannot_be_expanded(text: str) -> None:
    with pytest.raises(MalformedText):
        query_and_update_analysis.expanded(text, BASE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CLEAR ALL ; # done ;", "CLEAR ALL  # done ;"),
        ("CLEAR ALL ; PREFIX ex: <a>", "CLEAR ALL  "),
        ("CLEAR ALL", "CLEAR ALL"),
        ("INSERT DATA { ?s ?p ';' }", "INSERT DATA { ?s ?p ';' }"),
        ("CLEAR ALL ; CLEAR ALL", "CLEAR ALL ; CLEAR ALL"),
        ("", ""),
    ],
)
def test_expanded_updates_end_without_a_semicolon(text: str, expected: str) -> None:
    assert query_and_update_analysis.expanded(text, BASE) == expected


def test_expanded_updates_stand_among_others() -> None:
    text = "PREFIX ex: <http://e/> INSERT DATA { ex:s ex:p 1 } ; # ;"
    first, second = (query_and_update_analysis.expanded(one, BASE) for one in (text, text.replace("1", "2")))
    both = f"CLEAR ALL ; {first}\n; {second}"
    assert run(both) == quads("ex:s ex:p 1, 2 .")
