"""Limits on submitted RDF, checked before it is parsed: nesting, XML attributes and entities, and length of a term.

The parsers lack them. One by recursive descent overflows its stack on deep nesting, which ends the process; the one of
RDF/XML takes quadratic time for nested elements and for attributes of one element; and ten short entity declarations
can expand to a terabyte of text. A document in memory and a stream of any length are measured by the same
:class:`_Meter`.
"""

from __future__ import annotations

import re
from typing import IO, Literal

from kg.errors import MalformedText, TooLarge

Syntax = Literal["turtle", "lines", "json", "xml"]
"""Family of a syntax: Turtle (also TriG and N3), N-Triples and N-Quads, JSON-LD, RDF/XML."""

MAX_DATA_NESTING = 200
"""Maximum nesting depth of brackets in submitted RDF."""

MAX_XML_NESTING = 1000
"""Maximum nesting depth of elements in RDF/XML, of which two make one level of nodes."""

MAX_XML_ATTRIBUTES = 1000
"""Maximum number of attributes of one element of RDF/XML."""

MAX_TERM = 16 * 1024 * 1024
"""Maximum length of one string, name or line in bytes: the size of the parsers' buffer."""

_PIECE = 1024 * 1024
"""Bytes of a stream that are measured at a time."""

# Strings, IRIs, comments and escapes come first, so that brackets inside them do not count: ``<u:a> <u:b> "[[[" .`` has
# depth 0. Where the data ends within one of them, the match reaches the end (``\Z``) and is repeated with more data.
_TURTLE_MARKS = re.compile(
    rb'"""(?:[^"\\]++|\\.|"(?!""))*+(?:"""|\\?\Z)|\'\'\'(?:[^\'\\]++|\\.|\'(?!\'\'))*+(?:\'\'\'|\\?\Z)'
    rb'|"(?:[^"\\\n]++|\\.)*+(?:"|\\?\Z)|\'(?:[^\'\\\n]++|\\.)*+(?:\'|\\?\Z)|<[^<>\s"]*+(?:>|\Z)|#[^\n]*+'
    rb"|\\(?:.|\Z)|(?P<open><<|[\[({])|(?P<close>>>|[\])}])|>\Z",
    re.DOTALL,
)
_MARKS: dict[Syntax, re.Pattern[bytes]] = {
    "turtle": _TURTLE_MARKS,
    "lines": _TURTLE_MARKS,
    "json": re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|(?P<open>[\[{])|(?P<close>[\]}])', re.DOTALL),
    # An element with a closing slash opens nothing; ``>`` and ``<`` may stand in the value of an attribute.
    "xml": re.compile(
        rb"<!--(?:.*?-->|.*\Z)|<!\[CDATA\[(?:.*?\]\]>|.*\Z)|<\?(?:.*?\?>|.*\Z)|<!?\Z"
        rb"|<!(?:[^<>\"']++|\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z))*+"
        rb"|(?P<close></)"
        rb"|<(?:[^>\"'/]++|/(?!>)|\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z))*+(?:/>|(?P<open>>)|/?\Z)"
        rb"|&[^&;<\s]*+(?:;|\Z)",
        re.DOTALL,
    ),
}
_DEEPEST: dict[Syntax, int] = {
    "turtle": MAX_DATA_NESTING,
    "lines": MAX_DATA_NESTING,
    "json": MAX_DATA_NESTING,
    "xml": MAX_XML_NESTING,
}

_ATTRIBUTE = re.compile(rb"=\s*(?:\"[^\"]*+\"|'[^']*+')")
_LEAST_ATTRIBUTE = len(b" a=''")

_EXPANSION_FACTOR = 10
_EXPANSION_SPARE = 1024 * 1024
_DECLARATION = re.compile(rb'<!ENTITY\s+(?:%\s*)?([^\s"&;]+)\s+"([^"]*)"')
_REFERENCE = re.compile(rb"&([^&;#\s][^&;]*);")

_UTF8_MARK = b"\xef\xbb\xbf"
_OTHER_MARKS = (b"\xff\xfe", b"\xfe\xff")


def checked(data: bytes, syntax: Syntax) -> bytes:
    """Check a whole document and return it without a byte order mark, in linear time.

    Raises:
        TooLarge: it nests too deep, its entities expand too much, or a term is too long.
        MalformedText: it is UTF-16.
    """
    data = without_mark(data)
    meter = _Meter(syntax)
    meter.measure(data, final=True)
    return data


def without_mark(data: bytes) -> bytes:
    """Return the beginning of a text without the byte order mark that Windows editors write.

    Raises:
        MalformedText: the mark is that of UTF-16.
    """
    if data.startswith(_OTHER_MARKS):
        raise MalformedText("The text is UTF-16, but RDF is read as UTF-8.", remedy="Save it as UTF-8.")
    return data.removeprefix(_UTF8_MARK)


class CheckedStream:
    """Stream of RDF that hands on only what has been measured, so that the parser never sees what is over a limit."""

    def __init__(self, stream: IO[bytes], syntax: Syntax) -> None:
        self._stream = stream
        self._meter = _Meter(syntax)
        self._pending: bytes | None = None  # what was read but not measured to its end; ``None`` before the first read
        self._ready = memoryview(b"")
        self._ended = False

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes, or all that are left.

        Raises:
            TooLarge, MalformedText: see :func:`checked`.
        """
        if size < 0:
            return b"".join(iter(lambda: self.read(_PIECE), b""))
        while not self._ready and not self._ended:
            self._advance()
        piece, self._ready = self._ready[:size], self._ready[size:]
        return bytes(piece)

    def _advance(self) -> None:
        """Read and measure another piece; the end of an unfinished string or tag waits for more."""
        more = self._stream.read(_PIECE)
        self._ended = not more
        data = without_mark(more) if self._pending is None else self._pending + more
        done = self._meter.measure(data, final=self._ended)
        self._ready, self._pending = memoryview(data)[:done], data[done:]
        if len(self._pending) > MAX_TERM:
            raise too_long()


def too_long() -> TooLarge:
    """Return the error of a string, name or line that no parser's buffer can hold."""
    return TooLarge(
        f"A single term of the data is longer than {MAX_TERM // (1024 * 1024)} MiB.",
        remedy="Keep long texts in files of their own, and write their addresses into the data.",
    )


class _Meter:
    """Depth and expansion of a document that is measured in pieces."""

    def __init__(self, syntax: Syntax) -> None:
        self._syntax = syntax
        self._depth = 0
        self._line = 1
        self._entities = _Entities() if syntax == "xml" else None

    def measure(self, data: bytes, *, final: bool) -> int:
        """Measure data up to the last mark that is complete, and return its end; with ``final``, to the end.

        Raises:
            TooLarge: a limit is exceeded.
        """
        end = self._nesting(data, final=final)
        if self._entities:
            self._entities.measure(data[:end])
        self._line += data.count(b"\n", 0, end)
        return end

    def _nesting(self, data: bytes, *, final: bool) -> int:
        if self._syntax == "lines":  # nothing nests but quoted triples, and no line is continued by the next
            end = len(data) if final else data.rfind(b"\n") + 1
            data = data[:end]
            if b"<<" not in data:
                return end
            final = True
        deepest = _DEEPEST[self._syntax]
        for found in _MARKS[self._syntax].finditer(data):
            if found.end() == len(data) and not final:
                return found.start()
            if self._entities and found.end() - found.start() > MAX_XML_ATTRIBUTES * _LEAST_ATTRIBUTE:
                self._check_attributes(found[0], self._line + data.count(b"\n", 0, found.start()))
            if found.lastgroup == "open":
                self._depth += 1
                if self._depth > deepest:
                    raise self._too_deep(deepest, self._line + data.count(b"\n", 0, found.start()))
            elif found.lastgroup == "close":
                self._depth -= 1
        return len(data)

    def _check_attributes(self, mark: bytes, line: int) -> None:
        if mark[1:2] not in b"!?/" and sum(1 for _ in _ATTRIBUTE.finditer(mark)) > MAX_XML_ATTRIBUTES:
            raise TooLarge(
                f"The data has an element with more than {MAX_XML_ATTRIBUTES} attributes at line {line}.",
                remedy="Write the properties as elements, or use another format.",
                line=line,
            )

    def _too_deep(self, deepest: int, line: int) -> TooLarge:
        what = "elements" if self._syntax == "xml" else "brackets"
        return TooLarge(
            f"The data nests {what} more than {deepest} deep at line {line}; the limit is {deepest}.",
            remedy="Write it flatter, with names instead of nested nodes.",
            line=line,
        )


class _Entities:
    """Entities of RDF/XML, which may not expand it beyond ten times its size plus 1 MiB.

    Vocabularies declare their namespaces as entities, which expands them a few times; that is far below the limit.

    Example: after ``<!ENTITY a "haha">`` and ``<!ENTITY b "&a;&a;">`` the sizes are 4 and 14 (the six bytes of text and
    eight of expansion: an upper bound), so each ``&b;`` in the document counts 14.
    """

    def __init__(self) -> None:
        self._sizes: dict[bytes, int] = {}
        self._length = 0
        self._total = 0

    def measure(self, data: bytes) -> None:
        """Measure the next piece of a document, in which every declaration and reference is complete.

        Raises:
            TooLarge: the expansion is too large, or an entity is declared in a form whose size cannot be computed.
        """
        self._length += len(data)
        limit = _EXPANSION_FACTOR * self._length + _EXPANSION_SPARE
        expected = data.count(b"<!ENTITY")
        declared = self._declare(data, limit) if expected else 0
        if self._sizes:
            self._total += sum(self._sizes.get(reference[1], 0) for reference in _REFERENCE.finditer(data))
        # Declarations that the pattern does not match (SYSTEM, PUBLIC, single quotes) cannot be measured.
        if self._total > limit or declared < expected:
            raise TooLarge(
                "The RDF/XML grows too much when its entities are expanded.",
                remedy="Write the names in full, or use another format.",
            )

    def _declare(self, data: bytes, limit: int) -> int:
        """Note the sizes of the declared entities, and return their number."""
        declared = 0
        for declared, declaration in enumerate(_DECLARATION.finditer(data), start=1):  # noqa: B007 - the last number
            name, value = declaration.groups()
            # A reference to an entity that is declared later counts 0: the parser rejects it.
            size = len(value) + sum(self._sizes.get(reference[1], 0) for reference in _REFERENCE.finditer(value))
            # Of two declarations the larger counts, whichever the parser uses; the cap keeps the numbers short.
            self._sizes[name] = max(self._sizes.get(name, 0), min(size, limit + 1))
        return declared
