"""The application, put together. Nothing happens at import: see :func:`create_app`."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.staticfiles import StaticFiles

import kg
from api import problems
from api.middleware import Edge
from api.routers import (
    articles,
    graph_store,
    home,
    provenance,
    questions,
    resources,
    sparql,
    validation,
    vocabulary,
)
from api.service_description import GraphCounts
from api.services import Services
from kg.config import Config
from kg.graph import KnowledgeGraph

_ABOUT = (
    "A graph of attributed claims from news articles: who said what, through whom, in which words, and what follows "
    "from it. Reading is open; writing needs a bearer token."
)

_BARE = (home, sparql, graph_store)
_FULL = (home, questions, articles, provenance, validation, sparql, graph_store, vocabulary, resources)


class Application(FastAPI):
    """FastAPI with one schema more in its OpenAPI document: the problem that every error is."""

    def openapi(self) -> dict[str, Any]:
        """Give the OpenAPI document, made once."""
        if self.openapi_schema is None:
            document = get_openapi(title=self.title, version=self.version, description=_ABOUT, routes=self.routes)
            schema = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            document.setdefault("components", {}).setdefault("schemas", {})["Problem"] = schema
            self.openapi_schema = document
        return self.openapi_schema


def create_app(graph: KnowledgeGraph, config: Config) -> FastAPI:
    """Make the application that serves one graph.

    Args:
        graph: an open graph; in bare mode only its store is used.
        config: ``bare`` leaves only ``/sparql``, ``/update``, ``/graphs`` and the pages about them.
    """
    app = Application(
        title="Claimgraph",
        version=kg.__version__,
        docs_url=None,  # FastAPI's own pages load scripts from a host of others
        redoc_url=None,
        generate_unique_id_function=_operation_id,
    )
    app.state.services = Services(graph, config, GraphCounts(graph.store))
    app.add_middleware(Edge, prefix=urlsplit(graph.store.names.base).path.rstrip("/"))
    problems.install(app)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    for module in _BARE if config.bare else _FULL:
        app.include_router(module.router)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name
