"""Layout of event dataset files: format, compression, separator and columns, detected from the first line."""

from __future__ import annotations

import csv
import gzip
import zlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import IO

from kg.errors import BadInput, MalformedText, UnsupportedFormat
from kg.events import acled, gdelt, ucdp

_SEPARATORS = (",", ";", "\t")
_HEAD = 1 << 16
"""Bytes of the first line that are read at most."""


class EventFormat(StrEnum):
    """Datasets whose file formats can be read."""

    acled = "acled"
    ucdp = "ucdp"
    gdelt = "gdelt"


READERS: dict[EventFormat, ModuleType] = {EventFormat.acled: acled, EventFormat.ucdp: ucdp, EventFormat.gdelt: gdelt}
"""Module of each format; it has REQUIRED, DAYS, NUMBERS, CODES, PERIOD, rows() and events()."""

REMEDIES = {
    EventFormat.acled: "Export the file again with all columns, without renaming any.",
    EventFormat.ucdp: "Take the file of UCDP GED (csv) or its HDX edition as it is.",
    EventFormat.gdelt: "Take the file that GDELT publishes (events 2.0: 61 columns, 1.0: 58, mentions: 16).",
}
"""Remedy for a file that does not have its format."""


@dataclass(frozen=True)
class FileLayout:
    """Layout of a file.

    Attributes:
        file: its path.
        form: the dataset that it belongs to.
        columns: names of its columns, in order.
        separator: character between values.
        header: whether the first line holds the names of the columns.
        packed: whether it is compressed with gzip.
    """

    file: Path
    form: EventFormat
    columns: tuple[str, ...]
    separator: str
    header: bool
    packed: bool

    @property
    def quote(self) -> str:
        """Quotation mark around values; empty for GDELT, whose values are never quoted."""
        return '"' if self.header else ""


def examined(file: Path, form: EventFormat) -> FileLayout:
    """Return the layout of a file, detected from its first line.

    Raises:
        BadInput: the file is missing, empty, not UTF-8 text, or lacks columns.
    """
    try:
        is_packed, head = _first_line(file)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "it is incomplete"
        raise BadInput(
            f"{file.name} cannot be read: {reason}.", remedy="Check the name, or download it again."
        ) from None
    try:
        line = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise not_utf8(file, 1, error.start) from None
    refuse_zero(file, 1, line)
    if not line.strip():
        raise BadInput(f"{file.name} is empty.", remedy=REMEDIES[form])
    if form is EventFormat.gdelt:
        return _headless(file, line, packed=is_packed)
    return _headed(file, form, line, packed=is_packed)


def _first_line(file: Path) -> tuple[bool, bytes]:
    """Return whether a file is compressed with gzip, and its first line."""
    with file.open("rb") as stream:
        magic = stream.read(4)
    # Magic numbers: zip archives begin with “PK”, gzip with 1f 8b.
    if magic == b"PK\x03\x04":
        raise UnsupportedFormat(f"{file.name} is a zip archive.", remedy="Unpack it, or compress it with gzip.")
    packed = magic[:2] == b"\x1f\x8b"
    with decompressed(file, packed=packed) as stream:
        return packed, stream.readline(_HEAD).rstrip(b"\r\n")


def _headless(file: Path, line: str, *, packed: bool) -> FileLayout:
    """Return the layout of a GDELT file, which has no header: its kind follows from the number of columns."""
    count = line.count("\t") + 1
    for columns in (gdelt.EVENTS_2, gdelt.EVENTS_1, tuple(gdelt.MENTIONS)):
        if len(columns) == count:
            return FileLayout(file, EventFormat.gdelt, columns, "\t", header=False, packed=packed)
    raise MalformedText(
        f"{file.name}, line 1: {count} columns are not a layout of GDELT.", remedy=REMEDIES[EventFormat.gdelt], line=1
    )


def _headed(file: Path, form: EventFormat, line: str, *, packed: bool) -> FileLayout:
    """Return the layout of a file with a header; its separator is the one that finds most of the required names."""
    needed = READERS[form].REQUIRED
    readings = [next(csv.reader([line], delimiter=separator)) for separator in _SEPARATORS]
    names = [[name.strip().lower() for name in reading] for reading in readings]
    best = max(range(len(names)), key=lambda index: len(set(needed) & set(names[index])))
    missing = [name for name in needed if name not in names[best]]
    if missing:
        problem = (
            f"the column {missing[0]} is missing" if len(missing) == 1 else f"columns are missing: {', '.join(missing)}"
        )
        raise MalformedText(f"{file.name}, line 1: {problem}.", remedy=REMEDIES[form], line=1)
    doubled = sorted({name for name in names[best] if names[best].count(name) > 1})
    if doubled:
        raise MalformedText(
            f"{file.name}, line 1: the column {doubled[0]} occurs twice.", remedy=REMEDIES[form], line=1
        )
    return FileLayout(file, form, tuple(names[best]), _SEPARATORS[best], header=True, packed=packed)


def decompressed(file: Path, *, packed: bool) -> IO[bytes]:
    """Open a file for reading its decompressed bytes."""
    return gzip.open(file, "rb") if packed else file.open("rb")  # type: ignore[return-value]


def refuse_zero(file: Path, number: int, line: str) -> None:
    """Raise the error of a line with U+0000, with its place."""
    if "\0" in line:
        place = f"{file.name}, line {number}, column {line.index(chr(0)) + 1}"
        raise MalformedText(f"{place}: U+0000.", remedy="Remove the character.", line=number)


def not_utf8(file: Path, line: int, byte: int) -> MalformedText:
    """Return the error of a line that is not UTF-8, with the place of its first invalid byte."""
    return MalformedText(
        f"{file.name}, line {line}, byte {byte + 1}: the text is not UTF-8.",
        remedy="Save or convert it as UTF-8 (iconv -f WINDOWS-1252 -t UTF-8).",
        line=line,
        column=byte + 1,
    )
