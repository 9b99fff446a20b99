"""Dates in words and in EDTF: the two constraints that SPARQL cannot state (F3, F4)."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from datetime import date

from edtf import parse_edtf
from edtf.parser.edtf_exceptions import EDTFParseException
from rdflib import RDF, Graph, Literal
from rdflib.term import Node

from kg.rdf import cg
from kg.report import Result

_WEEKDAYS = (
    r"monday|понеділ\w+",
    r"tuesday|вівтор\w+",
    r"wednesday|серед[аиіу]|середою",
    r"thursday|четвер(?:[гз]\w+)?",
    r"friday|п.?ятниц\w+",
    r"saturday|субот\w+",
    r"sunday|неділ\w+",
)


# An end that is open or unknown, which the library would put ten years away; and “2024-1X”, on which it prints.
_UNREADABLE = re.compile(r"^/|/$|-\dX")
_LONGEST = 100


@functools.lru_cache(maxsize=1024)
def bounds(edtf: str) -> tuple[date, date]:
    """Give the first and last day of an EDTF string (ISO 8601-2, levels 0–2).

    Raises:
        ValueError: it does not parse, it is open on a side, or it is longer than any date (reading takes time).
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
    """Find the days of the week that words name, in Ukrainian or English (Monday is 0)."""
    return {i for i, name in enumerate(_WEEKDAYS) if re.search(rf"\b(?:{name})\b", words, re.IGNORECASE)}


def check(graph: Graph) -> Iterator[Result]:
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


def _check_edtf(focus: str, edtf: str, first: date | None, last: date | None) -> Iterator[Result]:
    try:
        low, high = bounds(edtf)
    except ValueError:
        en = f"“{edtf}” is not an EDTF date with two ends that can be read."
        yield _result("F4", focus, edtf, en, f"«{edtf}» не є датою EDTF, у якої можна прочитати обидві межі.")
        return
    if first is not None and last is not None and first <= last and (first, last) != (low, high):
        en = f"The EDTF string {edtf} spans {low} to {high}, but the bounds are {first} to {last}."
        uk = f"Рядок EDTF {edtf} охоплює проміжок {low}–{high}, а межі вказано {first}–{last}."
        yield _result("F4", focus, edtf, en, uk)


def _check_weekday(focus: str, words: str, first: date | None, last: date | None) -> Iterator[Result]:
    named = weekdays(words)
    if first is not None and first == last and named and first.weekday() not in named:
        en = f"“{words}” names another day of the week than {first}, which is a {first:%A}."
        yield _result("F3", focus, words, en, f"«{words}» називає не той день тижня, на який припадає {first}.")


_REMEDIES = {
    "F3": {"en": "Correct the date or the quoted words.", "uk": "Виправте дату або процитовані слова."},
    "F4": {
        "en": "Write EDTF such as 2024-12-08 or [2024-12-01..2024-12-06], with bounds equal to notBefore and notAfter.",
        "uk": "Запишіть EDTF на зразок 2024-12-08 або [2024-12-01..2024-12-06] з межами, рівними notBefore і notAfter.",
    },
}


def _result(constraint: str, focus: str, value: str, en: str, uk: str) -> Result:
    return Result(
        constraint=constraint,
        severity="Violation",
        messages={"en": en, "uk": uk},
        focus=focus,
        value=value,
        remedies=_REMEDIES[constraint],
    )
