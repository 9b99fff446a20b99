"""A view shows what a store without the hidden graphs would show: hiding and not having are the same."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kg import engine
from kg.access import Principal, scopes_up_to
from kg.config import Config
from kg.errors import InsufficientScope, NotFound
from kg.export import Format, export
from kg.graph import KnowledgeGraph
from kg.store import Settings, Store
from kg.view import View
from tests.cases.graphs import small_document

pytestmark = pytest.mark.slow

BASE = "http://127.0.0.1:8000/"
SECRET, OPEN, BOTH = "http://e/secret", "http://e/open/1", "http://e/open/2"
LIMIT = ("http://e/open/*", "http://e/none")
JSON = engine.Choice()

DATA = {
    OPEN: '<urn:a> <urn:p> <urn:b> ; <urn:q> "open" .',
    BOTH: "<urn:a> <urn:p> <urn:b> . <urn:b> <urn:p> <urn:c> . <urn:n> <urn:size> 1 .",
}
HIDDEN = '<urn:a> <urn:p> <urn:b>, <urn:s> . <urn:s> <urn:q> "SECRET" ; <urn:p> <urn:t> . <urn:n> <urn:size> 7 .'


def triples(text: str) -> list[engine.Triple]:
    return [quad.triple for quad in engine.parse(text.encode(), "text/turtle")]


def filled(store: Store, *, hidden: bool) -> Store:
    for graph, text in (DATA | ({SECRET: HIDDEN} if hidden else {})).items():
        store.merge(graph, triples(text))
    if store.bare:
        store.merge(None, triples('<urn:u> <urn:q> "SECRET" .'))
    return store


@pytest.fixture(params=[False, True], ids=["managed", "bare"])
def stores(request: pytest.FixtureRequest) -> tuple[Store, Store]:
    """A store with a hidden graph, and one that has none."""
    whole, lacking = (Store(Settings(bare=request.param)) for _ in range(2))
    return filled(whole, hidden=True), filled(lacking, hidden=False)


# ---- every door is guarded

QUERIES = [
    "SELECT * { ?s ?p ?o }",
    "SELECT * { GRAPH ?g { ?s ?p ?o } }",
    "SELECT * { GRAPH ?g {} }",
    f"SELECT * {{ GRAPH <{SECRET}> {{ ?s ?p ?o }} }}",
    f"ASK {{ GRAPH <{SECRET}> {{}} }}",
    f"ASK {{ GRAPH <{SECRET}> {{ ?s ?p ?o }} }}",
    f"SELECT * FROM <{SECRET}> {{ ?s ?p ?o }}",
    f"SELECT * FROM <{SECRET}> FROM <{OPEN}> {{ ?s ?p ?o }}",
    "BASE <http://e/> SELECT * FROM <secret> { ?s ?p ?o }",
    "PREFIX e: <http://e/> SELECT * FROM e:secret { ?s ?p ?o }",
    "PREFIX NAMEDe: <http://e/> SELECT * FROM NAMEDe:secret { ?s ?p ?o }",
    "SELECT * FROM <\\u0068ttp://e/secret> { ?s ?p ?o }",
    f"SELECT * FROM NAMED <{SECRET}> {{ GRAPH ?g {{ ?s ?p ?o }} }}",
    f"SELECT * FROM NAMED <{SECRET}> FROM NAMED <{BOTH}> {{ GRAPH ?g {{ ?s ?p ?o }} }}",
    f"SELECT * {{ VALUES ?g {{ <{SECRET}> <{OPEN}> }} GRAPH ?g {{ ?s ?p ?o }} }}",
    "SELECT * { BIND(IRI(CONCAT('http://e/', 'secret')) AS ?g) GRAPH ?g { ?s ?p ?o } }",
    "SELECT * { <urn:a> <urn:p>+ ?o }",
    "SELECT * { ?s <urn:p>* ?o }",
    "SELECT * { <urn:a> <urn:p>*/<urn:q> ?o }",
    "SELECT * { ?s (!<urn:none>)+ ?o }",
    "SELECT * { ?o ^<urn:q> ?s }",
    "SELECT * { GRAPH ?g { <urn:a> <urn:p>+ ?o } }",
    "ASK { FILTER EXISTS { ?s ?p 'SECRET' } }",
    "SELECT * { ?s <urn:p> ?o FILTER NOT EXISTS { ?o ?p 'SECRET' } }",
    f"SELECT * {{ ?s <urn:p> ?o MINUS {{ GRAPH <{SECRET}> {{ ?s <urn:p> ?o }} }} }}",
    "SELECT * { ?s <urn:p> ?o OPTIONAL { ?o <urn:q> ?x } }",
    "SELECT * { { SELECT (COUNT(*) AS ?n) { ?s ?p ?o } } }",
    "SELECT * { { SELECT ?g (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g } }",
    "SELECT (SUM(?o) AS ?n) { ?s <urn:size> ?o }",
    "SELECT (GROUP_CONCAT(?o) AS ?all) { ?s <urn:q> ?o }",
    "SELECT ?s { ?s ?p ?o } ORDER BY STR(?o) LIMIT 3",
    "DESCRIBE <urn:s>",
    "DESCRIBE ?s { ?s ?p ?o }",
    f"DESCRIBE <urn:s> FROM <{SECRET}>",
    "CONSTRUCT { ?s ?p ?o } WHERE { GRAPH ?g { ?s ?p ?o } }",
    "CONSTRUCT WHERE { ?s ?p ?o }",
]
DATASETS = [
    engine.Dataset(default_graphs=[SECRET]),
    engine.Dataset(default_graphs=[SECRET, OPEN]),
    engine.Dataset(named_graphs=[SECRET]),
    engine.Dataset(default_graphs=[OPEN], named_graphs=[SECRET, BOTH]),
]
ANYTHING = "SELECT * { { ?s ?p ?o } UNION { GRAPH ?g { ?s ?p ?o } } }"


def answer(store: Store, query: str, request: engine.Dataset | None = None) -> object:
    content = store.query(query, engine.Choice(graph="application/n-triples"), request).content
    return sorted(content.splitlines()) if query.startswith(("DESC", "CONS")) else json.loads(content)


@pytest.mark.parametrize("query", QUERIES)
def test_queries(stores: tuple[Store, Store], query: str) -> None:
    whole, lacking = stores
    seen = answer(View(whole, LIMIT), query)
    assert seen == answer(View(lacking, LIMIT), query)
    assert "SECRET" not in str(seen)


def test_the_same_queries_show_it_to_others(stores: tuple[Store, Store]) -> None:
    """Otherwise the test above would say nothing."""
    whole, lacking = stores
    if not whole.bare:
        same = [query for query in QUERIES if answer(whole, query) == answer(lacking, query)]
        assert same == []


@pytest.mark.parametrize("request_", DATASETS)
def test_datasets_of_the_protocol(stores: tuple[Store, Store], request_: engine.Dataset) -> None:
    whole, lacking = stores
    seen = answer(View(whole, LIMIT), ANYTHING, request_)
    assert seen == answer(View(lacking, LIMIT), ANYTHING, request_)
    assert "SECRET" not in str(seen)
    assert "SECRET" in str(answer(whole, ANYTHING, request_))


def test_a_dataset_of_the_protocol_goes_before_that_of_the_text(stores: tuple[Store, Store]) -> None:
    view = View(stores[0], LIMIT)
    both = answer(view, f"SELECT ?o FROM <{SECRET}> {{ <urn:a> <urn:q> ?o }}", engine.Dataset(default_graphs=[OPEN]))
    assert "open" in str(both)
    none = answer(view, f"SELECT ?o FROM <{OPEN}> {{ <urn:a> <urn:q> ?o }}", engine.Dataset(default_graphs=[SECRET]))
    assert "open" not in str(none)


def test_without_any_visible_graph_nothing_is_seen(stores: tuple[Store, Store]) -> None:
    """Two empty lists of graphs must not stand for the whole store."""
    view = View(stores[0], ())
    for query in QUERIES:
        assert "SECRET" not in str(answer(view, query))
        assert "open" not in str(answer(view, query))
    assert view.rows("SELECT * { { ?s ?p ?o } UNION { GRAPH ?g { ?s ?p ?o } } }") == []
    assert (len(view), view.count(None), view.graphs(), view.triples(None), list(view.quads())) == (0, 0, [], [], [])


READS: list[Callable[[Store], object]] = [
    lambda store: store.graphs(),
    lambda store: store.has_graph(SECRET),
    lambda store: store.count(SECRET),
    len,
    lambda store: len(store.triples(SECRET)),
    lambda store: sorted(str(quad) for quad in store.quads()),
    lambda store: sorted(str(quad) for quad in store.quads([SECRET, OPEN])),
    lambda store: sorted(str(quad) for quad in store.match(None, None, None)),
    lambda store: sorted(str(quad) for quad in store.match(None, None, None, SECRET)),
    lambda store: len(store.match(engine.NamedNode("urn:s"), None, None)),
    lambda store: len(store.rows("SELECT * { GRAPH ?g { ?s ?p ?o } }")),
    lambda store: len(store.rows("SELECT * { GRAPH ?g { ?this ?p ?o } }", {"this": engine.NamedNode("urn:s")})),
    lambda store: len(store.rows("SELECT * { ?s ?p ?o }", None, engine.Dataset(default_graphs=[SECRET]))),
]


@pytest.mark.parametrize("read", READS)
def test_reading(stores: tuple[Store, Store], read: Callable[[Store], object]) -> None:
    whole, lacking = stores
    assert read(View(whole, LIMIT)) == read(View(lacking, LIMIT))
    assert read(whole) != read(lacking)


def test_the_default_graph_is_the_union_of_what_is_visible(stores: tuple[Store, Store]) -> None:
    whole, _ = stores
    view = View(whole, LIMIT)
    if whole.bare:
        assert (view.count(None), view.triples(None)) == (0, [])
        assert len(view) == 5
    else:
        assert len(view) == view.count(None) == len(view.triples(None)) == 4
        assert len(view.rows("SELECT * { ?s ?p ?o }")) == 5  # the engine has it as a bag


def test_no_method_of_the_store_is_forgotten() -> None:
    def own(kind: type) -> set[str]:
        found = {name for name in vars(kind) if not name.startswith("_") or name in ("__len__", "__iter__")}
        return found - {"named"}

    assert own(Store) <= own(View)
    view = View(Store(Settings()), LIMIT)
    assert "_engine" not in vars(view)
    for name, method in inspect.getmembers(View, inspect.isfunction):
        parent = getattr(Store, name, None)
        if name in vars(View) and parent and not name.startswith("__"):
            assert list(inspect.signature(method).parameters)[1:] == [
                parameter.lstrip("_") for parameter in list(inspect.signature(parent).parameters)[1:]
            ]


# ---- writing


def test_writing_within_the_limit(stores: tuple[Store, Store]) -> None:
    whole, _ = stores
    view = View(whole, LIMIT)
    new = triples("<urn:x> <urn:p> <urn:y> .")
    assert view.merge("http://e/open/3", new)
    assert view.graphs() == [graph for graph in whole.graphs() if graph != SECRET]
    assert view.replace({"http://e/open/3": None, "http://e/none": new}) == "replaced"
    assert view.has_graph("http://e/none")
    view.change({"http://e/none": set(new)}, {"http://e/open/3": set(new)})
    assert (view.has_graph("http://e/none"), view.triples("http://e/open/3")) == (False, new)
    view.refuse_managed("http://e/none")


WRITES: list[Callable[[View], object]] = [
    lambda view: view.replace({OPEN: None, SECRET: None}),
    lambda view: view.replace({SECRET: []}),
    lambda view: view.replace({view.names.ontology_graph: None}),
    lambda view: view.change({SECRET: set()}, {}),
    lambda view: view.change({}, {OPEN: set(), SECRET: set()}),
    lambda view: view.merge(SECRET, []),
    lambda view: view.merge(None, []),
    lambda view: view.merge(view.names.reference_graph, []),
    lambda view: view.clear_default(None),
    lambda view: view.load([], OPEN),
    lambda view: view.update("INSERT DATA { GRAPH <http://e/open/1> { <urn:a> <urn:a> <urn:a> } }"),
    lambda view: view.refuse_managed(SECRET),
    lambda view: view.refuse_managed("http://e/not-there"),
    lambda view: view.made_ready(),
    lambda view: view.checkpoint(Path("never-made")),
]


@pytest.mark.parametrize("write", WRITES)
def test_writing_beyond_the_limit(stores: tuple[Store, Store], write: Callable[[View], object]) -> None:
    whole, _ = stores
    before = sorted(str(quad) for quad in whole.quads())
    with pytest.raises(InsufficientScope) as caught:
        write(View(whole, LIMIT))
    assert caught.value.remedy
    assert sorted(str(quad) for quad in whole.quads()) == before
    assert not Path("never-made").exists()


def test_a_view_is_another_dataset() -> None:
    store = Store(Settings())
    names = {store.identity, View(store, LIMIT).identity, View(store, ()).identity, View(store, LIMIT[:1]).identity}
    assert len(names) == 4
    assert View(store, LIMIT).identity == View(store, LIMIT).identity


# ---- the knowledge graph


def limited(*graphs: str) -> Principal:
    return Principal("t", scopes_up_to("write"), tuple(BASE + graph for graph in graphs))


@pytest.fixture(scope="module")
def whole() -> KnowledgeGraph:
    graph = KnowledgeGraph.open(Config(), in_memory=True)
    graph.add(_document("hidden"))
    return graph


def _document(identifier: str) -> bytes:
    data = json.loads(small_document().to_json())
    data["article"]["id"] = identifier
    return json.dumps(data).encode()


def test_who_sees_everything_needs_no_view(whole: KnowledgeGraph) -> None:
    assert whole.seen_by(Principal("t", ("read",), None)) is whole


def test_an_article_comes_with_what_follows_from_it(whole: KnowledgeGraph) -> None:
    graphs = whole.seen_by(limited("graph/article/seed")).store.graphs()
    assert graphs == [f"{BASE}graph/{name}" for name in ("article/seed", "inferred/seed", "ontology", "reference")]
    assert whole.seen_by(limited("graph/inferred/seed")).store.graphs() == [
        f"{BASE}graph/{name}" for name in ("ontology", "reference")
    ]


def test_a_hidden_article_is_not_there(whole: KnowledgeGraph) -> None:
    view = whole.seen_by(limited("graph/article/seed"))
    assert [entry.identifier for entry in view.articles()] == ["seed"]
    assert {entry.identifier for entry in whole.articles()} == {"seed", "hidden"}
    for name in ("hidden", "nothing"):
        for read in (view.facts, view.document, view.triples, view.remove):
            with pytest.raises(NotFound) as caught:
                read(name)
            assert caught.value.message == f"There is no article “{name}”."
        with pytest.raises(NotFound) as caught:
            view.why(f"{name}/C22")
        assert caught.value.message == f"There is no claim “{name}/C22”."
    assert view.why("C22").article == f"{BASE}article/seed"  # one of them, so that it is not ambiguous
    assert whole.facts("hidden")


def test_statements_are_explained_by_visible_articles_only(whole: KnowledgeGraph) -> None:
    view = whole.seen_by(limited("graph/article/seed"))
    claim = f"{BASE}article/hidden/C22"
    assert whole.why_statement(claim, "rdf:type", "cg:Claim").article == f"{BASE}article/hidden"
    with pytest.raises(NotFound):
        view.why_statement(claim, "rdf:type", "cg:Claim")


@pytest.mark.parametrize("form", [Format.trig, Format.nquads, Format.jsonld, Format.turtle, Format.nanopub])
def test_exports_hold_visible_articles_only(whole: KnowledgeGraph, form: Format) -> None:
    view = whole.seen_by(limited("graph/article/seed"))
    assert b"article/hidden" not in export(view, form, inferred=True)
    assert b"article/hidden" in export(whole, form, inferred=True)
    with pytest.raises(NotFound):
        export(view, form, "hidden")


def test_a_check_compares_with_visible_articles_only(whole: KnowledgeGraph) -> None:
    data = json.loads(_document("third"))
    data["entities"][0]["label"]["en"] = "Somebody else"
    content = json.dumps(data).encode()

    def clashes(graph: KnowledgeGraph) -> int:
        return sum(result.constraint == "J6" for result in graph.check_document(content).results)

    assert clashes(whole) == 1
    assert clashes(whole.seen_by(limited("graph/article/seed"))) == 1
    assert clashes(whole.seen_by(limited("graph/article/none"))) == 0


def test_an_article_is_written_within_the_limit_only() -> None:
    graph = KnowledgeGraph.open(Config(), in_memory=True)
    view = graph.seen_by(limited("graph/article/mine*"))
    assert view.add(_document("mine1")).outcome == "created"
    assert view.add(_document("mine1")).outcome == "unchanged"
    for name in ("seed", "new"):
        with pytest.raises(InsufficientScope):
            view.add(_document(name))
    assert {entry.identifier for entry in graph.articles()} == {"seed", "mine1"}
    assert graph.store.has_graph(f"{BASE}graph/inferred/mine1")
    view.remove("mine1")
    assert not graph.store.has_graph(f"{BASE}graph/inferred/mine1")
