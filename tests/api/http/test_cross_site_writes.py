"""Writes that a page of another site sends through a visitor's browser; what a real one does is in tests/browser."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from kg.knowledge_graph import KnowledgeGraph
from tests.configs import configured

TOKEN = "a token for tests"
LISTED = "https://tool.example"
BASIC = {"Authorization": f"Basic {b64encode(f'x:{TOKEN}'.encode()).decode()}"}
BEARER = {"Authorization": f"Bearer {TOKEN}"}
COOKIE = {**BEARER, "Cookie": "session=1"}
ELSEWHERE: list[dict[str, str]] = [
    {"Origin": "https://evil.example"},
    {"Origin": "http://testserver.evil.example"},
    {"Origin": "http://testserver:81"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},  # another origin, which others may control
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "http://testserver", "Sec-Fetch-Site": "cross-site"},
]
HERE: list[dict[str, str]] = [
    {},
    {"Origin": "http://testserver"},
    {"Origin": "https://testserver"},  # behind a proxy that ends TLS
    {"Origin": "https://news.example", "Sec-Fetch-Site": "same-origin"},  # the base IRI, behind a proxy
    {"Origin": "null", "Sec-Fetch-Site": "same-origin"},  # a form of a page with Referrer-Policy: no-referrer
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": LISTED},
    {"Origin": LISTED, "Sec-Fetch-Site": "cross-site"},
]
WRITES = [
    ("POST", "/sparql"),
    ("POST", "/update"),
    ("PUT", "/graphs?default"),
    ("POST", "/graphs"),
    ("DELETE", "/graphs?default"),
    ("POST", "/articles"),
    ("PUT", "/articles/a"),
    ("DELETE", "/articles/a"),
    ("POST", "/review/decisions"),
    ("POST", "/review/undo"),
    ("POST", "/reconcile/decisions"),
]


@pytest.fixture(scope="module")
def site() -> Iterator[TestClient]:
    settings = configured(token=TOKEN, base_iri="https://news.example/", cors_origins=LISTED)
    with TestClient(create_app(KnowledgeGraph.open(settings, in_memory=True), settings)) as client:
        yield client


@pytest.mark.parametrize("credentials", [BASIC, COOKIE, {**BASIC, "Cookie": "a=b"}])
@pytest.mark.parametrize("said", ELSEWHERE)
def test_pages_of_other_sites_write_nothing(
    site: TestClient, said: dict[str, str], credentials: dict[str, str]
) -> None:
    for method, path in WRITES:
        headers = {**credentials, **said, "Content-Type": "application/sparql-update"}
        answer = site.request(method, path, headers=headers, content="CREATE GRAPH <g:1>")
        assert (answer.status_code, answer.json()["type"]) == (403, "/docs#forbidden"), path
        assert "KG_CORS_ORIGINS" in answer.json()["remedy"]


@pytest.mark.parametrize("said", ELSEWHERE)
def test_an_update_in_a_form_is_none_either(site: TestClient, said: dict[str, str]) -> None:
    assert site.post("/sparql", data={"update": "CREATE GRAPH <g:1>"}, headers={**BASIC, **said}).status_code == 403


@pytest.mark.parametrize("said", ELSEWHERE)
def test_they_may_read_and_a_bearer_token_alone_may_write(site: TestClient, said: dict[str, str]) -> None:
    for credentials in (BASIC, COOKIE):
        headers = {**credentials, **said}
        assert site.get("/sparql?query=ASK%7B%7D", headers=headers).status_code == 200
        assert site.post("/sparql", data={"query": "ASK {}"}, headers=headers).status_code == 200
    assert site.post("/sparql", data={"update": "CLEAR DEFAULT"}, headers={**BEARER, **said}).status_code == 204


@pytest.mark.parametrize("credentials", [BASIC, COOKIE])
@pytest.mark.parametrize("said", HERE)
def test_own_pages_programs_and_listed_origins_write(
    site: TestClient, said: dict[str, str], credentials: dict[str, str]
) -> None:
    for path in ("/sparql", "/update"):
        headers = {**credentials, **said}
        assert site.post(path, data={"update": "CLEAR DEFAULT"}, headers=headers).status_code == 204


def test_a_form_with_its_own_token_is_sent_by_the_own_page(site: TestClient) -> None:
    """On plain http a browser tells no more than `Origin: null` of it; the cookie may be another application's."""
    form = {"access_token": TOKEN, "number": "1"}
    for said, refused in (({"Origin": "null"}, False), ({"Origin": "https://evil.example"}, True)):
        answer = site.post("/review/undo", data=form, headers={"Cookie": "a=b", **said})
        assert (answer.status_code == 403) == refused
