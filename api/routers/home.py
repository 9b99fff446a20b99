"""Introductory pages: the start page and the documentation of the API."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from api.authorization import Reading
from api.handler_services import Shared
from api.http import problem_details
from api.rendering import html_pages
from kg.articles.competency_questions import all_questions

router = APIRouter(include_in_schema=False, default_response_class=Response)


@router.get("/")
def home(request: Request, shared: Reading) -> Response:
    """Render the start page: what the server is, its sizes, the competency questions and the query form."""
    store, bare = shared.graph.store, shared.config.store.bare
    sizes = store.sizes()
    articles = [] if bare else shared.graph.articles.entries()
    counts = {} if bare else {"articles": len(articles), "claims": sum(entry.claims for entry in articles)}
    counts |= {"triples": sum(sizes.values()) + (store.count(None) if bare else 0), "named graphs": len(sizes)}
    context = {"counts": counts, "questions": [] if bare else all_questions()}
    return html_pages.render(request, shared, "home.html", html_pages.form_context(shared) | context)


@router.get("/docs")
def docs(request: Request, shared: Shared) -> Response:
    """Render the OpenAPI document as a page."""
    document = request.app.openapi()
    context = {"api": document, "tags": _operations(document), "kinds": problem_details.KINDS}
    return html_pages.render(request, shared, "docs.html", context)


def _operations(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the operations by tag, in the order of the document."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            found.setdefault(operation["tags"][0], []).append({**operation, "path": path, "method": method.upper()})
    return found
