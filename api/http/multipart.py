"""Parser of ``multipart/form-data`` (RFC 7578), for bodies whose size has already been checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from api.http.request_parsing import ContentType, media_type
from kg.errors import MalformedText, TooLarge

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks


_MOST_PARTS = 1000
"""Most parts of a form; the parser takes some 30 µs for each, in which the process serves nobody."""


@dataclass
class FormPart:
    """One part of a form: its headers (names in lower case) and its content."""

    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""

    @property
    def media_type(self) -> ContentType:
        """``Content-Type`` of the part."""
        return media_type(self.headers.get("content-type"))

    @property
    def file_name(self) -> str:
        """File name, or else the name of the field; may be empty."""
        names = media_type(self.headers.get("content-disposition")).parameters
        return names.get("filename") or names.get("name", "")


def parse(data: bytes, boundary: str) -> list[FormPart]:
    """Parse a body into its parts.

    Raises:
        MalformedText: the boundary is empty, a part is malformed, or the closing boundary is missing.
        TooLarge: there are too many parts.
    """
    collector = _PartCollector()
    try:
        parser = MultipartParser(boundary, collector.callbacks())
        parser.write(data)
        parser.finalize()
    except FormParserError as error:
        raise MalformedText(f"The multipart body does not parse: {error}") from None
    if not boundary or not collector.complete:
        raise MalformedText("The multipart body has no closing boundary.", remedy="End it with --boundary--.")
    return collector.parts


class _PartCollector:
    """Collector for the events of the streaming parser."""

    def __init__(self) -> None:
        self.parts: list[FormPart] = []
        self.complete = False
        self._name = b""
        self._value = b""
        self._chunks: list[bytes] = []

    def callbacks(self) -> MultipartCallbacks:
        """Return the methods by name of the parser's event."""
        return {
            "on_part_begin": self._begin,
            "on_part_data": self._data,
            "on_part_end": self._end_part,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._end_header,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        if len(self.parts) >= _MOST_PARTS:
            raise TooLarge(f"The form has more than {_MOST_PARTS} parts.", remedy="Send fewer at a time.")
        self.parts.append(FormPart())
        self._chunks = []

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._chunks.append(data[start:end])

    def _end_part(self) -> None:
        self.parts[-1].content = b"".join(self._chunks)

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self.parts[-1].headers[self._name.decode("latin-1").lower()] = self._value.decode("latin-1")
        self._name = self._value = b""

    def _end(self) -> None:
        self.complete = True
