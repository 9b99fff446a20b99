"""The engines that tables of events run on: DuckDB by default, Spark where it is asked for.

Ibis, DuckDB and Spark enter here and nowhere else. Everything else about tables is written once, as expressions, and
runs on whichever engine the tables come from. Rows come to Python as Arrow, and only those that were decided.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kg.errors import BadInput
from kg.export import duckdb_files as duckdb

try:
    import ibis
    import pyarrow as pa
    from ibis.backends import BaseBackend as Backend
    from ibis.expr.types import Table, Value

    _DuckError, _OutOfMemory = duckdb.failures()
except ImportError:
    raise BadInput(
        "Tables of events need DuckDB and Ibis, which are not installed.",
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
    "handed",
    "kept",
    "least",
    "literal",
    "ranked",
    "rows",
    "span",
    "spark",
    "table",
    "within",
]

MEMORY = "2GB"
"""Memory that DuckDB may take before it writes to the disk; a file of any size is read through it."""

_LOCAL = {
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}

literal, greatest, least, span = ibis.literal, ibis.greatest, ibis.least, ibis.range


class EngineFailed(Exception):
    """The engine gave up on a file; :mod:`kg.events.event_files` finds out where and why."""


def duck(memory: str = MEMORY, spill: Path | None = None) -> Backend:
    """Connect to a DuckDB of our own, in memory.

    Args:
        memory: how much it may take, in DuckDB's words.
        spill: directory for what does not fit.
    """
    settings = {"memory_limit": memory, "autoinstall_known_extensions": "false"}
    return ibis.duckdb.connect(**settings, **({"temp_directory": str(spill)} if spill else {}))


def spark(master: str = "local[2]") -> Backend:
    """Connect to Spark.

    Args:
        master: where it runs: in this process (``local[2]``: two threads), or a cluster (``spark://…``, ``yarn``), of
            which everything else is set in ``spark-defaults.conf``.

    Raises:
        BadInput: Spark or Java is not there, or the cluster does not answer.
    """
    try:
        from pyspark.errors import PySparkException  # noqa: PLC0415 - an extra of its own
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
    """Make a small table of records.

    Args:
        columns: name and type of each column.
        records: a mapping a row; what is missing is null.
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
    """Name a file of separated values as a table of text; nothing is read yet.

    Raises:
        Failed: its beginning cannot be read.
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


def kept(connection: Backend, name: str, expression: Table) -> Table:
    """Run an expression and keep what comes of it in the engine.

    Raises:
        Failed: a file that it reads is damaged.
    """
    try:
        return connection.create_table(name, expression)
    except _DuckError as error:
        raise EngineFailed(str(error)) from None


def handed(expression: Table, connection: Backend, file: Path) -> Table:
    """Hand what an expression of DuckDB gives to another engine, through a Parquet file.

    Raises:
        Failed: a file that it reads is damaged.
    """
    try:
        expression.to_parquet(file)
    except _DuckError as error:
        raise EngineFailed(str(error)) from None
    return connection.read_parquet(str(file))


def rows(expression: Table, connection: Backend | None = None) -> list[dict[str, Any]]:
    """Run an expression and give its rows.

    Raises:
        Failed: a file that it reads is damaged.
    """
    try:
        found = expression.to_pyarrow() if connection is None else connection.to_pyarrow(expression)
    except _OutOfMemory:
        remedy = "Give it more space in the temporary directory (TMPDIR), or split the file by year."
        raise BadInput(f"Matching needs more than {MEMORY} of memory.", remedy=remedy) from None
    except _failures() as error:
        raise EngineFailed(str(error)) from None
    listed: list[dict[str, Any]] = found.to_pylist()
    return listed


def _failures() -> tuple[type[Exception], ...]:
    """Give what the engines raise; Spark's only where it was loaded."""
    spark_errors = sys.modules.get("pyspark.errors")
    return (_DuckError, spark_errors.PySparkException) if spark_errors else (_DuckError,)


def ranked(group: str | Sequence[str], order: Sequence[Value]) -> Value:
    """Number rows within a group, from 0."""
    return ibis.row_number().over(ibis.window(group_by=group, order_by=list(order)))


def within(value: Value, group: str | Sequence[str]) -> Value:
    """Aggregate a value within a group, beside each row."""
    return value.over(ibis.window(group_by=group))


def descending(value: Value | str) -> Value:
    """Order from the largest down."""
    return ibis.desc(value)
