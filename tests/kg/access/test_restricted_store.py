"""Restricted store: it behaves exactly like a store without the hidden graphs."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from kg.access.permissions import Principal, scopes_up_to
from kg.access.restricted_store import RestrictedStore, WritableView
from kg.errors import InsufficientScope, NotFound
from kg.export.article_rdf_export import RdfExportFormat, export
from kg.knowledge_graph import KnowledgeGraph, ReadableGraph
from kg.rdf import oxigraph
from kg.rdf.query_request_and_result import QueryDataset, QueryResult, ResultFormats
from kg.store.store import Store, StoreOptions
from kg.store.store_protocols import Reads
from tests.cases.graphs import small_document
from tests.configs import configured

pytestmark = pytest.mark.slow

BASE = "http://127.0.0.1:8000/"
SECRET, OPEN, BOTH = "http://e/secret", "http://e/open/1", "http://e/open/2"
LIMIT = ("http://e/open/*", "http://e/none")
JSON = ResultFormats()

DATA = {
    OPEN: '<urn:a> <urn:p> <urn:b> ; <urn:q> "open" .',
    BOTH: "<urn:a> <urn:p> <urn:b> . <urn:b> <urn:p> <urn:c> . <urn:n> <urn:size> 1 .",
}
HIDDEN = '<urn:a> <urn:p> <urn:b>, <urn:s> . <urn:s> <urn:q> "SECRET" ; <urn:p> <urn:t> . <urn:n> <urn:size> 7 .'


def triples(text: str) -> list[oxigraph.Triple]:
    return [quad.triple for quad in oxigraph.parse(text.encode(), "text/turtle")]


def filled(store: Store, *, hidden: bool) -> Store:
    for graph, text in (DATA | ({SECRET: HIDDEN} if hidden else {})).items():
        store.merge(graph, triples(text))
    if store.bare:
        store.merge(None, triples('<urn:u> <urn:q> "SECRET" .'))
    return store


@pytest.fixture(params=[False, True], ids=["managed", "bare"])
def stores(request: pytest.FixtureRequest) -> tuple[Store, Store]:
    """A store with a hidden graph, and one without that graph."""
    whole, lacking = (Store(StoreOptions(bare=request.param)) for _ in range(2))
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
    QueryDataset(default_graphs=[SECRET]),
    QueryDataset(default_graphs=[SECRET, OPEN]),
    QueryDataset(named_graphs=[SECRET]),
    QueryDataset(default_graphs=[OPEN], named_graphs=[SECRET, BOTH]),
]
ANYTHING = "SELECT * { { ?s ?p ?o } UNION { GRAPH ?g { ?s ?p ?o } } }"


def answer(store: Reads, query: str, request: QueryDataset | None = None) -> object:
    content = store.query(query, ResultFormats(graph="application/n-triples"), request).content
    return sorted(content.splitlines()) if query.startswith(("DESC", "CONS")) else json.loads(content)


@pytest.mark.parametrize("query", QUERIES)
def test_queries(stores: tuple[Store, Store], query: str) -> None:
    whole, lacking = stores
    seen = answer(RestrictedStore(whole, LIMIT), query)
    assert seen == answer(RestrictedStore(lacking, LIMIT), query)
    assert "SECRET" not in str(seen)


def test_the_same_queries_show_it_to_others(stores: tuple[Store, Store]) -> None:
    """Otherwise the test above would say nothing."""
    whole, lacking = stores
    if not whole.bare:
        same = [query for query in QUERIES if answer(whole, query) == answer(lacking, query)]
        assert same == []


@pytest.mark.parametrize("request_", DATASETS)
def test_datasets_of_the_protocol(stores: tuple[Store, Store], request_: QueryDataset) -> None:
    whole, lacking = stores
    seen = answer(RestrictedStore(whole, LIMIT), ANYTHING, request_)
    assert seen == answer(RestrictedStore(lacking, LIMIT), ANYTHING, request_)
    assert "SECRET" not in str(seen)
    assert "SECRET" in str(answer(whole, ANYTHING, request_))


def test_a_dataset_of_the_protocol_goes_before_that_of_the_text(stores: tuple[Store, Store]) -> None:
    view = RestrictedStore(stores[0], LIMIT)
    both = answer(view, f"SELECT ?o FROM <{SECRET}> {{ <urn:a> <urn:q> ?o }}", QueryDataset(default_graphs=[OPEN]))
    assert "open" in str(both)
    none = answer(view, f"SELECT ?o FROM <{OPEN}> {{ <urn:a> <urn:q> ?o }}", QueryDataset(default_graphs=[SECRET]))
    assert "open" not in str(none)


def test_without_any_visible_graph_nothing_is_seen(stores: tuple[Store, Store]) -> None:
    """Two empty lists of graphs must not stand for the whole store."""
    view = RestrictedStore(stores[0], ())
    for query in QUERIES:
        assert "SECRET" not in str(answer(view, query))
        assert "open" not in str(answer(view, query))
    assert view.rows("SELECT * { { ?s ?p ?o } UNION { GRAPH ?g { ?s ?p ?o } } }") == []
    assert (len(view), view.count(None), view.graphs(), view.triples(None), list(view.quads())) == (0, 0, [], [], [])


def public(thing: object) -> set[str]:
    return {name for name in dir(thing) if not name.startswith("_")}


def listed(found: object) -> object:
    """Make what was read comparable: an iterator is walked, and what has no order is sorted."""
    if isinstance(found, QueryResult):
        return found.content
    if isinstance(found, str | bytes | int | QueryDataset):
        return found
    return sorted(map(str, found.items() if isinstance(found, dict) else found))  # type: ignore[call-overload]


SUBJECT, VALUE, NAME = oxigraph.NamedNode("urn:s"), oxigraph.Literal("SECRET"), oxigraph.NamedNode("urn:p")
EVERYWHERE = "SELECT * { { ?s ?p ?o } UNION { GRAPH ?g { ?s ?p ?o } } }"
CALLS: dict[str, list[tuple[object, ...]]] = {
    "count": [(SECRET,), (OPEN,), (None,)],
    "sizes": [()],
    "graphs": [()],
    "has_graph": [(SECRET,), (OPEN,), ("no iri",)],
    "triples": [(SECRET,), (OPEN,), (None,)],
    "quads": [(), ([SECRET],), ([SECRET, OPEN],), ([],)],
    "match": [
        (None, None, None),
        (None, None, None, SECRET),
        (SUBJECT, None, None),
        (SUBJECT, NAME, None, SECRET),
        (None, None, VALUE),
        (None, NAME, None),
    ],
    "query": [(text, ResultFormats(), request) for text in (EVERYWHERE, *QUERIES) for request in (None, *DATASETS)],
    "dataset": [(text, request) for text in (EVERYWHERE, *QUERIES) for request in (QueryDataset(), *DATASETS)],
    "rows": [(EVERYWHERE, bound, request) for bound in (None, {"s": SUBJECT}) for request in (None, *DATASETS)],
}
"""Every method of a view, called with what names the hidden graph and with what names nothing."""

VALUES = {"limit", "names", "bare", "identity", "number"}
"""The attributes of a view."""


def test_every_method_is_called(stores: tuple[Store, Store]) -> None:
    assert public(RestrictedStore(stores[0], LIMIT)) == CALLS.keys() | VALUES


@pytest.mark.parametrize("name", CALLS)
def test_no_method_shows_what_is_hidden(stores: tuple[Store, Store], name: str) -> None:
    """Neither a triple, nor the name of the graph, nor a count, nor a literal: all is as if it were not there."""
    whole, lacking = stores
    for kind in (RestrictedStore, WritableView):
        told = [listed(getattr(kind(whole, LIMIT), name)(*arguments)) for arguments in CALLS[name]]
        assert told == [listed(getattr(kind(lacking, LIMIT), name)(*arguments)) for arguments in CALLS[name]]
        for word in ("SECRET", "http://e/secret", "<urn:s>", '"urn:s"', "urn:t"):
            assert word not in str(told)
    if name != "dataset" and not whole.bare:  # otherwise this would say nothing
        told = [listed(getattr(whole, name)(*arguments)) for arguments in CALLS[name]]
        assert told != [listed(getattr(lacking, name)(*arguments)) for arguments in CALLS[name]]


def test_no_attribute_shows_what_is_hidden(stores: tuple[Store, Store]) -> None:
    view = RestrictedStore(stores[0], LIMIT)
    assert "secret" not in str([getattr(view, name) for name in VALUES]).lower()
    assert len(view) == len(RestrictedStore(stores[1], LIMIT))


def test_the_default_graph_is_the_union_of_what_is_visible(stores: tuple[Store, Store]) -> None:
    whole, _ = stores
    view = RestrictedStore(whole, LIMIT)
    if whole.bare:
        assert (view.count(None), view.triples(None)) == (0, [])
        assert len(view) == 5
    else:
        assert len(view) == view.count(None) == len(view.triples(None)) == 4
        assert len(view.rows("SELECT * { ?s ?p ?o }")) == 5  # the engine has it as a bag


# ---- writing


def test_writing_within_the_limit(stores: tuple[Store, Store]) -> None:
    whole, _ = stores
    view = WritableView(whole, LIMIT)
    new = triples("<urn:x> <urn:p> <urn:y> .")
    assert view.merge("http://e/open/3", new)
    assert view.graphs() == [graph for graph in whole.graphs() if graph != SECRET]
    assert view.replace({"http://e/open/3": None, "http://e/none": new}) == "replaced"
    assert view.has_graph("http://e/none")
    assert (view.has_graph("http://e/open/3"), view.triples("http://e/none")) == (False, new)
    view.refuse_managed("http://e/none")


WRITES: list[Callable[[WritableView], object]] = [
    lambda view: view.replace({OPEN: None, SECRET: None}),
    lambda view: view.replace({SECRET: []}),
    lambda view: view.replace({view.names.ontology_graph: None}),
    lambda view: view.merge(SECRET, []),
    lambda view: view.merge(None, []),
    lambda view: view.merge(view.names.reference_graph, []),
    lambda view: view.clear_default(None),
    lambda view: view.refuse_managed(SECRET),
    lambda view: view.refuse_managed("http://e/not-there"),
]


@pytest.mark.parametrize("write", WRITES)
def test_writing_beyond_the_limit(stores: tuple[Store, Store], write: Callable[[WritableView], object]) -> None:
    whole, _ = stores
    before = sorted(str(quad) for quad in whole.quads())
    with pytest.raises(InsufficientScope) as caught:
        write(WritableView(whole, LIMIT))
    assert caught.value.remedy
    assert sorted(str(quad) for quad in whole.quads()) == before


def test_a_view_is_another_dataset() -> None:
    store = Store(StoreOptions())
    names = {
        store.identity,
        RestrictedStore(store, LIMIT).identity,
        RestrictedStore(store, ()).identity,
        RestrictedStore(store, LIMIT[:1]).identity,
    }
    assert len(names) == 4
    assert RestrictedStore(store, LIMIT).identity == RestrictedStore(store, LIMIT).identity


# ---- the knowledge graph


def limited(*graphs: str) -> Principal:
    return Principal("t", scopes_up_to("write"), tuple(BASE + graph for graph in graphs))


@pytest.fixture(scope="module")
def whole() -> KnowledgeGraph:
    graph = KnowledgeGraph.open(configured(), in_memory=True)
    graph.articles.add(_document("hidden"))
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
    assert [entry.identifier for entry in view.articles.entries()] == ["seed"]
    assert {entry.identifier for entry in whole.articles.entries()} == {"seed", "hidden"}
    for name in ("hidden", "nothing"):
        for read in (view.articles.facts, view.articles.document, view.articles.triples):
            with pytest.raises(NotFound) as caught:
                read(name)
            assert caught.value.message == f"There is no article “{name}”."
        with pytest.raises(NotFound) as caught:
            view.why(f"{name}/C22")
        assert caught.value.message == f"There is no claim “{name}/C22”."
    assert view.why("C22").article == f"{BASE}article/seed"  # one of them, so that it is not ambiguous
    assert whole.articles.facts("hidden")


def test_statements_are_explained_by_visible_articles_only(whole: KnowledgeGraph) -> None:
    view = whole.seen_by(limited("graph/article/seed"))
    claim = f"{BASE}article/hidden/C22"
    assert whole.why_statement(claim, "rdf:type", "cg:Claim").article == f"{BASE}article/hidden"
    with pytest.raises(NotFound):
        view.why_statement(claim, "rdf:type", "cg:Claim")


@pytest.mark.parametrize(
    "form",
    [
        RdfExportFormat.trig,
        RdfExportFormat.nquads,
        RdfExportFormat.jsonld,
        RdfExportFormat.turtle,
        RdfExportFormat.nanopub,
    ],
)
def test_exports_hold_visible_articles_only(whole: KnowledgeGraph, form: RdfExportFormat) -> None:
    view = whole.seen_by(limited("graph/article/seed"))
    assert b"article/hidden" not in export(view.articles, form, inferred=True)
    assert b"article/hidden" in export(whole.articles, form, inferred=True)
    with pytest.raises(NotFound):
        export(view.articles, form, "hidden")


def test_a_check_compares_with_visible_articles_only(whole: KnowledgeGraph) -> None:
    data = json.loads(_document("third"))
    data["entities"][0]["label"]["en"] = "Somebody else"
    content = json.dumps(data).encode()

    def clashes(graph: ReadableGraph) -> int:
        return sum(result.constraint == "J6" for result in graph.articles.check_document(content).results)

    assert clashes(whole) == 1
    assert clashes(whole.seen_by(limited("graph/article/seed"))) == 1
    assert clashes(whole.seen_by(limited("graph/article/none"))) == 0


def test_an_article_is_written_within_the_limit_only() -> None:
    graph = KnowledgeGraph.open(configured(), in_memory=True)
    view = graph.written_by(limited("graph/article/mine*"))
    assert view.articles.add(_document("mine1")).outcome == "created"
    assert view.articles.add(_document("mine1")).outcome == "unchanged"
    for name in ("seed", "new"):
        with pytest.raises(InsufficientScope):
            view.articles.add(_document(name))
    assert {entry.identifier for entry in graph.articles.entries()} == {"seed", "mine1"}
    assert graph.store.has_graph(f"{BASE}graph/inferred/mine1")
    view.articles.remove("mine1")
    assert not graph.store.has_graph(f"{BASE}graph/inferred/mine1")
