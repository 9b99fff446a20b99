"""Who may do what: the holder of a bearer token (RFC 6750), and everybody what is public.

A handler asks for its services as :data:`Reading` or :data:`Writing`. What it gets knows only the graphs that the
caller may see, and has methods that write only where the caller may: a handler cannot do more by oversight.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.security.base import SecurityBase

from api.app_context import AllServices, AppContext, Shared
from api.http import request_log_record, request_parsing
from kg.access.permissions import ANONYMOUS, Principal, Scope
from kg.errors import InsufficientScope
from kg.knowledge_graph import ReadableGraph, WritableGraph


def caller(request: Request, shared: AllServices) -> Principal:
    """Tell who sends a request; it is found out once, and kept as ``request.state.principal``.

    Raises:
        Unauthorized: the token is wrong, revoked or expired, even where none is needed.
    """
    known = getattr(request.state, "principal", None)
    if isinstance(known, Principal):
        return known
    values = request.headers.getlist("authorization")
    return _identify(request, shared, ", ".join(values) if values else None)  # two of them make none that is valid


def _identify(request: Request, shared: AllServices, header: str | None) -> Principal:
    found = shared.tokens.authenticate(header)
    request.state.principal = found
    noted = request.scope.get(request_log_record.KEY)
    if isinstance(noted, request_log_record.RequestLogRecord) and found.name != ANONYMOUS:
        noted.principal = found.name
    return found


FORM = "application/x-www-form-urlencoded"
_LARGEST_FORM = 256 * 1024


class _Bearer(SecurityBase):
    """A dependency that lets those pass who have a scope, before anything of the body is read.

    Args:
        scope: what they must have.
    """

    def __init__(self, scope: Scope) -> None:
        self.model = HTTPBearerModel(description="A token of `kg token create`, or that of KG_TOKEN.")
        self.scheme_name = "token"
        self._scope = scope

    async def _allowed(self, request: Request, shared: AllServices) -> Principal:
        """Return the caller.

        Raises:
            Unauthorized, InsufficientScope: the caller has not the scope.
        """
        principal = await self._caller(request, shared)
        principal.require(self._scope)
        return principal

    async def _caller(self, request: Request, shared: AllServices) -> Principal:
        return caller(request, shared)


class _AllowedEverywhere(_Bearer):
    """Lets those pass whose token is limited to no graphs, and gives them the services of the whole application."""

    async def __call__(self, request: Request, shared: Shared) -> AllServices:
        """Return the services.

        Raises:
            Unauthorized, InsufficientScope: the caller has not the scope, or a token that is limited to some graphs.
        """
        principal = await self._allowed(request, shared)
        if principal.graphs is not None:
            raise InsufficientScope(
                f"This reaches all graphs, and the token “{principal.name}” is limited to some.",
                remedy="Write those graphs whole, or add to them, at /graphs and /articles; or use another token.",
                scope=self._scope,
            )
        return shared


class _AllowedWithin(_Bearer):
    """Lets those pass whose token is limited to some graphs, too, and gives them services that reach no further."""

    async def __call__(self, request: Request, shared: Shared) -> AppContext[WritableGraph]:
        """Return the services as far as the caller may see and write.

        Raises:
            Unauthorized, InsufficientScope: the caller has not the scope.
        """
        principal = await self._allowed(request, shared)
        return shared.over(shared.graph.written_by(principal))


class _RequiredScopeByForm(_AllowedEverywhere):
    """The same for the form of a page, by which a browser can send no header of its own.

    The token is a field of the body (RFC 6750, clause 2.2), which a page of another site cannot fill in; a short body
    is read before it is known who sends it, and kept as ``request.state.form``.
    """

    async def _caller(self, request: Request, shared: AllServices) -> Principal:
        found = request_parsing.media_type(request.headers.get("content-type"))
        if found.name != FORM or "authorization" in request.headers:
            return caller(request, shared)
        request_parsing.check_charset(found)
        body = await request_parsing.read_body(request, _LARGEST_FORM, shared.config.http.body_timeout)
        request.state.form = request_parsing.parse_parameters(body, "form")
        token = request_parsing.single(request.state.form, "access_token")
        # A header has its bytes decoded one by one, so the text of a field is brought into that form.
        return _identify(request, shared, f"Bearer {token.encode().decode('latin-1')}" if token else None)


async def _read(request: Request, shared: Shared) -> AsyncIterator[AppContext[ReadableGraph]]:
    """Do the same for reading. It is no scheme of OpenAPI, which would say that reading needs a token."""
    principal = caller(request, shared)
    principal.require("read")
    with shared.reading(request, principal) as found:
        yield found


reading = asynccontextmanager(_read)
"""The services of a route that reads only in some cases, as far as the caller may see, while the context lasts."""

Reading = Annotated[AppContext[ReadableGraph], Depends(_read)]
"""The services of a route that reads, as far as the caller may see."""

Writing = Annotated[AppContext[WritableGraph], Depends(_AllowedWithin("write"))]
"""The services of a route that writes, as far as the caller may see and write."""

Writer = Depends(_AllowedEverywhere("write"))
"""Put into ``dependencies`` of a route that writes wherever it is told to; refuses tokens that are limited."""

FormWriter = Annotated[AllServices, Depends(_RequiredScopeByForm("write"))]
"""The services of a route that writes what all links follow from, and that a form of our pages may be sent to."""

Admin = Depends(_AllowedEverywhere("admin"))
"""Put into ``dependencies`` of a route for those who run the server."""
