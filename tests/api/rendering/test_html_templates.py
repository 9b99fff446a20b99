"""HTML pages: their content, and that they load and run nothing from outside."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from kg.articles.competency_question_files import all_questions
from kg.knowledge_graph import KnowledgeGraph
from tests.configs import configured

HTML = {"Accept": "text/html"}
PAGES = ["/", "/docs", "/guide/", "/guide/exports", "/questions", "/questions/2", "/articles", "/entity/putin",
         "/article/seed", "/sparql", "/sparql?query=ASK%7B%7D", "/graph/ontology"]  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_self_contained(client: TestClient, path: str) -> None:
    page = client.get(path, headers=HTML)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    text = page.text.lower()
    assert "<script" not in text
    assert " style=" not in text
    assert not re.search(r"\son\w+=", text)
    loaded = re.findall(r'<(?:link|img|iframe|object|source)[^>]*(?:href|src)="([^"]*)"', text)
    assert loaded == ["/static/style.css"]
    assert text.startswith("<!doctype html>")
    assert text.count("<h1>") == 1


def test_links_of_a_page_lead_somewhere(client: TestClient) -> None:
    for path in ("/", "/docs", "/guide/", "/guide/linking", "/article/seed/C05"):
        page = client.get(path, headers=HTML).text
        links = {link.replace("&amp;", "&") for link in re.findall(r'href="(/[^"#]*)["#]', page)}
        assert links
        for link in [link for link in links if not link.startswith("/why")]:
            assert client.get(link).status_code == 200, link
        anchors = set(re.findall(r'href="#([^"]*)"', page))
        assert anchors <= set(re.findall(r'id="([^"]*)"', page))


def test_landing_page(client: TestClient, graph: KnowledgeGraph) -> None:
    page = client.get("/").text
    assert f"{len(graph.store):,}" in page
    assert "<dt>claims</dt><dd>59</dd>" in page
    for question in all_questions():
        assert f'<a href="/questions/{question.name}">' in page
    assert '<form action="/sparql" method="get">' in page


def test_landing_page_of_a_bare_store(bare: TestClient, auth: dict[str, str]) -> None:
    bare.post("/update", data={"update": "INSERT DATA { <a:a> <a:b> 1 GRAPH <g:1> { <a:a> <a:b> 1 } }"}, headers=auth)
    page = bare.get("/").text
    assert "<dt>triples</dt><dd>2</dd>" in page
    assert "/questions" not in page


@pytest.mark.parametrize(
    "path", ["/questions", "/articles", "/entity/putin", "/ontology", "/why", "/describe", "/shapes"]
)
def test_a_bare_store_offers_nothing_more(bare: TestClient, path: str) -> None:
    assert bare.get(path).status_code == 404
    assert path not in bare.get("/openapi.json").json()["paths"]


def test_style_sheet(client: TestClient) -> None:
    answer = client.get("/static/style.css")
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert "url(" not in answer.text
    assert "@import" not in answer.text


def test_no_pages_that_load_scripts(client: TestClient) -> None:
    assert client.get("/redoc").status_code == 404
    assert "swagger" not in client.get("/docs").text.lower()


@pytest.mark.parametrize("stripped", [False, True])
def test_a_base_with_a_path(stripped: bool) -> None:
    """A proxy may take the prefix off, or not; links have it where the server can tell."""
    settings = configured(base_iri="http://testserver/news/")
    graph = KnowledgeGraph.open(settings, in_memory=True)
    client = TestClient(create_app(graph, settings))
    prefix = "" if stripped else "/news"
    page = client.get(f"{prefix}/entity/putin", headers=HTML)
    assert page.status_code == 200
    assert f'href="{prefix}/article/seed/' in page.text
    assert client.get(f"{prefix}/static/style.css").status_code == 200
    found = client.get(f"{prefix}/sparql", headers={"Accept": "text/turtle"}).text
    assert f"<http://testserver{prefix}/sparql>" in found
    assert client.get(f"{prefix}/nothing").status_code == 404
    assert client.get("/newspaper").status_code == 404


def test_a_page_shows_no_graph_that_is_too_large(client: TestClient) -> None:
    text, many = "x" * 50_000, ", ".join(["?text"] * 100)
    query = (
        f'CONSTRUCT {{ <urn:s> <urn:p> ?long }} WHERE {{ VALUES ?text {{ "{text}" }} BIND(CONCAT({many}) AS ?long) }}'
    )
    page = client.post("/sparql", data={"query": query}, headers=HTML)
    assert page.status_code == 422
    assert "format=ttl" in page.text
    assert client.post("/sparql", data={"query": query, "format": "ttl"}).status_code == 200
