"""Record of one request and its response, for metrics and the access log. Inner layers add what only they know."""

from __future__ import annotations

from typing import Protocol

from starlette.types import Scope

KEY = "claimgraph.exchange"
"""Key of the record in the ASGI scope."""

GONE = 499
"""Status recorded if the client disconnected before the response began."""


class BodyReservation(Protocol):
    """Memory for the body of one request."""

    def grow(self, size: int) -> None:
        """Reserve more bytes.

        Raises:
            Busy, TooManyRequests: the bodies of all clients, or of this one, fill the memory for them.
        """


class RequestLogRecord:
    """Record of one request. It never holds the text of a query or a token.

    Attributes:
        identifier: request id, from the client or generated.
        method, path: method and path as sent; the path is percent-encoded and without the query.
        client: network address of the peer, without port.
        kind: class of the route, for metrics (see :data:`api.edge.metrics.KINDS`).
        route: template of the route, once it is known.
        status: status of the response; :data:`GONE` until it begins.
        sent: bytes of the body sent.
        principal: name of the token; empty for anonymous requests.
        snapshot: number of the snapshot that was read; ``None`` if none was.
        query_hash: first 16 hexadecimal digits of the SHA-256 of the query's text.
        cache: ``hit``, ``miss``, ``not-modified``, or empty if the cache was not consulted.
        body: reservation of memory for the body of the request; ``None`` for no limit.
    """

    __slots__ = (
        "body",
        "cache",
        "client",
        "identifier",
        "kind",
        "method",
        "path",
        "principal",
        "query_hash",
        "route",
        "sent",
        "snapshot",
        "status",
    )

    def __init__(self, scope: Scope, identifier: str, kind: str) -> None:
        client = scope["client"]
        self.identifier = identifier
        self.method: str = scope["method"]
        self.path: bytes = scope.get("raw_path") or scope["path"].encode()
        self.client: str = client[0] if client else ""
        self.kind = kind
        self.route = ""
        self.status = GONE
        self.sent = 0
        self.principal = ""
        self.snapshot: int | None = None
        self.query_hash = ""
        self.cache = ""
        self.body: BodyReservation | None = None


def of(scope: Scope) -> RequestLogRecord:
    """Return the record of a request; without an edge (as in tests of a part), a new one that is discarded."""
    found = scope.get(KEY)
    return (
        found
        if isinstance(found, RequestLogRecord)
        else RequestLogRecord({"client": None, "method": "", "path": "", **scope}, "", "")
    )
