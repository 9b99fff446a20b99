"""The guide over HTTP: as pages, as Markdown, and what is not there."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.rendering.guide_pages import sources
from kg.knowledge_graph import KnowledgeGraph
from tests.configs import configured


def test_the_guide_is_reached_from_the_start_page(client: TestClient) -> None:
    assert client.get("/").text.count('href="/guide/"') == 2  # the navigation, and the list of more


@pytest.mark.parametrize("name", sources())
def test_a_page_is_served(client: TestClient, name: str) -> None:
    answer = client.get("/guide/" if name == "index" else f"/guide/{name}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert '<article class="guide">' in answer.text


def test_markdown_for_those_who_ask(client: TestClient) -> None:
    answer = client.get("/guide/queries", headers={"Accept": "text/markdown"})
    assert answer.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert answer.headers["Vary"] == "Accept, Accept-Encoding"
    assert answer.text == sources()["queries"]


def test_it_is_revalidated_like_other_pages(client: TestClient) -> None:
    first = client.get("/guide/queries")
    assert first.headers["Cache-Control"] == "no-cache"
    assert client.get("/guide/queries", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize("path", ["nothing", "Queries", "queries.md", "security%00"])
def test_a_page_that_is_not_there(client: TestClient, path: str) -> None:
    answer = client.get(f"/guide/{path}")
    assert (answer.status_code, answer.json()["type"]) == (404, "/docs#not-found")


def test_a_format_that_it_has_not(client: TestClient) -> None:
    assert client.get("/guide/", headers={"Accept": "text/turtle"}).status_code == 406


def test_a_bare_store_has_it_too(bare: TestClient) -> None:
    assert 'href="/guide/"' in bare.get("/").text
    assert bare.get("/guide/queries").status_code == 200


def test_every_link_between_pages_leads_somewhere_below_a_base_path() -> None:
    settings = configured(base_iri="http://testserver/news/")
    client = TestClient(create_app(KnowledgeGraph.open(settings, in_memory=True), settings))
    pages = {name: client.get(f"/news/guide/{name}").text for name in sources()}
    for text in pages.values():
        for link in text.split('href="')[1:]:
            address, _, fragment = link.partition('"')[0].partition("#")
            if address.startswith("/news/guide/") and address != "/news/guide/":
                target = address.rpartition("/")[2]
                assert target in pages
                assert not fragment or f'id="{fragment}"' in pages[target]
