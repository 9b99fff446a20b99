"""Grouping of the rows of reference packs by key, in memory or, for many, on disk."""

from __future__ import annotations

import io
import json
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

_IN_MEMORY = 100_000  # rows that `grouped` holds in memory before it uses files

_BUCKETS = 64  # files that it uses then; each is grouped in memory


def grouped(rows: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, list[Any]]]:
    """Group the values of rows by key, for rows in any order; values have to be plain JSON.

    Up to 100,000 rows are grouped in memory. More are first distributed over temporary files by a hash of the key, and
    each file is grouped by itself, so that memory stays bounded. Values of a key stay in order.
    """
    remaining = iter(rows)
    few: dict[str, list[Any]] = {}
    for count, (key, value) in enumerate(remaining, start=1):
        few.setdefault(key, []).append(value)
        if count == _IN_MEMORY:
            break
    else:
        yield from few.items()
        return
    yield from _grouped_on_disk(few, remaining)


def _grouped_on_disk(
    few: dict[str, list[Any]], remaining: Iterable[tuple[str, Any]]
) -> Iterator[tuple[str, list[Any]]]:
    """Group the values in ``few``, which is emptied, and the remaining rows."""
    with tempfile.TemporaryDirectory(prefix="claimgraph-") as scratch, ExitStack() as stack:
        buckets = [
            stack.enter_context(Path(scratch, str(number)).open("w+", encoding="utf-8")) for number in range(_BUCKETS)
        ]
        for key, values in few.items():
            for value in values:
                _put(buckets, key, value)
        few.clear()
        for key, value in remaining:
            _put(buckets, key, value)
        for bucket in buckets:
            yield from _grouped_values(bucket).items()


def _put(buckets: Sequence[IO[str]], key: str, value: object) -> None:
    buckets[zlib.crc32(key.encode()) % len(buckets)].write(json.dumps([key, value]) + "\n")


def _grouped_values(bucket: IO[str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    bucket.seek(0, io.SEEK_SET)
    for line in bucket:
        key, value = json.loads(line)
        found.setdefault(key, []).append(value)
    return found
