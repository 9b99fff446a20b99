"""SPARQL 1.1 Service Description."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from kg.rdf import oxigraph, oxigraph_queries

SD = "http://www.w3.org/ns/sparql-service-description#"
VOID = "http://rdfs.org/ns/void#"
UPDATES = f"<{SD}supportedLanguage> <{SD}SPARQL11Update>"


def triples(client: TestClient, media_type: str = "application/n-triples") -> set[tuple[str, str]]:
    """Read the description as pairs of predicate and object."""
    answer = client.get("/sparql", headers={"Accept": media_type})
    assert answer.status_code == 200
    found = oxigraph.parse(answer.content, media_type)
    return {(quad.predicate.value, getattr(quad.object, "value", "")) for quad in found}


@pytest.mark.parametrize(
    "media_type",
    ["text/turtle", "application/rdf+xml", "application/ld+json", "application/trig", "application/n-quads"],
)
def test_every_format_says_the_same_of_the_endpoint(bare: TestClient, media_type: str) -> None:
    assert (f"{SD}endpoint", "http://testserver/sparql") in triples(bare, media_type)


def test_where_updates_go(bare: TestClient, auth: dict[str, str]) -> None:
    store = oxigraph.open_store(None)
    store.extend(oxigraph.parse(bare.get("/sparql").content, "text/turtle"))
    rows = oxigraph_queries.rows(store, f"SELECT ?e {{ ?s a <{SD}Service> ; <{SD}endpoint> ?e ; {UPDATES} }}")
    found = {str(getattr(row["e"], "value", "")) for row in rows}
    assert found == {"http://testserver/sparql", "http://testserver/update"}
    for address in found:
        assert bare.post(address, data={"update": "CLEAR ALL"}, headers=auth).status_code == 204


def test_turtle_is_the_default(bare: TestClient) -> None:
    assert bare.get("/sparql").headers["Content-Type"] == "text/turtle; charset=utf-8"
    assert bare.get("/sparql", headers={"Accept": "image/png"}).status_code == 406


def test_what_is_offered(bare: TestClient, client: TestClient) -> None:
    found = triples(bare)
    for name in ("SPARQL11Query", "SPARQL11Update"):
        assert (f"{SD}supportedLanguage", SD + name) in found
    for name in ("SPARQL_Results_JSON", "SPARQL_Results_TSV", "Turtle", "JSON-LD"):
        assert (f"{SD}resultFormat", f"http://www.w3.org/ns/formats/{name}") in found
    union = (f"{SD}feature", f"{SD}UnionDefaultGraph")
    assert union not in found
    assert union in triples(client)
    assert not {value for key, value in found if key == f"{SD}feature"} & {f"{SD}DereferencesURIs"}


def test_it_is_true_after_every_write(bare: TestClient, auth: dict[str, str]) -> None:
    def sizes() -> dict[str, int]:
        query = f"""SELECT ?name ?size {{
          {{ ?d <{SD}defaultGraph>/<{VOID}triples> ?size BIND("default" AS ?name) }}
          UNION {{ ?g <{SD}name> ?name ; <{SD}graph>/<{VOID}triples> ?size }} }}"""
        store = oxigraph.open_store(None)
        store.extend(oxigraph.parse(bare.get("/sparql").content, "text/turtle"))
        rows = oxigraph_queries.rows(store, query)
        return {str(getattr(row["name"], "value", "")): int(getattr(row["size"], "value", -1)) for row in rows}

    def update(text: str) -> None:
        assert bare.post("/update", data={"update": text}, headers=auth).status_code == 204

    assert sizes() == {"default": 0}
    update("INSERT DATA { <a:a> <a:b> 1, 2 . GRAPH <g:1> { <a:a> <a:b> 1 } }")
    assert sizes() == {"default": 2, "g:1": 1}
    update("DELETE DATA { GRAPH <g:1> { <a:a> <a:b> 1 } } ; CREATE GRAPH <g:2>")
    assert sizes() == {"default": 2, "g:1": 0, "g:2": 0}
    bare.put("/graphs?graph=g:3", content="<a:a> <a:b> 1 .", headers={"Content-Type": "text/turtle", **auth})
    bare.delete("/graphs?graph=g:1", headers=auth)
    assert sizes() == {"default": 2, "g:2": 0, "g:3": 1}


def test_named_graphs_of_the_product_are_listed(client: TestClient) -> None:
    names = {value for key, value in triples(client) if key == f"{SD}name"}
    for name in ("ontology", "reference", "article/seed", "inferred/seed"):
        assert f"http://127.0.0.1:8000/graph/{name}" in names
