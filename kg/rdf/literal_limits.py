"""Literals that the store cannot hold as they are meant: text with U+0000, and values out of the engine's range.

The engine keeps such a number, date or duration as mere text: it has no value in FILTER, ORDER BY, an aggregate or a
shape. ``AVG`` over values of which one is such a number is unbound, and a shape that bounds it is satisfied.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kg.errors import BadInput
from kg.rdf import oxigraph

FRACTION_DIGITS = 18
"""Digits after the point that the engine computes with."""
REMEDY = (
    f"Round it to {FRACTION_DIGITS} digits after the point and to the range of a 64-bit integer, or type it as "
    "xsd:double."
)

_XSD = "http://www.w3.org/2001/XMLSchema#"
_DECIMAL = f"{_XSD}decimal"
_INTEGERS = frozenset(
    _XSD + name
    for name in (
        *("integer", "long", "int", "short", "byte", "nonNegativeInteger", "positiveInteger", "nonPositiveInteger"),
        *("negativeInteger", "unsignedLong", "unsignedInt", "unsignedShort", "unsignedByte"),
    )
)
_TEMPORAL = frozenset(
    _XSD + name
    for name in (
        *("date", "dateTime", "dateTimeStamp", "time", "gYear", "gYearMonth"),
        *("duration", "dayTimeDuration", "yearMonthDuration"),
    )
)
_LONG = 19
"""Digits of the shortest number that may be out of range: 2⁶³ has so many, and so has a fraction that is too long."""
_DATE_OR_DURATION = re.compile(r"[0-9PYMDTHSZ:.+-]+")
_ZEROS_AT_END = re.compile(r"(\.[0-9]*?)0+(?![0-9])")
_NUMBER = re.compile(r"\s*([+-]?)([0-9]*)(?:\.([0-9]*))?\s*")
_LONGEST_SHOWN = 60


def out_of_range(value: str, datatype: str) -> bool:
    """Return whether a literal is a number, date or duration that the engine cannot compute with.

    Integers are held in 64 bits; decimals in 128, of which the unit is 10⁻¹⁸: ``0.1234567890123456789`` has one digit
    too many, and 2 × 10²⁰ is too large. So are the parts of dates and durations. Ill-typed literals are none of them.

    >>> out_of_range("0.1234567890123456789", "http://www.w3.org/2001/XMLSchema#decimal")
    True
    """
    if len(value) < _LONG:
        return False
    if datatype in _TEMPORAL and _DATE_OR_DURATION.fullmatch(value):
        return re.search(f"[0-9]{{{_LONG}}}", _ZEROS_AT_END.sub(r"\1", value)) is not None
    return (datatype == _DECIMAL or datatype in _INTEGERS) and _number_out_of_range(value, datatype)


def _number_out_of_range(value: str, datatype: str) -> bool:
    found = _number(value, datatype)
    if found is None:
        return False
    whole, fraction = found[2].lstrip("0"), (found[3] or "").rstrip("0")
    if len(fraction) > FRACTION_DIGITS or len(whole) > 21:  # before int(), which is slow for long texts
        return True
    unit = FRACTION_DIGITS if datatype == _DECIMAL else 0
    number = int(f"{found[1]}{whole}{fraction:0<{unit}}" if whole or fraction else "0")
    largest = 2 ** (127 if datatype == _DECIMAL else 63)
    return not -largest <= number < largest


def _number(value: str, datatype: str) -> re.Match[str] | None:
    """Return the sign and digits of a number as its type writes it; ``None`` for an ill-typed one."""
    found = _NUMBER.fullmatch(value)
    if found is None or not (found[2] or found[3]):
        return None
    return found if found[3] is None or datatype == _DECIMAL else None


def check(value: str, datatype: str, predicate: str = "") -> None:
    """Check that the store can hold a literal.

    Args:
        value: its text.
        datatype: its datatype.
        predicate: the predicate of its statement, for messages.

    Raises:
        BadInput: it has U+0000, or is out of range.
    """
    place = f" (of <{predicate}>)" if predicate else ""
    if "\0" in value:
        raise BadInput(
            f"The text “{shown(value)}”{place} contains the character U+0000.",
            remedy="Remove the character; many programs take it for the end of the text.",
        )
    if out_of_range(value, datatype):
        raise BadInput(
            f"The value {shown(value)}{place} is out of the range that the store computes with: no comparison, sum or "
            "order would include it.",
            remedy=REMEDY,
        )


def checked(quads: Iterable[oxigraph.Quad]) -> Iterator[oxigraph.Quad]:
    """Yield quads whose literals the store can hold.

    Raises:
        BadInput: see :func:`check`.
    """
    for quad in quads:
        for value, datatype, predicate in _literals(quad):
            check(value, datatype, predicate)
        yield quad


@dataclass
class OutOfRangeCount:
    """Count of the values out of range in quads that are loaded nevertheless.

    Attributes:
        count: how many there were.
        first: the first of them, with its predicate.
    """

    count: int = 0
    first: str = ""

    def counted(self, quads: Iterable[oxigraph.Quad]) -> Iterator[oxigraph.Quad]:
        """Yield the quads, and count.

        Raises:
            BadInput: a literal contains U+0000.
        """
        for quad in quads:
            for value, datatype, predicate in _literals(quad):
                if out_of_range(value, datatype):
                    self.count += 1
                    self.first = self.first or f"{shown(value)} (of <{predicate}>)"
                else:
                    check(value, datatype, predicate)
            yield quad


def _literals(statement: oxigraph.Quad | oxigraph.Triple) -> Iterator[tuple[str, str, str]]:
    """Yield the literals of a statement that need a closer look: text, datatype, predicate. Most have none."""
    item = statement.object
    if isinstance(item, oxigraph.Literal):
        value = item.value
        if len(value) >= _LONG or "\0" in value:
            yield value, item.datatype.value, statement.predicate.value
    elif isinstance(item, oxigraph.Triple):
        yield from _literals(item)


def shown(text: str) -> str:
    """Return a text as messages show it: short, with control characters as code points."""
    short = text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
    return "".join(char if char.isprintable() else f"U+{ord(char):04X}" for char in short)
