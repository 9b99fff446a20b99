"""The server's end of one reader: its process, the connection to it, and what it says as answers and errors."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from kg import errors
from kg.config import QuerySettings
from kg.errors import NotAcceptable
from kg.processes import ipc_messages, reader_process
from kg.rdf.query_request_and_result import QueryResult

Gone = Callable[[], Awaitable[object]]
"""Returns when the one who asked does not wait any more."""

_log = logging.getLogger("claimgraph.readers")

_SEND_BUFFER = 1 << 22
"""Bytes that a reader may be ahead of the server; the system may give less (``net.core.wmem_max``)."""

_KEPT = 1 << 25
"""Bytes of shared memory that a reader keeps for the next large answer."""

_ALLOCATOR = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=1073741824:glibc.malloc.trim_threshold=67108864"
"""How a reader's C library takes memory: in huge pages, for the engine jumps about in a hundred MiB and misses the
processor's table of small ones; and 64 MiB that a large answer took are kept for the next, which else costs a page
fault for every 4 KiB of it. KG_MAX_MEMORY bounds all of it. Other C libraries do not read this.
"""

_ERRORS = {
    kind.__name__: kind
    for kind in (
        errors.BadInput,
        errors.MalformedText,
        errors.Forbidden,
        errors.TooLarge,
        errors.ResultTooLarge,
        errors.StoreUnavailable,
    )
}


@dataclass(eq=False)
class QueryJob:
    """One query on its way.

    Attributes:
        message: what the reader is sent.
        client: who asks: a token's name or an address.
        deadline: on the clock of the loop.
        gone: see :data:`Gone`.
        done: takes the answer or the error.
    """

    message: bytes
    client: str
    deadline: float
    gone: Gone | None
    done: asyncio.Future[QueryResult]
    started: float = 0.0
    watcher: asyncio.Future[object] | None = None


class ConnectionOwner(Protocol):
    """What a channel tells of itself; :class:`kg.processes.reader_pool.ReaderPool` is one."""

    snapshot: Path

    def taken(self, job: QueryJob) -> None:
        """Note that a reader runs a query."""

    def answered(self) -> None:
        """Note that a reader has answered."""

    def freed(self, channel: ReaderConnection) -> None:
        """Take a reader back that has answered."""

    def lost(self, channel: ReaderConnection) -> None:
        """Note that a reader has ended."""


class ReaderConnection(asyncio.Protocol):
    """The connection to one reader."""

    transport: asyncio.WriteTransport

    def __init__(self, owner: ConnectionOwner, process: subprocess.Popen[bytes], shared: int) -> None:
        """Speak to a process for an owner; ``shared`` is the descriptor of memory that it writes large answers into."""
        self.process = process
        self._shared = shared
        self._fetching: asyncio.Task[None] | None = None
        self.job: QueryJob | None = None
        self.started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.served = False
        self.ending = False
        self._owner = owner
        self._unpacker = ipc_messages.MessageUnpacker()

    def ask(self, job: QueryJob) -> None:
        """Send the reader a query."""
        self.job = job
        self._owner.taken(job)
        self.transport.write(job.message)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Have the reader open the newest snapshot."""
        self.transport = cast(asyncio.WriteTransport, transport)  # uvloop's are of no such class
        self.transport.write(reader_process.opening(self._owner.snapshot))

    def data_received(self, data: bytes) -> None:
        """Take in what the reader says."""
        found = self._unpacker.feed(data)
        while found:
            self._take(*found)
            found = self._unpacker.feed(b"")

    def connection_lost(self, _error: Exception | None) -> None:
        """Tell the pool that the reader has ended."""
        if not self.started.done():
            self.started.set_result(None)
        if self._fetching is None:
            self.let_go()
        self._owner.lost(self)

    def _take(self, header: dict[str, Any], content: bytes) -> None:
        if self.ending:
            return
        if not self.served:  # its first word tells that the snapshot is open
            self.served = True
            self.started.set_result(None)
            self._owner.freed(self)
        elif self.job and "shared" in header:
            self._fetching = asyncio.create_task(self._fetch(self.job, header))
        elif self.job and "opened" not in header:
            self._settle(self.job, header, content)
            self._owner.freed(self)

    async def _fetch(self, job: QueryJob, header: dict[str, Any]) -> None:
        """Take a large answer out of the shared memory, off the event loop, and let the reader go on."""
        size = header.pop("shared")
        content = await asyncio.to_thread(_taken, self._shared, size)
        self._fetching = None
        if self.transport.is_closing():
            self.let_go()
        if len(content) == size:
            self._settle(job, header, content)
        else:
            self.process.kill()
        if not self.transport.is_closing() and not self.ending:
            self._owner.freed(self)

    def let_go(self) -> None:
        """Give the shared memory back to the system."""
        if self._shared >= 0:
            os.close(self._shared)
            self._shared = -1

    def _settle(self, job: QueryJob, header: dict[str, Any], content: bytes) -> None:
        if job.done.done():
            return
        self._owner.answered()
        name = header.pop("error", None)
        if name is None:
            job.done.set_result(QueryResult(content, **header))
        elif name == "NotAcceptable":
            job.done.set_exception(NotAcceptable(header["kind"]))
        elif name == "Fault":
            _log.error("a reader failed:\n%s", header["trace"])
            job.done.set_exception(reader_lost("fault", 0))
        else:
            job.done.set_exception(_ERRORS[name](header.pop("message"), **header))


def reader_lost(reason: str, memory: int) -> errors.ReaderLost:
    """Make the error of a query whose reader has ended; ``memory`` is what it might have, in bytes."""
    if reason == "memory":
        return errors.ReaderLost(
            f"The query needed more memory than the {memory >> 20} MiB that it may have, and was ended.",
            remedy="Ask for less at a time: sorting, grouping and DISTINCT hold everything in memory.",
        )
    return errors.ReaderLost("The process that was answering was ended.", remedy="Ask again.")


def _taken(shared: int, size: int) -> bytes:
    """Read what lies in shared memory, and free it if it is much: having it made anew takes longer than all else."""
    parts: list[bytes] = []
    at = 0
    while at < size and (part := os.pread(shared, size - at, at)):
        parts.append(part)
        at += len(part)
    if size > _KEPT:
        os.ftruncate(shared, 0)
    return b"".join(parts)  # one part, as a rule, which is not copied


def start_process(queries: QuerySettings) -> tuple[subprocess.Popen[bytes], socket.socket, int]:
    """Start a reader, and give our end of the connection to it and the memory that it shares.

    Raises:
        OSError: the system has no room for another process.
    """
    settings = {
        "nesting": queries.max_nesting,
        "height": queries.max_height,
        "rows": queries.max_rows,
        "size": queries.max_result_bytes,
        "memory": queries.max_memory,
    }
    ours, theirs = socket.socketpair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    with contextlib.ExitStack() as undo, theirs:
        undo.enter_context(ours)
        shared = os.memfd_create("answer")
        undo.callback(os.close, shared)
        process = _launch((theirs.fileno(), shared), settings)
        undo.pop_all()
    return process, ours, shared


def _launch(descriptors: Sequence[int], settings: Mapping[str, Any]) -> subprocess.Popen[bytes]:
    """Start :mod:`kg.processes.reader_process` with the descriptors and settings given.

    Raises:
        OSError: the system has no room for another process.
    """
    return subprocess.Popen(  # noqa: S603 - our own module, with settings of our own
        [sys.executable, "-P", "-m", "kg.processes.reader_process", *map(str, descriptors), json.dumps(settings)],
        pass_fds=descriptors,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # a process that ends for want of memory tells of its stack
        env=_environment(),
    )


def _environment() -> dict[str, str]:
    """Give our environment, without secrets, to who answers queries; what the operator says of the allocator holds."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KG_")}
    return {"GLIBC_TUNABLES": _ALLOCATOR} | kept
