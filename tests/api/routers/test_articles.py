"""Claims documents over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from kg.knowledge_graph import KnowledgeGraph

JSON = {"Content-Type": "application/json"}


def test_list(client: TestClient) -> None:
    answer = client.get("/articles")
    assert answer.headers["Content-Type"] == "application/json"
    (entry,) = answer.json()
    assert (entry["id"], entry["iri"], entry["claims"]) == ("seed", "http://127.0.0.1:8000/article/seed", 59)
    assert set(entry["label"]) == {"en", "uk"}
    page = client.get("/articles", headers={"Accept": "text/html"})
    assert 'href="/article/seed"' in page.text
    assert entry["label"]["uk"] in page.text


def test_read(client: TestClient, graph: KnowledgeGraph) -> None:
    for accept in ("*/*", "application/json", "text/html,*/*;q=0.8"):
        answer = client.get("/articles/seed", headers={"Accept": accept})
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.content == graph.articles.document("seed")
    turtle = client.get("/articles/seed", headers={"Accept": "text/turtle"})
    assert turtle.headers["Content-Type"] == "text/turtle; charset=utf-8"
    lines = client.get("/articles/seed", headers={"Accept": "application/n-triples"}).text.splitlines()
    assert len(lines) == len(graph.store.triples(graph.names.article_graph("seed")))


@pytest.mark.parametrize("accept", ["application/json", "text/turtle"])
@pytest.mark.parametrize("name", ["nothing", "a%20b", "%3E"])
def test_no_such_article(client: TestClient, name: str, accept: str) -> None:
    assert client.get(f"/articles/{name}", headers={"Accept": accept}).status_code in (400, 404)


def test_life_of_an_article(own: TestClient, auth: dict[str, str], document: dict[str, Any]) -> None:
    def send(method: str, path: str) -> tuple[int, Any]:
        answer = own.request(method, path, json=document, headers=auth)
        assert answer.headers.get("Location", "/articles/win") == "/articles/win"
        return answer.status_code, answer.json()

    status, body = send("POST", "/articles")
    assert (status, body["id"], body["outcome"]) == (201, "win", "created")
    assert body["iri"] == "http://127.0.0.1:8000/article/win"
    assert body["infos"][0]["severity"] == "Info"
    assert {found["severity"] for found in body["warnings"]} <= {"Warning"}
    assert send("POST", "/articles")[1]["outcome"] == "unchanged"
    assert send("PUT", "/articles/win") == (200, body | {"outcome": "unchanged"})
    document["article"]["label"] = {"en": "another label"}
    status, changed = send("PUT", "/articles/win")
    assert (status, changed["outcome"]) == (200, "replaced")
    assert [entry["id"] for entry in own.get("/articles").json()] == ["seed", "win"]
    assert own.delete("/articles/win", headers=auth).status_code == 204
    assert own.delete("/articles/win", headers=auth).status_code == 404
    assert own.get("/articles/win").status_code == 404
    assert [entry["id"] for entry in own.get("/articles").json()] == ["seed"]


def test_the_id_must_be_that_of_the_address(own: TestClient, auth: dict[str, str], document: dict[str, Any]) -> None:
    answer = own.put("/articles/other", json=document, headers=auth)
    assert answer.status_code == 422
    assert "win" in answer.json()["detail"]
    assert len(own.get("/articles").json()) == 1


def test_what_breaks_a_constraint_is_refused_whole(
    own: TestClient, auth: dict[str, str], document: dict[str, Any]
) -> None:
    document["claims"][0]["quotes"][0]["exact"] += " and words that nobody wrote"
    document["situations"][1]["actor"] = ["nobody"]
    before = own.get("/graphs?default", headers={"Accept": "application/n-triples"}).text
    answer = own.post("/articles", json=document, headers=auth)
    assert answer.status_code == 422
    body = answer.json()
    assert body["type"] == "/docs#rejected"
    assert len(body["results"]) >= 2
    pointers = {found.get("pointer", "") for found in body["results"]}
    assert any(pointer.startswith("/claims/0/quotes/0") for pointer in pointers)
    assert any(pointer.startswith("/situations/1/actor") for pointer in pointers)
    for found in body["results"]:
        if found["severity"] == "Violation":
            assert found["remedy"]
            assert set(found["messages"]) == {"en", "uk"}
    assert own.get("/graphs?default", headers={"Accept": "application/n-triples"}).text == before


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", JSON, 400),
        (b"\xff", JSON, 400),
        (b"", JSON, 400),
        (b"[]", JSON, 422),
        (b"{}", JSON, 422),
        (b"{}", {}, 415),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"{}", {"Content-Type": "application/json; charset=utf-16"}, 415),
    ],
)
def test_what_is_no_document(
    client: TestClient, auth: dict[str, str], content: bytes, headers: dict[str, str], status: int
) -> None:
    for method, path in (("POST", "/articles"), ("PUT", "/articles/x")):
        assert client.request(method, path, content=content, headers=headers | auth).status_code == status
