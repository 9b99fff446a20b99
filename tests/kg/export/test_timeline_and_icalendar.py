"""Timeline and calendar (RFC 5545): EDTF dates are preserved; the calendar has dated events and counts the rest."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest

from kg.export.table_rows import TableReader
from kg.export.timeline_and_icalendar import FORMAT, TimelineWriter
from kg.knowledge_graph import KnowledgeGraph
from tests.cases import articles

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    found = articles.seeded()
    articles.add_odd(found)
    return found


def calendar(graph: KnowledgeGraph, article: str | None = None) -> tuple[TimelineWriter, str]:
    found = TimelineWriter(TableReader(graph.articles, article))
    return found, "".join(found.calendar(MOMENT))


def events(text: str) -> list[dict[str, str]]:
    """Read a calendar as clause 3.1 and 3.3.11 have it."""
    lines = text.replace("\r\n ", "").removesuffix("\r\n").split("\r\n")
    assert (lines[0], lines[-1]) == ("BEGIN:VCALENDAR", "END:VCALENDAR")
    found: list[dict[str, str]] = []
    for line in lines:
        assert re.fullmatch(r"[A-Z-]+(;[A-Z]+=[A-Z]+)?:[^\x00-\x08\x0a-\x1f\x7f]*", line), line
        name, _, value = line.partition(":")
        if line == "BEGIN:VEVENT":
            found.append({})
        elif found:
            found[-1][name.partition(";")[0]] = re.sub(
                r"\\(.)", lambda at: {"n": "\n", "N": "\n"}.get(at[1], at[1]), value
            )
    return found


def test_the_calendar_has_days_and_counts_what_it_leaves_out(graph: KnowledgeGraph) -> None:
    found, text = calendar(graph, "seed")
    assert (found.written, found.inexact, found.undated) == (6, 3, 48)
    days = {event["SUMMARY"]: (event["DTSTART"], event["DTEND"]) for event in events(text)}
    assert days["Assad left Syria for good"] == ("20241208", "20241209")
    assert len(days) == 6
    assert text.startswith("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Claimgraph//")
    assert text.count("DTSTAMP:20260102T030405Z") == 6
    assert text.count("DTSTART;VALUE=DATE:") == 6


def test_lines_are_folded_between_characters(graph: KnowledgeGraph) -> None:
    _, text = calendar(graph)
    lines = text.encode().split(b"\r\n")
    assert max(map(len, lines)) <= 75
    assert max(map(len, lines)) > 70
    for line in lines:
        line.decode()
    assert b"\n" not in b"".join(lines)


def test_odd_words_are_escaped(graph: KnowledgeGraph) -> None:
    _, text = calendar(graph, "odd")
    attack, request = events(text)
    kept = re.sub(r"[\x00\x0b]", "", re.sub(r"\r\n?", "\n", articles.ODD))
    assert attack["SUMMARY"] == f"{kept} (denied)"
    assert attack["DESCRIPTION"] == f"C1 denies: “{kept}”"
    assert (attack["LOCATION"], attack["CATEGORIES"]) == ("hier", "Attack")
    assert (attack["DTSTART"], attack["DTEND"]) == ("20240229", "20240301")
    assert request["SUMMARY"] == "bitte (expected, begins)"
    assert (request["DTSTART"], request["DTEND"]) == ("20241231", "20250101")
    assert attack["UID"] == attack["URL"] == graph.names.local("odd", "s1")


def test_the_timeline_is_in_order_and_keeps_edtf(graph: KnowledgeGraph) -> None:
    found = TimelineWriter(TableReader(graph.articles))
    *empty, text = found.json()
    assert empty == ["", ""]
    document = json.loads(text)
    assert document["format"] == FORMAT
    told = document["events"]
    assert len(told) == found.written == 11
    assert [event["notBefore"] for event in told] == sorted(event["notBefore"] for event in told)
    stopped = next(event for event in told if event["situation"].endswith("/stopcalls"))
    assert {name: stopped[name] for name in ("edtf", "notBefore", "notAfter", "precision", "yearSource", "dates")} == {
        "edtf": "[2024-12-01..2024-12-06]",
        "notBefore": "2024-12-01",
        "notAfter": "2024-12-06",
        "precision": "vague",
        "yearSource": "narrativeAnchor",
        "dates": "time",
    }
    assert stopped["standing"] == "reported"
    assert [claim["polarity"] for claim in stopped["claims"]] == ["affirms"]
    assert {part["label"] for part in stopped["participants"]} >= {"Vladimir Putin"}
