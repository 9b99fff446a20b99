"""What a lane answers: requests of one connection that are alike but for their query, and ask nothing unusual."""

from __future__ import annotations

import re
from binascii import a2b_qp
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from kg import engine
from kg.bounds import Bounds
from kg.query import Depth, Evaluator, volatile
from kg.request import Choice, Dataset
from kg.tags import entity_tag

_LARGEST = 120_000
"""Bytes; a larger answer is left to the server, which sends it piece by piece."""
_SHARE_OF_ONE = 64
"""An answer that takes more than this part of the memory for answers is not kept."""
_ENTRY = 900
"""Bytes that a kept answer takes beside its texts."""
_VALUE = re.compile(rb"(?:[^\x00-\x20%&#\x7f-\xff]|%[0-9A-Fa-f]{2})+")
"""The value of the parameter ``query`` where no other stands beside it, each octet that has to be encoded whole."""
_TAGS = re.compile(rb'[\x20!-~]*"[\x20!-~]*')
"""The value of If-None-Match that names tags: the end of a line is not in it, nor is it a lone star."""


@dataclass(frozen=True)
class Terms:
    """On what terms a connection is lent.

    Attributes:
        start: how each request begins, up to the query: ``GET /sparql?query=``.
        head: the header fields of each request, as sent, without the request line; up to the value of If-None-Match,
            if there is one.
        tail: what follows that value; empty without one.
        base: against which a query's relative IRIs are resolved.
        choice: the formats for the engine, by kind of result; ``None`` where an answer is not plainly that.
        types: the media type to send, by kind of result.
        fields: header fields of every answer, as they are sent.
        asker: see :func:`kg.tags.entity_tag`.
        identifier: the request id that the client gave; empty for one of ours.
        client: address of the peer.
    """

    start: bytes
    head: bytes
    tail: bytes
    base: str
    choice: dict[str, str | None]
    types: dict[str, str]
    fields: bytes
    asker: bytes
    identifier: str
    client: str

    def condition(self, head: bytes) -> bytes:
        """Give the value of If-None-Match, or nothing, of header fields that are alike but for that.

        Raises:
            NotQuick: they are not.
        """
        if head == self.head and not self.tail:
            return b""
        value = head[len(self.head) : -len(self.tail)] if self.tail else b""
        alike = head.startswith(self.head) and head.endswith(self.tail)
        if not (alike and _TAGS.fullmatch(value)):
            raise NotQuick
        return value

    def pack(self) -> dict[str, Any]:
        """Write them as JSON can hold them."""
        return {
            name: value.decode("latin-1") if isinstance(value, bytes) else value for name, value in vars(self).items()
        }

    @classmethod
    def unpack(cls, told: dict[str, Any]) -> Terms:
        """Read what :meth:`pack` has written."""
        raw = {name for name, kind in cls.__annotations__.items() if kind == "bytes"}
        return cls(**{name: value.encode("latin-1") if name in raw else value for name, value in told.items()})


def unquoted(value: bytes) -> bytes:
    """Decode a value of a form, in which all that follows a percent sign is two hexadecimal digits.

    Quoted-printable (RFC 2045) is the same with another sign, and the standard library decodes it in C: a long query
    takes a tenth of the time.
    """
    return a2b_qp(value.replace(b"=", b"=3D").replace(b"+", b"=20").replace(b"%", b"="))


class NotQuick(Exception):
    """This request is for the server."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that can be given again.

    Attributes:
        head: status line and fields, but for those of the moment.
        body: what follows.
        status: as a number.
        query_hash: see :class:`kg.lanes.Served`.
        cost: bytes of memory that it takes, about.
    """

    head: bytes
    body: bytes
    status: int
    query_hash: str

    @property
    def cost(self) -> int:
        """How many bytes of memory it takes, about."""
        return _ENTRY + len(self.head) + len(self.body)


class Answers:
    """Answers requests from one snapshot at a time, and the same request from memory."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._evaluator = Evaluator(Depth(settings["nesting"], settings["height"]), Bounds(settings["rows"]))
        self._largest = min(_LARGEST, settings["size"])  # what takes longer than a lane may take cannot grow far
        self._store = settings["store"]
        self._longest = settings["length"]
        self._room = settings["cache"]
        self._used = 0
        self._kept: OrderedDict[bytes, Answer] = OrderedDict()
        self._paths: dict[int, str] = {}
        self._number = 0
        self._engine: engine.Engine | None = None

    def learn(self, number: int, path: str) -> None:
        """Note where a snapshot lies; it is opened when it is asked for."""
        self._paths = {number: path}

    def knows(self, number: int) -> bool:
        """Tell whether a snapshot is open, or can be opened."""
        return number == self._number or number in self._paths

    def open(self, number: int) -> None:
        """Read from that snapshot from now on."""
        if number != self._number:
            self._kept.clear()
            self._used = self._number = 0
            self._engine = engine.open_snapshot(Path(self._paths[number]))
            self._number = number

    def answer(self, terms: Terms, request: bytes) -> tuple[Answer, str]:
        """Answer a request whose head has come whole; tell as well what the cache says.

        Raises:
            NotQuick: it is not for a lane.
            Exception: whatever goes wrong in the engine; the server will meet it again.
        """
        found = self._kept.get(request)
        if found is not None:
            self._kept.move_to_end(request)
            return found, "not-modified" if found.status == 304 else "hit"
        text, target, condition = self._read(terms, request)
        query_hash = sha256(text.encode()).hexdigest()[:16]
        tag = entity_tag(self._store, self._number, terms.asker, target)
        common = b"etag: %b\r\nclaimgraph-snapshot: %d\r\n%b" % (tag, self._number, terms.fields)
        if tag in condition:
            made, said = Answer(b"HTTP/1.1 304 Not Modified\r\n" + common, b"", 304, query_hash), "not-modified"
        else:
            fields, body = self._evaluate(terms, text)
            made, said = Answer(b"HTTP/1.1 200 OK\r\n" + fields + common, body, 200, query_hash), "miss"
        self._keep(request, made)
        return made, said

    def _read(self, terms: Terms, request: bytes) -> tuple[str, bytes, bytes]:
        """Give the query's text, the target of the request line, and the value of If-None-Match."""
        line, _, head = request.partition(b"\r\n")
        if not line.startswith(terms.start) or not line.endswith(b" HTTP/1.1"):
            raise NotQuick
        condition = terms.condition(head)
        target, value = line[4:-9], line[len(terms.start) : -9]
        if len(target) > self._longest or not _VALUE.fullmatch(value):
            raise NotQuick
        text = unquoted(value).decode("utf-8")
        if volatile(text):
            raise NotQuick
        return text, target, condition

    def _evaluate(self, terms: Terms, text: str) -> tuple[bytes, bytes]:
        assert self._engine is not None
        choice, dataset = Choice(**terms.choice), Dataset(base=terms.base)
        found = self._evaluator.answer(self._engine, text, choice, dataset)
        kind = terms.types.get(found.kind)
        if kind is None or len(found.content) > self._largest:
            raise NotQuick
        return b"content-length: %d\r\ncontent-type: %b\r\n" % (len(found.content), kind.encode()), found.content

    def _keep(self, request: bytes, made: Answer) -> None:
        cost = len(request) + made.cost
        if cost * _SHARE_OF_ONE > self._room:
            return
        self._kept[request] = made
        self._used += cost
        while self._used > self._room:
            old, gone = self._kept.popitem(last=False)
            self._used -= len(old) + gone.cost
