"""Reconciliation in both versions: visibility, cross-origin access and submitted decisions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from kg.access.api_tokens import FILE, TokenFile, TokenGrant
from kg.config import Config
from kg.knowledge_graph import KnowledgeGraph
from tests.applications import on_disk
from tests.configs import configured

VERSIONS = ["/reconcile/0.2", "/reconcile/1.0"]
PAGE = {"Origin": "https://refine.example"}
OLD = VERSIONS[0]


def names(client: TestClient, query: str, headers: dict[str, str] | None = None) -> list[str]:
    answer = client.get(OLD, params={"query": query}, headers=headers)
    assert answer.status_code == 200, answer.text
    return [one["name"] for one in answer.json()["result"]]


# ---- what is seen


def test_who_may_not_see_an_entity_is_not_told_of_it(tmp_path: Path, document: dict[str, Any]) -> None:
    with on_disk(tmp_path, bare=False, public_graphs="http://testserver/graph/article/win") as served:
        client, writer = served.client, {"Authorization": "Bearer a token for tests"}
        assert client.post("/articles", json=document, headers=writer).status_code == 201
        assert names(client, "Olena") == ["Olena"]
        assert names(client, "Vladimir Putin") == []
        assert names(client, "Vladimir Putin", writer) == ["Vladimir Putin"]
        iri = "http://testserver/entity/putin"
        for version in VERSIONS:
            assert client.get(f"{version}/preview", params={"id": iri}).status_code == 404
            assert client.get(f"{version}/suggest/entity", params={"prefix": "Put"}).json()["result"] == []
        extend = json.dumps({"ids": [iri], "properties": [{"id": "label"}, {"id": "claims"}]})
        assert client.post(OLD, data={"extend": extend}).json()["rows"][iri] == {"label": [], "claims": []}


def test_what_was_written_is_found_at_once_and_the_past_where_it_is_asked_for(
    tmp_path: Path, document: dict[str, Any]
) -> None:
    with on_disk(tmp_path, bare=False) as served:
        client, writer = served.client, {"Authorization": "Bearer a token for tests"}
        assert names(client, "Olena") == []
        before = served.endpoint.number
        client.post("/articles", json=document, headers=writer)
        assert names(client, "Olena") == ["Olena"]
        past = client.get(OLD, params={"query": "Olena", "asOf": before})
        assert past.json() == {"result": []}
        client.delete("/articles/win", headers=writer)
        assert names(client, "Olena") == []


def test_a_closed_graph_says_so_in_its_manifest_and_answers_nobody_else(config: Config) -> None:
    closed = configured(token=config.access.token, public_graphs="none")
    with TestClient(create_app(KnowledgeGraph.open(closed, in_memory=True), closed)) as client:
        for version in VERSIONS:
            answer = client.get(version, headers=PAGE)
            assert answer.status_code == 200
            assert answer.json()["authentication"]["type"] == "apiKey"
            assert "Access-Control-Allow-Origin" not in answer.headers
            assert client.get(version, headers={"Authorization": "Bearer wrong"}).status_code == 401
            assert client.get(f"{version}/suggest/entity").status_code == 401
        assert client.get(OLD, params={"query": "a"}).status_code == 401
        assert client.post(OLD, data={"query": "a"}).status_code == 401
        allowed = client.get(
            OLD, params={"query": "Ukraine"}, headers={"Authorization": f"Bearer {config.access.token}"}
        )
        assert allowed.json()["result"]


# ---- from where


@pytest.mark.parametrize("version", VERSIONS)
def test_any_page_may_ask_without_a_token(client: TestClient, version: str) -> None:
    paths = [version, f"{version}/suggest/entity?prefix=a", f"{version}/preview?id=entity/putin", f"{version}/nowhere"]
    for path in paths:
        answer = client.get(path, headers=PAGE)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    asked = client.options(f"{version}/match", headers={**PAGE, "Access-Control-Request-Method": "POST"})
    assert asked.status_code == 204
    assert "Content-Type" in asked.headers["Access-Control-Allow-Headers"]
    assert "Authorization" not in asked.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Origin" not in client.get("/sparql?query=ASK{}", headers=PAGE).headers


def test_a_page_that_is_named_may_send_a_token_and_others_still_read(config: Config) -> None:
    named = configured(token=config.access.token, cors_origins=PAGE["Origin"])
    with TestClient(create_app(KnowledgeGraph.open(named, in_memory=True), named)) as client:
        asked = client.options("/reconcile/decisions", headers={**PAGE, "Access-Control-Request-Method": "POST"})
        assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
        other = client.get(OLD, headers={"Origin": "https://other.example"})
        assert (other.headers["Access-Control-Allow-Origin"], "Origin" in other.headers["Vary"]) == ("*", True)
        assert client.get(OLD, headers=PAGE).headers["Access-Control-Allow-Origin"] == PAGE["Origin"]


def test_addresses_are_those_by_which_it_was_asked() -> None:
    proxied = configured(base_iri="https://data.example/news/")
    with TestClient(create_app(KnowledgeGraph.open(proxied, in_memory=True), proxied)) as client:
        outside = client.get("https://data.example/news/reconcile/0.2").json()
        stripped = client.get("https://data.example/reconcile/0.2").json()
        local = client.get("http://127.0.0.1:9/reconcile/0.2").json()
    assert outside["view"]["url"] == stripped["view"]["url"] == "https://data.example/news/describe?iri={{id}}"
    assert local["view"]["url"] == "http://127.0.0.1:9/describe?iri={{id}}"
    assert local["identifierSpace"] == "https://data.example/news/entity/"


# ---- decisions


def decisions(*rows: dict[str, Any], dataset: str = "my-table") -> dict[str, Any]:
    return {"dataset": dataset, "decisions": [*rows]}


ROW = {"entity": "entity/putin", "identifier": "17", "judgement": "positive", "name": "Putin, V."}


def test_decisions_become_links_and_rejections(own: TestClient, auth: dict[str, str]) -> None:
    no = {
        "entity": "http://127.0.0.1:8000/entity/assad",
        "identifier": "17",
        "judgement": "negative",
        "reason": "another",
    }
    answer = own.post("/reconcile/decisions", json=decisions(ROW, no), headers=auth)
    assert answer.status_code == 200, answer.text
    noted = answer.json()["decisions"]
    assert [(one["entity"][-5:], one["judgement"]) for one in noted] == [("putin", "positive"), ("assad", "negative")]
    query = (
        "SELECT ?s ?o { ?s <http://www.w3.org/2004/02/skos/core#exactMatch> ?o FILTER(CONTAINS(STR(?o), 'my-table')) }"
    )
    found = own.get("/sparql", params={"query": query}).json()["results"]["bindings"]
    assert [(row["s"]["value"], row["o"]["value"]) for row in found] == [
        ("http://127.0.0.1:8000/entity/putin", "http://127.0.0.1:8000/dataset/my-table/17")
    ]
    again = own.post("/reconcile/decisions", json=decisions({**ROW, "identifier": "18"}), headers=auth).json()
    assert again["decisions"][0]["contradictions"], "two rows of a table are one entity"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (decisions({**ROW, "entity": "entity/nobody"}), 404),
        (decisions({**ROW, "judgement": "perhaps"}), 422),
        (decisions({**ROW, "identifier": "a b"}), 422),
        (decisions({**ROW, "identifier": ""}), 422),
        (decisions({**ROW, "reason": "x" * 2001}), 422),
        (decisions({**ROW, "extra": 1}), 422),
        (decisions(ROW, dataset="My Table"), 422),
        (decisions(ROW, dataset="rejected"), 422),
        (decisions({**ROW, "identifier": "no QID"}, dataset="wikidata"), 422),
        (decisions(), 422),
        (decisions(*[{**ROW, "identifier": str(n)} for n in range(101)]), 413),
        ([], 422),
    ],
    ids=range(12),
)
def test_decisions_that_do_not_fit_change_nothing(
    own: TestClient, auth: dict[str, str], body: object, status: int
) -> None:
    def triples() -> Any:
        return own.get("/sparql", params={"query": "SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } }"}).text

    before = triples()
    answer = own.post("/reconcile/decisions", json=body, headers=auth)
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert triples() == before


def test_who_may_decide(tmp_path: Path) -> None:
    with on_disk(tmp_path, bare=False) as served:
        file = TokenFile(tmp_path)
        assert FILE
        grants = {
            "reader": TokenGrant("read"),
            "limited": TokenGrant("write", ("http://testserver/graph/article/seed",)),
        }
        tokens = {name: {"Authorization": f"Bearer {file.create(name, grant)}"} for name, grant in grants.items()}
        for headers, status in (({}, 401), (tokens["reader"], 403), (tokens["limited"], 403)):
            answer = served.client.post("/reconcile/decisions", json=decisions(ROW), headers=headers)
            assert answer.status_code == status
