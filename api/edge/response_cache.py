"""Answers by snapshot: a strong ETag for every read, 304 without running anything, and a bounded cache of answers.

What a read gives depends on the snapshot, on the request and on what the asker may see, and on nothing else. So these
three make its entity tag (RFC 9110, clause 8.8.3) and the key under which its bytes are kept. A handler whose answer
depends on more (the clock, chance, another server) says so with ``Cache-Control: no-store``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cachetools import LRUCache
from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http import problem_details, request_log_record
from api.http.entity_tags import entity_tag
from kg.access.api_tokens import TokenRegistry
from kg.errors import ClaimgraphError
from kg.processes.query_service import QueryService

Headers = list[tuple[bytes, bytes]]

_SAFE = frozenset(("GET", "HEAD"))
_KEYED = frozenset((b"accept", b"host"))
_AS_OF = re.compile(rb"(?:^|&)asOf=([0-9]{1,18})(?:&|$)")
_QUERY = re.compile(rb"(?:^|&)query=")
_UNTAGGED = ("/static/", "/healthz", "/readyz", "/metrics", "/admin/")
_NOW = frozenset(("", "docs", "guide", "openapi.json", "ontology", "shapes", "context.jsonld", "schema"))
"""First steps of the paths whose answers depend on the store as it is now, or on the software alone."""

_WRITES_NOTHING = frozenset(("/sparql", "/validate", "/reconcile/0.2", "/reconcile/1.0/match", "/reconcile/1.0/extend"))
_SHARE_OF_ONE = 8
"""An answer that takes more than this part of the cache is not kept."""

_ENTRY, _FIELD = 600, 150
"""Bytes that an answer, and each of its header fields, takes beside their texts: small answers would be free else."""

_OF_304 = frozenset((b"etag", b"cache-control", b"vary", b"claimgraph-snapshot"))
"""What a 304 says as the 200 would (RFC 9110, clause 15.4.5)."""


@dataclass(frozen=True, slots=True)
class CachedResponse:
    """An answer that is given again, with what the log tells of the query."""

    headers: Headers
    body: bytes
    query_hash: str = ""

    @property
    def cost(self) -> int:
        """How many bytes of memory it takes, about."""
        return _ENTRY + len(self.body) + sum(len(name) + len(value) + _FIELD for name, value in self.headers)


class ResponseCache:
    """The answers that are kept, the least recently used given up first."""

    def __init__(self, size: int) -> None:
        """Keep at most ``size`` bytes."""
        self._size = size
        self._kept: LRUCache[bytes, CachedResponse] = LRUCache(size, getsizeof=lambda kept: kept.cost)

    def get(self, tag: bytes) -> CachedResponse | None:
        """Look up an answer by its entity tag."""
        return self._kept.get(tag)

    def takes(self, size: int) -> bool:
        """Tell whether an answer of so many bytes may be kept."""
        return size <= self._size // _SHARE_OF_ONE

    def put(self, tag: bytes, kept: CachedResponse) -> None:
        """Keep an answer, and give up old ones for it."""
        if self.takes(kept.cost):
            self._kept[tag] = kept


@dataclass(frozen=True)
class ReadState:
    """What a read was begun with.

    Attributes:
        number: of the snapshot.
        seen: what part of the graph the caller sees; empty for all of it.
        past: whether the request names it.
        from_snapshot: whether the handler reads that snapshot, and nothing of what was written since.
        settled: whether nothing had been written since.
        control: how long others may keep the answer.
    """

    number: int
    seen: bytes
    past: bool
    from_snapshot: bool
    settled: bool
    control: Headers


class ResponseCacheMiddleware:
    """The ASGI layer: tags reads, gives kept answers, and lets a write be acknowledged only once it can be read."""

    def __init__(self, app: ASGIApp, endpoint: QueryService, tokens: TokenRegistry, size: int) -> None:
        """Wrap ``app``; ``size`` is the room for answers in bytes."""
        self._app = app
        self._endpoint = endpoint
        self._tokens = tokens
        self._answers = ResponseCache(size)
        public = tokens.authenticate(None)
        self._open = public.graphs is None and "read" in public.scopes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] not in _SAFE:
            await self._write(scope, receive, send)
        elif _path(scope).startswith(_UNTAGGED) or (reading := self._reading(scope)) is None:
            await self._app(scope, receive, send)
        else:
            await self._read(scope, receive, send, reading)

    def _seen(self, scope: Scope) -> bytes | None:
        """Tell what part of the graph the caller sees; ``None`` where the handler has to say that it sees nothing."""
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        try:
            principal = self._tokens.authenticate(b", ".join(given).decode("latin-1") if given else None)
            principal.require("read")
        except ClaimgraphError:
            return None
        scope.setdefault("state", {})["principal"] = principal
        if given:
            request_log_record.of(scope).principal = principal.name
        return b"" if principal.graphs is None else repr(principal.graphs).encode()

    async def _write(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint, refused = self._endpoint, False
        if _path(scope) in _WRITES_NOTHING:
            await self._app(scope, receive, send)
            return

        async def acknowledge(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and endpoint.store.version != endpoint.number:
                try:
                    await endpoint.publish()
                except ClaimgraphError as error:
                    if message["status"] < 400:
                        refused = True
                        answer = await problem_details.answer(Request(scope), error)
                        await answer(scope, receive, send)
            if not refused:
                await send(message)

        await self._app(scope, receive, acknowledge)

    def _reading(self, scope: Scope) -> ReadState | None:
        """Tell which snapshot a request reads; ``None`` where the caller may not read, or the handler heeds no asOf."""
        seen = self._seen(scope)
        if seen is None:
            return None
        endpoint, query = self._endpoint, scope["query_string"]
        number, past = endpoint.number, False
        from_snapshot = endpoint.snapshots is not None and _reads_snapshot(_path(scope), query)
        if b"asOf=" in query and (found := _AS_OF.search(query)):
            if not from_snapshot:
                return None
            number, past = int(found[1]), True
        settled = endpoint.store.version == number
        control = _control(past, private=bool(seen) or not self._open)
        return ReadState(number, seen, past, from_snapshot, settled, control)

    async def _read(self, scope: Scope, receive: Receive, send: Send, reading: ReadState) -> None:
        noted = request_log_record.of(scope)
        noted.snapshot = reading.number
        tag, condition = self._tag(scope, reading)
        kept = self._answers.get(tag)
        if kept is not None:
            noted.query_hash = kept.query_hash
        anything = condition.strip() == b"*"
        if condition and (tag in condition or (anything and kept is not None)):
            # Between two tags of a list stands no tag, so the text of a tag is found only where the tag is.
            noted.cache = "not-modified"
            await _send(send, 304, _own(tag, reading))
        elif kept is not None:
            noted.cache = "hit"
            await _send(send, 200, kept.headers, kept.body)
        else:
            noted.cache = "miss"
            recorder = _ResponseRecorder(self, send, tag, reading, noted)
            recorder.unless = anything
            await self._app(scope, receive, recorder)

    def _tag(self, scope: Scope, reading: ReadState) -> tuple[bytes, bytes]:
        """Make the entity tag of a request, and give the tags that it has already."""
        condition = b""
        for name, value in scope["headers"]:
            if name == b"if-none-match":
                condition += b", " + value if condition else value
        target = (scope.get("raw_path") or scope["path"].encode()) + b"?" + scope["query_string"]
        tag = entity_tag(self._endpoint.store.identity, reading.number, _asker(scope, reading.seen), target)
        return tag, condition

    def right(self, reading: ReadState) -> bool:
        """Tell whether an answer that is ready is what the snapshot of its number holds."""
        endpoint, number = self._endpoint, reading.number
        if reading.past:
            return True
        if endpoint.number != number:
            return False
        if reading.from_snapshot and endpoint.snapshots is not None:
            return endpoint.snapshots.newest().number == number  # the next is there a moment before it has its number
        return reading.settled and endpoint.store.version == number

    def keep(self, tag: bytes, kept: CachedResponse) -> None:
        """Keep an answer for the next who asks the same."""
        self._answers.put(tag, kept)

    def keeps(self, size: int) -> bool:
        """See :meth:`ResponseCache.takes`."""
        return self._answers.takes(size)


class _ResponseRecorder:
    """Passes an answer on, with its tag, and keeps it.

    Attributes:
        unless: whether the request is to be answered only if there is nothing to answer (``If-None-Match: *``).
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
                self._take(message)
            if self.unless:
                message = {**message, "body": b""}
        await self._send(message)

    def _start(self, message: Message) -> Message:
        headers: Headers = list(message["headers"])
        names = {name for name, _ in headers}
        if b"cache-control" not in names and self._layer.right(self._reading):
            own = _own(self._tag, self._reading)
            headers += own if b"vary" not in names else [field for field in own if field[0] != b"vary"]
            self._headers = headers
        if self.unless:  # If-None-Match: *, and there is something
            self._noted.cache = "not-modified"
            return {**message, "status": 304, "headers": [field for field in headers if field[0] in _OF_304]}
        return {**message, "headers": headers}

    def _take(self, message: Message) -> None:
        body = message.get("body", b"")
        self._size += len(body)
        if not self._layer.keeps(self._size):
            self._headers = None
            self._body.clear()
            return
        self._body.append(body)
        if not message.get("more_body") and self._headers is not None:
            self._layer.keep(self._tag, CachedResponse(self._headers, b"".join(self._body), self._noted.query_hash))


def _asker(scope: Scope, seen: bytes) -> bytes:
    """Tell what an answer depends on beside its address: the header fields that count, and what the asker may see."""
    fields = [name + b"\x00" + value + b"\x00" for name, value in scope["headers"] if name in _KEYED]
    return b"".join((scope["scheme"].encode(), seen, *fields))


def _reads_snapshot(path: str, query: bytes) -> bool:
    """Tell whether a route reads one snapshot and nothing else."""
    if path == "/sparql":
        return _QUERY.search(query) is not None  # else it is the description of the service, as it is now
    return path[1:].partition("/")[0] not in _NOW


def _path(scope: Scope) -> str:
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _control(past: bool, *, private: bool) -> Headers:
    """Say how long others may keep an answer: a past snapshot never changes, the present one may at any time."""
    who = b"private, " if private else b""
    return [(b"cache-control", who + (b"max-age=31536000, immutable" if past else b"no-cache"))]


def _own(tag: bytes, reading: ReadState) -> Headers:
    """Give the fields of an answer that come from here; they are the same in a 200 and in a 304."""
    number = (b"claimgraph-snapshot", str(reading.number).encode())
    return [(b"etag", tag), (b"vary", b"Accept"), number, *reading.control]


async def _send(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
