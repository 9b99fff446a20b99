"""Writers of Parquet files and DuckDB databases, from rows in JSON lines.

DuckDB is optional (the extra ``tables``); only this module imports it.
"""

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
    "autoinstall_known_extensions": False,  # DuckDB would download them
    "autoload_known_extensions": False,
}
_LONGEST = 256 * 1024 * 1024
"""Maximum size of one row as JSON, in bytes."""


def require() -> None:
    """Check that DuckDB is installed.

    Raises:
        BadInput: DuckDB is not installed.
    """
    try:
        import duckdb  # noqa: F401, PLC0415 - an optional dependency
    except ImportError:
        raise BadInput(
            "Parquet and DuckDB require the library duckdb, which is not installed.",
            remedy="Run `pip install '.[tables]'` in the clone, or choose --format csv.",
        ) from None


def failures() -> tuple[type[Exception], type[Exception]]:
    """Return the class of all DuckDB errors and the class of its out-of-memory errors.

    Raises:
        ImportError: DuckDB is not installed.
    """
    import duckdb  # noqa: PLC0415 - an optional dependency

    return duckdb.Error, duckdb.OutOfMemoryException


@contextmanager
def _database(file: Path | None) -> Iterator[DuckDBPyConnection]:
    import duckdb  # noqa: PLC0415 - an optional dependency

    try:
        with duckdb.connect(str(file or ":memory:"), config=_SETTINGS) as connection:
            yield connection
    except duckdb.Error as error:
        if disk_space.is_full(error):
            raise disk_space.full() from None
        raise OSError(None, "DuckDB rejects the rows") from error


def to_parquet(rows: Path, table: ExportTable, file: Path) -> None:
    """Write a Parquet file; its metadata describe the table and the columns.

    Args:
        rows: file with the rows in JSON lines.
        table: schema of the table.
        file: the file to write.
    """
    notes = {
        "description": table.meaning,
        "columns": json.dumps({column.name: column.meaning for column in table.columns}, ensure_ascii=False),
    }
    metadata = ", ".join(f"{name}: {_quoted(value)}" for name, value in notes.items())
    options = f"FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{metadata}}}"
    with _database(None) as connection:
        connection.execute(f"COPY ({_select(rows, table)}) TO {_quoted(str(file))} ({options})")


def to_database(rows: Mapping[str, Path], tables: Mapping[str, ExportTable], file: Path) -> Iterator[str]:
    """Write a database whose comments describe tables and columns, and yield the name of each table once it is written.

    Args:
        rows: files with the rows in JSON lines, by table.
        tables: schemas of the tables, by name.
        file: the database to create.
    """
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
