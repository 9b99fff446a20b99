"""Explanations over HTTP."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

BASE = "http://127.0.0.1:8000/"


@pytest.mark.parametrize(
    "name", ["seed/C05", "C05", quote(f"{BASE}article/seed/C05", safe=""), f"{BASE}article/seed/C05"]
)
def test_every_name_of_a_claim(client: TestClient, name: str) -> None:
    answer = client.get(f"/claims/{name}/why")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    body = answer.json()
    assert body["claim"] == f"{BASE}article/seed/C05"
    first = body["quotes"][0]
    assert (first["start"], first["end"]) == (130, 216)
    assert len(first["exact"]) == 86


def test_a_claim_that_is_not_there(client: TestClient) -> None:
    assert client.get("/claims/seed/C9999/why").status_code == 404
    assert client.get("/claims/a%20b%3E/why").status_code == 404


def test_an_inferred_statement(client: TestClient) -> None:
    statement = {
        "subject": f"{BASE}article/seed/C05",
        "predicate": "cg:attributedTo",
        "object": f"{BASE}entity/saqr",
    }
    answer = client.get("/why", params=statement)
    assert answer.status_code == 200
    assert answer.json()["derivation"]


def test_a_statement_that_is_not_there(client: TestClient) -> None:
    statement = {"subject": "http://x/s", "predicate": "cg:actor", "object": "http://x/o"}
    assert client.get("/why", params=statement).status_code == 404


def test_all_three_terms_are_needed(client: TestClient) -> None:
    answer = client.get("/why", params={"subject": "http://x/s"})
    assert answer.status_code == 422
    assert "predicate" in answer.json()["detail"]
    assert "object" in answer.json()["detail"]


def test_every_why_on_a_page_leads_somewhere(client: TestClient) -> None:
    page = client.get("/article/seed/C05", headers={"Accept": "text/html"}).text
    links = [piece.split('"')[0].replace("&amp;", "&") for piece in page.split('href="/why')[1:]]
    assert len(links) > 10
    for link in links[::4]:
        assert client.get(f"/why{link}").status_code == 200
