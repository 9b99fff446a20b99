"""Fast path for queries: the same responses as the router, used where it qualifies and skipped elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast
from urllib.parse import quote

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from api import authorization
from api.handler_services import services
from api.routers import sparql_protocol
from api.routers.sparql_fast_path import DirectQueries
from tests.applications import WRITER, application, observer_of, settings

QUERY = "SELECT ?o WHERE { <urn:s> <urn:p> ?o } LIMIT 1"
ASKED = "query=" + quote(QUERY)


def _served(folder: Path, *, direct: bool) -> Iterator[TestClient]:
    folder.mkdir()
    app = application(settings(folder, readers=1))
    if not direct:
        app.user_middleware = [layer for layer in app.user_middleware if cast(object, layer.cls) is not DirectQueries]
    with TestClient(app, raise_server_exceptions=False) as client:
        data = "INSERT DATA { <urn:s> <urn:p> 1 . GRAPH <urn:g> { <urn:s> <urn:p> 2 } }"
        assert client.post("/update", data={"update": data}, headers=WRITER).status_code == 204
        yield client


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    yield from _served(tmp_path_factory.mktemp("direct") / "short", direct=True)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    yield from _served(tmp_path_factory.mktemp("direct") / "long", direct=False)


def _told(answer: httpx2.Response) -> tuple[int, dict[str, str], bytes]:
    headers = {name: value for name, value in answer.headers.items() if name not in ("x-request-id", "etag")}
    return answer.status_code, headers, answer.content


@pytest.mark.parametrize(
    ("query", "accept", "status"),
    [
        (ASKED, "application/sparql-results+json", 200),
        (ASKED, "text/html", 200),
        (f"{ASKED}&format=csv", "*/*", 200),
        (f"{ASKED}&default-graph-uri=urn:g", "text/csv", 200),
        ("query=" + quote("CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }"), "text/turtle", 200),
        ("query=" + quote("SELECT (NOW() AS ?n) { FILTER(false) }"), "text/csv", 200),
        ("", "text/turtle", 200),
        ("query=SELECT", "text/csv", 400),
        ("query=%FF", "text/csv", 400),
        (f"{ASKED}&{ASKED}", "text/csv", 400),
        (f"{ASKED}&update=x", "text/csv", 400),
        ("update=x", "text/csv", 400),
        (f"{ASKED}&format=odd", "*/*", 400),
        (f"{ASKED}&timeout=soon", "text/csv", 400),
        (f"{ASKED}&asOf=99999", "text/csv", 404),
        (ASKED, "image/png", 406),
        ("query=" + quote("SELECT * { SERVICE <urn:x> { ?s ?p ?o } }"), "text/csv", 403),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_both_ways_say_the_same(
    short: TestClient, long: TestClient, method: str, query: str, accept: str, status: int
) -> None:
    one, other = (client.request(method, f"/sparql?{query}", headers={"Accept": accept}) for client in (short, long))
    assert _told(one) == _told(other)
    assert one.status_code == status


def _without_routes(client: TestClient) -> FastAPI:
    app = client.app
    assert isinstance(app, FastAPI)
    app.router.routes.clear()
    return app


def test_it_is_taken_for_queries_alone(tmp_path: Path) -> None:
    """Without any route such a query is still answered, and nothing else."""
    for client in _served(tmp_path / "store", direct=True):
        app = _without_routes(client)
        answer = client.get(f"/sparql?{ASKED}", headers={"Accept": "text/csv"})
        assert (answer.status_code, answer.text) == (200, "o\r\n1\r\n")
        assert client.post("/sparql", data={"query": QUERY}).status_code == 200
        assert client.post("/sparql", data={"update": "INSERT DATA {}"}).status_code == 401
        assert client.put("/sparql", data={"query": QUERY}).status_code == 404
        assert client.get(f"/sparql/?{ASKED}").status_code == 404
        assert client.get(f"/sparql?{ASKED}", headers={"Authorization": "Bearer wrong"}).status_code == 404
        assert observer_of(app).metrics.requests["query", 2].total > 0


def test_one_who_may_read_only_some_graphs_reads_only_these(tmp_path: Path) -> None:
    app = application(settings(tmp_path, readers=1, public_graphs="urn:g"))
    with TestClient(app) as client:
        data = "INSERT DATA { <urn:s> <urn:p> 1 . GRAPH <urn:g> { <urn:s> <urn:p> 2 } }"
        assert client.post("/update", data={"update": data}, headers=WRITER).status_code == 204
        _without_routes(client)
        every = "SELECT ?o { { ?s ?p ?o } UNION { GRAPH ?g { ?s ?p ?o } } } ORDER BY ?o"
        for answer in (client.get("/sparql", params={"query": every}), client.post("/sparql", data={"query": every})):
            values = {row["o"]["value"] for row in answer.json()["results"]["bindings"]}
            assert (answer.status_code, values) == (200, {"2"})
        whole = client.get("/sparql", params={"query": every}, headers=WRITER).json()["results"]["bindings"]
        assert {row["o"]["value"] for row in whole} == {"1", "2"}


def test_the_route_has_no_dependency_that_the_short_way_leaves_out() -> None:
    """The layer passes services by itself: a dependency that is added to the route has to be added there, too."""
    route = next(
        found for found in sparql_protocol.router.routes if isinstance(found, APIRoute) and found.name == "query_get"
    )
    assert [found.call for found in route.dependant.dependencies] == [authorization._read]
    assert route.dependencies == []
    posted = next(
        found for found in sparql_protocol.router.routes if isinstance(found, APIRoute) and found.name == "query_post"
    )
    assert [found.call for found in posted.dependant.dependencies] == [services]
    assert posted.dependencies == []
