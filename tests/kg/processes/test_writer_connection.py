"""Writer connection: one request at a time, a true reason if the writer ends, and what has not begun goes on."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kg import errors
from kg.processes import ipc_messages, writer_connection
from kg.processes.writer_connection import News, WriterConnection
from kg.rdf.query_request_and_result import QueryDataset
from kg.store.prepared_writes_and_conflicts import Outdated, PreparedWrite
from kg.store.snapshots import EndOfWriter
from tests.cases.readers import run

NOTHING = QueryDataset()
WRITE = PreparedWrite("replace", ())


class Writer:
    """The other side of a connection: a writer that does as it is told."""

    def __init__(self) -> None:
        self.end, self.theirs = socket.socketpair()
        self.end.setblocking(False)
        self._unpacker = ipc_messages.MessageUnpacker()

    async def request(self, *, begin: bool = True) -> dict[str, Any]:
        """Return the next request, after telling that it has begun."""
        while (found := self._unpacker.feed(b"")) is None:
            found = self._unpacker.feed(await asyncio.get_running_loop().sock_recv(self.end, 1 << 16))
            if found:
                break
        if begin:
            self.send(begun=found[0]["id"])
        return found[0]

    def send(self, **message: Any) -> None:
        self.end.send(ipc_messages.pack(message))

    def close(self) -> None:
        self.end.close()


@asynccontextmanager
async def connected(
    seconds: float = 60, end: EndOfWriter = EndOfWriter.killed
) -> AsyncIterator[tuple[WriterConnection, Writer, list[News]]]:
    news: list[News] = []
    connection, writer = WriterConnection(seconds, news.append, lambda: end), Writer()
    await connection.attach(writer.theirs)
    yield connection, writer, news
    connection.close()
    writer.close()


def test_replies_and_news() -> None:
    async def main() -> None:
        async with connected() as (connection, writer, news):
            assert news == [News(0, 0, None, users=True)]  # whatever was written before
            writing = asyncio.create_task(connection.commit(WRITE))
            request = await writer.request()
            assert request["write"] == WRITE.pack()[0]
            writer.send(published=5, before=4, graphs=["urn:g"], users=False)
            writer.send(id=request["id"], outcome="created")
            assert await writing == "created"
            assert news[1:] == [News(5, 4, ("urn:g",), users=False)]

    run(main())


def test_errors_arrive_as_what_they_are() -> None:
    async def main() -> None:
        async with connected() as (connection, writer, _):
            writing = asyncio.create_task(connection.update("x", NOTHING))
            request = await writer.request()
            writer.send(id=request["id"], **ipc_messages.encode_error(errors.StorageFull("Full.")))
            with pytest.raises(errors.StorageFull, match="Full"):
                await writing
            preparing = asyncio.create_task(connection.commit(WRITE))
            writer.send(id=(await writer.request())["id"], outdated=True)
            with pytest.raises(Outdated):
                await preparing

    run(main())


def test_one_request_is_sent_at_a_time_with_its_own_deadline() -> None:
    async def main() -> None:
        async with connected(30) as (connection, writer, _):
            writings = [asyncio.create_task(connection.update(str(n), NOTHING)) for n in range(3)]
            for writing in writings:
                request = await writer.request()
                assert 0 < request["expires"] - time.monotonic() <= 30 + writer_connection._WAITING_SECONDS
                await asyncio.sleep(0.01)
                with pytest.raises(BlockingIOError):
                    writer.end.recv(1)
                writer.send(id=request["id"], outcome="replaced")
                await writing

    run(main())


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (EndOfWriter.killed, "was ended"),
        (EndOfWriter.memory, "memory limit"),
        (EndOfWriter.fault, "engine failed"),
    ],
)
def test_the_reason_of_the_end_is_told(end: EndOfWriter, reason: str) -> None:
    async def main() -> None:
        async with connected(60, end) as (connection, writer, _):
            writing = asyncio.create_task(connection.update("x", NOTHING))
            await writer.request()
            writer.close()
            another = Writer()
            await connection.attach(another.theirs)
            with pytest.raises(errors.ReaderLost, match=reason):
                await writing
            another.close()

    run(main())


def test_the_end_at_the_time_limit_is_a_timeout() -> None:
    async def main() -> None:
        async with connected(0.3) as (connection, writer, _):
            writing = asyncio.create_task(connection.update("x", NOTHING))
            await writer.request()
            await asyncio.sleep(0.3)
            writer.close()
            with pytest.raises(errors.TimedOut, match="time limit"):
                await writing

    run(main())


def test_a_request_that_had_not_begun_is_sent_to_the_next_writer() -> None:
    async def main() -> None:
        async with connected() as (connection, writer, news):
            writing = asyncio.create_task(connection.update("x", NOTHING))
            first = await writer.request(begin=False)
            writer.close()
            another = Writer()
            await connection.attach(another.theirs)
            second = await another.request()
            assert second["update"] == first["update"] and second["expires"] == first["expires"]
            another.send(id=second["id"], outcome="replaced")
            await writing
            assert len([one for one in news if one.graphs is None]) == 2
            another.close()

    run(main())


def test_a_write_survives_the_one_before_that_is_aborted_at_its_time_limit() -> None:
    async def main() -> None:
        async with connected(0.3) as (connection, writer, _):
            endless = asyncio.create_task(connection.update("x", NOTHING))
            await writer.request()
            waiting = asyncio.create_task(connection.commit(WRITE))
            await asyncio.sleep(0.4)  # longer than one write may take: nobody is refused for that
            writer.close()
            another = Writer()
            await connection.attach(another.theirs)
            with pytest.raises(errors.TimedOut):
                await endless
            request = await another.request()
            assert request["expires"] > time.monotonic()
            another.send(id=request["id"], outcome="created")
            assert await waiting == "created"
            another.close()

    run(main())


def test_without_a_writer_a_write_is_refused_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_connection, "_WAITING_SECONDS", 0.1)

    async def main() -> None:
        connection = WriterConnection(0.2, lambda _: None, lambda: EndOfWriter.killed)
        with pytest.raises(errors.Busy, match="not begun"):
            await connection.update("x", NOTHING)

    run(main())


@pytest.mark.slow
def test_a_writer_that_does_not_respond_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_connection, "_SILENCE_SECONDS", 0.01)

    async def main() -> None:
        async with connected(0.1) as (connection, _, _):
            for _ in range(2):
                with pytest.raises(errors.TimedOut, match="does not respond"):
                    await connection.update("x", NOTHING)

    run(main())


def test_a_reply_for_a_client_that_has_gone_disturbs_no_other() -> None:
    async def main() -> None:
        async with connected() as (connection, writer, _):
            leaving = asyncio.create_task(connection.update("x", NOTHING))
            first = await writer.request()
            leaving.cancel()
            await asyncio.wait({leaving})
            staying = asyncio.create_task(connection.commit(WRITE))
            second = await writer.request(begin=False)
            writer.send(id=first["id"], outcome="replaced")
            writer.send(begun=second["id"])
            writer.send(id=second["id"], outcome="unchanged")
            assert await staying == "unchanged"

    run(main())
