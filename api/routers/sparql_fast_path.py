"""Fast path that bypasses routing for ``GET /sparql`` of callers who may read every graph.

The response is the same as that of the route, without the cost of router, dependencies and their contexts: most of the
processor time that a web process needs for a new lookup (see ``tests/bench/RESULTS.md``). Any other request continues
to the router.
"""

from __future__ import annotations

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.handler_services import AllServices
from api.http import problem_details, request_log_record
from api.routers import sparql_protocol
from kg.access.permissions import Principal
from kg.errors import ClaimgraphError

_PATH = "/sparql"


class DirectQueries:
    """ASGI middleware of the fast path; it runs inside the one that authenticates (:mod:`api.edge.response_cache`)."""

    def __init__(self, app: ASGIApp, services: AllServices) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        if not _qualifies(scope):
            await self._app(scope, receive, send)
            return
        request_log_record.of(scope).route = _PATH
        request = Request(scope, receive)
        try:
            response = await sparql_protocol.query_get(request, self._services)
        except ClaimgraphError as error:
            response = await problem_details.answer(request, error)
        await response(scope, receive, send)


def _qualifies(scope: Scope) -> bool:
    """Return whether a request is a GET of ``/sparql`` by a caller with the scope ``read`` and no limit to graphs."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    if scope["path"].removeprefix(scope.get("root_path", "")) != _PATH:
        return False
    principal = scope.get("state", {}).get("principal")
    return isinstance(principal, Principal) and principal.graphs is None and "read" in principal.scopes
