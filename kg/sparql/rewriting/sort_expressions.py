"""Conditions of ORDER BY that the engine sorts in a total order, that of :mod:`kg.rdf.literal_sort_keys`.

The engine's own comparison is total within exact numbers, within durations, IRIs and blank nodes; other literals that
it cannot compare it compares as texts. So all others become literals of these types whose texts stand where they
should: ``-3 < 7 < "Oабв" < "P4391675D"^^xsd:dayTimeDuration`` for two numbers, the string ``абв``, and a date, which is
the time from a point before it. The engine's builtins do all this, and only what is rare (years, durations, numbers
that it cannot hold) costs a call of a function in Python, once for each row.
"""

from __future__ import annotations

from kg.rdf.literal_sort_keys import BEFORE, FALSE, SORT_KEY, STRING, TRUE

_XSD = "http://www.w3.org/2001/XMLSchema#"
# Starts of the count with and without a zone, since the difference of both has no value, each with what the key is less
# by: of values that begin at one time the vaguer one comes first, as in the keys of the function.
_STARTS = tuple(
    (f'"{BEFORE}{clock}{zone}"^^<{_XSD}{name}>', f' - "PT{steps:.18f}S"^^<{_XSD}dayTimeDuration>' if steps else "")
    for name, clock, zone, steps in (
        ("dateTime", "T00:00:00", "Z", 0),
        ("dateTime", "T00:00:00", "", 1e-18),
        ("date", "", "", 3e-18),
        ("date", "", "Z", 2e-18),
    )
)
_EXACT = "4.0E15"
"""Double below which the conversion to a decimal is off by less than half of one, so that ROUND gives an integer back.

The conversion to an integer is no help: that of 99999.0E0 is 99998.
"""
_LONG = 100
"""Characters of an expression that is not repeated."""


def sort_conditions(value: str, direction: str, none: str) -> str:
    """Return the conditions in place of one: for the key of an expression, and for numbers whose keys are equal.

    Args:
        value: a variable, or an expression in brackets or of one call.
        direction: ``ASC``, ``DESC``, or nothing.
        none: a variable that is never bound.
    """
    repeated = len(value) <= _LONG and "{" not in value
    key = _key(value, none) if repeated else f"<{SORT_KEY}>({value})"
    # Keys of doubles are decimals, which are equal for doubles next to each other, and for very small ones.
    return f" ({key}) {direction} (IF(isNumeric({value}), <{_XSD}double>({value}), {none}))"


def _key(value: str, none: str) -> str:
    """Return the expression for the sort key of another."""
    datatype = f"DATATYPE({value})"
    decimal = f"<{_XSD}decimal>({value})"
    number = (
        f"IF({datatype} IN (<{_XSD}integer>, <{_XSD}decimal>), {value},"
        f" IF(ABS({value}) < {_EXACT}, IF(FLOOR({value}) = {value}, ROUND({decimal}), {decimal}), {none}))"
    )
    text = (
        f'IF({datatype} = <{_XSD}string>, CONCAT("{STRING}", {value}),'
        f' IF(LANG({value}) != "", STRLANG(CONCAT("{STRING}", STR({value})), LANG({value})),'
        f' IF({datatype} = <{_XSD}boolean>, IF({value}, "{TRUE}", "{FALSE}"), {none})))'
    )
    literal = f"IF(isNumeric({value}), {number}, {text})"
    moments = ", ".join(f"IF({value} > {start}, {value} - {start}{less}, {none})" for start, less in _STARTS)
    return (
        f"COALESCE(IF(isLiteral({value}), {literal}, IF(isIRI({value}) || isBlank({value}), {value}, {none})),"
        f" {moments}, <{SORT_KEY}>({value}))"
    )
