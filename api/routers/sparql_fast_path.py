"""Fast path that bypasses routing for ``/sparql``, the address of nearly all requests of programs.

The response is the same as that of the route, without the cost of router, dependencies and their contexts: most of the
processor time that a web process needs for a new lookup (see ``tests/bench/RESULTS.md``). Any other request continues
to the router.
"""

from __future__ import annotations

from fastapi import Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from api.authorization import reading
from api.handler_services import AllServices
from api.http import problem_details, request_log_record
from api.routers import sparql_protocol
from kg.access.permissions import Principal
from kg.errors import ClaimgraphError

_PATH = "/sparql"


class DirectQueries:
    """ASGI middleware of the fast path, inside the one that authenticates.

    That one is :mod:`api.edge.entity_tags_and_response_cache`.
    """

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
            response = await self._respond(request)
        except ClaimgraphError as error:
            response = await problem_details.answer(request, error)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        """Return the response of the route."""
        if request.method == "POST":
            return await sparql_protocol.query_post(request, self._services)
        principal = request.state.principal
        if principal.graphs is None and "read" in principal.scopes:
            return await sparql_protocol.query_get(request, self._services)
        async with reading(request, self._services) as seen:
            return await sparql_protocol.query_get(request, seen)


def _qualifies(scope: Scope) -> bool:
    """Return whether a request is a POST to ``/sparql``, or a GET by a caller that has been authenticated."""
    if scope["type"] != "http" or scope["path"].removeprefix(scope.get("root_path", "")) != _PATH:
        return False
    if scope["method"] == "GET":
        return isinstance(scope.get("state", {}).get("principal"), Principal)
    return bool(scope["method"] == "POST")
