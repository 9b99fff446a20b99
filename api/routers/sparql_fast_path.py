"""A short way for the request that comes most: a query by GET, of one who may read everything.

It gives the same answer as the route does, without what a router, dependencies and their contexts cost: most of the
processor time that the serving process needs for a new lookup (see ``tests/bench/RESULTS.md``). Whatever is in any way
unusual goes on to the router.
"""

from __future__ import annotations

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.app_context import AllServices
from api.http import problem_details, request_log_record
from api.routers import sparql_protocol
from kg.access.permissions import Principal
from kg.errors import ClaimgraphError

_PATH = "/sparql"


class DirectQueries:
    """The ASGI layer; it stands inside that which finds out who asks (:mod:`api.edge.response_cache`)."""

    def __init__(self, app: ASGIApp, services: AllServices) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        if not _fits(scope):
            await self._app(scope, receive, send)
            return
        request_log_record.of(scope).route = _PATH
        request = Request(scope, receive)
        try:
            response = await sparql_protocol.query_get(request, self._services)
        except ClaimgraphError as error:
            response = await problem_details.answer(request, error)
        await response(scope, receive, send)


def _fits(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    if scope["path"].removeprefix(scope.get("root_path", "")) != _PATH:
        return False
    principal = scope.get("state", {}).get("principal")
    return isinstance(principal, Principal) and principal.graphs is None and "read" in principal.scopes
