"""Decoding of request bodies with ``Content-Encoding: gzip``, piece by piece, within limits of size."""

from __future__ import annotations

import zlib

import anyio.lowlevel
from starlette.types import Message, Receive

from kg.errors import MalformedText, TooLarge

_PIECE = 64 * 1024
"""Largest piece that is decoded at a time, so that the event loop is never blocked for long."""

_MOST_MEMBERS = 1000
"""Most gzip members in one body; each costs memory and time, even if it is empty."""

_WINDOW = 16 + zlib.MAX_WBITS
_REMEDY = "Compress the body again, or send it as it is."


class GzipRequestBody:
    """ASGI ``receive`` that decodes the body of another; nothing is decoded before somebody asks for it."""

    def __init__(self, receive: Receive, limit: int) -> None:
        """Decode what ``receive`` returns, of which at most ``limit`` bytes are read, and returned."""
        self._receive = receive
        self._limit = limit
        self._decoder = zlib.decompressobj(_WINDOW)
        self._members = 1
        self._waiting = b""  # input that is not decoded yet
        self._full = False  # whether the last piece was as large as allowed, so that the decoder may hold more of it
        self._read = self._returned = 0
        self._is_last = False
        self._is_over = False

    async def __call__(self) -> Message:
        """Return the next part of the body, or what comes after it.

        Raises:
            MalformedText: it is not gzip, or truncated.
            TooLarge: it is over the limit, before or after it is decoded.
        """
        while not self._is_over:
            if self._waiting or self._full:
                if piece := self._decode():
                    await anyio.lowlevel.checkpoint()
                    return {"type": "http.request", "body": piece, "more_body": True}
            elif self._is_last:
                self._is_over = True
                if not self._decoder.eof:
                    raise MalformedText("The gzip of the body is truncated.", remedy=_REMEDY)
                return {"type": "http.request", "body": b"", "more_body": False}
            else:
                message = await self._receive()
                if message["type"] != "http.request":
                    self._is_over = True
                    return message
                self._waiting = message.get("body", b"")
                self._is_last = not message.get("more_body", False)
                self._read += len(self._waiting)
                self._check(self._read)
        return await self._receive()

    def _decode(self) -> bytes:
        """Return the next piece, which may be empty."""
        if self._decoder.eof:
            self._members += 1
            if self._members > _MOST_MEMBERS:
                raise TooLarge(f"The gzip of the body has more than {_MOST_MEMBERS} members.", remedy=_REMEDY)
            self._decoder = zlib.decompressobj(_WINDOW)
        try:
            piece = self._decoder.decompress(self._waiting, _PIECE)
        except zlib.error:
            raise MalformedText("The body is not gzip, although Content-Encoding says so.", remedy=_REMEDY) from None
        self._waiting = self._decoder.unused_data if self._decoder.eof else self._decoder.unconsumed_tail
        self._full = len(piece) == _PIECE and not self._decoder.eof
        self._returned += len(piece)
        self._check(self._returned)
        return piece

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise TooLarge(
                f"The body exceeds the limit of {self._limit} bytes, sent or decoded.",
                remedy="Send less at a time, load files with `kg load`, or raise KG_MAX_BODY_BYTES.",
            )
