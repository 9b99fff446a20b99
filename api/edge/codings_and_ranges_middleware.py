"""Representations: responses in a content coding or in part, and request bodies that are compressed.

The layer stands outside of the response cache, which knows the content as it is, under its strong entity tag. It makes
the others from that: the compressed content (RFC 9110, clause 8.4), whose tag has a suffix, and one range of bytes
(clause 14) of the content as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import anyio
import anyio.to_thread
from cachetools import LRUCache
from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http import byte_ranges, content_codings, problem_details, request_log_record
from api.http.byte_ranges import ByteRange
from api.http.gzip_request_body import GzipRequestBody
from kg.errors import UnsupportedFormat

Headers = list[tuple[bytes, bytes]]

_READS = frozenset(("GET", "HEAD"))
_BODY_CODINGS = frozenset((b"gzip", b"x-gzip"))
_AT_ONCE = 16 * 1024
"""Longest content that is compressed on the event loop, which takes less than a millisecond."""

_THREADS = 2
"""Threads that compress longer ones."""

_IN_PROGRESS = 64 * 1024 * 1024
"""Bytes that are compressed, or wait for it, at a time; what exceeds them is sent as it is."""

_COLLECTED = 1024 * 1024
"""Longest content that is collected from several parts; a longer stream is sent as it is."""

_SHARE_OF_ONE = 8
"""A compressed content larger than one part in so many of their store is not stored."""

_VARY = b"Accept-Encoding"
_CONCERNED = frozenset((b"accept-encoding", b"range", b"if-range", b"if-none-match", b"if-modified-since"))
"""Header fields of requests that this layer reads."""

_OF_304 = frozenset(
    (b"cache-control", b"claimgraph-snapshot", b"content-location", b"date", b"etag", b"expires", b"vary")
)
"""Header fields of a 200 that its 304 has, too (clause 15.4.5)."""


class Compressor:
    """Compression off the event loop, with the results for the tags that were compressed last."""

    def __init__(self, size: int) -> None:
        """Store at most ``size`` bytes of compressed contents."""
        self._size = size
        self._stored: LRUCache[bytes, bytes] = LRUCache(max(size, 1), getsizeof=len)
        self._in_progress = 0
        self._limiter: anyio.CapacityLimiter | None = None  # it belongs to an event loop, which runs later

    async def compressed(self, body: bytes, coding: str, tag: bytes | None) -> bytes | None:
        """Return a content in a coding; ``None`` if that is no shorter, or too much is being compressed already.

        Args:
            body: the content as it is.
            coding: one of :data:`api.http.content_codings.CODINGS`.
            tag: strong entity tag of the compressed content, under which it is stored; ``None`` for no storing.
        """
        found = self._stored.get(tag) if tag else None
        if found is None:
            if self._in_progress and self._in_progress + len(body) > _IN_PROGRESS:
                return None
            found = await self._encode(body, coding)
            if tag and len(found) <= self._size // _SHARE_OF_ONE:
                self._stored[tag] = found
        return found if len(found) < len(body) else None

    async def _encode(self, body: bytes, coding: str) -> bytes:
        if len(body) <= _AT_ONCE:
            return content_codings.encode(body, coding)
        self._limiter = self._limiter or anyio.CapacityLimiter(_THREADS)
        self._in_progress += len(body)
        try:
            return await anyio.to_thread.run_sync(content_codings.encode, body, coding, limiter=self._limiter)
        finally:
            self._in_progress -= len(body)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Representation that a request asks for.

    Attributes:
        coding: preferred coding; ``None`` for the content as it is.
        part: range of bytes; ``None`` for the whole.
        if_range: value of ``If-Range``.
        condition: value of ``If-None-Match`` as sent.
        unless: whether the condition is ``*``, so that any content becomes a 304.
    """

    coding: str | None = None
    part: ByteRange | None = None
    if_range: bytes | None = None
    condition: bytes = b""
    unless: bool = False


class RepresentationMiddleware:
    """ASGI middleware that sends what a request asks for by Accept-Encoding or Range, and decodes gzip bodies."""

    def __init__(self, app: ASGIApp, max_body_bytes: int, size: int) -> None:
        """Wrap ``app``.

        Args:
            app: ASGI application.
            max_body_bytes: largest request body, compressed or not.
            size: bytes for compressed contents of responses.
        """
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._compressor = Compressor(size)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        reads = scope["method"] in _READS
        if not reads and (coding := _field(scope, b"content-encoding")) and coding != b"identity":
            if coding not in _BODY_CODINGS:
                await _refuse_coding(coding, scope, receive, send)
                return
            # The same scope, as outer layers read from it what inner ones write.
            scope["headers"] = _without(scope["headers"], b"content-encoding", b"content-length")
            receive = GzipRequestBody(receive, self._max_body_bytes)
        wanted = _wanted(scope, reads=reads)
        await self._app(scope, receive, _RepresentationSender(self._compressor, wanted, send, reads=reads))


async def _refuse_coding(coding: bytes, scope: Scope, receive: Receive, send: Send) -> None:
    """Send 415 with the accepted coding (RFC 9110, clause 12.5.3)."""
    shown = coding[:50].decode("ascii", "replace")
    error = UnsupportedFormat(
        f"The Content-Encoding “{shown}” is not accepted.", remedy="Send the body as it is, or as gzip."
    )
    response = await problem_details.answer(Request(scope), error)
    response.headers["Accept-Encoding"] = "gzip"
    await response(scope, receive, send)


def _wanted(scope: Scope, *, reads: bool) -> Wanted:
    """Return what a request asks for, and hide from inner layers what this one does.

    Args:
        scope: the request; its ``Range`` is removed, and its ``If-None-Match`` names the content as it is.
        reads: whether it is GET or HEAD; the conditions of a write are none of a representation.
    """
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in _CONCERNED:
            found[name] = found[name] + b", " + value if name in found else value
    if reads and b"range" in found:
        scope["headers"] = _without(scope["headers"], b"range", b"if-range")
        # HEAD has no ranges (clause 14.2); the edge hands it on as GET.
        is_head = "HEAD" in (scope["method"], request_log_record.of(scope).method)
        part = None if is_head else byte_ranges.parse(found[b"range"])
        return Wanted(None, part, found.get(b"if-range"))  # of the content as it is, also if it is sent as a whole
    if b"accept-encoding" not in found:
        return Wanted()
    coding = content_codings.choose(found[b"accept-encoding"].decode("latin-1"))
    condition = found.get(b"if-none-match", b"")
    if coding and reads and b"if-modified-since" in found:  # a 304 by date would not know which tag the client has
        scope["headers"] = _without(scope["headers"], b"if-modified-since")
    if coding is None or not condition or not reads:
        return Wanted(coding)
    unless = condition.strip() == b"*"
    scope["headers"] = _without(scope["headers"], b"if-none-match")
    if not unless:  # the tag of a 304 to a star is known once the content is
        scope["headers"].append((b"if-none-match", content_codings.without_coding(condition, coding)))
    return Wanted(coding, condition=condition, unless=unless)


class _RepresentationSender:
    """ASGI ``send`` of one request: holds the head of a response until it is known how its content is sent."""

    def __init__(self, compressor: Compressor, wanted: Wanted, send: Send, *, reads: bool) -> None:
        self._compressor = compressor
        self._wanted = wanted
        self._send = send
        self._reads = reads
        self._head: Message | None = None  # a head that waits
        self._body: list[bytes] = []
        self._size = 0

    async def __call__(self, message: Message) -> None:
        """Handle one message of the application (ASGI)."""
        if message["type"] == "http.response.start":
            await self._start(message)
        elif self._head is None or message["type"] != "http.response.body":
            await self._send(message)
        else:
            await self._collect(self._head, message)

    async def _start(self, message: Message) -> None:
        """Send a head that needs no content, or keep it."""
        status, headers = message["status"], list(message["headers"])
        if status == 304:
            headers = _confirmed(_varying(headers), self._wanted)
        elif status == 200:
            headers = _varying(headers)
            tag = _value(headers, b"etag")
            if self._reads and tag is not None and byte_ranges.applies(tag, None):
                headers = [*_without(headers, b"accept-ranges"), (b"accept-ranges", b"bytes")]
            if self._waits(headers, tag):
                self._head = {**message, "headers": headers}
                return
        await self._send({**message, "headers": headers})

    def _waits(self, headers: Headers, tag: bytes | None) -> bool:
        """Return whether the content determines the head."""
        if self._wanted.part is not None:
            return tag is not None and byte_ranges.applies(tag, self._wanted.if_range)
        return self._wanted.unless or (self._wanted.coding is not None and _is_codable(headers))

    async def _collect(self, head: Message, message: Message) -> None:
        """Keep one part of the content, and send the response after the last; a long stream is sent as it is."""
        self._body.append(message.get("body", b""))
        self._size += len(self._body[-1])
        if not message.get("more_body"):
            await self._complete(head, self._body[0] if len(self._body) == 1 else b"".join(self._body))
        elif self._size <= _COLLECTED:
            return
        elif self._wanted.unless:  # nothing of it is sent
            self._body.clear()
        else:
            self._head = None
            await self._send(head)
            await self._send({**message, "body": b"".join(self._body)})

    async def _complete(self, head: Message, body: bytes) -> None:
        """Send the content that is complete now, in the wanted representation."""
        wanted = self._wanted
        if wanted.part is not None:
            head, body = _partial(head, body, wanted.part)
        elif wanted.coding and len(body) >= content_codings.SMALLEST and _is_codable(head["headers"]):
            head, body = await self._coded(head, body, wanted.coding)
        if wanted.unless:
            head, body = _unchanged(head), b""
        await self._send(head)
        await self._send({"type": "http.response.body", "body": body})

    async def _coded(self, head: Message, body: bytes, coding: str) -> tuple[Message, bytes]:
        """Return head and body in a coding, or as they are if that is no shorter."""
        tag = _value(head["headers"], b"etag")
        own = content_codings.tag_of(tag, coding) if tag and tag.startswith(b'"') else None
        found = await self._compressor.compressed(body, coding, own)
        if found is None:
            return head, body
        headers = _without(head["headers"], b"content-length", b"accept-ranges", *([b"etag"] if own else []))
        headers += [(b"content-encoding", coding.encode()), (b"content-length", b"%d" % len(found))]
        return {**head, "headers": headers + ([(b"etag", own)] if own else [])}, found


def _partial(head: Message, body: bytes, part: ByteRange) -> tuple[Message, bytes]:
    """Return head and body of a 206 (clause 15.3.7), or of a 416 if the content has no byte of the range."""
    found = part.within(len(body))
    if found is None:
        problem = problem_details.Problem(
            type="about:blank",
            title="Range Not Satisfiable",
            status=416,
            detail=f"The content has {len(body)} bytes, and none in this range.",
            remedy="Ask for bytes that it has, or leave the field Range out.",
        )
        response = problem_details.respond(problem, {"Content-Range": f"bytes */{len(body)}"})
        kept = [field for field in head["headers"] if field[0] in (b"vary", b"claimgraph-snapshot")]
        return {**head, "status": 416, "headers": [*response.raw_headers, *kept]}, bytes(response.body)
    start, end = found
    headers = _without(head["headers"], b"content-length")
    headers += [(b"content-range", b"bytes %d-%d/%d" % (start, end - 1, len(body)))]
    headers += [(b"content-length", b"%d" % (end - start))]
    return {**head, "status": 206, "headers": headers}, body[start:end]


def _is_codable(headers: Headers) -> bool:
    """Return whether a content may be sent in a coding."""
    return (
        content_codings.is_compressible(_value(headers, b"content-type") or b"")
        and _value(headers, b"content-encoding") is None
        and b"no-transform" not in (_value(headers, b"cache-control") or b"")
    )


def _unchanged(head: Message) -> Message:
    """Return the head of a 304 in place of that of a 200."""
    return {**head, "status": 304, "headers": [field for field in head["headers"] if field[0] in _OF_304]}


def _confirmed(headers: Headers, wanted: Wanted) -> Headers:
    """Return the head of a 304 with the tag by which the client knows the content (clause 15.4.5)."""
    tag = _value(headers, b"etag")
    if tag is None or wanted.coding is None:
        return headers
    own = content_codings.tag_of(tag, wanted.coding)
    return [*_without(headers, b"etag"), (b"etag", own)] if own in wanted.condition else headers


def _varying(headers: Headers) -> Headers:
    """Return a head whose ``Vary`` has ``Accept-Encoding``, too."""
    vary = _value(headers, b"vary")
    if vary is None:
        return [*headers, (b"vary", _VARY)]
    return [*_without(headers, b"vary"), (b"vary", vary + b", " + _VARY)]


def _field(scope: Scope, name: bytes) -> bytes:
    """Return the value of a request's header field, in lower case; several are joined."""
    return b", ".join(value for field, value in scope["headers"] if field == name).strip().lower()


def _value(headers: Headers, name: bytes) -> bytes | None:
    """Return the value of a header field; several are joined."""
    found = [value for field, value in headers if field == name]
    return b", ".join(found) if found else None


def _without(headers: Headers, *names: bytes) -> Headers:
    return [field for field in headers if field[0] not in names]
