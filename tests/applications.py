"""Applications over stores on disk with real reader processes, for tests that inspect their state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import create_app
from api.edge.edge_middleware import AccessObserver
from kg.config import Config
from kg.processes.query_and_write_service import QueryService
from kg.processes.readers.reader_pool import ReaderPool
from tests.configs import configured
from tests.writers import ServiceWithWriter

TOKEN = "a token for tests"
WRITER = {"Authorization": f"Bearer {TOKEN}"}
BASE = "http://testserver/"
RUNAWAY = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . FILTER(?a != ?d && ?f != ?i) }"
"""Never ends by itself on a thousand statements."""
MANY = f"INSERT DATA {{ {' '.join(f'<urn:s{n}> <urn:p> {n} .' for n in range(1000))} }}"
"""A thousand statements."""


def settings(folder: Path, **others: Any) -> Config:
    """Return the settings of a bare store in a folder, with one reader, overridden by ``others``."""
    defaults = {"token": TOKEN, "data_dir": folder, "base_iri": BASE, "bare": True, "readers": 1}
    return configured(**{**defaults, **others})


def application(config: Config) -> FastAPI:
    """Make the application over the store that the settings name."""
    return create_app(ServiceWithWriter(config), config)


def endpoint_of(app: FastAPI) -> QueryService:
    """Return the query service of an application."""
    found = app.state.services.endpoint
    assert isinstance(found, QueryService)
    return found


def observer_of(app: FastAPI) -> AccessObserver:
    """Return the observer that counts the requests of an application."""
    found = app.state.observer
    assert isinstance(found, AccessObserver)
    return found


@dataclass(frozen=True)
class Served:
    """A running application and a client of it."""

    app: FastAPI
    client: TestClient

    @property
    def endpoint(self) -> QueryService:
        """The query service."""
        return endpoint_of(self.app)

    @property
    def pool(self) -> ReaderPool:
        """Its reader pool."""
        assert self.endpoint.pool
        return self.endpoint.pool

    @property
    def answered(self) -> int:
        """The number of queries that its readers have completed."""
        return self.pool.counts.answered

    def ask(self, query: str, headers: dict[str, str] | None = None, **parameters: str) -> httpx2.Response:
        """Run a query."""
        return self.client.get("/sparql", params={"query": query, **parameters}, headers=headers)

    def update(self, text: str) -> None:
        """Run an update; fail if it is refused."""
        answer = self.client.post("/update", data={"update": text}, headers=WRITER)
        assert answer.status_code == 204, answer.text


@contextmanager
def on_disk(folder: Path, **others: Any) -> Iterator[Served]:
    """Run an application over a store in a folder."""
    app = application(settings(folder, **others))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Served(app, client)
