"""The server's side of its readers: who gets one, for how long, and what happens to those that overstay.

Every query has a deadline that counts from its arrival. One that waits in the queue until then is sent away; one that
runs until then has its process killed, and another process takes the place.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path

from kg import errors
from kg.config import QuerySettings
from kg.processes import reader_process
from kg.processes.reader_connection import Gone, QueryJob, ReaderConnection, reader_lost, start_process
from kg.rdf.query_request_and_result import QueryResult

_log = logging.getLogger("claimgraph.readers")

_TICK = 0.02
"""Seconds between two looks at the deadlines."""
_WATCH_AFTER = 0.1
"""Seconds after which it is worth watching whether the one who asked is still there."""
_RETRY_AFTER_CRASH = 1.0
_END_WITHIN = 10.0
"""Seconds that closing waits for readers that were killed."""
_START_WITHIN = 60.0
"""Seconds after which a reader that has not said a word is given up."""


@dataclass
class PoolCounts:
    """What happened since the start, for the metrics."""

    answered: int = 0
    refused: int = 0
    kills: Counter[str] = field(default_factory=Counter)


class ReaderPool:
    """The readers of one server. Everything here runs on one event loop."""

    def __init__(self, settings: QuerySettings) -> None:
        self.counts = PoolCounts()
        self._settings = settings
        self._size = settings.readers or (os.cpu_count() or 1) + 1
        self._channels: set[ReaderConnection] = set()
        self._idle: list[ReaderConnection] = []
        self._queue: deque[QueryJob] = deque()
        self._asking: Counter[str] = Counter()
        self._running: Counter[str] = Counter()
        self.snapshot = Path()
        self._watch: asyncio.Task[None] | None = None
        self._replacing: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def ready(self) -> int:
        """How many readers wait for a query."""
        return len(self._idle)

    @property
    def busy(self) -> int:
        """How many readers answer one."""
        return sum(channel.job is not None for channel in self._channels)

    @property
    def waiting(self) -> int:
        """How many queries wait for a reader."""
        return len(self._queue)

    @property
    def processes(self) -> list[int]:
        """The process numbers of the readers."""
        return [channel.process.pid for channel in self._channels]

    async def start(self, snapshot: Path) -> None:
        """Start the readers and have them open a snapshot."""
        self.snapshot = snapshot
        await asyncio.gather(*(self._start_one() for _ in range(self._size)))
        self._watch = asyncio.create_task(self._keep_watch())

    async def close(self) -> None:
        """End the readers; what they were answering fails."""
        self._closed = True
        if self._watch:
            self._watch.cancel()
        for job in [*self._queue, *(channel.job for channel in self._channels if channel.job)]:
            self._end(job, "shutdown", errors.ReaderLost("The server is stopping.", remedy="Ask again in a moment."))
        end = asyncio.get_running_loop().time() + _END_WITHIN
        # One that is being started ends as well.
        while (self._channels or self._replacing) and asyncio.get_running_loop().time() < end:
            for channel in list(self._channels):
                channel.process.kill()
                await asyncio.to_thread(channel.process.wait)
            await asyncio.sleep(_TICK)

    def open(self, snapshot: Path) -> None:
        """Have the readers open a newer snapshot ahead of the next query."""
        self.snapshot = snapshot
        for channel in self._idle:
            channel.transport.write(reader_process.opening(snapshot))

    async def run(self, message: bytes, client: str, timeout: float, gone: Gone | None) -> QueryResult:
        """Have one query answered.

        Args:
            message: see :func:`kg.processes.reader_process.message`.
            client: who asks: a token's name or an address.
            timeout: seconds from now.
            gone: see :data:`Gone`; the query is ended when this returns.

        Raises:
            Busy, TooManyRequests, TimedOut, ReaderLost, and what
            :meth:`kg.sparql.query_evaluator.QueryEvaluator.answer` raises.
        """
        self._admit(client)
        loop = asyncio.get_running_loop()
        job = QueryJob(message, client, loop.time() + timeout, gone, loop.create_future())
        self._asking[client] += 1
        try:
            self._queue.append(job)
            self._next()
            return await job.done
        finally:
            self._forget(job)

    def _admit(self, client: str) -> None:
        if self._asking[client] >= self._settings.max_queries_per_client:
            self.counts.refused += 1
            raise errors.TooManyRequests(
                f"You have {self._asking[client]} queries under way; that is the limit for one client.",
                remedy="Wait for an answer before you ask again, or raise KG_MAX_QUERIES_PER_CLIENT.",
            )
        if self._asking.total() >= self._settings.max_queries:
            self.counts.refused += 1
            raise errors.Busy(
                "The server has as many queries under way as it takes on.",
                remedy="Ask again in a moment, or raise KG_MAX_QUERIES.",
            )

    def _forget(self, job: QueryJob) -> None:
        self._asking[job.client] -= 1
        if not self._asking[job.client]:
            del self._asking[job.client]
        if job.watcher:
            job.watcher.cancel()
        if not job.done.done() or job.done.cancelled():
            self._end(job, "disconnect", errors.TimedOut("Nobody waits for the answer."))

    def _may_run(self, job: QueryJob) -> bool:
        """Whether this client leaves a reader to others, should it take one more."""
        return self._size == 1 or self._running[job.client] < self._size - 1

    def _next(self) -> None:
        """Give waiting queries to readers that have become free."""
        if not self._idle or not self._queue:
            return
        full = set[str]()  # those of a client that has its share wait; others behind them do not
        for job in list(self._queue):
            if job.client in full:
                continue
            if not self._may_run(job):
                full.add(job.client)
                continue
            self._queue.remove(job)
            self._idle.pop().ask(job)
            if not self._idle:
                return

    # ---- deadlines

    async def _keep_watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_TICK)
            if not self._asking:
                continue
            now = loop.time()
            for job in [channel.job for channel in self._channels if channel.job]:
                self._look_at(job, now)
            for job in list(self._queue):
                if job.deadline <= now:
                    waited = errors.Busy("No reader became free in time.", remedy="Ask again in a moment.")
                    self._end(job, "queue", waited)
                else:
                    self._watch_over(job)

    def _look_at(self, job: QueryJob, now: float) -> None:
        if job.deadline <= now:
            taken = now - job.started
            timed_out = errors.TimedOut(
                f"The query was ended after {taken:.1f} s; that is all the time it has.",
                remedy="Make it more selective, ask for less at a time, or raise KG_TIMEOUT.",
            )
            self._end(job, "deadline", timed_out)
        elif now - job.started > _WATCH_AFTER:
            self._watch_over(job)
            if job.watcher and job.watcher.done():
                self._left(job)

    def _watch_over(self, job: QueryJob) -> None:
        """Look out for the one who asked to go away."""
        if job.gone and job.watcher is None:
            job.watcher = asyncio.ensure_future(job.gone())
            job.watcher.add_done_callback(lambda _watcher: self._left(job))

    def _left(self, job: QueryJob) -> None:
        """End what nobody waits for; a query that has just begun is over sooner than a new reader is there."""
        just_begun = job.started and asyncio.get_running_loop().time() - job.started <= _WATCH_AFTER
        if not job.done.done() and not just_begun:
            self._end(job, "disconnect", errors.TimedOut("Nobody waits for the answer."))

    def _end(self, job: QueryJob, reason: str, error: errors.ClaimgraphError) -> None:
        """Take a query from the queue, or kill the process that runs it."""
        if not job.done.done():
            job.done.set_exception(error)
        if job in self._queue:
            self._queue.remove(job)
        for channel in self._channels:
            if channel.job is job:
                self.counts.kills[reason] += 1
                channel.ending = True
                channel.process.kill()

    # ---- processes

    async def _start_one(self) -> None:
        process, ours, shared = start_process(self._settings)
        ours.setblocking(False)
        made = ReaderConnection(self, process, shared)
        self._channels.add(made)
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: made, sock=ours)
        except BaseException:
            self._channels.discard(made)
            process.kill()
            made.let_go()
            raise
        started, _ = await asyncio.wait({made.started}, timeout=_START_WITHIN)
        if not started:
            process.kill()

    def freed(self, channel: ReaderConnection) -> None:
        """Take a reader back that has answered."""
        if channel.job:
            self._release(channel.job)
            channel.job = None
        self._idle.append(channel)
        self._next()

    def answered(self) -> None:
        """Note that a reader has answered."""
        self.counts.answered += 1

    def taken(self, job: QueryJob) -> None:
        """Note that a reader runs a query."""
        job.started = asyncio.get_running_loop().time()
        self._running[job.client] += 1

    def _release(self, job: QueryJob) -> None:
        self._running[job.client] -= 1
        if not self._running[job.client]:
            del self._running[job.client]

    def lost(self, channel: ReaderConnection) -> None:
        """Put another reader in the place of one that has ended."""
        self._channels.discard(channel)
        if channel in self._idle:
            self._idle.remove(channel)
        if channel.job:
            self._release(channel.job)
        if not self._closed:
            self._next()
            task = asyncio.create_task(self._replace(channel))
            self._replacing.add(task)
            task.add_done_callback(self._replacing.discard)

    async def _replace(self, channel: ReaderConnection) -> None:
        code = await asyncio.to_thread(channel.process.wait)
        if channel.job and not channel.job.done.done():
            reason = "memory" if code == -signal.SIGABRT else "crash"
            self.counts.kills[reason] += 1
            channel.job.done.set_exception(reader_lost(reason, self._settings.max_memory))
        if not channel.served:
            _log.error("a reader could not start; its process ended with %d", code)
            await asyncio.sleep(_RETRY_AFTER_CRASH)
        while not self._closed:
            try:
                await self._start_one()
                return
            except OSError as error:  # the system has no process or memory to spare now
                _log.error("a reader could not start: %s", error.strerror)
                await asyncio.sleep(_RETRY_AFTER_CRASH)
