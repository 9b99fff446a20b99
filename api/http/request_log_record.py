"""One request and its answer, as metrics and logs see them. Inner layers write here what only they know."""

from __future__ import annotations

from starlette.types import Scope

KEY = "claimgraph.exchange"
"""Where the exchange stands in the ASGI scope."""

GONE = 499
"""Status noted when the client hung up before it was answered."""


class RequestLogRecord:
    """What is noted of one request. Neither the text of a query nor a token is ever put here.

    Attributes:
        identifier: the request id, taken over from the client or made.
        method, path: as sent; the path in its percent-encoded form, without the query part.
        client: address of the peer, without its port.
        kind: class of the route, for metrics (see :data:`api.edge.metrics.KINDS`).
        route: template of the route, once one is found.
        status: status of the answer; :data:`GONE` until there is one.
        sent: bytes of body.
        principal: name of the token's holder; empty for the public.
        snapshot: number of the snapshot that was read; ``None`` where none was.
        query_hash: the first 16 hexadecimal digits of the SHA-256 of the query's text.
        cache: ``hit``, ``miss``, ``not-modified``, or empty where no cache was asked.
    """

    __slots__ = (
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


def of(scope: Scope) -> RequestLogRecord:
    """Give the exchange of a request, or one that nobody reads where no edge has made one (as in a test of a part)."""
    found = scope.get(KEY)
    return found if isinstance(found, RequestLogRecord) else RequestLogRecord({"client": None, **scope}, "", "")
