"""Files of outside data as they come: packed or not, in lines, in tables, in any order; read in little memory."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from kg.errors import BadInput, MalformedText
from kg.reference.records import RecordKind

LONGEST = 64 * 1024 * 1024
"""Bytes of the longest line, and of the largest document that has to be read as one."""

_IN_MEMORY = 100_000
_BUCKETS = 64
_DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zipfile.BadZipFile)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file, and what its reader may be told.

    Attributes:
        path: the file; one that ends in .gz, .bz2 or .zip (with one file in it) is unpacked as it is read.
        dataset: what a reader calls records of a format that serves any dataset.
        others: further files of the same publication.
        kind: what records are of which the file does not tell it.
        countries: ISO 3166-1 codes of countries by their Wikidata ids.
        opened: opens the file; a caller who wants to see how far the reading is gives another.
    """

    path: Path
    dataset: str = ""
    others: tuple[Path, ...] = ()
    kind: RecordKind = RecordKind.other
    countries: Mapping[str, str] = field(default_factory=dict)
    opened: Callable[[Path], IO[bytes]] = lambda path: path.open("rb")

    @property
    def name(self) -> str:
        """Name the file without its directory, as messages do."""
        return self.path.name

    def other(self, path: Path) -> SourceFile:
        """Read a further file."""
        return SourceFile(path, self.dataset, kind=self.kind, countries=self.countries, opened=self.opened)

    @contextmanager
    def stream(self) -> Iterator[IO[bytes]]:
        """Open the file, unpacked.

        Raises:
            BadInput: it is not there, or it is damaged or cut off, in opening or in reading.
        """
        try:
            with ExitStack() as stack:
                yield self._unpacked(stack, stack.enter_context(self.opened(self.path)))
        except (*_DAMAGED, OSError) as error:
            reason = getattr(error, "strerror", None) or str(error) or "it ends too early"
            raise BadInput(
                f"{self.name} cannot be read to the end: {reason}.", remedy="Fetch the file again, and check its size."
            ) from None

    def _unpacked(self, stack: ExitStack, raw: IO[bytes]) -> IO[bytes]:
        ending = self.path.suffix.lower()
        if ending == ".gz":
            return cast(IO[bytes], stack.enter_context(gzip.open(raw)))
        if ending == ".bz2":
            return cast(IO[bytes], stack.enter_context(bz2.open(raw)))
        if ending != ".zip":
            return raw
        archive = stack.enter_context(zipfile.ZipFile(raw))
        members = [name for name in archive.namelist() if not name.lower().startswith("readme")]
        if len(members) != 1:
            raise BadInput(f"{self.name} holds {len(members)} files.", remedy="Unpack it, and name the file wanted.")
        return stack.enter_context(archive.open(members[0]))

    def lines(self) -> Iterator[tuple[int, str]]:
        """Give the lines that are not empty, with their numbers.

        Raises:
            BadInput: see :meth:`stream`.
            MalformedText: a line is not UTF-8, or longer than :data:`LONGEST`.
        """
        with self.stream() as stream:
            number = 0
            while line := stream.readline(LONGEST):
                number += 1
                if len(line) == LONGEST:
                    raise self.wrong(number, "it is longer than 64 MiB", "Check that this is a file of lines.")
                try:
                    text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                except UnicodeDecodeError as error:
                    raise self.wrong(
                        number, f"byte {error.start + 1} is not UTF-8", "Save the file as UTF-8."
                    ) from None
                if text.strip():
                    yield number, text

    def objects(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Give the JSON objects of a file that has one in each line, be it an array over lines or not.

        Raises:
            MalformedText: a line is not one.
        """
        for number, line in self.lines():
            text = line.strip().removesuffix(",")
            if text in ("[", "]"):
                continue
            try:
                found = json.loads(text)
            except ValueError as error:
                column = getattr(error, "colno", 1)
                raise self.wrong(
                    number, f"no JSON that ends there (column {column})", "The file may be cut off; fetch it again."
                ) from None
            except RecursionError:
                raise self.wrong(number, "nested too deep", "Check the file.") from None
            if not isinstance(found, dict):
                raise self.wrong(number, "no JSON object", "Check the file and --format.")
            yield number, found

    def rows(self, needed: Sequence[str], delimiter: str | None = None) -> Iterator[TableRow]:
        """Give the rows of a table with a line of headings, quoted as CSV is.

        Raises:
            BadInput: a column is missing.
            MalformedText: a row has more cells than there are headings, or cannot be split.
        """
        separator = delimiter or ("\t" if ".tsv" in self.path.suffixes else ",")
        quoted = separator != "\t"
        numbered = self.lines()
        at = [1]

        def texts() -> Iterator[str]:
            for number, line in numbered:
                at[0] = number
                yield line + "\n"

        reader = csv.reader(
            texts(), delimiter=separator, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE, strict=quoted
        )
        try:
            headings = [heading.strip() for heading in next(reader, [])]
            missing = [name for name in needed if name not in headings]
            if missing:
                raise BadInput(
                    f"{self.name} has no column {', '.join(missing)}; its columns are {', '.join(headings)[:300]}.",
                    remedy="Check --format; the guide (reference data) lists the columns of each format.",
                )
            for cells in reader:
                if len(cells) > len(headings):
                    raise self.wrong(at[0], f"{len(cells)} cells under {len(headings)} headings", "Quote or mend it.")
                yield TableRow(self, at[0], dict(zip(headings, cells, strict=False)))
        except csv.Error as error:
            raise self.wrong(at[0], f"not a row: {error}", "Check quotes in it.") from None

    def wrong(self, line: int, what: str, remedy: str) -> MalformedText:
        """Make the error that names a line."""
        return MalformedText(f"{self.name}, line {line}: {what}.", remedy=remedy, line=line)


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of a table."""

    source: SourceFile
    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "").strip()

    def needed(self, column: str) -> str:
        """Give a cell that must not be empty."""
        if not self[column]:
            raise self.source.wrong(self.line, f"the column {column} is empty", "Fill it, or leave the row out.")
        return self[column]

    def matched(self, column: str, pattern: str, what: str) -> str:
        """Give a cell that is empty or of a form; of a form with a group, what that matched."""
        text = self[column]
        if not text:
            return ""
        found = re.fullmatch(pattern, text)
        if found is None:
            raise self.source.wrong(
                self.line, f"{column} is “{text[:60]}”, which is no {what}", "Mend or empty the cell."
            )
        return (found[1] or "") if found.re.groups else text

    def number(self, column: str) -> float:
        """Give a number; an empty cell is 0."""
        text = self[column]
        try:
            return float(text or 0)
        except ValueError:
            raise self.source.wrong(self.line, f"{column} is “{text[:60]}”, which is no number", "Mend it.") from None

    def point(self, latitude: str, longitude: str) -> tuple[float, float] | None:
        """Give latitude and longitude, or nothing if either is empty."""
        if not (self[latitude] and self[longitude]):
            return None
        point = (self.number(latitude), self.number(longitude))
        if not (abs(point[0]) <= 90 and abs(point[1]) <= 180):
            raise self.source.wrong(
                self.line, f"{latitude}, {longitude} are {point[0]:g}, {point[1]:g}, which is nowhere", "Use degrees."
            )
        return point


def grouped(rows: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, list[Any]]]:
    """Bring the rows of each key together, whatever their order; many of them by way of files, to keep memory flat.

    What a row carries has to be plain JSON.
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
            yield from _taken(bucket).items()


def _put(buckets: Sequence[IO[str]], key: str, value: object) -> None:
    buckets[zlib.crc32(key.encode()) % len(buckets)].write(json.dumps([key, value]) + "\n")


def _taken(bucket: IO[str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    bucket.seek(0, io.SEEK_SET)
    for line in bucket:
        key, value = json.loads(line)
        found.setdefault(key, []).append(value)
    return found
