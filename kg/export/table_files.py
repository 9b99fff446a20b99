"""Tables as files: CSV with a description, Parquet, or one DuckDB database. Rows stream; none is held for long."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import IO

from kg.export import duckdb_files
from kg.export.table_rows import TableReader
from kg.export.table_schema import TABLES, ExportTable, Row, datapackage

DESCRIPTION = "datapackage.json"


class TableFileFormat(StrEnum):
    """What tables can be written as; ``duckdb`` is one file, the others are a folder with a file for each table."""

    csv = "csv"
    parquet = "parquet"
    duckdb = "duckdb"


def members(form: TableFileFormat) -> list[str]:
    """Name the files in the folder that is written; none, if it is a single file."""
    if form is TableFileFormat.duckdb:
        return []
    return [f"{name}.{form}" for name in TABLES] + ([DESCRIPTION] if form is TableFileFormat.csv else [])


def steps(form: TableFileFormat, articles: int) -> int:
    """Tell how many steps :func:`write` reports."""
    return articles + (0 if form is TableFileFormat.csv else len(TABLES))


def write(reader: TableReader, form: TableFileFormat, target: Path, progress: Callable[[], None]) -> Counter[str]:
    """Write all tables, tell ``progress`` after each step, and count the rows of each table.

    Raises:
        OSError: they cannot be written.
    """
    if form is TableFileFormat.csv:
        target.mkdir()
        counts = _rows(reader, {name: target / f"{name}.csv" for name in TABLES}, _csv, progress)
        text = json.dumps(datapackage(), ensure_ascii=False, indent=1)
        (target / DESCRIPTION).write_text(text + "\n", "utf-8")
        return counts
    between = {name: target.with_name(f"{name}.jsonl") for name in TABLES}
    counts = _rows(reader, between, _json_lines, progress)
    if form is TableFileFormat.duckdb:
        for _ in duckdb_files.to_database(between, TABLES, target):
            progress()
        return counts
    target.mkdir()
    for name, table in TABLES.items():
        duckdb_files.to_parquet(between[name], table, target / f"{name}.parquet")
        between[name].unlink()
        progress()
    return counts


Writer = Callable[[Sequence[Row]], None]


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
    """Write RFC 4180; an empty cell stands for what is not stated."""
    writer = csv.writer(file)
    writer.writerow(table.names)

    def write_rows(rows: Sequence[Row]) -> None:
        writer.writerows([str(v).lower() if isinstance(v, bool) else v for v in row] for row in rows)

    return write_rows


def _json_lines(table: ExportTable, file: IO[str]) -> Writer:
    def write_rows(rows: Sequence[Row]) -> None:
        for row in rows:
            file.write(json.dumps(dict(zip(table.names, row, strict=True)), ensure_ascii=False) + "\n")

    return write_rows
