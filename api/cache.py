"""Answers by snapshot: a strong ETag for every read, 304 without running anything, and a bounded cache of answers.

What a read gives depends on the snapshot, on the request and on what the asker may see, and on nothing else. So these
three make its entity tag (RFC 9110, clause 8.8.3) and the key under which its bytes are kept. A handler whose answer
depends on more (the clock, chance, another server) says so with ``Cache-Control: no-store``.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import exchange
from kg.endpoint import Endpoint
from kg.errors import ClaimgraphError
from kg.tokens import Tokens

Headers = list[tuple[bytes, bytes]]

_SAFE = frozenset(("GET", "HEAD"))
_KEYED = frozenset((b"accept", b"host"))
_AS_OF = re.compile(rb"(?:^|&)asOf=([0-9]{1,18})(?:&|$)")
_UNTAGGED = ("/static/", "/healthz", "/readyz", "/metrics", "/admin/")
_FROM_SNAPSHOT = "/sparql"
_SHARE_OF_ONE = 8
"""An answer that takes more than this part of the cache is not kept."""


@dataclass(frozen=True)
class Kept:
    """An answer that is given again."""

    headers: Headers
    body: bytes


class Answers:
    """The answers that are kept, the least recently used given up first."""

    def __init__(self, size: int) -> None:
        """Keep at most ``size`` bytes of bodies."""
        self._size = size
        self._used = 0
        self._kept: OrderedDict[bytes, Kept] = OrderedDict()

    def get(self, tag: bytes) -> Kept | None:
        """Look up an answer by its entity tag."""
        found = self._kept.get(tag)
        if found is not None:
            self._kept.move_to_end(tag)
        return found

    def takes(self, size: int) -> bool:
        """Tell whether an answer of so many bytes may be kept."""
        return size <= self._size // _SHARE_OF_ONE

    def put(self, tag: bytes, kept: Kept) -> None:
        """Keep an answer, and give up old ones for it."""
        if tag not in self._kept:
            self._used += len(kept.body)
        self._kept[tag] = kept
        while self._used > self._size:
            _, old = self._kept.popitem(last=False)
            self._used -= len(old.body)


class SnapshotAnswers:
    """The ASGI layer: tags reads, gives kept answers, and lets a write be acknowledged only once it can be read."""

    def __init__(self, app: ASGIApp, endpoint: Endpoint, tokens: Tokens, size: int) -> None:
        """Wrap ``app``; ``size`` is the room for answers in bytes."""
        self._app = app
        self._endpoint = endpoint
        self._tokens = tokens
        self._answers = Answers(size)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] not in _SAFE:
            await self._write(scope, receive, send)
        elif _path(scope).startswith(_UNTAGGED) or (seen := self._seen(scope)) is None:
            await self._app(scope, receive, send)
        else:
            await self._read(scope, receive, send, seen)

    def _seen(self, scope: Scope) -> bytes | None:
        """Tell what part of the graph the caller sees; ``None`` where the handler has to say that it sees nothing."""
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        try:
            principal = self._tokens.authenticate(b", ".join(given).decode("latin-1") if given else None)
            principal.require("read")
        except ClaimgraphError:
            return None
        scope.setdefault("state", {})["principal"] = principal
        return b"" if principal.graphs is None else repr(principal.graphs).encode()

    async def _write(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoint

        async def acknowledge(message: Message) -> None:
            if message["type"] == "http.response.start" and endpoint.store.version != endpoint.number:
                await endpoint.publish()
            await send(message)

        await self._app(scope, receive, acknowledge)

    async def _read(self, scope: Scope, receive: Receive, send: Send, seen: bytes) -> None:
        number, past = self._endpoint.number, False
        if b"asOf" in scope["query_string"] and (found := _AS_OF.search(scope["query_string"])):
            number, past = int(found[1]), True
        noted = exchange.of(scope)
        noted.snapshot = number
        tag, condition = self._tag(scope, number, seen)
        if condition and tag in condition:
            noted.cache = "not-modified"
            await _send(send, 304, [(b"etag", tag), *_control(past, seen)])
            return
        kept = self._answers.get(tag)
        if kept is not None:
            noted.cache = "hit"
            await _send(send, 200, kept.headers, kept.body)
            return
        noted.cache = "miss"
        control = _control(past, seen)
        wanted = self._settled(scope, number)
        await self._app(scope, receive, _Recorder(self, send, tag, Reading(number, past, wanted, control)))

    def _tag(self, scope: Scope, number: int, seen: bytes) -> tuple[bytes, bytes]:
        """Make the entity tag of a request, and give the tags that it has already."""
        digest = blake2b(scope["scheme"].encode() + seen, digest_size=12)
        condition = b""
        for name, value in scope["headers"]:
            if name in _KEYED:
                digest.update(name + b"\x00" + value + b"\x00")
            elif name == b"if-none-match":
                condition = value
        digest.update((scope.get("raw_path") or scope["path"].encode()) + b"?" + scope["query_string"])
        tag = f'"{self._endpoint.store.identity}-{number:x}-{digest.hexdigest()}"'
        return tag.encode(), condition

    def _settled(self, scope: Scope, number: int) -> bool:
        """Whether what a handler reads now is what the snapshot of that number holds."""
        endpoint = self._endpoint
        return _path(scope) == _FROM_SNAPSHOT or endpoint.store.version == number

    def unchanged(self, number: int, past: bool) -> bool:
        """Whether an answer that was begun under a number still has it."""
        return past or self._endpoint.number == number

    def keep(self, tag: bytes, kept: Kept) -> None:
        """Keep an answer for the next who asks the same."""
        self._answers.put(tag, kept)

    def keeps(self, size: int) -> bool:
        """See :meth:`Answers.takes`."""
        return self._answers.takes(size)


@dataclass(frozen=True)
class Reading:
    """What a read was begun with.

    Attributes:
        number: of the snapshot.
        past: whether the request names it.
        settled: whether the handler reads what that snapshot holds.
        control: how long others may keep the answer.
    """

    number: int
    past: bool
    settled: bool
    control: Headers


class _Recorder:
    """Passes an answer on, with its tag, and keeps it."""

    def __init__(self, layer: SnapshotAnswers, send: Send, tag: bytes, reading: Reading) -> None:
        self._layer = layer
        self._send = send
        self._tag = tag
        self._reading = reading
        self._headers: Headers | None = None
        self._body: list[bytes] = []
        self._size = 0

    async def __call__(self, message: Message) -> None:
        reading = self._reading
        if message["type"] == "http.response.start":
            right = reading.settled and self._layer.unchanged(reading.number, reading.past)
            if right and message["status"] == 200:
                message = self._start(message)
        elif message["type"] == "http.response.body" and self._headers is not None:
            self._take(message)
        await self._send(message)

    def _start(self, message: Message) -> Message:
        headers: Headers = list(message["headers"])
        if any(name == b"cache-control" for name, _ in headers):
            return message
        number = (b"claimgraph-snapshot", str(self._reading.number).encode())
        self._headers = [*headers, (b"etag", self._tag), number, *self._reading.control]
        return {**message, "headers": self._headers}

    def _take(self, message: Message) -> None:
        body = message.get("body", b"")
        self._size += len(body)
        if not self._layer.keeps(self._size):
            self._headers = None
            self._body.clear()
            return
        self._body.append(body)
        if not message.get("more_body") and self._headers is not None:
            self._layer.keep(self._tag, Kept(self._headers, b"".join(self._body)))


def _path(scope: Scope) -> str:
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _control(past: bool, seen: bytes) -> Headers:
    """Say how long others may keep an answer: a past snapshot never changes, the present one may at any time."""
    who = b"private, " if seen else b""
    return [(b"cache-control", who + (b"max-age=31536000, immutable" if past else b"no-cache"))]


async def _send(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
