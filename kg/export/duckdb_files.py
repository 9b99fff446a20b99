"""Parquet files and DuckDB databases; the only file that knows DuckDB. It comes with the extra ``tables``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kg.errors import BadInput
from kg.export.table_schema import ColumnType, ExportTable
from kg.files import disk_space

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TYPES = {
    ColumnType.integer: "BIGINT",
    ColumnType.number: "DOUBLE",
    ColumnType.boolean: "BOOLEAN",
    ColumnType.date: "DATE",
}
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,  # nothing is fetched
    "autoload_known_extensions": False,
}
_LONGEST = 256 * 1024 * 1024
"""Bytes of the longest row."""


def require() -> None:
    """Check that DuckDB is there.

    Raises:
        BadInput: it is not installed.
    """
    try:
        import duckdb  # noqa: F401, PLC0415 - the extra need not be there
    except ImportError:
        raise BadInput(
            "Parquet and DuckDB need a library that is not installed.",
            remedy="Run `pip install '.[tables]'` in the clone, or choose --format csv.",
        ) from None


def failures() -> tuple[type[Exception], type[Exception]]:
    """Give the class of DuckDB's errors, and that of the error for want of memory.

    Raises:
        ImportError: it is not installed.
    """
    import duckdb  # noqa: PLC0415 - the extra need not be there

    return duckdb.Error, duckdb.OutOfMemoryException


@contextmanager
def _database(file: Path | None) -> Iterator[DuckDBPyConnection]:
    import duckdb  # noqa: PLC0415 - the extra need not be there

    try:
        with duckdb.connect(str(file or ":memory:"), config=_SETTINGS) as connection:
            yield connection
    except duckdb.Error as error:
        if disk_space.is_full(error):
            raise disk_space.full() from None
        raise OSError(None, "DuckDB does not take the rows") from error


def to_parquet(rows: Path, table: ExportTable, file: Path) -> None:
    """Write a Parquet file from rows in JSON lines; what the columns mean goes into its metadata."""
    notes = {
        "description": table.meaning,
        "columns": json.dumps({column.name: column.meaning for column in table.columns}, ensure_ascii=False),
    }
    metadata = ", ".join(f"{name}: {_quoted(value)}" for name, value in notes.items())
    options = f"FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{metadata}}}"
    with _database(None) as connection:
        connection.execute(f"COPY ({_select(rows, table)}) TO {_quoted(str(file))} ({options})")


def to_database(rows: Mapping[str, Path], tables: Mapping[str, ExportTable], file: Path) -> Iterator[str]:
    """Make a database from rows in JSON lines; names each table when it is done. Comments tell what columns mean."""
    with _database(file) as connection:
        for name, table in tables.items():
            columns = ", ".join(f'"{column.name}" {_sql_type(column.type)}' for column in table.columns)
            connection.execute(f'CREATE TABLE "{name}" ({columns})')
            connection.execute(f'INSERT INTO "{name}" {_select(rows[name], table)}')
            connection.execute(f'COMMENT ON TABLE "{name}" IS {_quoted(table.meaning)}')
            for column in table.columns:
                connection.execute(f'COMMENT ON COLUMN "{name}"."{column.name}" IS {_quoted(column.meaning)}')
            yield name


def _select(rows: Path, table: ExportTable) -> str:
    columns = ", ".join(f"{_quoted(column.name)}: {_quoted(_sql_type(column.type))}" for column in table.columns)
    options = f"format = 'newline_delimited', columns = {{{columns}}}, maximum_object_size = {_LONGEST}"
    names = ", ".join(f'"{name}"' for name in table.names)
    return f"SELECT {names} FROM read_json({_quoted(str(rows))}, {options})"  # noqa: S608 - quoted


def _sql_type(kind: ColumnType) -> str:
    return _TYPES.get(kind, "VARCHAR")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
