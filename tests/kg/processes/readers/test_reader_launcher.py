"""Launcher of readers: it forks them, says how they end, ends with the server, and is replaced if it was killed."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from kg.processes.readers.reader_launcher import LaunchedReader, ReaderLauncher
from kg.processes.readers.reader_launcher_process import FOR_QUERIES, FOR_TASKS, ForkServer
from tests.cases.readers import COUNT, COUNTED, MEMORY, PATIENCE, ask, reading, run, snapshot, until
from tests.processes import alive, called, children, wait_until

SETTINGS = {"nesting": 100, "height": 100, "rows": 1000, "size": 1 << 20, "memory": MEMORY}


@asynccontextmanager
async def launching(kind: str = FOR_QUERIES) -> AsyncIterator[ReaderLauncher]:
    launcher = ReaderLauncher(kind)
    try:
        yield launcher
    finally:
        await launcher.close()


async def launched(launcher: ReaderLauncher) -> tuple[LaunchedReader, socket.socket]:
    ours, theirs = socket.socketpair()
    memory = os.memfd_create("test")
    try:
        with theirs:
            return await launcher.launch(SETTINGS, (theirs.fileno(), memory)), ours
    except BaseException:
        ours.close()
        raise
    finally:
        os.close(memory)


def test_readers_are_its_children_and_tell_their_end() -> None:
    async def main() -> None:
        async with launching() as launcher:
            readers = [await launched(launcher) for _ in range(3)]
            assert launcher.pid
            assert called(launcher.pid) == "kg launcher"
            assert children(launcher.pid) == [reader.pid for reader, _ in readers]
            wait_until(lambda: [called(reader.pid) for reader, _ in readers] == ["kg reader"] * 3, "they have a name")
            readers[0][1].close()  # a reader ends with its connection
            assert await asyncio.wait_for(readers[0][0].wait(), PATIENCE) == 0
            readers[1][0].kill()
            assert await asyncio.wait_for(readers[1][0].wait(), PATIENCE) == -signal.SIGKILL
            readers[1][0].kill()  # once more does nothing
            assert alive(readers[2][0].pid)
        assert await asyncio.wait_for(readers[2][0].wait(), PATIENCE) == -signal.SIGKILL
        assert not any(alive(reader.pid) for reader, _ in readers)
        for _, ours in readers:
            ours.close()

    run(main())


def test_a_reader_that_ends_at_once_is_told_after_its_start() -> None:
    async def main() -> None:
        async with launching() as launcher:
            for _ in range(100):
                ours, theirs = socket.socketpair()
                ours.close()
                with theirs:
                    reader = await launcher.launch(SETTINGS, (theirs.fileno(), theirs.fileno()))
                assert await asyncio.wait_for(reader.wait(), PATIENCE) == 0

    run(main())


def test_many_readers_that_end_together_are_all_told() -> None:
    """Signals come while others are being handled."""

    async def main() -> None:
        async with launching() as launcher:
            for _ in range(5):
                readers = [await launched(launcher) for _ in range(20)]
                for reader, ours in readers:
                    reader.kill()
                    ours.close()
                codes = await asyncio.wait_for(asyncio.gather(*(reader.wait() for reader, _ in readers)), PATIENCE)
                assert codes == [-signal.SIGKILL] * 20

    run(main())


def test_a_killed_launcher_takes_its_readers_along_and_is_replaced(tmp_path: Path) -> None:
    path = snapshot(tmp_path)

    async def main() -> None:
        async with reading(path) as pool:
            launcher = pool.launcher
            assert launcher
            before = [launcher, *pool.processes]
            os.kill(launcher, signal.SIGKILL)
            await until(lambda: not any(alive(pid) for pid in before), "all have ended")
            await until(lambda: pool.ready == 2 and not {*pool.processes} & {*before}, "both readers are back")
            assert pool.launcher and pool.launcher not in before
            assert await ask(pool, COUNT) == COUNTED

    run(main())


def test_a_request_in_flight_fails_with_the_launcher() -> None:
    async def main() -> None:
        async with launching() as launcher:
            _, ours = await launched(launcher)
            assert launcher.pid
            os.kill(launcher.pid, signal.SIGSTOP)
            waiting = asyncio.create_task(launched(launcher))
            await asyncio.sleep(0.1)
            assert not waiting.done()
            launcher.kill()
            with pytest.raises(OSError, match="its launcher ended with code -9"):
                await asyncio.wait_for(waiting, PATIENCE)
            assert launcher.pid is None
            ours.close()

    run(main())


def test_a_want_of_processes_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fork() -> int:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", fork)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    before = signal.getsignal(signal.SIGCHLD)
    with ours, theirs:
        socket.send_fds(ours, [json.dumps(SETTINGS).encode()], (ours.fileno(), ours.fileno()))
        ours.shutdown(socket.SHUT_WR)
        ForkServer(theirs).serve()
        assert json.loads(ours.recv(1000)) == {"errno": errno.EAGAIN}
    signal.signal(signal.SIGCHLD, before)


def test_who_no_longer_waits_for_a_reader_leaves_none() -> None:
    async def main() -> None:
        async with launching() as launcher:
            _, ours = await launched(launcher)
            pid = launcher.pid
            assert pid
            os.kill(pid, signal.SIGSTOP)
            waiting = asyncio.create_task(launched(launcher))
            await asyncio.sleep(0.1)
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting
            os.kill(pid, signal.SIGCONT)
            _, other = await launched(launcher)  # its reader comes after the other one
            await until(lambda: len(children(pid)) == 2, "the one that nobody waits for has ended")
            ours.close()
            other.close()

    run(main())


def test_readers_for_tasks_have_the_gate_in_memory() -> None:
    """So that the first validation of each reader need not import it."""
    sizes = {}

    async def main(kind: str) -> None:
        async with launching(kind) as launcher:
            reader, ours = await launched(launcher)
            sizes[kind] = int(Path(f"/proc/{reader.pid}/statm").read_text("ascii").split()[0])
            ours.close()

    for kind in (FOR_QUERIES, FOR_TASKS):
        run(main(kind))
    assert sizes[FOR_TASKS] > 1.2 * sizes[FOR_QUERIES]


def test_all_end_with_the_server(tmp_path: Path) -> None:
    """Also in the middle of a query, and however the server ends."""
    code = """
import asyncio, sys
from pathlib import Path
from tests.cases.readers import RUNAWAY, ask, reading
async def main():
    async with reading(Path(sys.argv[1])) as pool:
        task = asyncio.create_task(ask(pool, RUNAWAY))
        await asyncio.sleep(0.5)
        print(pool.launcher, *pool.processes, flush=True)
        await task
asyncio.run(main())
"""
    command = [sys.executable, "-c", code, str(snapshot(tmp_path))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        pids = [int(word) for word in server.stdout.readline().split()]
        assert len(pids) == 3 and all(alive(pid) for pid in pids)
        server.kill()
    wait_until(lambda: not any(alive(pid) for pid in pids), "all have ended")
