"""Content that XML cannot represent, on every route that writes XML: another format that ``Accept`` lists, or 406."""

from __future__ import annotations

from urllib.parse import quote

import httpx2
import pytest
from fastapi.testclient import TestClient

from kg.rdf import oxigraph

XML = "application/sparql-results+xml"
JSON = "application/sparql-results+json"
RDF = "application/rdf+xml"
TTL = "text/turtle"
SELECT = "SELECT ?t { ?s <http://ex.org/t> ?t }"
CONSTRUCT = "CONSTRUCT WHERE { ?s ?p ?o }"
CONTROL = '@prefix : <http://ex.org/> .\n:s :t "a\\u0001b" , "c\\uFFFEd" , "ok" .'
NAMELESS = "<http://ex.org/s> <http://ex.org/1> 1 ; <http://www.w3.org/1999/02/22-rdf-syntax-ns#li> 2 ."
GRAPH = "/graphs?graph=" + quote("http://ex.org/g", safe="")


def load(bare: TestClient, auth: dict[str, str], data: str) -> None:
    assert bare.put(GRAPH, content=data, headers={"Content-Type": TTL} | auth).is_success


def ask(bare: TestClient, query: str, accept: str, **parameters: str) -> httpx2.Response:
    graph = {"default-graph-uri": "http://ex.org/g"}
    found: httpx2.Response = bare.get(
        "/sparql", params={"query": query} | graph | parameters, headers={"Accept": accept}
    )
    return found


def refused(answer: httpx2.Response, reason: str) -> None:
    problem = answer.json()
    assert (answer.status_code, answer.headers["Content-Type"]) == (406, "application/problem+json")
    assert problem["type"].endswith("#unwritable")
    assert reason in problem["detail"]
    assert "another" in problem["remedy"]


@pytest.mark.parametrize(
    ("query", "accept", "reason"), [(SELECT, XML, "U+"), (CONSTRUCT, RDF, "U+"), (CONSTRUCT, f"{RDF}, {XML}", "U+")]
)
def test_a_control_character(bare: TestClient, auth: dict[str, str], query: str, accept: str, reason: str) -> None:
    load(bare, auth, CONTROL)
    refused(ask(bare, query, accept), reason)


@pytest.mark.parametrize(
    ("query", "accept", "sent"),
    [
        (SELECT, f"{XML}, {JSON};q=0.5", JSON),
        (SELECT, f"{XML}, text/csv;q=0.1, {JSON};q=0.5", JSON),
        (SELECT, f"{XML}, */*;q=0.1", JSON),
        (CONSTRUCT, f"{RDF}, {TTL};q=0.9", TTL),
        (CONSTRUCT, f"{RDF}, text/html;q=0.9", "text/html"),
    ],
)
def test_the_next_format_that_the_client_accepts(
    bare: TestClient, auth: dict[str, str], query: str, accept: str, sent: str
) -> None:
    load(bare, auth, CONTROL)
    answer = ask(bare, query, accept)
    assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (200, sent)
    assert answer.headers["Vary"].startswith("Accept")


def test_a_format_that_is_named_is_not_replaced(bare: TestClient, auth: dict[str, str]) -> None:
    load(bare, auth, CONTROL)
    refused(ask(bare, SELECT, "*/*", format="xml"), "U+")
    refused(ask(bare, CONSTRUCT, "*/*", format="rdf"), "U+")


def test_predicates_without_a_name(bare: TestClient, auth: dict[str, str]) -> None:
    load(bare, auth, NAMELESS)
    refused(ask(bare, CONSTRUCT, RDF), "RDF/XML cannot represent it")
    refused(bare.get(GRAPH, headers={"Accept": RDF}), "RDF/XML cannot represent it")
    assert bare.get(GRAPH, headers={"Accept": f"{RDF}, {TTL};q=0.1"}).headers["Content-Type"].startswith(TTL)
    assert ask(bare, "SELECT ?p { ?s ?p ?o }", XML).status_code == 200


def test_pages_of_resources_as_rdf(own: TestClient, auth: dict[str, str]) -> None:
    load(own, auth, CONTROL)
    place = "/describe?iri=" + quote("http://ex.org/s", safe="")
    refused(own.get(place, headers={"Accept": RDF}), "U+")
    assert own.get(place, headers={"Accept": f"{RDF}, {TTL};q=0.1"}).headers["Content-Type"].startswith(TTL)
    assert own.get(place, headers={"Accept": "text/html"}).status_code == 200


def test_an_article_that_an_earlier_version_has_stored(own: TestClient) -> None:
    graph = own.app.state.services.graph  # type: ignore[attr-defined]
    name = graph.names.article_graph("seed")
    putin = oxigraph.NamedNode(graph.names.entity("putin"))
    label = oxigraph.Literal("Vladimir Putin", language="en")
    odd = oxigraph.Literal("Putin\x0b", language="en")
    kept = [
        oxigraph.Triple(t.subject, t.predicate, odd) if (t.subject, t.object) == (putin, label) else t
        for t in graph.store.triples(name)
    ]
    assert odd in {t.object for t in kept}
    graph.store.replace({name: kept})
    assert "Putin\\u000b" in own.get("/articles/seed", headers={"Accept": "application/json"}).text
    refused(own.get("/articles/seed", headers={"Accept": RDF}), "U+000B")
    assert own.get("/articles/seed", headers={"Accept": f"{RDF}, {TTL};q=0.1"}).headers["Content-Type"].startswith(TTL)
    assert own.get("/entity/putin", headers={"Accept": "text/html"}).status_code == 200
    refused(own.get("/questions/14", headers={"Accept": XML}), "U+000B")
    assert own.get("/questions/14", headers={"Accept": f"{XML}, {JSON};q=0.1"}).headers["Content-Type"] == JSON
