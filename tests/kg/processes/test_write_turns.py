"""Turns of writes: one at a time, least use first, and none is lost when somebody gives up."""

from __future__ import annotations

import asyncio

import pytest

from kg.processes.write_turns import WriteTurns
from tests.cases.readers import PATIENCE, run


def test_a_client_with_long_writes_waits_for_others() -> None:
    async def main() -> None:
        turns, order = WriteTurns(), []

        async def write(client: str, seconds: float = 0.0) -> None:
            async with turns.turn(client, PATIENCE):
                order.append(client)
                await asyncio.sleep(seconds)

        await write("heavy", 0.2)
        first = asyncio.create_task(write("heavy", 0.2))
        await asyncio.sleep(0.05)
        others = [asyncio.create_task(write(name)) for name in ("heavy", "heavy", "light", "other")]
        await asyncio.gather(first, *others)
        assert order == ["heavy", "heavy", "light", "other", "heavy", "heavy"]

    run(main())


def test_a_turn_that_nobody_waits_for_any_more_is_passed_on() -> None:
    async def main() -> None:
        turns, done = WriteTurns(), []

        async def write(name: str, patience: float = PATIENCE) -> None:
            async with turns.turn(name, patience):
                done.append(name)

        async with turns.turn("first", PATIENCE):
            impatient, cancelled, waiting = (
                asyncio.create_task(write("impatient", 0.05)),
                asyncio.create_task(write("cancelled")),
                asyncio.create_task(write("waiting")),
            )
            await asyncio.sleep(0.1)
            with pytest.raises(TimeoutError):
                await impatient
        cancelled.cancel()  # in the moment in which its turn has come
        await asyncio.wait({cancelled})
        await waiting
        assert done == ["waiting"]
        await write("later")
        assert done == ["waiting", "later"]

    run(main())
