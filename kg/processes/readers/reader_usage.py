"""Use of readers: counters since the start, and recent use by client, which tells long queries from lookups."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

_HALF_LIFE = 10.0
"""Seconds in which what a client has used counts half."""

_HEAVY = 0.15
"""Seconds of processor time of readers, used lately, above which a client is heavy."""

_LONG = 0.1
"""Seconds of a query from which it counts; so lookups never make a client heavy, however many it sends."""

_REMEMBERED = 10_000
"""Clients that are remembered; beyond that, those that have used next to nothing are forgotten."""


@dataclass
class PoolCounts:
    """Counters since the start, for the metrics.

    Attributes:
        answered: queries that ended with a result or an error of their own.
        refused: queries that were refused because of a limit.
        kills: readers that ended during a query, by reason.
    """

    answered: int = 0
    refused: int = 0
    kills: Counter[str] = field(default_factory=Counter)


class ClientUsage:
    """Seconds of readers that each client has used lately.

    Example: a query of 4 s counts 4 when it ends, 2 after ten seconds and 1 after twenty.
    """

    def __init__(self) -> None:
        self._used: dict[str, tuple[float, float]] = {}  # seconds, and the time at which they were so many

    def add(self, client: str, seconds: float, now: float) -> None:
        """Count a query that a client has run for some seconds."""
        if seconds < _LONG:
            return
        self._used[client] = self.seconds(client, now) + seconds, now
        if len(self._used) > _REMEMBERED:
            self._used = {name: used for name, used in self._used.items() if self.seconds(name, now) > _LONG}

    def seconds(self, client: str, now: float) -> float:
        """Return what a client has used lately, in seconds."""
        seconds, then = self._used.get(client, (0.0, now))
        return seconds * 0.5 ** ((now - then) / _HALF_LIFE) if seconds else 0.0

    def is_heavy(self, client: str, running: float, now: float) -> bool:
        """Return whether a client is heavy, with queries that have run for ``running`` seconds in all so far."""
        return running + self.seconds(client, now) > _HEAVY
