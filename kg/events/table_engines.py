"""Engines for event tables: DuckDB by default, Spark on request.

Ibis, DuckDB and Spark are imported only here. Everything else about tables is written once, as expressions, and runs on
the engine that the tables come from. Rows reach Python as Arrow, and only those that were decided.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kg.errors import BadInput
from kg.export import parquet_and_duckdb_files as duckdb

try:
    import ibis
    import pyarrow as pa
    from ibis.backends import BaseBackend as Backend
    from ibis.expr.types import Table, Value

    _DuckError, _OutOfMemory = duckdb.failures()
except ImportError:
    raise BadInput(
        "Event tables need DuckDB and Ibis, which are not installed.",
        remedy="Install the extra: pip install '.[tables]' in the clone.",
    ) from None

__all__ = [
    "Backend",
    "EngineFailed",
    "Table",
    "Value",
    "csv",
    "descending",
    "duck",
    "greatest",
    "least",
    "literal",
    "materialised",
    "ranked",
    "rows",
    "span",
    "spark",
    "table",
    "transferred",
    "within",
]

MEMORY = "2GB"
"""Memory that DuckDB may use before it spills to disk; files of any size are streamed through it."""

# Settings for Spark in this process: two threads, no web page, no open port beyond loopback.
_LOCAL = {
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}

literal, greatest, least, span = ibis.literal, ibis.greatest, ibis.least, ibis.range


class EngineFailed(Exception):
    """The engine failed on a file; :mod:`kg.events.event_file_reading` finds the place and the reason."""


def duck(memory: str = MEMORY, spill: Path | None = None) -> Backend:
    """Return a connection to a new DuckDB database in memory.

    Args:
        memory: memory limit as DuckDB writes it (``2GB``).
        spill: directory for data that exceeds the limit; ``None`` for DuckDB's default.
    """
    settings = {"memory_limit": memory, "autoinstall_known_extensions": "false"}
    return ibis.duckdb.connect(**settings, **({"temp_directory": str(spill)} if spill else {}))


def spark(master: str = "local[2]") -> Backend:
    """Return a connection to Spark.

    Args:
        master: this process (``local[2]``: two threads) or a cluster (``spark://…``, ``yarn``); other settings of a
            cluster are read from ``spark-defaults.conf``.

    Raises:
        BadInput: Spark or Java is not installed, or the cluster does not respond.
    """
    try:
        from pyspark.errors import PySparkException  # noqa: PLC0415 - a separate extra
        from pyspark.sql import SparkSession  # noqa: PLC0415
    except ImportError:
        remedy = "Install the extra: pip install '.[spark]' in the clone."
        raise BadInput("Spark is not installed.", remedy=remedy) from None
    settings = {
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.log.level": "ERROR",
    }
    builder = SparkSession.builder.appName("claimgraph").master(master)
    for name, value in {**settings, **(_LOCAL if master.startswith("local") else {})}.items():
        builder = builder.config(name, value)
    logging.getLogger("py4j").setLevel(logging.ERROR)
    try:
        return ibis.pyspark.connect(builder.getOrCreate())
    except (PySparkException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(f"Spark does not start: {reason}.", remedy="Install Java 17 and set JAVA_HOME.") from None


def table(columns: Mapping[str, str], records: Iterable[Mapping[str, object]]) -> Table:
    """Return a small table in memory.

    Args:
        columns: name and type of each column, as in :data:`kg.events.event_schema.COLUMNS`.
        records: one mapping for each row; missing values are null.
    """
    kinds = {
        "string": pa.string(),
        "date": pa.date32(),
        "float64": pa.float64(),
        "int64": pa.int64(),
        "boolean": pa.bool_(),
    }
    listed = list(records)
    arrays = {name: pa.array([row.get(name) for row in listed], kinds[kind]) for name, kind in columns.items()}
    return ibis.memtable(pa.table(arrays))


def csv(connection: Backend, file: Path, columns: Sequence[str], options: Mapping[str, object]) -> Table:
    """Return a file of separated values as a table of text columns; its rows are read when the table is used.

    Args:
        connection: a DuckDB connection.
        file: the file.
        columns: names of all columns, in order.
        options: further arguments of DuckDB's ``read_csv``.

    Raises:
        EngineFailed: its beginning cannot be read.
    """
    try:
        return connection.read_csv(
            str(file),
            columns=dict.fromkeys(columns, "VARCHAR"),
            auto_detect=False,
            escape='"',
            **options,
        )
    except _DuckError as error:
        raise EngineFailed(str(error)) from None


def materialised(connection: Backend, name: str, expression: Table) -> Table:
    """Run an expression, and return its result as a table that is stored in the engine.

    Raises:
        EngineFailed: a file that it reads is damaged.
    """
    try:
        return connection.create_table(name, expression)
    except _DuckError as error:
        raise EngineFailed(str(error)) from None


def transferred(expression: Table, connection: Backend, file: Path) -> Table:
    """Run an expression of DuckDB, and return its result as a table of another engine, through a Parquet file.

    Raises:
        EngineFailed: a file that it reads is damaged.
    """
    try:
        expression.to_parquet(file)
    except _DuckError as error:
        raise EngineFailed(str(error)) from None
    return connection.read_parquet(str(file))


def rows(expression: Table, connection: Backend | None = None) -> list[dict[str, Any]]:
    """Run an expression and return its rows.

    Raises:
        BadInput: the engine has run out of memory and disk.
        EngineFailed: a file that it reads is damaged.
    """
    try:
        found = expression.to_pyarrow() if connection is None else connection.to_pyarrow(expression)
    except _OutOfMemory:
        remedy = "Free space in the temporary directory (TMPDIR), or split the file by year."
        raise BadInput(f"Matching needs more than {MEMORY} of memory.", remedy=remedy) from None
    except _failures() as error:
        raise EngineFailed(str(error)) from None
    listed: list[dict[str, Any]] = found.to_pylist()
    return listed


def _failures() -> tuple[type[Exception], ...]:
    """Return the exception types of the engines; Spark's only if it was imported."""
    spark_errors = sys.modules.get("pyspark.errors")
    return (_DuckError, spark_errors.PySparkException) if spark_errors else (_DuckError,)


def ranked(group: str | Sequence[str], order: Sequence[Value]) -> Value:
    """Return the number of each row within its group, from 0, in the given order."""
    return ibis.row_number().over(ibis.window(group_by=group, order_by=list(order)))


def within(value: Value, group: str | Sequence[str]) -> Value:
    """Return an aggregate of each row's group, as a column of that row."""
    return value.over(ibis.window(group_by=group))


def descending(value: Value | str) -> Value:
    """Return an order from the largest value down."""
    return ibis.desc(value)
