"""Reader pool: a queue of queries, a fair share of readers for each client, deadlines, and replacement of readers.

The deadline of a query counts from its arrival. A query that is still in the queue then is refused; if it is running,
its process is killed and replaced.

One reader is for clients that have used little lately, so that nobody with long queries, from any number of addresses,
holds up the lookups of others. Where a client that was new a moment ago occupies that reader, too, its query goes back
into the queue as soon as another client waits.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections import Counter, deque
from pathlib import Path

from kg import errors
from kg.config import QuerySettings
from kg.processes import reader_process
from kg.processes.reader_connection import Gone, QueryJob, ReaderConnection, reader_lost, start_process
from kg.processes.reader_usage import ClientUsage, PoolCounts
from kg.rdf.query_request_and_result import QueryResult

_log = logging.getLogger("claimgraph.readers")

_TICK = 0.02
"""Seconds between two checks of the deadlines."""
_WATCH_AFTER = 0.1
"""Seconds after which it is worth watching whether the client is still connected."""
_SHARE_SECONDS = 2.0
"""Seconds for which the share of a client is kept while its killed reader is replaced."""
_RETRY_AFTER_CRASH = 1.0
"""Seconds until another attempt, if a reader could not start."""
_END_WITHIN = 10.0
"""Seconds that closing waits for killed readers to end."""
_MADE_WAY = 5.0
"""Seconds of use that count for a client whose query made way: else it would soon do so again."""
_START_WITHIN = 60.0
"""Seconds within which a reader must become ready; after that it is killed."""


class ReaderPool:
    """Readers of one server. Not thread-safe: everything runs on one event loop."""

    def __init__(self, settings: QuerySettings, size: int = 0) -> None:
        """Make a pool of ``size`` readers, by default as many as the settings say."""
        self.counts = PoolCounts()
        self._settings = settings
        self._size = size or settings.readers or (os.cpu_count() or 1) + 1
        self._starting: asyncio.Task[None] | None = None
        self._channels: set[ReaderConnection] = set()
        self._idle: list[ReaderConnection] = []
        self._queue: deque[QueryJob] = deque()
        self._asking: Counter[str] = Counter()  # queries in the queue or running, by client
        self._running: Counter[str] = Counter()  # queries that occupy a reader, by client
        self._usage = ClientUsage()
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
        return len(self._queue)

    @property
    def processes(self) -> list[int]:
        """Process ids of the readers."""
        return [channel.process.pid for channel in self._channels]

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
        self._watch = asyncio.create_task(self._watch_deadlines())
        await asyncio.gather(*(self._start_one() for _ in range(self._size)))

    async def close(self) -> None:
        """End the readers; queries in progress fail."""
        self._closed = True
        if self._watch:
            self._watch.cancel()
        for job in [*self._queue, *(channel.job for channel in self._channels if channel.job)]:
            self._end(job, "shutdown", errors.ReaderLost("The server is stopping.", remedy="Retry in a moment."))
        end = asyncio.get_running_loop().time() + _END_WITHIN
        # A reader that is just being started joins the channels later, so both sets must become empty.
        while (self._channels or self._replacing) and asyncio.get_running_loop().time() < end:
            for channel in list(self._channels):
                channel.process.kill()
                await asyncio.to_thread(channel.process.wait)
            await asyncio.sleep(_TICK)

    def open(self, snapshot: Path) -> None:
        """Make idle readers open a newer snapshot before the next query; busy ones open it with their next query."""
        self.snapshot = snapshot
        for channel in self._idle:
            channel.transport.write(reader_process.opening(snapshot))

    async def run(
        self, message: bytes, client: str, timeout: float, gone: Gone | None, reserve: int = 0
    ) -> QueryResult:
        """Run one query or task and return its result.

        Args:
            message: see :func:`kg.processes.reader_process.message`.
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
        self._admit(client)
        loop = asyncio.get_running_loop()
        job = QueryJob(message, client, loop.time() + timeout, gone, loop.create_future(), reserve)
        self._asking[client] += 1
        try:
            self._queue.append(job)
            self._dispatch()
            return await job.done
        finally:
            self._forget(job)

    def _admit(self, client: str) -> None:
        """Raise ``TooManyRequests`` or ``Busy`` if one more query of a client would exceed a limit."""
        if self._asking[client] >= self._settings.max_queries_per_client:
            self.counts.refused += 1
            raise errors.TooManyRequests(
                f"You have {self._asking[client]} queries in progress, which is the limit for one client.",
                remedy="Wait for a response before you send another, or raise KG_MAX_QUERIES_PER_CLIENT.",
            )
        if self._asking.total() >= self._settings.max_queries:
            self.counts.refused += 1
            if not self._makes_room(client):
                raise errors.Busy(
                    "The server has reached its limit of queries in progress.",
                    remedy="Retry in a moment, or raise KG_MAX_QUERIES.",
                )

    def _makes_room(self, client: str) -> bool:
        """Refuse, for a client without queries, the newest waiting one of the client that has most of them."""
        waiting = Counter(job.client for job in self._queue)
        if self._asking[client] or not waiting:
            return False
        other, number = waiting.most_common(1)[0]
        if number > 1:
            newest = next(job for job in reversed(self._queue) if job.client == other)
            self._end(newest, "queue", errors.Busy("The server has too many queries.", remedy="Retry in a moment."))
        return number > 1

    def _is_heavy(self, client: str, now: float) -> bool:
        """Return whether a client has used much lately; what it runs counts as used."""
        running = [
            now - channel.job.started for channel in self._channels if channel.job and channel.job.client == client
        ]
        return self._usage.is_heavy(client, sum(running), now)

    def _forget(self, job: QueryJob) -> None:
        """Remove a query from the counts, and end it if nobody waits for it any more."""
        self._asking[job.client] -= 1
        if not self._asking[job.client]:
            del self._asking[job.client]
        if job.watcher:
            job.watcher.cancel()
        if not job.done.done() or job.done.cancelled():
            self._end(job, "disconnect", errors.TimedOut("The client has disconnected."))

    def _may_run(self, job: QueryJob) -> bool:
        """Return whether a reader remains for other clients, and as many as it reserves, if this one starts.

        Of 3 readers, jobs that reserve one may occupy two, and those of one client, or of all heavy ones, one of these.
        """
        if self._size == 1 or not self._running:
            return True
        share = max(1, self._size - 1 - job.reserve)
        fair = self._running[job.client] < share
        reserving = sum(1 for channel in self._channels if channel.job and channel.job.reserve >= job.reserve)
        if not fair or (job.reserve and reserving >= self._size - job.reserve):
            return False
        now = asyncio.get_running_loop().time()
        if self._running.total() < share or not self._is_heavy(job.client, now):
            return True
        return sum(count for client, count in self._running.items() if self._is_heavy(client, now)) < share

    def _dispatch(self) -> None:
        """Send waiting queries to idle readers, first those of clients whose last query was short, then the oldest.

        A client may occupy all readers but one. With 3 readers and the queue A A A B, the third query of A is skipped
        and B runs.
        """
        if not self._idle or not self._queue:
            return
        full = set[tuple[str, int]]()  # clients that occupy their share already
        for job in sorted(self._queue, key=lambda job: not self._usage.is_known(job.client)):
            if (job.client, job.reserve) in full:
                continue
            if not self._may_run(job):
                full.add((job.client, job.reserve))
                continue
            self._queue.remove(job)
            self._idle.pop().send(job)
            if not self._idle:
                return

    # ---- deadlines

    async def _watch_deadlines(self) -> None:
        """End queries at their deadline or when their client has disconnected, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_TICK)
            if not self._asking:
                continue
            now = loop.time()
            for job in [channel.job for channel in self._channels if channel.job]:
                self._check_running(job, now)
            for job in list(self._queue):
                if job.deadline <= now:
                    waited = errors.Busy("No reader became free in time.", remedy="Retry in a moment.")
                    self._end(job, "queue", waited)
                else:
                    self._watch_client(job)
            self._make_way(now)

    def _make_way(self, now: float) -> None:
        """Put the newest query of a heavy client back into the queue if such clients keep a light one waiting."""
        if self._size == 1 or self._replacing or any(channel.ending for channel in self._channels):
            return  # a reader will be free in a moment
        for job in self._queue:
            alike = [it for it in self._channels if it.job and it.job.reserve >= job.reserve]
            if len(alike) < self._size - job.reserve or self._is_heavy(job.client, now):
                continue
            if not all(it.job and self._is_heavy(it.job.client, now) for it in alike):
                continue
            channel = max(alike, key=lambda it: it.job.started if it.job and not it.fetching else 0.0)
            if (newest := channel.job) and not channel.fetching:
                self._release(newest)
                self._usage.add(newest.client, _MADE_WAY, now)
                channel.job, newest.started = None, 0.0
                self._queue.appendleft(newest)
                self._kill(channel, "share")
            return

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
        if job in self._queue:
            self._queue.remove(job)
        for channel in self._channels:
            if channel.job is job:
                self._kill(channel, reason)

    def _kill(self, channel: ReaderConnection, reason: str) -> None:
        self.counts.kills[reason] += 1
        channel.ending = True
        channel.process.kill()

    # ---- processes

    async def _start_one(self) -> None:
        """Start one reader and wait until it is ready.

        Raises:
            OSError: the system cannot start another process.
        """
        process, server_end, shared = start_process(self._settings)
        server_end.setblocking(False)
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

    def reader_free(self, channel: ReaderConnection) -> None:
        """Return a reader to the idle ones, and send it the next query."""
        if channel.job:
            self._release(channel.job)
            channel.job = None
        self._idle.append(channel)
        self._dispatch()

    def query_finished(self) -> None:
        """Count a query that ended with a result or an error of its own."""
        self.counts.answered += 1

    def query_started(self, job: QueryJob) -> None:
        """Record that a reader runs a query."""
        job.started = asyncio.get_running_loop().time()
        self._running[job.client] += 1

    def _release(self, job: QueryJob) -> None:
        now = asyncio.get_running_loop().time()
        self._usage.add(job.client, now - job.started, now)
        self._running[job.client] -= 1
        if not self._running[job.client]:
            del self._running[job.client]

    def reader_ended(self, channel: ReaderConnection) -> None:
        """Replace a reader that has ended; until then its query counts as running.

        Otherwise a client whose queries end at their deadline, one after the other, would soon occupy every reader that
        is left, and the others would wait for the start of new ones.
        """
        self._channels.discard(channel)
        if channel in self._idle:
            self._idle.remove(channel)
        if not self._closed:
            self._dispatch()
            task = asyncio.create_task(self._replace(channel))
            self._replacing.add(task)
            task.add_done_callback(self._replacing.discard)

    async def _replace(self, channel: ReaderConnection) -> None:
        """Report why a reader has ended, and start another in its place."""
        starting = asyncio.ensure_future(self._start_another(channel))
        await asyncio.wait({starting}, timeout=_SHARE_SECONDS)
        if channel.job:
            self._release(channel.job)
            self._dispatch()
        await starting

    async def _start_another(self, channel: ReaderConnection) -> None:
        """Report why a reader has ended, and start another, as often as it takes."""
        code = await asyncio.to_thread(channel.process.wait)
        if channel.job and not channel.job.done.done():
            reason = "memory" if code == -signal.SIGABRT else "crash"  # the engine aborts when it runs out of memory
            self.counts.kills[reason] += 1
            channel.job.done.set_exception(reader_lost(reason, self._settings.max_memory))
        if not channel.served:
            _log.error("a reader could not start; its process ended with code %d", code)
            await asyncio.sleep(_RETRY_AFTER_CRASH)
        while not self._closed:
            try:
                await self._start_one()
                return
            except OSError as error:  # no process or memory is available now
                _log.error("a reader could not start: %s", error.strerror)
                await asyncio.sleep(_RETRY_AFTER_CRASH)
