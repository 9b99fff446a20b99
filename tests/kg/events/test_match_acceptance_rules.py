"""Match rules: a score alone never links, and each unmet condition leaves the link for review."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from kg.events import table_engines
from kg.events.event_matching import candidates
from kg.events.event_schema import COLUMNS
from kg.events.match_acceptance_rules import decided
from tests.cases import events
from tests.cases.events import event


def decide(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    pairs = candidates(table_engines.table(COLUMNS, ours), table_engines.table(COLUMNS, theirs))
    return {(row["q_id"], row["r_id"]): row for row in table_engines.rows(decided(pairs))}


def test_all_conditions_together_link() -> None:
    found = decide([event("q")], [event("r"), event("far", latitude=48.70, deaths=9, deaths_low=9, deaths_high=9)])
    assert found["q", "r"]["verdict"] == "accept"
    assert found["q", "far"]["verdict"] != "accept"


@pytest.mark.parametrize(
    ("condition", "ours", "theirs"),
    [
        ("day", {"start": date(2014, 6, 13)}, {"start": date(2014, 6, 13)}),
        ("near", {}, {"radius": 150.0}),
        ("near", {}, {"latitude": 48.70}),
        ("near", {"latitude": None, "longitude": None}, {}),
        ("same_type", {"plover": "PROTEST"}, {}),
        ("cited", {"headline": "Something else was told there"}, {}),
        ("agreed", {"actors": "LPR"}, {}),
        ("clear", {}, {"clarity": "2"}),
        ("agreed", {"deaths": 4, "deaths_low": 4, "deaths_high": 4}, {}),
        ("agreed", {"deaths": None, "deaths_low": None, "deaths_high": None}, {}),
    ],
)
def test_one_that_is_missing_is_reviewed(condition: str, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    (row,) = decide([event("q", **ours)], [event("r", **theirs)]).values()
    assert (row[condition], row["verdict"]) == (False, "review")


def test_twins_are_reviewed() -> None:
    found = decide([event("q")], [event("r1"), event("r2")])
    assert {row["verdict"] for row in found.values()} == {"review"}
    assert found["q", "r1"]["margin"] == 0


def test_a_row_that_two_events_would_take_is_reviewed() -> None:
    found = decide([event("q1"), event("q2")], [event("r")])
    assert [(row["sure"], row["claimed"], row["verdict"]) for row in found.values()] == [(True, 2, "review")] * 2


def test_a_mention_is_never_linked_at_once() -> None:
    (row,) = decide([event("q")], [event("r", mention=True)]).values()
    assert (row["score"], row["verdict"]) == (100, "review")


def test_few_points_are_nothing() -> None:
    (row,) = decide(
        [event("q", actors="", headline="", source="", deaths=None, deaths_low=None, deaths_high=None)],
        [event("r", latitude=48.70, plover="PROTEST")],
    ).values()
    assert (row["score"] < 55, row["verdict"]) == (True, "nil")


def test_an_event_in_three_places_meets_a_row_once() -> None:
    places = [event("q"), event("q", latitude=48.65), event("q", latitude=None, longitude=None)]
    found = decide(places, [event("r")])
    assert found["q", "r"]["score"] == 100
    assert found["q", "r"]["verdict"] == "accept"


@events.needs_slices
def test_release_to_release() -> None:
    from tests.bench import events as bench  # noqa: PLC0415 - it needs the slices

    connection = table_engines.duck()
    older, newer = bench.tables(connection)
    whole, bereft = bench.measure(connection, older, newer)
    known = {row["id"] for row in table_engines.rows(newer, connection)}
    found = bench.outcome([row["id"] for row in table_engines.rows(older, connection)], known, whole, bereft)
    assert found.queries == 1167
    assert found.gold == 1073
    assert found.accepted > 300
    assert found.right / found.accepted >= 0.98
    assert found.found / found.gold >= 0.90
    assert found.false_when_withheld / found.queries <= 0.01
