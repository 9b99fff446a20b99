"""HTTP/1.1 protocol with the limits on clients that uvicorn lacks: size and time of the head, connections, slow reads.

Without them a client could occupy a connection for ever by sending its headers byte by byte, fill the memory with a
header that never ends, go on sending a body after the response, or never read its response. Requests are refused with a
problem document (RFC 9457), like all other errors.

No other module uses uvicorn. The internals of uvicorn that this one uses are listed in
``tests/api/server/test_uvicorn_internals.py``, which fails if any of them changes. Therefore pyproject.toml limits
uvicorn to versions below the next minor release.
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

from api.server.early_refusal_responses import FULL, LATE, LONG_HEAD, LONG_URL, MALFORMED, EarlyRefusal
from api.server.socket_write_coalescing import CoalescingTransport
from kg.config import HttpSettings

_FIELDS_BYTES = 48 * 1024
"""Bytes for all header fields together, in addition to the URL."""

_LINGER = 2.0
"""Seconds in which a refused client may go on sending, so that it can read the response before the reset."""

_MIN_RATE = 1024
"""Slowest rate, in bytes a second, at which a client may read its response."""


@dataclass(frozen=True)
class ConnectionLimits:
    """Limits of connections.

    Attributes:
        url_bytes: longest URL of a request.
        head_seconds: time for the head of a request, from the opening of the connection or its first byte.
        connections: largest number of connections; idle ones are closed to make room for new ones.
        stall_seconds: interval at which slow reading of a response is checked.
        refused: counter of refusals, by reason.
    """

    url_bytes: int = 16384
    head_seconds: float = 10
    connections: int = 500
    stall_seconds: float = 30
    refused: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, settings: HttpSettings, refused: Counter[str]) -> ConnectionLimits:
        """Return the limits in the settings; ``refused`` is the counter that the metrics report."""
        return cls(settings.max_url_bytes, settings.header_timeout, settings.max_connections, refused=refused)

    @property
    def head_bytes(self) -> int:
        """Longest head of a request in bytes: its URL and all header fields."""
        return self.url_bytes + _FIELDS_BYTES


class LimitedHttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 with limits. For the usual request, which arrives in one piece, it costs two more calls."""

    limits: ClassVar[ConnectionLimits]

    url = b""  # set by the parser's callbacks
    _chunk = 0  # bytes of the piece that is being parsed
    _head_bytes = 0  # bytes of the incomplete head so far
    _partly = False  # whether the head began in the same piece as another request ended, and that part is not counted
    _opened = 0.0
    _refused = False
    _discarded = 0
    _head_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None
    _unsent = 0

    @property
    def _is_idle(self) -> bool:
        """Whether no request is in progress."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def _is_evictable(self) -> bool:
        """Whether the connection may be closed to make room for another."""
        return self._is_idle and not self._refused

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection; close an idle one if there are too many."""
        super().connection_made(transport)
        self._opened = self.loop.time()
        self._watch_head()
        if len(self.connections) > self.limits.connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel all timers."""
        self._cancel_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse a piece, and check the limits of a head that is still incomplete after it."""
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
            if cycle.response_complete:  # the rest of a body, or bytes between requests
                self._watch_head()

    def on_headers_complete(self) -> None:
        """Start the application, or the refusal of a head that is complete and too long."""
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        # If the whole head was counted, its size is known; else the fields are added up, which takes longer.
        counted = self._chunk and not self._partly
        if (counted and self._head_bytes + self._chunk <= self.limits.head_bytes) or self._fits():
            super().on_headers_complete()
            self.cycle.transport = CoalescingTransport(self.transport, self.loop)  # type: ignore[assignment] # its task has not started yet
            return
        application = self.app
        self.app = LONG_HEAD
        self.limits.refused[LONG_HEAD.reason] += 1
        try:
            super().on_headers_complete()
        finally:
            self.app = application

    def on_message_complete(self) -> None:
        """Stop counting this piece: it is unknown how much of it belongs to the next head."""
        self._chunk = 0
        super().on_message_complete()

    def _fits(self) -> bool:
        """Return whether a complete head is within its limit."""
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        return size <= self.limits.head_bytes

    def _head_grew(self) -> None:
        """Count the piece for an incomplete head, and refuse the head if it is too long."""
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

    # ---- timers

    def _watch_head(self) -> None:
        """Start the timer of the head, unless it runs already."""
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.limits.head_seconds, self._head_late)

    def _head_late(self) -> None:
        """Refuse a head that is incomplete after its time; close a connection that has not sent any of it."""
        self._head_timer = None
        if not self._is_idle:
            self._watch_head()  # the time of the next head does not count while this request is in progress
        elif self._head_bytes:
            self._refuse(LATE)
        else:
            self.transport.close()

    def pause_writing(self) -> None:
        """Start to watch a client that reads its response slowly."""
        super().pause_writing()
        self._watch_writing()

    def resume_writing(self) -> None:
        """Stop watching the client."""
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, even if its last response was never read."""
        super().timeout_keep_alive_handler()
        if self in self.connections and self._write_timer is None and self.transport.get_write_buffer_size():
            self._watch_writing()

    def _watch_writing(self) -> None:
        """Start the timer after which the progress of the client is checked."""
        self._unsent = self.transport.get_write_buffer_size()
        self._write_timer = self.loop.call_later(self.limits.stall_seconds, self._check_writing)

    def _check_writing(self) -> None:
        """Abort the connection if the client has read less than the slowest rate allows."""
        received = self._unsent - self.transport.get_write_buffer_size()
        if received < _MIN_RATE * self.limits.stall_seconds:
            self.limits.refused["slow reader"] += 1
            self.transport.abort()
        else:
            self._watch_writing()

    def _cancel_timers(self) -> None:
        """Cancel the timers of head and response."""
        for timer in (self._head_timer, self._write_timer):
            if timer is not None:
                timer.cancel()
        self._head_timer = self._write_timer = None

    # ---- refusing

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that is not valid HTTP/1.1."""
        del msg
        self._refuse(MALFORMED)

    def _refuse(self, refusal: EarlyRefusal) -> None:
        """Send a refusal, read nothing more, and close the connection soon."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self.limits.refused[refusal.reason] += 1
        if not self._is_idle and not self._abandon():  # a response is being sent: it is the last one
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
            self._cancel_timers()
            self._head_timer = self.loop.call_later(_LINGER, self.transport.abort)
        else:
            self.transport.close()

    def _abandon(self) -> bool:
        """Withdraw a request whose body is incomplete from the application; return whether that was possible."""
        cycle = self.cycle
        if cycle.response_started or not cycle.more_body or self.pipeline:
            return False
        cycle.disconnected = True
        cycle.message_event.set()
        return True

    def _discard(self, size: int) -> None:
        """Count bytes after a refusal, and abort the connection if there are too many."""
        self._discarded += size
        if self._discarded > self.limits.head_bytes:
            self.transport.abort()

    def _make_room(self) -> None:
        """Close the oldest connection without a request so far, else the oldest idle one, else refuse this one."""
        evictable = [
            other
            for other in self.connections
            if isinstance(other, LimitedHttpProtocol) and other is not self and other._is_evictable
        ]
        if not evictable:
            self._refuse(FULL)
            return
        victim = min(evictable, key=lambda other: (other.cycle is not None, other._opened))
        victim._refused = True
        self.limits.refused["made room"] += 1
        self.connections.discard(victim)
        victim.transport.abort()


class LimitedServer(uvicorn.Server):
    """uvicorn server with limits, which calls a function once it has started.

    Messages go to the loggers of ``uvicorn``, which are configured elsewhere; requests are not logged here.
    """

    def __init__(self, application: Any, limits: ConnectionLimits, grace: int, ready: Callable[[], None]) -> None:
        """Serve an application.

        Args:
            application: ASGI application.
            limits: limits of connections.
            grace: seconds that requests in progress may take to finish after a signal to stop.
            ready: called once the server has started.
        """
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
        """Start the server and call ``ready``."""
        await super().startup(sockets)
        if self.started:
            self._ready()


def limited(limits: ConnectionLimits) -> type[LimitedHttpProtocol]:
    """Return a protocol class with limits, for uvicorn's ``http`` setting."""
    return type("Limited", (LimitedHttpProtocol,), {"limits": limits})
