"""Problem documents for all errors (RFC 9457). Only this module decides the HTTP status of each kind of error."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from api.http import request_log_record
from api.http.request_parsing import origin_path
from kg import errors
from kg.gate.validation_report import Rejected

MEDIA_TYPE = "application/problem+json"

_log = logging.getLogger("claimgraph.api")


class Problem(BaseModel):
    """Problem document: what went wrong, where, and how to fix it (RFC 9457)."""

    type: str = Field(description="Kind of problem: a URL on the documentation page, or about:blank.")
    title: str = Field(description="Kind of problem in words; the same for all problems of this kind.")
    status: int = Field(description="HTTP status code.")
    detail: str | None = Field(default=None, description="This occurrence of the problem in words.")
    remedy: str | None = Field(default=None, description="How to fix the problem.")
    line: int | None = Field(default=None, description="1-based line in the submitted text.")
    column: int | None = Field(default=None, description="1-based column, in code points.")
    results: list[dict[str, Any]] | None = Field(default=None, description="Violated constraints.")


@dataclass(frozen=True)
class ProblemKind:
    """Kind of error.

    Attributes:
        error: class of the error.
        status: HTTP status code.
        name: fragment of the problem type's URL.
        title: short summary.
    """

    error: type[Exception]
    status: int
    name: str
    title: str


KINDS = (
    ProblemKind(errors.MalformedText, 400, "malformed-text", "The text does not parse"),
    ProblemKind(
        errors.UsingConflict, 400, "using-conflict", "The dataset is named both in the update and in the request"
    ),
    ProblemKind(errors.UnsupportedFormat, 415, "unsupported-format", "The format is not supported"),
    ProblemKind(Rejected, 422, "rejected", "Constraints are violated"),
    ProblemKind(errors.NotFound, 404, "not-found", "Not found"),
    ProblemKind(errors.Ambiguous, 409, "ambiguous", "The name is ambiguous"),
    ProblemKind(errors.Unauthorized, 401, "unauthorized", "A valid token is required"),
    ProblemKind(errors.InsufficientScope, 403, "insufficient-scope", "The token has insufficient scope"),
    ProblemKind(errors.Forbidden, 403, "forbidden", "The operation is refused"),
    ProblemKind(errors.TooLarge, 413, "too-large", "A limit is exceeded"),
    ProblemKind(errors.TooSlow, 408, "too-slow", "The request did not arrive in time"),
    ProblemKind(errors.StorageFull, 507, "storage-full", "The disk is full"),
    ProblemKind(errors.Unreachable, 502, "unreachable", "Another server failed"),
    ProblemKind(errors.ResultTooLarge, 422, "result-too-large", "The result exceeds a limit"),
    ProblemKind(errors.TimedOut, 504, "timed-out", "The query took too long"),
    ProblemKind(errors.TooManyRequests, 429, "too-many-requests", "Too many concurrent queries"),
    ProblemKind(errors.Busy, 503, "busy", "The server is busy"),
    ProblemKind(errors.ReaderLost, 503, "reader-lost", "The query was terminated"),
    ProblemKind(errors.StoreInUse, 503, "store-in-use", "The store is in use by another process"),
    ProblemKind(errors.StoreUnavailable, 503, "store-unavailable", "The store is not available"),
    ProblemKind(errors.NotAcceptable, 406, "not-acceptable", "None of the accepted formats is available"),
    ProblemKind(errors.Unwritable, 406, "unwritable", "The format cannot represent the result"),
    ProblemKind(errors.BadInput, 422, "bad-input", "The input is invalid"),
    ProblemKind(errors.ClaimgraphError, 422, "refused", "The request cannot be carried out"),
)
"""Kinds in order of look-up: a subclass precedes its parent."""


def install(app: FastAPI) -> None:
    """Register handlers that turn every error of ``app`` into a problem document."""
    for kind in KINDS:
        app.add_exception_handler(kind.error, answer)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unexpected)


def respond(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Return the response for a problem."""
    content = problem.model_dump_json(exclude_none=True)
    return Response(content, problem.status, headers, media_type=MEDIA_TYPE)


_TRANSIENT = (errors.Busy, errors.ReaderLost)
"""Errors that may not occur again a moment later."""


async def answer(request: Request, error: Exception) -> Response:
    """Return the problem document of an error listed in :data:`KINDS`."""
    kind = next(kind for kind in KINDS if isinstance(error, kind.error))
    problem = Problem(type=f"{origin_path(request, '/docs')}#{kind.name}", title=kind.title, status=kind.status)
    headers: dict[str, str] = {}
    if isinstance(error, errors.ClaimgraphError):
        problem.detail = error.message
        problem.remedy = error.remedy or None
        problem.line, problem.column = error.line, error.column
    if isinstance(error, Rejected):
        problem.results = error.report.to_json()["results"]
    if challenge := _challenge(error):
        headers["WWW-Authenticate"] = challenge
    if isinstance(error, _TRANSIENT):
        headers["Retry-After"] = "1"
    return respond(problem, headers)


def _challenge(error: Exception) -> str:
    """Return the value of WWW-Authenticate (RFC 6750, clause 3); empty if a token would not help.

    >>> _challenge(errors.InsufficientScope("No.", scope="admin"))
    'Bearer realm="claimgraph", error="insufficient_scope", scope="admin"'
    """
    realm = 'Bearer realm="claimgraph"'
    if isinstance(error, errors.InsufficientScope):
        return f'{realm}, error="insufficient_scope", scope="{error.scope}"'
    if isinstance(error, errors.Unauthorized):
        return f'{realm}, error="invalid_token"' if error.invalid else realm
    return ""


async def _http(request: Request, error: Exception) -> Response:
    """Return the problem document of an error that the router raises, such as 404 or 405."""
    assert isinstance(error, HTTPException)
    status, headers = error.status_code, dict(error.headers or {})
    problem = Problem(type="about:blank", title=_phrase(status), status=status)
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed(request))
        problem.detail = f"The method {request.method} is not allowed here."
        problem.remedy = f"Use {headers['Allow']}."
    elif status == HTTPStatus.NOT_FOUND:
        problem.detail = "There is nothing at this address."
        problem.remedy = "See /docs for all addresses."
    elif error.detail != problem.title:
        problem.detail = error.detail
    return respond(problem, headers)


def _allowed(request: Request) -> list[str]:
    """Return the methods that any route has for the path of this request (RFC 9110, clause 10.2.1)."""

    def matches(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.router.routes)

    found = [method for method in ("GET", "PUT", "POST", "DELETE") if matches(method)]
    return ["HEAD", *found] if "GET" in found else found


async def _validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = "; ".join(f"{'.'.join(str(step) for step in item['loc'])}: {item['msg']}" for item in error.errors())
    return respond(Problem(type="about:blank", title=_phrase(422), status=422, detail=found))


async def _gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=400)  # the client has disconnected and will not receive it


async def _unexpected(request: Request, error: Exception) -> Response:
    # The server logs the stack, as Starlette raises the error again once this response is sent.
    noted = request_log_record.of(request.scope)  # its path is percent-encoded as sent, so it cannot forge a line
    _log.error("%s %s failed: %s", noted.method, noted.path.decode("latin-1"), type(error).__name__)
    detail = "The server failed to process the request because of an internal error, which is in its log."
    return respond(Problem(type="about:blank", title=_phrase(500), status=500, detail=detail))


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase
