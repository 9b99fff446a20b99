"""How large an answer may become, and how its rows are counted where the engine does not tell."""

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
    """The largest answer that is given.

    Attributes:
        rows: solutions of a SELECT, or triples of a CONSTRUCT or DESCRIBE.
        size: bytes of the serialised answer.
    """

    rows: int = sys.maxsize
    size: int = sys.maxsize

    def counted(self, items: Iterable[T]) -> Iterator[T]:
        """Pass ``items`` on, up to the limit of rows.

        Raises:
            ResultTooLarge: there are more.
        """
        for number, item in enumerate(items):
            if number >= self.rows:
                raise self.too_many_rows()
            yield item

    def check_rows(self, content: bytes, media_type: str) -> None:
        """Count the solutions in a serialised answer, exactly where a cheap upper bound is over the limit.

        Raises:
            ResultTooLarge: there are more than the limit.
        """
        at_most, exactly = _COUNTS[media_type]
        if at_most(content) > self.rows and exactly(content) > self.rows:
            raise self.too_many_rows()

    def too_many_rows(self) -> ResultTooLarge:
        """Make the error for an answer of too many rows."""
        return ResultTooLarge(
            f"The answer has more than {self.rows} rows; nothing is sent, for a part could pass for the whole.",
            remedy="Add ORDER BY, LIMIT and OFFSET and ask page by page, ask for less, or raise KG_MAX_ROWS.",
        )


UNBOUNDED = ResultLimits()


class LimitedBuffer(io.BytesIO):
    """Takes a serialised answer in, up to a limit of bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def write(self, data: ReadableBuffer, /) -> int:
        """Append ``data``.

        Raises:
            ResultTooLarge: the answer grows over the limit.
        """
        self.require(memoryview(data).nbytes)
        return super().write(data)

    def require(self, size: int) -> None:
        """See that ``size`` bytes more are within the limit.

        Raises:
            ResultTooLarge: they are not.
        """
        if self.tell() + size > self._limit:
            raise ResultTooLarge(
                f"The answer is larger than {self._limit} bytes; nothing is sent, for a part could pass for the whole.",
                remedy="Ask for less or page by page (ORDER BY, LIMIT, OFFSET), or raise KG_MAX_RESULT_BYTES.",
            )


_QUOTED = re.compile(rb'"[^"]*"')
"""A field of CSV in quotation marks; one that holds such marks, which are doubled, is several of these in a row."""


def _rows_of_json(content: bytes) -> int:
    return len(json.loads(content)["results"]["bindings"])


def _rows_of_csv(content: bytes) -> int:
    return _QUOTED.sub(b"", content).count(b"\n") - 1


def _rows_of_xml(content: bytes) -> int:
    return content.count(b"<result>")


def _rows_of_tsv(content: bytes) -> int:
    return content.count(b"\n") - 1  # line feeds in literals are written as \n


_COUNTS: dict[str, tuple[Callable[[bytes], int], Callable[[bytes], int]]] = {
    # Between two solutions stands what may stand in a literal too: such a count is never too low.
    "application/sparql-results+json": (lambda content: content.count(b"},{") + 1, _rows_of_json),
    "application/sparql-results+xml": (_rows_of_xml, _rows_of_xml),
    "text/csv": (lambda content: content.count(b"\n"), _rows_of_csv),
    "text/tab-separated-values": (_rows_of_tsv, _rows_of_tsv),
}
