"""Review over HTTP: the queue, decisions, undoing, and the page with its forms."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient

from kg.access.api_tokens import TokenFile, TokenGrant
from kg.knowledge_graph import KnowledgeGraph
from kg.linking.link_proposal_types import ProposalVerdict
from tests.applications import on_disk
from tests.cases.links import proposal

PAGE = {"Accept": "text/html"}
PUTIN = {"subject": "entity/putin", "dataset": "wikidata", "identifier": "Q7747"}
LINKS = "SELECT ?o { <http://127.0.0.1:8000/entity/putin> <http://www.w3.org/2004/02/skos/core#exactMatch> ?o }"


@pytest.fixture
def waiting(own: TestClient) -> TestClient:
    """An application with one accepted link and one proposal that attempts to inject markup into the page."""
    graph: KnowledgeGraph = own.app.state.services.graph  # type: ignore[attr-defined]
    one, other = proposal("iran", "wikidata:Q794"), proposal("putin", "wikidata:Q7747", ProposalVerdict.review)
    graph.review().propose([one, other])
    return own


def decide(client: TestClient, auth: dict[str, str], judgement: str = "positive", **others: Any) -> httpx2.Response:
    return client.post("/review/decisions", json={**PUTIN, "judgement": judgement, **others}, headers=auth)


def linked(client: TestClient) -> list[str]:
    answer = client.get("/sparql", params={"query": LINKS})
    return [row["o"]["value"] for row in answer.json()["results"]["bindings"]]


def test_the_queue(waiting: TestClient) -> None:
    answer = waiting.get("/review")
    assert answer.headers["Cache-Control"] == "no-store"
    found = answer.json()
    assert (found["waiting"], len(found["items"]), found["contradictions"]) == (1, 1, [])
    item = found["items"][0]
    assert item["subject"] == "http://127.0.0.1:8000/entity/putin"
    assert item["page"] == "https://www.wikidata.org/wiki/Q7747"
    assert item["features"][0] == {"name": "alias", "value": 1.0, "weight": 60.0, "evidence": "«putin»"}
    assert any("Путін" in text for text in item["sentences"])
    assert [made["identifier"] for made in found["decisions"]] == ["Q794"]
    assert waiting.get("/review?offset=1").json()["items"] == []


def test_decide_and_undo(waiting: TestClient, auth: dict[str, str]) -> None:
    answer = decide(waiting, auth, reason="it is he")
    assert answer.status_code == 201
    (made,) = answer.json()
    assert (made["user"], made["reason"], made["contradictions"]) == ("environment", "it is he", [])
    assert linked(waiting) == ["http://www.wikidata.org/entity/Q7747"]
    assert waiting.get("/review").json()["waiting"] == 0
    undone = waiting.post("/review/undo", json={"number": made["number"]}, headers=auth)
    assert (undone.status_code, undone.json()["undoes"]) == (201, made["number"])
    assert linked(waiting) == []
    assert waiting.get("/review").json()["waiting"] == 1
    again = waiting.post("/review/undo", json={"number": made["number"]}, headers=auth)
    assert again.status_code == 422
    assert "was already undone by environment" in again.json()["detail"]


def test_contradictions_are_told(waiting: TestClient, auth: dict[str, str]) -> None:
    decide(waiting, auth)
    (made,) = decide(waiting, auth, identifier="Q42").json()
    assert (
        made["contradictions"] == ["it is linked to two records of wikidata, Q7747 and Q42"] or made["contradictions"]
    )
    found = waiting.get("/review").json()["contradictions"]
    assert len(found) == 1
    assert found[0].startswith("entity/putin: it is linked to two records of wikidata")
    assert found[0].split(": ")[1] in unescape(waiting.get("/review", headers=PAGE).text)


def test_several_at_once_or_none(waiting: TestClient, auth: dict[str, str]) -> None:
    good = {**PUTIN, "judgement": "positive"}
    bad = {**good, "identifier": "7747"}
    answer = waiting.post("/review/decisions", json=[good, bad], headers=auth)
    assert answer.status_code == 422
    assert linked(waiting) == []
    assert waiting.post("/review/decisions", json=[good, {**good, "subject": "entity/iran"}], headers=auth).is_success


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"subject": "entity/nobody"}, 404, "no entity"),
        ({"subject": "\ud800"}, 404, "no entity"),
        ({"dataset": "nothing"}, 404, "no dataset"),
        ({"dataset": "../x"}, 422, "not a name of a dataset"),
        ({"identifier": "Q1> <x"}, 422, "not an identifier"),
        ({"judgement": "perhaps"}, 422, "judgement"),
        ({"reason": "x" * 2001}, 422, "2001 characters"),
        ({"reason": "\ud800"}, 422, "half a character"),
        ({"reason": "a\0b"}, 422, "U+0000 at 1"),
        ({"reason": "\x0b"}, 422, "U+000B at 0"),
        ({"identifier": "Q1\0"}, 422, "U+0000"),
        ({"reason": None}, 422, "reason"),
        ({"more": 1}, 422, "more"),
    ],
)
def test_bad_decisions(
    waiting: TestClient, auth: dict[str, str], change: dict[str, Any], status: int, said: str
) -> None:
    before = waiting.get("/review").json()
    body = json.dumps({**PUTIN, "judgement": "positive", **change})
    answer = waiting.post("/review/decisions", content=body, headers={**auth, "Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert said in answer.json()["detail"]
    assert waiting.get("/review").json() == before


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("decisions", b"", 400),
        ("decisions", b"{", 400),
        ("decisions", b"\xff", 400),
        ("decisions", b"[" * 5000, 400),
        ("decisions", b"[1]", 422),
        ("decisions", b"null", 422),
        ("decisions", b"1" * 5000, 422),
        ("undo", b"{}", 422),
        ("undo", b'{"number": 99}', 404),
        ("undo", b'{"number": 1e400}', 422),
        ("undo", b'{"number": "x"}', 422),
        ("undo", b'{"number": ' + b"9" * 5000 + b"}", 400),
    ],
)
def test_bad_bodies(waiting: TestClient, auth: dict[str, str], path: str, body: bytes, status: int) -> None:
    answer = waiting.post(f"/review/{path}", content=body, headers={**auth, "Content-Type": "application/json"})
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.status_code in (status, 400, 422)
    assert answer.json()["status"] == answer.status_code


def test_other_kinds_of_body(waiting: TestClient, auth: dict[str, str]) -> None:
    for kind in ("text/plain", "multipart/form-data; boundary=x"):
        answer = waiting.post("/review/undo", content=b"x", headers={**auth, "Content-Type": kind})
        assert answer.status_code == 415


def test_without_a_token(waiting: TestClient) -> None:
    for path, body in (("decisions", {**PUTIN, "judgement": "positive"}), ("undo", {"number": 1})):
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            assert waiting.post(f"/review/{path}", json=body, headers=headers).status_code == 401
    assert linked(waiting) == []


# ---- the page


def fields(page: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="(key-\d+)" value="([^"]*)"', page)
    return {name: unescape(value) for name, value in found}


def test_the_page_has_a_form_for_each_and_no_script(waiting: TestClient) -> None:
    answer = waiting.get("/review", headers=PAGE)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "form-action 'self'" in answer.headers["Content-Security-Policy"]
    assert fields(answer.text) == {"key-1": "http://127.0.0.1:8000/entity/putin wikidata Q7747"}
    assert 'href="https://www.wikidata.org/wiki/Q7747"' in answer.text
    assert "<script" not in answer.text
    assert "style=" not in answer.text


def test_a_form_as_a_browser_sends_it(waiting: TestClient, auth: dict[str, str]) -> None:
    token = auth["Authorization"].removeprefix("Bearer ")
    sent = fields(waiting.get("/review", headers=PAGE).text) | {"judgement-1": "positive", "reason-1": "це він"}
    answer = waiting.post("/review/decisions", data=sent | {"access_token": token}, follow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/review")
    assert linked(waiting) == ["http://www.wikidata.org/entity/Q7747"]
    made = waiting.get("/review").json()["decisions"][0]
    assert (made["user"], made["reason"]) == ("environment", "це він")
    page = waiting.get("/review", headers=PAGE).text
    assert f'name="number" value="{made["number"]}"' in page
    undo = {"access_token": token, "number": str(made["number"]), "reason": ""}
    assert waiting.post("/review/undo", data=undo, follow_redirects=False).status_code == 303
    assert linked(waiting) == []
    assert waiting.post("/review/undo", data=undo, follow_redirects=False).status_code == 422


def test_what_is_left_alone_in_a_form_says_nothing(waiting: TestClient, auth: dict[str, str]) -> None:
    token = auth["Authorization"].removeprefix("Bearer ")
    before = waiting.get("/review").json()
    sent = fields(waiting.get("/review", headers=PAGE).text) | {"judgement-1": "", "access_token": token}
    assert waiting.post("/review/decisions", data=sent, follow_redirects=False).status_code == 303
    assert waiting.get("/review").json() == before
    sent["judgement-1"] = "close"
    assert waiting.post("/review/decisions", data=sent, follow_redirects=False).status_code == 303
    assert waiting.get("/review").json()["decisions"][0]["relation"] == "closeMatch"


@pytest.mark.parametrize("token", [{}, {"access_token": "wrong"}, {"access_token": "ї"}, {"access_token": ""}])
def test_a_form_needs_a_token_of_its_own(waiting: TestClient, token: dict[str, str]) -> None:
    sent = {"key-1": "http://127.0.0.1:8000/entity/putin wikidata Q7747", "judgement-1": "positive", **token}
    assert waiting.post("/review/decisions", data=sent, follow_redirects=False).status_code == 401
    assert linked(waiting) == []


def test_a_form_that_is_too_large_or_odd(waiting: TestClient, auth: dict[str, str]) -> None:
    token = auth["Authorization"].removeprefix("Bearer ")
    assert waiting.post("/review/decisions", data={"reason-1": "x" * 300_000}).status_code == 413
    for odd in ({"judgement-1": "positive"}, {"judgement-1": "positive", "key-1": "a b"}, {"judgement-1": "?"}):
        answer = waiting.post("/review/decisions", data=odd | {"access_token": token}, follow_redirects=False)
        assert answer.status_code == 422
    twice = "access_token=a&access_token=b"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert waiting.post("/review/undo", content=twice, headers=kind).status_code == 400


def test_names_are_escaped(own: TestClient) -> None:
    graph: KnowledgeGraph = own.app.state.services.graph  # type: ignore[attr-defined]
    bad = replace(
        proposal("putin", "wikidata:Q7747", ProposalVerdict.review), label="<img src=x onerror=alert(1)>", reason="<b>"
    )
    graph.review().propose([bad])
    page = own.get("/review", headers=PAGE).text
    assert "<img" not in page
    assert "&lt;img src=x" in page


# ---- on disk, with tokens, readers and restarts


def test_scopes_limits_and_names(tmp_path: Path) -> None:
    file = TokenFile(tmp_path)
    tokens = {
        "reader": file.create("reader", TokenGrant("read")),
        "ann": file.create("ann", TokenGrant("write")),
        "narrow": file.create("narrow", TokenGrant("write", ("urn:mine",))),
    }
    headers = {name: {"Authorization": f"Bearer {token}"} for name, token in tokens.items()}
    with on_disk(tmp_path, bare=False) as served:
        client = served.client
        assert decide(client, headers["reader"]).status_code == 403
        assert decide(client, headers["narrow"]).status_code == 403
        assert client.get("/review", headers=headers["narrow"]).status_code == 403
        form = {"key-1": "http://testserver/entity/putin wikidata Q7747", "judgement-1": "positive"}
        for name in ("reader", "narrow"):
            sent = form | {"access_token": tokens[name]}
            assert client.post("/review/decisions", data=sent, follow_redirects=False).status_code == 403
        (made,) = decide(client, headers["ann"]).json()
        assert made["user"] == "ann"
        query = "SELECT ?o { <http://testserver/entity/putin> <http://www.w3.org/2004/02/skos/core#exactMatch> ?o }"
        assert "Q7747" in served.ask(query).text  # what is acknowledged is read
        record = "/link/wikidata/Q7747/entity%2Fputin"
        assert "ManualMappingCuration" in client.get(record, headers={"Accept": "text/turtle"}).text
        assert client.get("/link/wikidata", headers=PAGE).status_code == 200


def test_where_little_is_public(tmp_path: Path) -> None:
    with on_disk(tmp_path, bare=False, public_graphs="none") as served:
        assert served.client.get("/review").status_code == 401


def test_a_bare_store_has_no_links(bare: TestClient) -> None:
    assert bare.get("/review").status_code == 404
