"""Writing needs the token; reading does not."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from kg.config import Config
from kg.graph import KnowledgeGraph

WRITES = [
    ("POST", "/update"),
    ("PUT", "/graphs?default"),
    ("POST", "/graphs"),
    ("DELETE", "/graphs?default"),
    ("PUT", "/graphs/a"),
    ("POST", "/graphs/a"),
    ("DELETE", "/graphs/a"),
    ("POST", "/articles"),
    ("PUT", "/articles/a"),
    ("DELETE", "/articles/seed"),
]


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("value", [None, "", "Bearer", "Bearer ", "Basic YTpi", "a token for tests"])
def test_without_a_token(client: TestClient, method: str, path: str, value: str | None) -> None:
    answer = client.request(method, path, headers={} if value is None else {"Authorization": value})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="claimgraph"'
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("token", ["wrong", "a token for test", "a token for tests2", "\u0457".encode()])
def test_with_a_wrong_token(client: TestClient, method: str, path: str, token: str | bytes) -> None:
    value = b"Bearer " + (token if isinstance(token, bytes) else token.encode())
    answer = client.request(method, path, headers={b"Authorization": value})
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_the_scheme_is_read_in_any_case(bare: TestClient) -> None:
    headers = {"Authorization": "bearer a token for tests", "Content-Type": "application/sparql-update"}
    assert bare.post("/update", content="CLEAR ALL", headers=headers).status_code == 204


def test_the_body_is_not_read_without_the_token(bare: TestClient) -> None:
    answer = bare.post("/update", content=b"#" * 20_000, headers={"Content-Type": "application/sparql-update"})
    assert answer.status_code == 401


def test_without_a_token_of_its_own_a_server_takes_no_writes() -> None:
    settings = Config(token=None, bare=True)
    client = TestClient(create_app(KnowledgeGraph.open(settings, in_memory=True), settings))
    answer = client.delete("/graphs?default", headers={"Authorization": "Bearer None"})
    assert answer.status_code == 403
    assert "KG_TOKEN" in answer.json()["remedy"]


def test_reading_is_open(client: TestClient) -> None:
    for path in ("/", "/sparql?query=ASK%7B%7D", "/graphs?default", "/articles", "/questions", "/docs"):
        assert client.get(path).status_code == 200
    checked = client.post("/validate", content=b"{}", headers={"Content-Type": "application/json"})
    assert checked.status_code == 200
