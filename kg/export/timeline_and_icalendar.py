"""Timeline in JSON with all dated situations, and calendar (RFC 5545) with those that have an exact day."""

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
"""Identifier of the format of the JSON timeline."""

_FIELDS = ("edtf", "not_before", "not_after", "precision", "part_of_day", "year_source", "dates")


class TimelineWriter:
    """Writer of the dated situations of the articles.

    Attributes:
        written: number of situations written.
        inexact: number of situations omitted because their date is not an exact day (calendar only).
        undated: number of situations omitted because they have no date.
    """

    def __init__(self, reader: TableReader) -> None:
        self._reader = reader
        self.written = self.inexact = self.undated = 0

    def _dated(self, identifier: str) -> Iterator[SituationRecord]:
        for record in situation_records(self._reader.of_article(identifier)):
            if record.situation["edtf"] is None:
                self.undated += 1
            else:
                yield record

    # ---- JSON

    def json(self) -> Iterator[str]:
        """Yield the timeline: an empty piece per article, for progress, then the whole text in the order of time."""
        events = []
        for identifier in self._reader.articles:
            events += [_event(record) for record in self._dated(identifier)]
            yield ""
        events.sort(key=lambda event: (event["notBefore"] or "", event["notAfter"] or "", event["situation"]))
        self.written = len(events)
        yield json.dumps({"format": FORMAT, "events": events}, ensure_ascii=False, indent=1) + "\n"

    # ---- iCalendar

    def calendar(self, moment: datetime | None = None) -> Iterator[str]:
        """Yield the calendar: the head, one piece per article, and the end.

        Args:
            moment: time of creation (DTSTAMP); now, if it is ``None``.
        """
        stamp = (moment or datetime.now(UTC)).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        yield _lines(("BEGIN", "VCALENDAR"), ("VERSION", "2.0"), ("PRODID", f"-//Claimgraph//{__version__}//EN"))
        for identifier in self._reader.articles:
            piece = ""
            for record in self._dated(identifier):
                day = _day(record)
                if day is None:
                    self.inexact += 1
                else:
                    self.written += 1
                    piece += _lines(*_entry(record, day, stamp))
            yield piece
        yield _lines(("END", "VCALENDAR"))


def _event(record: SituationRecord) -> dict[str, Any]:
    situation = record.situation
    return {
        "situation": record.iri,
        "article": situation["article"],
        "type": situation["type"],
        "label": situation["label"],
        "labelLocal": situation["label_local"],
        "standing": record.standing,
        **{re.sub(r"_(\w)", lambda found: found[1].upper(), name): situation[name] for name in _FIELDS},
        "places": [{"iri": place["entity"], "label": place["label"]} for place in record.places],
        "participants": [
            {"role": part["role"], "iri": part["entity"], "label": part["label"]} for part in record.participants
        ],
        "claims": [{name: claim[name] for name in ("claim", "polarity", "quote")} for claim in record.claims],
    }


def _day(record: SituationRecord) -> date | None:
    """Return the exact day on which the situation happened or began; ``None`` if the date is not an exact day."""
    first, last = record.situation["not_before"], record.situation["not_after"]
    return date.fromisoformat(str(first)) if first is not None and first == last else None


def _entry(record: SituationRecord, day: date, stamp: str) -> Iterator[tuple[str, str]]:
    situation = record.situation
    notes = [] if record.standing == "reported" else [record.standing]
    notes += ["begins"] if situation["dates"] == "startTime" else []
    summary = f"{record.name} ({', '.join(notes)})" if notes else record.name
    claims = [f"{claim['id']} {claim['polarity']}: “{claim['quote']}”" for claim in record.claims]
    year = [f"Year: {situation['year_source']}."] if situation["year_source"] else []
    places = [str(place["label"]) for place in record.places if place["label"]]
    yield "BEGIN", "VEVENT"
    yield "UID", _escaped(record.iri)
    yield "DTSTAMP", stamp
    yield "DTSTART;VALUE=DATE", day.strftime("%Y%m%d")
    if day < date.max:  # DTEND is exclusive (clause 3.6.1), and 9999-12-31 has no next day
        yield "DTEND;VALUE=DATE", (day + timedelta(1)).strftime("%Y%m%d")
    yield "TRANSP", "TRANSPARENT"
    yield "SUMMARY", _escaped(summary)
    yield "DESCRIPTION", _escaped("\n".join([*claims, *year]))
    if places:
        yield "LOCATION", _escaped("; ".join(places))
    yield "CATEGORIES", _escaped(str(situation["type"]))
    yield "URL", record.iri
    yield "END", "VEVENT"


def _escaped(text: str) -> str:
    r"""Return a value of type TEXT (clause 3.3.11), without control characters.

    Example: ``Kyiv; Lviv`` becomes ``Kyiv\; Lviv``.
    """
    text = re.sub(r"\r\n?", "\n", text)
    text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", text)
    return re.sub(r"([\\;,])", r"\\\1", text).replace("\n", r"\n")


def _lines(*lines: tuple[str, str]) -> str:
    return "".join(f"{_folded(f'{name}:{value}')}\r\n" for name, value in lines)


def _folded(line: str) -> str:
    """Return a line folded to at most 75 octets without splitting a character (clause 3.1)."""
    parts, size = [""], 0
    for character in line:
        octets = len(character.encode())
        if size + octets > 75:
            parts.append("")
            size = 1  # the space that marks a continuation line
        parts[-1] += character
        size += octets
    return "\r\n ".join(parts)
