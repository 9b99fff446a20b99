"""Reader pool: every query ends in time, fails alone, and leaves the readers usable."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import stat
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kg import errors
from kg.config import QuerySettings, variables
from kg.errors import NotAcceptable
from kg.processes.readers import reader_pool, reader_process
from kg.processes.readers.reader_pool import ReaderPool
from kg.rdf.query_request_and_result import QueryDataset, QueryResult, ResultFormats
from tests.bench.processes import tree
from tests.cases.readers import (
    COUNT,
    COUNTED,
    HUNGRY,
    LARGE,
    MEMORY,
    PATIENCE,
    RUNAWAY,
    ask,
    asked,
    reading,
    run,
    snapshot,
    until,
)
from tests.processes import alive, called

Task = asyncio.Task[bytes]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return snapshot(tmp_path_factory.mktemp("pool"))


def asking(pool: ReaderPool, text: str, *others: Any) -> Task:
    return asyncio.create_task(ask(pool, text, *others))


async def runaway(pool: ReaderPool, client: str = "runner", timeout: float = PATIENCE) -> tuple[Task, int]:
    """Start a query that never ends; return it and the process that runs it."""
    before = {channel.process.pid for channel in pool._channels if channel.job}
    task = asking(pool, RUNAWAY, client, timeout)
    await asyncio.sleep(0)
    (pid,) = {channel.process.pid for channel in pool._channels if channel.job} - before
    return task, pid


async def ended(task: Task) -> BaseException:
    """Wait for a query that fails, and return its error."""
    await asyncio.wait({task}, timeout=PATIENCE)
    error = task.exception()
    assert error is not None
    return error


async def replaced(pool: ReaderPool, size: int = 2) -> None:
    await until(lambda: pool.ready == size, "another reader has taken the place")


# ---- answers


def test_answers_and_errors_come_to_whom_they_belong(path: Path) -> None:
    async def main() -> None:
        async with reading(path) as pool:
            texts = [f"SELECT ({n} AS ?n) {{}}" for n in range(30)]
            tasks = [asking(pool, text, f"client {n % 4}") for n, text in enumerate(texts)]
            broken = asking(pool, "SELECT")
            found = await asyncio.gather(*tasks)
            assert found == [f"n\r\n{n}\r\n".encode() for n in range(30)]
            error = await ended(broken)
            assert isinstance(error, errors.MalformedText) and (error.line, error.column) == (1, 7)
            with pytest.raises(NotAcceptable):
                await pool.run(asked(path, "ASK {}", ResultFormats(boolean=None)), "", PATIENCE, None)
            assert (pool.busy, pool.waiting, pool.ready) == (0, 0, 2)
            assert pool.counts.answered == 32
            assert not (pool.counts.kills or pool._scheduler.asking or pool._scheduler.in_progress())  # nothing is left

    run(main())


@pytest.mark.parametrize(
    "size", [reader_process.LARGE - 1, reader_process.LARGE, reader_process.LARGE * 8, 40 << 20, 10]
)
def test_answers_of_every_size_come_whole_one_after_the_other(path: Path, size: int) -> None:
    async def main() -> None:
        async with reading(path, readers=1, max_memory=1 << 30) as pool:
            letters = size // 1000
            for letter in "abc":
                text = f'SELECT (CONCAT({", ".join(["?x"] * 1000)}) AS ?y) {{ VALUES ?x {{ "{letter * letters}" }} }}'
                assert await ask(pool, text) == f"y\r\n{letter * letters * 1000}\r\n".encode()

    run(main())


def test_readers_that_end_leave_no_descriptor_behind(path: Path) -> None:
    async def main() -> None:
        async with reading(path, readers=1) as pool:
            before = len(list(Path("/proc/self/fd").iterdir()))
            for _ in range(5):
                (pid,) = pool.processes
                task = asking(pool, f"SELECT (CONCAT({', '.join(['STR(?s)'] * 999)}) AS ?y) {{ ?s ?p ?o }}")
                await asyncio.sleep(0.05)
                os.kill(pid, signal.SIGKILL)
                await asyncio.gather(task, return_exceptions=True)  # a fast machine may have answered
                await replaced(pool, 1)
            assert len(list(Path("/proc/self/fd").iterdir())) == before

    run(main())


def test_a_whole_large_answer(path: Path) -> None:
    """Far more than fits into the buffers of a socket."""

    async def main() -> None:
        async with reading(path) as pool:
            text = "SELECT ?a ?d { ?a ?b ?c . ?d ?e ?f . FILTER(STRLEN(STR(?a)) < 8) }"
            answers = await asyncio.gather(*(ask(pool, text, str(n)) for n in range(3)))
            assert {answer.count(b"\n") for answer in answers} == {100_001}

    run(main())


def test_a_fault_of_the_reader_is_logged_and_not_told(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with reading(path) as pool:
            message = reader_process.query_message(
                path, "ASK {}", ResultFormats(boolean="nonsense/secret"), QueryDataset()
            )
            with pytest.raises(errors.ReaderLost) as caught:
                await pool.run(message, "", PATIENCE, None)
            assert "secret" not in str(caught.value)
            assert await ask(pool, COUNT) == COUNTED

    run(main())
    assert "KeyError" in caplog.text


def test_a_newer_snapshot_is_opened_ahead(path: Path, tmp_path: Path) -> None:
    newer = snapshot(tmp_path, 5)

    async def main() -> None:
        async with reading(path) as pool:
            assert await ask(pool, COUNT) == COUNTED
            pool.open(newer)
            assert await ask(pool, COUNT) == b"n\r\n5\r\n"
            for pid in pool.processes:
                await until(partial(_has_open, pid, newer), "it is open")
            assert (await pool.run(asked(path, COUNT), "", PATIENCE, None)).content == COUNTED

    run(main())


def _has_open(pid: int, folder: Path) -> bool:
    for channel in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            if folder in channel.readlink().parents:
                return True
    return False


def _has_ended(pid: int) -> bool:
    return not alive(pid)


# ---- deadlines


def test_a_runaway_is_gone_at_its_deadline(path: Path) -> None:
    async def main() -> None:
        async with reading(path) as pool:
            task, pid = await runaway(pool, timeout=0.5)
            assert alive(pid)
            error = await ended(task)
            assert isinstance(error, errors.TimedOut) and "0.5 s" in error.message
            await until(lambda: not alive(pid), "the process has ended")
            assert await ask(pool, COUNT) == COUNTED
            await replaced(pool)
            assert pid not in pool.processes and len(pool.processes) == 2
            assert await asyncio.gather(*(ask(pool, COUNT, str(n)) for n in range(4))) == [COUNTED] * 4
            assert pool.counts.kills == {"deadline": 1}

    run(main())


def test_the_only_reader_is_replaced_too(path: Path) -> None:
    async def main() -> None:
        async with reading(path, readers=1) as pool:
            for _ in range(2):
                task, pid = await runaway(pool, timeout=0.2)
                waiting = asking(pool, COUNT)  # behind the runaway, of the same client
                assert isinstance(await ended(task), errors.TimedOut)
                assert await waiting == COUNTED
                await until(partial(_has_ended, pid), "the process has ended")

    run(main())


def test_time_in_the_queue_counts(path: Path) -> None:
    async def main() -> None:
        async with reading(path, readers=1) as pool:
            task, pid = await runaway(pool)
            error = await ended(asking(pool, COUNT, "other", 0.3))
            assert type(error) is errors.Busy
            assert alive(pid) and not task.done() and pool.waiting == 0
            assert not pool.counts.kills
            task.cancel()

    run(main())


# ---- those who go away


def test_who_goes_away_stops_the_query(path: Path) -> None:
    async def main() -> None:
        async with reading(path) as pool:
            left = asyncio.Event()
            task = asking(pool, RUNAWAY, "leaver", PATIENCE, left.wait)
            await until(lambda: pool.busy == 1, "it runs")
            (pid,) = [channel.process.pid for channel in pool._channels if channel.job]
            await asyncio.sleep(0.3)
            assert alive(pid) and not task.done()
            left.set()
            await ended(task)
            await until(lambda: not alive(pid), "the process has ended")
            assert pool.counts.kills == {"disconnect": 1}
            await replaced(pool)

    run(main())


def test_who_goes_away_leaves_the_queue(path: Path) -> None:
    async def main() -> None:
        async with reading(path, readers=1) as pool:
            task, pid = await runaway(pool)
            left = asyncio.Event()
            waiting = asking(pool, RUNAWAY, "leaver", PATIENCE, left.wait)
            await until(lambda: pool.waiting == 1, "it waits")
            left.set()
            await ended(waiting)
            assert (pool.waiting, pool.busy) == (0, 1)
            assert alive(pid) and not pool.counts.kills
            task.cancel()

    run(main())


def test_who_goes_away_as_the_query_begins_costs_no_reader_at_once(path: Path) -> None:
    """Most queries are over sooner than another process would be there."""

    async def main() -> None:
        async with reading(path, readers=1) as pool:
            first, _ = await runaway(pool, timeout=0.5)
            left = asyncio.Event()
            waiting = asking(pool, RUNAWAY, "leaver", PATIENCE, left.wait)
            await ended(first)
            await until(lambda: pool.waiting == 0, "it runs, and was watched over while it waited")
            begun = asyncio.get_running_loop().time()
            left.set()
            await ended(waiting)
            assert asyncio.get_running_loop().time() - begun > 0.05
            assert pool.counts.kills == {"deadline": 1, "disconnect": 1}

    run(main())


def test_a_request_that_is_cancelled_stops_the_query(path: Path) -> None:
    async def main() -> None:
        async with reading(path) as pool:
            task, pid = await runaway(pool)
            task.cancel()
            await asyncio.wait({task})
            await until(lambda: not alive(pid), "the process has ended")
            await replaced(pool)
            assert not pool._scheduler.asking

    run(main())


def test_who_stays_is_not_waited_for_afterwards(path: Path) -> None:
    """The watch over one who asked ends with the answer: else each request would leave one."""

    async def main() -> None:
        async with reading(path) as pool:
            short = "FILTER(STRLEN(STR(?a)) < 8 && CONTAINS(STR(?d), STR(?a)))"
            slow = f"SELECT (COUNT(*) AS ?n) {{ ?a ?b ?c . ?d ?e ?f {short} }}"
            await ask(pool, slow, "stayer", PATIENCE, asyncio.Event().wait)
            await until(
                lambda: not [task for task in asyncio.all_tasks() if "Event.wait" in repr(task)], "nobody is watched"
            )

    run(main())


# ---- memory


def test_too_much_memory_ends_only_the_query_that_wants_it(path: Path) -> None:
    async def main() -> None:
        async with reading(path, readers=3) as pool:
            other, pid = await runaway(pool, "other")
            hungry = asking(pool, HUNGRY)
            meanwhile = [await ask(pool, COUNT, "third") for _ in range(20)]
            error = await ended(hungry)
            assert isinstance(error, errors.ReaderLost)
            assert "memory" in error.message and f"{MEMORY >> 20} MiB" in error.message
            assert meanwhile == [COUNTED] * 20
            assert alive(pid) and not other.done()
            assert pool.counts.kills == {"memory": 1}
            await until(lambda: pool.ready == 2, "another reader has taken the place")
            other.cancel()

    run(main())


def test_an_answer_that_does_not_fit_into_memory(path: Path) -> None:
    async def main() -> None:
        async with reading(path, max_result_bytes=10**10, max_rows=10**9) as pool:
            error = await ended(asking(pool, LARGE))
            assert isinstance(error, errors.ReaderLost) and "memory" in error.message

    run(main())


def test_readers_start_within_the_least_memory_that_can_be_set(path: Path) -> None:
    (least,) = (row.least for row in variables() if row.name == "KG_MAX_MEMORY")

    async def main() -> None:
        async with reading(path, max_memory=least) as pool:
            assert await ask(pool, COUNT) == COUNTED

    run(main())


# ---- readers that are lost


def test_a_reader_that_is_killed_fails_its_own_query_only(path: Path) -> None:
    async def main() -> None:
        async with reading(path, readers=3) as pool:
            (first, killed), (second, stays) = await runaway(pool, "one"), await runaway(pool, "two")
            os.kill(killed, signal.SIGKILL)
            error = await ended(first)
            assert isinstance(error, errors.ReaderLost) and "memory" not in error.message
            assert alive(stays) and not second.done()
            assert await ask(pool, COUNT) == COUNTED
            await until(lambda: len(pool.processes) == 3 and pool.ready == 2, "another has taken the place")
            assert killed not in pool.processes
            assert pool.counts.kills == {"crash": 1}
            second.cancel()

    run(main())


def test_readers_that_are_killed_idle_are_replaced(path: Path) -> None:
    async def main() -> None:
        async with reading(path) as pool:
            before = set(pool.processes)
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            await until(lambda: pool.ready == 0, "the loss is known")
            assert await ask(pool, COUNT) == COUNTED
            await replaced(pool)
            assert not before & set(pool.processes)
            assert not pool.counts.kills  # no query was lost

    run(main())


def test_who_waits_gets_the_reader_that_takes_the_place(path: Path) -> None:
    async def main() -> None:
        async with reading(path) as pool:
            (task, killed), waiting = await runaway(pool, "one", 0.3), asking(pool, COUNT, "one")
            await asyncio.sleep(0)
            assert pool.waiting == 1  # for one client leaves a reader to others
            assert await waiting == COUNTED
            assert isinstance(await ended(task), errors.TimedOut)
            await until(lambda: not alive(killed), "the process has ended")

    run(main())


# ---- limits


def test_a_client_has_a_limit_of_its_own(path: Path) -> None:
    async def main() -> None:
        async with reading(path, max_queries_per_client=3, max_queries=100) as pool:
            tasks = [asking(pool, RUNAWAY, "greedy") for _ in range(3)]
            await asyncio.sleep(0)
            with pytest.raises(errors.TooManyRequests, match="3 queries in progress"):
                await ask(pool, COUNT, "greedy")
            assert await ask(pool, COUNT, "modest") == COUNTED
            assert pool.counts.refused == 1
            tasks[2].cancel()  # it was waiting
            await asyncio.wait({tasks[2]})
            again = asking(pool, COUNT, "greedy")
            await asyncio.sleep(0.1)
            assert not again.done()
            tasks[0].cancel()
            tasks[1].cancel()
            assert await again == COUNTED

    run(main())


def test_all_clients_together_have_a_limit(path: Path) -> None:
    async def main() -> None:
        async with reading(path, max_queries=3) as pool:
            tasks = [asking(pool, RUNAWAY, f"client {n}", 2.0) for n in range(3)]
            await asyncio.sleep(0)
            error = await ended(asking(pool, COUNT, "one more"))
            assert type(error) is errors.Busy
            for task in tasks:
                assert isinstance(await ended(task), errors.TimedOut | errors.Busy)
            assert await ask(pool, COUNT, "one more") == COUNTED

    run(main())


def test_one_client_cannot_take_all_readers(path: Path) -> None:
    """Not even by waiting in front of others."""

    async def main() -> None:
        async with reading(path, readers=3) as pool:
            tasks = [asking(pool, RUNAWAY, "greedy") for _ in range(10)]
            await asyncio.sleep(0)
            assert (pool.busy, pool.ready, pool.waiting) == (2, 1, 8)
            for name in ("modest", "other", "modest"):
                assert await ask(pool, COUNT, name) == COUNTED
            assert (pool.busy, pool.ready, pool.waiting) == (2, 1, 8)
            for task in tasks:
                task.cancel()

    run(main())


def test_jobs_that_reserve_a_reader_leave_it_and_another_to_other_clients(path: Path) -> None:
    async def main() -> None:
        async with reading(path, readers=3) as pool:
            message = reader_process.query_message(path, RUNAWAY, ResultFormats(), QueryDataset())

            def reserving(client: str) -> asyncio.Task[QueryResult]:
                return asyncio.create_task(pool.run(message, client, 60, None, 1))

            tasks = [reserving(client) for client in ("one", "one", "two", "three")]
            await asyncio.sleep(0)
            assert (pool.busy, pool.waiting) == (2, 2)
            assert await ask(pool, COUNT, "four") == COUNTED
            assert (pool.busy, pool.waiting) == (2, 2)
            for task in tasks:
                task.cancel()

    run(main())


def test_a_client_whose_queries_are_killed_one_after_the_other_leaves_a_reader_to_others(path: Path) -> None:
    """At every moment another client is answered, although each kill costs a reader."""

    async def main() -> None:
        async with reading(path) as pool:
            tasks = [asking(pool, RUNAWAY, "one", 0.3 + 0.1 * number) for number in range(6)]
            while not all(task.done() for task in tasks):
                assert await asyncio.wait_for(ask(pool, COUNT, "two"), PATIENCE) == COUNTED
            assert {type(await ended(task)) for task in tasks} <= {errors.TimedOut, errors.Busy}
            await replaced(pool)

    run(main())


def test_a_share_becomes_free_even_if_no_other_reader_can_start(path: Path) -> None:
    async def main() -> None:
        async with reading(path) as pool:
            task, _ = await runaway(pool, "one")
            waiting = asking(pool, COUNT, "one")
            await asyncio.sleep(0)
            assert (pool.ready, pool.waiting) == (1, 1)
            pool._start_one = _never  # type: ignore[method-assign]
            task.cancel()
            assert await waiting == COUNTED

    run(main())


async def _never() -> bool:
    return False


def test_the_default_leaves_one_reader_more_than_processors(path: Path) -> None:
    assert ReaderPool(QuerySettings())._size == (os.cpu_count() or 1) + 1
    assert ReaderPool(QuerySettings(readers=7))._size == 7


# ---- the settings of the readers


@pytest.mark.parametrize(
    ("settings", "text", "kind"),
    [
        ({"max_rows": 999}, "SELECT * { ?s ?p ?o }", errors.ResultTooLarge),
        ({"max_result_bytes": 1024}, "SELECT * { ?s ?p ?o }", errors.ResultTooLarge),
        ({"max_nesting": 10}, "ASK " + "{" * 11 + "}" * 11, errors.TooLarge),
        ({"max_height": 10}, "ASK { ?s ?p 1,2,3,4,5,6,7,8,9,10,11,12 }", errors.TooLarge),
    ],
)
def test_limits_reach_the_readers(
    path: Path, settings: dict[str, int], text: str, kind: type[errors.ClaimgraphError]
) -> None:
    async def main() -> None:
        async with reading(path, readers=1, **settings) as pool:
            with pytest.raises(kind):
                await ask(pool, text)
            assert await ask(pool, COUNT) == COUNTED

    run(main())


def test_readers_know_no_secret(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KG_TOKEN", "a secret of the server")

    async def main() -> None:
        async with reading(path) as pool:
            for pid in pool.processes:
                for name in ("environ", "cmdline"):
                    assert b"a secret" not in Path(f"/proc/{pid}/{name}").read_bytes()

    run(main())


@pytest.mark.parametrize(("given", "expected"), [(None, b"glibc.malloc.hugetlb=1"), ("glibc.malloc.check=0", None)])
def test_readers_take_memory_in_huge_pages_unless_told_otherwise(
    path: Path, monkeypatch: pytest.MonkeyPatch, given: str | None, expected: bytes | None
) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    if given:
        monkeypatch.setenv("GLIBC_TUNABLES", given)

    async def main() -> None:
        async with reading(path, readers=1) as pool:
            (environment,) = [Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") for pid in pool.processes]
            (found,) = [line for line in environment if line.startswith(b"GLIBC_TUNABLES=")]
            # The C library cuts the list in place as it reads it.
            assert found.removeprefix(b"GLIBC_TUNABLES=").startswith(expected or str(given).encode())

    run(main())


# ---- start and end


def _program(folder: Path, text: str) -> str:
    """Make a program that is started in the place of the interpreter."""
    program = folder / "python"
    program.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)


@pytest.mark.parametrize(
    ("text", "problem"),
    [("exit 3", "its launcher ended with code 3"), ("exec sleep 100", "its launcher was silent for 0.5 s")],
)
def test_readers_that_cannot_start_hang_nothing(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    text: str,
    problem: str,
) -> None:
    """They end at once, or never say a word; once they can start, they do."""

    async def main() -> None:
        monkeypatch.setattr(reader_pool, "_START_WITHIN", 0.5)
        monkeypatch.setattr(reader_pool, "_RETRY_AFTER_CRASH", 0.2)
        monkeypatch.setattr(sys, "executable", _program(tmp_path, text))
        async with reading(path) as started:
            first = started.processes
            assert started.ready == 0
            assert type(await ended(asking(started, COUNT, "somebody", 0.2))) is errors.Busy
            monkeypatch.undo()
            assert await ask(started, COUNT) == COUNTED
            await replaced(started)
            assert not any(alive(pid) for pid in first)

    with caplog.at_level(logging.ERROR):
        run(main())
    assert f"a reader could not start: {problem}" in caplog.text


def test_a_want_of_processes_is_got_over(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with reading(path) as running:
            monkeypatch.setattr(reader_pool, "_RETRY_AFTER_CRASH", 0.1)
            monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))  # as if the system had no process to spare
            assert running.launcher
            os.kill(running.launcher, signal.SIGKILL)
            await until(lambda: caplog.text.count("could not start: No such file") > 3, "it is tried again and again")
            monkeypatch.undo()
            await replaced(running)
            assert await ask(running, COUNT) == COUNTED

    with caplog.at_level(logging.ERROR):
        run(main())


def test_closing_ends_every_process_and_every_query(path: Path) -> None:
    async def main() -> None:
        async with reading(path) as pool:
            (running, _), waiting = await runaway(pool), asking(pool, COUNT, "runner")
            await asyncio.sleep(0)
            pids = pool.processes
        for task in (running, waiting):
            assert isinstance(await ended(task), errors.ReaderLost)
        assert len(pids) == 2 and not any(alive(pid) for pid in pids)
        assert not pool._channels

    run(main())


def test_closing_leaves_no_reader_that_was_just_being_replaced(path: Path) -> None:
    async def main(after: float) -> None:
        async with reading(path) as pool:
            for pid in pool.processes:
                os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(after)
        assert not pool._channels
        assert not _workers()

    for after in (0, 0.02, 0.05, 0.1, 0.2):
        run(main(after))


def _workers() -> list[int]:
    """List the readers and launchers of this process."""
    return [pid for pid in tree(os.getpid()) if called(pid) in ("kg launcher", "kg reader")]


def test_long_queries_of_many_clients_leave_a_reader_to_others(path: Path) -> None:
    """Three take all readers while they are new; then one goes back into the queue, and its place stays for lookups."""

    async def main() -> None:
        async with reading(path, readers=3) as pool:
            tasks = [asking(pool, RUNAWAY, f"heavy {number}") for number in range(3)]
            await asyncio.sleep(0)
            assert pool.busy == 3
            assert await ask(pool, COUNT, "modest") == COUNTED
            assert (pool.busy, pool.waiting) == (2, 1)
            await until(lambda: pool.ready == 1, "another reader has taken the place")
            for name in ("modest", "other"):
                assert await ask(pool, COUNT, name) == COUNTED
            assert pool.counts.kills == {"share": 1} and not any(task.done() for task in tasks)
            for task in tasks:
                task.cancel()

    run(main())


def test_a_query_that_made_way_is_answered_later(path: Path) -> None:
    async def main() -> None:
        async with reading(path, readers=2) as pool:
            first, _ = await runaway(pool, "first", 2.0)
            text = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f FILTER(CONTAINS(STR(?a), STR(?d)) || ?a != ?d) }"
            second = asking(pool, text, "second")
            await asyncio.sleep(0)
            assert pool.busy == 2
            assert await ask(pool, COUNT, "modest") == COUNTED
            assert pool.counts.kills == {"share": 1}
            assert isinstance(await ended(first), errors.TimedOut)
            assert await second == b"n\r\n1000000\r\n"

    run(main())


def test_two_long_queries_run_to_their_end(path: Path) -> None:
    """Nothing is ended for others while a reader is left to them."""

    async def main() -> None:
        async with reading(path, readers=3) as pool:
            tasks = [asking(pool, RUNAWAY, f"heavy {number}", 2.5) for number in range(2)]
            await asyncio.sleep(0)
            while not all(task.done() for task in tasks):
                assert await ask(pool, COUNT, "modest") == COUNTED
            assert [type(await ended(task)) for task in tasks] == [errors.TimedOut] * 2

    run(main())


def test_queries_that_wait_make_room_for_a_client_without_any(path: Path) -> None:
    async def main() -> None:
        async with reading(path, readers=2, max_queries=4) as pool:
            tasks = [asking(pool, RUNAWAY, "greedy") for _ in range(4)]
            await asyncio.sleep(0)
            assert await ask(pool, COUNT, "modest") == COUNTED
            assert [type(await ended(task)) for task in tasks if task.done()] == [errors.Busy]
            assert tasks[3].done()  # the newest
            assert pool.counts.refused == 1
            for task in tasks:
                task.cancel()

    run(main())


def test_a_lookup_waits_for_few_of_many_new_clients(path: Path) -> None:
    """Two have a reader and the rest wait before it; the first makes way, and then the newest of the rest is served."""

    async def main() -> None:
        async with reading(path, readers=2) as pool:
            tasks = [asking(pool, RUNAWAY, f"new {number}") for number in range(20)]
            await asyncio.sleep(0)
            assert await ask(pool, COUNT, "modest") == COUNTED
            assert pool.counts.kills["share"] <= 3
            for task in tasks:
                task.cancel()

    run(main())
