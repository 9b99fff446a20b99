"""Limits of query results in rows and bytes, with row counts from serialised results.

The engine serialises solutions without counting them, so they are counted in its output.
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from kg.errors import ResultTooLarge

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

T = TypeVar("T")


@dataclass(frozen=True)
class ResultLimits:
    """Maximum size of a result.

    Attributes:
        rows: maximum solutions of a SELECT, or triples of a CONSTRUCT or DESCRIBE.
        size: maximum bytes of the serialised result.
    """

    rows: int = sys.maxsize
    size: int = sys.maxsize

    def counted(self, items: Iterable[T]) -> Iterator[T]:
        """Yield ``items``, up to the limit of rows.

        Raises:
            ResultTooLarge: there are more items.
        """
        for number, item in enumerate(items):
            if number >= self.rows:
                raise self.too_many_rows()
            yield item

    def check_rows(self, content: bytes, media_type: str) -> None:
        """Check the number of solutions in a serialised result.

        The exact count is needed only if a cheap upper bound is over the limit.

        Raises:
            ResultTooLarge: there are more rows than allowed.
        """
        at_most, exactly = _COUNTS[media_type]
        if at_most(content) > self.rows and exactly(content) > self.rows:
            raise self.too_many_rows()

    def too_many_rows(self) -> ResultTooLarge:
        """Return the error of a result with too many rows."""
        return ResultTooLarge(
            f"The result has more than {self.rows} rows; none is sent, as a part could pass for the whole.",
            remedy="Request pages with ORDER BY, LIMIT and OFFSET, narrow the query, or raise KG_MAX_ROWS.",
        )


UNBOUNDED = ResultLimits()
"""No limits."""


class LimitedBuffer(io.BytesIO):
    """A buffer for a serialised result, with a maximum size in bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def write(self, data: ReadableBuffer, /) -> int:
        """Append ``data``.

        Raises:
            ResultTooLarge: the result would be over the limit.
        """
        self.require(memoryview(data).nbytes)
        return super().write(data)

    def require(self, size: int) -> None:
        """Check that ``size`` more bytes are within the limit.

        Raises:
            ResultTooLarge: the result would be over the limit.
        """
        if self.tell() + size > self._limit:
            raise ResultTooLarge(
                f"The result is larger than {self._limit} bytes; nothing is sent, as a part could pass for the whole.",
                remedy="Request pages with ORDER BY, LIMIT and OFFSET, narrow the query, or raise KG_MAX_RESULT_BYTES.",
            )


_QUOTED = re.compile(rb'"[^"]*"')
"""A quoted CSV field. A quotation mark inside is doubled, so ``"a""b"`` is two matches in a row."""


def _rows_of_json(content: bytes) -> int:
    return len(json.loads(content)["results"]["bindings"])


def _rows_of_csv(content: bytes) -> int:
    return _QUOTED.sub(b"", content).count(b"\n") - 1


def _rows_of_xml(content: bytes) -> int:
    return content.count(b"<result>")


def _rows_of_tsv(content: bytes) -> int:
    return content.count(b"\n") - 1  # line feeds in literals are written as \n


_COUNTS: dict[str, tuple[Callable[[bytes], int], Callable[[bytes], int]]] = {
    # For each media type an upper bound and the exact count. The separator of two solutions may also occur in a literal
    # (``},{`` in JSON, a line feed in quoted CSV), so counting separators alone is never too low.
    "application/sparql-results+json": (lambda content: content.count(b"},{") + 1, _rows_of_json),
    "application/sparql-results+xml": (_rows_of_xml, _rows_of_xml),
    "text/csv": (lambda content: content.count(b"\n"), _rows_of_csv),
    "text/tab-separated-values": (_rows_of_tsv, _rows_of_tsv),
}
