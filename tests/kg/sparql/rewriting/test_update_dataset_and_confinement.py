"""Rewriting of updates: a rewritten update has the same effect on what a user may write, and none elsewhere."""

from __future__ import annotations

from collections.abc import Iterable

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.errors import BadInput, MalformedText, UsingConflict
from kg.sparql import query_and_update_analysis
from kg.sparql.rewriting import update_dataset_and_confinement

BASE = "http://e/base/x"
DEFAULT = "http://e/default"
MANAGED = "http://m/"
PATTERN = 'STRSTARTS(STR(?{var}), "http://m/")'
PREFIXES = "PREFIX ex: <http://e/> PREFIX m: <http://m/> "


def update(text: str) -> query_and_update_analysis.UpdateAnalysis:
    return query_and_update_analysis.UpdateAnalysis.parse(text, BASE)


def is_managed(graph: str) -> bool:
    return graph.startswith(MANAGED)


def confined(text: str) -> str:
    return update_dataset_and_confinement.confine(update(text), DEFAULT, is_managed, PATTERN)


def quads(trig: str) -> set[ox.Quad]:
    prefixes = "PREFIX ex: <http://e/> PREFIX m: <http://m/> "
    return set(ox.parse(prefixes + trig, format=ox.RdfFormat.TRIG, base_iri=BASE))


def run(text: str, data: Iterable[ox.Quad] = ()) -> set[ox.Quad]:
    store = ox.Store()
    store.extend(data)
    store.update(text, base_iri=BASE)
    return set(store)


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
    assert update_dataset_and_confinement.with_using(text, ["http://e/a", "http://e/b"], ["http://e/c"]) == expected


def test_using_selects_what_where_sees() -> None:
    data = quads("ex:s ex:p 0 . ex:a { ex:s ex:p 1 } ex:b { ex:s ex:p 2 } ex:c { ex:s ex:p 3 }")
    where = "{ { ?s ex:p ?o } UNION { GRAPH ?g { ?s ex:p ?o } } }"
    text = f"{PREFIXES} INSERT DATA {{ ex:s ex:r 9 }} ; INSERT {{ ?s ex:q ?o }} WHERE {where}"
    added = run(update_dataset_and_confinement.with_using(text, ["http://e/a"], ["http://e/c"]), data) - data
    assert added == quads("ex:s ex:r 9 ; ex:q 1, 3 .")


def test_delete_where_with_a_dataset_deletes_from_the_default_graph() -> None:
    data = quads("ex:s ex:p 1, 2 . ex:a { ex:s ex:p 1 }")
    text = update_dataset_and_confinement.with_using(PREFIXES + "DELETE WHERE { ?s ex:p ?o }", ["http://e/a"], [])
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
        update_dataset_and_confinement.with_using(text, [], ["http://e/a"])
    assert update_dataset_and_confinement.with_using(text, [], []) == text


@pytest.mark.parametrize(
    "graph", ["a", "", "http://e/> WHERE {} ; DROP ALL ; INSERT {} USING <http://e/", "http://e/\\u003e"]
)
def test_a_graph_of_the_dataset_is_an_absolute_iri(graph: str) -> None:
    with pytest.raises(BadInput):
        update_dataset_and_confinement.with_using("INSERT {} WHERE {}", [graph], [])


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
    with pytest.raises(update_dataset_and_confinement.GraphForbidden) as caught:
        confined(f"{PREFIXES}\n{text}")
    assert caught.value.graph == graph
    assert caught.value.line >= 2


def test_the_place_of_a_forbidden_graph() -> None:
    with pytest.raises(update_dataset_and_confinement.GraphForbidden) as caught:
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


@pytest.mark.parametrize(
    ("text", "added"),
    [
        ("INSERT { GRAPH ?g { ex:s ex:p 1 } } WHERE { BIND(BNODE() AS ?g) }", ""),
        ("INSERT { GRAPH ?g { ex:s ex:p 1 } } USING ex:g WHERE { BIND(BNODE() AS ?g) }", ""),
        ("WITH ex:g INSERT { GRAPH ?g { ex:s ex:p 1 } } WHERE { SELECT ?g { BIND(BNODE() AS ?g) } }", ""),
        ("INSERT { GRAPH ?g { ex:s ex:p 1 } } WHERE { BIND(BNODE() AS ?g) BIND(1 AS ?g_iri) }", ""),
        # Only the illegal quad is left out, not its solution nor the rest of the template.
        (
            "INSERT { ex:s ex:p ?g . GRAPH ?g { ex:s ex:p 1 } GRAPH ?h { ex:s ex:q ?x } } "
            "WHERE { VALUES (?g ?h) { (ex:g1 2) (2 ex:h) (UNDEF ex:i) } BIND(BNODE() AS ?b) BIND(1 AS ?x) }",
            "ex:s ex:p ex:g1, 2 . ex:g1 { ex:s ex:p 1 } ex:h { ex:s ex:q 1 } ex:i { ex:s ex:q 1 }",
        ),
        (
            "INSERT { GRAPH ?g { ex:s ex:p 1 . GRAPH_x: ex:q 2 } GRAPH ?g { ex:s ex:r 3 } } WHERE { BIND(ex:g AS ?g) }",
            "ex:g { ex:s ex:p 1 ; ex:r 3 . <http://x/> ex:q 2 }",
        ),
        # Literals, blank nodes and triples where they cannot be: the engine itself leaves those out.
        ("INSERT { ?x ex:p 1 . GRAPH ex:g { ?x ex:p 1 } } WHERE { BIND('x' AS ?x) }", ""),
        ("INSERT { ex:s ?x 1 . GRAPH ex:g { ex:s ?x 1 } } WHERE { BIND(BNODE() AS ?x) }", ""),
        ("INSERT { ex:s ?x 1 . GRAPH ex:g { ex:s ?x 1 } } WHERE { BIND('x' AS ?x) }", ""),
        ("INSERT { ?x ex:p 1 . GRAPH ?x { ex:s ex:p 1 } } WHERE { BIND(TRIPLE(ex:a, ex:b, ex:c) AS ?x) }", ""),
        ("INSERT { ex:s ex:p <<( ?x ex:p 1 )>> } WHERE { BIND('x' AS ?x) }", ""),
        ("INSERT { ex:s ex:p <<( ex:s ?x 1 )>> } WHERE { BIND(BNODE() AS ?x) }", ""),
        # One operation after another, with other words in between.
        (
            "INSERT { GRAPH ?g { ex:s ex:p 1 } } WHERE { BIND(BNODE() AS ?g) } ; INSERT DATA { ex:s ex:p '?g' } ;"
            "DELETE { GRAPH ?g { ex:s ex:p 1 } } INSERT { GRAPH ?g { ex:s ex:p 2 } } WHERE { BIND(ex:g AS ?g) }",
            "ex:s ex:p '?g' . ex:g { ex:s ex:p 2 }",
        ),
    ],
)
def test_an_illegal_quad_is_left_out(text: str, added: str) -> None:
    """SPARQL 1.1 Update, section 3.1.3."""
    prefixes = f"{PREFIXES} PREFIX GRAPH_x: <http://x/> "
    assert run(update_dataset_and_confinement.without_illegal_graphs(update(prefixes + text))) == quads(added)


def test_a_quad_in_a_graph_without_a_name_can_be_deleted() -> None:
    """As one of an earlier version, which let updates make it."""
    text = "DELETE { GRAPH ?g { ?s ?p ?o } } WHERE { GRAPH ?g { ?s ?p ?o } }"
    assert update_dataset_and_confinement.without_illegal_graphs(update(text)) == text
    assert run(text, ox.parse('<urn:s> <urn:p> "1" _:g .', format=ox.RdfFormat.N_QUADS)) == set()


def test_the_engine_takes_a_blank_node_as_the_name_of_a_graph() -> None:
    """The reason for the rewriting, which may go once this fails."""
    assert len(run("INSERT { GRAPH ?g { <urn:s> <urn:p> 1 } } WHERE { BIND(BNODE() AS ?g) }")) == 1


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
    assert update_dataset_and_confinement.written(update(PREFIXES + text), DEFAULT) == (frozenset(graphs), unknown)


# ---- updates among others


def test_expanded_updates_need_no_declarations() -> None:
    text = """BASE <http://e/> PREFIX : <#> PREFIX v: <http://v/> # the first
    INSERT DATA { <s> :p 'v:x', "<x>", "1"^^v:n, <http://e/o> } ;
    BASE <deep/> PREFIX : <http://other/>
    INSERT { ?s :p <s> } WHERE { ?s ?p ?o FILTER(?o<v:n||?o=v:n) }"""
    first = text.partition(" ;\n")[0]
    with pytest.raises(SyntaxError):
        run(text)
    expanded = update_dataset_and_confinement.expanded(text, BASE)
    assert run(expanded) == quads("<http://e/s> <http://e/#p> 'v:x', '<x>', '1'^^<http://v/n>, <http://e/o> .")
    assert run(update_dataset_and_confinement.expanded(first, BASE)) == run(first)
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
        update_dataset_and_confinement.expanded(text, BASE)


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
    assert update_dataset_and_confinement.expanded(text, BASE) == expected


def test_expanded_updates_stand_among_others() -> None:
    text = "PREFIX ex: <http://e/> INSERT DATA { ex:s ex:p 1 } ; # ;"
    first, second = (update_dataset_and_confinement.expanded(one, BASE) for one in (text, text.replace("1", "2")))
    both = f"CLEAR ALL ; {first}\n; {second}"
    assert run(both) == quads("ex:s ex:p 1, 2 .")
