"""The query endpoint as those see it who watch over the server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Final

from kg.errors import ClaimgraphError
from kg.processes.query_service import QueryCaller, QueryService
from kg.rdf.query_request_and_result import ResultFormats

_LATELY: Final = 5.0
"""Seconds for which one answer of a reader shows that readers answer."""

_PATIENCE: Final = 2.0
"""Seconds that a reader has to answer ``ASK {}``."""


class QueryServiceMetrics:
    """Tells how an endpoint is doing. Nothing but :meth:`probe` takes time."""

    def __init__(self, endpoint: QueryService) -> None:
        self._endpoint = endpoint
        self._answered = -1
        self._checked = 0.0
        self._probing: asyncio.Task[bool] | None = None

    @property
    def number(self) -> int:
        """Number of the current snapshot."""
        return self._endpoint.number

    @property
    def published_at(self) -> float:
        """When it was published, in seconds of the Unix epoch."""
        return self._endpoint.published_at

    @property
    def readers_ready(self) -> int:
        """Readers that wait for a query."""
        return self._endpoint.pool.ready if self._endpoint.pool else 0

    @property
    def readers_busy(self) -> int:
        """Readers that answer one."""
        return self._endpoint.pool.busy if self._endpoint.pool else 0

    @property
    def reader_pids(self) -> Sequence[int]:
        """Process ids of all readers."""
        return self._endpoint.pool.processes if self._endpoint.pool else ()

    @property
    def waiting(self) -> int:
        """Queries in the queue."""
        return self._endpoint.pool.waiting if self._endpoint.pool else 0

    @property
    def kills(self) -> Mapping[str, int]:
        """Readers ended so far, by reason."""
        return self._endpoint.pool.counts.kills if self._endpoint.pool else {}

    async def probe(self) -> bool:
        """Tell whether a reader has answered lately; if none has, ask one, however many callers want to know."""
        pool = self._endpoint.pool
        now = time.monotonic()
        if pool and now - self._checked < _LATELY and pool.counts.answered > self._answered:
            return True
        if self._probing is None:
            self._probing = asyncio.create_task(self._ask())
            self._probing.add_done_callback(self._forget)
        return await asyncio.shield(self._probing)

    def _forget(self, _task: asyncio.Task[bool]) -> None:
        self._probing = None

    async def _ask(self) -> bool:
        pool = self._endpoint.pool
        self._checked = time.monotonic()
        before = pool.counts.answered if pool else 0
        try:
            await self._endpoint.query("ASK {}", ResultFormats(), caller=QueryCaller("readiness", timeout=_PATIENCE))
        except ClaimgraphError:
            return False
        self._answered = before
        return True
