"""Dereferencing of every IRI of the graph."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from kg.knowledge_graph import KnowledgeGraph
from kg.rdf import oxigraph

HTML = {"Accept": "text/html"}
NT = {"Accept": "application/n-triples"}
CG = "https://w3id.org/claimgraph/ns#"


def test_every_iri_of_ours_opens(client: TestClient, graph: KnowledgeGraph) -> None:
    base = graph.names.base
    terms = {term for t in graph.store.triples(None) for term in (t.subject, t.predicate, t.object)}
    ours = {term.value for term in terms if isinstance(term, oxigraph.NamedNode) and term.value.startswith(base)}
    assert len(ours) > 300
    for iri in sorted(ours)[::7]:
        path = quote(iri.removeprefix(base), safe="/=,%")
        assert client.get(f"/{path}", headers=HTML).status_code == 200, iri


def test_an_entity_as_a_page(client: TestClient) -> None:
    page = client.get("/entity/putin", headers=HTML)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<h1>Vladimir Putin</h1>" in page.text
    assert 'lang="uk"' in page.text
    assert "президент РФ Володимир Путін" in page.text
    assert 'href="/article/seed/' in page.text
    assert "inferred" in page.text


def test_a_claim_shows_its_words(client: TestClient) -> None:
    page = client.get("/article/seed/C05", headers=HTML).text
    assert (
        '<p lang="uk">президент РФ Володимир Путін проігнорував заклики Башара Асада про військову підтримку</p>'
        in page
    )


def test_rdf_has_the_statements_and_the_passages(client: TestClient, graph: KnowledgeGraph) -> None:
    found = list(oxigraph.parse(client.get("/article/seed/C05", headers=NT).content, "application/n-triples"))
    subjects = {getattr(quad.subject, "value", "") for quad in found}
    assert f"{graph.names.base}article/seed/C05" in subjects
    assert f"{graph.names.base}article/seed/char=130,216" in subjects
    assert any(quad.predicate.value == f"{CG}exact" for quad in found)


def test_a_graph_gives_its_triples(client: TestClient, graph: KnowledgeGraph) -> None:
    for name in ("article/seed", "inferred/seed", "ontology", "reference"):
        lines = client.get(f"/graph/{name}", headers=NT).text.splitlines()
        assert len(lines) == len(graph.store.triples(f"{graph.names.base}graph/{name}"))
        assert client.get(f"/graph/{name}", headers=HTML).status_code == 200


def test_letters_outside_ascii(own: TestClient, auth: dict[str, str]) -> None:
    text = "INSERT DATA { <http://127.0.0.1:8000/entity/київ> <a:p> <http://127.0.0.1:8000/entity/%D1%97> }"
    assert own.post("/update", data={"update": text}, headers=auth).status_code == 204
    assert own.get("/entity/київ", headers=NT).text.startswith("<http://127.0.0.1:8000/entity/київ> <a:p>")
    assert "entity/%D1%97" in own.get("/entity/%D1%97", headers=HTML).text


def test_an_update_that_names_a_graph_by_a_blank_node_breaks_no_page(own: TestClient, auth: dict[str, str]) -> None:
    entity = "<http://127.0.0.1:8000/entity/putin>"
    text = f"INSERT {{ GRAPH ?g {{ {entity} <urn:unnamed> 1 }} }} WHERE {{ BIND(BNODE() AS ?g) }}"
    assert own.post("/update", data={"update": text}, headers=auth).status_code == 204
    for accept in (HTML, NT):
        page = own.get("/entity/putin", headers=accept)
        assert page.status_code == 200
        assert "urn:unnamed" not in page.text


def test_terms_of_the_vocabulary_are_described(client: TestClient) -> None:
    page = client.get("/describe", params={"iri": f"{CG}attributedTo"}, headers=HTML)
    assert "<h1>attributed to</h1>" in page.text
    lines = client.get("/describe", params={"iri": f"{CG}attributedTo"}, headers=NT).text
    assert f"<{CG}attributedTo> <http://www.w3.org/2000/01/rdf-schema#label>" in lines


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/entity/nobody", 404),
        ("/entity/", 404),
        ("/entity/a%20b", 404),
        ("/entity/%3Cscript%3E", 404),
        ("/entity/%ff", 404),
        ("/article/seed/nothing", 404),
        ("/graph/nothing", 404),
        ("/describe", 400),
        ("/describe?iri=relative", 400),
        ("/describe?iri=http%3A%2F%2Fx%2F", 404),
        ("/describe?iri=a:a&iri=a:b", 400),
    ],
)
def test_what_does_not_open(client: TestClient, path: str, status: int) -> None:
    assert client.get(path).status_code == status
    assert client.get("/entity/putin", headers={"Accept": "image/png"}).status_code == 406
