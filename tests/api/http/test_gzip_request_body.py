"""Compressed request bodies: decoded piece by piece, with bounds for bombs of every kind."""

from __future__ import annotations

import gzip
import random
import struct
import zlib
from collections.abc import Iterator, Sequence

import pytest
from starlette.types import Message

from api.http.gzip_request_body import GzipRequestBody
from kg.errors import MalformedText, TooLarge

pytestmark = pytest.mark.anyio

LIMIT = 1_000_000


class Sender:
    """An ASGI ``receive`` that counts how often it is called."""

    def __init__(self, parts: Sequence[bytes]) -> None:
        self.calls = 0
        self._messages = self._all(parts)

    def _all(self, parts: Sequence[bytes]) -> Iterator[Message]:
        for number, part in enumerate(parts, start=1):
            yield {"type": "http.request", "body": part, "more_body": number < len(parts)}
        while True:
            yield {"type": "http.disconnect"}

    async def __call__(self) -> Message:
        self.calls += 1
        return next(self._messages)


async def read(*parts: bytes, limit: int = LIMIT) -> bytes:
    body, found = GzipRequestBody(Sender(parts), limit), list[bytes]()
    while True:
        message = await body()
        assert message["type"] == "http.request"
        assert len(message["body"]) <= 65536
        found.append(message["body"])
        if not message["more_body"]:
            assert (await body())["type"] == "http.disconnect"
            return b"".join(found)


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 131072, 500_000])
async def test_whole_bodies(size: int) -> None:
    for content in (b"x" * size, random.Random(size).randbytes(size)):
        packed = gzip.compress(content)
        assert await read(packed) == content
        assert await read(*(packed[at : at + 1000] for at in range(0, len(packed), 1000)), b"") == content


async def test_several_members_are_one_body() -> None:
    packed = gzip.compress(b"one ") + gzip.compress(b"") + gzip.compress(b"two")
    assert await read(packed) == await read(packed[:30], packed[30:]) == b"one two"


@pytest.mark.parametrize(
    "body",
    [b"", b"ASK {}", gzip.compress(b"x" * 100)[:-1], gzip.compress(b"x") + b"more", b"\x1f\x8b"],
    ids=["empty", "plain", "cut", "followed", "magic"],  # a compressed body contains the time
)
async def test_what_is_not_gzip(body: bytes) -> None:
    with pytest.raises(MalformedText, match="gzip"):
        await read(body)


async def test_a_damaged_body_is_refused() -> None:
    packed = gzip.compress(b"some text")
    with pytest.raises(MalformedText, match="gzip"):
        await read(packed[:-8] + struct.pack("<II", 1, 9))


async def test_a_bomb_is_decoded_no_further_than_the_limit() -> None:
    bomb = gzip.compress(b"\x00" * 100_000_000)
    parts = [bomb[at : at + 100] for at in range(0, len(bomb), 100)]
    sender = Sender(parts)
    body, pieces = GzipRequestBody(sender, LIMIT), list[int]()

    async def read_all() -> None:
        while True:
            pieces.append(len((await body())["body"]))

    with pytest.raises(TooLarge, match="exceeds"):
        await read_all()
    assert sum(pieces) <= LIMIT
    assert sender.calls < len(parts) / 50


async def test_input_that_decodes_to_nothing_is_bounded_too() -> None:
    empty_blocks = zlib.compressobj(wbits=31)
    head = empty_blocks.compress(b"") + empty_blocks.flush(zlib.Z_FULL_FLUSH)
    with pytest.raises(TooLarge, match="exceeds"):
        await read(head, *[b"\x00\x00\x00\xff\xff" * 1000] * 1000)
    with pytest.raises(TooLarge, match="members"):
        await read(gzip.compress(b"") * 2000)


async def test_a_client_that_goes_is_noticed() -> None:
    body = GzipRequestBody(Sender([]), LIMIT)
    assert (await body())["type"] == "http.disconnect"
    assert (await body())["type"] == "http.disconnect"
