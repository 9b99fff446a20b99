"""Reader pool: queries go to readers that are free, have deadlines, and readers that have ended are replaced.

The deadline of a query counts from its arrival. A query that is still in the queue then is refused; if it is running,
its process is killed and replaced.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kg import errors
from kg.config import QuerySettings
from kg.processes.readers.query_scheduler import QueryScheduler
from kg.processes.readers.reader_connection import Gone, QueryJob, ReaderConnection, launch_reader, reader_lost
from kg.processes.readers.reader_launcher import ReaderLauncher
from kg.processes.readers.reader_launcher_process import FOR_QUERIES
from kg.rdf.query_request_and_result import QueryResult

_log = logging.getLogger("claimgraph.readers")

_TICK = 0.02
"""Seconds between two checks of the deadlines."""
_WATCH_AFTER = 0.1
"""Seconds after which it is worth watching whether the client is still connected."""
_RETRY_AFTER_CRASH = 1.0
"""Seconds until another attempt, if a reader could not start."""
_END_WITHIN = 10.0
"""Seconds that closing waits for killed readers to end."""
_START_WITHIN = 60.0
"""Seconds within which a reader must become ready; after that it is killed."""


@dataclass
class PoolCounts:
    """Counters since the start, for the metrics.

    Attributes:
        answered: queries that ended with a result or an error of their own.
        refused: queries that were refused because of a limit.
        kills: readers that ended during a query, by reason.
    """

    answered: int = 0
    refused: int = 0
    kills: Counter[str] = field(default_factory=Counter)


class ReaderPool:
    """Readers of one server. Not thread-safe: everything runs on one event loop."""

    def __init__(self, settings: QuerySettings, size: int = 0, kind: str = FOR_QUERIES) -> None:
        """Make a pool of ``size`` readers, by default as many as the settings say.

        ``kind`` is that of :func:`kg.processes.readers.reader_launcher_process.main`.
        """
        self.counts = PoolCounts()
        self._settings = settings
        self._size = size or settings.readers or (os.cpu_count() or 1) + 1
        self._launcher = ReaderLauncher(kind)
        self._starting: asyncio.Task[None] | None = None
        self._channels: set[ReaderConnection] = set()
        self._idle: list[ReaderConnection] = []
        self._scheduler = QueryScheduler(settings, self._size)
        self.snapshot = Path()
        self._watch: asyncio.Task[None] | None = None
        self._replacing: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def ready(self) -> int:
        """Number of idle readers."""
        return len(self._idle)

    @property
    def busy(self) -> int:
        """Number of readers that run a query."""
        return sum(channel.job is not None for channel in self._channels)

    @property
    def waiting(self) -> int:
        """Number of queries that wait for a reader."""
        return len(self._scheduler.queue)

    @property
    def processes(self) -> list[int]:
        """Process ids of the readers."""
        return [channel.process.pid for channel in self._channels]

    @property
    def launcher(self) -> int | None:
        """Process id of their launcher; ``None`` while there is none."""
        return self._launcher.pid

    @property
    def started(self) -> bool:
        """Whether the readers have been started."""
        return self._starting is not None

    async def start(self, snapshot: Path) -> None:
        """Start the readers on a snapshot, if that has not been done, and wait until they are ready."""
        if self._starting is None:
            self.snapshot = snapshot
            self._starting = asyncio.create_task(self._start_all())
        if not self._starting.done():
            await asyncio.shield(self._starting)

    async def _start_all(self) -> None:
        """Start all readers; those that cannot start now are tried again later."""
        self._watch = asyncio.create_task(self._watch_deadlines())
        for started in await asyncio.gather(*(self._start_one() for _ in range(self._size))):
            if not started:
                self._in_background(self._start_until_one_runs())

    async def close(self) -> None:
        """End the readers; queries in progress fail."""
        self._closed = True
        for task in (self._watch, self._starting, *self._replacing):
            if task:
                task.cancel()
        for job in self._scheduler.in_progress():
            self._end(job, "shutdown", errors.ReaderLost("The server is stopping.", remedy="Retry in a moment."))
        for channel in self._channels:
            channel.process.kill()
        await self._launcher.close()
        end = asyncio.get_running_loop().time() + _END_WITHIN
        while self._channels and asyncio.get_running_loop().time() < end:  # until their connections are lost
            await asyncio.sleep(_TICK)

    def open(self, snapshot: Path) -> None:
        """Make idle readers open a newer snapshot before the next query; busy ones open it with their next query."""
        self.snapshot = snapshot
        self.snapshot_opened()

    def snapshot_opened(self) -> None:
        """Let the next idle reader open the newest snapshot.

        One after the other, in the order in which they get queries: if all did so at once, the first query after a
        write would wait for a processor until all of them had finished.
        """
        for channel in reversed(self._idle):
            if channel.snapshot != self.snapshot:
                channel.open(self.snapshot)
                return

    async def run(
        self, message: bytes, client: str, timeout: float, gone: Gone | None, reserve: int = 0
    ) -> QueryResult:
        """Run one query or task and return its result.

        Args:
            message: see :func:`kg.processes.readers.reader_process.message`.
            client: sender of the query: name of a token, or network address.
            timeout: seconds from now.
            gone: see :data:`Gone`; the query is ended when this returns.
            reserve: number of readers to leave to others that reserve fewer.

        Raises:
            Busy: the server has too many queries, or no reader becomes free in time.
            TooManyRequests: the client has too many queries.
            TimedOut: the query runs until its deadline, or its client has disconnected.
            ReaderLost: the process ended, for example because of the memory limit.
            ClaimgraphError: as raised by :meth:`kg.sparql.checked_query_evaluation.QueryEvaluator.evaluate`.
        """
        loop = asyncio.get_running_loop()
        try:
            replaced = self._scheduler.admit(client)
        except errors.ClaimgraphError:
            self.counts.refused += 1
            raise
        if replaced:
            self.counts.refused += 1
            self._end(replaced, "queue", errors.Busy("The server has too many queries.", remedy="Retry in a moment."))
        now = loop.time()
        job = QueryJob(message, client, now, now + timeout, gone, loop.create_future(), reserve)
        self._scheduler.add(job)
        try:
            self._dispatch()
            return await job.done
        finally:
            self._forget(job)

    def _forget(self, job: QueryJob) -> None:
        """Remove a query from the counts, and end it if nobody waits for it any more."""
        self._scheduler.forget(job)
        if job.watcher:
            job.watcher.cancel()
        if not job.done.done() or job.done.cancelled():
            self._end(job, "disconnect", errors.TimedOut("The client has disconnected."))

    def _dispatch(self) -> None:
        """Send waiting queries to idle readers."""
        now = asyncio.get_running_loop().time()
        while self._idle and (job := self._scheduler.next(now)):
            self._idle.pop().send(job)

    # ---- deadlines

    async def _watch_deadlines(self) -> None:
        """End queries at their deadline or when their client has disconnected, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_TICK)
            if not self._scheduler.asking:
                continue
            now = loop.time()
            for job in [channel.job for channel in self._channels if channel.job]:
                self._check_running(job, now)
            for job in list(self._scheduler.queue):
                if job.deadline <= now:
                    waited = errors.Busy("No reader became free in time.", remedy="Retry in a moment.")
                    self._end(job, "queue", waited)
                else:
                    self._watch_client(job)
            self._make_way(now)

    def _make_way(self, now: float) -> None:
        """Put the query that keeps a light client waiting back into the queue."""
        if self._replacing or any(channel.ending for channel in self._channels):
            return  # a reader will be free in a moment
        job = self._scheduler.in_the_way(now)
        for channel in self._channels:
            if job and channel.job is job and not channel.fetching:
                self._scheduler.put_back(job, now)
                channel.job = None
                self._kill(channel, "share")

    def _check_running(self, job: QueryJob, now: float) -> None:
        """End a running query if its time is over or its client has disconnected."""
        if job.deadline <= now:
            elapsed = now - job.started
            timed_out = errors.TimedOut(
                f"The query was ended after {elapsed:.1f} s, at its time limit.",
                remedy="Make it more selective, request less at a time, or raise KG_TIMEOUT.",
            )
            self._end(job, "deadline", timed_out)
        elif now - job.started > _WATCH_AFTER:
            self._watch_client(job)
            if job.watcher and job.watcher.done():
                self._end_if_abandoned(job)

    def _watch_client(self, job: QueryJob) -> None:
        """Start to watch whether the client of a query disconnects."""
        if job.gone and job.watcher is None:
            job.watcher = asyncio.ensure_future(job.gone())
            job.watcher.add_done_callback(lambda _watcher: self._end_if_abandoned(job))

    def _end_if_abandoned(self, job: QueryJob) -> None:
        """End a query that nobody waits for, unless it has just begun: most end sooner than a new reader starts."""
        just_begun = job.started and asyncio.get_running_loop().time() - job.started <= _WATCH_AFTER
        if not job.done.done() and not just_begun:
            self._end(job, "disconnect", errors.TimedOut("The client has disconnected."))

    def _end(self, job: QueryJob, reason: str, error: errors.ClaimgraphError) -> None:
        """Fail a query with ``error``: remove it from the queue, or kill the reader that runs it."""
        if not job.done.done():
            job.done.set_exception(error)
        if job in self._scheduler.queue:
            self._scheduler.queue.remove(job)
        for channel in self._channels:
            if channel.job is job:
                self._kill(channel, reason)

    def _kill(self, channel: ReaderConnection, reason: str) -> None:
        self.counts.kills[reason] += 1
        channel.ending = True
        channel.process.kill()

    # ---- processes

    async def _start_one(self) -> bool:
        """Start one reader, wait until it is ready or has ended, and return whether it was started."""
        try:
            async with asyncio.timeout(_START_WITHIN):
                process, server_end, shared = await launch_reader(self._launcher, self._settings)
        except TimeoutError:
            _log.error("a reader could not start: its launcher was silent for %g s", _START_WITHIN)
            self._launcher.kill()
            return False
        except OSError as error:  # no process or memory is available now
            _log.error("a reader could not start: %s", error.strerror or error)
            return False
        made = ReaderConnection(self, process, shared)
        self._channels.add(made)
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: made, sock=server_end)
        except BaseException:
            self._channels.discard(made)
            process.kill()
            made.release_memory()
            raise
        started, _ = await asyncio.wait({made.started}, timeout=_START_WITHIN)
        if not started:
            process.kill()
        return True

    async def _start_until_one_runs(self) -> None:
        await asyncio.sleep(_RETRY_AFTER_CRASH)
        while not await self._start_one():
            await asyncio.sleep(_RETRY_AFTER_CRASH)

    def reader_free(self, channel: ReaderConnection) -> None:
        """Return a reader to the idle ones, and send it the next query."""
        self._release(channel)
        self._idle.append(channel)
        self._dispatch()
        if channel.job is None and channel.snapshot != self.snapshot:
            channel.open(self.snapshot)

    def query_finished(self) -> None:
        """Count a query that ended with a result or an error of its own."""
        self.counts.answered += 1

    def query_started(self, job: QueryJob) -> None:
        """Record that a reader runs a query."""
        self._scheduler.began(job, asyncio.get_running_loop().time())

    def _release(self, channel: ReaderConnection, *, killed: bool = False) -> QueryJob | None:
        """Record that a reader runs its query no longer, and return that."""
        job, channel.job = channel.job, None
        if job:
            self._scheduler.ended(job, asyncio.get_running_loop().time(), killed=killed)
        return job

    def reader_ended(self, channel: ReaderConnection) -> None:
        """Fail the query of a reader that has ended, and replace the reader."""
        self._channels.discard(channel)
        if channel in self._idle:
            self._idle.remove(channel)
        job = self._release(channel, killed=True)
        if not self._closed:
            self._dispatch()
            self._in_background(self._replace(channel, job))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._replacing.add(task)
        task.add_done_callback(self._replacing.discard)

    async def _replace(self, channel: ReaderConnection, job: QueryJob | None) -> None:
        """Report why a reader has ended, and start another in its place."""
        code = await channel.process.wait()
        if job and not job.done.done():
            reason = "memory" if code == -signal.SIGABRT else "crash"  # the engine aborts when it runs out of memory
            self.counts.kills[reason] += 1
            job.done.set_exception(reader_lost(reason, self._settings.max_memory))
        if not channel.served:
            _log.error("a reader could not start; its process ended with code %d", code)
        if not channel.served or not await self._start_one():
            await self._start_until_one_runs()
