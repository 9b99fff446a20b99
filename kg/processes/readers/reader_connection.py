"""Connection of a server to one reader process: its launch, requests, and results or errors from it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from kg import errors
from kg.config import QuerySettings
from kg.processes import ipc_messages
from kg.processes.readers import reader_process
from kg.processes.readers.reader_launcher import LaunchedReader, ReaderLauncher
from kg.rdf.query_request_and_result import QueryResult

Gone = Callable[[], Awaitable[object]]
"""Coroutine function that returns when the client has disconnected."""

_log = logging.getLogger("claimgraph.readers")

_SEND_BUFFER = 1 << 22
"""Size of a reader's socket buffer in bytes; the system may allow less (``net.core.wmem_max``)."""

_RETAINED = 1 << 25
"""Bytes of shared memory that are retained for the next large result."""


@dataclass(eq=False)
class QueryJob:
    """One query in progress.

    Attributes:
        message: message to send to the reader.
        client: sender of the query: name of a token, or network address.
        arrived: in seconds of the event loop's clock.
        deadline: likewise.
        gone: see :data:`Gone`.
        done: future for the result or the error.
        reserve: number of readers that it leaves to jobs which reserve fewer.
        started: when a reader began, in seconds of the event loop's clock; 0 while it waits in the queue.
        watcher: task that waits for ``gone``, if it has been started.
        reader: process id of the reader that runs it; 0 while there is none.
        processor: processor time of that reader when it began, in seconds.
    """

    message: bytes
    client: str
    arrived: float
    deadline: float
    gone: Gone | None
    done: asyncio.Future[QueryResult]
    reserve: int = 0
    started: float = 0.0
    watcher: asyncio.Future[object] | None = None
    reader: int = 0
    processor: float = 0.0

    def used(self, now: float) -> float:
        """Return the processor time that it has used so far, in seconds; if that is unknown, the time since its start.

        On a busy machine a lookup takes long without using much, and must not count as a long query.
        """
        if self.reader:
            with contextlib.suppress(OSError):  # the reader has ended
                return _processor_time(self.reader) - self.processor
        return now - self.started


def _processor_time(pid: int) -> float:
    """Return the processor time of a process, in seconds (clock_getcpuclockid(3), whose macro this is).

    Raises:
        OSError: the process has ended.
    """
    return time.clock_gettime((~pid << 3) | 2)


class ConnectionOwner(Protocol):
    """Receiver of a connection's events; :class:`kg.processes.readers.reader_pool.ReaderPool` is one.

    Attributes:
        snapshot: path of the newest snapshot.
    """

    snapshot: Path

    def query_started(self, job: QueryJob) -> None:
        """Record that a reader runs a query."""

    def query_finished(self) -> None:
        """Record that a reader has sent a result or an error."""

    def reader_free(self, channel: ReaderConnection) -> None:
        """Return a reader to the pool."""

    def snapshot_opened(self) -> None:
        """Record that a reader has opened the snapshot that it was told to."""

    def reader_ended(self, channel: ReaderConnection) -> None:
        """Record that the process of a reader has ended."""


class ReaderConnection(asyncio.Protocol):
    """Connection to one reader.

    Attributes:
        process: the reader's process.
        job: query that it runs; ``None`` while it is idle.
        started: done when the reader is ready, or has ended before.
        served: whether the reader has become ready.
        ending: whether it was killed; further messages are ignored.
        snapshot: path of the snapshot that it was told last to open.
    """

    transport: asyncio.WriteTransport

    def __init__(self, owner: ConnectionOwner, process: LaunchedReader, shared: int) -> None:
        """Manage a process for ``owner``; ``shared`` is the descriptor of the memory for its large results."""
        self.process = process
        self._shared = shared
        self._fetching: asyncio.Task[None] | None = None
        self.job: QueryJob | None = None
        self.started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.served = False
        self.ending = False
        self.snapshot = owner.snapshot
        self._owner = owner
        self._unpacker = ipc_messages.MessageUnpacker()

    @property
    def fetching(self) -> bool:
        """Whether a large result is being read from shared memory."""
        return self._fetching is not None

    def send(self, job: QueryJob) -> None:
        """Send a query to the reader."""
        self.job = job
        job.reader = self.process.pid
        with contextlib.suppress(OSError):
            job.processor = _processor_time(job.reader)
        self._owner.query_started(job)
        self.transport.write(job.message)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Make the reader open the newest snapshot."""
        self.transport = cast(asyncio.WriteTransport, transport)  # uvloop's transports are not of this class
        self.open(self._owner.snapshot)

    def open(self, snapshot: Path) -> None:
        """Make the reader open a snapshot, which takes some milliseconds, before the next query."""
        self.snapshot = snapshot
        self.transport.write(reader_process.opening(snapshot))

    def data_received(self, data: bytes) -> None:
        """Handle the messages of the reader."""
        found = self._unpacker.feed(data)
        while found:
            self._handle(*found)
            found = self._unpacker.feed(b"")

    def connection_lost(self, _error: Exception | None) -> None:
        """Report to the pool that the reader has ended."""
        if not self.started.done():
            self.started.set_result(None)
        if self._fetching is None:
            self.release_memory()
        self._owner.reader_ended(self)

    def _handle(self, header: dict[str, Any], content: bytes) -> None:
        """Handle one message: the first means that the reader is ready, others are results, or ``opened``."""
        if self.ending:
            return
        if not self.served:
            self.served = True
            self.started.set_result(None)
            self._owner.reader_free(self)
        elif "opened" in header:
            self._owner.snapshot_opened()
        elif self.job and "shared" in header:  # the content is in shared memory
            self._fetching = asyncio.create_task(self._fetch(self.job, header))
        elif self.job:
            self._settle(self.job, header, content)
            self._owner.reader_free(self)

    async def _fetch(self, job: QueryJob, header: dict[str, Any]) -> None:
        """Read a large result from the shared memory, off the event loop, and free the reader afterwards."""
        size = header.pop("shared")
        content = await asyncio.to_thread(_read_shared, self._shared, size)
        self._fetching = None
        if self.transport.is_closing():
            self.release_memory()
        if len(content) == size:
            self._settle(job, header, content)
        else:  # the reader has reported more than it wrote
            self.process.kill()
        if not self.transport.is_closing() and not self.ending:
            self._owner.reader_free(self)

    def release_memory(self) -> None:
        """Return the shared memory to the system."""
        if self._shared >= 0:
            os.close(self._shared)
            self._shared = -1

    def _settle(self, job: QueryJob, header: dict[str, Any], content: bytes) -> None:
        """Complete a query with the result or the error that a message describes."""
        if job.done.done():
            return
        self._owner.query_finished()
        if "error" not in header:
            job.done.set_result(QueryResult(content, **header))
        elif header["error"] == "Fault":
            _log.error("a reader failed with an unexpected exception:\n%s", header["trace"])
            job.done.set_exception(reader_lost("fault", 0))
        else:
            job.done.set_exception(ipc_messages.decode_error(header))


def reader_lost(reason: str, memory: int) -> errors.ReaderLost:
    """Return the error of a query whose reader has ended; ``memory`` is the memory limit in bytes."""
    if reason == "memory":
        return errors.ReaderLost(
            f"The query exceeded the memory limit of {memory >> 20} MiB and was terminated.",
            remedy="Request less at a time: sorting, grouping and DISTINCT hold all solutions in memory.",
        )
    return errors.ReaderLost("The process that ran the query was terminated.", remedy="Retry the request.")


def _read_shared(shared: int, size: int) -> bytes:
    """Return ``size`` bytes of shared memory; fewer if the reader has written less.

    Only a large memory is freed afterwards: allocating it again takes longer than everything else.
    """
    parts: list[bytes] = []
    at = 0
    while at < size and (part := os.pread(shared, size - at, at)):
        parts.append(part)
        at += len(part)
    if size > _RETAINED:
        os.ftruncate(shared, 0)
    return b"".join(parts)  # usually a single part, which is not copied


async def launch_reader(launcher: ReaderLauncher, queries: QuerySettings) -> tuple[LaunchedReader, socket.socket, int]:
    """Launch a reader; return its process, the server's end of the connection, and the descriptor of shared memory.

    Raises:
        OSError: the system cannot start another process.
    """
    settings = {
        "nesting": queries.max_nesting,
        "height": queries.max_height,
        "rows": queries.max_rows,
        "size": queries.max_result_bytes,
        "memory": queries.max_memory,
    }
    server_end, reader_end = socket.socketpair()
    server_end.setblocking(False)
    reader_end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    with contextlib.ExitStack() as undo, reader_end:
        undo.enter_context(server_end)
        shared = os.memfd_create("result")
        undo.callback(os.close, shared)
        process = await launcher.launch(settings, (reader_end.fileno(), shared))
        undo.pop_all()
    return process, server_end, shared
