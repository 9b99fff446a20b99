"""Source of health and metrics for the query service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from kg.errors import ClaimgraphError
from kg.processes.query_and_write_service import QueryCaller, QueryService
from kg.rdf.query_request_and_result import ResultFormats

_LATELY: Final = 5.0
"""Seconds for which a response of a reader counts as proof that readers respond."""

_PATIENCE: Final = 2.0
"""Seconds within which a reader must respond to ``ASK {}``."""


class QueryServiceMonitoring:
    """State of a query service. All properties are immediate; only :meth:`probe` may take time."""

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
        """Time of its publication, in seconds of the Unix epoch."""
        return self._endpoint.published_at

    @property
    def readers_ready(self) -> int:
        """Number of idle readers."""
        return self._endpoint.pool.ready if self._endpoint.pool else 0

    @property
    def readers_busy(self) -> int:
        """Number of readers that run a query."""
        return self._endpoint.pool.busy if self._endpoint.pool else 0

    def processes(self, web: str) -> dict[str, int]:
        """Return the process ids of all readers and their launchers by name; ``web`` is the number of this process."""
        found = {}
        for kind, pool in (("reader", self._endpoint.pool), ("task-reader", self._endpoint.tasks)):
            if pool and pool.launcher:
                found["-".join(filter(None, (kind, "launcher", web)))] = pool.launcher
            for number, pid in enumerate(pool.processes if pool else (), 1):
                found["-".join(filter(None, (kind, web, str(number))))] = pid
        return found

    @property
    def waiting(self) -> int:
        """Number of queries in the queue."""
        return self._endpoint.pool.waiting if self._endpoint.pool else 0

    @property
    def kills(self) -> Mapping[str, int]:
        """Number of readers killed so far, by reason."""
        return self._endpoint.pool.counts.kills if self._endpoint.pool else {}

    async def probe(self) -> bool:
        """Return whether a reader has responded recently; if none has, send one query, shared by all callers."""
        pool = self._endpoint.pool
        now = time.monotonic()
        if pool and now - self._checked < _LATELY and pool.counts.answered > self._answered:
            return True
        if self._probing is None:
            self._probing = asyncio.create_task(self._send_query())
            self._probing.add_done_callback(self._forget)
        return await asyncio.shield(self._probing)

    def _forget(self, _task: asyncio.Task[bool]) -> None:
        self._probing = None

    async def _send_query(self) -> bool:
        """Return whether a reader responds to ``ASK {}`` in time."""
        pool = self._endpoint.pool
        self._checked = time.monotonic()
        before = pool.counts.answered if pool else 0
        try:
            await self._endpoint.query("ASK {}", ResultFormats(), caller=QueryCaller("readiness", timeout=_PATIENCE))
        except ClaimgraphError:
            return False
        # The count before the query: its own response is then newer, and counts as proof.
        self._answered = before
        return True
