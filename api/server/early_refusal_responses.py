"""Refusals of requests before they reach the application, as problem documents (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from api.http import security_headers

_TEMPORARY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)

Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True)
class EarlyRefusal:
    """Refusal of a request.

    Attributes:
        status: HTTP status code.
        reason: label of the metric that counts it.
        detail, remedy: texts of the problem document.
    """

    status: int
    reason: str
    detail: str
    remedy: str

    def body(self) -> bytes:
        """Return the problem document."""
        title = HTTPStatus(self.status).phrase
        problem = {"type": "about:blank", "title": title, "status": self.status}
        return json.dumps({**problem, "detail": self.detail, "remedy": self.remedy}).encode()

    def fields(self, size: int) -> list[tuple[bytes, bytes]]:
        """Return the header fields of a response with ``size`` bytes of body."""
        retry = [(b"retry-after", b"1")] if self.status in _TEMPORARY else []
        own = [(b"content-type", b"application/problem+json"), (b"content-length", b"%d" % size), *retry]
        return [
            *own,
            *security_headers.SECURITY,
            security_headers.SAME_ORIGIN,
            security_headers.DATA_POLICY,
            (b"connection", b"close"),
        ]

    def response(self, default_fields: Sequence[tuple[bytes, bytes]]) -> bytes:
        """Return the whole response, whose header begins with the given fields."""
        body = self.body()
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n".encode()]
        lines += [b"%b: %b\r\n" % pair for pair in (*default_fields, *self.fields(len(body)))]
        return b"".join([*lines, b"\r\n", body])

    async def __call__(self, _scope: object, _receive: object, send: Send) -> None:
        """Send the refusal in place of the application (ASGI)."""
        body = self.body()
        await send({"type": "http.response.start", "status": self.status, "headers": self.fields(len(body))})
        await send({"type": "http.response.body", "body": body})


MALFORMED = EarlyRefusal(400, "malformed", "The request is not HTTP/1.1.", "See RFC 9112.")
HOST = EarlyRefusal(
    400, "host", "The request does not name one host.", "Send exactly one Host field (RFC 9112, clause 3.2)."
)
LATE = EarlyRefusal(
    408, "slow head", "The head of the request did not arrive in time.", "Send it at once, or raise KG_HEADER_TIMEOUT."
)
STALLED = EarlyRefusal(
    408,
    "stalled body",
    "The body of the request comes too slowly, and others need its connection.",
    "Send it without pauses, or over fewer connections.",
)
LONG_URL = EarlyRefusal(
    414, "long address", "The URL exceeds the limit.", "Send a long query by POST, or raise KG_MAX_URL_BYTES."
)
LONG_HEAD = EarlyRefusal(431, "long head", "The header fields exceed the limit.", "Send fewer or shorter ones.")
FULL = EarlyRefusal(
    503, "connections", "The server has reached its limit of connections.", "Try again, or raise KG_MAX_CONNECTIONS."
)
TOO_MANY_OF_CLIENT = EarlyRefusal(
    429,
    "connections of client",
    "This client has reached its limit of connections.",
    "Use fewer at a time, or raise KG_MAX_CONNECTIONS_PER_CLIENT.",
)
