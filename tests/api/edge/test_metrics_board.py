"""Metrics of several web processes: each reports the sum of all, and nothing counted is lost with a process."""

from __future__ import annotations

import multiprocessing
import os
import struct
from collections import Counter

import pytest

from api.edge.metrics import ServerMetrics
from api.edge.metrics_board import MetricsBoard, MetricsState
from api.http.request_log_record import RequestLogRecord


def state(number: int) -> MetricsState:
    return MetricsState(
        in_flight=number,
        dropped=number,
        refused=Counter({"slow head": number}),
        cache=Counter({"hit": number, f"own {number}": 1}),
        kills=Counter({"deadline": number}),
        requests={("query", 2): ([number, 0, 1], number / 2)},
        ready=number,
        busy=1,
        waiting=number,
        processes={f"web-{number}": number},
    )


def test_a_state_is_read_as_it_was_written() -> None:
    board = MetricsBoard(3)
    for slot in range(3):
        board.write(slot, state(slot + 1))
    assert [board.read(slot) for slot in range(3)] == [state(1), state(2), state(3)]
    assert list(board.others(1)) == [state(1), state(3)]


def test_a_slot_that_nobody_has_written_is_empty() -> None:
    assert MetricsBoard(1).read(0) == MetricsState()


def test_sums() -> None:
    total = state(1)
    total.add(state(2))
    assert (total.in_flight, total.dropped, total.ready, total.busy, total.waiting) == (3, 3, 3, 2, 3)
    assert (total.refused, total.kills) == ({"slow head": 3}, {"deadline": 3})
    assert total.cache == {"hit": 3, "own 1": 1, "own 2": 1}
    assert total.requests == {("query", 2): ([3, 0, 2], 1.5)}
    assert total.processes == {"web-1": 1, "web-2": 2}


def test_a_state_that_is_too_large_leaves_the_last_one() -> None:
    board = MetricsBoard(2)
    board.write(0, state(1))
    board.write(1, state(2))
    board.write(0, MetricsState(refused=Counter({"x" * 70_000: 1})))
    assert (board.read(0), board.read(1)) == (state(1), state(2))


def test_a_process_that_was_killed_while_it_wrote_does_not_spoil_its_slot() -> None:
    board = MetricsBoard(2)
    board.write(0, state(1))
    struct.pack_into("=II", board._memory, 0, 7, 5)  # an odd sequence number: half of a state
    assert board.read(0) == MetricsState()
    board.write(0, state(2))
    assert board.read(0) == state(2)


def _write(board: MetricsBoard, times: int) -> None:
    for number in range(times):
        board.write(0, state(number % 7))


def test_no_half_of_a_state_is_read_while_another_process_writes() -> None:
    board = MetricsBoard(1)
    writer = multiprocessing.get_context("fork").Process(target=_write, args=(board, 3000))
    writer.start()
    while writer.is_alive():
        found = board.read(0)
        assert found == MetricsState() or found == state(found.in_flight)
    writer.join()
    assert writer.exitcode == 0


def observed(metrics: ServerMetrics, times: int) -> None:
    for _ in range(times):
        record = RequestLogRecord({"method": "GET", "path": "/", "client": None}, "", "query")
        record.status = 200
        metrics.observe(record, 0.001)


def count(metrics: ServerMetrics) -> float:
    (line,) = [
        line
        for line in metrics.text().decode().splitlines()
        if line.startswith("claimgraph_http_request_duration_seconds_count")
    ]
    return float(line.split()[-1])


def test_each_process_reports_the_sum_of_all() -> None:
    board = MetricsBoard(2)
    first, second = (ServerMetrics(None, board, slot) for slot in range(2))
    observed(first, 2)
    observed(second, 3)
    first.publish()
    second.publish()
    assert count(first) == count(second) == 5
    observed(first, 1)  # its own are always the newest
    assert (count(first), count(second)) == (6, 5)


def test_counts_go_on_when_a_process_is_replaced() -> None:
    board = MetricsBoard(2)
    first, other = ServerMetrics(None, board, 0), ServerMetrics(None, board, 1)
    observed(first, 4)
    first.in_flight = 3
    first.publish()
    again = ServerMetrics(None, board, 0)
    observed(again, 1)
    assert count(again) == 5
    again.publish()
    assert count(other) == 5
    assert again.total().in_flight == 0  # those requests ended with their process


@pytest.mark.parametrize("slot", [0, 1])
def test_processes_are_named_by_their_place(slot: int) -> None:
    found = ServerMetrics(None, MetricsBoard(2), slot).total().processes
    assert found == {f"web-{slot + 1}": os.getpid(), "main": os.getppid()}
