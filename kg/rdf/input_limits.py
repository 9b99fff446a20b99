"""Limits on submitted RDF, checked before it is parsed: nesting of brackets, and expansion of XML entities.

The parsers have neither limit. One by recursive descent overflows its stack on deep nesting, which ends the process;
and ten short entity declarations can expand to a terabyte of text.
"""

from __future__ import annotations

import re

from kg.errors import TooLarge

MAX_DATA_NESTING = 200
"""Maximum nesting depth of brackets in submitted RDF."""

# Strings, IRIs and comments come first, so that brackets inside them do not count: ``<u:a> <u:b> "[[[" .`` has depth 0.
_JSON_MARKS = re.compile(rb'"(?:[^"\\]|\\.)*"|(?P<open>[\[{])|(?P<close>[\]}])', re.DOTALL)
_TURTLE_MARKS = re.compile(
    rb'"""(?:[^"\\]|\\.|"(?!""))*"""|\'\'\'(?:[^\'\\]|\\.|\'(?!\'\'))*\'\'\''
    rb'|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|<[^<>\s"]*>|#[^\n]*|(?P<open><<|[\[({])|(?P<close>>>|[\])}])',
    re.DOTALL,
)

_EXPANSION_FACTOR = 10
_EXPANSION_SPARE = 1024 * 1024
_DECLARATION = re.compile(rb'<!ENTITY\s+(?:%\s*)?([^\s"&;]+)\s+"([^"]*)"')
_REFERENCE = re.compile(rb"&([^&;#\s][^&;]*);")


def refuse_deep(data: bytes, *, json: bool) -> None:
    """Check that RDF does not nest brackets deeper than :data:`MAX_DATA_NESTING`, in linear time.

    Args:
        data: JSON-LD, or text of the Turtle family (N-Triples, N-Quads, TriG, N3).
        json: whether ``data`` is JSON-LD.

    Raises:
        TooLarge: the nesting is too deep.
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


def refuse_expansion(data: bytes) -> None:
    """Check that the entities of RDF/XML do not expand it beyond ten times its size plus 1 MiB, in linear time.

    Vocabularies declare their namespaces as entities, which expands them a few times; that is far below the limit.

    Example: after ``<!ENTITY a "haha">`` and ``<!ENTITY b "&a;&a;">`` the sizes are 4 and 14 (the six bytes of text and
    eight of expansion: an upper bound), so each ``&b;`` in the document counts 14.

    Raises:
        TooLarge: the expansion is too large, or an entity is declared in a form whose size cannot be computed.
    """
    if b"<!ENTITY" not in data:
        return
    sizes: dict[bytes, int] = {}
    declared = 0
    limit = _EXPANSION_FACTOR * len(data) + _EXPANSION_SPARE
    for declaration in _DECLARATION.finditer(data):
        declared += 1
        name, value = declaration.groups()
        # A reference to an entity that is declared later counts 0: the parser rejects it.
        size = len(value) + sum(sizes.get(reference[1], 0) for reference in _REFERENCE.finditer(value))
        # Of two declarations the larger counts, whichever the parser uses; the cap keeps the numbers short.
        sizes[name] = max(sizes.get(name, 0), min(size, limit + 1))
    total = sum(sizes.get(reference[1], 0) for reference in _REFERENCE.finditer(data))
    # Declarations that the pattern does not match (SYSTEM, PUBLIC, single quotes) cannot be measured.
    if total > limit or declared < data.count(b"<!ENTITY"):
        raise TooLarge(
            "The RDF/XML grows too much when its entities are expanded.",
            remedy="Write the names in full, or use another format.",
        )
