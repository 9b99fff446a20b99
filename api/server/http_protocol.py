"""Limits on what a client may do while its request is read, which uvicorn's parser does not have.

Without them a client holds a connection for ever by sending its headers byte by byte, or fills the memory with a header
that never ends; a body that nobody reads goes on after the answer; and one who never reads his answer is waited for.
Whatever is refused here has the shape of every other error (RFC 9457).

No other module uses uvicorn. What this one uses of its internals is listed in ``tests/kg/test_uvicorn_internals.py``,
which fails when any of it has changed; pyproject.toml therefore keeps uvicorn below its next minor release.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.server.protocol_errors import FULL, LATE, LONG_HEAD, LONG_URL, MALFORMED, EarlyRefusal
from api.server.socket_write_coalescing import CoalescingTransport
from kg.config import HttpSettings

_FIELDS_BYTES = 48 * 1024
"""Room for all header fields together, beside the address."""

_LINGER = 2.0
"""Seconds in which a refused client may go on sending, so that it can read why before the connection is reset."""

_LEAST_RATE = 1024
"""Bytes a second that a client must take of its answer."""


@dataclass(frozen=True)
class ConnectionLimits:
    """What a connection may do.

    Attributes:
        url_bytes: longest address of a request.
        head_seconds: time for the head of a request, from the opening of the connection or the first byte.
        connections: most connections at a time; those that wait for a request make room for new ones.
        stall_seconds: how often a client that takes its answer slowly is looked at.
        refused: counts what was turned away, by reason.
    """

    url_bytes: int = 16384
    head_seconds: float = 10
    connections: int = 500
    stall_seconds: float = 30
    refused: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, settings: HttpSettings, refused: Counter[str]) -> ConnectionLimits:
        """Take them from the settings; ``refused`` is where the metrics read."""
        return cls(settings.max_url_bytes, settings.header_timeout, settings.max_connections, refused=refused)

    @property
    def head_bytes(self) -> int:
        """Longest head of a request: its address and all fields."""
        return self.url_bytes + _FIELDS_BYTES


class LimitedHttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 with limits. What is usual, a request that comes whole at once, costs two more calls."""

    limits: ClassVar[ConnectionLimits]

    url = b""  # the parser's callbacks set it; until then there is none
    _chunk = 0
    _head_bytes = 0
    _partly = False  # whether some of the head came with the end of another request, and is not counted
    _opened = 0.0
    _refused = False
    _discarded = 0
    _head_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None
    _unsent = 0

    @property
    def _waits(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def _may_go(self) -> bool:
        """Whether it may be closed to make room for another."""
        return self._waits and not self._refused

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, if need be in place of one that waits."""
        super().connection_made(transport)
        self._opened = self.loop.time()
        self._watch_head()
        if len(self.connections) > self.limits.connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop every clock."""
        self._stop_clocks()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, and look whether a head is still incomplete after it."""
        if self._refused:
            self._discard(len(data))
            return
        self._chunk = len(data)
        super().data_received(data)
        cycle = self.cycle
        if cycle is None or cycle.scope is not self.scope:
            self._head_grew()
        else:
            self._head_bytes, self._partly = 0, False
            if cycle.response_complete:  # the rest of a body, or noise between requests
                self._watch_head()

    def on_headers_complete(self) -> None:
        """Start answering, but refuse a head that came whole and is too long."""
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        counted = self._chunk and not self._partly
        if (counted and self._head_bytes + self._chunk <= self.limits.head_bytes) or self._fits():
            super().on_headers_complete()
            self.cycle.transport = CoalescingTransport(self.transport, self.loop)  # type: ignore[assignment] # its task has not begun
            return
        application = self.app
        self.app = LONG_HEAD
        self.limits.refused[LONG_HEAD.reason] += 1
        try:
            super().on_headers_complete()
        finally:
            self.app = application

    def on_message_complete(self) -> None:
        """Count no more of what came with the end of a request: nobody tells how much of it is of the next head."""
        self._chunk = 0
        super().on_message_complete()

    def _fits(self) -> bool:
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        return size <= self.limits.head_bytes

    def _head_grew(self) -> None:
        self._head_bytes += self._chunk or 1
        self._partly = self._partly or not self._chunk
        if self._refused:
            return
        if len(self.url) > self.limits.url_bytes:
            self._refuse(LONG_URL)
        elif self._head_bytes > self.limits.head_bytes:
            self._refuse(LONG_HEAD)
        else:
            self._watch_head()

    # ---- clocks

    def _watch_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.limits.head_seconds, self._head_late)

    def _head_late(self) -> None:
        self._head_timer = None
        if not self._waits:
            self._watch_head()  # the next request can wait as long as this one is answered
        elif self._head_bytes:
            self._refuse(LATE)
        else:
            self.transport.close()

    def pause_writing(self) -> None:
        """Start to watch a client that takes its answer slowly."""
        super().pause_writing()
        self._watch_writing()

    def resume_writing(self) -> None:
        """Stop watching it."""
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, even when its last answer was never taken."""
        super().timeout_keep_alive_handler()
        if self in self.connections and self._write_timer is None and self.transport.get_write_buffer_size():
            self._watch_writing()

    def _watch_writing(self) -> None:
        self._unsent = self.transport.get_write_buffer_size()
        self._write_timer = self.loop.call_later(self.limits.stall_seconds, self._look_at_writing)

    def _look_at_writing(self) -> None:
        taken = self._unsent - self.transport.get_write_buffer_size()
        if taken < _LEAST_RATE * self.limits.stall_seconds:
            self.limits.refused["slow reader"] += 1
            self.transport.abort()
        else:
            self._watch_writing()

    def _stop_clocks(self) -> None:
        for timer in (self._head_timer, self._write_timer):
            if timer is not None:
                timer.cancel()
        self._head_timer = self._write_timer = None

    # ---- refusing

    def send_400_response(self, msg: str) -> None:
        """Refuse what does not parse."""
        del msg
        self._refuse(MALFORMED)

    def _refuse(self, refusal: EarlyRefusal) -> None:
        """Say why, take nothing more, and close soon."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self.limits.refused[refusal.reason] += 1
        if not self._waits and not self._abandon():  # an answer is on its way: it is the last one
            self.cycle.keep_alive = False
            self.pipeline.clear()
            self.transport.pause_reading()
            return
        self._unset_keepalive_if_required()
        body = refusal.body()
        lines = [f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}\r\n".encode()]
        fields = [*self.server_state.default_headers, *refusal.fields(len(body))]
        lines += [b"%b: %b\r\n" % pair for pair in fields]
        self.transport.write(b"".join([*lines, b"\r\n", body]))
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self._stop_clocks()
            self._head_timer = self.loop.call_later(_LINGER, self.transport.abort)
        else:
            self.transport.close()

    def _abandon(self) -> bool:
        """Take a request away from the application that still waits for the rest of its body; tells whether it did."""
        cycle = self.cycle
        if cycle.response_started or not cycle.more_body or self.pipeline:
            return False
        cycle.disconnected = True
        cycle.message_event.set()
        return True

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > self.limits.head_bytes:
            self.transport.abort()

    def _make_room(self) -> None:
        """Close the connection that has waited longest for its first request, else an idle one, else this one."""
        waiting = [
            other
            for other in self.connections
            if isinstance(other, LimitedHttpProtocol) and other is not self and other._may_go
        ]
        if not waiting:
            self._refuse(FULL)
            return
        victim = min(waiting, key=lambda other: (other.cycle is not None, other._opened))
        victim._refused = True
        self.limits.refused["made room"] += 1
        self.connections.discard(victim)
        victim.transport.abort()


class LimitedServer(uvicorn.Server):
    """A server within limits, which says when it has started.

    Messages go to the loggers of ``uvicorn`` as they are set up; nothing is logged of requests.
    """

    def __init__(self, application: Any, limits: ConnectionLimits, grace: int, ready: Callable[[], None]) -> None:
        """Serve an application; when a signal says to stop, answers in flight get ``grace`` seconds."""
        self._ready = ready
        super().__init__(
            uvicorn.Config(
                application,
                http=limited(limits),
                ws="none",
                log_config=None,
                access_log=False,
                lifespan="on",
                server_header=False,
                timeout_graceful_shutdown=grace,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()


def limited(limits: ConnectionLimits) -> type[LimitedHttpProtocol]:
    """Give the protocol class for uvicorn's ``http`` setting."""
    return type("Limited", (LimitedHttpProtocol,), {"limits": limits})
