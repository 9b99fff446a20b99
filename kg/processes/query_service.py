"""Where queries are asked: each is answered from a numbered snapshot, by a process that can be killed.

A write is acknowledged when a snapshot holds it (writes that come close together share one), so whoever wrote reads
what was written, and readers never wait for a writer.
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
from kg.processes.store_at_snapshot import StoreAtSnapshot
from kg.rdf.query_request_and_result import QueryDataset, QueryResult, ResultFormats
from kg.sparql.query_evaluator import NestingLimits
from kg.store.snapshots import Snapshots
from kg.store.store import Store

T = TypeVar("T")

_NOTHING = QueryDataset()
_LEAST = 0.05
"""Seconds that a query gets at least when other servers have taken all of its time."""
_CALLING_OUT = 8
"""Requests that may be asking other servers at a time: each holds a thread until its deadline."""


@dataclass(frozen=True)
class QueryCaller:
    """Who asks, and how long they want to wait.

    Attributes:
        name: a token's name or an address; limits count by it.
        timeout: seconds; can only lower the server's own limit.
        gone: see :data:`kg.processes.reader_connection.Gone`.
    """

    name: str = ""
    timeout: float | None = None
    gone: Gone | None = None


class QueryService:
    """The readers and snapshots of one store. A store in memory has neither, and is asked directly."""

    def __init__(self, store: Store, config: Config) -> None:
        self.store = store
        self.published_at = time.time()
        self._settings = config.queries
        self._outgoing = FederationClient(config.outgoing)
        self._calling_out = 0
        self._callers = ThreadPoolExecutor(_CALLING_OUT, "calling-out")
        self._number = store.version
        self._publishing: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._trimming: asyncio.Task[None] | None = None
        self.snapshots = Snapshots(store.directory, config.store.snapshots) if store.directory else None
        self.pool = ReaderPool(config.queries) if store.directory else None

    @property
    def number(self) -> int:
        """The number of the snapshot that answers now."""
        return self._number if self.snapshots else self.store.version

    async def start(self) -> None:
        """Publish what the store holds and start the readers."""
        self._loop = asyncio.get_running_loop()
        self._trimming = asyncio.create_task(memory_trim.keep_trimmed())
        if self.pool and self.snapshots:
            await self._publish()
            await self.pool.start(self.snapshots.newest().path)

    async def close(self) -> None:
        """End the readers."""
        if self._trimming:
            self._trimming.cancel()
        if self._publishing:
            await asyncio.wait({self._publishing})
        self._callers.shutdown(wait=False)
        if self.pool:
            await self.pool.close()

    # ---- writing

    async def publish(self) -> int:
        """Have a snapshot hold every commit that was made before this call, and tell its number.

        Raises:
            StorageFull, StoreUnavailable: the commits are on disk, but no snapshot can be made.
        """
        wanted = self.store.version
        while self.number < wanted:
            if self._publishing is None:
                self._publishing = asyncio.create_task(self._publish())
                self._publishing.add_done_callback(self._published)
            await asyncio.shield(self._publishing)
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
        asker: QueryCaller = QueryCaller(),
        as_of: int | None = None,
    ) -> QueryResult:
        """Answer a SPARQL query, from the newest snapshot or from that with the number ``as_of``.

        Raises:
            NotFound: that snapshot is not kept.
            TooLarge: the text is too long.
            Busy, TooManyRequests, TimedOut, ReaderLost, and what
            :meth:`kg.sparql.query_evaluator.QueryEvaluator.answer` raises.
        """
        if len(text) > self._settings.max_query_length:
            raise TooLarge(
                f"The query has {len(text)} characters; the limit is {self._settings.max_query_length}.",
                remedy="Make it shorter, store long lists as a graph of your own, or raise KG_MAX_QUERY_LENGTH.",
            )
        started = time.monotonic()
        base = request.base or self.store.names.base
        asks = bool(self._outgoing) and "service" in text.lower()  # most say nothing of it, and are not held up
        if asks and await asyncio.to_thread(service_calls.query_asks, text, base, request.prefixes):
            seconds = self._timeout(asker.timeout)
            resolved = await self._call_out(seconds, service_calls.resolve_query, text, base, request.prefixes)
            spent = replace(asker, timeout=max(_LEAST, seconds - (time.monotonic() - started)))
            found = await self._ask(resolved.text, choice, request, spent, as_of)
            return replace(found, sources=resolved.retrieved)
        return await self._ask(text, choice, request, asker, as_of)

    @contextmanager
    def session(self, asker: Callable[[], QueryCaller], as_of: int | None = None) -> Iterator[StoreAtSnapshot | None]:
        """Give a store that reads the newest snapshot, or that of ``as_of``, while the context lasts.

        Yields:
            ``None`` for a store in memory, which has no readers.

        Raises:
            NotFound: that snapshot is not kept.
        """
        if self.snapshots is None or self._loop is None:
            yield None
            return
        loop = self._loop
        with self.snapshots.held(as_of) as snapshot:

            def ask(text: str, choice: ResultFormats, request: QueryDataset) -> QueryResult:
                asking = self._ask(text, choice, request, asker(), snapshot.number)
                return asyncio.run_coroutine_threadsafe(asking, loop).result()

            yield StoreAtSnapshot(self.store, ask, snapshot.number)

    async def resolve_update(self, text: str, base: str, seen: Store) -> str:
        """Fetch what an update wants from outside, as far as that is allowed; see :mod:`kg.federation.service_calls`.

        Nobody is asked for an update that may not write what it names.

        Args:
            text: the update.
            base: against which relative IRIs are resolved.
            seen: the store as the caller sees it.

        Raises:
            Busy, Forbidden, Unreachable, MalformedText, TooLarge.
        """
        if not self._outgoing or not await asyncio.to_thread(service_calls.update_asks, text, base):
            return text
        await asyncio.to_thread(seen.refuse_targets, text, base)
        return await self._call_out(self._settings.update_timeout, service_calls.resolve_update, text, base)

    async def _call_out(self, seconds: float, resolve: Callable[..., T], *given: object) -> T:
        """Ask other servers, only so many at a time, in threads that are for nothing else: slow ones hold up nobody."""
        if self._calling_out >= _CALLING_OUT:
            raise Busy("Too many requests are asking other servers now.", remedy="Ask again in a moment.")
        self._calling_out += 1
        limits = service_calls.FederationLimits(
            NestingLimits(self._settings.max_nesting, self._settings.max_height), seconds
        )
        try:
            work = partial(resolve, *given, self._outgoing, limits)
            return await asyncio.get_running_loop().run_in_executor(self._callers, work)
        finally:
            self._calling_out -= 1

    async def _ask(
        self, text: str, choice: ResultFormats, request: QueryDataset, asker: QueryCaller, as_of: int | None
    ) -> QueryResult:
        if self.pool is None or self.snapshots is None:
            return await asyncio.to_thread(self.store.query, text, choice, request)
        with self.snapshots.held(as_of) as snapshot:
            message = reader_process.message(snapshot.path, text, choice, request)
            return await self.pool.run(message, asker.name, self._timeout(asker.timeout), asker.gone)

    def _timeout(self, wanted: float | None) -> float:
        if wanted is None:
            return self._settings.timeout
        if not wanted > 0:
            raise BadInput("The timeout must be more than zero seconds.", remedy="Give seconds, such as timeout=5.")
        return min(wanted, self._settings.timeout)
