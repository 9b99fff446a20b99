"""Libraries that read a table from an address: by parts, compressed or as it is."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx2
import pandas
import pytest

from api.server.connection_limit_settings import ConnectionLimits
from tests.applications import WRITER, application, settings
from tests.serving import serving

QUERY = "SELECT ?s ?o { ?s <urn:p> ?o } ORDER BY ?o"
ROWS = 20_000
"""So many that a reader by parts asks for several."""


@dataclass
class Table:
    """The address of a table, and the requests for it: method and ``Range``."""

    address: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    app, table = application(settings(tmp_path_factory.mktemp("tables"))), Table()

    async def counted(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            table.requests.append((scope["method"], dict(scope["headers"]).get(b"range", b"").decode()))
        await app(scope, receive, send)

    content = gzip.compress("\n".join(f"<urn:s{n}> <urn:p> {n} ." for n in range(ROWS)).encode())
    headers = {"Content-Type": "text/turtle", "Content-Encoding": "gzip", **WRITER}
    with serving(counted, ConnectionLimits()) as (host, port):
        base = f"http://{host}:{port}"
        assert httpx2.put(f"{base}/graphs?default", content=content, headers=headers, timeout=120).is_success
        table.address = f"{base}/sparql?format=csv&query={quote(QUERY)}"
        yield table


@pytest.fixture
def table(served: Table) -> Table:
    """The table, with no request so far."""
    served.requests.clear()
    return served


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_pandas(table: Table, coding: str) -> None:
    found = pandas.read_csv(table.address, storage_options={"Accept-Encoding": coding})
    assert list(found.columns) == ["s", "o"]
    assert found["o"].tolist() == list(range(ROWS))
    assert table.requests == [("GET", "")]


def test_polars_reads_by_parts(table: Table) -> None:
    polars = pytest.importorskip("polars", reason="polars is not installed (it is in the extra “test”)")
    found = polars.read_csv(table.address)
    assert found.columns == ["s", "o"]
    assert found["o"].to_list() == list(range(ROWS))
    assert table.requests[0] == ("HEAD", "")
    assert len({part for _, part in table.requests if part}) > 1
