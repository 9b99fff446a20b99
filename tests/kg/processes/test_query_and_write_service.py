"""Query service: acknowledged writes are visible everywhere, and what fails, fails alone."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kg import errors
from kg.processes import writer_connection
from kg.processes.query_and_write_service import QueryCaller, QueryService
from kg.processes.remote_store import StoreDescription
from kg.processes.validation_and_write_preparation import Task
from kg.rdf.query_request_and_result import QueryDataset
from kg.store.prepared_writes_and_conflicts import GraphContent, Outdated, PreparedWrite
from kg.store.snapshots import FOLDER
from kg.store.store import Store, StoreOptions
from kg.store.store_protocols import Outcome
from tests.cases.readers import COUNT, CSV, MEMORY, RUNAWAY, SIZE, made, run, until
from tests.configs import configured
from tests.processes import alive
from tests.writers import ServiceWithWriter

NOTHING = QueryDataset()
CALLER = QueryCaller("somebody")
ENDLESS = "INSERT { <urn:a> <urn:b> ?n } WHERE { { " + RUNAWAY + " } }"
HUNGRY = (
    "DELETE { <urn:s> <urn:p> ?f } WHERE { { SELECT ?f { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } ORDER BY ?f ?a LIMIT 1 } }"
)
"""10^9 rows to be sorted before one of them is used."""


@asynccontextmanager
async def serving(folder: Path, **settings: Any) -> AsyncIterator[ServiceWithWriter]:
    """Serve the bare store in a folder by a writer and two readers."""
    defaults = {"readers": 2, "max_memory": MEMORY, "bare": True, "data_dir": folder}
    endpoint = ServiceWithWriter(configured(**{**defaults, **settings}))
    await endpoint.start()
    try:
        yield endpoint
    finally:
        await endpoint.close()


@asynccontextmanager
async def another(endpoint: ServiceWithWriter) -> AsyncIterator[QueryService]:
    """Serve the same store a second time, as another web process does."""
    second = endpoint.another()
    await second.start()
    try:
        yield second
    finally:
        await second.close()


async def count(endpoint: QueryService, as_of: int | None = None) -> int:
    answer = await endpoint.query(COUNT, CSV, as_of=as_of)
    return int(answer.content.split()[1])


async def insert(endpoint: QueryService, *subjects: str) -> None:
    await endpoint.update("INSERT DATA { " + " ".join(f"<urn:{one}> <urn:q> 1 ." for one in subjects) + " }", NOTHING)


def stored(folder: Path, size: int = SIZE) -> Path:
    """Make a bare store with some statements and close it."""
    made(folder, size)
    return folder


def writer_pid(endpoint: ServiceWithWriter) -> int:
    assert endpoint.writing.process.pid
    return endpoint.writing.process.pid


def ticks(pid: int) -> int:
    """Return the time that a process has used, in hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(") ")[2].split()
    return int(fields[11]) + int(fields[12])


async def writes_now(endpoint: ServiceWithWriter) -> None:
    """Wait until the writer computes."""
    pid = writer_pid(endpoint)
    before = ticks(pid)
    await until(lambda: ticks(pid) > before + 10, "the update runs")


# ---- writing


def test_what_is_acknowledged_can_be_read_in_every_process(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(stored(tmp_path, 3)) as first, another(first) as second:
            for number in range(10):
                writer, reader = (first, second) if number % 2 else (second, first)
                before = first.number
                await insert(writer, f"n{number}")
                assert reader.number == writer.number > before
                assert await count(reader) == await count(writer) == 4 + number

    run(main())


def test_many_writers_at_a_time_each_read_their_own_writes(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(stored(tmp_path, 3)) as first, another(first) as second:

            async def write(number: int) -> None:
                writer, reader = (first, second) if number % 2 else (second, first)
                await insert(writer, f"n{number}")
                text = f"ASK {{ <urn:n{number}> ?p ?o }}"
                assert b"true" in (await reader.query(text, CSV, caller=QueryCaller(str(number)))).content

            await asyncio.gather(*(write(number) for number in range(20)))
            assert await count(first) == 23

    run(main())


def test_a_client_that_goes_away_does_not_stop_the_others(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(stored(tmp_path, 3)) as endpoint:
            leaving, staying = (asyncio.create_task(insert(endpoint, name)) for name in "ab")
            await asyncio.sleep(0)
            leaving.cancel()
            await staying
            assert await count(endpoint) in (4, 5)  # the first may have begun
            await insert(endpoint, "c")
            assert await count(endpoint) in (5, 6)

    run(main())


def test_readers_never_wait_for_the_writer(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(stored(tmp_path), update_timeout=60) as endpoint:
            writing = asyncio.create_task(endpoint.update(ENDLESS, NOTHING))
            await writes_now(endpoint)
            before = endpoint.number
            assert await count(endpoint) == SIZE
            assert not writing.done() and endpoint.number == before
            os.kill(writer_pid(endpoint), signal.SIGKILL)
            with pytest.raises(errors.ReaderLost):
                await writing

    run(main())


@pytest.mark.parametrize(("bare", "last"), [(True, 40), (False, 25)])
def test_readers_never_see_a_part_of_a_commit(tmp_path: Path, bare: bool, last: int) -> None:
    """Each commit adds two statements, or takes two away, and moves a counter; whatever is read fits together."""
    Store(StoreOptions(tmp_path, bare=bare)).update("INSERT DATA { <urn:counter> <urn:is> 0 }")

    async def write(endpoint: QueryService) -> None:
        for number in range(1, last):
            move = "DELETE { <urn:counter> <urn:is> ?n } INSERT { <urn:counter> <urn:is> ?m }"
            pair = f"<urn:left> <urn:has> {number} . <urn:right> <urn:has> {number} ."
            # At most five pairs exist at a time, so the number of pairs follows from the counter.
            gone = f"<urn:left> <urn:has> {number - 5} . <urn:right> <urn:has> {number - 5} ."
            text = (
                f"{move} WHERE {{ <urn:counter> <urn:is> ?n BIND(?n + 1 AS ?m) }} ;"
                f"INSERT DATA {{ {pair} }} ; DELETE DATA {{ {gone} }}"
            )
            await endpoint.update(text, NOTHING)

    # One query over all parts of a commit: any mixture of two commits breaks one of the equations in `read`.
    text = """SELECT ?n (COUNT(DISTINCT ?l) AS ?lefts) (COUNT(DISTINCT ?r) AS ?rights) (MAX(?l) AS ?newest) {
        <urn:counter> <urn:is> ?n
        OPTIONAL { { <urn:left> <urn:has> ?l } UNION { <urn:right> <urn:has> ?r } } } GROUP BY ?n"""

    async def main() -> None:
        async with serving(tmp_path, bare=bare) as endpoint, another(endpoint) as second:
            seen: list[int] = []

            async def read(service: QueryService, name: str) -> None:
                before = 0
                while before < last - 1:
                    answer = (await service.query(text, CSV, caller=QueryCaller(name))).content.decode()
                    (row,) = answer.splitlines()[1:]
                    number, lefts, rights, newest = row.split(",")
                    assert int(lefts) == int(rights) == min(int(number), 5), row
                    # A reader that falls back to an older snapshot would be as wrong as one that sees half of a commit.
                    assert newest in (number, "") and int(number) >= before, row
                    before = int(number)
                    seen.append(before)

            reading = (read(service, f"reader {n}") for n, service in enumerate((endpoint, second, second)))
            await asyncio.gather(write(endpoint), *reading)
            # Without several different counts, the readers would have read before or after all commits.
            assert len(set(seen)) > 3

    run(main())


# ---- the end of a writer


def test_an_update_that_takes_too_long_fails_alone(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(stored(tmp_path), update_timeout=1) as endpoint:
            pid = writer_pid(endpoint)
            with pytest.raises(errors.TimedOut, match="at its time limit"):
                await endpoint.update(ENDLESS, NOTHING)
            await insert(endpoint, "a")
            assert await count(endpoint) == SIZE + 1
            assert writer_pid(endpoint) != pid and not alive(pid)

    run(main())


def test_an_update_that_needs_too_much_memory_fails_alone(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(stored(tmp_path), update_timeout=60, max_writer_memory=512 << 20) as endpoint:
            with pytest.raises(errors.ReaderLost, match="memory limit") as caught:
                await endpoint.update(HUNGRY, NOTHING)
            assert "KG_MAX_WRITER_MEMORY" in (caught.value.remedy or "")
            await insert(endpoint, "a")
            assert await count(endpoint) == SIZE + 1

    run(main())


def test_writes_that_wait_are_carried_out_by_the_next_writer(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(stored(tmp_path), update_timeout=60) as endpoint, another(endpoint) as second:
            running = asyncio.create_task(endpoint.update(ENDLESS, NOTHING))
            await writes_now(endpoint)
            waiting = [asyncio.create_task(insert(one, f"w{n}")) for n, one in enumerate((endpoint, second, endpoint))]
            await asyncio.sleep(0.1)
            os.kill(writer_pid(endpoint), signal.SIGKILL)
            with pytest.raises(errors.ReaderLost, match="stored completely or not at all"):
                await running
            await asyncio.gather(*waiting)
            assert await count(endpoint) == await count(second) == SIZE + 3

    run(main())


@pytest.mark.parametrize("unpublished", [False, True])
def test_what_an_update_that_is_aborted_cannot_change_is_not_prepared_again(tmp_path: Path, unpublished: bool) -> None:
    """A write that waits is outdated only if the writer may have stored another prepared one when it ended."""

    async def main() -> None:
        async with serving(stored(tmp_path), update_timeout=60) as endpoint:
            content = GraphContent("urn:g", b"<urn:a> <urn:b> <urn:c> .")
            write = PreparedWrite("replace", (content,), endpoint.number, frozenset({"a property that was read"}))
            assert endpoint.writer
            await insert(endpoint, "a")
            running = asyncio.create_task(endpoint.update(ENDLESS, NOTHING))
            await writes_now(endpoint)
            waiting = asyncio.create_task(endpoint.writer.commit(write))
            endpoint.writing.newest.unpublished = unpublished
            os.kill(writer_pid(endpoint), signal.SIGKILL)
            with pytest.raises(errors.ReaderLost):
                await running
            if unpublished:
                with pytest.raises(Outdated):
                    await waiting
            else:
                assert await waiting == "created"

    run(main())


def test_nothing_acknowledged_is_lost_when_the_writer_is_killed(tmp_path: Path) -> None:
    """Each write is acknowledged, or fails; after the last kill, the store holds all that were, and numbers grow."""

    async def main() -> None:
        async with serving(stored(tmp_path, 0), update_timeout=60) as endpoint:
            acknowledged, numbers = set[str](), list[int]()

            async def write(name: str) -> None:
                for number in range(15):
                    try:
                        await insert(endpoint, f"{name}{number}")
                    except errors.ReaderLost:
                        continue
                    acknowledged.add(f"urn:{name}{number}")
                    numbers.append(endpoint.number)

            writing = asyncio.gather(*(write(name) for name in "abc"))
            for least in (5, 12, 20):
                await until(lambda least=least: len(acknowledged) >= least, "some are acknowledged")  # type: ignore[misc]
                os.kill(writer_pid(endpoint), signal.SIGKILL)
            await writing
            found = (await endpoint.query("SELECT ?s { ?s ?p ?o }", CSV)).content.decode().split()[1:]
            assert acknowledged <= set(found)
            assert numbers == sorted(numbers)

    run(main())


def test_a_write_waits_behind_others_little_longer_than_one_may_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_connection, "_WAITING_SECONDS", 0.5)

    async def main() -> None:
        async with serving(stored(tmp_path), update_timeout=1) as endpoint:
            endless = [asyncio.create_task(endpoint.update(ENDLESS, NOTHING)) for _ in range(4)]
            found = await asyncio.gather(*endless, return_exceptions=True)
            assert all(isinstance(one, errors.TimedOut | errors.Busy) for one in found)
            assert any(isinstance(one, errors.Busy) and "not begun" in one.message for one in found)
            await insert(endpoint, "a")
            assert await count(endpoint) == SIZE + 1

    run(main())


def test_without_a_writer_a_write_is_refused_and_reading_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_connection, "_WAITING_SECONDS", 0.5)

    async def main() -> None:
        async with serving(stored(tmp_path, 3), update_timeout=1) as endpoint:
            description = StoreDescription.read(tmp_path)
            alone = QueryService(description, endpoint.writing.config, endpoint.writing.newest)
            await alone.start()
            try:
                with pytest.raises(errors.Busy, match="not begun"):
                    await insert(alone, "a")
                assert await count(alone) == 3
            finally:
                await alone.close()

    run(main())


# ---- prepared writes


def replacing(graph: str, content: bytes) -> Task:
    return Task("replace graph", {"graph": graph, "parts": [("text/turtle", len(content))]}, content)


def test_a_write_is_prepared_by_a_reader_and_has_its_true_outcome(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(stored(tmp_path, 3)) as endpoint:
            outcomes = []
            for content in (b"<urn:a> <urn:b> 1 .", b"<urn:a> <urn:b> 01 .", b"<urn:a> <urn:b> 2 ."):
                outcomes.append((await endpoint.write(replacing("urn:g", content), CALLER)).values["outcome"])
            assert outcomes == ["created", "unchanged", "replaced"]
            with pytest.raises(errors.MalformedText) as caught:
                await endpoint.write(replacing("urn:g", b"<urn:a> <urn:b>\n ]"), CALLER)
            assert caught.value.line == 2

    run(main())


def test_a_preparation_that_takes_too_long_names_the_limit_of_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with serving(stored(tmp_path, 3)) as endpoint:
            assert endpoint.tasks

            async def ended(*_: object) -> None:
                raise errors.TimedOut("The query was ended.", remedy="Raise KG_TIMEOUT.")

            monkeypatch.setattr(endpoint.tasks, "run", ended)
            with pytest.raises(errors.TimedOut, match="nothing is stored") as caught:
                await endpoint.write(replacing("urn:g", b"<urn:a> <urn:b> 1 ."), CALLER)
            assert "KG_UPDATE_TIMEOUT" in (caught.value.remedy or "")

    run(main())


def test_a_write_whose_premises_change_is_prepared_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service gives up when the third preparation is outdated, too."""

    async def main() -> None:
        async with serving(stored(tmp_path, 3)) as endpoint:
            assert endpoint.writer
            commit, outdated = endpoint.writer.commit, [0]

            async def refusing(write: PreparedWrite, _client: str = "") -> Outcome:
                if outdated[0]:
                    outdated[0] -= 1
                    raise Outdated
                return await commit(write)

            monkeypatch.setattr(endpoint.writer, "commit", refusing)
            outdated[0] = 2
            found = await endpoint.write(replacing("urn:g", b"<urn:a> <urn:b> 1 ."), CALLER)
            assert found.values["outcome"] == "created"
            outdated[0] = 3
            with pytest.raises(errors.Busy, match="keep changing"):
                await endpoint.write(replacing("urn:g", b"<urn:a> <urn:b> 2 ."), CALLER)

    run(main())


def test_a_limited_writer_reaches_only_its_graphs(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(stored(tmp_path, 3)) as endpoint:
            for graph, fits in (("urn:mine/1", True), ("urn:other", False)):
                task = replace(replacing(graph, b"<urn:a> <urn:b> 1 ."), limit=("urn:mine/*",))
                if fits:
                    await endpoint.write(task, CALLER)
                else:
                    with pytest.raises(errors.Forbidden):
                        await endpoint.write(task, CALLER)
            await insert(endpoint, "a")
            text, limited = "SELECT ?g { GRAPH ?g {} }", replace(CALLER, limit=("urn:mine/*",))
            await endpoint.write(replacing("urn:other", b"<urn:a> <urn:b> 1 ."), CALLER)
            assert (await endpoint.query(text, CSV, caller=limited)).content.split() == [b"g", b"urn:mine/1"]
            assert len((await endpoint.query(text, CSV)).content.split()) == 3

    run(main())


# ---- the past


def test_the_past_as_far_as_it_is_kept(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(stored(tmp_path, 3), snapshots=2) as endpoint:
            first = endpoint.number
            for name in ("a", "b"):
                await insert(endpoint, name)
            assert [await count(endpoint, first + n) for n in (1, 2)] == [4, 5]
            for number in (first + 3, 0):
                with pytest.raises(
                    errors.NotFound, match=f"Snapshot {number} is not available; the newest is {first + 2}"
                ):
                    await count(endpoint, number)
            # What nobody uses any more is removed at the next write.
            await insert(endpoint, "c")
            assert endpoint.snapshots and endpoint.snapshots.numbers == [first + 2, first + 3]

    run(main())


def test_a_snapshot_that_is_read_is_not_removed(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(stored(tmp_path), snapshots=1) as endpoint, another(endpoint) as second:
            number = endpoint.number
            reading = asyncio.create_task(second.query(RUNAWAY, CSV, caller=QueryCaller("one", 2.0)))
            await until(lambda: second.pool is not None and second.pool.busy == 1, "it runs")
            for name in ("a", "b", "c"):
                await insert(endpoint, name)
            folder = tmp_path / FOLDER
            assert str(number) in {path.name for path in folder.iterdir()}
            assert await count(second) == SIZE + 3
            with pytest.raises(errors.TimedOut):
                await reading
            await insert(endpoint, "d")
            assert str(number) not in {path.name for path in folder.iterdir()}

    run(main())


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    seen: list[int] = []

    async def main() -> None:
        async with serving(tmp_path) as endpoint:
            seen.append(endpoint.number)
            await insert(endpoint, f"n{len(seen)}")
            seen.append(endpoint.number)
            assert await count(endpoint) == len(seen) // 2

    for _ in range(3):
        run(main())
    assert seen == sorted(set(seen))


# ---- limits


@pytest.mark.parametrize(("asked", "limit"), [(0.3, 300.0), (300.0, 0.3), (float("inf"), 0.3), (None, 0.3)])
def test_a_timeout_can_only_lower_the_limit(tmp_path: Path, asked: float | None, limit: float) -> None:
    async def main() -> None:
        async with serving(stored(tmp_path), timeout=limit) as endpoint:
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
    async def main() -> None:
        async with serving(stored(tmp_path, 3)) as endpoint:
            with pytest.raises(errors.BadInput, match="more than zero"):
                await endpoint.query(COUNT, CSV, caller=QueryCaller("one", asked))

    run(main())


def test_a_query_that_is_too_long_reaches_no_reader(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(stored(tmp_path, 3), max_query_length=1000) as endpoint:
            assert endpoint.pool
            assert (await endpoint.query(COUNT.ljust(1000), CSV)).content
            with pytest.raises(errors.TooLarge, match="1001 characters; the limit is 1000"):
                await endpoint.query(COUNT.ljust(1001), CSV)
            assert endpoint.pool.counts.answered == 1

    run(main())


# ---- in memory


def test_whether_a_query_calls_another_server_waits_for_no_validation(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(stored(tmp_path), allow_service="http://127.0.0.1:9/sparql") as endpoint:
            assert (await endpoint.query(COUNT + " # no service", CSV)).content == (
                await endpoint.query(COUNT, CSV)
            ).content
            assert endpoint.tasks is not None
            assert not endpoint.tasks.started

    run(main())


def test_a_store_in_memory_is_asked_directly() -> None:
    store = Store(StoreOptions(bare=True))

    async def main() -> None:
        endpoint = QueryService(store, configured())
        await endpoint.start()
        await insert(endpoint, "a")
        assert endpoint.number == store.version
        assert await count(endpoint) == 1
        found = await endpoint.write(replacing("urn:g", b"<urn:a> <urn:b> 1 ."), CALLER)
        assert found.values["outcome"] == "created"
        assert endpoint.pool is None and endpoint.snapshots is None and endpoint.writer is None
        assert endpoint.published_at > 0
        await endpoint.close()

    run(main())
