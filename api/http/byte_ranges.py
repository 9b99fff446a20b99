"""Byte ranges (RFC 9110, clause 14): one range of a response that has a strong entity tag."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RANGE = re.compile(rb"\s*bytes\s*=\s*(?:([0-9]{1,18})\s*-\s*([0-9]{1,18})?|-\s*([0-9]{1,18}))\s*", re.IGNORECASE)


@dataclass(frozen=True)
class ByteRange:
    """Requested range: bytes ``first`` to ``last`` (``None``: to the end), or the last ``suffix`` bytes."""

    first: int | None
    last: int | None
    suffix: int | None = None

    def within(self, size: int) -> tuple[int, int] | None:
        """Return the first byte and the one after the last in a content of ``size`` bytes; ``None`` if it has none."""
        if self.suffix is not None:
            start, end = max(size - self.suffix, 0), size
        else:
            start, end = self.first or 0, size if self.last is None else min(self.last + 1, size)
        return (start, end) if start < end else None


def parse(header: bytes) -> ByteRange | None:
    """Parse a ``Range`` field; ``None`` if it is to be ignored: malformed, in another unit, or several ranges.

    >>> parse(b"bytes=10-19"), parse(b"bytes=-5")
    (ByteRange(first=10, last=19, suffix=None), ByteRange(first=None, last=None, suffix=5))
    """
    found = _RANGE.fullmatch(header)
    if found is None:
        return None
    first, last, suffix = (None if text is None else int(text) for text in found.groups())
    if first is not None and last is not None and last < first:
        return None
    return ByteRange(first, last, suffix)


def applies(tag: bytes, condition: bytes | None) -> bool:
    """Return whether a range may be sent of a content with an entity tag, under the value of ``If-Range``.

    Both must be strong: a date, or a weak tag, does not promise that two parts fit together.
    """
    return tag.startswith(b'"') and (condition is None or condition.strip() == tag)
