"""Source files of reference packs: decompression, lines, JSON objects and tables, in bounded memory."""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from kg.errors import BadInput, MalformedText
from kg.reference import identifier_pattern_checks
from kg.reference.records import RecordKind

LONGEST = 64 * 1024 * 1024
"""Maximum bytes of a line, and of a document that has to be read whole."""

_NUL = "\0"
_NUL_REMEDY = "Remove the character; many programs take it for the end of the text."
_DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zipfile.BadZipFile)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A source file with the options of its reader.

    Attributes:
        path: the file; .gz, .bz2 and .zip (with a single file) are decompressed while reading.
        dataset: dataset of the records, for formats that are not of one dataset.
        others: further files of the same publication.
        kind: kind of records for which the file does not state one.
        countries: ISO 3166-1 codes of countries by their Wikidata ids.
        opened: function that opens the file; another one can report progress.
    """

    path: Path
    dataset: str = ""
    others: tuple[Path, ...] = ()
    kind: RecordKind = RecordKind.other
    countries: Mapping[str, str] = field(default_factory=dict)
    opened: Callable[[Path], IO[bytes]] = lambda path: path.open("rb")

    @property
    def name(self) -> str:
        """File name without the directory, for messages."""
        return self.path.name

    def other(self, path: Path) -> SourceFile:
        """Return a further file with the same options."""
        return SourceFile(path, self.dataset, kind=self.kind, countries=self.countries, opened=self.opened)

    @contextmanager
    def stream(self) -> Iterator[IO[bytes]]:
        """Open the decompressed content of the file.

        Raises:
            BadInput: the file is missing, damaged or truncated; raised on opening or while reading.
        """
        try:
            with ExitStack() as stack:
                yield self._unpacked(stack, stack.enter_context(self.opened(self.path)))
        except (*_DAMAGED, OSError) as error:
            reason = getattr(error, "strerror", None) or str(error) or "unexpected end of file"
            raise BadInput(
                f"{self.name} cannot be read to the end: {reason}.",
                remedy="Download the file again, and check its size.",
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
            raise BadInput(
                f"{self.name} contains {len(members)} files.", remedy="Unpack it, and name the file to import."
            )
        return stack.enter_context(archive.open(members[0]))

    def lines(self) -> Iterator[tuple[int, str]]:
        """Yield the non-empty lines without line ends, with their numbers from 1.

        Raises:
            BadInput: see :meth:`stream`.
            MalformedText: a line is not UTF-8, contains U+0000, or is longer than :data:`LONGEST`.
        """
        with self.stream() as stream:
            number = 0
            while line := stream.readline(LONGEST):
                number += 1
                if len(line) == LONGEST:
                    raise self.wrong(number, "it is longer than 64 MiB", "Check that the file consists of lines.")
                try:
                    text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                except UnicodeDecodeError as error:
                    raise self.wrong(
                        number, f"byte {error.start + 1} is not UTF-8", "Save the file as UTF-8."
                    ) from None
                if "\0" in text:
                    raise self.wrong(number, f"U+0000 in column {text.index(_NUL) + 1}", _NUL_REMEDY)
                if text.strip():
                    yield number, text

    def objects(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield the JSON objects of a file with one in each line, with line numbers; the lines may form an array.

        Raises:
            MalformedText: a line is not a JSON object.
        """
        for number, line in self.lines():
            text = line.strip().removesuffix(",")  # lines of an array: “[”, objects with commas, “]”
            if text in ("[", "]"):
                continue
            try:
                found = json.loads(text)
            except ValueError as error:
                column = getattr(error, "colno", 1)
                raise self.wrong(
                    number, f"invalid JSON (column {column})", "The file may be truncated; download it again."
                ) from None
            except RecursionError:
                raise self.wrong(number, "JSON nested too deeply", "Check the file.") from None
            if not isinstance(found, dict):
                raise self.wrong(number, "not a JSON object", "Check the file and --format.")
            self.refuse_nul(number, text, found)
            yield number, found

    def refuse_nul(self, line: int, text: str | bytes, found: object) -> None:
        """Check that no text in JSON data contains U+0000, which only an escape can write.

        Raises:
            MalformedText: one does.
        """
        written = text.encode() if isinstance(text, str) else text
        if b"\\u0000" in written and _NUL in "".join(_texts(found)):
            raise self.wrong(line, "a text with U+0000", _NUL_REMEDY)

    def rows(self, needed: Sequence[str], delimiter: str | None = None) -> Iterator[TableRow]:
        """Yield the rows of a table with a line of headings; CSV may be quoted, tab-separated values may not.

        Args:
            needed: names of columns that the table must have.
            delimiter: separator of cells; without it, a tab if the file name has the suffix .tsv, else a comma.

        Raises:
            BadInput: a column is missing.
            MalformedText: a row has more cells than there are headings, or cannot be split.
        """
        separator = delimiter or ("\t" if ".tsv" in self.path.suffixes else ",")
        quoted = separator != "\t"
        numbered = self.lines()
        at = [1]  # number of the last line read: a quoted cell may span lines

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
                    raise self.wrong(
                        at[0], f"{len(cells)} cells for {len(headings)} headings", "Quote or correct them."
                    )
                yield TableRow(self, at[0], dict(zip(headings, cells, strict=False)))
        except csv.Error as error:
            raise self.wrong(at[0], f"not a row of the table: {error}", "Check its quotes.") from None

    def wrong(self, line: int, what: str, remedy: str) -> MalformedText:
        """Return an error located at a line.

        Args:
            line: number of the line, from 1.
            what: the problem, in lower case and without a full stop.
            remedy: a sentence.
        """
        return MalformedText(f"{self.name}, line {line}: {what}.", remedy=remedy, line=line)

    def check_identifier(self, line: int, dataset: str, identifier: str) -> str:
        """Return the identifier of a record, for readers without columns.

        Raises:
            MalformedText: links cannot lead to it.
        """
        if not identifier_pattern_checks.fits(dataset, identifier):
            what = f"“{identifier[:60]}” is not an identifier of {dataset}"
            raise self.wrong(line, what, identifier_pattern_checks.remedy(dataset))
        return identifier


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of a table, with the number of its (last) line; missing cells read as empty."""

    source: SourceFile
    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "").strip()

    def needed(self, column: str) -> str:
        """Return a cell that must not be empty.

        Raises:
            MalformedText: it is empty.
        """
        if not self[column]:
            raise self.source.wrong(self.line, f"the column {column} is empty", "Fill it, or remove the row.")
        return self[column]

    def matched(self, column: str, pattern: str, what: str) -> str:
        """Return a cell that is empty or matches a pattern; if the pattern has a group, the match of the group.

        Args:
            column: name of the column.
            pattern: regular expression for the whole cell.
            what: name of such a value in messages, with its article (“a GeoNames id”).

        Raises:
            MalformedText: it does not match.
        """
        text = self[column]
        if not text:
            return ""
        found = re.fullmatch(pattern, text)
        if found is None:
            raise self.source.wrong(
                self.line, f"{column} is “{text[:60]}”, which is not {what}", "Correct or clear the cell."
            )
        return (found[1] or "") if found.re.groups else text

    def identifier(self, column: str, dataset: str) -> str:
        """Return the identifier of a record or of an equivalent one; empty if the cell is.

        Raises:
            MalformedText: links cannot lead to it.
        """
        text = self[column]
        if text and not identifier_pattern_checks.fits(dataset, text):
            place = list(self.cells).index(column) + 1
            raise MalformedText(
                f"{self.source.name}, line {self.line}, column {place} ({column}): “{text[:60]}” is not an identifier "
                f"of {dataset}.",
                remedy=identifier_pattern_checks.remedy(dataset),
                line=self.line,
                column=place,
            )
        return text

    def number(self, column: str) -> float:
        """Return a number; 0 for an empty cell.

        Raises:
            MalformedText: it is not a number.
        """
        text = self[column]
        try:
            return float(text or 0)
        except ValueError:
            raise self.source.wrong(
                self.line, f"{column} is “{text[:60]}”, which is not a number", "Correct it."
            ) from None

    def point(self, latitude: str, longitude: str) -> tuple[float, float] | None:
        """Return latitude and longitude in degrees; ``None`` if either is empty.

        Raises:
            MalformedText: they are not numbers, or out of range.
        """
        if not (self[latitude] and self[longitude]):
            return None
        point = (self.number(latitude), self.number(longitude))
        if not (abs(point[0]) <= 90 and abs(point[1]) <= 180):
            raise self.source.wrong(
                self.line,
                f"{latitude}, {longitude} are {point[0]:g}, {point[1]:g}, which is out of range",
                "Use degrees.",
            )
        return point


def _texts(data: object) -> Iterator[str]:
    """Yield all texts in JSON data, with the names of its members."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for name, value in data.items():
            yield name
            yield from _texts(value)
    elif isinstance(data, list):
        for value in data:
            yield from _texts(value)
