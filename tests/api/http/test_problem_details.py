"""Problem documents: every error has the structure of RFC 9457 and the status of the table."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import create_app
from api.http import problem_details
from api.server.connection_limit_settings import ConnectionLimits
from kg import errors
from kg.config import Config
from kg.gate.validation_report import Rejected, ValidationReport, ValidationResult
from kg.knowledge_graph import KnowledgeGraph
from tests.serving import ask, serving

RESULT = ValidationResult(constraint="B1", severity="Violation", messages={"en": "no quote"}, pointer="/claims/0")

RAISED: list[tuple[Exception, int]] = [
    (errors.MalformedText("Bad.", remedy="Mend it.", line=3, column=7), 400),
    (errors.UsingConflict(1, 1), 400),
    (errors.UnsupportedFormat("Unknown.", remedy="Send Turtle."), 415),
    (Rejected(ValidationReport((RESULT,))), 422),
    (errors.NotFound("None."), 404),
    (errors.Ambiguous("Two."), 409),
    (errors.Unauthorized("Who?", invalid=True), 401),
    (errors.InsufficientScope("Not so far.", scope="admin"), 403),
    (errors.Forbidden("No."), 403),
    (errors.TooLarge("Big."), 413),
    (errors.TooSlow("Late."), 408),
    (errors.StorageFull("Full."), 507),
    (errors.Unreachable("Away."), 502),
    (errors.ResultTooLarge("Much."), 422),
    (errors.TimedOut("Long."), 504),
    (errors.TooManyRequests("You again."), 429),
    (errors.Busy("Busy."), 503),
    (errors.ReaderLost("Lost."), 503),
    (errors.StoreInUse("Held."), 503),
    (errors.StoreUnavailable("Gone."), 503),
    (errors.NotAcceptable("graph"), 406),
    (errors.Unwritable("Odd."), 406),
    (errors.BadInput("Other id."), 422),
    (errors.ClaimgraphError("Otherwise."), 422),
]
"""An error of each kind of :data:`problem_details.KINDS`, and the status that it must have."""

ADDED = {
    errors.Unauthorized: {"WWW-Authenticate": 'Bearer realm="claimgraph", error="invalid_token"'},
    errors.InsufficientScope: {
        "WWW-Authenticate": 'Bearer realm="claimgraph", error="insufficient_scope", scope="admin"'
    },
    errors.TooManyRequests: {"Retry-After": "1"},
    errors.Busy: {"Retry-After": "1"},
    errors.ReaderLost: {"Retry-After": "1"},
}
"""Headers that some of them bring."""


def check(body: dict[str, object], status: int) -> None:
    """Check the members of a problem document (RFC 9457, clause 3.1), and that none reveals internals."""
    assert body["status"] == status
    assert isinstance(body["type"], str)
    assert body["type"] == "about:blank" or "/docs#" in body["type"]
    assert isinstance(body.get("remedy", ""), str)
    text = json.dumps(body)
    for inside in ("Traceback", 'File "', ".py", "site-packages", str(Path(__file__).parents[2]), str(Path.home())):
        assert inside not in text
    assert set(body) <= {"type", "title", "status", "detail", "remedy", "line", "column", "results"}
    assert isinstance(body["title"], str)
    assert body["title"]
    assert isinstance(body["detail"], str)
    assert body["detail"]


@pytest.fixture(scope="module")
def raising(config: Config) -> Iterator[TestClient]:
    """The whole application, with a route that raises a given error."""
    app = create_app(
        KnowledgeGraph.open(config.with_options(bare=True), in_memory=True), config.with_options(bare=True)
    )

    @app.get("/raise/{kind}")
    @app.post("/raise/{kind}")
    def fail(kind: str) -> None:
        raise next((error for error, _ in RAISED if type(error).__name__ == kind), RuntimeError("/a/path/with secrets"))

    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("error", "status"), RAISED, ids=lambda value: type(value).__name__)
def test_each_error(raising: TestClient, error: Exception, status: int, method: str) -> None:
    answer = raising.request(method, f"/raise/{type(error).__name__}")
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "ETag" not in answer.headers
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    check(answer.json(), status)
    kind = next(kind for kind in problem_details.KINDS if kind.error is type(error))
    assert (answer.json()["type"], answer.json()["title"]) == (f"/docs#{kind.name}", kind.title)
    added = ADDED.get(type(error), {})
    assert {name: answer.headers.get(name) for name in ("WWW-Authenticate", "Retry-After")} == {
        name: added.get(name) for name in ("WWW-Authenticate", "Retry-After")
    }
    if isinstance(error, errors.ClaimgraphError):
        assert answer.json()["detail"] == error.message
        assert answer.json().get("remedy", "") == error.remedy
        assert (answer.json().get("line"), answer.json().get("column")) == (error.line, error.column)
    if isinstance(error, Rejected):
        assert answer.json()["results"][0] == RESULT.model_dump(exclude_none=True)


def test_each_kind_was_raised() -> None:
    assert [type(error) for error, _ in RAISED] == [kind.error for kind in problem_details.KINDS]


def test_the_unexpected_is_a_problem_through_every_layer(raising: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, logger="claimgraph.api")
    for method in ("GET", "POST"):
        answer = raising.request(method, "/raise/nothing%0Aforged%1b")
        assert (answer.status_code, answer.headers["Content-Type"]) == (500, "application/problem+json")
        check(answer.json(), 500)
        assert "secret" not in answer.text
        assert "RuntimeError" not in answer.text
        assert answer.headers["Content-Security-Policy"]
        assert "ETag" not in answer.headers
    messages = [record.getMessage() for record in caplog.records if record.name == "claimgraph.api"]
    assert messages == [f"{method} /raise/nothing%0Aforged%1b failed: RuntimeError" for method in ("GET", "POST")]


def test_every_error_of_the_library_is_in_the_table() -> None:
    def tree(kind: type[Exception]) -> list[type[Exception]]:
        return [kind, *(sub for child in kind.__subclasses__() for sub in tree(child))]

    ours = [
        kind for kind in tree(errors.ClaimgraphError) if kind.__module__ in ("kg.errors", "kg.gate.validation_report")
    ]
    assert len(ours) > 8
    assert all(f"─ {kind.__name__} " in (errors.__doc__ or "") for kind in ours[1:])
    assert {kind.error for kind in problem_details.KINDS} >= set(ours)
    for kind in ours:
        first = next(row for row in problem_details.KINDS if issubclass(kind, row.error))
        assert first.error is kind


def test_each_kind_is_explained_where_its_type_leads(client: TestClient) -> None:
    page = client.get("/docs").text
    for kind in problem_details.KINDS:
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
    ("GET", "/sparql?query=ASK%7B%7D", {"Accept": "image/png"}, 406),
    ("POST", "/validate", {"Content-Type": "image/png"}, 415),
    ("POST", "/update", {}, 401),
    ("GET", "/metrics", {}, 401),
    ("GET", "/admin/backup", {}, 401),
    ("OPTIONS", "/sparql", {}, 405),
    ("TRACE", "/", {}, 405),
    ("GET", "/" + "x" * 20_000, {}, 414),
    ("GET", "/sparql?query=" + "x" * 20_000, {}, 414),
    ("GET", "/", {f"X-{number}": "y" for number in range(101)}, 431),
    ("GET", "/sparql?query=%FF", {}, 400),
    ("GET", "/sparql?" + "a=b&" * 1001, {}, 400),
    ("GET", "/sparql?query=ASK%7B%7D&timeout=x", {}, 400),
    ("GET", "/describe", {}, 400),
    ("GET", "/describe?iri=%20", {}, 400),
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


def test_what_the_protocol_refuses_has_the_same_shape(config: Config) -> None:
    """A request that no layer above ever sees, for it does not parse or its head has no end."""
    app = create_app(KnowledgeGraph.open(config, in_memory=True, seed=False), config)
    noise: list[tuple[bytes, int]] = [
        (b"\x16\x03\x01\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET /" + b"x" * 300_000, 414),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 300_000, 431),
    ]
    with serving(app, ConnectionLimits()) as address:
        for request, status in noise:
            answer = ask(address, request)
            assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
            check(json.loads(answer.body), status)
            assert set(json.loads(answer.body)) == {"type", "title", "status", "detail", "remedy"}


def test_the_unexpected_leaks_nothing_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()
    problem_details.install(app)

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
