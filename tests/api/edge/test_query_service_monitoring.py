"""Health and metrics source of the query service: liveness of readers is probed, not assumed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from api.edge import query_service_monitoring
from api.edge.query_service_monitoring import QueryServiceMonitoring
from kg.errors import Busy
from kg.processes.query_and_write_service import QueryCaller, QueryService
from kg.processes.readers.reader_pool import ReaderPool
from kg.rdf.query_request_and_result import QueryDataset, QueryResult, ResultFormats
from kg.store.store import Store, StoreOptions
from tests.applications import settings
from tests.configs import configured
from tests.writers import ServiceWithWriter

pytestmark = pytest.mark.anyio


class Open:
    """A query service over a store on disk, for one test."""

    def __init__(self, folder: Path, **others: int) -> None:
        self.endpoint = ServiceWithWriter(settings(folder, readers=2, **others))
        self.watched = QueryServiceMonitoring(self.endpoint)

    async def __aenter__(self) -> Open:
        await self.endpoint.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.endpoint.close()

    @property
    def pool(self) -> ReaderPool:
        assert self.endpoint.pool
        return self.endpoint.pool


async def test_it_tells_what_the_endpoint_tells(tmp_path: Path) -> None:
    async with Open(tmp_path) as found:
        watched, endpoint, pool = found.watched, found.endpoint, found.pool
        assert (watched.number, watched.published_at) == (endpoint.number, endpoint.published_at)
        assert (watched.readers_ready, watched.readers_busy, watched.waiting) == (2, 0, 0)
        named = watched.processes("2")
        assert named.keys() == {"reader-launcher-2", "reader-2-1", "reader-2-2"}
        assert set(named.values()) == {pool.launcher, *pool.processes}
        assert watched.processes("").keys() == {"reader-launcher", "reader-1", "reader-2"}
        assert watched.kills == pool.counts.kills
        before = watched.number
        await endpoint.update("INSERT DATA { <urn:a> <urn:b> 1 }", QueryDataset())
        assert watched.number == endpoint.number == before + 1


async def test_without_readers_it_tells_of_none() -> None:
    watched = QueryServiceMonitoring(QueryService(Store(StoreOptions(bare=True)), configured()))
    assert (watched.readers_ready, watched.readers_busy, watched.waiting) == (0, 0, 0)
    assert (watched.processes(""), dict(watched.kills)) == ({}, {})
    assert await watched.probe()


async def test_many_who_want_to_know_cost_one_query(tmp_path: Path) -> None:
    async with Open(tmp_path) as found:
        assert all(await asyncio.gather(*(found.watched.probe() for _ in range(50))))
        assert found.pool.counts.answered == 1
        assert await found.watched.probe()
        assert found.pool.counts.answered == 1


async def test_it_asks_again_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Open(tmp_path) as found:
        assert await found.watched.probe()
        monkeypatch.setattr(query_service_monitoring, "_LATELY", 0.0)
        assert await found.watched.probe()
        assert found.pool.counts.answered == 2


async def test_answers_to_others_do_not_hide_that_none_comes_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Open(tmp_path) as found:
        assert await found.watched.probe()
        await found.endpoint.query("ASK {}", ResultFormats(), caller=QueryCaller("someone"))
        monkeypatch.setattr(query_service_monitoring, "_LATELY", 0.0)
        monkeypatch.setattr(found.pool, "run", refuse)
        assert not await found.watched.probe()


async def refuse(*_: object) -> QueryResult:
    raise Busy("No reader is free.")


async def test_one_who_gives_up_spoils_it_for_nobody(tmp_path: Path) -> None:
    async with Open(tmp_path) as found:
        impatient = asyncio.create_task(found.watched.probe())
        patient = asyncio.create_task(found.watched.probe())
        await asyncio.sleep(0)
        impatient.cancel()
        assert await patient
        assert found.pool.counts.answered == 1


async def test_it_recovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Open(tmp_path) as found:
        with monkeypatch.context() as patched:
            patched.setattr(found.pool, "run", refuse)
            assert not await found.watched.probe()
        assert await found.watched.probe()
