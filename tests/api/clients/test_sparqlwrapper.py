"""SPARQLWrapper: every kind of query in every format by every method, as it sends them by itself."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from rdflib import Graph
from SPARQLWrapper import (
    CSV,
    GET,
    JSON,
    JSONLD,
    N3,
    POST,
    POSTDIRECTLY,
    RDF,
    RDFXML,
    TSV,
    TURTLE,
    URLENCODED,
    XML,
    SPARQLWrapper,
)
from SPARQLWrapper.SPARQLExceptions import QueryBadFormed, Unauthorized

from tests.api.clients.conftest import Endpoint

QUERIES = {
    "SELECT": "SELECT ?o { <http://x/s> ?p ?o }",
    "ASK": "ASK { <http://x/s> ?p ?o }",
    "CONSTRUCT": "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }",
    "DESCRIBE": "DESCRIBE <http://x/s>",
}
RESULTS = {
    XML: "application/sparql-results+xml",
    JSON: "application/sparql-results+json",
    CSV: "text/csv",
    TSV: "text/tab-separated-values",
}
GRAPHS = {
    XML: "application/rdf+xml",
    JSON: "application/ld+json",
    RDF: "application/rdf+xml",
    RDFXML: "application/rdf+xml",
    TURTLE: "text/turtle",
    N3: "text/turtle",
    JSONLD: "application/ld+json",
}
"""Media types by format; a format that a kind of query does not have is sent in the default one."""
FORMATS = (*GRAPHS, CSV, TSV)
WAYS = [(GET, URLENCODED), (POST, URLENCODED), (POST, POSTDIRECTLY)]


def media_type(kind: str, name: str) -> str:
    if kind in ("CONSTRUCT", "DESCRIBE"):
        return GRAPHS.get(name, "text/turtle")
    if kind == "ASK" and name in (CSV, TSV):
        return RESULTS[JSON]
    return RESULTS.get(name, RESULTS[JSON])


@contextmanager
def unwarned() -> Iterator[None]:
    """It warns of a format that it does not expect for the kind of query, and rdflib of a class that it uses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def wrapper(endpoint: Endpoint, query: str, name: str = JSON, way: tuple[str, str] = WAYS[0]) -> SPARQLWrapper:
    found = SPARQLWrapper(endpoint.sparql, returnFormat=name)
    found.setMethod(way[0])
    found.setRequestMethod(way[1])
    found.setQuery(query)
    return found


def shown(converted: Any) -> str:
    """Return what the client has made of the response: JSON, a document, a graph, or bytes."""
    if isinstance(converted, Graph):
        return converted.serialize(format="nt")
    if isinstance(converted, bytes):
        return converted.decode()
    return converted.toxml() if hasattr(converted, "toxml") else str(converted)


@pytest.mark.parametrize("way", WAYS, ids="-".join)
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", QUERIES)
def test_every_format_by_every_method(endpoint: Endpoint, kind: str, name: str, way: tuple[str, str]) -> None:
    with unwarned():
        found = wrapper(endpoint, QUERIES[kind], name, way).query()
        assert found.info()["content-type"].partition(";")[0] == media_type(kind, name)
        text = shown(found.convert())
    assert "true" in text.lower() if kind == "ASK" else ("ї" in text or "\\u0457" in text.lower())


def test_the_dataset(endpoint: Endpoint) -> None:
    found = wrapper(endpoint, "SELECT ?o { ?s ?p ?o }")
    found.addDefaultGraph("http://x/g")
    converted: Any = found.queryAndConvert()
    assert [row["o"]["value"] for row in converted["results"]["bindings"]] == ["1"]


@pytest.mark.parametrize("method", [URLENCODED, POSTDIRECTLY])
def test_updates_at_the_one_address_with_user_and_password(endpoint: Endpoint, method: str) -> None:
    found = wrapper(endpoint, "ASK {}", XML, (POST, method))
    found.setCredentials("anybody", endpoint.token)
    found.setQuery("INSERT DATA { GRAPH <http://x/wrapper> { <http://x/new> <http://x/p> 1 } }")
    assert found.query().response.status == 204
    ask = "ASK { GRAPH <http://x/wrapper> { ?s ?p ?o } }"
    assert wrapper(endpoint, ask).queryAndConvert() == {"head": {}, "boolean": True}
    found.setQuery("DROP GRAPH <http://x/wrapper>")
    found.query()
    assert wrapper(endpoint, ask).queryAndConvert() == {"head": {}, "boolean": False}


def test_an_update_without_a_token(endpoint: Endpoint) -> None:
    with pytest.raises(Unauthorized):
        wrapper(endpoint, "CLEAR ALL", XML, (POST, URLENCODED)).query()


def test_an_error_names_the_place(endpoint: Endpoint) -> None:
    with pytest.raises(QueryBadFormed, match='"line":1'):
        wrapper(endpoint, "SELECT ?o { ?s ?p }").query()
