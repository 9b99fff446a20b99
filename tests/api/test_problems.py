"""Every error has the shape of RFC 9457 and the status that the table gives it."""

from __future__ import annotations

import logging

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api import problems
from kg import engine, errors, sparql
from kg.report import Report, Result

RESULT = Result(constraint="B1", severity="Violation", messages={"en": "no quote"}, pointer="/claims/0")

RAISED: list[tuple[Exception, int]] = [
    (errors.MalformedText("Bad.", remedy="Mend it.", line=3, column=7), 400),
    (errors.UnsupportedFormat("Unknown.", remedy="Send Turtle."), 415),
    (errors.Rejected(Report((RESULT,))), 422),
    (errors.NotFound("None."), 404),
    (errors.Ambiguous("Two."), 409),
    (errors.Forbidden("No."), 403),
    (errors.TooLarge("Big."), 413),
    (errors.StoreUnavailable("Gone."), 503),
    (errors.BadInput("Other id."), 422),
    (errors.ClaimgraphError("Otherwise."), 422),
    (engine.NotAcceptable("graph"), 406),
    (sparql.UsingConflict(), 400),
]


def check(body: dict[str, object], status: int) -> None:
    assert body["status"] == status
    assert set(body) <= {"type", "title", "status", "detail", "remedy", "line", "column", "results"}
    assert isinstance(body["title"], str)
    assert body["title"]
    assert isinstance(body["detail"], str)
    assert body["detail"]


@pytest.mark.parametrize(("error", "status"), RAISED, ids=lambda value: type(value).__name__)
def test_each_error(error: Exception, status: int) -> None:
    app = FastAPI()
    problems.install(app)

    @app.get("/raise")
    def fail() -> None:
        raise error

    answer = TestClient(app).get("/raise")
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    check(answer.json(), status)
    assert answer.json()["type"].startswith("/docs#")
    if isinstance(error, errors.ClaimgraphError):
        assert answer.json()["detail"] == error.message
        assert answer.json().get("remedy", "") == error.remedy
        assert (answer.json().get("line"), answer.json().get("column")) == (error.line, error.column)
    if isinstance(error, errors.Rejected):
        assert answer.json()["results"][0] == RESULT.model_dump(exclude_none=True)


def test_every_error_of_the_library_is_in_the_table() -> None:
    def tree(kind: type[Exception]) -> list[type[Exception]]:
        return [kind, *(sub for child in kind.__subclasses__() for sub in tree(child))]

    ours = [kind for kind in tree(errors.ClaimgraphError) if kind.__module__ == "kg.errors"]
    assert len(ours) > 8
    assert {kind.error for kind in problems.KINDS} >= set(ours)
    for kind in ours:
        first = next(row for row in problems.KINDS if issubclass(kind, row.error))
        assert first.error is kind


def test_each_kind_is_explained_where_its_type_leads(client: TestClient) -> None:
    page = client.get("/docs").text
    for kind in problems.KINDS:
        assert f'id="{kind.name}"' in page


REQUESTS = [
    ("GET", "/nowhere", {}, 404),
    ("GET", "/static/nothing.css", {}, 404),
    ("GET", "/entity/nobody", {}, 404),
    ("GET", "/questions/nothing", {}, 404),
    ("GET", "/articles/nothing", {}, 404),
    ("GET", "/claims/nothing/why", {}, 404),
    ("GET", "/graphs?graph=http%3A%2F%2Fx%2F", {}, 404),
    ("GET", "/ontology/nothing", {}, 404),
    ("PATCH", "/sparql", {}, 405),
    ("GET", "/update", {}, 405),
    ("PUT", "/questions", {}, 405),
    ("POST", "/static/style.css", {}, 405),
    ("GET", "/why?subject=x", {}, 422),
    ("GET", "/graphs", {}, 400),
    ("GET", "/sparql?query=ASK%20%7B", {}, 400),
    ("GET", "/graphs?default", {"Accept": "image/png"}, 406),
    ("GET", "/articles", {"Accept": "image/png"}, 406),
    ("GET", "/sparql?query=ASK%7B%7D", {"Accept": "text/csv"}, 406),
    ("POST", "/validate", {"Content-Type": "image/png"}, 415),
    ("POST", "/update", {}, 401),
]


@pytest.mark.parametrize(("method", "path", "headers", "status"), REQUESTS)
def test_each_status(client: TestClient, method: str, path: str, headers: dict[str, str], status: int) -> None:
    answer = client.request(method, path, headers=headers)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    check(answer.json(), status)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/update", "POST"),
        ("/sparql", "HEAD, GET, POST"),
        ("/graphs", "HEAD, GET, PUT, POST, DELETE"),
        ("/articles", "HEAD, GET, POST"),
        ("/articles/x", "HEAD, GET, PUT, DELETE"),
        ("/questions", "HEAD, GET"),
    ],
)
def test_405_lists_every_method(client: TestClient, path: str, allowed: str) -> None:
    answer = client.patch(path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)


def test_syntax_errors_name_the_place(client: TestClient) -> None:
    answer = client.post("/sparql", data={"query": "SELECT *\nWHERE { ?s ?p }"})
    assert answer.status_code == 400
    assert answer.json()["line"] == 2
    assert answer.json()["column"] > 1
    assert "line 2" in answer.json()["detail"]


def test_the_unexpected_leaks_nothing_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()
    problems.install(app)

    @app.get("/raise")
    def fail() -> None:
        raise RuntimeError("/a/path/with secrets")

    with caplog.at_level(logging.ERROR, logger="claimgraph.api"):
        answer = TestClient(app, raise_server_exceptions=False).get("/raise")
    assert answer.status_code == 500
    check(answer.json(), 500)
    assert "secret" not in answer.text
    assert "RuntimeError" not in answer.text
    assert caplog.messages == ["GET /raise failed: RuntimeError"]
