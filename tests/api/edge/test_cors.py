"""CORS: no origin by default, and no privileged header for an origin that is not listed."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from api.edge.cors import CorsPolicy
from kg.errors import BadInput
from tests.applications import on_disk

PAGE = "https://page.example"
OTHER = "https://other.example"
PATHS = [
    "/sparql?query=ASK%7B%7D",
    "/",
    "/healthz",
    "/static/style.css",
    "/nowhere",
    "/sparql?query=ASK%7B",
    "/metrics",
]


def cors(answer: httpx2.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


def preflight(origin: str | None, method: str = "GET") -> dict[str, str]:
    return {"Access-Control-Request-Method": method} | ({"Origin": origin} if origin else {})


def test_off_by_default(tmp_path: Path) -> None:
    with on_disk(tmp_path) as served:
        for path in PATHS:
            for origin in (PAGE, "null", "http://testserver"):
                answer = served.client.get(path, headers={"Origin": origin})
                assert cors(answer) == {}
                assert "Origin" not in answer.headers.get("Vary", "")
                assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        asked = served.client.options("/sparql", headers=preflight(PAGE))
        assert (asked.status_code, cors(asked)) == (405, {})


DOCUMENTS = ["/context.jsonld", "/ontology", "/ontology/codes", "/shapes", "/schema", "/openapi.json", "/ontology/none"]


@pytest.mark.parametrize("base", ["http://testserver/", "http://testserver/news/"])
@pytest.mark.parametrize("setting", [None, PAGE])
def test_any_page_may_read_the_documents_of_the_vocabulary(tmp_path: Path, setting: str | None, base: str) -> None:
    prefix = base.removeprefix("http://testserver").rstrip("/")
    with on_disk(tmp_path, cors_origins=setting, bare=False, base_iri=base, public_graphs="none") as served:
        for path in DOCUMENTS:
            for headers in ({"Origin": OTHER}, {}):
                answer = served.client.get(prefix + path, headers=headers)
                assert answer.status_code == (404 if path == "/ontology/none" else 200)
                assert answer.headers["Access-Control-Allow-Origin"] == "*"
                assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
                assert ("Origin" in answer.headers.get("Vary", "")) == (setting is not None)
            asked = served.client.options(prefix + path, headers=preflight(OTHER))
            assert asked.status_code == 204
            assert "Authorization" not in asked.headers["Access-Control-Allow-Headers"]
        for path in ("/", "/guide/", "/docs", "/ontologyx", "/articles", "/sparql?query=ASK%7B%7D"):
            answer = served.client.get(prefix + path, headers={"Origin": OTHER})
            assert "Access-Control-Allow-Origin" not in answer.headers, path


def test_named_origins(tmp_path: Path) -> None:
    with on_disk(tmp_path, cors_origins=f"{PAGE} http://localhost:3000") as served:
        for path in PATHS:
            answer = served.client.get(path, headers={"Origin": PAGE})
            assert answer.headers["Access-Control-Allow-Origin"] == PAGE
            assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
            assert "Claimgraph-Snapshot" in answer.headers["Access-Control-Expose-Headers"]
            for origin in (
                OTHER,
                "null",
                PAGE + ".evil.example",
                PAGE.upper(),
                PAGE + "/",
                "https://localhost:3000",
                "*",
            ):
                assert cors(served.client.get(path, headers={"Origin": origin})) == {}
            for headers in ({"Origin": OTHER}, {"Origin": PAGE}, {}):  # a shared cache must keep them apart
                assert "Origin" in served.client.get(path, headers=headers).headers["Vary"]


def test_a_named_origin_may_write_with_a_token(tmp_path: Path) -> None:
    with on_disk(tmp_path, cors_origins=PAGE) as served:
        asked = served.client.options("/graphs", headers=preflight(PAGE, "PUT"))
        assert (asked.status_code, asked.content) == (204, b"")
        assert asked.headers["Access-Control-Allow-Origin"] == PAGE
        assert "PUT" in asked.headers["Access-Control-Allow-Methods"]
        assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
        assert asked.headers["Access-Control-Max-Age"] == "600"
        for origin in (OTHER, None):
            refused = served.client.options("/graphs", headers=preflight(origin, "PUT"))
            assert (refused.status_code, cors(refused)) == (405, {})
        plain = served.client.options("/graphs", headers={"Origin": PAGE})  # no preflight
        assert plain.status_code == 405


def test_a_star_lets_all_read_and_none_send_a_token(tmp_path: Path) -> None:
    with on_disk(tmp_path, cors_origins="*") as served:
        for path in PATHS:
            for headers in ({"Origin": OTHER}, {}):
                answer = served.client.get(path, headers=headers)
                assert answer.headers["Access-Control-Allow-Origin"] == "*"
                assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        asked = served.client.options("/sparql", headers=preflight(OTHER, "POST"))
        assert asked.status_code == 204
        assert "Authorization" not in asked.headers["Access-Control-Allow-Headers"]
        assert "PUT" not in asked.headers["Access-Control-Allow-Methods"]


@pytest.mark.parametrize("setting", [None, PAGE, "*"])
def test_credentials_of_the_browser_are_never_allowed(tmp_path: Path, setting: str | None) -> None:
    with on_disk(tmp_path, cors_origins=setting) as served:
        for answer in (
            *(served.client.get(path, headers={"Origin": PAGE, "Cookie": "a=b"}) for path in PATHS),
            served.client.options("/sparql", headers=preflight(PAGE)),
        ):
            assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_kept_answer_is_given_to_each_origin_with_its_own_headers(tmp_path: Path) -> None:
    with on_disk(tmp_path, cors_origins=PAGE) as served:
        query = "SELECT * { ?s ?p ?o }"
        tag = served.ask(query, {"Origin": PAGE}).headers["ETag"]
        before = served.answered
        assert cors(served.ask(query, {"Origin": OTHER})) == {}
        assert cors(served.ask(query, {"Origin": PAGE}))
        assert served.ask(query, {"Origin": PAGE, "If-None-Match": tag}).headers["Access-Control-Allow-Origin"] == PAGE
        assert served.answered == before


@pytest.mark.parametrize(
    "text",
    [
        "example.org",
        "https://example.org/",
        "https://example.org/path",
        "https://Example.org",
        "https://*.example.org",
        "https://user@example.org",
        "ftp://example.org",
        "null",
        f"* {PAGE}",
        f"{PAGE} *",
        f"{PAGE},https://b.example",
        "https://example.org:0",
    ],
)
def test_what_is_no_origin_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(BadInput, match="KG_CORS_ORIGINS"):
        CorsPolicy.parse(text)


@pytest.mark.parametrize("text", [PAGE, "http://localhost:3000", "http://127.0.0.1", "http://[::1]:8080"])
def test_origins(text: str) -> None:
    policy = CorsPolicy.parse(f"  {text}\t{OTHER} ")
    assert set(policy.origins) == {text.encode(), OTHER.encode()}
    assert policy.headers(text.encode())[0] == (b"access-control-allow-origin", text.encode())


@pytest.mark.parametrize("text", [None, "", "  "])
def test_nothing_allows_nobody(text: str | None) -> None:
    policy = CorsPolicy.parse(text)
    assert policy.headers(b"https://page.example") == ()
    assert policy.preflight(b"https://page.example") is None
