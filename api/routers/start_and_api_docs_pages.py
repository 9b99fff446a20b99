"""Introductory pages: the start page and the documentation of the API."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from api.authorization import Reading
from api.handler_services import AppContext, Shared
from api.http import problem_details, request_parsing
from api.http.content_negotiation import best
from api.rendering import html_templates, response_format_choice
from api.rendering.response_format_choice import HTML
from api.routers import sparql_protocol
from kg.articles.competency_question_files import all_questions
from kg.knowledge_graph import ReadableGraph

router = APIRouter(include_in_schema=False, default_response_class=Response)

_LINKS = (
    ("/sparql", "service-desc", "text/turtle"),
    ("/openapi.json", "service-desc", "application/json"),
    ("/guide/", "service-doc", "text/html"),
)
"""Path, relation (RFC 8631) and media type of what describes the service."""


@router.get("/")
def home(request: Request, shared: Reading) -> Response:
    """Render the start page; who asks for RDF gets the service description, to which a header field points, too."""
    media_type = best(request.headers.get("accept"), (HTML, *response_format_choice.GRAPHS)) or HTML
    if media_type == HTML:
        response = _page(request, shared)
    else:
        response = sparql_protocol.service_description(
            shared, f"{request_parsing.address(request).removesuffix('/')}/sparql", media_type
        )
    response.headers["Link"] = ", ".join(
        f'<{request_parsing.origin_path(request, path)}>; rel="{relation}"; type="{of}"'
        for path, relation, of in _LINKS
    )
    return response


def _page(request: Request, shared: AppContext[ReadableGraph]) -> Response:
    """Render what the server is, its sizes, the competency questions and the query form."""
    store, bare = shared.graph.store, shared.config.store.bare
    sizes = store.sizes()
    articles = [] if bare else shared.graph.articles.entries()
    counts = {} if bare else {"articles": len(articles), "claims": sum(entry.claims for entry in articles)}
    counts |= {"triples": sum(sizes.values()) + (store.count(None) if bare else 0), "named graphs": len(sizes)}
    context = {"counts": counts, "questions": [] if bare else all_questions()}
    return html_templates.render(request, shared, "home.html", html_templates.form_context(shared) | context)


@router.get("/docs")
def docs(request: Request, shared: Shared) -> Response:
    """Render the OpenAPI document as a page."""
    document = request.app.openapi()
    context = {"api": document, "tags": _operations(document), "kinds": problem_details.KINDS}
    return html_templates.render(request, shared, "docs.html", context)


def _operations(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the operations by tag, in the order of the document."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            found.setdefault(operation["tags"][0], []).append({**operation, "path": path, "method": method.upper()})
    return found
