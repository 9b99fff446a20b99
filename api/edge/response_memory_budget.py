"""Memory for answers that clients have not taken yet.

An answer of a hundred megabytes lies in memory until its client has read it, however slowly. So a large one is handed
to the connection piece by piece, as it is taken, and all that wait have one budget, of which one client gets a part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from enum import Enum

PIECE = 256 * 1024
"""Bytes handed over at a time; what is no larger is not reckoned with."""

_SHARE_OF_ONE = 4
"""One client's answers may take this part of the budget."""


class SendVerdict(Enum):
    """What becomes of a large answer."""

    SENT = "sent"
    CLIENT_FULL = "the client has too many that it has not taken"
    ALL_FULL = "all clients together have too many"


class ResponseMemoryBudget:
    """Counts the bytes that wait. Used on the event loop only."""

    def __init__(self, size: int) -> None:
        """Take ``size`` bytes as the budget."""
        self.waiting = 0
        self._size = size
        self._held: Counter[str] = Counter()

    def take(self, client: str, size: int) -> SendVerdict:
        """Take an answer in. One alone always fits: its size has a limit of its own."""
        held = self._held[client]
        if held and held + size > self._size // _SHARE_OF_ONE:
            return SendVerdict.CLIENT_FULL
        if self.waiting and self.waiting + size > self._size:
            return SendVerdict.ALL_FULL
        self.waiting += size
        self._held[client] += size
        return SendVerdict.SENT

    def give_back(self, client: str, size: int) -> None:
        """Note that an answer was taken, or that its client is gone."""
        self.waiting -= size
        self._held[client] -= size
        if not self._held[client]:
            del self._held[client]


def pieces(body: bytes) -> Iterator[tuple[bytes, bool]]:
    """Cut a body; with each piece comes whether there is another."""
    for start in range(0, len(body), PIECE):
        yield body[start : start + PIECE], start + PIECE < len(body)
