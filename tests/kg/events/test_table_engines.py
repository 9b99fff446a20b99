"""Ibis expressions on two engines: DuckDB and Spark decide alike."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from kg.errors import BadInput
from kg.events import table_engines
from kg.events.event_file_format_detection import EventFormat
from kg.events.event_file_reading import opened
from kg.events.event_matching import candidates
from kg.events.event_schema import COLUMNS
from kg.events.match_acceptance_rules import decided
from tests.cases import events


def test_a_table_keeps_its_types() -> None:
    table = table_engines.table({"a": "string", "b": "int64", "c": "date"}, [{"a": "x", "b": 1}, {}])
    assert table_engines.rows(table) == [{"a": "x", "b": 1, "c": None}, {"a": None, "b": None, "c": None}]


def test_what_cannot_be_read_fails_in_our_words(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('a,b\n"1,2\n3,4\n', "utf-8")
    connection = table_engines.duck()
    with pytest.raises(table_engines.EngineFailed):
        table_engines.rows(
            table_engines.csv(connection, tmp_path / "a.csv", ["a", "b"], {"header": True, "quote": '"'})
        )


def test_memory_is_bounded() -> None:
    one = table_engines.table({"n": "int64"}, [{"n": 100_000_000}])
    with pytest.raises(BadInput, match="more than 2GB of memory"):
        table_engines.rows(one.select(a=table_engines.span(one.n)), table_engines.duck(memory="64MB"))


@pytest.fixture(scope="module")
def spark() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what Spark's own Python does
        connection = table_engines.spark()
        yield connection
        connection.disconnect()


@events.needs_slices
@pytest.mark.filterwarnings("ignore")  # Spark's Python warns of itself
def test_spark_decides_as_duckdb_does(spark: Any, tmp_path: Path) -> None:
    duck = table_engines.duck()
    older, newer = (opened(duck, file, EventFormat.ucdp).events for file in (events.OLDER, events.NEWER))
    named = table_engines.table(COLUMNS, [events.event("ours", latitude=None, longitude=None)])
    spring = [each.filter(each.start.year() == 2014, each.start.month().isin([5, 6])) for each in (older, newer)]
    queries = spring[0].union(named)
    expected = table_engines.rows(decided(candidates(queries, spring[1])), duck)
    left, right = (
        table_engines.transferred(each, spark, tmp_path / f"{number}.parquet")
        for number, each in enumerate((queries, spring[1]))
    )
    found = table_engines.rows(decided(candidates(left, right)), spark)
    assert {_key(row) for row in found} == {_key(row) for row in expected}
    assert {row["verdict"] for row in found} >= {"accept", "review"}
    assert any(row["q_id"] == "ours" and row["distance"] is None for row in found)


def _key(row: dict[str, Any]) -> tuple[object, ...]:
    return row["q_id"], row["r_id"], row["rank"], row["score"], row["verdict"], row["claimed"]


def test_a_cluster_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyspark.sql", None)
    with pytest.raises(BadInput, match="Spark is not installed"):
        table_engines.spark()
