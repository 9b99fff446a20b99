"""Checks of dates in words (F3) and in EDTF (F4), the two constraints that SPARQL cannot express."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from datetime import date

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


@functools.lru_cache(maxsize=1024)
def bounds(edtf: str) -> tuple[date, date]:
    """Return the first and last day of an EDTF string (ISO 8601-2, levels 0–2).

    Example: ``bounds("2024-12")`` is 1 December 2024 and 31 December 2024.

    Raises:
        ValueError: the string does not parse, lacks a bound on one side, or is longer than any date.
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
        low, high = bounds(edtf)
    except ValueError:
        yield python_check_messages.result("F4-unreadable", focus=focus, value=edtf, edtf=edtf)
        return
    if first is not None and last is not None and first <= last and (first, last) != (low, high):
        yield python_check_messages.result(
            "F4-bounds", focus=focus, value=edtf, edtf=edtf, low=low, high=high, first=first, last=last
        )


def _check_weekday(focus: str, words: str, first: date | None, last: date | None) -> Iterator[ValidationResult]:
    named = weekdays(words)
    if first is not None and first == last and named and first.weekday() not in named:
        weekday = python_check_messages.words()[[*_WEEKDAYS][first.weekday()]]
        yield python_check_messages.result("F3", focus=focus, value=words, words=words, day=first, weekday=weekday)
