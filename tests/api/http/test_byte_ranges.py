"""Byte ranges: the forms of RFC 9110, clause 14.1.2, and what is ignored."""

from __future__ import annotations

import pytest

from api.http import byte_ranges

CONTENT = bytes(range(10))


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (b"bytes=0-3", CONTENT[:4]),
        (b"bytes=2-", CONTENT[2:]),
        (b"bytes=9-9", CONTENT[9:]),
        (b"bytes=5-999999999999999999", CONTENT[5:]),
        (b"bytes=-3", CONTENT[-3:]),
        (b"bytes=-99", CONTENT),
        (b" Bytes = 1 - 2 ", CONTENT[1:3]),
        (b"bytes=10-", None),
        (b"bytes=10-20", None),
        (b"bytes=-0", None),
    ],
)
def test_ranges(header: bytes, part: bytes | None) -> None:
    wanted = byte_ranges.parse(header)
    assert wanted is not None
    found = wanted.within(len(CONTENT))
    assert (None if found is None else CONTENT[found[0] : found[1]]) == part
    assert wanted.within(0) is None


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"bytes",
        b"bytes=",
        b"bytes=-",
        b"bytes=3-2",
        b"bytes=0-1,4-5",
        b"rows=0-1",
        b"bytes=a-b",
        b"bytes=1",
        b"bytes=" + b"1" * 19 + b"-",
    ],
)
def test_what_is_ignored(header: bytes) -> None:
    assert byte_ranges.parse(header) is None


def test_a_part_is_sent_under_a_strong_tag_only() -> None:
    assert byte_ranges.applies(b'"a"', None)
    assert byte_ranges.applies(b'"a"', b' "a" ')
    for tag, condition in ((b'W/"a"', None), (b'W/"a"', b'W/"a"'), (b'"a"', b'W/"a"'), (b'"a"', b'"b"'), (b'"a"', b"")):
        assert not byte_ranges.applies(tag, condition)
    assert not byte_ranges.applies(b'"a"', b"Mon, 30 Nov 2026 13:00:00 GMT")
