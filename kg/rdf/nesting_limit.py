"""How deep brackets nest in RDF that is sent: a parser by recursive descent would overflow its stack on it."""

from __future__ import annotations

import re

from kg.errors import TooLarge

MAX_DATA_NESTING = 200
"""Deepest nesting of brackets in RDF that is sent."""

# Strings, IRIs and comments come first: brackets inside them do not nest.
_JSON_MARKS = re.compile(rb'"(?:[^"\\]|\\.)*"|(?P<open>[\[{])|(?P<close>[\]}])', re.DOTALL)
_TURTLE_MARKS = re.compile(
    rb'"""(?:[^"\\]|\\.|"(?!""))*"""|\'\'\'(?:[^\'\\]|\\.|\'(?!\'\'))*\'\'\''
    rb'|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|<[^<>\s"]*>|#[^\n]*|(?P<open><<|[\[({])|(?P<close>>>|[\])}])',
    re.DOTALL,
)


def refuse_deep(data: bytes, *, json: bool) -> None:
    """Refuse RDF that nests deeper than :data:`MAX_DATA_NESTING`; takes linear time.

    Args:
        data: JSON-LD, or text of the Turtle family (N-Triples, N-Quads, TriG, N3).
        json: which of the two it is.

    Raises:
        TooLarge: it nests too deep.
    """
    marks = _JSON_MARKS if json else _TURTLE_MARKS
    depth = deepest = 0
    for found in marks.finditer(data):
        if found.lastgroup == "open":
            depth += 1
            deepest = max(deepest, depth)
        elif found.lastgroup == "close":
            depth -= 1
    if deepest > MAX_DATA_NESTING:
        raise TooLarge(
            f"The data nests brackets {deepest} deep; the limit is {MAX_DATA_NESTING}.",
            remedy="Write it flatter, with names instead of nested nodes.",
        )
