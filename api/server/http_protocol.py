"""HTTP/1.1 protocol with the limits on clients that uvicorn lacks: size and time of the head, connections, slow reads.

Without them a client could occupy a connection for ever by sending its headers byte by byte, fill the memory with a
header that never ends, go on sending a body after the response, or never read its response; or occupy all connections
with bodies that stall. Requests are refused with a problem document (RFC 9457), like all other errors.

No other module uses uvicorn. The internals of uvicorn that this one uses are listed in
``tests/api/server/test_uvicorn_internals.py``, which fails if any of them changes. Therefore pyproject.toml limits
uvicorn to versions below the next minor release.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

import uvicorn
from uvicorn.middleware.proxy_headers import _TrustedHosts
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.server.connection_adoption import ConnectionAdoption
from api.server.connection_limit_settings import ConnectionLimits
from api.server.early_refusal_responses import (
    FULL,
    HOST,
    LATE,
    LONG_HEAD,
    LONG_URL,
    MALFORMED,
    STALLED,
    EarlyRefusal,
)
from api.server.host_field_syntax import names_one_host
from api.server.socket_write_coalescing import CoalescingTransport

_LINGER = 2.0
"""Seconds in which a refused client may go on sending, so that it can read the response before the reset."""

_MIN_RATE = 1024
"""Slowest rate, in bytes a second, at which a client may read its response, or send a body while room is needed."""


_MAX_PIPELINED = 64
"""Requests that a client may send before it has the response to an earlier one: all of a piece are parsed at once."""

_MAX_TRAILERS = 100
"""Fields after the last chunk of a body; they are ignored."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 with limits. For the usual request, which arrives in one piece, it costs two more calls."""

    limits: ClassVar[ConnectionLimits]

    lost: Callable[[], None] | None = None
    """Called when the connection is lost."""

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
    _body_of: Any = None  # the cycle whose body is incomplete
    _body_due = 0.0  # when that body counts as stalled

    @property
    def _host(self) -> str:
        """Network address of the client, or of the proxy in front of it."""
        return self.client[0] if self.client else ""

    @property
    def _is_idle(self) -> bool:
        """Whether no request is in progress."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def _is_evictable(self) -> bool:
        """Whether the connection may be closed to make room for another."""
        return not self._refused and (self._is_idle or self._is_stalled)

    @property
    def _is_stalled(self) -> bool:
        """Whether the client owes the body of its request, and has sent too little of it for some time.

        It owes nothing while the server does not read (its buffer is full), or has not asked for the body yet
        (``Expect: 100-continue``).
        """
        return self._owes_body and self.loop.time() >= self._body_due

    @property
    def _owes_body(self) -> bool:
        """Whether the client is sending the body of its request, which the server has not responded to."""
        cycle = self.cycle
        if cycle is not self._body_of or not cycle.more_body or cycle.response_started or self.pipeline:
            return False
        return not (self.flow.read_paused or cycle.waiting_for_100_continue)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection; close an idle one if there are too many."""
        super().connection_made(transport)
        self._opened = self.loop.time()
        self._watch_head()
        if len(self.connections) > self.limits.connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel all timers, and report the loss."""
        self._cancel_timers()
        super().connection_lost(exc)
        if self.lost is not None:
            self.lost()

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
            if len(self.headers) > _MAX_TRAILERS:
                self._refuse(MALFORMED)
            elif cycle.response_complete:  # the rest of a body, or bytes between requests
                self._watch_head()
            elif cycle.more_body:
                self._body_grew(len(data))

    def on_message_begin(self) -> None:
        """Begin a request, unless too many wait already; the parser then stops, and the connection is closed soon.

        Raises:
            ValueError: too many wait.
        """
        if len(self.pipeline) >= _MAX_PIPELINED:
            raise ValueError("too many pipelined requests")
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Start the application, or the refusal of a head that is complete and too long, or names no single host."""
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        # If the whole head was counted, its size is known; else the fields are added up, which takes longer.
        counted = self._chunk and not self._partly
        if not ((counted and self._head_bytes + self._chunk <= self.limits.head_bytes) or self._fits()):
            self._answer(LONG_HEAD)
        elif not names_one_host(self.headers, self.parser.get_http_version()):
            self._answer(HOST)
        else:
            super().on_headers_complete()
            self.cycle.transport = CoalescingTransport(self.transport, self.loop)  # type: ignore[assignment] # its task has not started yet
        self.headers = []  # what follows a body in chunks is not added to the fields of the request

    def _answer(self, refusal: EarlyRefusal) -> None:
        """Start a refusal in place of the application."""
        application = self.app
        self.app = refusal
        self.limits.refused[refusal.reason] += 1
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

    def _body_grew(self, size: int) -> None:
        """Extend the time after which an incomplete body counts as stalled.

        Each byte extends it by what the slowest rate takes for one, but never beyond ``body_stall_seconds`` from now.
        For 5 s and 1,024 bytes a second: a body that begins now is due in 5 s; a kilobyte 2 s later makes it 6 s from
        the beginning; a single byte each second changes next to nothing, so that a trickle stalls like silence.
        """
        latest = self.loop.time() + self.limits.body_stall_seconds
        if self._body_of is self.cycle:
            self._body_due = min(self._body_due + size / _MIN_RATE, latest)
        else:
            self._body_of, self._body_due = self.cycle, latest

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
        self.transport.write(refusal.response(self.server_state.default_headers))
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
        """Close the oldest connection without a request so far, else the oldest idle one, else the one stalled longest.

        If there is none of these, close one whose body is not complete of the client that has the most connections, if
        that has at least two more than this one. Else refuse this one.
        """
        others = [it for it in self.connections if isinstance(it, LimitedHttpProtocol) and it is not self]
        evictable = [other for other in others if other._is_evictable]
        if not evictable and others:
            counts = Counter(other._host for other in others)
            host, number = counts.most_common(1)[0]
            if number > counts[self._host] + 1:
                evictable = [other for other in others if other._host == host and other._owes_body]
        if not evictable:
            self._refuse(FULL)
            return
        min(evictable, key=LimitedHttpProtocol._eviction_order)._leave()

    def _eviction_order(self) -> tuple[int, float]:
        """Return the key by which the connection to evict is chosen: the smallest goes first."""
        if self._is_idle:
            return int(self.cycle is not None), self._opened
        return 2, self._body_due

    def _leave(self) -> None:
        """Make room: close this connection at once, or after its stalled request has been refused.

        In either case it counts no longer. A refused one lingers for 2 s; there cannot be many of these, because each
        has been stalled for a while before.
        """
        self.connections.discard(self)
        if self._is_idle:
            self._refused = True
            self.limits.refused["made room"] += 1
            self.transport.abort()
        else:
            self._refuse(STALLED)


class LimitedServer(uvicorn.Server):
    """uvicorn server with limits.

    It serves the listening sockets that :meth:`run` gets, or the connections that a supervisor hands over. Messages go
    to the loggers of ``uvicorn``, which are configured elsewhere; requests are not logged here.
    """

    def __init__(
        self,
        application: Any,
        limits: ConnectionLimits,
        grace: int,
        adoption: ConnectionAdoption | None = None,
        orphaned: Callable[[], None] = lambda: None,
    ) -> None:
        """Serve an application.

        Args:
            application: ASGI application.
            limits: limits of connections.
            grace: seconds that requests in progress may take to finish after a signal to stop.
            adoption: source of connections, for :meth:`run_adopting`.
            orphaned: called when the supervisor has ended.
        """
        self._adoption = adoption
        self._orphaned = orphaned
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

    def run_adopting(self) -> None:
        """Serve the connections that the supervisor hands over; return after a signal to stop, or if it has ended."""
        self.run([])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the server, and report that it is ready."""
        await super().startup(sockets)
        if self.started and self._adoption is not None:
            self._adoption.start(self._new_protocol, self._supervisor_ended)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, and finish the requests in progress."""
        if self._adoption is not None:
            await self._adoption.stop()
        await super().shutdown(sockets)
        if self._adoption is not None:
            # So that ``run`` returns: uvicorn would end the process by the same signal, before anything is cleaned up.
            self._captured_signals.clear()

    def _new_protocol(self, lost: Callable[[], None]) -> LimitedHttpProtocol:
        """Make the protocol of a connection as uvicorn does for its listening sockets."""
        protocol: LimitedHttpProtocol = self.config.http_protocol_class(  # type: ignore[call-arg, assignment]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        protocol.lost = lost
        return protocol

    def _supervisor_ended(self) -> None:
        """Stop: nobody would hand over a connection any more."""
        self._orphaned()
        self.should_exit = True


def trusted_proxies() -> Callable[[str], bool]:
    """Return a function that tells whether an address is one of the proxies whose forwarded headers are trusted.

    They are those of uvicorn: of ``FORWARDED_ALLOW_IPS``, or of this machine.
    """
    return _TrustedHosts(uvicorn.Config("", log_config=None).forwarded_allow_ips).__contains__


def limited(limits: ConnectionLimits) -> type[LimitedHttpProtocol]:
    """Return a protocol class with limits, for uvicorn's ``http`` setting."""
    return type("Limited", (LimitedHttpProtocol,), {"limits": limits})
