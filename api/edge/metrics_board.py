"""Metrics of several web processes: the state of each in shared memory, so that any of them reports the sum of all."""

from __future__ import annotations

import json
import mmap
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Requests = dict[tuple[str, int], tuple[list[int], float]]
"""Number of requests in each latency class, and the sum of latencies in seconds, by class of route and status digit."""

_SLOT = 64 * 1024
"""Bytes for the state of one process."""

_HEAD = struct.Struct("=II")
_ATTEMPTS = 100


@dataclass
class MetricsState:
    """Counters and gauges of one process, or the sums over several.

    Attributes:
        in_flight: number of requests in progress.
        dropped: number of log lines that were lost.
        refused: refusals by reason.
        cache: look-ups in the response cache by outcome.
        kills: readers killed by reason.
        requests: latencies; see :data:`Requests`.
        ready, busy: number of idle readers and of those that run a query.
        waiting: number of queries in the queue.
        processes: process ids by name.
    """

    in_flight: int = 0
    dropped: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    cache: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    requests: Requests = field(default_factory=dict)
    ready: int = 0
    busy: int = 0
    waiting: int = 0
    processes: dict[str, int] = field(default_factory=dict)

    def add(self, other: MetricsState) -> None:
        """Add the state of another process to this one."""
        self.in_flight += other.in_flight
        self.ready += other.ready
        self.busy += other.busy
        self.waiting += other.waiting
        self.processes |= other.processes
        self.add_counters(other)

    def add_counters(self, other: MetricsState) -> None:
        """Add what only grows, also if the other process has ended."""
        self.dropped += other.dropped
        for own, others in ((self.refused, other.refused), (self.cache, other.cache), (self.kills, other.kills)):
            own.update(others)
        for key, (counts, total) in other.requests.items():
            before, sum_before = self.requests.get(key, ([0] * len(counts), 0.0))
            summed = [left + right for left, right in zip(before, counts, strict=True)]
            self.requests[key] = summed, sum_before + total

    def to_json(self) -> dict[str, Any]:
        """Return the state as a JSON object."""
        return vars(self) | {"requests": [[*key, *value] for key, value in self.requests.items()]}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> MetricsState:
        """Return the state that :meth:`to_json` returned as an object."""
        counters = {name: Counter(found[name]) for name in ("refused", "cache", "kills")}
        requests = {(kind, status): (counts, total) for kind, status, counts, total in found["requests"]}
        return cls(**{**found, **counters, "requests": requests})


class MetricsBoard:
    """Shared memory with one slot for each web process, which only that process writes.

    A slot is a sequence number, odd while the slot is being written; a length; and the state as JSON.
    """

    def __init__(self, slots: int) -> None:
        """Make the memory, which child processes inherit."""
        self._slots = slots
        self._memory = mmap.mmap(-1, slots * _SLOT)

    def write(self, slot: int, state: MetricsState) -> None:
        """Replace the state in a slot."""
        data = json.dumps(state.to_json()).encode()
        if len(data) > _SLOT - _HEAD.size:  # the last one stays
            return
        start = slot * _SLOT
        sequence, _ = _HEAD.unpack_from(self._memory, start)
        odd = (sequence | 1) & 0xFFFFFFFF  # also if the process before was killed while it wrote
        _HEAD.pack_into(self._memory, start, odd, len(data))
        self._memory[start + _HEAD.size : start + _HEAD.size + len(data)] = data
        _HEAD.pack_into(self._memory, start, (odd + 1) & 0xFFFFFFFF, len(data))

    def read(self, slot: int) -> MetricsState:
        """Return the state in a slot, empty if nothing complete can be read."""
        start = slot * _SLOT
        for _ in range(_ATTEMPTS):
            sequence, size = _HEAD.unpack_from(self._memory, start)
            data = bytes(self._memory[start + _HEAD.size : start + _HEAD.size + size])
            if sequence % 2 == 0 and _HEAD.unpack_from(self._memory, start) == (sequence, size):
                return MetricsState.from_json(json.loads(data)) if size else MetricsState()
        return MetricsState()

    def others(self, slot: int) -> Iterator[MetricsState]:
        """Yield the states in all other slots."""
        for other in range(self._slots):
            if other != slot:
                yield self.read(other)
