"""Query scheduler: who is next, who is refused, and whose query makes way, without any process."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kg import errors
from kg.config import QuerySettings
from kg.processes.readers.query_scheduler import QueryScheduler
from kg.processes.readers.reader_connection import QueryJob


class Queue:
    """A scheduler with jobs named by their clients."""

    def __init__(self, size: int, **settings: Any) -> None:
        self.scheduler = QueryScheduler(QuerySettings(**settings), size)
        self.loop = asyncio.new_event_loop()
        self.loop.close()

    def add(self, client: str, now: float = 0.0, reserve: int = 0) -> QueryJob:
        job = QueryJob(b"", client, now, now + 60, None, asyncio.Future(loop=self.loop), reserve)
        self.scheduler.add(job)
        return job

    def start(self, now: float = 0.0) -> str | None:
        """Start the next query, and return its client."""
        job = self.scheduler.next(now)
        if job:
            self.scheduler.began(job, now)
        return job.client if job else None

    def run(self, client: str, begin: float, end: float) -> None:
        """Run one query of a client."""
        job = self.add(client, begin)
        assert self.start(begin) == client
        self.scheduler.ended(job, end)
        self.scheduler.forget(job)


def test_a_client_leaves_a_reader_to_others() -> None:
    queue = Queue(3)
    for client in "AAAB":
        queue.add(client)
    assert [queue.start() for _ in range(3)] == ["A", "A", "B"]
    queue.add("A")
    assert queue.start() is None


def test_the_only_reader_serves_in_turn() -> None:
    queue = Queue(1)
    for client in "AAB":
        queue.add(client)
    assert [queue.start() for _ in range(3)] == ["A", "A", "B"]


def test_jobs_that_reserve_readers_leave_them() -> None:
    queue = Queue(3)
    for client in "ABC":
        queue.add(client, reserve=1)
    assert [queue.start() for _ in range(3)] == ["A", "B", None]
    queue.add("D")
    assert queue.start() == "D"


def test_who_has_used_much_waits_for_who_has_not() -> None:
    queue = Queue(2)
    queue.run("heavy", 0.0, 5.0)
    queue.add("heavy", 5.0)
    queue.add("other", 5.1)
    assert [queue.start(5.1), queue.start(5.1)] == ["other", "heavy"]


def test_all_heavy_clients_together_leave_a_reader() -> None:
    queue = Queue(2)
    for client in "AB":
        queue.run(client, 0.0, 5.0)
    queue.add("A", 5.0)
    queue.add("B", 5.0)
    assert [queue.start(5.0), queue.start(5.0)] == ["A", None]
    queue.add("C", 5.0)
    assert queue.start(5.0) == "C"


def test_the_newest_is_first_once_the_oldest_has_waited_long() -> None:
    queue = Queue(8)
    for number in range(4):
        queue.add(f"new {number}", number / 100)
    assert queue.start(0.05) == "new 0"
    assert queue.start(0.5) == "new 3"


def test_the_newest_long_query_makes_way() -> None:
    queue = Queue(2)
    for client in "AB":
        queue.add(client)
        queue.start(0.0 if client == "A" else 0.1)
    queue.add("C", 0.2)
    assert queue.scheduler.in_the_way(0.2) is None  # they may be lookups
    job = queue.scheduler.in_the_way(0.5)
    assert job and job.client == "B"
    queue.scheduler.put_back(job, 0.5)
    assert [queue.start(0.5), queue.start(0.5)] == ["C", None]
    assert [waiting.client for waiting in queue.scheduler.queue] == ["B"]


def test_nothing_makes_way_for_a_heavy_client() -> None:
    queue = Queue(2)
    for client in "AB":
        queue.add(client)
        queue.start()
    queue.add("A", 0.2)
    assert queue.scheduler.in_the_way(5.0) is None


def test_queries_that_are_killed_count_for_a_second() -> None:
    """Else many with short time limits, one after the other, would hold the reader for lookups all the time."""
    queue = Queue(2)
    job = queue.add("A")
    assert queue.start() == "A"
    queue.scheduler.ended(job, 0.05, killed=True)
    queue.scheduler.forget(job)
    queue.add("A", 0.1)
    queue.add("B", 0.2)
    assert [queue.start(0.2), queue.start(0.2)] == ["B", "A"]


def test_a_client_with_some_queries_takes_a_place_of_one_with_many() -> None:
    queue = Queue(1, max_queries=6, max_queries_per_client=5)
    queue.add("B")
    jobs = [queue.add("A") for _ in range(5)]
    assert queue.scheduler.admit("B") is jobs[4]


def test_limits() -> None:
    queue = Queue(1, max_queries=4, max_queries_per_client=3)
    jobs = [queue.add("A") for _ in range(3)]
    with pytest.raises(errors.TooManyRequests, match="3 queries in progress"):
        queue.scheduler.admit("A")
    assert queue.scheduler.admit("B") is None
    queue.add("B")
    assert queue.scheduler.admit("B") is jobs[2]  # the newest of who has most
    queue.scheduler.forget(jobs[2])
    queue.scheduler.queue.remove(jobs[2])
    queue.add("B")
    with pytest.raises(errors.Busy):
        queue.scheduler.admit("B")
