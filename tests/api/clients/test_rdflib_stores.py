"""rdflib's stores over SPARQL: every kind of query in every format by every method, and writing."""

from __future__ import annotations

from typing import Literal as Choice

import pytest
from rdflib import Dataset, Graph, Literal, URIRef
from rdflib.plugins.stores.sparqlstore import SPARQLStore, SPARQLUpdateStore

from tests.api.clients.conftest import Endpoint

S, P = URIRef("http://x/s"), URIRef("http://x/p")
GREETING = Literal("ї", lang="uk")
FORMATS = ("xml", "json", "csv", "tsv")
Method = Choice["GET", "POST", "POST_FORM"]
METHODS: tuple[Method, ...] = ("GET", "POST", "POST_FORM")


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")  # its own parser of JSON-LD makes one
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_by_every_method(endpoint: Endpoint, name: str, method: Method) -> None:
    store = SPARQLStore(endpoint.sparql, returnFormat=name, method=method)
    rows = [str(row[0]) for row in store.query("SELECT ?o { <http://x/s> ?p ?o }")]  # type: ignore[index]
    assert rows == ["ї"]
    for text, expected in (("ASK { <http://x/s> ?p ?o }", True), ("ASK { <http://x/none> ?p ?o }", False)):
        assert store.query(text).askAnswer is expected
    for text in ("CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }", "DESCRIBE <http://x/s>"):
        found = store.query(text).graph
        assert found is not None
        assert list(found) == [(S, P, GREETING)]


def test_a_graph_over_the_store(endpoint: Endpoint) -> None:
    graph = Graph(SPARQLStore(endpoint.sparql))
    assert list(graph.triples((S, None, None))) == [(S, P, GREETING)]
    assert graph.value(S, P) == GREETING
    named = Graph(SPARQLStore(endpoint.sparql), identifier=URIRef("http://x/g"))
    assert [str(o) for o in named.objects()] == ["1"]
    assert len(named) == 1


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("basic", [False, True])
def test_a_store_that_writes(endpoint: Endpoint, name: str, basic: bool) -> None:
    """With a token and the address of updates, or with user and password and one address for all."""
    if basic:
        store = SPARQLUpdateStore(endpoint.sparql, endpoint.sparql, returnFormat=name, auth=("any", endpoint.token))
    else:
        token = {"Authorization": f"Bearer {endpoint.token}"}
        store = SPARQLUpdateStore(endpoint.sparql, endpoint.update, returnFormat=name, headers=token)
    added = (URIRef("http://x/new"), P, Literal("added"))
    graph = Dataset(store).graph(URIRef(f"http://x/written-{name}"))
    graph.add(added)
    assert added in graph
    graph.remove(added)
    assert added not in graph
    graph.update("INSERT DATA { <http://x/new> <http://x/p> 2 }")
    assert [str(o) for o in graph.objects()] == ["2"]
    store.update(f"DROP GRAPH <http://x/written-{name}>")
    assert len(graph) == 0
