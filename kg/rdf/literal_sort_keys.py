"""Sort keys of literals: strings whose order is a total order of all literals, and that of SPARQL where it has one.

SPARQL defines ``<`` for numbers, strings, booleans, dates, times and durations, each among themselves, and leaves open
how others are ordered (Query, section 15.1). Any choice must be transitive, or sorting has no result. Two cases are
partly defined: values with and without a time zone, and durations of months and of days. Here a value without a zone
stands where it would in UTC, and a month has 30.44 days; where ``<`` is defined, both agree with it.

There are two kinds of keys. A text key (:func:`literal_key`) can be part of a longer one; its first letter is the kind
of value: boolean, duration, number, string, point in time, time of day, part of a date, anything else. A comparable
literal (:func:`comparable_literal`) is one that the engine's own comparison puts in its place, among the keys of
:mod:`kg.sparql.rewriting.sort_expressions`.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from decimal import ROUND_CEILING, Context, Decimal
from functools import lru_cache

SORT_KEY = "urn:x-claimgraph:sort-key"
"""IRI of the function that returns the sort key of a term; see :func:`kg.rdf.oxigraph_queries.query`."""

STRING, TRIPLE = "O", "~"
"""First letters of the keys of strings and triple terms, for the engine; see :data:`_PREFIXES`."""

FALSE, TRUE = "!b0", "!b1"
"""Keys of booleans for the engine."""

BEFORE = "-9999-01-01"
"""Day from which dates are counted for the engine; those before it have texts as keys."""

# What comes before the key of a kind, if it is a text. The engine compares a text with a number (or a duration) by what
# both look like, which begins with a digit or "-" (or with "P" and a digit): so "#" and "," are less than any number,
# "A" to "P!" are greater than any number and less than any duration, and the rest is greater than any duration.
_PREFIXES = {"b": "!", "d": "#", "s": STRING, "u": "Q", "v": "R", "x": "X"}
_LOW_NUMBER, _HIGH_NUMBER, _EARLY, _LATE = ",", "A", "P!", "PZ"
_ENGINE_LIMIT = 170 * 10**18
"""Value beyond which the engine holds no decimal, and no duration of so many seconds."""

_DIGITS = 18
"""Digits of a fraction in the engine."""

_PRECISE = 7
"""Rank of a dateTime with a zone among points in time."""

_XSD = "http://www.w3.org/2001/XMLSchema#"
_STRINGS = (f"{_XSD}string", "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString")
_FIXED = re.compile(r"[+\-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_FLOATING = re.compile(rf"{_FIXED.pattern}(?:[eE][+\-]?[0-9]+)?|[+\-]?INF|NaN")
_ZONE = r"(?P<zone>Z|[+\-][0-9]{2}:[0-9]{2})?"
_CLOCK = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]+))?"
_YEAR, _MONTH, _DAY = "(?P<year>-?[0-9]{4,1000})", "(?P<month>[0-9]{2})", "(?P<day>[0-9]{2})"
# For each type of date or time: its kind, its rank among equal points in time (the vaguer one comes first), its form.
_TEMPORAL = {
    "gYear": ("t0", re.compile(_YEAR + _ZONE)),
    "gYearMonth": ("t1", re.compile(f"{_YEAR}-{_MONTH}{_ZONE}")),
    "date": ("t2", re.compile(f"{_YEAR}-{_MONTH}-{_DAY}{_ZONE}")),
    "dateTime": ("t3", re.compile(f"{_YEAR}-{_MONTH}-{_DAY}T{_CLOCK}{_ZONE}")),
    "dateTimeStamp": ("t3", re.compile(f"{_YEAR}-{_MONTH}-{_DAY}T{_CLOCK}{_ZONE}")),
    "time": ("u0", re.compile(_CLOCK + _ZONE)),
    "gMonth": ("v0", re.compile(f"--{_MONTH}{_ZONE}")),
    "gMonthDay": ("v1", re.compile(f"--{_MONTH}-{_DAY}{_ZONE}")),
    "gDay": ("v2", re.compile(f"---{_DAY}{_ZONE}")),
}
_N = "([0-9]{1,1000})"  # Python reads no integer of more than 4300 digits
_DURATION = re.compile(
    rf"(-)?P(?:{_N}Y)?(?:{_N}M)?(?:{_N}D)?(?:T(?:{_N}H)?(?:{_N}M)?(?:([0-9]{{1,1000}}(?:\.[0-9]+)?)S)?)?"
)
_FAR = 2**62
"""Seconds beyond which keys are longer."""

_SHORT = 15
"""Digits of an integer that a double holds exactly."""

_MONTH_SECONDS = 2_629_746
"""Mean length of a month: 400 years have 4800 months and 146,097 days."""


def literal_key(value: str, datatype: str, language: str) -> str:
    """Return the sort key of a literal; equal for values that are equal, such as ``1`` and ``1.0``.

    >>> time = "http://www.w3.org/2001/XMLSchema#time"
    >>> literal_key("12:30:00+01:00", time, "") < literal_key("12:00:00", time, "")
    True
    """
    if datatype in _STRINGS:
        return f"s{value}\0{language}" if language else f"s{value}"
    return _typed_key(value, datatype)


@lru_cache(10_000)
def comparable_literal(value: str, datatype: str, language: str) -> tuple[str, str]:
    """Return the literal, as value and datatype, that the engine compares with others as it should this one.

    >>> comparable_literal("2025", "http://www.w3.org/2001/XMLSchema#gYear", "")
    ('PT379440806399.999999999999999993S', 'http://www.w3.org/2001/XMLSchema#dayTimeDuration')
    """
    key = literal_key(value, datatype, language)
    kind = key[0]
    if kind == "n":
        number = Decimal(value) if _FIXED.fullmatch(value) else Decimal(float(value))
        if not number.is_nan() and -_ENGINE_LIMIT < number < _ENGINE_LIMIT:
            return f"{_rounded(number):f}", f"{_XSD}decimal"
        return f"{_LOW_NUMBER if not number.is_nan() and number < 0 else _HIGH_NUMBER}{key}", _STRINGS[0]
    if kind == "t":
        seconds = _seconds_after(value, datatype)
        if 0 <= seconds < _ENGINE_LIMIT:
            return f"PT{seconds:f}S", f"{_XSD}dayTimeDuration"
        return f"{_EARLY if seconds < 0 else _LATE}{key}", _STRINGS[0]
    return _PREFIXES[kind] + (key[1:] if kind == "s" else key), _STRINGS[0]


_EXACT = Context(prec=60, rounding=ROUND_CEILING)


def _rounded(number: Decimal) -> Decimal:
    """Return a number with no more digits than the engine has, rounded up."""
    return number.quantize(Decimal(1).scaleb(-_DIGITS), context=_EXACT)


@lru_cache(10_000)
def _typed_key(value: str, datatype: str) -> str:
    read = _KEYS.get(datatype)
    key = read(value) if read else None
    return f"x{value}\0{datatype}" if key is None else key


def _boolean(value: str) -> str | None:
    return {"true": "b1", "1": "b1", "false": "b0", "0": "b0"}.get(value)


def _fixed(value: str) -> str | None:
    """Return the key of an integer or a decimal: its nearest double, and then the difference from it."""
    if not _FIXED.fullmatch(value):
        return None
    if len(value) <= _SHORT and "." not in value:  # an integer that a double holds: the usual case, and faster
        return f"n{_double(float(value))}1"
    return _decimal(value)


def _decimal(value: str) -> str:
    exact = Decimal(value)
    near = float(exact)
    difference = 0.0 if near in (float("inf"), float("-inf")) else float(exact - Decimal(near))
    # Without a difference the key is the same as that of the double; it lies between those of both signs.
    sign = "1" if difference == 0 else ("0" if difference < 0 else "2") + _double(difference)
    return f"n{_double(near)}{sign}"


def _floating(value: str) -> str | None:
    return f"n{_double(float(value))}1" if _FLOATING.fullmatch(value) else None


def _double(value: float) -> str:
    """Return eight characters that are ordered as doubles are; NaN comes last."""
    if value != value:  # noqa: PLR0124 - only NaN differs from itself
        return "\xff" * 8
    (bits,) = struct.unpack(">Q", struct.pack(">d", value + 0.0))  # -0.0 + 0.0 is 0.0
    return _characters(bits ^ (0xFFFF_FFFF_FFFF_FFFF if bits >> 63 else 1 << 63))


def _characters(number: int) -> str:
    """Return eight characters that are ordered as natural numbers below 2⁶⁴ are."""
    return number.to_bytes(8, "big").decode("latin-1")  # code points are ordered as bytes, in UTF-8 too


def _integer(value: int) -> str:
    """Return characters that are ordered as integers are; more than eight for those beyond any real date."""
    if -_FAR < value < _FAR:
        return _characters(value + _FAR)
    size = len(f"{abs(value)}")
    if value > 0:
        return f"\xff{size:09}{value}"
    return f"\0\0{10**9 - size:09}{10**size + value:0{size}}"


def _temporal(kind: str, form: re.Pattern[str]) -> Callable[[str], str | None]:
    """Return the function for one type of date or time."""

    def read(value: str) -> str | None:
        if not (match := form.fullmatch(value)):
            return None
        fraction = (match.groupdict().get("fraction") or "").rstrip("0")
        return f"{kind[0]}{_integer(_seconds(match))}{fraction}\0{_precision(kind, match)}"

    return read


def _precision(kind: str, match: re.Match[str]) -> int:
    """Return the rank of a value among those that begin at one time; one without a zone comes before one with it."""
    return 2 * int(kind[1]) + bool(match["zone"])


def _seconds(match: re.Match[str]) -> int:
    """Return the whole seconds from 1 March of year 0 to a point in time."""
    part = match.groupdict()
    seconds = 86_400 * _days(*(int(part.get(name) or 1) for name in ("year", "month", "day")))
    seconds += sum(int(part.get(name) or 0) * size for name, size in (("hour", 3600), ("minute", 60), ("second", 1)))
    zone = part["zone"]
    if zone and zone != "Z":
        offset = int(zone[1:3]) * 3600 + int(zone[4:]) * 60
        seconds += offset if zone[0] == "-" else -offset
    return seconds


def _seconds_after(value: str, datatype: str) -> Decimal:
    """Return the seconds from :data:`BEFORE` to a point in time, less by 10⁻¹⁸ for each step by which it is vaguer."""
    kind, form = _TEMPORAL[datatype.removeprefix(_XSD)]
    match, origin = form.fullmatch(value), _TEMPORAL["date"][1].fullmatch(BEFORE)
    assert match is not None
    assert origin is not None
    steps = _PRECISE - _precision(kind, match)
    whole = Decimal(_seconds(match) - _seconds(origin))
    fraction = _rounded(Decimal(f"0.{match.groupdict().get('fraction') or 0}"))
    return _EXACT.add(whole, fraction - Decimal(steps).scaleb(-_DIGITS))


def _days(year: int, month: int, day: int) -> int:
    """Return the number of a day in the Gregorian calendar, extended to all years."""
    # The year begins in March, so that the leap day is its last: 1 March of year 0 is day 0.
    shifted = year - (month <= 2)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return 365 * shifted + shifted // 4 - shifted // 100 + shifted // 400 + of_year


def _duration(value: str) -> str | None:
    match = _DURATION.fullmatch(value)
    if not match or value[-1] in "PT":
        return None
    sign = -1 if match[1] else 1
    years, months, days, hours, minutes = (int(match[number] or 0) for number in range(2, 7))
    months += 12 * years
    seconds = Decimal(match[7] or 0) + 60 * (minutes + 60 * (hours + 24 * days))
    length = sign * (months * _MONTH_SECONDS + seconds)
    whole = int(length // 1)
    fraction = str(length - whole).partition(".")[2].rstrip("0")
    return f"d{_integer(whole)}{fraction}\0{_integer(sign * months)}"


_INTEGERS = """
integer nonPositiveInteger negativeInteger long int short byte nonNegativeInteger unsignedLong unsignedInt unsignedShort
unsignedByte positiveInteger
"""
_KEYS: dict[str, Callable[[str], str | None]] = {
    f"{_XSD}{name}": read
    for names, read in (
        (["boolean"], _boolean),
        ([*_INTEGERS.split(), "decimal"], _fixed),
        (["float", "double"], _floating),
        (["duration", "dayTimeDuration", "yearMonthDuration"], _duration),
        *(([name], _temporal(*how)) for name, how in _TEMPORAL.items()),
    )
    for name in names
}
