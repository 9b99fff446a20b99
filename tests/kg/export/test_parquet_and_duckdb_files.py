"""DuckDB and Parquet files: types and column comments, and the error without DuckDB."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import duckdb
import pytest

from kg.errors import BadInput
from kg.export import parquet_and_duckdb_files
from kg.export.table_schema import TABLES, ColumnType


@pytest.fixture
def rows(tmp_path: Path) -> dict[str, Path]:
    """Empty tables."""
    files = {name: tmp_path / f"{name}.jsonl" for name in TABLES}
    for file in files.values():
        file.touch()
    return files


def test_columns_are_typed_and_commented(rows: dict[str, Path], tmp_path: Path) -> None:
    assert list(parquet_and_duckdb_files.to_database(rows, TABLES, tmp_path / "x.duckdb")) == list(TABLES)
    with duckdb.connect(str(tmp_path / "x.duckdb"), read_only=True) as database:
        tables = database.execute("SELECT table_name, comment FROM duckdb_tables()").fetchall()
        columns = database.execute(
            "SELECT table_name, column_name, comment, data_type FROM duckdb_columns() WHERE NOT internal"
        ).fetchall()
    assert dict(tables) == {table.name: table.meaning for table in TABLES.values()}
    kinds = {
        ColumnType.integer: "BIGINT",
        ColumnType.number: "DOUBLE",
        ColumnType.date: "DATE",
        ColumnType.boolean: "BOOLEAN",
    }
    wanted = [(t.name, c.name, c.meaning, kinds.get(c.type, "VARCHAR")) for t in TABLES.values() for c in t.columns]
    assert sorted(columns) == sorted(wanted)


def test_parquet_tells_what_columns_mean(rows: dict[str, Path], tmp_path: Path) -> None:
    file = tmp_path / "it's.parquet"
    parquet_and_duckdb_files.to_parquet(rows["claims"], TABLES["claims"], file)
    query = "SELECT decode(key), decode(value) FROM parquet_kv_metadata(?)"
    found = dict(duckdb.execute(query, [str(file)]).fetchall())
    assert found["description"] == TABLES["claims"].meaning
    assert json.loads(found["columns"]) == {column.name: column.meaning for column in TABLES["claims"].columns}


def test_rows_that_do_not_fit_are_an_error_of_the_system(rows: dict[str, Path], tmp_path: Path) -> None:
    rows["claims"].write_text('{"quote_start": "three"}\n', "utf-8")
    with pytest.raises(OSError, match="DuckDB rejects the rows"):
        parquet_and_duckdb_files.to_parquet(rows["claims"], TABLES["claims"], tmp_path / "x.parquet")


def test_a_library_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    parquet_and_duckdb_files.require()
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(BadInput) as caught:
        parquet_and_duckdb_files.require()
    assert "pip install '.[tables]'" in caught.value.remedy
