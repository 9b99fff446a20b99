"""Connection of a web process to the writer: requests, replies, news of commits, and the replacement of the writer."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kg.errors import Busy, ClaimgraphError, ReaderLost, StoreUnavailable, TimedOut
from kg.processes import ipc_messages
from kg.processes.write_turns import WriteTurns
from kg.rdf.query_request_and_result import QueryDataset
from kg.store.prepared_writes_and_conflicts import Outdated, PreparedWrite
from kg.store.snapshots import EndOfWriter
from kg.store.store_protocols import Outcome

_log = logging.getLogger("claimgraph.writer")

_NEXT_WRITER_SECONDS = 10.0
"""Seconds that a failed write waits for the next writer, which knows why its predecessor has ended."""

_WAITING_SECONDS = 5.0
"""Seconds beyond the time limit of a write that another waits for its turn: the end of the one before may be that of
the writer, and the next has to start first."""

_SILENCE_SECONDS = 10.0
"""Seconds in addition to the time limits of two writes after which a writer that does not respond is not waited for."""

_LATE = 0.95
"""Share of the time limit after which the end of the writer is ascribed to the limit."""


@dataclass(frozen=True)
class News:
    """What the writer reports after each write.

    Attributes:
        number: number of the new snapshot.
        before: number of the snapshot before.
        graphs: named graphs that were written in between; ``None`` if that is unknown.
        users: whether any user graph may have been written, too.
    """

    number: int
    before: int
    graphs: tuple[str, ...] | None
    users: bool


@dataclass
class _Request:
    """A request to the writer in progress.

    Attributes:
        reply: future for the reply; fails if the writer ends.
        begun: when the writer began, by the clock of the event loop; 0 before.
    """

    identifier: int
    reply: asyncio.Future[dict[str, Any]]
    begun: float = 0.0


class _WriterLost(Exception):
    """The writer has ended during a request."""


@dataclass
class _Channel(asyncio.Protocol):
    """Connection to one writer."""

    owner: WriterConnection
    request: _Request | None = None
    lost: bool = False
    unpacker: ipc_messages.MessageUnpacker = field(default_factory=ipc_messages.MessageUnpacker)
    transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport  # type: ignore[assignment] # uvloop's transports are not of that class

    def data_received(self, data: bytes) -> None:
        """Handle the messages of the writer."""
        found = self.unpacker.feed(data)
        while found:
            self._handle(found[0])
            found = self.unpacker.feed(b"")

    def _handle(self, message: dict[str, Any]) -> None:
        request = self.request
        if "published" in message:
            graphs = message["graphs"]
            self.owner.heard(
                News(
                    message["published"], message["before"], None if graphs is None else tuple(graphs), message["users"]
                )
            )
        elif request and message.get("begun") == request.identifier:
            request.begun = asyncio.get_running_loop().time()
        elif request and message.get("id") == request.identifier and not request.reply.done():
            request.reply.set_result(message)

    def connection_lost(self, _error: Exception | None) -> None:
        """Fail the request in progress."""
        self.lost = True
        if self.request and not self.request.reply.done():
            self.request.reply.set_exception(_WriterLost())
        self.owner.lost(self)


class WriterConnection:
    """Requests of one process to the current writer, one at a time. Use it on one event loop.

    Attributes:
        on_news: called with each :class:`News`.
    """

    def __init__(
        self, update_seconds: float, on_news: Callable[[News], None], last_end: Callable[[], EndOfWriter]
    ) -> None:
        """Make a connection without a writer.

        Args:
            update_seconds: time limit of a write.
            on_news: see above.
            last_end: returns why the writer before the current one has ended.
        """
        self.on_news = on_news
        self._last_end = last_end
        self._seconds = update_seconds
        self._channel: _Channel | None = None
        self._given_up = False
        self._attached = asyncio.Event()
        self._turns = WriteTurns()
        self._identifiers = itertools.count(1)

    async def attach(self, sock: socket.socket) -> None:
        """Use a connection to a new writer."""
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        _, channel = await loop.create_unix_connection(lambda: _Channel(self), sock=sock)
        self._channel = channel
        self._attached.set()
        self.heard(News(0, 0, None, users=True))  # whatever was written meanwhile is unknown

    def close(self) -> None:
        """Close the connection."""
        if self._channel and self._channel.transport:
            self._channel.transport.close()

    def give_up(self) -> None:
        """Fail requests that wait for another writer, now and later: there will be none."""
        self._given_up = True
        if self._channel is None:
            self._attached.set()

    def heard(self, news: News) -> None:
        """Pass news on."""
        self.on_news(news)

    def lost(self, channel: _Channel) -> None:
        """Wait for another writer if the current one has ended."""
        if channel is self._channel:
            self._channel = None
            if not self._given_up:
                self._attached.clear()

    async def commit(self, write: PreparedWrite, client: str = "") -> Outcome:
        """Commit a prepared write of a client.

        Raises:
            Outdated: it must be prepared again.
            Busy: other writes take too long.
            TimedOut, ReaderLost: the writer ended during this write.
            StorageFull, StoreUnavailable: the disk refuses it.
        """
        header, content = write.pack()
        reply = await self._ask({"write": header}, content, client)
        outcome: Outcome = reply["outcome"]
        return outcome

    async def update(self, text: str, dataset: QueryDataset, client: str = "") -> None:
        """Run an update of a client.

        Raises:
            Busy, TimedOut, ReaderLost, StorageFull, StoreUnavailable: see :meth:`commit`.
            MalformedText, TooLarge, UsingConflict, Forbidden: see :meth:`kg.store.store.Store.update`.
        """
        await self._ask({"update": vars(dataset)}, text.encode("utf-8", "surrogatepass"), client)

    async def _ask(self, header: dict[str, Any], content: bytes, client: str) -> dict[str, Any]:
        """Send a request when its turn comes, again if the writer ended before it began, and return the reply."""
        patience = self._seconds + _WAITING_SECONDS
        expires = time.monotonic() + patience
        try:
            async with self._turns.turn(client, patience):
                reply = None
                while reply is None:
                    reply = await self._try(header, content, expires)
        except TimeoutError:
            raise _too_busy() from None
        if "outdated" in reply:
            raise Outdated
        if "error" in reply:
            reply.pop("id")
            raise ipc_messages.decode_error(reply)
        return reply

    async def _try(self, header: dict[str, Any], content: bytes, expires: float) -> dict[str, Any] | None:
        """Send a request once and return the reply; ``None`` if the writer ended before it had begun.

        Raises:
            Busy: there is no writer in time.
            StoreUnavailable: there will be none.
            TimedOut, ReaderLost: the writer ended during the request, or does not respond.
        """
        try:
            async with asyncio.timeout(max(0.0, expires - time.monotonic())):
                await self._attached.wait()
        except TimeoutError:
            raise _too_busy() from None
        channel = self._channel
        if channel is None and self._given_up:
            raise StoreUnavailable("The server stops, so this write was not begun.", remedy="Retry in a moment.")
        if channel is None or channel.transport is None:
            return None
        request = _Request(next(self._identifiers), asyncio.get_running_loop().create_future())
        channel.request = request
        channel.transport.write(ipc_messages.pack({"id": request.identifier, "expires": expires, **header}, content))
        try:
            # A write begins before it expires and ends itself at its time limit, unless the writer is stopped.
            async with asyncio.timeout(max(0.0, expires - time.monotonic()) + self._seconds + _SILENCE_SECONDS):
                return await asyncio.shield(request.reply)
        except TimeoutError:
            raise TimedOut(
                "The process that writes does not respond; the write is stored completely or not at all.",
                remedy="Check which later. If other writes fail too, restart the server.",
            ) from None
        except _WriterLost:
            if not request.begun:
                return None
            raise await self._reason(asyncio.get_running_loop().time() - request.begun) from None
        finally:
            channel.request = None

    async def _reason(self, elapsed: float) -> ClaimgraphError:
        """Return the error of a write during which the writer ended, after ``elapsed`` seconds."""
        state = "it is stored completely or not at all"
        if elapsed >= self._seconds * _LATE:
            return TimedOut(
                f"The write was ended after {elapsed:.1f} s, at its time limit; {state}.",
                remedy="Check which, then change less at a time, use `kg load`, or raise KG_UPDATE_TIMEOUT.",
            )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_NEXT_WRITER_SECONDS):
                await self._attached.wait()  # the next writer knows why
        match self._last_end():
            case EndOfWriter.memory:
                return ReaderLost(
                    f"The write exceeded the memory limit of the writer and was ended; {state}.",
                    remedy="Check which, then change less at a time, or raise KG_MAX_WRITER_MEMORY.",
                )
            case EndOfWriter.fault:
                return ReaderLost(
                    f"The engine failed on this write; {state}.",
                    remedy="Check which, and write it in another way; sorting values of different kinds may fail.",
                )
        return ReaderLost(f"The process that writes was ended; {state}.", remedy="Check which, and retry.")


def _too_busy() -> Busy:
    return Busy("Other writes took too long, so this one was not begun.", remedy="Retry in a moment.")
