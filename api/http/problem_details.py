"""Every error as a problem document (RFC 9457). The status of each kind of error is decided here and nowhere else."""

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
    """What went wrong, where, and what to do about it (RFC 9457)."""

    type: str = Field(description="The kind of problem: an address on the documentation page, or about:blank.")
    title: str = Field(description="The kind of problem in words; the same for each problem of this kind.")
    status: int = Field(description="The HTTP status.")
    detail: str | None = Field(default=None, description="This problem in words.")
    remedy: str | None = Field(default=None, description="What to do about it.")
    line: int | None = Field(default=None, description="1-based line in the text that was sent.")
    column: int | None = Field(default=None, description="1-based column, in code points.")
    results: list[dict[str, Any]] | None = Field(default=None, description="Each constraint that was broken.")


@dataclass(frozen=True)
class ProblemKind:
    """A kind of error of ours: its status, a short name for its address, and its title."""

    error: type[Exception]
    status: int
    name: str
    title: str


KINDS = (
    ProblemKind(errors.MalformedText, 400, "malformed-text", "The text does not parse"),
    ProblemKind(
        errors.UsingConflict, 400, "using-conflict", "The dataset is named both in the update and in the request"
    ),
    ProblemKind(errors.UnsupportedFormat, 415, "unsupported-format", "The format is not known"),
    ProblemKind(Rejected, 422, "rejected", "Constraints are broken"),
    ProblemKind(errors.NotFound, 404, "not-found", "There is no such thing"),
    ProblemKind(errors.Ambiguous, 409, "ambiguous", "The name fits several things"),
    ProblemKind(errors.Unauthorized, 401, "unauthorized", "A token is needed"),
    ProblemKind(errors.InsufficientScope, 403, "insufficient-scope", "The token does not reach so far"),
    ProblemKind(errors.Forbidden, 403, "forbidden", "The operation is refused"),
    ProblemKind(errors.TooLarge, 413, "too-large", "Over a limit"),
    ProblemKind(errors.TooSlow, 408, "too-slow", "The request did not come in time"),
    ProblemKind(errors.StorageFull, 507, "storage-full", "The disk is full"),
    ProblemKind(errors.Unreachable, 502, "unreachable", "Another endpoint failed"),
    ProblemKind(errors.ResultTooLarge, 422, "result-too-large", "The answer is over a limit"),
    ProblemKind(errors.TimedOut, 504, "timed-out", "The query took too long"),
    ProblemKind(errors.TooManyRequests, 429, "too-many-requests", "Too many queries at a time"),
    ProblemKind(errors.Busy, 503, "busy", "The server is busy"),
    ProblemKind(errors.ReaderLost, 503, "reader-lost", "The query was ended"),
    ProblemKind(errors.StoreInUse, 503, "store-in-use", "Another process holds the store"),
    ProblemKind(errors.StoreUnavailable, 503, "store-unavailable", "The store is not available"),
    ProblemKind(errors.NotAcceptable, 406, "not-acceptable", "None of the accepted formats can be made"),
    ProblemKind(errors.BadInput, 422, "bad-input", "The input does not fit"),
    ProblemKind(errors.ClaimgraphError, 422, "refused", "The request cannot be carried out"),
)
"""Looked up in this order; a subclass stands before its parent."""


def install(app: FastAPI) -> None:
    """Make every error of ``app`` a problem document."""
    for kind in KINDS:
        app.add_exception_handler(kind.error, answer)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unexpected)


def respond(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Send a problem."""
    content = problem.model_dump_json(exclude_none=True)
    return Response(content, problem.status, headers, media_type=MEDIA_TYPE)


_PASSING = (errors.Busy, errors.ReaderLost)
"""What may go well a moment later."""


async def answer(request: Request, error: Exception) -> Response:
    """Make the problem document of an error of ours."""
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
    if isinstance(error, _PASSING):
        headers["Retry-After"] = "1"
    return respond(problem, headers)


def _challenge(error: Exception) -> str:
    """Return the value of WWW-Authenticate (RFC 6750, clause 3); empty where a token would not help.

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
    assert isinstance(error, HTTPException)
    status, headers = error.status_code, dict(error.headers or {})
    problem = Problem(type="about:blank", title=_phrase(status), status=status)
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed(request))
        problem.detail = f"{request.method} is not possible here."
        problem.remedy = f"Use {headers['Allow']}."
    elif status == HTTPStatus.NOT_FOUND:
        problem.detail = "There is nothing at this address."
        problem.remedy = "See /docs for the addresses that there are."
    elif error.detail != problem.title:
        problem.detail = error.detail
    return respond(problem, headers)


def _allowed(request: Request) -> list[str]:
    """List the methods that some route has for the path of this request (RFC 9110, clause 10.2.1)."""

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
    return Response(status_code=400)  # the client has hung up and will not see it


async def _unexpected(request: Request, error: Exception) -> Response:
    # The server logs the stack: Starlette raises the error again once this answer is sent.
    noted = request_log_record.of(request.scope)  # its path is as it was sent: percent-encoded, so it forges no line
    _log.error("%s %s failed: %s", noted.method, noted.path.decode("latin-1"), type(error).__name__)
    detail = "The server failed to answer; the fault is its own and is in its log."
    return respond(Problem(type="about:blank", title=_phrase(500), status=500, detail=detail))


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase
