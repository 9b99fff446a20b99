"""What is done to every request and every answer, outside everything else, in a few microseconds."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from time import perf_counter

from fastapi import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.edge.access_log import RequestLog
from api.edge.cors import CorsPolicy, Headers
from api.edge.metrics import KINDS, ServerMetrics
from api.edge.response_memory_budget import PIECE, ResponseMemoryBudget, SendVerdict, pieces
from api.http import problem_details, security_headers
from api.http.request_log_record import KEY, RequestLogRecord
from kg.config import Config

_IDENTIFIER = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_POLICY = security_headers.DATA_POLICY[0]
_WRITES = frozenset(("PUT", "POST", "DELETE", "PATCH"))
_MAX_HEADERS = 100


@dataclass
class AccessObserver:
    """Where each request is counted and logged.

    Attributes:
        metrics: the counters.
        log: the log; ``None`` where none is wanted. The server sets it when it starts.
    """

    metrics: ServerMetrics = field(default_factory=ServerMetrics)
    log: RequestLog | None = None

    def finish(self, exchange: RequestLogRecord, seconds: float) -> None:
        """Count and log a request that is done."""
        self.metrics.observe(exchange, seconds)
        if self.log is not None:
            self.log.add(exchange, seconds)


@dataclass(frozen=True)
class EdgeSettings:
    """How the edge behaves.

    Attributes:
        prefix: the path of the base IRI without its last slash.
        secure: the base is https, so browsers are told to stay with it.
        cors: which origins may call.
        reconcile: which may call the Reconciliation API.
        max_url_bytes: longest path and query part.
        max_sending_bytes: see :mod:`api.edge.response_memory_budget`.
    """

    prefix: str
    secure: bool
    cors: CorsPolicy
    max_url_bytes: int
    max_sending_bytes: int = 512 * 1024 * 1024
    reconcile: CorsPolicy | None = None

    @classmethod
    def of(cls, config: Config, base: str) -> EdgeSettings:
        """Take them from the configuration and the base IRI.

        Raises:
            BadInput: the origins are none.
        """
        scheme, _, rest = base.partition("://")
        path = rest.partition("/")[2]
        prefix = f"/{path}".rstrip("/")
        policy = CorsPolicy.parse(config.http.cors_origins)
        opened = None if config.store.bare or config.access.public_graphs.strip() == "none" else policy.opened()
        return cls(prefix, scheme == "https", policy, config.http.max_url_bytes, config.http.max_sending_bytes, opened)


class EdgeMiddleware:
    """Serves under the base's path, answers HEAD like GET, sets the headers of every answer, counts and logs.

    A base such as ``https://example.org/news/`` needs no setting for its path: a request under ``/news`` is served
    whether a proxy in front has taken that prefix off or not.

    It stands outside the handler of unexpected errors, so that a 500 has the headers, too.
    """

    def __init__(self, app: ASGIApp, settings: EdgeSettings, observer: AccessObserver) -> None:
        self._app = app
        self._prefix = settings.prefix
        self._prefix_slash = settings.prefix + "/"
        self._cors = settings.cors
        self._reconcile = settings.reconcile or settings.cors
        self._max_url = settings.max_url_bytes
        self._observer = observer
        self.outbox = ResponseMemoryBudget(settings.max_sending_bytes)
        secure = ((b"strict-transport-security", b"max-age=31536000"),) if settings.secure else ()
        self._common: dict[tuple[bool, bool], Headers] = {}
        for opened in (True, False):
            common = (
                *security_headers.SECURITY,
                security_headers.CROSS_ORIGIN if opened else security_headers.SAME_ORIGIN,
                *secure,
            )
            self._common[opened, True] = common
            self._common[opened, False] = (*common, security_headers.DATA_POLICY)
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
            scope = {**scope, "method": "GET"}  # the server must still see HEAD in its own
        scope[KEY] = exchange
        metrics = self._observer.metrics
        metrics.in_flight += 1
        answer = _ResponseSender(self, exchange, self._policy(exchange).headers(given.get(b"origin")), send, head=head)
        try:
            await app(scope, receive, answer)
        finally:
            metrics.in_flight -= 1
            answer.give_back()
            if (route := scope.get("route")) is not None:
                exchange.route = getattr(route, "path", "")
            self._observer.finish(exchange, perf_counter() - started)

    def head(self, message: Message, exchange: RequestLogRecord, extra: Headers) -> Message:
        """Add the headers that every answer has to the head of one."""
        own = message.get("headers", ())
        # A page has a policy of its own. The message may be a cached one, so it is left as it is.
        with_policy = _POLICY in dict(own)
        if message["status"] == 304:
            # A browser puts the fields of a 304 in place of those that it keeps (RFC 9111, clause 3.2): a policy for
            # data would take the style and the forms from a page that it shows again.
            own, with_policy = [field for field in own if field[0] != _POLICY], True
        common = self._common[self._policy(exchange).anyone, with_policy]
        identifier = (b"x-request-id", exchange.identifier.encode())
        return {**message, "headers": [*own, *common, *extra, identifier]}

    def _policy(self, exchange: RequestLogRecord) -> CorsPolicy:
        return self._reconcile if exchange.kind == "reconcile" else self._cors

    def _identify(self, given: bytes | None) -> str:
        if given is not None and _IDENTIFIER.fullmatch(given):
            return given.decode("ascii")
        return f"{self._stem}-{next(self._numbers):06x}"

    def _enter(self, scope: Scope) -> str:
        """Tell the base's path from the rest, and give the class of the route."""
        path = scope["path"]
        if self._prefix and (path == self._prefix or path.startswith(self._prefix_slash)):
            scope["root_path"] = self._prefix
            path = path[len(self._prefix) :]
        kind = KINDS.get(path[1:].partition("/")[0], "point")
        return "update" if kind == "point" and scope["method"] in _WRITES else kind

    def _refusal(self, scope: Scope) -> Response | None:
        """Give the answer to a request whose head is over a limit."""
        size = len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"])
        if size > self._max_url:
            return _problem(
                414,
                f"The address has {size} bytes; the limit is {self._max_url}.",
                "Send a long query in the body of a POST, or raise KG_MAX_URL_BYTES.",
            )
        if len(scope["headers"]) > _MAX_HEADERS:
            return _problem(431, f"The request has more than {_MAX_HEADERS} header fields.", "Send fewer.")
        return None

    def _preflight(self, scope: Scope, given: dict[bytes, bytes], exchange: RequestLogRecord) -> Response | None:
        """Answer a browser that asks before it lets a page call (Fetch Standard, CORS-preflight)."""
        if scope["method"] != "OPTIONS" or b"access-control-request-method" not in given:
            return None
        allowed = self._policy(exchange).preflight(given.get(b"origin"))
        if allowed is None:
            return None
        return Response(status_code=204, headers={name.decode(): value.decode() for name, value in allowed})


class _ResponseSender:
    """Sends the answer of one request: its head with the first of its body, a large body piece by piece.

    Attributes:
        held: bytes that it takes of the outbox.
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
        """Take one message (ASGI)."""
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] != "http.response.body":
            await self._send(message)
        elif not self._refused:
            await self._body(message, b"" if self._bodiless else message.get("body", b""))

    async def _body(self, message: Message, body: bytes) -> None:
        start = self._start
        if len(body) > PIECE:
            verdict = self._edge.outbox.take(self._exchange.client, len(body))
            if verdict is SendVerdict.SENT:
                self.held = len(body)
            elif start is not None:  # what has begun is sent on: a stream has one block at a time in memory
                start, body = self._refusal(verdict)
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
        self.give_back()

    def give_back(self) -> None:
        """Leave the outbox: the connection has taken the body, or will never take it."""
        if self.held:
            self._edge.outbox.give_back(self._exchange.client, self.held)
            self.held = 0

    def _refusal(self, verdict: SendVerdict) -> tuple[Message, bytes]:
        """Give an error in the place of an answer for which there is no room."""
        self._refused = True
        status = 429 if verdict is SendVerdict.CLIENT_FULL else 503
        remedy = "Read the answers that are on their way first, or raise KG_MAX_SENDING_BYTES."
        response = _problem(status, f"The answer is ready, but {verdict.value}.", remedy)
        response.headers["Retry-After"] = "1"
        return {"type": "http.response.start", "status": status, "headers": response.raw_headers}, bytes(response.body)


def _problem(status: int, detail: str, remedy: str) -> Response:
    title = HTTPStatus(status).phrase
    problem = problem_details.Problem(type="about:blank", title=title, status=status, detail=detail, remedy=remedy)
    return problem_details.respond(problem, {"Connection": "close"})
