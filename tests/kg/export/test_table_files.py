"""Table files: CSV, Parquet and DuckDB hold the same rows, as read by other programs."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from kg.export import table_files
from kg.export.table_files import TableFileFormat
from kg.export.table_rows import TableReader
from kg.export.table_schema import TABLES, ColumnType, Row
from tests.cases import articles

PYTHON: dict[ColumnType, Callable[[str], Any]] = {
    ColumnType.integer: int,
    ColumnType.number: float,
    ColumnType.date: date.fromisoformat,
    ColumnType.boolean: lambda word: {"true": True, "false": False}[word],
}


@pytest.fixture(scope="module")
def reader() -> TableReader:
    graph = articles.seeded()
    articles.add_odd(graph)
    return TableReader(graph.articles)


@pytest.fixture(scope="module")
def written(reader: TableReader, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    for form in TableFileFormat:
        steps: list[None] = []
        counts = table_files.write(reader, form, folder / form, lambda: steps.append(None))  # noqa: B023
        assert counts == expected_counts(reader)
        assert len(steps) == table_files.steps(form, 2)
    return folder


def rows(reader: TableReader) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {name: [] for name in TABLES} | dict(reader.of_all())
    for identifier in reader.articles:
        for name, more in reader.of_article(identifier).tables.items():
            found[name] = [*found[name], *more]
    return found


def expected_counts(reader: TableReader) -> Counter[str]:
    return Counter({name: len(found) for name, found in rows(reader).items()})


def typed(name: str, row: Row) -> tuple[Any, ...]:
    """Convert days to dates, as Parquet and DuckDB return them."""
    kinds = [column.type for column in TABLES[name].columns]
    return tuple(
        date.fromisoformat(str(value)) if value is not None and kind is ColumnType.date else value
        for kind, value in zip(kinds, row, strict=True)
    )


def test_duckdb_has_the_rows_in_their_order(reader: TableReader, written: Path) -> None:
    with duckdb.connect(str(written / "duckdb"), read_only=True) as database:
        for name, found in rows(reader).items():
            assert database.execute(f"SELECT * FROM {name}").fetchall() == [typed(name, row) for row in found], name


def test_parquet_has_the_rows_in_their_order(reader: TableReader, written: Path) -> None:
    for name, found in rows(reader).items():
        again = duckdb.read_parquet(str(written / "parquet" / f"{name}.parquet"))
        assert again.columns == TABLES[name].names
        assert again.fetchall() == [typed(name, row) for row in found], name


def test_csv_has_the_rows_in_their_order(reader: TableReader, written: Path) -> None:
    for name, found in rows(reader).items():
        with (written / "csv" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            lines = list(csv.reader(file))
        assert lines[0] == TABLES[name].names
        kinds = [column.type for column in TABLES[name].columns]
        again = [
            tuple(PYTHON.get(kind, str)(cell) if cell else None for kind, cell in zip(kinds, line, strict=True))
            for line in lines[1:]
        ]
        assert again == [typed(name, row) for row in found], name


def test_odd_words_come_through(written: Path) -> None:
    (quote,) = duckdb.read_parquet(str(written / "parquet" / "claims.parquet")).filter("id = 'C1'")["quote"].fetchall()
    assert quote == (articles.ODD,)
    with duckdb.connect(str(written / "duckdb"), read_only=True) as database:
        assert database.execute("SELECT count(*) FROM claims WHERE quote = ?", [articles.ODD]).fetchone() == (1,)


def test_the_folder_holds_what_it_is_said_to_hold(written: Path) -> None:
    for form in (TableFileFormat.csv, TableFileFormat.parquet):
        assert {path.name for path in (written / form).iterdir()} == set(table_files.members(form))
    assert table_files.members(TableFileFormat.duckdb) == []
    package = json.loads((written / "csv" / "datapackage.json").read_text("utf-8"))
    assert {found["path"] for found in package["resources"]} == {f"{name}.csv" for name in TABLES}
