"""Assembly of the application: services, middleware and routers. Importing this module has no effect.

The middleware, from the outside: edge, response cache, direct queries. :func:`create_app` is the entry point.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

import kg
from api.edge.edge_middleware import AccessObserver, EdgeMiddleware, EdgeSettings
from api.edge.metrics import ServerMetrics
from api.edge.query_service_monitoring import QueryServiceMonitoring
from api.edge.response_cache import ResponseCacheMiddleware
from api.handler_services import AllServices
from api.http import problem_details
from api.reconcile import user_decisions, v0_2, v1_0
from api.rendering import openapi_helpers
from api.routers import (
    admin_backup,
    articles,
    graph_store,
    guide,
    home,
    monitoring,
    questions,
    resources,
    review,
    sparql_protocol,
    validate,
    vocabulary,
    why,
)
from api.routers.sparql_fast_path import DirectQueries
from kg.access.api_tokens import FILE, TokenRegistry
from kg.config import Config
from kg.knowledge_graph import KnowledgeGraph
from kg.processes.query_service import QueryService

_ABOUT = (
    "A graph of attributed claims from news articles: who said what, through whom, in which words, and what follows "
    "from it. Reading is open; writing needs a bearer token."
)

_BARE = (monitoring, admin_backup, home, guide, sparql_protocol, graph_store)
_FULL = (
    monitoring,
    admin_backup,
    home,
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
    vocabulary,
    resources,
)

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
            document.setdefault("components", {}).setdefault("schemas", {}).update(openapi_helpers.schemas())
            self.openapi_schema = document
        return self.openapi_schema


def create_app(graph: KnowledgeGraph, config: Config, restart: Callable[[], None] | None = None) -> FastAPI:
    """Return the application that serves one graph.

    Args:
        graph: an open graph; in bare mode only its store is used.
        config: all settings; with ``bare``, only ``/sparql``, ``/update``, ``/graphs`` and their pages are served.
        restart: see :class:`api.handler_services.AllServices`.
    """
    endpoint = QueryService(graph.store, config)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await endpoint.start()
        # Each query of a page waits in a thread; other work must find a thread, too.
        anyio.to_thread.current_default_thread_limiter().total_tokens = config.queries.max_queries + _THREADS
        yield
        await endpoint.close()

    app = Application(
        lifespan=lifespan,
        title="Claimgraph",
        version=kg.__version__,
        docs_url=None,  # FastAPI's own pages load scripts from a third-party host
        redoc_url=None,
        generate_unique_id_function=_operation_id,
    )
    tokens = TokenRegistry(config.store.data_dir / FILE, config.access.token, config.access.public_graphs)
    app.state.services = AllServices(graph, config, endpoint, tokens, restart)
    app.add_middleware(DirectQueries, services=app.state.services)
    app.add_middleware(ResponseCacheMiddleware, endpoint=endpoint, tokens=tokens, size=config.queries.cache_bytes)
    app.state.observer = AccessObserver(ServerMetrics(QueryServiceMonitoring(endpoint)))
    app.state.edge = EdgeSettings.of(config, graph.store.names.base)
    problem_details.install(app)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    for module in _BARE if config.store.bare else _FULL:
        app.include_router(module.router)
    return app


def _operation_id(route: APIRoute) -> str:
    """Return the name of the handler as the operation id."""
    return route.name
