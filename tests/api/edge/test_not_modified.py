"""A 304 of every route says of the stored response what the 200 says, and nothing else (RFC 9110, clause 15.4.5)."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from fastapi import FastAPI

from tests import route_examples
from tests.applications import WRITER, Served, on_disk

PAGE = "https://page.example"
MUST = ("Cache-Control", "Content-Location", "Date", "ETag", "Expires", "Vary")
OF_EACH = {"x-request-id", "date"}
"""Fields that name one response and not what it holds."""
UNTAGGED = {"/healthz", "/readyz", "/metrics", "/admin/backup", "/review", "/link/{path}"}
"""Routes without an entity tag: they depend on more than a snapshot, or there is nothing in the seed article."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The seed article, and one graph beside it."""
    folder = tmp_path_factory.mktemp("walk")
    with on_disk(folder, bare=False, base_iri=route_examples.BASE, cors_origins=PAGE) as found:
        put = {"Content-Type": "text/turtle", **WRITER}
        assert found.client.put(
            f"/graphs?graph={route_examples.OWN}", content="<a:a> <a:b> 1 .", headers=put
        ).is_success
        yield found


def test_the_walk_has_every_route(served: Served) -> None:
    app = served.client.app
    assert isinstance(app, FastAPI)
    assert route_examples.readable_routes(app) == route_examples.ADDRESSES.keys()


def compare(whole: httpx2.Response, unchanged: httpx2.Response) -> None:
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    for name in MUST:
        if name != "Date":
            assert unchanged.headers.get_list(name) == whole.headers.get_list(name), name
    for name in set(unchanged.headers) - OF_EACH:
        assert unchanged.headers.get_list(name) == whole.headers.get_list(name), name


@pytest.mark.parametrize("route", sorted(route_examples.ADDRESSES))
def test_a_304_says_what_the_200_says(served: Served, route: str) -> None:
    tagged = 0
    for address in route_examples.ADDRESSES[route]:
        for accept in route_examples.ACCEPTED:
            for coding in ("identity", "gzip"):
                headers = {"Accept": accept, "Accept-Encoding": coding, "Origin": PAGE}
                whole = served.client.get(address, headers=headers)
                if whole.status_code != 200 or "ETag" not in whole.headers:
                    continue
                tagged += 1
                condition = {"If-None-Match": whole.headers["ETag"]}
                compare(whole, served.client.get(address, headers=headers | condition))
                compare(whole, served.client.head(address, headers=headers | condition))
    assert bool(tagged) == (route not in UNTAGGED and not route.startswith("/reconcile"))


def test_a_304_by_date_does_too(served: Served) -> None:
    """Static files only have a date; a compressed one is confirmed by its tag alone."""
    address = "/static/style.css"
    for coding, status in (("identity", 304), ("gzip", 200)):
        fields = {"Accept-Encoding": coding, "Origin": PAGE}
        whole = served.client.get(address, headers=fields)
        date = {"If-Modified-Since": whole.headers["Last-Modified"]}
        answer = served.client.get(address, headers=fields | date)
        assert answer.status_code == status
        if status == 304:
            compare(whole, answer)
        compare(whole, served.client.get(address, headers=fields | date | {"If-None-Match": whole.headers["ETag"]}))
