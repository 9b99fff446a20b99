"""Sending the head of an answer and the first of its body at once."""

from __future__ import annotations

import asyncio

_JOINED_BYTES = 64 * 1024
"""A larger piece is not copied to be sent with the head."""


class CoalescingTransport(asyncio.WriteTransport):
    """Sends the head of an answer with what is written right after it: one packet instead of two, one waking up.

    That is a third of what a short answer costs. What nothing follows at once leaves by itself.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._head: bytes | None = b""

    def write(self, data: bytes) -> None:  # type: ignore[override]
        """Hold the first piece back for the second."""
        if self._head is None:
            self._transport.write(data)
        elif self._head or not data:
            self._flush(data)
        else:
            self._head = data
            self._loop.call_soon(self._flush)

    def is_closing(self) -> bool:
        """Tell whether nothing can be sent any more."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Send what is held back, and close."""
        self._flush()
        self._transport.close()

    def _flush(self, more: bytes = b"") -> None:
        head, self._head = self._head, None
        if head and len(more) <= _JOINED_BYTES:
            self._send(head + more)
        else:
            self._send(head)
            self._send(more)

    def _send(self, data: bytes | None) -> None:
        if data and not self._transport.is_closing():
            self._transport.write(data)
