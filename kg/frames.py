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


class Unpacker:
    """Takes bytes in as they come, and gives whole messages out."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> tuple[dict[str, Any], bytes] | None:
        """Add bytes, perhaps none; give the next message that is whole."""
        self._buffer += data
        if len(self._buffer) < _LENGTHS.size:
            return None
        head, content = _LENGTHS.unpack_from(self._buffer)
        if len(self._buffer) < _LENGTHS.size + head + content:
            return None
        with memoryview(self._buffer) as view:
            start = _LENGTHS.size + head
            found = json.loads(view[_LENGTHS.size : start].tobytes().decode("utf-8", "surrogatepass"))
            body = view[start : start + content].tobytes()
        del self._buffer[: _LENGTHS.size + head + content]
        return found, body


def messages(channel: socket.socket) -> Iterator[dict[str, Any]]:
    """Give the headers of the messages that come, until the other side goes."""
    unpacker = Unpacker()
    while data := channel.recv(1 << 15):
        found = unpacker.feed(data)
        while found:
            yield found[0]
            found = unpacker.feed(b"")
