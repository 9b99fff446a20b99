"""Memory budget of bodies: of responses that clients have not received yet, and of request bodies as they arrive.

A response of a hundred megabytes occupies memory until its client has read it, however slowly. So a large one is passed
to the connection in pieces, as the client reads, and all waiting responses share one budget, of which each client may
use a part. Request bodies that arrive slowly share a second budget of the same kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from enum import Enum

from kg.errors import Busy, TooManyRequests

PIECE = 256 * 1024
"""Bytes passed to the connection at a time; bodies up to this size are not counted."""

_SHARE_OF_ONE = 4
"""The responses of one client may use one part in so many of the budget."""


class Reservation(Enum):
    """Result of a reservation; the value of a refusal is a clause for its message."""

    GRANTED = "granted"
    CLIENT_FULL = "this client has too much unread data"
    ALL_FULL = "all clients together have too much unread data"


class BodyMemory:
    """Memory for the body of one request, as it arrives: many clients may send large bodies slowly.

    Attributes:
        held: bytes reserved so far.
    """

    def __init__(self, budget: BodyMemoryBudget, client: str) -> None:
        self.held = 0
        self._budget = budget
        self._client = client

    def grow(self, size: int) -> None:
        """Reserve more bytes.

        Raises:
            Busy, TooManyRequests: the bodies of all clients, or of this one, fill the budget.
        """
        match self._budget.reserve(self._client, size):
            case Reservation.CLIENT_FULL:
                raise TooManyRequests("This client sends too much at a time.", remedy="Wait for a response first.")
            case Reservation.ALL_FULL:
                raise Busy("All clients together send too much at a time.", remedy="Retry in a moment.")
        self.held += size

    def release(self) -> None:
        """Release all bytes."""
        if self.held:
            self._budget.release(self._client, self.held)
            self.held = 0


class BodyMemoryBudget:
    """Counter of the bytes that wait. Not thread-safe: used on the event loop only.

    Attributes:
        waiting: bytes reserved by all clients.
    """

    def __init__(self, size: int) -> None:
        """Limit the waiting bodies to ``size`` bytes."""
        self.waiting = 0
        self._size = size
        self._held: Counter[str] = Counter()

    def reserve(self, client: str, size: int) -> Reservation:
        """Reserve ``size`` bytes for a body; a single one is always granted, as its size has its own limit."""
        held = self._held[client]
        # “held and”: a client without waiting data may exceed its share, or it could never receive a large response.
        if held and held + size > self._size // _SHARE_OF_ONE:
            return Reservation.CLIENT_FULL
        if self.waiting and self.waiting + size > self._size:
            return Reservation.ALL_FULL
        self.waiting += size
        self._held[client] += size
        return Reservation.GRANTED

    def release(self, client: str, size: int) -> None:
        """Release the bytes of a body that was passed on, or whose client has disconnected."""
        self.waiting -= size
        self._held[client] -= size
        if not self._held[client]:
            del self._held[client]


def pieces(body: bytes) -> Iterator[tuple[bytes, bool]]:
    """Yield the pieces of a body, each with whether another follows."""
    for start in range(0, len(body), PIECE):
        yield body[start : start + PIECE], start + PIECE < len(body)
