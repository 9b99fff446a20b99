"""Reading of event dataset files: layout, checks, rows as the common table, and the place of any damage.

A file is streamed through the engine and never held in memory. Only if something is wrong with it, it is read a second
time, line by line, to find the line and column.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import IO

from kg.errors import BadInput, MalformedText, UnsupportedFormat
from kg.events import acled, event_schema, gdelt, ibis_engine, ucdp
from kg.events.ibis_engine import Backend, Table, Value, literal

_SEPARATORS = (",", ";", "\t")
_HEAD = 1 << 16
"""Bytes of the first line that are read at most."""

_CHUNK = 1 << 20
"""Bytes that are decoded at a time."""


class EventFormat(StrEnum):
    """Datasets whose file formats can be read."""

    acled = "acled"
    ucdp = "ucdp"
    gdelt = "gdelt"


# Each module has REQUIRED, DAYS, NUMBERS, rows() and events().
_READERS: dict[EventFormat, ModuleType] = {EventFormat.acled: acled, EventFormat.ucdp: ucdp, EventFormat.gdelt: gdelt}
_REMEDIES = {
    EventFormat.acled: "Export the file again with all columns, without renaming any.",
    EventFormat.ucdp: "Take the file of UCDP GED (csv) or its HDX edition as it is.",
    EventFormat.gdelt: "Take the file that GDELT publishes (events 2.0: 61 columns, 1.0: 58, mentions: 16).",
}


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


@dataclass(frozen=True)
class EventDataset:
    """A file that was read and checked to its end.

    Attributes:
        events: its rows in the common table.
        layout: its layout.
        count: number of rows.
        first, last: first and last day that it covers, both inclusive.
        south, west, north, east: bounds of the area that it covers, in degrees.
    """

    events: Table
    layout: FileLayout
    count: int
    first: date
    last: date
    south: float
    west: float
    north: float
    east: float

    @property
    def name(self) -> str:
        """The dataset and the file name, which stands for its version: ``ucdp@ged251.csv``."""
        return f"{self.layout.form}@{self.layout.file.name}"


def opened(connection: Backend, file: Path, form: EventFormat, mentions: Path | None = None) -> EventDataset:
    """Read a file to its end once, check it, and return it as a dataset.

    Args:
        connection: a DuckDB connection (see :func:`kg.events.ibis_engine.duck`).
        file: separated values, optionally compressed with gzip.
        form: the dataset that it belongs to.
        mentions: a file of GDELT mentions for these events.

    Raises:
        BadInput: it cannot be read, columns are missing, or a value is malformed; with line and column.
    """
    layout = examined(file, form)
    if layout.columns == tuple(gdelt.MENTIONS):
        raise UnsupportedFormat(
            f"{file.name} holds mentions, which name neither type nor place.",
            remedy="Pass the file of events, and this one as --mentions.",
        )
    reader = _READERS[form]
    with _diagnosed(layout):
        _read_through(layout)
        raw = reader.rows(_raw(connection, layout))
        events = reader.events(raw)
        coverage = ibis_engine.rows(events.aggregate(**_coverage(events)))[0]
        wrong = ibis_engine.rows(raw.aggregate(wrong=_faults(raw, form).fill_null(0)))[0]["wrong"]
    if wrong:
        raise diagnosis(layout, f"{wrong} values are malformed")
    if not coverage["count"]:
        raise BadInput(f"{file.name} has no rows.", remedy=_REMEDIES[form])
    if mentions is not None:
        events = gdelt.with_mentions(events, _mentions(connection, mentions))
    # A file without coordinates has no bounds; 0° N, 0° E stands in for them.
    numbers = (coverage[name] if coverage[name] is not None else 0.0 for name in ("south", "west", "north", "east"))
    return EventDataset(events, layout, coverage["count"], coverage["first"], coverage["last"], *numbers)


def moved(dataset: EventDataset, connection: Backend, folder: Path) -> EventDataset:
    """Return the dataset with its rows copied to another engine, through a Parquet file in ``folder``.

    Raises:
        BadInput: the file is damaged.
    """
    with _diagnosed(dataset.layout):
        return replace(dataset, events=ibis_engine.transferred(dataset.events, connection, folder / "events.parquet"))


def _mentions(connection: Backend, file: Path) -> Table:
    layout = examined(file, EventFormat.gdelt)
    if layout.columns != tuple(gdelt.MENTIONS):
        raise BadInput(f"{file.name} does not hold mentions.", remedy=_REMEDIES[EventFormat.gdelt])
    with _diagnosed(layout):
        _read_through(layout)
        raw = _raw(connection, layout)
        ibis_engine.rows(raw.aggregate(count=raw.count()))
    return raw


def _read_through(layout: FileLayout) -> None:
    """Check the checksum and the encoding of the whole file; the engine does not check columns that it skips."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with _bytes(layout.file, packed=layout.packed) as stream:
            while chunk := stream.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except (UnicodeDecodeError, EOFError, zlib.error, OSError) as error:
        raise ibis_engine.EngineFailed(str(error)) from None


def _raw(connection: Backend, layout: FileLayout) -> Table:
    options = {
        "header": layout.header,
        "delim": layout.separator,
        "quote": layout.quote,
        "compression": "gzip" if layout.packed else "none",
    }
    return ibis_engine.csv(connection, layout.file, layout.columns, options)


def _coverage(events: Table) -> dict[str, Value]:
    return {
        "count": events.count(),
        "first": events.start.min(),
        "last": events.end.max(),
        "south": events.latitude.min(),
        "north": events.latitude.max(),
        "west": events.longitude.min(),
        "east": events.longitude.max(),
    }


def _faults(raw: Table, form: EventFormat) -> Value:
    """Return the number of malformed or out-of-range values, and of missing dates and ids."""
    reader, wrong = _READERS[form], literal(0)
    as_day = event_schema.compact_day if form is EventFormat.gdelt else event_schema.day
    for name in reader.DAYS:
        wrong = wrong + as_day(raw[name]).isnull().sum()  # a date is required
    for name, most in zip(reader.NUMBERS, _limits(reader), strict=True):
        value = event_schema.number(raw[name])
        wrong = wrong + ((event_schema.text(raw[name]) != "") & (value.isnull() | (value.abs() > most))).sum()
    return wrong + (event_schema.text(raw[reader.REQUIRED[0]]) == "").sum()


def _limits(reader: ModuleType) -> list[float]:
    """Return the largest absolute value of each of a reader's numbers: latitude, longitude, and then counts."""
    return [90.0, 180.0, *[1e9 for _ in reader.NUMBERS[2:]]]


def examined(file: Path, form: EventFormat) -> FileLayout:
    """Return the layout of a file, detected from its first line.

    Raises:
        BadInput: the file is missing, empty, not UTF-8 text, or lacks columns.
    """
    try:
        with file.open("rb") as stream:
            packed = stream.read(4)
        # Magic numbers: zip archives begin with “PK”, gzip with 1f 8b.
        if packed == b"PK\x03\x04":
            raise UnsupportedFormat(f"{file.name} is a zip archive.", remedy="Unpack it, or compress it with gzip.")
        is_packed = packed[:2] == b"\x1f\x8b"
        with _bytes(file, packed=is_packed) as stream:
            head = stream.readline(_HEAD).rstrip(b"\r\n")
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "it is incomplete"
        raise BadInput(
            f"{file.name} cannot be read: {reason}.", remedy="Check the name, or download it again."
        ) from None
    try:
        line = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(file, 1, error.start) from None
    if not line.strip():
        raise BadInput(f"{file.name} is empty.", remedy=_REMEDIES[form])
    if form is EventFormat.gdelt:
        return _headless(file, line, packed=is_packed)
    return _headed(file, form, line, packed=is_packed)


def _headless(file: Path, line: str, *, packed: bool) -> FileLayout:
    """Return the layout of a GDELT file, which has no header: its kind follows from the number of columns."""
    count = line.count("\t") + 1
    for columns in (gdelt.EVENTS_2, gdelt.EVENTS_1, tuple(gdelt.MENTIONS)):
        if len(columns) == count:
            return FileLayout(file, EventFormat.gdelt, columns, "\t", header=False, packed=packed)
    raise MalformedText(
        f"{file.name}, line 1: {count} columns are not a layout of GDELT.", remedy=_REMEDIES[EventFormat.gdelt], line=1
    )


def _headed(file: Path, form: EventFormat, line: str, *, packed: bool) -> FileLayout:
    """Return the layout of a file with a header; its separator is the one that finds most of the required names."""
    needed = _READERS[form].REQUIRED
    readings = [next(csv.reader([line], delimiter=separator)) for separator in _SEPARATORS]
    names = [[name.strip().lower() for name in reading] for reading in readings]
    best = max(range(len(names)), key=lambda index: len(set(needed) & set(names[index])))
    missing = [name for name in needed if name not in names[best]]
    if missing:
        problem = (
            f"the column {missing[0]} is missing" if len(missing) == 1 else f"columns are missing: {', '.join(missing)}"
        )
        raise MalformedText(f"{file.name}, line 1: {problem}.", remedy=_REMEDIES[form], line=1)
    doubled = sorted({name for name in names[best] if names[best].count(name) > 1})
    if doubled:
        raise MalformedText(
            f"{file.name}, line 1: the column {doubled[0]} occurs twice.", remedy=_REMEDIES[form], line=1
        )
    return FileLayout(file, form, tuple(names[best]), _SEPARATORS[best], header=True, packed=packed)


@contextmanager
def _diagnosed(layout: FileLayout) -> Iterator[None]:
    """Raise a failure of the engine as the :func:`diagnosis` of the file."""
    try:
        yield
    except ibis_engine.EngineFailed as error:
        raise diagnosis(layout, str(error).splitlines()[0]) from None


def diagnosis(layout: FileLayout, otherwise: str) -> BadInput:
    """Return an error that names the first fault of a file, with line and column; the file is read line by line.

    Args:
        layout: layout of the file.
        otherwise: reason to name if no fault is found.
    """
    name, line = layout.file.name, 1
    try:
        for line, values in _records(layout):
            if len(values) != len(layout.columns):
                problem = f"{len(values)} values where {len(layout.columns)} columns are"
                return MalformedText(f"{name}, line {line}: {problem}.", remedy=_REMEDIES[layout.form], line=line)
            for column, (title, value) in enumerate(zip(layout.columns, values, strict=True), start=1):
                if wrong := _wrong(layout.form, title, value):
                    where = f"{name}, line {line}, column {column} ({title})"
                    remedy = "Correct the value in the file, or leave the row out."
                    return MalformedText(f"{where}: “{value[:60]}” {wrong}.", remedy=remedy, line=line, column=column)
    except MalformedText as error:
        return error
    except (EOFError, zlib.error, OSError):
        remedy = "Download it again: it was cut off or damaged on the way."
        return MalformedText(f"{name} cannot be unpacked to its end (after line {line}).", remedy=remedy, line=line)
    except csv.Error as error:
        return MalformedText(f"{name}, line {line + 1}: {error}.", remedy=_REMEDIES[layout.form], line=line + 1)
    return BadInput(f"{name} cannot be read: {otherwise}.", remedy=_REMEDIES[layout.form])


def _bytes(file: Path, *, packed: bool) -> IO[bytes]:
    """Open a file for reading its decompressed bytes."""
    return gzip.open(file, "rb") if packed else file.open("rb")  # type: ignore[return-value]


def _records(layout: FileLayout) -> Iterator[tuple[int, list[str]]]:
    """Yield the 1-based line on which each record begins, and its values; header and hashtag rows are left out."""
    with _bytes(layout.file, packed=layout.packed) as stream:
        lines = _lines(layout.file, stream)
        if not layout.header:
            yield from ((number, line.rstrip("\r\n").split("\t")) for number, line in enumerate(lines, start=1))
            return
        csv.field_size_limit(1 << 27)
        reader, begins = csv.reader(lines, delimiter=layout.separator, strict=True), 1
        for values in reader:
            # A quoted value may contain line feeds, so a record can span several lines: it begins after the last one.
            is_tag = layout.form is EventFormat.ucdp and any(value.startswith("#date") for value in values)
            if values and not is_tag and begins > 1:
                yield begins, values
            begins = reader.line_num + 1


def _lines(file: Path, stream: IO[bytes]) -> Iterator[str]:
    """Yield the decoded lines of a file.

    Raises:
        MalformedText: a line is not UTF-8; with line and byte.
    """
    for number, raw in enumerate(stream, start=1):
        try:
            yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise _not_utf8(file, number, error.start) from None


def _wrong(form: EventFormat, title: str, value: str) -> str:
    """Return the fault of a value as a predicate (“is not a number”); empty if there is none."""
    reader, plain = _READERS[form], value.strip()
    if title in reader.DAYS and not _is_day(plain, form):
        return "is not a date" if plain else "is not a date: the value is missing"
    if title in reader.NUMBERS and plain:
        if not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", plain):
            return "is not a number"
        if abs(float(plain)) > _limits(reader)[reader.NUMBERS.index(title)]:
            return "is out of range"
    return "is not an id: the value is missing" if title == reader.REQUIRED[0] and not plain else ""


def _is_day(value: str, form: EventFormat) -> bool:
    """Return whether a value is a date as :func:`kg.events.event_schema.day` or ``compact_day`` parses it."""
    forms = ("%Y%m%d",) if form is EventFormat.gdelt else ("%Y-%m-%d", "%d %B %Y", "%d %b %Y")
    iso = form is not EventFormat.gdelt and re.match(r"\d{4}-", value)
    for pattern in forms:
        try:
            datetime.strptime(value[:10] if iso else value, pattern)
        except ValueError:
            continue
        return True
    return False


def _not_utf8(file: Path, line: int, byte: int) -> MalformedText:
    return MalformedText(
        f"{file.name}, line {line}, byte {byte + 1}: the text is not UTF-8.",
        remedy="Save or convert it as UTF-8 (iconv -f WINDOWS-1252 -t UTF-8).",
        line=line,
        column=byte + 1,
    )
