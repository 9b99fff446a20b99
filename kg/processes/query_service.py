"""Query service: evaluates each query on a numbered snapshot, in a process that can be killed.

A write is acknowledged once a snapshot holds it (writes close together share one). So a client can read its own writes,
and readers never wait for a writer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from kg.config import Config
from kg.errors import BadInput, Busy, TooLarge
from kg.federation import service_calls
from kg.http_client.client import FederationClient
from kg.processes import memory_trim, reader_process
from kg.processes.reader_connection import Gone
from kg.processes.reader_pool import ReaderPool
from kg.processes.request_snapshot_view import RequestSnapshotView
from kg.rdf.query_request_and_result import QueryDataset, QueryResult, ResultFormats
from kg.sparql.query_evaluator import NestingLimits
from kg.store.snapshots import Snapshots
from kg.store.store import Store

T = TypeVar("T")

_NOTHING = QueryDataset()
_MIN_SECONDS = 0.05
"""Seconds that are left to a query at least, even if other servers used up its time."""

_MAX_OUTGOING = 8
"""Queries and updates that may wait for other servers at a time: each occupies a thread until its deadline."""


@dataclass(frozen=True)
class QueryCaller:
    """Sender of a query, with its own time limit.

    Attributes:
        name: name of a token or network address; limits are counted by it.
        timeout: time limit in seconds; it can only lower that of the server. ``None`` for the server's limit.
        gone: see :data:`kg.processes.reader_connection.Gone`.
    """

    name: str = ""
    timeout: float | None = None
    gone: Gone | None = None


class QueryService:
    """Readers and snapshots of one store. A store in memory has neither, and is queried directly."""

    def __init__(self, store: Store, config: Config) -> None:
        self.store = store
        self.published_at = time.time()
        self._settings = config.queries
        self._outgoing = FederationClient(config.outgoing)
        self._outgoing_requests = 0
        self._outgoing_threads = ThreadPoolExecutor(_MAX_OUTGOING, "outgoing")
        self._number = store.version
        self._publishing: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._trimming: asyncio.Task[None] | None = None
        self.snapshots = Snapshots(store.directory, config.store.snapshots) if store.directory else None
        self.pool = ReaderPool(config.queries) if store.directory else None

    @property
    def number(self) -> int:
        """Number of the newest snapshot; the version of a store in memory."""
        return self._number if self.snapshots else self.store.version

    async def start(self) -> None:
        """Publish a snapshot of the store and start the readers."""
        self._loop = asyncio.get_running_loop()
        self._trimming = asyncio.create_task(memory_trim.trim_periodically())
        if self.pool and self.snapshots:
            await self._publish()
            await self.pool.start(self.snapshots.newest().path)

    async def close(self) -> None:
        """End the readers and background tasks."""
        if self._trimming:
            self._trimming.cancel()
        if self._publishing:
            await asyncio.wait({self._publishing})
        self._outgoing_threads.shutdown(wait=False)
        if self.pool:
            await self.pool.close()

    # ---- writing

    async def publish(self) -> int:
        """Wait until a snapshot holds every commit that was made before this call, and return its number.

        Raises:
            StorageFull, StoreUnavailable: the commits are on disk, but no snapshot can be made.
        """
        # A snapshot under way may have been begun before the last commit; then a second one follows.
        wanted = self.store.version
        while self.number < wanted:
            if self._publishing is None:
                self._publishing = asyncio.create_task(self._publish())
                self._publishing.add_done_callback(self._published)
            await asyncio.shield(self._publishing)  # a caller that gives up must not cancel it for the others
        return self.number

    def _published(self, _task: asyncio.Task[None]) -> None:
        self._publishing = None

    async def _publish(self) -> None:
        assert self.snapshots
        snapshot = await asyncio.to_thread(self.snapshots.take, self.store.checkpoint)
        self._number, self.published_at = snapshot.number, snapshot.taken
        if self.pool:
            self.pool.open(snapshot.path)

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
            Busy, TooManyRequests, TimedOut, ReaderLost: see :meth:`kg.processes.reader_pool.ReaderPool.run`.
            ClaimgraphError: as raised by :meth:`kg.sparql.query_evaluator.QueryEvaluator.evaluate`.
        """
        if len(text) > self._settings.max_query_length:
            raise TooLarge(
                f"The query has {len(text)} characters; the limit is {self._settings.max_query_length}.",
                remedy="Shorten it, store long lists as a graph, or raise KG_MAX_QUERY_LENGTH.",
            )
        started = time.monotonic()
        base = request.base or self.store.names.base
        # The word alone is a quick check: most queries do not contain it, and are not parsed here.
        may_call = bool(self._outgoing) and "service" in text.lower()
        if may_call and await asyncio.to_thread(service_calls.query_has_calls, text, base, request.prefixes):
            seconds = self._timeout(caller.timeout)
            resolved = await self._call_out(seconds, service_calls.resolve_query, text, base, request.prefixes)
            remaining = replace(caller, timeout=max(_MIN_SECONDS, seconds - (time.monotonic() - started)))
            found = await self._evaluate(resolved.text, choice, request, remaining, as_of)
            return replace(found, sources=resolved.retrieved)
        return await self._evaluate(text, choice, request, caller, as_of)

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
        if self.snapshots is None or self._loop is None:
            yield None
            return
        loop = self._loop
        with self.snapshots.held(as_of) as snapshot:

            def run(text: str, choice: ResultFormats, request: QueryDataset) -> QueryResult:
                evaluation = self._evaluate(text, choice, request, caller(), snapshot.number)
                return asyncio.run_coroutine_threadsafe(evaluation, loop).result()

            yield RequestSnapshotView(self.store, run, snapshot.number)

    async def resolve_update(self, text: str, base: str, seen: Store) -> str:
        """Return an update whose SERVICE and LOAD are replaced by fetched data; see :mod:`kg.federation.service_calls`.

        No request is sent for an update that names graphs which the caller may not write.

        Args:
            text: the update.
            base: base IRI for relative IRIs.
            seen: the store as the caller may use it.

        Raises:
            Busy: too many requests are waiting for other servers.
            Forbidden: a URL is not on the allow-list, or a graph may not be written.
            Unreachable: a server sends no valid response.
            MalformedText, TooLarge: the update is malformed or names too many servers.
        """
        if not self._outgoing or not await asyncio.to_thread(service_calls.update_has_calls, text, base):
            return text
        await asyncio.to_thread(seen.refuse_targets, text, base)
        return await self._call_out(self._settings.update_timeout, service_calls.resolve_update, text, base)

    async def _call_out(self, seconds: float, resolve: Callable[..., T], *given: object) -> T:
        """Send requests to other servers, in separate threads and limited in number, so that slow ones delay no query.

        Raises:
            Busy: :data:`_MAX_OUTGOING` are waiting already.
        """
        if self._outgoing_requests >= _MAX_OUTGOING:
            raise Busy("Too many requests are waiting for other servers now.", remedy="Try again in a moment.")
        self._outgoing_requests += 1
        limits = service_calls.FederationLimits(
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
            return await asyncio.to_thread(self.store.query, text, choice, request)
        with self.snapshots.held(as_of) as snapshot:
            message = reader_process.message(snapshot.path, text, choice, request)
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
