"""Event matching: pairs within the precision of both sides, each feature with its evidence."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import product
from typing import Any

import pytest

from kg.events import table_engines
from kg.events.event_matching import WEIGHTS, candidates
from kg.events.event_schema import COLUMNS
from tests.cases import events

DAY = date(2014, 6, 14)


def compared(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return table_engines.rows(candidates(table_engines.table(COLUMNS, ours), table_engines.table(COLUMNS, theirs)))


def pair(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any] | None:
    found = compared([events.event("q", **ours)], [events.event("r", **theirs)])
    return found[0] if found else None


def test_the_same_event_has_all_points() -> None:
    found = pair({}, {})
    assert found is not None
    assert found["score"] == 100
    assert sum(WEIGHTS.values()) == 100
    assert [found[name] for name in WEIGHTS] == [1.0] * 6


@pytest.mark.parametrize(
    ("days", "last", "met"),
    [(1, 1, True), (-1, -1, True), (2, 2, False), (-30, 30, True), (-30, -2, False), (2, 400, False)],
)
def test_windows_of_days(days: int, last: int, met: bool) -> None:
    window = {"start": DAY + timedelta(days), "end": DAY + timedelta(last)}
    assert (pair({}, window) is not None) == met
    assert (pair(window, {}) is not None) == met


@pytest.mark.parametrize(
    ("north", "east", "ours", "theirs", "met"),
    [
        (0.10, 0.0, 5.0, 5.0, True),  # 11 km
        (0.20, 0.0, 5.0, 5.0, False),  # 22 km
        (0.20, 0.0, 5.0, 25.0, True),
        (0.20, 0.0, 25.0, 5.0, True),
        (0.0, 0.19, 5.0, 5.0, True),  # 14 km at this latitude
        (0.0, 0.25, 5.0, 5.0, False),
        (2.0, 2.0, 5.0, 1000.0, True),
    ],
)
def test_distance_by_the_precision_of_both(north: float, east: float, ours: float, theirs: float, met: bool) -> None:
    place = {"latitude": 48.62 + north, "longitude": 37.53 + east, "radius": theirs}
    assert (pair({"radius": ours}, place) is not None) == met


def test_each_pair_comes_once_and_none_is_lost() -> None:
    """Buckets are only a way to find pairs: beside every one with every other, nothing may differ."""
    ours = [
        events.event(
            f"q{n}",
            start=DAY + timedelta(n),
            end=DAY + timedelta(n + n * 7),
            radius=5.0 + 20 * n,
            latitude=48.0 + n / 3,
        )
        for n in range(12)
    ]
    theirs = [
        events.event(
            f"r{n}",
            start=DAY + timedelta(n % 5),
            end=DAY + timedelta(n * 2),
            radius=5.0 + 10 * (n % 9),
            latitude=47.5 + n / 5,
        )
        for n in range(30)
    ]
    found = [(row["q_id"], row["r_id"]) for row in compared(ours, theirs)]
    assert len(found) == len(set(found))
    # All events lie on one meridian, where the distance is the difference of latitudes times the radius of the Earth.
    # One day and 5 km are the tolerances of the matching.
    near = {
        (q["id"], r["id"])
        for q, r in product(ours, theirs)
        if q["start"] - timedelta(1) <= r["end"]
        and r["start"] <= q["end"] + timedelta(1)
        and abs(q["latitude"] - r["latitude"]) * 6371.0 * 3.14159265 / 180 <= q["radius"] + r["radius"] + 5
    }
    assert set(found) == near
    assert len(near) > 50


def test_without_a_point_the_name_of_the_place_finds_rows() -> None:
    nowhere = {"latitude": None, "longitude": None}
    found = pair(nowhere | {"place": "Druzhkivka; Дружківка"}, {"place": "Druzhkivka town; Donetsk Oblast"})
    assert found is not None
    assert (found["distance"], found["place"]) == (None, 0.3)
    assert (
        pair(nowhere | {"place": "some districts of Kramatorsk"}, {"place": "Druzhkivka town; some districts"}) is None
    )
    assert pair(nowhere | {"place": ""}, {}) is None
    assert pair({}, nowhere) is None


@pytest.mark.parametrize(
    ("feature", "ours", "theirs", "value"),
    [
        ("type", {"plover": "PROTEST"}, {}, 0.0),
        ("type", {"plover": ""}, {}, None),
        ("actors", {"actors": "Ukraine"}, {"actors": "Military Forces of Ukraine (2014-2019)"}, 1.0),
        ("actors", {"actors": "Russia"}, {"actors": "Government of Ukraine; DPR"}, 0.0),
        ("actors", {"actors": ""}, {}, None),
        ("casualties", {"deaths": 6, "deaths_low": 6, "deaths_high": 6}, {}, 0.5),
        ("casualties", {"deaths": None, "deaths_low": 1, "deaths_high": None}, {}, 0.5),
        ("casualties", {"deaths": None, "deaths_low": None, "deaths_high": None}, {}, None),
        ("source", {"headline": "Nothing in common here", "source": "BILD"}, {}, None),
        ("source", {"headline": "Nothing in common here"}, {}, 0.5),
        ("source", {"headline": "Обстріл міста", "source": ""}, {}, None),
        ("date", {"start": DAY - timedelta(1), "end": DAY}, {}, 0.5),
        ("date", {"start": DAY - timedelta(1), "end": DAY - timedelta(1)}, {}, 0.3),
    ],
)
def test_features(feature: str, ours: dict[str, Any], theirs: dict[str, Any], value: float | None) -> None:
    found = pair(ours, theirs)
    assert found is not None
    assert found[feature] == pytest.approx(value)
    assert (found["score"] < 100) == (value != 1)
