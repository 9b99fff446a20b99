"""What a server and its readers send each other: a JSON header and raw content, each with its length before it."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from typing import Any

_LENGTHS = struct.Struct("!IQ")


def pack(header: dict[str, Any], content: bytes = b"") -> bytes:
    """Write one message."""
    head = json.dumps(header, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return b"".join((_LENGTHS.pack(len(head), len(content)), head, content))


class MessageUnpacker:
    """Takes bytes in as they come, and gives whole messages out."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._wanted = _LENGTHS.size
        self._header: dict[str, Any] | None = None

    def feed(self, data: bytes) -> tuple[dict[str, Any], bytes] | None:
        """Add bytes, perhaps none; give the next message that is whole.

        Content is put together once, when all of it is there: a hundred MiB are copied no more often.
        """
        if data:
            self._parts.append(data)
            self._size += len(data)
        if self._size < self._wanted:
            return None
        whole = b"".join(self._parts)
        if self._header is None:
            head, content = _LENGTHS.unpack_from(whole)
            start = _LENGTHS.size + head
            if len(whole) < start:
                self._keep(whole, start)
                return None
            self._header = json.loads(whole[_LENGTHS.size : start].decode("utf-8", "surrogatepass"))
            whole = whole[start:]
            self._keep(whole, content)
            if len(whole) < content:
                return None
        found = self._header, whole[: self._wanted]
        self._header = None
        self._keep(whole[self._wanted :], _LENGTHS.size)
        return found

    def _keep(self, rest: bytes, wanted: int) -> None:
        """Go on from ``rest``, of which ``wanted`` bytes have to be there before anything can be told."""
        self._parts, self._size, self._wanted = [rest], len(rest), wanted


def messages(channel: socket.socket) -> Iterator[dict[str, Any]]:
    """Give the headers of the messages that come, until the other side goes."""
    unpacker = MessageUnpacker()
    while data := channel.recv(1 << 15):
        found = unpacker.feed(data)
        while found:
            yield found[0]
            found = unpacker.feed(b"")
