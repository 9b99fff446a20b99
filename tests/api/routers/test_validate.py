"""Validation over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from kg.knowledge_graph import KnowledgeGraph

JSON = {"Content-Type": "application/json"}
TTL = {"Content-Type": "text/turtle"}


@pytest.fixture(scope="module")
def whole(graph: KnowledgeGraph) -> bytes:
    return graph.articles.document("seed")


@pytest.fixture(scope="module")
def broken(whole: bytes) -> bytes:
    found: dict[str, Any] = json.loads(whole)
    found["claims"][0]["quotes"][0]["exact"] += " and words that nobody wrote"
    return json.dumps(found).encode()


def test_what_conforms(client: TestClient, whole: bytes) -> None:
    answer = client.post("/validate", content=whole, headers=JSON)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    body = answer.json()
    assert body["conforms"] is True
    assert body["counts"]["violations"] == 0
    assert body["counts"]["warnings"] + body["counts"]["infos"] == len(body["results"]) > 0


def test_what_does_not(client: TestClient, broken: bytes) -> None:
    answer = client.post("/validate", content=broken, headers=JSON)
    assert answer.status_code == 200
    body = answer.json()
    assert body["conforms"] is False
    first = body["results"][0]
    assert first["severity"] == "Violation"
    assert first["pointer"].startswith("/claims/0/quotes/0")
    assert {"constraint", "message", "messages", "remedy"} <= set(first)


def test_nothing_is_stored(client: TestClient, whole: bytes, graph: KnowledgeGraph) -> None:
    version = graph.store.version
    client.post("/validate", content=whole.replace(b'"seed"', b'"other"'), headers=JSON)
    assert graph.store.version == version
    assert client.get("/articles/other").status_code == 404


@pytest.mark.parametrize(
    "media_type", ["text/turtle", "application/ld+json", "application/rdf+xml", "application/n-triples"]
)
def test_the_report_as_shacl(client: TestClient, broken: bytes, media_type: str) -> None:
    answer = client.post("/validate", content=broken, headers=JSON | {"Accept": media_type})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].split(";")[0] == media_type
    assert "ValidationReport" in answer.text


def test_an_article_graph(client: TestClient) -> None:
    turtle = client.get("/articles/seed", headers={"Accept": "text/turtle"}).text
    good = client.post("/validate", content=turtle.encode(), headers=TTL)
    assert good.json()["conforms"] is True
    bad = client.post("/validate", content=turtle.replace("cg:exact", "cg:inexact").encode(), headers=TTL)
    assert (bad.status_code, bad.json()["conforms"]) == (200, False)
    assert bad.json()["results"][0]["focus"].startswith("http://127.0.0.1:8000/article/seed/")


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", JSON, 400),
        (b"\xff", JSON, 400),
        (b"<a:a> <a:b>", TTL, 400),
        (b"", TTL, 422),
        (b"{}", {}, 415),
        (b"{}", {"Content-Type": "image/png"}, 415),
        (b"{}", JSON | {"Accept": "image/png"}, 406),
    ],
)
def test_what_cannot_be_checked(client: TestClient, content: bytes, headers: dict[str, str], status: int) -> None:
    assert client.post("/validate", content=content, headers=headers).status_code == status
