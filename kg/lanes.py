"""The server's side of its lanes: which connections are lent to which, and what happens to a lane that is held up.

See :mod:`kg.lane` for what lanes are for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import mmap
import os
import socket
import subprocess
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from kg import frames, lane
from kg.channel import launch
from kg.config import Config
from kg.quick import Terms
from kg.snapshots import Snapshot

_log = logging.getLogger("claimgraph.lanes")

_TICK = 0.02
"""Seconds between two looks at what the lanes are doing."""
_LONGEST = 0.1
"""Seconds of processor time that one request may take before its lane is ended; in a lane that gives back what takes a
tenth of that, only a query of quite another kind comes so far."""
_LONGEST_WAIT = 1.0
"""The same in seconds of the clock, for one that waits for the disk."""
_MOST = 128
"""Connections in one lane."""
_PAUSE = 60.0
"""Seconds for which nothing is lent for a client that has held up a lane."""
_RETRY_AFTER_CRASH = 1.0


class Served(NamedTuple):
    """What a lane tells of one request.

    Attributes:
        cache: ``hit``, ``miss`` or ``not-modified``.
        status: of the answer.
        seconds: that it took.
        sent: bytes of body.
        snapshot: number of the snapshot.
        query_hash: see :class:`api.exchange.Exchange`.
        identifier: the request id.
        client: address of the peer.
        path: as sent.
    """

    cache: str
    status: int
    seconds: float
    sent: int
    snapshot: int
    query_hash: str
    identifier: str
    client: str
    path: str


class Connection(Protocol):
    """What can be lent; :class:`kg.http_limits.LimitedProtocol` is one. Nothing reads from it meanwhile."""

    def fileno(self) -> int:
        """Give the descriptor of its socket."""

    def given_back(self, served: int, rest: bytes) -> None:
        """Take it back after so many answers; ``rest`` is what remains to be sent of the last."""

    def broken(self) -> None:
        """Take it back with an answer that may have left in part: it can only be closed."""


class _Lane:
    """One lane and what is lent to it."""

    def __init__(self, process: subprocess.Popen[bytes], channel: socket.socket, board: mmap.mmap) -> None:
        self.process = process
        self.channel = channel
        self.words = memoryview(board).cast("Q")
        self.lent: dict[int, tuple[Connection, str]] = {}
        self.since = (0, 0.0, 0.0)
        """The request that was being answered at the last look, and the clocks when it was first seen."""
        self.clock = (~process.pid << 3) | 2  # clock_getcpuclockid(3)
        self.ready = False

    def tell(self, header: dict[str, Any], *descriptors: int) -> bool:
        """Send a message; tell whether there was room for it."""
        try:
            socket.send_fds(self.channel, [frames.pack(header)], descriptors)
        except OSError:  # it is full, or the lane has ended
            return False
        return True

    def held_up(self) -> bool:
        """Tell whether it has been at one request for too long."""
        running = self.words[lane.RUNNING]
        if not running:
            return False
        try:
            now, cpu = time.monotonic(), time.clock_gettime(self.clock)
        except OSError:  # it has ended
            return False
        if running != self.since[0]:
            self.since = (running, now, cpu)
        return cpu - self.since[2] > _LONGEST or now - self.since[1] > _LONGEST_WAIT


class Lanes:
    """The lanes of one server, which are started when they are wanted first. Everything here runs on one event loop.

    Attributes:
        kills: how often one was ended.
        report: takes what they tell of requests.
    """

    def __init__(self, config: Config, identity: str) -> None:
        self.kills = 0
        self.report: Callable[[Served], None] = lambda _served: None
        self._config = config
        self._identity = identity
        self._size = os.cpu_count() or 1
        self._lanes: set[_Lane] = set()
        self._snapshot: Snapshot | None = None
        self._next = 0
        self._watch: asyncio.TimerHandle | None = None
        self._paused: dict[str, float] = {}
        self._replacing: set[asyncio.Task[None]] = set()
        self._started = False
        self._closed = False

    @property
    def processes(self) -> list[int]:
        """The process numbers of the lanes."""
        return [found.process.pid for found in self._lanes]

    @property
    def lent(self) -> int:
        """How many connections are lent."""
        return sum(len(found.lent) for found in self._lanes)

    async def close(self) -> None:
        """End the lanes; what is lent comes back."""
        self._closed = True
        if self._watch:
            self._watch.cancel()
        for found in list(self._lanes):
            found.process.kill()
            self._ended(found)
            await asyncio.to_thread(found.process.wait)
        if self._replacing:
            await asyncio.wait(self._replacing)

    def open(self, snapshot: Snapshot) -> None:
        """Have every request that is read from now on answered from a newer snapshot."""
        self._snapshot = snapshot
        for found in list(self._lanes):
            self._show(found, snapshot)

    def _show(self, found: _Lane, snapshot: Snapshot) -> None:
        if not found.tell({"number": snapshot.number, "path": str(snapshot.path)}):
            found.process.kill()  # or it would go on with the old one
        found.words[lane.NUMBER] = snapshot.number

    # ---- lending

    def lend(self, connection: Connection, terms: Terms) -> bool:
        """Lend a connection that has nothing on its way and is not read from; tell whether a lane has taken it."""
        if self._closed or self._paused.get(terms.client, 0.0) > time.monotonic():
            return False
        if not self._started:
            self._started = True
            for _ in range(self._size):
                self._replace_soon(None)
        free = [found for found in self._lanes if found.ready and len(found.lent) < _MOST]
        if not free:
            return False
        found = min(free, key=lambda one: len(one.lent))
        number = self._number()
        if not found.tell({"lend": number, "terms": terms.pack()}, connection.fileno()):
            return False
        found.lent[number] = (connection, terms.client)
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(_TICK, self._look)
        return True

    def recall(self, connection: Connection) -> None:
        """Have a connection given back as soon as what it has sent is answered."""
        for found in self._lanes:
            for number, (lent, _) in found.lent.items():
                if lent is connection:
                    found.tell({"recall": number})

    def forget(self, connection: Connection) -> None:
        """Let go of a connection that has been closed."""
        self.recall(connection)
        for found in self._lanes:
            found.lent = {number: pair for number, pair in found.lent.items() if pair[0] is not connection}

    def _number(self) -> int:
        """Give a number of 16 bits that no connection has now."""
        taken = {number for found in self._lanes for number in found.lent}
        while True:
            self._next = (self._next + 1) & 0xFFFF
            if self._next not in taken:
                return self._next

    def _look(self) -> None:
        """End lanes that are held up, as long as anything is lent."""
        for found in list(self._lanes):
            if found.held_up():
                self._pause(found)
                found.process.kill()
        lent = self.lent
        self._watch = asyncio.get_running_loop().call_later(_TICK, self._look) if lent else None

    def _pause(self, found: _Lane) -> None:
        now = time.monotonic()
        self._paused = {client: until for client, until in self._paused.items() if until > now}
        pair = found.lent.get(found.words[lane.RUNNING] & 0xFFFF)
        if pair:
            self._paused[pair[1]] = now + _PAUSE

    # ---- processes

    def _start_one(self) -> None:
        config = self._config
        settings = {
            "nesting": config.queries.max_nesting,
            "height": config.queries.max_height,
            "rows": config.queries.max_rows,
            "size": config.queries.max_result_bytes,
            "memory": config.queries.max_memory,
            "length": min(config.http.max_url_bytes, config.queries.max_query_length),
            "cache": config.queries.cache_bytes // 8,
            "store": self._identity,
        }
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        shared = os.memfd_create("board")
        with contextlib.ExitStack() as undo, theirs:
            undo.enter_context(ours)
            try:
                os.ftruncate(shared, lane.BOARD_SIZE)
                board = mmap.mmap(shared, lane.BOARD_SIZE)
                process = launch("kg.lane", (theirs.fileno(), shared), settings)
            finally:
                os.close(shared)
            undo.pop_all()
        ours.setblocking(False)
        made = _Lane(process, ours, board)
        self._lanes.add(made)
        if self._snapshot:
            self._show(made, self._snapshot)
        asyncio.get_running_loop().add_reader(ours.fileno(), self._listen, made)

    def _listen(self, found: _Lane) -> None:
        """Take what a lane says."""
        while True:
            try:
                data = found.channel.recv(lane.MESSAGE)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            told = frames.Unpacker().feed(data)
            if told is None:
                self._ended(found)
                return
            found.ready = True  # its first word says no more than that
            header, rest = told
            if "back" in header:
                pair = found.lent.pop(header["back"], None)
                if pair:
                    pair[0].given_back(header["served"], rest)
            else:
                for about in header["log"]:
                    self.report(Served(*about))

    def _ended(self, found: _Lane) -> None:
        """Take back what was lent to a lane that has ended, and start another."""
        if found not in self._lanes:
            return
        self._lanes.discard(found)
        asyncio.get_running_loop().remove_reader(found.channel.fileno())
        found.channel.close()
        running = found.words[lane.RUNNING]
        for number, (connection, _) in found.lent.items():
            if running and running == found.words[lane.TAKEN] and running & 0xFFFF == number:
                connection.broken()
            else:
                connection.given_back(0, b"")
        if not self._closed:
            self.kills += 1
            self._replace_soon(found)

    def _replace_soon(self, ended: _Lane | None) -> None:
        task = asyncio.create_task(self._replace(ended))
        self._replacing.add(task)
        task.add_done_callback(self._replacing.discard)

    async def _replace(self, ended: _Lane | None) -> None:
        """Start a lane, perhaps in place of one that has ended."""
        if ended:
            ended.process.kill()
            code = await asyncio.to_thread(ended.process.wait)
            if not ended.ready:
                _log.error("a lane could not start; its process ended with %d", code)
                await asyncio.sleep(_RETRY_AFTER_CRASH)
        while not self._closed:
            try:
                self._start_one()
                return
            except OSError as error:  # the system has no process or memory to spare now
                _log.error("a lane could not start: %s", error.strerror)
                await asyncio.sleep(_RETRY_AFTER_CRASH)
