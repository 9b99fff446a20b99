"""What happened when: a timeline in JSON with dates as they are known, and a calendar (RFC 5545) of what has a day."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from kg import __version__
from kg.export.situation_records import SituationRecord, situation_records
from kg.export.table_rows import TableReader

FORMAT = "https://w3id.org/claimgraph/timeline/1"

_FIELDS = ("edtf", "not_before", "not_after", "precision", "part_of_day", "year_source", "dates")


class TimelineWriter:
    """The dated situations of a reader's articles.

    Attributes:
        written: how many are in what was written.
        inexact: how many were left out because their date is no day (calendar only).
        undated: how many were left out because nothing dates them.
    """

    def __init__(self, reader: TableReader) -> None:
        self._reader = reader
        self.written = self.inexact = self.undated = 0

    def _dated(self, identifier: str) -> Iterator[SituationRecord]:
        for happening in situation_records(self._reader.of_article(identifier)):
            if happening.situation["edtf"] is None:
                self.undated += 1
            else:
                yield happening

    # ---- JSON

    def json(self) -> Iterator[str]:
        """Give the timeline, a piece (nothing yet) for each article and then all of it, in the order of time."""
        events = []
        for identifier in self._reader.articles:
            events += [_event(happening) for happening in self._dated(identifier)]
            yield ""
        events.sort(key=lambda event: (event["notBefore"] or "", event["notAfter"] or "", event["situation"]))
        self.written = len(events)
        yield json.dumps({"format": FORMAT, "events": events}, ensure_ascii=False, indent=1) + "\n"

    # ---- iCalendar

    def calendar(self, moment: datetime | None = None) -> Iterator[str]:
        """Give the calendar, a piece for each article; ``moment`` is when it is said to be made (now)."""
        stamp = (moment or datetime.now(UTC)).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        yield _lines(("BEGIN", "VCALENDAR"), ("VERSION", "2.0"), ("PRODID", f"-//Claimgraph//{__version__}//EN"))
        for identifier in self._reader.articles:
            piece = ""
            for happening in self._dated(identifier):
                day = _day(happening)
                if day is None:
                    self.inexact += 1
                else:
                    self.written += 1
                    piece += _lines(*_entry(happening, day, stamp))
            yield piece
        yield _lines(("END", "VCALENDAR"))


def _event(happening: SituationRecord) -> dict[str, Any]:
    situation = happening.situation
    return {
        "situation": happening.iri,
        "article": situation["article"],
        "type": situation["type"],
        "label": situation["label"],
        "labelLocal": situation["label_local"],
        "standing": happening.standing,
        **{re.sub(r"_(\w)", lambda found: found[1].upper(), name): situation[name] for name in _FIELDS},
        "places": [{"iri": place["entity"], "label": place["label"]} for place in happening.places],
        "participants": [
            {"role": part["role"], "iri": part["entity"], "label": part["label"]} for part in happening.participants
        ],
        "claims": [{name: claim[name] for name in ("claim", "polarity", "quote")} for claim in happening.claims],
    }


def _day(happening: SituationRecord) -> date | None:
    """Give the one day that it is known to have happened, or begun, on."""
    first, last = happening.situation["not_before"], happening.situation["not_after"]
    return date.fromisoformat(str(first)) if first is not None and first == last else None


def _entry(happening: SituationRecord, day: date, stamp: str) -> Iterator[tuple[str, str]]:
    situation = happening.situation
    notes = [] if happening.standing == "reported" else [happening.standing]
    notes += ["begins"] if situation["dates"] == "startTime" else []
    summary = f"{happening.name} ({', '.join(notes)})" if notes else happening.name
    told = [f"{claim['id']} {claim['polarity']}: “{claim['quote']}”" for claim in happening.claims]
    words = [f"Year: {situation['year_source']}."] if situation["year_source"] else []
    places = [str(place["label"]) for place in happening.places if place["label"]]
    yield "BEGIN", "VEVENT"
    yield "UID", _escaped(happening.iri)
    yield "DTSTAMP", stamp
    yield "DTSTART;VALUE=DATE", day.strftime("%Y%m%d")
    if day < date.max:
        yield "DTEND;VALUE=DATE", (day + timedelta(1)).strftime("%Y%m%d")
    yield "TRANSP", "TRANSPARENT"
    yield "SUMMARY", _escaped(summary)
    yield "DESCRIPTION", _escaped("\n".join([*told, *words]))
    if places:
        yield "LOCATION", _escaped("; ".join(places))
    yield "CATEGORIES", _escaped(str(situation["type"]))
    yield "URL", happening.iri
    yield "END", "VEVENT"


def _escaped(text: str) -> str:
    """Write TEXT (clause 3.3.11); control characters have no place in it."""
    text = re.sub(r"\r\n?", "\n", text)
    text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", text)
    return re.sub(r"([\\;,])", r"\\\1", text).replace("\n", r"\n")


def _lines(*lines: tuple[str, str]) -> str:
    return "".join(f"{_folded(f'{name}:{value}')}\r\n" for name, value in lines)


def _folded(line: str) -> str:
    """Fold a line so that none is longer than 75 octets, and no character is cut (clause 3.1)."""
    parts, size = [""], 0
    for character in line:
        octets = len(character.encode())
        if size + octets > 75:
            parts.append("")
            size = 1  # the space that tells a continuation
        parts[-1] += character
        size += octets
    return "\r\n ".join(parts)
