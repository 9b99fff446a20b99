"""Outermost middleware: base path, HEAD, limits of the request head, CORS, headers, metrics and access log."""

from __future__ import annotations

import asyncio
import re
import secrets
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from time import perf_counter

from fastapi import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.edge.access_and_server_log import RequestLog
from api.edge.cors import CorsPolicy, Headers
from api.edge.metrics import KINDS, ServerMetrics
from api.edge.response_and_request_memory_budget import PIECE, BodyMemory, BodyMemoryBudget, Reservation, pieces
from api.http import problem_details, security_headers
from api.http.request_log_record import GONE, KEY, RequestLogRecord
from kg.config import Config

_IDENTIFIER = re.compile(rb"[A-Za-z0-9._-]{1,64}")
"""Request ids that are accepted from a client."""

_POLICY = security_headers.DATA_POLICY[0]
_WRITES = frozenset(("PUT", "POST", "DELETE", "PATCH"))
_MAX_HEADERS = 100
_BODIES = 8
"""Request bodies of the largest size that may be in memory at a time; one client may use a quarter of that memory."""
_DOCUMENTS = frozenset((b"context.jsonld", b"ontology", b"shapes", b"schema", b"openapi.json"))
"""First segments of paths of public documents, which depend on the software alone; pages of all origins may read them.

A JSON-LD processor in a browser fetches the context of a document from wherever that is.
"""


@dataclass
class AccessObserver:
    """Receiver of each completed request, for metrics and the access log.

    Attributes:
        metrics: the counters.
        log: the access log, which the server sets when it starts; ``None`` for no log.
    """

    metrics: ServerMetrics = field(default_factory=ServerMetrics)
    log: RequestLog | None = None

    def finish(self, exchange: RequestLogRecord, seconds: float) -> None:
        """Count and log a completed request, which took ``seconds``."""
        self.metrics.observe(exchange, seconds)
        if self.log is not None:
            self.log.add(exchange, seconds)


@dataclass(frozen=True)
class EdgeSettings:
    """Settings of the edge.

    Attributes:
        prefix: path of the base IRI without its last slash.
        secure: whether the base IRI is https; browsers are then required to use https (HSTS).
        cors: origins that may call the API.
        max_url_bytes: longest path and query in bytes.
        max_sending_bytes: see :mod:`api.edge.response_and_request_memory_budget`.
        max_bodies_bytes: bytes of request bodies in memory; one client may use a quarter of them.
        reconcile: origins that may call the Reconciliation API; ``None`` for those of ``cors``.
        documents: origins that may read public documents; ``None`` for those of ``cors``.
    """

    prefix: str
    secure: bool
    cors: CorsPolicy
    max_url_bytes: int
    max_sending_bytes: int = 512 * 1024 * 1024
    max_bodies_bytes: int = 512 * 1024 * 1024
    reconcile: CorsPolicy | None = None
    documents: CorsPolicy | None = None

    @classmethod
    def of(cls, config: Config, base: str) -> EdgeSettings:
        """Return the settings for a configuration and a base IRI.

        Raises:
            BadInput: the CORS origins are malformed.
        """
        scheme, _, rest = base.partition("://")
        path = rest.partition("/")[2]
        prefix = f"/{path}".rstrip("/")
        policy = CorsPolicy.parse(config.http.cors_origins)
        public = policy.with_public_reads()
        closed = config.store.bare or config.access.public_graphs.strip() == "none"
        return cls(
            prefix,
            scheme == "https",
            policy,
            config.http.max_url_bytes,
            config.http.max_sending_bytes,
            _BODIES * config.http.max_body_bytes,
            reconcile=None if closed else public,
            documents=public,
        )


class EdgeMiddleware:
    """ASGI middleware around everything else, which adds a few microseconds to each request.

    A base IRI such as ``https://example.org/news/`` needs no setting for its path: requests under ``/news`` are served
    whether or not a proxy has stripped this prefix.

    It wraps the handler of unexpected errors, too, so that a 500 has all headers.
    """

    def __init__(self, app: ASGIApp, settings: EdgeSettings, observer: AccessObserver) -> None:
        self._app = app
        self._prefix = settings.prefix
        self._prefix_slash = settings.prefix + "/"
        self._cors = settings.cors
        self._reconcile = settings.reconcile or settings.cors
        self._documents = settings.documents or settings.cors
        self._max_url = settings.max_url_bytes
        self._observer = observer
        self.send_budget = BodyMemoryBudget(settings.max_sending_bytes)
        self.body_budget = BodyMemoryBudget(settings.max_bodies_bytes)
        secure = ((b"strict-transport-security", b"max-age=31536000"),) if settings.secure else ()
        # Prepared for each case: whether any origin may read, and whether the response has its own policy.
        self._common: dict[tuple[bool, bool], Headers] = {}
        for public in (True, False):
            common = (
                *security_headers.SECURITY,
                security_headers.CROSS_ORIGIN if public else security_headers.SAME_ORIGIN,
                *secure,
            )
            self._common[public, True] = common
            self._common[public, False] = (*common, security_headers.DATA_POLICY)
        self._stem = secrets.token_hex(4)
        self._numbers = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        given: dict[bytes, bytes] = dict(scope["headers"])
        exchange = RequestLogRecord(scope, self._identify(given.get(b"x-request-id")), "")
        exchange.kind = self._enter(scope)
        app = self._refusal(scope) or self._preflight(scope, given, exchange) or self._app
        head = scope["method"] == "HEAD"
        if head:
            scope = {**scope, "method": "GET"}  # a copy, as the server must still see HEAD and send no body
        scope[KEY] = exchange
        exchange.body = memory = BodyMemory(self.body_budget, exchange.client)
        metrics = self._observer.metrics
        metrics.in_flight += 1
        sender = _ResponseSender(self, exchange, self._policy(exchange).headers(given.get(b"origin")), send, head=head)
        try:
            await app(scope, receive, sender)
        except asyncio.CancelledError:  # by uvicorn, when the server stops and the time for requests in progress is up
            await sender.interrupt()
        finally:
            metrics.in_flight -= 1
            memory.release()
            sender.release()
            if (route := scope.get("route")) is not None:
                exchange.route = getattr(route, "path", "")
            self._observer.finish(exchange, perf_counter() - started)

    def head(self, message: Message, exchange: RequestLogRecord, extra: Headers) -> Message:
        """Return the head of a response with the headers that every response has."""
        own = message.get("headers", ())
        # A page has its own policy. The message may come from the cache, so it is copied and not changed.
        with_policy = _POLICY in dict(own)
        if message["status"] == 304:
            # A browser replaces the stored fields by those of a 304 (RFC 9111, clause 3.2): the policy for data would
            # disable styles and forms of a page that it shows again.
            own, with_policy = [field for field in own if field[0] != _POLICY], True
        common = self._common[self._policy(exchange).anyone, with_policy]
        identifier = (b"x-request-id", exchange.identifier.encode())
        return {**message, "headers": [*own, *common, *extra, identifier]}

    def _policy(self, exchange: RequestLogRecord) -> CorsPolicy:
        """Return the CORS policy for a route."""
        if exchange.kind == "reconcile":
            return self._reconcile
        if exchange.kind == "page" and self._is_document(exchange.path):
            return self._documents
        return self._cors

    def _is_document(self, path: bytes) -> bool:
        """Return whether a path, with or without the prefix of the base IRI, is that of a public document."""
        path = path.removeprefix(self._prefix.encode())
        return path[1:].partition(b"/")[0] in _DOCUMENTS

    def _identify(self, given: bytes | None) -> str:
        """Return the request id of the client, if it is valid, or else a new one."""
        if given is not None and _IDENTIFIER.fullmatch(given):
            return given.decode("ascii")
        return f"{self._stem}-{next(self._numbers):06x}"

    def _enter(self, scope: Scope) -> str:
        """Set the prefix of the base IRI as ``root_path``, and return the class of the route."""
        path = scope["path"]
        if self._prefix and (path == self._prefix or path.startswith(self._prefix_slash)):
            scope["root_path"] = self._prefix
            path = path[len(self._prefix) :]
        kind = KINDS.get(path[1:].partition("/")[0], "point")
        return "update" if kind == "point" and scope["method"] in _WRITES else kind

    def _refusal(self, scope: Scope) -> Response | None:
        """Return the response to a request whose head exceeds a limit, else ``None``."""
        size = len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"])
        if size > self._max_url:
            return _problem(
                414,
                f"The URL has {size} bytes; the limit is {self._max_url}.",
                "Send a long query in the body of a POST, or raise KG_MAX_URL_BYTES.",
            )
        if len(scope["headers"]) > _MAX_HEADERS:
            return _problem(431, f"The request has more than {_MAX_HEADERS} header fields.", "Send fewer fields.")
        return None

    def _preflight(self, scope: Scope, given: dict[bytes, bytes], exchange: RequestLogRecord) -> Response | None:
        """Return the response to a CORS preflight (Fetch Standard) from an allowed origin, else ``None``."""
        if scope["method"] != "OPTIONS" or b"access-control-request-method" not in given:
            return None
        allowed = self._policy(exchange).preflight(given.get(b"origin"))
        if allowed is None:
            return None
        return Response(status_code=204, headers={name.decode(): value.decode() for name, value in allowed})


class _ResponseSender:
    """ASGI ``send`` of one request: sends the head with the first part of the body, and a large body in pieces.

    Attributes:
        held: bytes that it has reserved in the send budget.
    """

    def __init__(
        self, edge: EdgeMiddleware, exchange: RequestLogRecord, extra: Headers, send: Send, *, head: bool
    ) -> None:
        self.held = 0
        self._edge = edge
        self._exchange = exchange
        self._extra = extra
        self._send = send
        self._bodiless = head
        self._start: Message | None = None
        self._refused = False

    async def __call__(self, message: Message) -> None:
        """Handle one message of the application (ASGI)."""
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] != "http.response.body":
            await self._send(message)
        elif not self._refused:
            await self._body(message, b"" if self._bodiless else message.get("body", b""))

    async def _body(self, message: Message, body: bytes) -> None:
        """Send one part of the body, after the head if this is the first part."""
        start = self._start
        if len(body) > PIECE:
            reservation = self._edge.send_budget.reserve(self._exchange.client, len(body))
            if reservation is Reservation.GRANTED:
                self.held = len(body)
            elif start is not None:  # a response that has begun is continued: a stream holds one block in memory
                start, body = self._refusal(reservation)
                message = {"type": "http.response.body"}
        if start is not None:
            self._start = None
            self._exchange.status = start["status"]
            await self._send(self._edge.head(start, self._exchange, self._extra))
        self._exchange.sent += len(body)
        if len(body) <= PIECE:
            await self._send({**message, "body": body})
            return
        for piece, more in pieces(body):
            await self._send({**message, "body": piece, "more_body": more or message.get("more_body", False)})
        self.release()

    async def interrupt(self) -> None:
        """Send an error in place of a response that has not begun; one that has begun is cut off.

        Raises:
            CancelledError: it has begun.
        """
        if self._exchange.status != GONE:
            raise asyncio.CancelledError
        remedy = "Retry in a moment. A write is stored completely or not at all: check which."
        response = _problem(503, "The server stops, and the request was not finished in time.", remedy)
        response.headers["Retry-After"] = "1"
        await self({"type": "http.response.start", "status": 503, "headers": response.raw_headers})
        await self({"type": "http.response.body", "body": bytes(response.body)})

    def release(self) -> None:
        """Release the reserved bytes: the connection has accepted the body, or never will."""
        if self.held:
            self._edge.send_budget.release(self._exchange.client, self.held)
            self.held = 0

    def _refusal(self, reservation: Reservation) -> tuple[Message, bytes]:
        """Return head and body of the error that replaces a response for which the budget has no room."""
        self._refused = True
        status = 429 if reservation is Reservation.CLIENT_FULL else 503
        remedy = "Read the pending responses first, or raise KG_MAX_SENDING_BYTES."
        response = _problem(status, f"The response is ready, but {reservation.value}.", remedy)
        response.headers["Retry-After"] = "1"
        return {"type": "http.response.start", "status": status, "headers": response.raw_headers}, bytes(response.body)


def _problem(status: int, detail: str, remedy: str) -> Response:
    """Return a problem document without a type, after which the connection is closed."""
    title = HTTPStatus(status).phrase
    problem = problem_details.Problem(type="about:blank", title=title, status=status, detail=detail, remedy=remedy)
    return problem_details.respond(problem, {"Connection": "close"})
