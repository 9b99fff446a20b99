"""Message format between a server and its readers: a JSON header and raw content, preceded by the lengths of both.

A message is ``!IQ`` (length of the header, length of the content, in bytes), the header in UTF-8, and the content.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from typing import Any

_LENGTHS = struct.Struct("!IQ")


def pack(header: dict[str, Any], content: bytes = b"") -> bytes:
    """Return one message as bytes."""
    # A query may hold half of a surrogate pair, which strict UTF-8 refuses; the reader reports it as a malformed text.
    head = json.dumps(header, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return b"".join((_LENGTHS.pack(len(head), len(content)), head, content))


class MessageUnpacker:
    """Parser of a byte stream into messages."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._wanted = _LENGTHS.size
        self._header: dict[str, Any] | None = None

    def feed(self, data: bytes) -> tuple[dict[str, Any], bytes] | None:
        """Add bytes (possibly none), and return the next complete message as header and content, or ``None``.

        Chunks are joined only once enough bytes are there, so that content of a hundred MiB is not copied for each.
        """
        if data:
            self._parts.append(data)
            self._size += len(data)
        if self._size < self._wanted:
            return None
        whole = b"".join(self._parts)
        if self._header is None:  # waiting for the lengths, or for the header
            head, content = _LENGTHS.unpack_from(whole)
            start = _LENGTHS.size + head
            if len(whole) < start:
                self._restart(whole, start)
                return None
            self._header = json.loads(whole[_LENGTHS.size : start].decode("utf-8", "surrogatepass"))
            whole = whole[start:]
            self._restart(whole, content)
            if len(whole) < content:
                return None
        found = self._header, whole[: self._wanted]
        self._header = None
        self._restart(whole[self._wanted :], _LENGTHS.size)
        return found

    def _restart(self, rest: bytes, wanted: int) -> None:
        """Go on with ``rest``; nothing is parsed until there are ``wanted`` bytes."""
        self._parts, self._size, self._wanted = [rest], len(rest), wanted


def messages(channel: socket.socket) -> Iterator[dict[str, Any]]:
    """Yield the headers of incoming messages until the other side closes the connection; content is discarded."""
    unpacker = MessageUnpacker()
    while data := channel.recv(1 << 15):
        found = unpacker.feed(data)
        while found:
            yield found[0]
            found = unpacker.feed(b"")
