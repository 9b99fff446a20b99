"""HTML pages, rendered on the server: no scripts, nothing from other hosts, usable without JavaScript."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache

from fastapi import Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from api.handler_services import AppContext
from api.http.request_parsing import origin_path
from api.rendering import response_format_choice
from api.rendering.html_terms import TermRenderer
from kg.errors import ResultTooLarge
from kg.knowledge_graph import ReadableGraph
from kg.rdf import oxigraph
from kg.rdf.query_request_and_result import QueryResult

_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_LARGEST_GRAPH = 4 * 1024 * 1024
"""Bytes of a graph that a page shows; escaping a hundred MiB takes a second in which the process serves nobody."""

_EXAMPLE = """PREFIX cg: <https://w3id.org/claimgraph/ns#>
SELECT ?claim ?words WHERE {
  ?claim a cg:Claim ; cg:quotedIn/cg:exact ?words .
} LIMIT 20"""
_BARE_EXAMPLE = "SELECT ?s ?p ?o WHERE { ?s ?p ?o } LIMIT 20"


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("api", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(
    request: Request, shared: AppContext[ReadableGraph], template: str, context: Mapping[str, object]
) -> Response:
    """Render one page from a template, with the variables that every page needs."""
    common = {"root": origin_path(request, ""), "bare": shared.config.store.bare, "here": request.url.path}
    content = _environment().get_template(template).render({**common, **context})
    return Response(
        content,
        media_type=response_format_choice.HTML,
        headers={"Content-Security-Policy": _CONTENT_SECURITY_POLICY, "Vary": "Accept"},
    )


def term_renderer(
    request: Request, shared: AppContext[ReadableGraph], labels: dict[oxigraph.Term, str] | None = None
) -> TermRenderer:
    """Return the renderer of terms for the pages of this request; ``labels`` replace the short forms of IRIs."""
    return TermRenderer(shared.graph.store.names, origin_path(request, ""), shared.config.store.bare, labels or {})


def form_context(shared: AppContext[ReadableGraph]) -> dict[str, object]:
    """Return the template variables of the query form: an example query and the values of ``format``."""
    return {
        "example": _BARE_EXAMPLE if shared.config.store.bare else _EXAMPLE,
        "formats": list(response_format_choice.SHORT),
    }


def _check_size(graph: bytes) -> None:
    """Check that a graph is not too large for a page.

    Raises:
        ResultTooLarge: it is.
    """
    if len(graph) > _LARGEST_GRAPH:
        raise ResultTooLarge(
            f"The graph has {len(graph)} bytes; a page shows at most {_LARGEST_GRAPH}.",
            remedy="Choose another format, such as format=ttl, or add LIMIT.",
        )


def query_form(request: Request, shared: AppContext[ReadableGraph]) -> Response:
    """Render the query form."""
    return render(request, shared, "query.html", form_context(shared))


def result(request: Request, shared: AppContext[ReadableGraph], query: str, found: QueryResult) -> Response:
    """Render the result of a query, with the form to edit the query."""
    context = form_context(shared) | {"example": query, "boolean": None, "table": None, "graph": None}
    if found.kind == "graph":
        _check_size(found.content)
        context["graph"] = found.content.decode()
    elif found.kind == "boolean":
        context["boolean"] = json.loads(found.content)["boolean"]
    else:
        context["table"] = term_renderer(request, shared).table(found.content)
    return render(request, shared, "result.html", context)
