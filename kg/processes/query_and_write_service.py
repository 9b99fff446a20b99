"""Query service of one process: queries, tasks and writes, each in a process that can be killed.

Queries and tasks run in readers on a numbered snapshot. Writes are prepared by a task and committed by the writer,
which acknowledges a write once a snapshot holds it. So a client can read its own writes, in every process, and readers
never wait for the writer.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from kg.access.restricted_store import RestrictedStore
from kg.config import Config
from kg.errors import BadInput, Busy, TimedOut, TooLarge
from kg.federation import service_and_load_calls
from kg.http_client.federation_client import FederationClient
from kg.processes import memory_trim, validation_and_write_preparation
from kg.processes.readers import reader_process
from kg.processes.readers.reader_connection import Gone
from kg.processes.readers.reader_launcher_process import FOR_TASKS
from kg.processes.readers.reader_pool import ReaderPool
from kg.processes.remote_store import RemoteStore, StoreDescription
from kg.processes.request_snapshot_view import RequestSnapshotView
from kg.processes.validation_and_write_preparation import Task, TaskResult
from kg.processes.writer_connection import News, WriterConnection
from kg.rdf.query_request_and_result import QueryDataset, QueryResult, ResultFormats
from kg.rdf.results_kept_in_thread import contained
from kg.sparql.checked_query_evaluation import NestingLimits
from kg.store.prepared_writes_and_conflicts import Outdated, PreparedWrite
from kg.store.snapshots import HeldSnapshots, NewestNumber
from kg.store.store import Store
from kg.store.store_protocols import Outcome

T = TypeVar("T")

_NOTHING = QueryDataset()
_MIN_SECONDS = 0.05
"""Seconds that are left to a query at least, even if other servers used up its time."""

_TASK_READERS = 3
"""Readers for tasks; validations leave one of them to writes, and those of one client another one to other clients."""

_MAX_OUTGOING = 8
"""Queries and updates that may wait for other servers at a time: each occupies a thread until its deadline."""


@dataclass(frozen=True)
class QueryCaller:
    """Sender of a query, with its own time limit.

    Attributes:
        name: name of a token or network address; limits are counted by it.
        timeout: time limit in seconds; it can only lower that of the server. ``None`` for the server's limit.
        gone: see :data:`kg.processes.readers.reader_connection.Gone`.
        limit: graphs that a query may read; see :class:`kg.access.permissions.GraphLimit`. ``None`` for all.
    """

    name: str = ""
    timeout: float | None = None
    gone: Gone | None = None
    limit: tuple[str, ...] | None = None


INTERNAL = QueryCaller("(server)")
"""Sender of the server's own queries."""

_PREPARATIONS = 3
"""Attempts to prepare a write whose premises other writes keep changing."""

_LONG_TEXT = 64 * 1024
"""Longest text, in characters, that may call other servers: it is parsed in this process."""


class QueryService:
    """Readers of a store, and the connection to its writer. A store in memory has neither, and is used directly.

    Attributes:
        store: the whole dataset, for calls in worker threads.
        writer: connection to the writer; ``None`` for a store in memory.
        pool: readers for queries; ``None`` for a store in memory.
        tasks: readers for tasks, started with the first of them; ``None`` for a store in memory.
        snapshots: the snapshots; ``None`` for a store in memory.
    """

    store: Store | RemoteStore

    def __init__(self, store: Store | StoreDescription, config: Config, newest: NewestNumber | None = None) -> None:
        """Serve an open store in memory, or the one of another process, which publishes snapshots in ``newest``."""
        self._settings = config.queries
        self._outgoing = FederationClient(config.outgoing)
        self._outgoing_requests = 0
        self._outgoing_threads = ThreadPoolExecutor(_MAX_OUTGOING, "outgoing")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._trimming: asyncio.Task[None] | None = None
        self._attaching: set[asyncio.Task[None]] = set()
        self._started = time.time()
        self.newest = newest
        self.pool: ReaderPool | None = None
        self.tasks: ReaderPool | None = None
        self.snapshots: HeldSnapshots | None = None
        self.writer: WriterConnection | None = None
        if isinstance(store, Store):
            self.store = store
            return
        assert newest is not None, "a store of another process has snapshots"
        self.snapshots = HeldSnapshots(store.directory, lambda: newest.number)
        self.pool = ReaderPool(config.queries)
        self.tasks = ReaderPool(config.queries, _TASK_READERS, FOR_TASKS)
        self.store = RemoteStore(store, lambda: newest.number, self._run_now, self._commit_now)
        self.writer = WriterConnection(config.queries.update_timeout, self._heard, lambda: newest.last_end)

    @property
    def number(self) -> int:
        """Number of the newest snapshot; the version of a store in memory."""
        return self.newest.number if self.newest else self.store.version

    @property
    def published_at(self) -> float:
        """Time of the newest snapshot, in seconds since 1970."""
        return self.newest.taken if self.newest else self._started

    async def start(self) -> None:
        """Start the readers."""
        self._loop = asyncio.get_running_loop()
        self._trimming = asyncio.create_task(memory_trim.trim_periodically())
        if self.pool and self.snapshots:
            await self.pool.start(self.snapshots.newest().path)

    async def close(self) -> None:
        """End the readers and background tasks."""
        if self._trimming:
            self._trimming.cancel()
        self._outgoing_threads.shutdown(wait=False)
        for pool in (self.pool, self.tasks):
            if pool:
                await pool.close()
        if self.writer:
            self.writer.close()

    def writer_changed(self, sock: socket.socket) -> None:
        """Use a connection to a new writer; called on the event loop."""
        assert self.writer is not None, "a store in memory has no writer"
        task = asyncio.get_running_loop().create_task(self.writer.attach(sock))
        self._attaching.add(task)
        task.add_done_callback(self._attaching.discard)

    def no_more_writers(self) -> None:
        """Fail the writes that wait for another writer; called on the event loop."""
        assert self.writer is not None, "a store in memory has no writer"
        self.writer.give_up()

    def _heard(self, news: News) -> None:
        """Record what was written, and let idle readers open the new snapshot before their next query."""
        assert isinstance(self.store, RemoteStore)
        self.store.note(news)
        if self.snapshots and self.pool and self.pool.started:
            self.pool.open(self.snapshots.newest().path)

    # ---- for worker threads

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the event loop and wait for its result, in another thread."""
        assert self._loop is not None, "the service has been started"
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def _run_now(self, text: str, choice: ResultFormats, request: QueryDataset) -> QueryResult:
        return self._wait(self._evaluate(text, choice, request, INTERNAL, None))

    def _commit_now(self, write: PreparedWrite) -> Outcome:
        assert self.writer is not None
        return self._wait(self.writer.commit(write))

    # ---- tasks and writes

    async def task(self, task: Task, caller: QueryCaller) -> TaskResult:
        """Run a task that writes nothing, within the limits of queries.

        Raises:
            ClaimgraphError: as raised by the task, or by :meth:`kg.processes.readers.reader_pool.ReaderPool.run`.
        """
        if self.tasks is None:
            return await asyncio.to_thread(contained, validation_and_write_preparation.run, task, self.store)
        return await self._run_task(self.tasks, task, caller, self._timeout(caller.timeout), reserve=1)

    async def write(self, task: Task, caller: QueryCaller) -> TaskResult:
        """Prepare a write by a task and commit it; the result has the true ``outcome``.

        Raises:
            Busy: other writes keep changing what the task has read, or take too long.
            ClaimgraphError: as raised by the task, by the pool, or by :class:`WriterConnection`.
        """
        if self.writer is None or self.tasks is None:
            return await asyncio.to_thread(contained, validation_and_write_preparation.run, task, self.store)
        for _ in range(_PREPARATIONS):
            found = await self._prepare(self.tasks, task, caller)
            assert found.prepared is not None, "a task of a write prepares one"
            try:
                outcome = await self.writer.commit(found.prepared, caller.name)
            except Outdated:
                continue
            return replace(found, values={**found.values, "outcome": outcome})
        raise Busy("Other writes keep changing what this one depends on.", remedy="Retry in a moment.")

    async def _prepare(self, pool: ReaderPool, task: Task, caller: QueryCaller) -> TaskResult:
        seconds = self._settings.update_timeout
        try:
            return await self._run_task(pool, task, caller, seconds)
        except TimedOut as error:
            raise TimedOut(
                f"The preparation of the write was ended after {seconds:g} s, at its time limit; nothing is stored.",
                remedy="Send less at a time, or raise KG_UPDATE_TIMEOUT.",
            ) from error

    async def update(self, text: str, dataset: QueryDataset, client: str = "") -> None:
        """Run an update of a user; ``client`` is its sender, as in :class:`QueryCaller`.

        Raises:
            ClaimgraphError: see :meth:`WriterConnection.update` and :meth:`kg.store.store.Store.update`.
        """
        if self.writer is None:
            assert isinstance(self.store, Store)
            await asyncio.to_thread(contained, self.store.update, text, dataset)
        else:
            await self.writer.update(text, dataset, client)

    async def _run_task(
        self, pool: ReaderPool, task: Task, caller: QueryCaller, seconds: float, reserve: int = 0
    ) -> TaskResult:
        """Run a task in a reader of a pool; ``reserve`` readers are left to tasks that reserve fewer."""
        assert self.snapshots is not None, "a store with readers has snapshots"
        await pool.start(self.snapshots.newest().path)
        with self.snapshots.held() as snapshot:
            message = reader_process.task_message(snapshot, task, self.store.names.base, bare=self.store.bare)
            found = await pool.run(message, caller.name, seconds, caller.gone, reserve)
        return await asyncio.to_thread(TaskResult.unpack, found.content)

    # ---- reading

    async def query(
        self,
        text: str,
        choice: ResultFormats,
        request: QueryDataset = _NOTHING,
        caller: QueryCaller = QueryCaller(),
        as_of: int | None = None,
    ) -> QueryResult:
        """Evaluate a SPARQL query on the newest snapshot, or on the one with the number ``as_of``.

        Args:
            text: the query.
            choice: acceptable result formats.
            request: dataset, prefixes and bindings from outside of the text.
            caller: sender of the query.
            as_of: number of a retained snapshot.

        Raises:
            NotFound: that snapshot is no longer retained.
            TooLarge: the text is too long.
            Busy, TooManyRequests, TimedOut, ReaderLost: see :meth:`kg.processes.readers.reader_pool.ReaderPool.run`.
            ClaimgraphError: as raised by :meth:`kg.sparql.checked_query_evaluation.QueryEvaluator.evaluate`.
        """
        if len(text) > self._settings.max_query_length:
            raise TooLarge(
                f"The query has {len(text)} characters; the limit is {self._settings.max_query_length}.",
                remedy="Shorten it, store long lists as a graph, or raise KG_MAX_QUERY_LENGTH.",
            )
        started = time.monotonic()
        base = request.base or self.store.names.base
        if not await self._calls(text, base, request.prefixes, caller):
            return await self._evaluate(text, choice, request, caller, as_of)
        seconds = self._timeout(caller.timeout)
        resolved = await self._call_out(seconds, service_and_load_calls.resolve_query, text, base, request.prefixes)
        remaining = replace(caller, timeout=max(_MIN_SECONDS, seconds - (time.monotonic() - started)))
        found = await self._evaluate(resolved.text, choice, request, remaining, as_of)
        return replace(found, sources=resolved.retrieved)

    async def _calls(
        self, text: str, base: str, prefixes: Mapping[str, str] | None, caller: QueryCaller, *, update: bool = False
    ) -> bool:
        """Return whether a text calls other servers.

        Raises:
            TooLarge: it does, and is too long for that.
        """
        # The words alone are a quick check: most texts contain neither, and are not parsed.
        if not self._outgoing or not any(word in text.lower() for word in ("service", "load")[: 1 + update]):
            return False
        arguments = {"base": base, "prefixes": prefixes and dict(prefixes), "update": update}
        task = Task("has calls", arguments, text.encode("utf-8", "surrogatepass"))
        if self.pool is None:
            found = await self.task(task, caller)
        else:  # with the queries, as it is a part of one: it does not wait for validations
            found = await self._run_task(self.pool, task, caller, self._timeout(caller.timeout))
        calls = bool(found.values["calls"])
        if calls and len(text) > _LONG_TEXT:
            raise TooLarge(
                f"The text has {len(text)} characters; with SERVICE or LOAD the limit is {_LONG_TEXT}.",
                remedy="Shorten it, or store long lists as a graph.",
            )
        return calls

    @contextmanager
    def session(
        self, caller: Callable[[], QueryCaller], as_of: int | None = None
    ) -> Iterator[RequestSnapshotView | None]:
        """Yield a store that reads the newest snapshot, or the one with the number ``as_of``, while the context lasts.

        It must be used in worker threads, as each read blocks until the event loop has the result.

        Args:
            caller: returns the sender of the next query; called once for each.
            as_of: number of a retained snapshot.

        Yields:
            The store; ``None`` for a store in memory, which has no readers.

        Raises:
            NotFound: that snapshot is no longer retained.
        """
        if self.snapshots is None:
            yield None
            return
        with self.snapshots.held(as_of) as snapshot:

            def run(text: str, choice: ResultFormats, request: QueryDataset) -> QueryResult:
                return self._wait(self._evaluate(text, choice, request, caller(), snapshot.number))

            yield RequestSnapshotView(self.store, run, snapshot.number, self.store.sizes)

    async def resolve_update(self, text: str, base: str, caller: QueryCaller) -> str:
        """Return an update whose SERVICE and LOAD are replaced by data (:mod:`kg.federation.service_and_load_calls`).

        No request is sent for an update that names graphs which the caller may not write.

        Args:
            text: the update.
            base: base IRI for relative IRIs.
            caller: sender of the update.

        Raises:
            Busy: too many requests are waiting for other servers.
            Forbidden: a URL is not on the allow-list, or a graph may not be written.
            Unreachable: a server sends no valid response.
            MalformedText, TooLarge: the update is malformed or names too many servers.
        """
        if not await self._calls(text, base, None, caller, update=True):
            return text
        await asyncio.to_thread(self.store.refuse_targets, text, base)
        return await self._call_out(self._settings.update_timeout, service_and_load_calls.resolve_update, text, base)

    async def _call_out(self, seconds: float, resolve: Callable[..., T], *given: object) -> T:
        """Send requests to other servers, in separate threads and limited in number, so that slow ones delay no query.

        Raises:
            Busy: :data:`_MAX_OUTGOING` are waiting already.
        """
        if self._outgoing_requests >= _MAX_OUTGOING:
            raise Busy("Too many requests are waiting for other servers now.", remedy="Try again in a moment.")
        self._outgoing_requests += 1
        limits = service_and_load_calls.FederationLimits(
            NestingLimits(self._settings.max_nesting, self._settings.max_height), seconds
        )
        try:
            work = partial(resolve, *given, self._outgoing, limits)
            return await asyncio.get_running_loop().run_in_executor(self._outgoing_threads, work)
        finally:
            self._outgoing_requests -= 1

    async def _evaluate(
        self, text: str, choice: ResultFormats, request: QueryDataset, caller: QueryCaller, as_of: int | None
    ) -> QueryResult:
        """Evaluate a query by a reader, or directly for a store in memory."""
        if self.pool is None or self.snapshots is None:
            seen = self.store if caller.limit is None else RestrictedStore(self.store, caller.limit)
            return await asyncio.to_thread(contained, seen.query, text, choice, request)
        names = self.store.names
        about = None if caller.limit is None else {"limit": caller.limit, "base": names.base, "bare": self.store.bare}
        with self.snapshots.held(as_of) as snapshot:
            message = reader_process.query_message(snapshot.path, text, choice, request, about)
            return await self.pool.run(message, caller.name, self._timeout(caller.timeout), caller.gone)

    def _timeout(self, wanted: float | None) -> float:
        """Return the time limit in seconds.

        Raises:
            BadInput: the wanted limit is not positive.
        """
        if wanted is None:
            return self._settings.timeout
        if not wanted > 0:
            raise BadInput("The timeout must be more than zero seconds.", remedy="Pass seconds, such as timeout=5.")
        return min(wanted, self._settings.timeout)
