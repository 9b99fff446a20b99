"""Event schema: values in the notations of the datasets."""

from __future__ import annotations

from datetime import date

import pytest

from kg.events import event_schema, table_engines


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2014-06-14", date(2014, 6, 14)),
        ("2014-06-14 00:00:00.000", date(2014, 6, 14)),
        ("14 June 2014", date(2014, 6, 14)),
        ("3 May 2014", date(2014, 5, 3)),
        ("03 September 2014", date(2014, 9, 3)),
        (" 31 December 2014 ", date(2014, 12, 31)),
        ("31 June 2014", None),
        ("31 Foo 2014", None),
        ("14/06/2014", None),
        ("", None),
        (None, None),
    ],
)
def test_days(written: str | None, day: date | None) -> None:
    table = table_engines.table({"a": "string"}, [{"a": written}])
    assert table_engines.rows(table.select(day=event_schema.day(table.a))) == [{"day": day}]


@pytest.mark.parametrize(
    ("written", "day"), [("20140614", date(2014, 6, 14)), ("20140631", None), ("2014", None), ("", None)]
)
def test_days_without_signs(written: str, day: date | None) -> None:
    table = table_engines.table({"a": "string"}, [{"a": written}])
    assert table_engines.rows(table.select(day=event_schema.compact_day(table.a))) == [{"day": day}]


def test_numbers_and_codes() -> None:
    table = table_engines.table({"a": "string"}, [{"a": " 1.5 "}, {"a": ""}, {"a": "x"}])
    found = table_engines.rows(
        table.select(n=event_schema.number(table.a), c=event_schema.chosen(table.a, {"x": 1, "1.5": 2}, 0))
    )
    assert found == [{"n": 1.5, "c": 2}, {"n": None, "c": 0}, {"n": None, "c": 1}]
