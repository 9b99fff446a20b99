"""Turns of writes: one at a time, and a client whose writes took long lately waits for the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kg.processes.client_usage import ClientUsage


class WriteTurns:
    """Queue of the writes of one process. Use it on one event loop.

    Example: A has twenty long updates in the queue, and B sends one. B's is next, since B has used nothing lately.
    """

    def __init__(self) -> None:
        self._busy = False
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []
        self._usage = ClientUsage()

    @asynccontextmanager
    async def turn(self, client: str, patience: float) -> AsyncIterator[None]:
        """Wait for a turn, and hold it while the context lasts.

        Raises:
            TimeoutError: it does not come within ``patience`` seconds.
        """
        if self._busy:
            await self._wait(client, patience)
        self._busy = True
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            yield
        finally:
            self._usage.add(client, loop.time() - began, loop.time())
            self._pass_on()

    async def _wait(self, client: str, patience: float) -> None:
        mine = client, asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        try:
            async with asyncio.timeout(patience):
                await mine[1]
        except BaseException:
            if mine in self._waiting:
                self._waiting.remove(mine)
            else:  # the turn came in the same moment
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """Give the turn to the client that has used least lately; of equal ones, to the one that waits longest."""
        self._busy = bool(self._waiting)
        if self._waiting:
            now = asyncio.get_running_loop().time()
            chosen = min(self._waiting, key=lambda waiting: self._usage.seconds(waiting[0], now))
            self._waiting.remove(chosen)
            if not chosen[1].done():
                chosen[1].set_result(None)
