"""Authorization by token (RFC 6750), as dependencies of the handlers; public data needs no token.

A handler declares its services as :data:`Reading` or :data:`Writing`. These contain only the graphs that the caller may
read, and methods that write only if the caller may, so that a handler cannot do more by mistake.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.security.base import SecurityBase

from api.handler_services import AllServices, AppContext, Shared
from api.http import cross_site_writes, request_log_record, request_parsing
from kg.access.permissions import ANONYMOUS, Principal, Scope
from kg.errors import InsufficientScope
from kg.knowledge_graph import ReadableGraph, WritableGraph


def caller(request: Request, shared: AllServices) -> Principal:
    """Return the sender of a request, determined once and stored as ``request.state.principal``.

    Raises:
        Unauthorized: the token is invalid, revoked or expired, even if none is needed.
    """
    known = getattr(request.state, "principal", None)
    if isinstance(known, Principal):
        return known
    values = request.headers.getlist("authorization")
    return _identify(request, shared, ", ".join(values) if values else None)  # two fields joined are never valid


def _identify(request: Request, shared: AllServices, header: str | None) -> Principal:
    """Return the holder of the token in an Authorization header, and store it for the handler and the access log.

    Raises:
        Unauthorized: the token is invalid, revoked or expired.
    """
    found = shared.tokens.authenticate(request_parsing.access_token(header))
    request.state.principal = found
    noted = request.scope.get(request_log_record.KEY)
    if isinstance(noted, request_log_record.RequestLogRecord) and found.name != ANONYMOUS:
        noted.principal = found.name
    return found


FORM = "application/x-www-form-urlencoded"
"""Media type of a form."""

_LARGEST_FORM = 256 * 1024
"""Bytes of a form that are read at most before the sender is known."""


class _Bearer(SecurityBase):
    """Dependency that requires a scope, before the body is read.

    Args:
        scope: the required scope.
    """

    def __init__(self, scope: Scope) -> None:
        self.model = HTTPBearerModel(description="A token from `kg token create`, or the value of KG_TOKEN.")
        self.scheme_name = "token"
        self._scope = scope

    async def _allowed(self, request: Request, shared: AllServices) -> Principal:
        """Return the caller.

        Raises:
            Forbidden: a page of another site has sent the request.
            Unauthorized, InsufficientScope: the caller lacks the scope.
        """
        cross_site_writes.refuse(request, _trusted_origins(shared))
        principal = await self._caller(request, shared)
        principal.require(self._scope)
        return principal

    async def _caller(self, request: Request, shared: AllServices) -> Principal:
        """Return the sender of a request."""
        return caller(request, shared)


def _trusted_origins(shared: AllServices) -> list[str]:
    """Return the origins whose pages may write: that of the base IRI, and those in KG_CORS_ORIGINS."""
    own = "/".join(shared.graph.store.names.base.split("/", 3)[:3])
    return [own, *(shared.config.http.cors_origins or "").split()]


class _AllowedEverywhere(_Bearer):
    """Dependency that requires a token for all graphs, and returns the services of the whole application."""

    async def __call__(self, request: Request, shared: Shared) -> AllServices:
        """Return the services.

        Raises:
            Unauthorized, InsufficientScope: the caller lacks the scope, or the token is limited to some graphs.
        """
        principal = await self._allowed(request, shared)
        if principal.graphs is not None:
            raise InsufficientScope(
                f"This operation affects all graphs, but the token “{principal.name}” is limited to some.",
                remedy="Replace or extend those graphs at /graphs and /articles, or use another token.",
                scope=self._scope,
            )
        return shared


class _AllowedWithin(_Bearer):
    """Dependency that also accepts a token limited to some graphs, and returns services for these graphs only."""

    async def __call__(self, request: Request, shared: Shared) -> AppContext[WritableGraph]:
        """Return services for the graphs that the caller may read and write.

        Raises:
            Unauthorized, InsufficientScope: the caller lacks the scope.
        """
        principal = await self._allowed(request, shared)
        return shared.over(shared.graph.written_by(principal))


class _RequiredScopeByForm(_AllowedEverywhere):
    """Dependency that also accepts the token in a form, because browsers cannot add a header to a form.

    The token is a field of the body (RFC 6750, clause 2.2), which a page of another site cannot fill in. A short body
    is read before its sender is known, and stored as ``request.state.form``.
    """

    async def _caller(self, request: Request, shared: AllServices) -> Principal:
        found = request_parsing.media_type(request.headers.get("content-type"))
        if found.name != FORM or "authorization" in request.headers:
            return caller(request, shared)
        request_parsing.check_charset(found)
        body = await request_parsing.read_body(request, _LARGEST_FORM, shared.config.http.body_timeout)
        request.state.form = request_parsing.parse_parameters(body, "form")
        token = request_parsing.single(request.state.form, "access_token")
        # Headers are decoded as Latin-1, byte by byte, so the field is converted to the same form.
        return _identify(request, shared, f"Bearer {token.encode().decode('latin-1')}" if token else None)


async def _read(request: Request, shared: Shared) -> AsyncIterator[AppContext[ReadableGraph]]:
    """Yield services for the graphs that the caller may read.

    This is a plain function: as a security scheme, it would be documented in OpenAPI as if reading needed a token.
    """
    principal = caller(request, shared)
    principal.require("read")
    with shared.reading(request, principal) as found:
        yield found


reading = asynccontextmanager(_read)
"""Context manager with the services of :data:`Reading`, for a route that reads only in some cases."""

Reading = Annotated[AppContext[ReadableGraph], Depends(_read)]
"""Parameter of a route that reads: services for the graphs that the caller may read."""

Writing = Annotated[AppContext[WritableGraph], Depends(_AllowedWithin("write"))]
"""Parameter of a route that writes: services for the graphs that the caller may read and write."""

require_writer = _AllowedEverywhere("write")
"""Check of :data:`Writer`, for a route that writes only in some cases."""

Writer = Depends(require_writer)
"""Entry in ``dependencies`` of a route that may write any graph; it refuses tokens that are limited to some graphs."""

FormWriter = Annotated[AllServices, Depends(_RequiredScopeByForm("write"))]
"""Parameter of a route that writes data which affects all graphs, and that accepts forms of the application's pages."""

Admin = Depends(_AllowedEverywhere("admin"))
"""Entry in ``dependencies`` of a route for administrators."""
