"""Reading of event dataset files: checks, rows as the common table, and the place of any damage.

A file is streamed through the engine and never held in memory. Only if something is wrong with it, it is read a second
time, line by line, to find the line and column.
"""

from __future__ import annotations

import codecs
import csv
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from types import ModuleType
from typing import IO

from kg.errors import BadInput, MalformedText, UnsupportedFormat
from kg.events import event_schema, gdelt, table_engines
from kg.events.event_file_format_detection import (
    READERS,
    REMEDIES,
    EventFormat,
    FileLayout,
    decompressed,
    examined,
    not_utf8,
    refuse_zero,
)
from kg.events.table_engines import Backend, Table, Value, literal

_CHUNK = 1 << 20
"""Bytes that are decoded at a time."""


_ROUNDED = r"^[0-9]+(\.[0-9]*)?[eE]\+?[0-9]+$"
"""An id that a spreadsheet or pandas has rounded: ``4.1e+08`` stands for a hundred million rows."""


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
        connection: a DuckDB connection (see :func:`kg.events.table_engines.duck`).
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
    reader = READERS[form]
    with _diagnosed(layout):
        _read_through(layout)
        raw = reader.rows(_raw(connection, layout))
        events = reader.events(raw)
        coverage = table_engines.rows(events.aggregate(**_coverage(events)))[0]
        wrong = table_engines.rows(raw.aggregate(wrong=_faults(raw, form).fill_null(0)))[0]["wrong"]
    if wrong:
        raise diagnosis(layout, f"{wrong} values are malformed")
    if not coverage["count"]:
        raise BadInput(f"{file.name} has no rows.", remedy=REMEDIES[form])
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
        return replace(dataset, events=table_engines.transferred(dataset.events, connection, folder / "events.parquet"))


def _mentions(connection: Backend, file: Path) -> Table:
    layout = examined(file, EventFormat.gdelt)
    if layout.columns != tuple(gdelt.MENTIONS):
        raise BadInput(f"{file.name} does not hold mentions.", remedy=REMEDIES[EventFormat.gdelt])
    with _diagnosed(layout):
        _read_through(layout)
        raw = _raw(connection, layout)
        table_engines.rows(raw.aggregate(count=raw.count()))
    return raw


def _read_through(layout: FileLayout) -> None:
    """Check the checksum and the encoding of the whole file; the engine does not check columns that it skips."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with decompressed(layout.file, packed=layout.packed) as stream:
            while chunk := stream.read(_CHUNK):
                if "\0" in decoder.decode(chunk):
                    raise table_engines.EngineFailed("U+0000")
            decoder.decode(b"", final=True)
    except (UnicodeDecodeError, EOFError, zlib.error, OSError) as error:
        raise table_engines.EngineFailed(str(error)) from None


def _raw(connection: Backend, layout: FileLayout) -> Table:
    options = {
        "header": layout.header,
        "delim": layout.separator,
        "quote": layout.quote,
        "compression": "gzip" if layout.packed else "none",
    }
    return table_engines.csv(connection, layout.file, layout.columns, options)


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
    reader, wrong = READERS[form], literal(0)
    as_day = event_schema.compact_day if form is EventFormat.gdelt else event_schema.day
    for name in reader.DAYS:
        wrong = wrong + as_day(raw[name]).isnull().sum()  # a date is required
    for name, most in zip(reader.NUMBERS, _limits(reader), strict=True):
        value = event_schema.number(raw[name])
        wrong = wrong + ((event_schema.text(raw[name]) != "") & (value.isnull() | (value.abs() > most))).sum()
    for name, codes in reader.CODES.items():
        wrong = wrong + (~event_schema.code(raw[name]).isin(["", *sorted(codes)])).sum()
    if reader.PERIOD:
        first, last = (as_day(raw[name]) for name in reader.PERIOD)
        wrong = wrong + (last < first).sum()
    identifier = event_schema.text(raw[reader.REQUIRED[0]])
    return wrong + ((identifier == "") | identifier.re_search(_ROUNDED)).sum()


def _limits(reader: ModuleType) -> list[float]:
    """Return the largest absolute value of each of a reader's numbers: latitude, longitude, and then counts."""
    return [90.0, 180.0, *[1e9 for _ in reader.NUMBERS[2:]]]


@contextmanager
def _diagnosed(layout: FileLayout) -> Iterator[None]:
    """Raise a failure of the engine as the :func:`diagnosis` of the file."""
    try:
        yield
    except table_engines.EngineFailed as error:
        raise diagnosis(layout, str(error).splitlines()[0]) from None


def diagnosis(layout: FileLayout, otherwise: str) -> BadInput:
    """Return an error that names the first fault of a file, with line and column; ``otherwise`` if none is found."""
    name, line = layout.file.name, 1
    try:
        for line, values in _records(layout):
            if len(values) != len(layout.columns):
                problem = f"{len(values)} values where {len(layout.columns)} columns are"
                return MalformedText(f"{name}, line {line}: {problem}.", remedy=REMEDIES[layout.form], line=line)
            for column, (title, value) in enumerate(zip(layout.columns, values, strict=True), start=1):
                if wrong := _wrong(layout, title, value, values):
                    where = f"{name}, line {line}, column {column} ({title})"
                    remedy = "Correct the value in the file, or leave the row out."
                    return MalformedText(f"{where}: “{value[:60]}” {wrong}.", remedy=remedy, line=line, column=column)
    except MalformedText as error:
        return error
    except (EOFError, zlib.error, OSError):
        remedy = "Download it again: it was cut off or damaged on the way."
        return MalformedText(f"{name} cannot be unpacked to its end (after line {line}).", remedy=remedy, line=line)
    except csv.Error as error:
        return MalformedText(f"{name}, line {line + 1}: {error}.", remedy=REMEDIES[layout.form], line=line + 1)
    return BadInput(f"{name} cannot be read: {otherwise}.", remedy=REMEDIES[layout.form])


def _records(layout: FileLayout) -> Iterator[tuple[int, list[str]]]:
    """Yield the 1-based line on which each record begins, and its values; header and hashtag rows are left out."""
    with decompressed(layout.file, packed=layout.packed) as stream:
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
        MalformedText: a line is not UTF-8, or contains U+0000; with line and byte or column.
    """
    for number, raw in enumerate(stream, start=1):
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise not_utf8(file, number, error.start) from None
        refuse_zero(file, number, text)
        yield text


def _wrong(layout: FileLayout, title: str, value: str, row: list[str]) -> str:
    """Return the fault of a value as a predicate (“is not a number”); empty if there is none."""
    form, reader, plain = layout.form, READERS[layout.form], value.strip()
    if title in reader.DAYS and not _is_day(plain, form):
        return "is not a date" if plain else "is not a date: the value is missing"
    if title in reader.NUMBERS and plain:
        return _wrong_number(reader, title, plain)
    if title in reader.PERIOD[1:] and _ends_early(layout, row):
        return f"is before {reader.PERIOD[0]}"
    return _wrong_code(reader, title, plain)


def _wrong_code(reader: ModuleType, title: str, plain: str) -> str:
    if title == reader.REQUIRED[0] and not plain:
        return "is not an id: the value is missing"
    if title == reader.REQUIRED[0] and re.match(_ROUNDED, plain):
        return "is not an id: the number was rounded"
    if plain and title in reader.CODES and re.sub(r"^(\d+)\.0+$", r"\1", plain) not in reader.CODES[title]:
        return f"is not a code of this column ({', '.join(sorted(reader.CODES[title]))})"
    return ""


def _wrong_number(reader: ModuleType, title: str, plain: str) -> str:
    if not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", plain):
        return "is not a number"
    return "is out of range" if abs(float(plain)) > _limits(reader)[reader.NUMBERS.index(title)] else ""


def _ends_early(layout: FileLayout, row: list[str]) -> bool:
    """Return whether the last day of a row is before its first."""
    days = [_parsed_day(row[layout.columns.index(name)].strip(), layout.form) for name in READERS[layout.form].PERIOD]
    first, last = days
    return first is not None and last is not None and last < first


def _is_day(value: str, form: EventFormat) -> bool:
    """Return whether a value is a date as :func:`kg.events.event_schema.day` or ``compact_day`` parses it."""
    return _parsed_day(value, form) is not None


def _parsed_day(value: str, form: EventFormat) -> date | None:
    forms = ("%Y%m%d",) if form is EventFormat.gdelt else ("%Y-%m-%d", "%d %B %Y", "%d %b %Y")
    iso = form is not EventFormat.gdelt and re.match(r"\d{4}-", value)
    for pattern in forms:
        try:
            return datetime.strptime(value[:10] if iso else value, pattern).date()
        except ValueError:
            continue
    return None
