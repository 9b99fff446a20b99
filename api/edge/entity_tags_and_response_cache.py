"""Response cache: a strong entity tag for every read, 304 without running anything, and a bounded store of responses.

The response to a read depends on the snapshot, the request and the graphs that the caller may read, and on nothing
else but the version of this software. So these determine its entity tag (RFC 9110, clause 8.8.3), which is also its key
in the cache. A handler whose response depends on more (the clock, chance, another server) sets ``Cache-Control:
no-store``.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from hashlib import blake2b

from cachetools import LRUCache
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import kg
from api.http import request_log_record
from api.http.request_parsing import access_token
from kg.access.api_tokens import TokenRegistry
from kg.errors import ClaimgraphError
from kg.processes.query_and_write_service import QueryService

Headers = list[tuple[bytes, bytes]]

_SAFE = frozenset(("GET", "HEAD"))
_KEYED = frozenset((b"accept", b"host"))
"""Header fields that select a response."""

# Plain spellings only; api.handler_services.as_of refuses a request whose encoded parameter these have missed.
_AS_OF = re.compile(rb"(?:^|&)asOf=([0-9]{1,18})(?:&|$)")
_QUERY = re.compile(rb"(?:^|&)query=")
_UNTAGGED = ("/static/", "/healthz", "/readyz", "/metrics", "/admin/")
"""Paths that do not depend on a snapshot."""

_CURRENT = frozenset(("", "docs", "guide", "openapi.json", "ontology", "shapes", "context.jsonld", "schema"))
"""First segments of paths whose responses depend on the current store, or on the software alone."""

_SHARE_OF_ONE = 8
"""A response larger than one part in so many of the cache is not stored."""

_ENTRY, _FIELD = 600, 150
"""Bytes of overhead for a response and for each header field; without them, small responses would cost nothing."""

_SOFTWARE = f"{kg.__version__} {zlib.ZLIB_RUNTIME_VERSION}".encode()[:64]
"""What else the bytes of a response depend on: another version may write the same snapshot in another way."""

_OF_304 = frozenset((b"etag", b"cache-control", b"vary", b"claimgraph-snapshot"))
"""Header fields of a 304 that equal those of the 200 (RFC 9110, clause 15.4.5)."""


@dataclass(frozen=True, slots=True)
class CachedResponse:
    """Stored response, with the hash of its query for the access log."""

    headers: Headers
    body: bytes
    query_hash: str = ""

    @property
    def cost(self) -> int:
        """Approximate memory in bytes."""
        return _ENTRY + len(self.body) + sum(len(name) + len(value) + _FIELD for name, value in self.headers)


class ResponseCache:
    """Stored responses by entity tag; the least recently used is evicted first."""

    def __init__(self, size: int) -> None:
        """Store at most ``size`` bytes."""
        self._size = size
        self._responses: LRUCache[bytes, CachedResponse] = LRUCache(size, getsizeof=lambda stored: stored.cost)

    def get(self, tag: bytes) -> CachedResponse | None:
        """Return the response with an entity tag, if it is stored."""
        return self._responses.get(tag)

    def accepts(self, size: int) -> bool:
        """Return whether a response of ``size`` bytes may be stored."""
        return size <= self._size // _SHARE_OF_ONE

    def put(self, tag: bytes, response: CachedResponse) -> None:
        """Store a response, and evict old ones to make room."""
        if self.accepts(response.cost):
            self._responses[tag] = response


@dataclass(frozen=True)
class ReadState:
    """State at the beginning of a read.

    Attributes:
        number: number of the snapshot.
        seen: graphs that the caller may read, as a part of the key; empty for all.
        past: whether the request names the snapshot (``asOf``).
        control: the Cache-Control field of the response.
    """

    number: int
    seen: bytes
    past: bool
    control: Headers


class ResponseCacheMiddleware:
    """ASGI middleware: adds entity tags to reads, and serves stored responses."""

    def __init__(self, app: ASGIApp, endpoint: QueryService, tokens: TokenRegistry, size: int) -> None:
        """Wrap ``app``; ``size`` is the size of the cache in bytes."""
        self._app = app
        self._endpoint = endpoint
        self._tokens = tokens
        self._responses = ResponseCache(size)
        # If everybody may read everything, responses are public for caches in between.
        public = tokens.authenticate(None)
        self._open = public.graphs is None and "read" in public.scopes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        if (
            scope["type"] != "http"
            or scope["method"] not in _SAFE
            or _path(scope).startswith(_UNTAGGED)
            or (reading := self._reading(scope)) is None
        ):
            await self._app(scope, receive, send)
        else:
            await self._read(scope, receive, send, reading)

    def _seen(self, scope: Scope) -> bytes | None:
        """Return the graphs that the caller may read, as part of a key; ``None`` if the handler must refuse it."""
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        try:
            principal = self._tokens.authenticate(access_token(b", ".join(given).decode("latin-1") if given else None))
            principal.require("read")
        except ClaimgraphError:
            return None
        scope.setdefault("state", {})["principal"] = principal
        if given:
            request_log_record.of(scope).principal = principal.name
        return b"" if principal.graphs is None else repr(principal.graphs).encode()

    def _reading(self, scope: Scope) -> ReadState | None:
        """Return the snapshot of a read and more; ``None`` if the caller may not read, or the path ignores ``asOf``."""
        seen = self._seen(scope)
        if seen is None:
            return None
        endpoint, query = self._endpoint, scope["query_string"]
        number, past = endpoint.number, False
        # The cheap test comes first, as most requests do not name a snapshot.
        if b"asOf=" in query and (found := _AS_OF.search(query)):
            if endpoint.snapshots is None or not _reads_snapshot(_path(scope), query):
                return None
            number, past = int(found[1]), True
        control = _control(past, private=bool(seen) or not self._open)
        return ReadState(number, seen, past, control)

    async def _read(self, scope: Scope, receive: Receive, send: Send, reading: ReadState) -> None:
        """Send a 304, a stored response, or the response of the handler."""
        noted = request_log_record.of(scope)
        noted.snapshot = reading.number
        tag, condition = self._tag(scope, reading)
        stored = self._responses.get(tag)
        if stored is not None:
            noted.query_hash = stored.query_hash
        anything = condition.strip() == b"*"
        if condition and (tag in condition or (anything and stored is not None)):
            # A plain search suffices: within a list such as "a", "b", no text between two tags looks like a tag.
            noted.cache = "not-modified"
            await _send(send, 304, _own(tag, reading))
        elif stored is not None:
            noted.cache = "hit"
            await _send(send, 200, stored.headers, stored.body)
        else:
            noted.cache = "miss"
            recorder = _ResponseRecorder(self, send, tag, reading, noted)
            recorder.unless = anything
            await self._app(scope, receive, recorder)

    def _tag(self, scope: Scope, reading: ReadState) -> tuple[bytes, bytes]:
        """Return the entity tag of a request, and the value of its If-None-Match."""
        condition = b""
        for name, value in scope["headers"]:
            if name == b"if-none-match":
                condition += b", " + value if condition else value
        target = (scope.get("raw_path") or scope["path"].encode()) + b"?" + scope["query_string"]
        tag = _entity_tag(self._endpoint.store.identity, reading.number, _variant(scope, reading.seen), target)
        return tag, condition

    def is_current(self, reading: ReadState) -> bool:
        """Return whether a finished response certainly shows the state of the snapshot that its tag names.

        Otherwise a commit came in between, and the response gets no tag.
        """
        return reading.past or self._endpoint.number == reading.number

    def store(self, tag: bytes, response: CachedResponse) -> None:
        """Store a response for further requests with the same tag."""
        self._responses.put(tag, response)

    def accepts(self, size: int) -> bool:
        """Return whether a response of ``size`` bytes may be stored."""
        return self._responses.accepts(size)


class _ResponseRecorder:
    """ASGI ``send`` of one read: adds the entity tag to the response and stores it.

    Attributes:
        unless: whether a successful response must become a 304 (``If-None-Match: *``).
    """

    def __init__(
        self,
        layer: ResponseCacheMiddleware,
        send: Send,
        tag: bytes,
        reading: ReadState,
        noted: request_log_record.RequestLogRecord,
    ) -> None:
        self._layer = layer
        self._send = send
        self._tag = tag
        self._reading = reading
        self._noted = noted
        self.unless = False
        self._headers: Headers | None = None
        self._body: list[bytes] = []
        self._size = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if message["status"] == 200:
                message = self._start(message)
            else:
                self.unless = False
        elif message["type"] == "http.response.body":
            if self._headers is not None:
                self._record(message)
            if self.unless:
                message = {**message, "body": b""}
        await self._send(message)

    def _start(self, message: Message) -> Message:
        """Return the head with the entity tag, unless the handler forbids caching."""
        headers: Headers = list(message["headers"])
        names = {name for name, _ in headers}
        if b"cache-control" not in names and self._layer.is_current(self._reading):
            own = _own(self._tag, self._reading)
            headers += own if b"vary" not in names else [field for field in own if field[0] != b"vary"]
            self._headers = headers
        if self.unless:  # If-None-Match: *, and a representation exists
            self._noted.cache = "not-modified"
            return {**message, "status": 304, "headers": [field for field in headers if field[0] in _OF_304]}
        return {**message, "headers": headers}

    def _record(self, message: Message) -> None:
        """Record one part of the body, and store the response after the last; give up if it grows too large."""
        body = message.get("body", b"")
        self._size += len(body)
        if not self._layer.accepts(self._size):
            self._headers = None
            self._body.clear()
            return
        self._body.append(body)
        if not message.get("more_body") and self._headers is not None:
            self._layer.store(self._tag, CachedResponse(self._headers, b"".join(self._body), self._noted.query_hash))


def _entity_tag(store: str, number: int, variant: bytes, target: bytes) -> bytes:
    """Return the strong entity tag of a response, such as ``"5f2c-1a-9b…"``.

    Args:
        store: identity of the store.
        number: number of the snapshot.
        variant: everything else that selects the response: relevant header fields, and the graphs the caller may read.
        target: path and query of the URL.
    """
    digest = blake2b(variant + target, digest_size=12, key=_SOFTWARE).hexdigest()
    return f'"{store}-{number:x}-{digest}"'.encode()


def _variant(scope: Scope, seen: bytes) -> bytes:
    """Return everything except the URL that selects a response: scheme, readable graphs, relevant header fields."""
    fields = [name + b"\x00" + value + b"\x00" for name, value in scope["headers"] if name in _KEYED]
    return b"".join((scope["scheme"].encode(), seen, *fields))


def _reads_snapshot(path: str, query: bytes) -> bool:
    """Return whether a route reads one snapshot and nothing else."""
    if path == "/sparql":
        return _QUERY.search(query) is not None  # without a query it is the service description, of the current store
    return path[1:].partition("/")[0] not in _CURRENT


def _path(scope: Scope) -> str:
    """Return the path below the prefix of the base IRI."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _control(past: bool, *, private: bool) -> Headers:
    """Return the Cache-Control field: a past snapshot never changes, the current one must be revalidated."""
    who = b"private, " if private else b""
    return [(b"cache-control", who + (b"max-age=31536000, immutable" if past else b"no-cache"))]


def _own(tag: bytes, reading: ReadState) -> Headers:
    """Return the header fields that this layer adds; they are the same in a 200 and in a 304."""
    number = (b"claimgraph-snapshot", str(reading.number).encode())
    return [(b"etag", tag), (b"vary", b"Accept"), number, *reading.control]


async def _send(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    """Send a complete response (ASGI)."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
