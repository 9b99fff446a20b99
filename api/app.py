"""Assembly of the application: services, middleware and routers. Importing this module has no effect.

The middleware, from the outside: edge, representations, response cache, direct queries. :func:`create_app` is the entry
point.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

import kg
from api.edge.codings_and_ranges_middleware import RepresentationMiddleware
from api.edge.edge_middleware import AccessObserver, EdgeMiddleware, EdgeSettings
from api.edge.entity_tags_and_response_cache import ResponseCacheMiddleware
from api.edge.metrics import ServerMetrics
from api.edge.metrics_board import MetricsBoard
from api.edge.query_service_monitoring import QueryServiceMonitoring
from api.handler_services import AllServices
from api.http import problem_details
from api.reconcile import user_decisions, v0_2, v1_0
from api.rendering import openapi_helpers
from api.routers import (
    admin_backup,
    articles,
    graph_store,
    guide,
    monitoring,
    questions,
    resources,
    review,
    sparql_protocol,
    start_and_api_docs_pages,
    validate,
    vocabulary_and_schemas,
    why,
)
from api.routers.sparql_fast_path import DirectQueries
from kg.access.api_tokens import FILE, TokenRegistry
from kg.config import Config
from kg.knowledge_graph import KnowledgeGraph, WholeGraph
from kg.processes.query_and_write_service import QueryService

_ABOUT = (
    "A graph of attributed claims from news articles: who said what, through whom, in which words, and what follows "
    "from it. Reading is open; writing needs a bearer token."
)

_BARE = (monitoring, admin_backup, start_and_api_docs_pages, guide, sparql_protocol, graph_store)
_FULL = (
    monitoring,
    admin_backup,
    start_and_api_docs_pages,
    guide,
    questions,
    articles,
    why,
    review,
    validate,
    user_decisions,
    v0_2,
    v1_0,
    sparql_protocol,
    graph_store,
    vocabulary_and_schemas,
    resources,
)

_PUBLISHING_SECONDS = 1.0
"""Seconds between two updates of what other processes see of the metrics of this one."""

_COMPRESSED_SHARE = 4
"""Compressed responses are stored in one part in so many of the size of the response cache, in addition to it."""

_THREADS = 40
"""Threads for work other than waiting for a reader."""


class Application(FastAPI):
    """FastAPI application with the edge around it, and the schema of problem documents in its OpenAPI document."""

    def build_middleware_stack(self) -> ASGIApp:
        """Return the middleware with the edge outermost, so that even an unexpected error has its headers."""
        state = self.state
        return EdgeMiddleware(super().build_middleware_stack(), state.edge, state.observer)

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, which is generated once."""
        if self.openapi_schema is None:
            document = get_openapi(title=self.title, version=self.version, description=_ABOUT, routes=self.routes)
            self.openapi_schema = openapi_helpers.complete(document)
        return self.openapi_schema


def create_app(
    graph: KnowledgeGraph | QueryService, config: Config, board: MetricsBoard | None = None, slot: int = 0
) -> FastAPI:
    """Return the application that serves one graph.

    Args:
        graph: an open graph in memory, or the service of a store that another process has opened.
        config: all settings; with ``bare``, only ``/sparql``, ``/update``, ``/graphs`` and their pages are served.
        board, slot: metrics of all web processes, and the place of this one among them.
    """
    endpoint = QueryService(graph.store, config) if isinstance(graph, KnowledgeGraph) else graph
    whole = graph if isinstance(graph, KnowledgeGraph) else WholeGraph(graph.store)
    metrics = ServerMetrics(QueryServiceMonitoring(endpoint), board, slot)
    app = Application(
        lifespan=partial(_lifespan, endpoint, metrics, config.queries.max_queries + _THREADS),
        title="Claimgraph",
        version=kg.__version__,
        docs_url=None,  # FastAPI's own pages load scripts from a third-party host
        redoc_url=None,
        generate_unique_id_function=_operation_id,
    )
    tokens = TokenRegistry(config.store.data_dir / FILE, config.access.token, config.access.public_graphs)
    app.state.services = AllServices(whole, config, endpoint, tokens)
    app.add_middleware(DirectQueries, services=app.state.services)
    app.add_middleware(ResponseCacheMiddleware, endpoint=endpoint, tokens=tokens, size=config.queries.cache_bytes)
    app.add_middleware(
        RepresentationMiddleware,
        max_body_bytes=config.http.max_body_bytes,
        size=config.queries.cache_bytes // _COMPRESSED_SHARE,
    )
    app.state.observer = AccessObserver(metrics)
    app.state.edge = EdgeSettings.of(config, whole.names.base)
    problem_details.install(app)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    for module in _BARE if config.store.bare else _FULL:
        app.include_router(module.router)
    return app


@asynccontextmanager
async def _lifespan(endpoint: QueryService, metrics: ServerMetrics, threads: int, _app: FastAPI) -> AsyncIterator[None]:
    """Start the service, and end it with the application."""
    await endpoint.start()
    publishing = asyncio.create_task(_publish(metrics))
    # Each query of a page waits in a thread; other work must find a thread, too.
    anyio.to_thread.current_default_thread_limiter().total_tokens = threads
    yield
    publishing.cancel()
    await endpoint.close()


async def _publish(metrics: ServerMetrics) -> None:
    """Show the metrics of this process to the others, for ever."""
    while True:
        metrics.publish()
        await asyncio.sleep(_PUBLISHING_SECONDS)


def _operation_id(route: APIRoute) -> str:
    """Return the name of the handler as the operation id."""
    return route.name
