"""Start page: it leads programs to the descriptions of the service."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from kg.rdf import oxigraph
from tests.applications import on_disk

PAGE = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
LINKS = (
    '<{0}/sparql>; rel="service-desc"; type="text/turtle", '
    '<{0}/openapi.json>; rel="service-desc"; type="application/json", '
    '<{0}/guide/>; rel="service-doc"; type="text/html"'
)


def test_the_page_links_to_the_descriptions(client: TestClient, bare: TestClient) -> None:
    for server in (client, bare):
        for answer in (server.get("/", headers=PAGE), server.head("/"), server.get("/")):
            assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
            assert answer.headers["Link"] == LINKS.format("")
            assert answer.headers["Vary"].startswith("Accept")


@pytest.mark.parametrize("media_type", ["text/turtle", "application/ld+json", "application/rdf+xml"])
def test_who_asks_for_rdf_gets_the_service_description(bare: TestClient, media_type: str) -> None:
    headers = {"Accept": f"{media_type}, text/html;q=0.5"}
    answer, description = bare.get("/", headers=headers), bare.get("/sparql", headers=headers)
    assert answer.headers["Content-Type"].startswith(media_type)
    assert answer.headers["Link"] == LINKS.format("")
    triples = {quad.triple for quad in oxigraph.parse(answer.content, media_type)}
    assert triples == {quad.triple for quad in oxigraph.parse(description.content, media_type)}
    assert "http://testserver/sparql" in answer.text


def test_below_a_path_the_addresses_are_below_it_too(tmp_path: Path) -> None:
    with on_disk(tmp_path, base_iri="http://testserver/news/") as served:
        answer = served.client.get("/news/", headers={"Accept": "text/turtle"})
        assert answer.headers["Link"] == LINKS.format("/news")
        assert "<http://testserver/news/sparql>" in answer.text


def test_other_media_types_get_the_page(client: TestClient) -> None:
    for accept in ("image/png", "text/csv", "application/json"):
        answer = client.get("/", headers={"Accept": accept})
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
