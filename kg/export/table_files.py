"""Table files: CSV with a description, Parquet, or one DuckDB database.

Rows are streamed article by article, so that memory does not grow with the store.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import IO

from kg.export import parquet_and_duckdb_files
from kg.export.table_rows import TableReader
from kg.export.table_schema import TABLES, ExportTable, Row, datapackage
from kg.files import spreadsheet_csv

DESCRIPTION = "datapackage.json"
"""Name of the file that describes the CSV files."""


class TableFileFormat(StrEnum):
    """Format of table files; ``duckdb`` is one file, the others are a folder with one file per table."""

    csv = "csv"
    parquet = "parquet"
    duckdb = "duckdb"


def members(form: TableFileFormat) -> list[str]:
    """Return the names of the files in the folder that is written; empty if the format is a single file."""
    if form is TableFileFormat.duckdb:
        return []
    return [f"{name}.{form}" for name in TABLES] + ([DESCRIPTION] if form is TableFileFormat.csv else [])


def steps(form: TableFileFormat, articles: int) -> int:
    """Return the number of steps that :func:`write` reports for a number of articles."""
    return articles + (0 if form is TableFileFormat.csv else len(TABLES))


def write(
    reader: TableReader,
    form: TableFileFormat,
    target: Path,
    progress: Callable[[], None],
    *,
    spreadsheet: bool = False,
) -> Counter[str]:
    """Write all tables and return the number of rows by table.

    Args:
        reader: the articles to write.
        form: the format.
        target: the file or folder to create.
        progress: called after each step.
        spreadsheet: whether cells of CSV that a spreadsheet program would run as formulas are escaped.

    Raises:
        OSError: the files cannot be written.
    """
    if form is TableFileFormat.csv:
        target.mkdir()
        counts = _rows(
            reader, {name: target / f"{name}.csv" for name in TABLES}, _escaped_csv if spreadsheet else _csv, progress
        )
        text = json.dumps(datapackage(), ensure_ascii=False, indent=1)
        (target / DESCRIPTION).write_text(text + "\n", "utf-8")
        return counts
    intermediate = {name: target.with_name(f"{name}.jsonl") for name in TABLES}
    counts = _rows(reader, intermediate, _json_lines, progress)
    if form is TableFileFormat.duckdb:
        for _ in parquet_and_duckdb_files.to_database(intermediate, TABLES, target):
            progress()
        return counts
    target.mkdir()
    for name, table in TABLES.items():
        parquet_and_duckdb_files.to_parquet(intermediate[name], table, target / f"{name}.parquet")
        intermediate[name].unlink()
        progress()
    return counts


def _write_csv(reader: TableReader, target: Path, progress: Callable[[], None]) -> Counter[str]:
    """Write a CSV file for each table, and the description of them all."""
    target.mkdir()
    counts = _rows(reader, {name: target / f"{name}.csv" for name in TABLES}, _csv, progress)
    text = json.dumps(datapackage(), ensure_ascii=False, indent=1)
    (target / DESCRIPTION).write_text(text + "\n", "utf-8")
    return counts


Writer = Callable[[Sequence[Row]], None]
"""Function that appends rows to a file."""


def _rows(
    reader: TableReader,
    files: dict[str, Path],
    writer: Callable[[ExportTable, IO[str]], Writer],
    progress: Callable[[], None],
) -> Counter[str]:
    counts: Counter[str] = Counter(dict.fromkeys(TABLES, 0))
    with ExitStack() as stack:
        writers = {
            name: writer(TABLES[name], stack.enter_context(file.open("w", encoding="utf-8", newline="")))
            for name, file in files.items()
        }
        for name, rows in _all(reader, progress):
            writers[name](rows)
            counts[name] += len(rows)
    return counts


def _all(reader: TableReader, progress: Callable[[], None]) -> Iterator[tuple[str, list[Row]]]:
    for identifier in reader.articles:
        yield from reader.of_article(identifier).tables.items()
        progress()
    yield from reader.of_all()


def _csv(table: ExportTable, file: IO[str]) -> Writer:
    """Return a writer of CSV (RFC 4180); a value that is not stated is an empty cell."""
    writer = csv.writer(file)
    writer.writerow(table.names)

    def write_rows(rows: Sequence[Row]) -> None:
        writer.writerows([str(v).lower() if isinstance(v, bool) else v for v in row] for row in rows)

    return write_rows


def _escaped_csv(table: ExportTable, file: IO[str]) -> Writer:
    """Return a writer of CSV in which no cell is a formula to a spreadsheet program."""
    plain = _csv(table, file)

    def write_rows(rows: Sequence[Row]) -> None:
        plain([tuple(spreadsheet_csv.cell(v) if isinstance(v, str) else v for v in row) for row in rows])

    return write_rows


def _json_lines(table: ExportTable, file: IO[str]) -> Writer:
    """Return a writer of JSON lines, one object per row."""

    def write_rows(rows: Sequence[Row]) -> None:
        for row in rows:
            file.write(json.dumps(dict(zip(table.names, row, strict=True)), ensure_ascii=False) + "\n")

    return write_rows
