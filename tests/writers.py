"""Writer processes for applications that run inside of a test, and services over them."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import multiprocessing
import os
import socket
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any

from kg.config import Config
from kg.errors import StoreUnavailable
from kg.processes import writer_process
from kg.processes.query_and_write_service import QueryService
from kg.processes.remote_store import StoreDescription
from kg.processes.writer_process import LastWords
from kg.store.snapshots import NewestNumber

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["kg.processes.writer_process"])


class Writer:
    """A writer process on the store that the settings name, which can be started again after its end.

    Attributes:
        config: the settings.
        newest: number of the newest snapshot.
        process: the process.
    """

    def __init__(self, config: Config) -> None:
        """Start it and wait until it is ready.

        Raises:
            StoreUnavailable: it ended before.
        """
        self.newest = NewestNumber()
        self.config = config
        self._words = LastWords()
        self._start()
        atexit.register(self.close)

    def _start(self) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            descriptors = theirs.fileno(), self.newest.descriptor, self._words.descriptor
            self.process = _PROCESSES.Process(
                target=_write, args=(*map(DupFd, descriptors), self.config.model_dump_json()), daemon=True
            )
            self.process.start()
        if self.control.recv(16) != b"R":
            raise StoreUnavailable("The writer could not start.")

    def restart(self) -> None:
        """Start it again, after waiting for its end."""
        self.process.join(60)
        self.control.close()
        self._start()

    def connection(self) -> socket.socket:
        """Return a new connection to it."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self.control, [b"W"], [theirs.fileno()])
        return ours

    def close(self) -> None:
        """End it, and wait until it has closed the store."""
        atexit.unregister(self.close)
        with contextlib.suppress(OSError):
            self.control.close()
        self.process.join(60)


def _write(control: Any, newest: Any, words: Any, config: str) -> None:
    """Run the writer: the target of the process."""
    shared = LastWords()
    os.dup2(words.detach(), shared.descriptor)
    with contextlib.suppress(StoreUnavailable):
        writer_process.run(
            socket.socket(fileno=control.detach()),
            Config.model_validate_json(config),
            NewestNumber(newest.detach()),
            shared,
        )


class ServiceWithWriter(QueryService):
    """Service that starts and ends its own writer, and replaces one that has ended, as the supervisor does."""

    def __init__(self, config: Config) -> None:
        self.writing = Writer(config)
        super().__init__(StoreDescription.read(Path(config.store.data_dir)), config, self.writing.newest)
        self.others: list[QueryService] = []
        self._keeping: asyncio.Task[None] | None = None

    def another(self) -> QueryService:
        """Return another service with the same writer, as another web process has; the caller starts and closes it."""
        config = self.writing.config
        found = QueryService(StoreDescription.read(Path(config.store.data_dir)), config, self.writing.newest)
        found.writer_changed(self.writing.connection())
        self.others.append(found)
        return found

    async def start(self) -> None:
        """Connect to the writer and start the readers."""
        assert self.writer
        await self.writer.attach(self.writing.connection())
        self._keeping = asyncio.create_task(self._keep())
        await super().start()

    async def _keep(self) -> None:
        """Replace a writer that has ended, for ever."""
        while True:
            ended = asyncio.Event()
            loop, sentinel = asyncio.get_running_loop(), self.writing.process.sentinel
            loop.add_reader(sentinel, ended.set)
            try:
                await ended.wait()
            finally:
                loop.remove_reader(sentinel)
            await asyncio.to_thread(self.writing.restart)
            for service in (self, *self.others):
                service.writer_changed(self.writing.connection())

    async def close(self) -> None:
        """End the readers and the writer."""
        if self._keeping:
            self._keeping.cancel()
            await asyncio.wait({self._keeping})
        await super().close()
        self.writing.close()
