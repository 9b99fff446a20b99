"""Query service: writers read their own writes, and readers see whole commits in order."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from kg import errors
from kg.processes.query_service import QueryCaller, QueryService
from kg.store.snapshots import FOLDER
from kg.store.store import Store, StoreOptions
from tests.cases.readers import COUNT, CSV, MEMORY, PATIENCE, RUNAWAY, SIZE, made, run, until
from tests.configs import configured
from tests.processes import alive


@asynccontextmanager
async def serving(store: Store, **settings: Any) -> AsyncIterator[QueryService]:
    endpoint = QueryService(store, configured(**({"readers": 2, "max_memory": MEMORY} | settings)))
    await endpoint.start()
    try:
        yield endpoint
    finally:
        await endpoint.close()


async def count(endpoint: QueryService, as_of: int | None = None) -> int:
    answer = await endpoint.query(COUNT, CSV, as_of=as_of)
    return int(answer.content.split()[1])


def insert(store: Store, *subjects: str) -> None:
    store.update("INSERT DATA { " + " ".join(f"<urn:{one}> <urn:q> 1 ." for one in subjects) + " }")


# ---- writing


def test_what_is_acknowledged_can_be_read(tmp_path: Path) -> None:
    store = made(tmp_path, 3)

    async def main() -> None:
        async with serving(store) as endpoint:
            assert await count(endpoint) == 3
            for number in range(20):
                await asyncio.to_thread(insert, store, f"n{number}")
                published = await endpoint.publish()
                assert published == endpoint.number == store.version
                assert await count(endpoint) == 4 + number

    run(main())


def test_what_is_not_yet_published_is_not_read(tmp_path: Path) -> None:
    store = made(tmp_path, 3)

    async def main() -> None:
        async with serving(store) as endpoint:
            before = endpoint.number
            insert(store, "a")
            assert (await count(endpoint), endpoint.number) == (3, before)
            assert await endpoint.publish() == before + 1
            assert await count(endpoint) == 4

    run(main())


def test_commits_that_are_close_together_share_a_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = made(tmp_path, 3)
    checkpoints: list[int] = []
    checkpoint = store.checkpoint

    def counted(path: Path) -> int:
        checkpoints.append(checkpoint(path))
        return checkpoints[-1]

    async def main() -> None:
        async with serving(store) as endpoint:
            checkpoints.clear()

            async def write(number: int) -> None:
                insert(store, f"n{number}")
                wanted = store.version
                assert await endpoint.publish() >= wanted
                text = f"ASK {{ <urn:n{number}> ?p ?o }}"
                assert b"true" in (await endpoint.query(text, CSV, caller=QueryCaller(str(number)))).content

            await asyncio.gather(*(write(number) for number in range(40)))
            assert len(checkpoints) <= 2
            assert await endpoint.publish() == checkpoints[-1] == store.version
            assert len(checkpoints) <= 2  # there was nothing new

    monkeypatch.setattr(store, "checkpoint", counted)
    run(main())


def test_a_commit_during_a_checkpoint_is_in_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = made(tmp_path, 3)
    checkpoint = store.checkpoint
    made_copy, go_on = threading.Event(), threading.Event()

    def slow(path: Path) -> int:
        number = checkpoint(path)
        made_copy.set()
        assert go_on.wait(PATIENCE)
        return number

    async def main() -> None:
        async with serving(store) as endpoint:
            monkeypatch.setattr(store, "checkpoint", slow)
            insert(store, "a")
            first = asyncio.create_task(endpoint.publish())
            assert await asyncio.to_thread(made_copy.wait, PATIENCE)
            insert(store, "b")
            second = asyncio.create_task(endpoint.publish())
            await asyncio.sleep(0.05)
            assert await count(endpoint) == 3  # readers never wait
            go_on.set()
            numbers = await asyncio.gather(first, second)
            assert numbers[1] == store.version
            assert await count(endpoint) == 5

    run(main())


def test_a_writer_that_goes_away_does_not_stop_the_others(tmp_path: Path) -> None:
    store = made(tmp_path, 3)

    async def main() -> None:
        async with serving(store) as endpoint:
            insert(store, "a")
            leaving, staying = (asyncio.create_task(endpoint.publish()) for _ in range(2))
            await asyncio.sleep(0)
            leaving.cancel()
            assert await staying == store.version
            assert await count(endpoint) == 4

    run(main())


def test_a_snapshot_that_cannot_be_made_is_told_and_made_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = made(tmp_path, 3)

    def full(path: Path) -> int:
        path.mkdir()
        (path / "part").touch()
        raise errors.StorageFull("No space is left on the disk.")

    async def main() -> None:
        async with serving(store) as endpoint:
            before = endpoint.number
            insert(store, "a")
            with monkeypatch.context() as patched:
                patched.setattr(store, "checkpoint", full)
                told = await asyncio.gather(*(endpoint.publish() for _ in range(3)), return_exceptions=True)
                assert [type(one) for one in told] == [errors.StorageFull] * 3
            assert (await count(endpoint), endpoint.number) == (3, before)
            assert await endpoint.publish() == before + 1
            assert await count(endpoint) == 4

    run(main())


@pytest.mark.parametrize(("bare", "last"), [(True, 40), (False, 25)])
def test_readers_never_see_a_part_of_a_commit(tmp_path: Path, bare: bool, last: int) -> None:
    """Each commit adds two statements, or takes two away, and moves a counter; whatever is read fits together."""
    store = Store(StoreOptions(tmp_path, bare=bare))
    over = threading.Event()
    store.update("INSERT DATA { <urn:counter> <urn:is> 0 }")

    def write() -> None:
        for number in range(1, last):
            move = "DELETE { <urn:counter> <urn:is> ?n } INSERT { <urn:counter> <urn:is> ?m }"
            pair = f"<urn:left> <urn:has> {number} . <urn:right> <urn:has> {number} ."
            gone = f"<urn:left> <urn:has> {number - 5} . <urn:right> <urn:has> {number - 5} ."
            store.update(
                f"{move} WHERE {{ <urn:counter> <urn:is> ?n BIND(?n + 1 AS ?m) }} ;"
                f"INSERT DATA {{ {pair} }} ; DELETE DATA {{ {gone} }}"
            )

    text = """SELECT ?n (COUNT(DISTINCT ?l) AS ?lefts) (COUNT(DISTINCT ?r) AS ?rights) (MAX(?l) AS ?newest) {
        <urn:counter> <urn:is> ?n
        OPTIONAL { { <urn:left> <urn:has> ?l } UNION { <urn:right> <urn:has> ?r } } } GROUP BY ?n"""

    async def main() -> None:
        async with serving(store) as endpoint:
            seen: list[int] = []

            async def publish() -> None:
                while not over.is_set():
                    await endpoint.publish()
                    await asyncio.sleep(0)
                await endpoint.publish()

            async def read(name: str) -> None:
                before = 0
                while before < last - 1:
                    answer = (await endpoint.query(text, CSV, caller=QueryCaller(name))).content.decode()
                    (row,) = answer.splitlines()[1:]
                    number, lefts, rights, newest = row.split(",")
                    assert int(lefts) == int(rights) == min(int(number), 5), row
                    assert newest in (number, "") and int(number) >= before, row
                    before = int(number)
                    seen.append(before)

            async def commit() -> None:
                try:
                    await asyncio.to_thread(write)
                finally:
                    over.set()

            await asyncio.gather(commit(), publish(), *(read(f"reader {n}") for n in range(3)))
            assert len(set(seen)) > 3

    run(main())


# ---- the past


def test_the_past_as_far_as_it_is_kept(tmp_path: Path) -> None:
    store = made(tmp_path, 3)

    async def main() -> None:
        async with serving(store, snapshots=2) as endpoint:
            first = endpoint.number
            for name in ("a", "b"):
                insert(store, name)
                await endpoint.publish()
            assert [await count(endpoint, first + n) for n in (1, 2)] == [4, 5]
            for number in (first, first + 3, 0):
                with pytest.raises(
                    errors.NotFound, match=f"Snapshot {number} is not available; the newest is {first + 2}"
                ):
                    await count(endpoint, number)
            assert endpoint.snapshots and endpoint.snapshots.numbers == [first + 1, first + 2]

    run(main())


def test_a_snapshot_that_is_read_is_not_removed(tmp_path: Path) -> None:
    store = made(tmp_path)

    async def main() -> None:
        async with serving(store, snapshots=1) as endpoint:
            number = endpoint.number
            reading = asyncio.create_task(endpoint.query(RUNAWAY, CSV, caller=QueryCaller("one", 2.0)))
            await until(lambda: endpoint.pool is not None and endpoint.pool.busy == 1, "it runs")
            for name in ("a", "b"):
                insert(store, name)
                await endpoint.publish()
            folder = tmp_path / FOLDER
            assert {path.name for path in folder.iterdir()} == {str(number), str(number + 2)}
            assert await count(endpoint) == SIZE + 2
            with pytest.raises(errors.TimedOut):
                await reading
            await until(lambda: [path.name for path in folder.iterdir()] == [str(number + 2)], "it is removed")

    run(main())


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    seen: list[int] = []

    async def main() -> None:
        async with serving(Store(StoreOptions(tmp_path, bare=True))) as endpoint:
            seen.append(endpoint.number)
            insert(endpoint.store, f"n{len(seen)}")
            seen.append(await endpoint.publish())
            insert(endpoint.store, f"m{len(seen)}")  # on disk, but in no snapshot
            assert await count(endpoint) == len(seen) - 1

    for _ in range(3):
        run(main())
    assert seen == sorted(set(seen))


# ---- limits


@pytest.mark.parametrize(("asked", "limit"), [(0.3, 300.0), (300.0, 0.3), (float("inf"), 0.3), (None, 0.3)])
def test_a_timeout_can_only_lower_the_limit(tmp_path: Path, asked: float | None, limit: float) -> None:
    store = made(tmp_path)

    async def main() -> None:
        async with serving(store, timeout=limit) as endpoint:
            assert endpoint.pool
            loop = asyncio.get_running_loop()
            begun = loop.time()
            reading = asyncio.create_task(endpoint.query(RUNAWAY, CSV, caller=QueryCaller("one", asked)))
            await until(lambda: endpoint.pool is not None and endpoint.pool.busy == 1, "it runs")
            (pid,) = [channel.process.pid for channel in endpoint.pool._channels if channel.job]
            with pytest.raises(errors.TimedOut):
                await reading
            assert loop.time() - begun >= 0.3
            await until(lambda: not alive(pid), "the process has ended")
            assert await count(endpoint) == SIZE

    run(main())


@pytest.mark.parametrize("asked", [0.0, -1.0, float("nan"), float("-inf")])
def test_a_timeout_that_is_none(tmp_path: Path, asked: float) -> None:
    store = made(tmp_path, 3)

    async def main() -> None:
        async with serving(store) as endpoint:
            with pytest.raises(errors.BadInput, match="more than zero"):
                await endpoint.query(COUNT, CSV, caller=QueryCaller("one", asked))

    run(main())


def test_a_query_that_is_too_long_reaches_no_reader(tmp_path: Path) -> None:
    store = made(tmp_path, 3)

    async def main() -> None:
        async with serving(store, max_query_length=1000) as endpoint:
            assert endpoint.pool
            assert (await endpoint.query(COUNT.ljust(1000), CSV)).content
            with pytest.raises(errors.TooLarge, match="1001 characters; the limit is 1000"):
                await endpoint.query(COUNT.ljust(1001), CSV)
            assert endpoint.pool.counts.answered == 1

    run(main())


# ---- in memory


def test_a_store_in_memory_is_asked_directly() -> None:
    store = Store(StoreOptions(bare=True))

    async def main() -> None:
        endpoint = QueryService(store, configured())
        await endpoint.start()
        insert(store, "a")
        assert await endpoint.publish() == endpoint.number == store.version
        assert await count(endpoint) == 1
        assert endpoint.pool is None and endpoint.snapshots is None
        assert endpoint.published_at > 0
        await endpoint.close()

    run(main())
