"""Checks of dates in words (F3) and in EDTF (F4), the two constraints that SPARQL cannot express."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from datetime import date, timedelta

from edtf import parse_edtf
from edtf.parser.edtf_exceptions import EDTFParseException
from rdflib import RDF, Graph, Literal
from rdflib.term import Node

from kg.gate import python_check_messages
from kg.gate.validation_report import ValidationResult
from kg.rdf.rdflib_conversion import cg

_WEEKDAYS = {
    "monday": r"monday|понеділ\w+",
    "tuesday": r"tuesday|вівтор\w+",
    "wednesday": r"wednesday|серед[аиіу]|середою",
    "thursday": r"thursday|четвер(?:[гз]\w+)?",
    "friday": r"friday|п.?ятниц\w+",
    "saturday": r"saturday|субот\w+",
    "sunday": r"sunday|неділ\w+",
}
"""Patterns of the names of the days, in order from Monday; Ukrainian names in all cases (четвер, четверга)."""

# Strings that the library misreads: an interval with an open or unknown end (“2024/”, “/2024”), which it would bound
# ten years away, and a month with an unspecified second digit (“2024-1X”), for which it prints to standard output.
_UNREADABLE = re.compile(r"^/|/$|-\dX")
_LONGEST = 100
"""Characters of the longest EDTF string that is parsed; parsing time grows fast with the length."""


# Seasons that begin in December (EDTF, levels 1 and 2: winter, winter in the north, summer in the south). The library
# ends them with the year.
_OVER_YEAR_END = re.compile(r"\d{4}-(?:24|28|30)\Z", re.ASCII)


def bounds(edtf: str) -> tuple[date, date]:
    """Return the first and last day of an EDTF string (ISO 8601-2, levels 0–2).

    Example: ``bounds("2024-12")`` is 1 December 2024 and 31 December 2024; ``bounds("2024-24")``, the winter that
    begins in 2024, is 1 December 2024 and 28 February 2025.

    Raises:
        ValueError: the string does not parse, lacks a bound on one side, or is longer than any date.
    """
    return readings(edtf)[0]


@functools.lru_cache(maxsize=1024)
def readings(edtf: str) -> tuple[tuple[date, date], ...]:
    """Return the bounds that an EDTF string may mean, the usual ones first.

    There are several for a season over the end of a year only: by the standard it has the year of its beginning, but
    “winter 2024” is also said of January and February 2024.

    Raises:
        ValueError: see :func:`bounds`.
    """
    first, last = _as_read(edtf)
    begin, _, end = edtf.partition("/")
    begins = _seasons(begin) or ((first, last),)
    ends = _seasons(end or begin) or ((first, last),)
    if not end:
        return begins
    return tuple((low, high) for low, _ in begins for _, high in ends if low <= high)


def _seasons(edtf: str) -> tuple[tuple[date, date], ...]:
    """Return the bounds of a season over the end of a year, by the year of its beginning and of its end."""
    if not _OVER_YEAR_END.match(edtf):
        return ()
    year = int(edtf[:4])
    if year == date.max.year:
        return ()
    return tuple((date(y, 12, 1), date(y + 1, 3, 1) - timedelta(days=1)) for y in (year, year - 1) if y >= 1)


def cut_at_year_end(edtf: str, first: date | None, last: date | None) -> bool:
    """Return whether bounds are those that version 1 derived from a season over the end of a year."""
    return (first, last) == _as_read(edtf) and (first, last) not in readings(edtf)


@functools.lru_cache(maxsize=1024)
def _as_read(edtf: str) -> tuple[date, date]:
    """Return the bounds that the library reads.

    Raises:
        ValueError: see :func:`bounds`.
    """
    if len(edtf) > _LONGEST or _UNREADABLE.search(edtf):
        raise ValueError(edtf)
    try:
        parsed = parse_edtf(edtf)
        low, high = parsed.lower_strict(), parsed.upper_strict()
        return date(*low[:3]), date(*high[:3])
    except (EDTFParseException, TypeError, AttributeError, ValueError, OverflowError):
        raise ValueError(edtf) from None


def weekdays(words: str) -> set[int]:
    """Return the days of the week that the words name, in Ukrainian or English (Monday is 0)."""
    return {i for i, name in enumerate(_WEEKDAYS.values()) if re.search(rf"\b(?:{name})\b", words, re.IGNORECASE)}


def check(graph: Graph) -> Iterator[ValidationResult]:
    """Check every ``cg:TimeSpan`` of an article graph against F3 (weekday) and F4 (EDTF)."""
    for span in graph.subjects(RDF.type, cg("TimeSpan")):
        first, last = _day(graph, span, "notBefore"), _day(graph, span, "notAfter")
        for edtf in graph.objects(span, cg("edtf")):
            yield from _check_edtf(str(span), str(edtf), first, last)
        for passage in graph.objects(span, cg("quotedIn")):
            yield from _check_weekday(str(span), str(graph.value(passage, cg("exact"))), first, last)


def _day(graph: Graph, span: Node, name: str) -> date | None:
    value = graph.value(span, cg(name))
    day = value.toPython() if isinstance(value, Literal) else None
    return day if type(day) is date else None


def _check_edtf(focus: str, edtf: str, first: date | None, last: date | None) -> Iterator[ValidationResult]:
    try:
        allowed = readings(edtf)
    except ValueError:
        yield python_check_messages.result("F4-unreadable", focus=focus, value=edtf, edtf=edtf)
        return
    low, high = allowed[0]
    if first is not None and last is not None and first <= last and (first, last) not in allowed:
        yield python_check_messages.result(
            "F4-bounds", focus=focus, value=edtf, edtf=edtf, low=low, high=high, first=first, last=last
        )


def _check_weekday(focus: str, words: str, first: date | None, last: date | None) -> Iterator[ValidationResult]:
    named = weekdays(words)
    if first is not None and first == last and named and first.weekday() not in named:
        weekday = python_check_messages.words()[[*_WEEKDAYS][first.weekday()]]
        yield python_check_messages.result("F3", focus=focus, value=words, words=words, day=first, weekday=weekday)
