"""Recent use by client, which tells those with long queries or writes from those with short ones."""

from __future__ import annotations

_HALF_LIFE = 10.0
"""Seconds in which what a client has used counts half."""

_HEAVY = 0.15
"""Seconds, used lately, above which a client is heavy."""

_LONG = 0.1
"""Seconds from which one use counts; so lookups never make a client heavy, however many it sends."""

_REMEMBERED = 10_000
"""Clients that are remembered; beyond that, those that have used next to nothing are forgotten."""


class ClientUsage:
    """Seconds that each client has used lately.

    Example: a query of 4 s counts 4 when it ends, 2 after ten seconds and 1 after twenty.
    """

    def __init__(self) -> None:
        self._used: dict[str, tuple[float, float]] = {}  # seconds, and the time at which they were so many

    def add(self, client: str, seconds: float, now: float) -> None:
        """Count one use of some seconds."""
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
