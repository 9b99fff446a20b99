"""Edge middleware: headers and logging of every request and response, whichever layer produces the response."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest

from api.edge.edge_middleware import EdgeSettings
from api.server.connection_limit_settings import ConnectionLimits
from kg.errors import BadInput
from tests.applications import RUNAWAY, WRITER, Served, application, observer_of, on_disk, settings
from tests.configs import configured
from tests.processes import wait_until
from tests.serving import Answer, ask, serving

DATA = "default-src 'none'; frame-ancestors 'none'; sandbox"
SPARQL = {"Content-Type": "application/sparql-update"}
BROWSER = {"Accept": "text/html"}

ANSWERS: list[tuple[str, str, dict[str, str], int]] = [
    ("GET", "/sparql?query=ASK%7B%7D", {}, 200),
    ("HEAD", "/sparql?query=ASK%7B%7D", {}, 200),
    ("GET", "/sparql?query=ASK%7B%7D", {"If-None-Match": "*"}, 304),
    ("GET", "/graphs?default", {"Accept": "application/rdf+xml"}, 200),
    ("GET", "/static/style.css", {}, 200),
    ("GET", "/openapi.json", {}, 200),
    ("GET", "/healthz", {}, 200),
    ("GET", "/metrics", WRITER, 200),
    ("POST", "/update?update=CLEAR+DEFAULT", WRITER | SPARQL, 400),
    ("PUT", "/graphs?graph=urn:x", WRITER | {"Content-Type": "text/turtle"}, 201),
    ("DELETE", "/graphs?graph=urn:x", WRITER, 204),
    ("GET", "/sparql?query=ASK", {}, 400),
    ("POST", "/update", {}, 401),
    ("GET", "/metrics", {}, 401),
    ("GET", f"/sparql?query={quote('ASK { SERVICE <http://x/> {} }')}", {}, 403),
    ("GET", "/nowhere", {}, 404),
    ("GET", "/nowhere", BROWSER, 404),
    ("GET", "/static/nothing", {}, 404),
    ("PATCH", "/sparql", {}, 405),
    ("OPTIONS", "/sparql", {}, 405),
    ("GET", "/sparql?query=ASK%7B%7D", {"Accept": "image/png"}, 406),
    ("POST", "/sparql", {"Content-Type": "application/sparql-query", "Content-Length": "99999999999"}, 413),
    ("GET", "/" + "x" * 20_000, {}, 414),
    ("POST", "/sparql", {"Content-Type": "image/png"}, 415),
    ("GET", f"/sparql?query={quote('SELECT * { ?s ?p ?o }')}&timeout=soon", {}, 400),
    ("GET", "/sparql?query=ASK%7B%7D", {f"X-{number}": "y" for number in range(120)}, 431),
    ("GET", "/fault", {}, 500),
    ("GET", f"/sparql?query={quote(RUNAWAY)}&timeout=0.1", {}, 504),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with on_disk(tmp_path_factory.mktemp("edge")) as found:

        @found.app.get("/fault", include_in_schema=False)
        def fault() -> None:
            raise RuntimeError("/a/path/with secrets")

        found.update(f"INSERT DATA {{ {' '.join(f'<urn:s{n}> <urn:p> {n} .' for n in range(1000))} }}")
        yield found


def check(answer: httpx2.Response) -> None:
    public = answer.url.path == "/openapi.json"  # which is the same on every server
    for name, value in {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "cross-origin" if public else "same-origin",
    }.items():
        assert answer.headers.get_list(name) == [value]
    assert len(answer.headers.get_list("X-Request-ID")) == 1
    assert len(answer.headers.get_list("Content-Security-Policy")) == (answer.status_code != 304)
    assert "Strict-Transport-Security" not in answer.headers
    assert "Server" not in answer.headers


@pytest.mark.parametrize(("method", "path", "headers", "status"), ANSWERS, ids=lambda value: str(value)[:40])
def test_each_answer_has_the_headers(
    served: Served, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = served.client.request(method, path, headers=headers)
    assert answer.status_code == status, answer.text
    check(answer)
    assert answer.headers.get("Content-Security-Policy") == (None if status == 304 else DATA)
    if status >= 400:
        assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/sparql", "/sparql?query=ASK%7B%7D", "/sparql?query=ASK%7B%7D&format=html"]
)
def test_pages_have_a_policy_of_their_own(served: Served, path: str) -> None:
    answer = served.client.get(path, headers=BROWSER)
    check(answer)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'")
    assert "script" not in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("path", ["/", "/docs", "/sparql?query=ASK%7B%7D&format=html", "/static/style.css"])
def test_an_unchanged_answer_has_no_policy(served: Served, path: str) -> None:
    """A browser would put it in place of the policy of the page that it keeps."""
    whole = served.client.get(path, headers=BROWSER)
    assert whole.headers["Content-Security-Policy"]
    for condition in (whole.headers["ETag"], "*"):
        unchanged = served.client.get(path, headers=BROWSER | {"If-None-Match": condition})
        if unchanged.status_code == 200:  # static files know no star
            assert (path, condition) == ("/static/style.css", "*")
            continue
        assert unchanged.status_code == 304
        assert "Content-Security-Policy" not in unchanged.headers
        assert unchanged.headers["ETag"] == whole.headers["ETag"]


def test_a_base_with_tls_tells_browsers_to_stay(tmp_path: Path) -> None:
    with on_disk(tmp_path, base_iri="https://data.example/news/", readers=1) as served:
        for path in ("/healthz", "/", "/nowhere", "/news/healthz"):
            assert served.client.get(path).headers["Strict-Transport-Security"] == "max-age=31536000"


# ---- the path of the base


@pytest.fixture(scope="module")
def prefixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with on_disk(tmp_path_factory.mktemp("prefix"), base_iri="http://data.example/news/", readers=1) as found:
        yield found


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/news/healthz", 200),
        ("/healthz", 200),
        ("/news/sparql?query=ASK%7B%7D", 200),
        ("/news/static/style.css", 200),
        ("/news/", 200),
        ("/newsletter", 404),
        ("/news/news/healthz", 404),
    ],
)
def test_the_path_of_the_base_may_be_there_or_not(prefixed: Served, path: str, status: int) -> None:
    assert prefixed.client.get(path).status_code == status


def test_pages_link_under_the_path_that_was_asked(prefixed: Served) -> None:
    assert 'href="/news/static/style.css"' in prefixed.client.get("/news/").text
    assert 'href="/static/style.css"' in prefixed.client.get("/").text
    assert prefixed.client.get("/news/nowhere").json()["type"] == "about:blank"
    assert prefixed.client.get("/news/graphs?graph=urn:x").json()["type"] == "/news/docs#not-found"


# ---- what is noted


def test_requests_are_counted_when_they_end(served: Served) -> None:
    metrics = served.app.state.observer.metrics
    metrics.requests.clear()
    served.client.get("/healthz")
    served.client.get("/fault")
    assert {key: sum(found.counts) for key, found in metrics.requests.items()} == {
        ("operations", 2): 1,
        ("point", 5): 1,
    }
    assert metrics.in_flight == 0


def test_numbers_of_requests_are_different(served: Served) -> None:
    found = {served.client.get("/healthz").headers["X-Request-ID"] for _ in range(20)}
    assert len(found) == 20


def test_one_who_hangs_up_is_noted_as_gone(tmp_path: Path) -> None:

    config = settings(tmp_path)
    app = application(config)
    with serving(app, ConnectionLimits()) as address:
        assert ask(address, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status == 200
        with socket.create_connection(address) as connection:
            connection.sendall(b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Type: application/sparql-query\r\n"
                               b"Content-Length: 100\r\n\r\nASK")  # fmt: skip
        requests = observer_of(app).metrics.requests
        wait_until(lambda: ("query", 4) in requests, "the request has ended")


# ---- over a real server


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Answer]]:
    """Return the responses of http_limits itself, which the layers above never see."""
    config = settings(tmp_path_factory.mktemp("server"), max_url_bytes=2000)
    app = application(config)
    with serving(app, ConnectionLimits.of(config.http, observer_of(app).metrics.refused)) as address:
        yield [
            ask(address, b"\x16\x03\x01\r\n\r\n"),
            ask(address, b"GET /" + b"x" * 3000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
            ask(address, b"GET /" + b"x" * 300_000),
            ask(address, b"GET / HTTP/1.1\r\nX: " + b"y" * 300_000),
        ]


def test_what_the_protocol_refuses_has_the_headers_too(answers: list[Answer]) -> None:
    assert [answer.status for answer in answers] == [400, 414, 414, 431]
    for answer in answers:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["content-security-policy"] == DATA
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["connection"] == "close"
        assert "server" not in answer.headers


# ---- its settings


def test_settings_come_from_the_configuration() -> None:
    config = configured(max_url_bytes=5000, max_sending_bytes=1 << 21, cors_origins="https://a.example")
    found = EdgeSettings.of(config, "https://data.example/a/b/")
    assert (found.prefix, found.secure, found.max_url_bytes, found.max_sending_bytes) == ("/a/b", True, 5000, 1 << 21)
    assert b"https://a.example" in found.cors.origins
    assert EdgeSettings.of(config, "http://data.example/").prefix == ""
    assert not EdgeSettings.of(config, "http://data.example/").secure


def test_bad_origins_end_the_start(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="KG_CORS_ORIGINS"):
        application(settings(tmp_path, cors_origins="nonsense"))
