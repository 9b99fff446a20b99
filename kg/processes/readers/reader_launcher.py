"""Connection of a server to the launcher of its readers, which is started when needed and again if it has ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_ALLOCATOR = ":".join(
    (
        "glibc.malloc.hugetlb=1",
        "glibc.malloc.mmap_threshold=1073741824",
        "glibc.malloc.trim_threshold=67108864",
        "glibc.malloc.mxfast=0",
        "glibc.malloc.tcache_count=2000",
        "glibc.malloc.tcache_max=8192",
    )
)
"""Settings of glibc's allocator in a reader; other C libraries do not read them.

Huge pages, because the engine reads at random in a hundred MiB and would miss the TLB with small ones. And 64 MiB of a
large result stay allocated for the next one, which would otherwise cause a page fault for each 4 KiB. A query
allocates and frees thousands of small blocks, which a large cache of free ones serves faster than the bins behind it.
KG_MAX_MEMORY bounds all of it.
"""

_MESSAGE = 1 << 10
"""Bytes of the longest message of a launcher, and more."""

_END_WITHIN = 10.0
"""Seconds within which a launcher must end once its connection is closed; after that it is killed."""


@dataclass(eq=False)
class LaunchedReader:
    """Process of a reader, which is a child of the launcher.

    Attributes:
        pid: process id.
        ended: future for the exit code, which :meth:`wait` waits for.
    """

    pid: int
    ended: asyncio.Future[int]

    async def wait(self) -> int:
        """Wait until it has ended; return its exit code, or the number of a signal as a negative one."""
        return await asyncio.shield(self.ended)

    def kill(self) -> None:
        """End it, if it has not ended."""
        if not self.ended.done():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


class ReaderLauncher:
    """Launcher of the readers of one pool. Not thread-safe: everything runs on one event loop."""

    def __init__(self, kind: str) -> None:
        """Launch readers of a kind; see :func:`kg.processes.readers.reader_launcher_process.main`."""
        self._kind = kind
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._requests: deque[asyncio.Future[LaunchedReader]] = deque()
        self._readers: dict[int, LaunchedReader] = {}

    @property
    def pid(self) -> int | None:
        """Process id of the launcher; ``None`` while there is none."""
        return self._process.pid if self._process else None

    async def launch(self, settings: Mapping[str, int], descriptors: Sequence[int]) -> LaunchedReader:
        """Start a reader, and the launcher if there is none.

        Args:
            settings: see :func:`kg.processes.readers.reader_process.main`.
            descriptors: of the reader's socket and its shared memory; the reader gets duplicates.

        Raises:
            OSError: the system cannot start another process, or the launcher has ended.
        """
        if self._channel is None:
            self._start()
        assert self._channel is not None
        try:
            socket.send_fds(self._channel, [json.dumps(settings).encode()], descriptors)
        except ConnectionError:
            self._lost()
            raise
        request: asyncio.Future[LaunchedReader] = asyncio.get_running_loop().create_future()
        self._requests.append(request)
        return await request

    def kill(self) -> None:
        """Kill the launcher, and with it its readers; the next reader is started by another one."""
        if self._process:
            self._process.kill()

    async def close(self) -> None:
        """End the launcher with all its readers, and wait until they have ended."""
        process = self._process
        if process is None or self._channel is None:
            return
        self._channel.shutdown(socket.SHUT_WR)  # it ends its readers, and itself
        try:
            await asyncio.to_thread(process.wait, _END_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
        self._lost()

    def _start(self) -> None:
        """Start the launcher.

        Raises:
            OSError: the system cannot start another process.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                self._process = _started(theirs.fileno(), self._kind)
            except OSError:
                ours.close()
                raise
        ours.setblocking(False)
        self._channel = ours
        asyncio.get_running_loop().add_reader(ours.fileno(), self._receive)

    def _receive(self) -> None:
        """Handle one message of the launcher."""
        assert self._channel is not None
        try:
            content = self._channel.recv(_MESSAGE)
        except BlockingIOError:
            return
        except OSError:
            content = b""
        if not content:
            self._lost()
            return
        message = json.loads(content)
        if "code" in message:
            self._readers.pop(message["pid"]).ended.set_result(message["code"])
            return
        request = self._requests.popleft()
        if "errno" in message:
            if not request.done():
                request.set_exception(OSError(message["errno"], os.strerror(message["errno"])))
            return
        reader = LaunchedReader(message["pid"], asyncio.get_running_loop().create_future())
        self._readers[reader.pid] = reader
        if request.done():  # who asked for it has gone
            reader.kill()
        else:
            request.set_result(reader)

    def _lost(self) -> None:
        """Forget the launcher, which has ended or must; its readers end with it."""
        if self._channel is None or self._process is None:
            return
        asyncio.get_running_loop().remove_reader(self._channel.fileno())
        self._channel.close()
        self._process.kill()
        code = self._process.wait()
        self._channel = self._process = None
        requests, self._requests = self._requests, deque()
        readers, self._readers = self._readers, {}
        for request in requests:
            if not request.done():
                request.set_exception(ChildProcessError(f"its launcher ended with code {code}"))
        for reader in readers.values():
            reader.ended.set_result(-signal.SIGKILL)


def _started(descriptor: int, kind: str) -> subprocess.Popen[bytes]:
    module = "kg.processes.readers.reader_launcher_process"
    return subprocess.Popen(  # noqa: S603 - a module of this package, with arguments that it has made itself
        [sys.executable, "-P", "-m", module, str(descriptor), kind],
        pass_fds=(descriptor,),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # a reader that runs out of memory prints its stack
        env=_environment(),
    )


def _environment() -> dict[str, str]:
    """Return the environment of readers: without the server's settings and secrets, with allocator settings.

    The operator's own GLIBC_TUNABLES take precedence.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("KG_")}
    return {"GLIBC_TUNABLES": _ALLOCATOR} | inherited
