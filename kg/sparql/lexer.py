r"""Cut SPARQL 1.1 and 1.2 text into tokens, without parsing it and without an engine.

The tokens are the terminals of the grammar (SPARQL 1.1 Query, section 19.8, rules 139 to 173) and its keywords, by
longest match; white space and comments are skipped.  One choice needs more than the characters: ``<`` opens an IRI or
compares.  By longest match ``?a<?b&&?c>?d`` holds an IRI, but a parser that works without a lexer, as our engine's,
reads two comparisons there, and whoever checks a request must read what the engine reads.  So brackets are followed,
and ``<`` after an operand inside an expression always compares.

Nothing here raises on bad input: what begins no token is a token of kind UNKNOWN, one character long.  Time is linear
in the length of the text, whatever the text: no character is scanned by more than a few patterns.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import NamedTuple


class TokenKind(StrEnum):
    """Kinds of token.  A WORD is a keyword, a function name, ``a``, ``true`` or ``false``, in any case of letters."""

    IRIREF = "IRIREF"
    STRING = "STRING"
    LANGTAG = "LANGTAG"
    VAR = "VAR"
    BNODE = "BNODE"
    PNAME = "PNAME"
    NUMBER = "NUMBER"
    WORD = "WORD"
    PUNCTUATION = "PUNCTUATION"
    UNKNOWN = "UNKNOWN"


class SparqlToken(NamedTuple):
    """A piece of the text; ``start`` and ``end`` are offsets in code points, so ``text[start:end]`` is its ``text``."""

    kind: TokenKind
    text: str
    start: int
    end: int


class Position(NamedTuple):
    """A place in a text as people count it: line and column, in code points, both from 1."""

    line: int
    column: int


class LineIndex:
    """Translate offsets in one text into positions, in logarithmic time each."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def at(self, offset: int) -> Position:
        """Return the position of the character at ``offset``."""
        line = bisect_right(self._starts, offset)
        return Position(line, offset - self._starts[line - 1] + 1)


_WORDS = """
BASE PREFIX VERSION SELECT DISTINCT REDUCED AS CONSTRUCT DESCRIBE ASK FROM NAMED WHERE GROUP BY HAVING ORDER ASC
DESC LIMIT OFFSET VALUES UNDEF LOAD SILENT INTO CLEAR DROP CREATE ADD MOVE COPY TO INSERT DELETE DATA WITH USING
DEFAULT ALL GRAPH OPTIONAL SERVICE BIND MINUS UNION LATERAL FILTER EXISTS NOT IN TRUE FALSE
COUNT SUM MIN MAX AVG SAMPLE GROUP_CONCAT SEPARATOR
STR LANG LANGMATCHES LANGDIR DATATYPE BOUND IRI URI BNODE RAND ABS CEIL FLOOR ROUND CONCAT STRLEN UCASE LCASE
ENCODE_FOR_URI CONTAINS STRSTARTS STRENDS STRBEFORE STRAFTER YEAR MONTH DAY HOURS MINUTES SECONDS TIMEZONE TZ NOW
UUID STRUUID MD5 SHA1 SHA256 SHA384 SHA512 COALESCE IF STRLANG STRLANGDIR STRDT SAMETERM ISIRI ISURI ISBLANK
ISLITERAL ISNUMERIC REGEX SUBSTR REPLACE HASLANG HASLANGDIR ISTRIPLE TRIPLE SUBJECT PREDICATE OBJECT ADJUST
"""
KEYWORDS = frozenset(_WORDS.split())

_PN_CHARS_BASE = (
    r"A-Za-z\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u02FF\u0370-\u037D\u037F-\u1FFF\u200C\u200D\u2070-\u218F\u2C00-\u2FEF"
    r"\u3001-\uD7FF\uF900-\uFDCF\uFDF0-\uFFFD\U00010000-\U000EFFFF"
)
_START = _PN_CHARS_BASE + "_0-9"
_VARNAME = _START + r"\u00B7\u0300-\u036F\u203F\u2040"
_PN_CHARS = _VARNAME + r"\-"
_PLX = r"%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?#@%]"
_LOCAL_CHAR = rf"[{_PN_CHARS}:]|{_PLX}"
_PN_LOCAL = rf"(?:[{_START}:]|{_PLX})(?:{_LOCAL_CHAR})*+(?:\.++(?:{_LOCAL_CHAR})++)*+"
# Escapes that name no character (surrogates, beyond U+10FFFF) are no escapes: the engine then reads no string there.
_UCHAR = r"\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}|\\U(?!0000[dD][89a-fA-F])(?:0010|000[0-9a-fA-F])[0-9a-fA-F]{4}"
_ESCAPE = rf"\\[tbnrf\"'\\]|{_UCHAR}"

_SKIP = re.compile(r"(?:[ \t\r\n]++|#[^\r\n]*+)*+")
_RUN = re.compile(rf"[{_PN_CHARS_BASE}][{_PN_CHARS}.]*+")
_STRINGS = {
    "'''": re.compile(rf"'''(?:[^'\\]++|{_ESCAPE}|''?(?!'))*+"),
    '"""': re.compile(rf'"""(?:[^"\\]++|{_ESCAPE}|""?(?!"))*+'),
    "'": re.compile(rf"'(?:[^'\\\r\n]++|{_ESCAPE})*+"),
    '"': re.compile(rf'"(?:[^"\\\r\n]++|{_ESCAPE})*+'),
}
_LESS = re.compile("(?P<PUNCTUATION><=?)")
_ANGLE = re.compile(rf'(?P<IRIREF><(?:[^<>"{{}}|^`\\\x00-\x20]++|{_UCHAR})*+>)|(?P<PUNCTUATION><<)|(?P<UNKNOWN><)')
_PNAME = rf"(?P<PNAME>(?:[{_PN_CHARS_BASE}][{_PN_CHARS}.]*+(?<!\.))?+:(?:{_PN_LOCAL})?+)|"
_OTHERS = (
    r"(?P<LANGTAG>@[A-Za-z]++(?:-[A-Za-z0-9]++)*+(?:--[A-Za-z]++)?+)"
    rf"|(?P<VAR>[?$][{_START}][{_VARNAME}]*+)"
    rf"|(?P<BNODE>_:[{_START}][{_PN_CHARS}]*+(?:\.++[{_PN_CHARS}]++)*+)"
    r"|(?P<NUMBER>(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)[eE][+\-]?[0-9]++|[0-9]*+\.[0-9]++|[0-9]++)"
    r"|(?P<WORD>[A-Za-z][A-Za-z0-9_]{0,15})"
    r"|(?P<PUNCTUATION>\|\||&&|\^\^|!=|>=|>>|\{\||\|\}|[{}()\[\];,.^|/*+?!=>~\-])"
    r"|(?P<UNKNOWN>.)"
)
_NAMELESS = re.compile(_OTHERS, re.DOTALL)
_TOKEN = re.compile(_PNAME + _OTHERS, re.DOTALL)

_OPENING = frozenset(("(", "[", "{", "{|", "<<"))
_CLOSING = frozenset((")", "]", "}", "|}", ">>"))
_UNARY = frozenset("!+-")
_OPERATORS = frozenset(("||", "&&", "+", "-", "*", "/", "|", "^"))
_PARTS = frozenset("/|^.;,({")
_HEAD = frozenset("(")
_BEFORE_DATA = frozenset(("DATA", "INSERT", "DELETE", "CONSTRUCT"))
_OPERAND_KINDS = frozenset(
    (TokenKind.IRIREF, TokenKind.STRING, TokenKind.LANGTAG, TokenKind.VAR, TokenKind.PNAME, TokenKind.NUMBER)
)
_OPERAND_ENDS = frozenset((")", "}", ">>", "TRUE", "FALSE"))


_IRI_RUN = re.compile(r"""<[^<>"{}|^`\\\x00-\x20]*+>""")


class _Frame(Enum):
    """What a bracket encloses; a round bracket inside HEAD (SELECT, GROUP BY, …) opens an expression."""

    HEAD = auto()
    PATTERN = auto()
    EXPRESSION = auto()


_KINDS = {str(kind): kind for kind in TokenKind}
_NONE = SparqlToken(TokenKind.UNKNOWN, "", 0, 0)


class _Lexer:
    """The state of one pass over one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._frames = [_Frame.HEAD]
        self._last = self._before = _NONE
        # Scans that failed are not tried again inside what they covered: this keeps the pass linear.
        self._nameless = 0
        self._unclosed = dict.fromkeys(_STRINGS, 0)

    def tokens(self) -> Iterator[SparqlToken]:
        offset = self._skip(0)
        while offset < len(self._text):
            kind, end = self._next(offset)
            token = SparqlToken(kind, self._text[offset:end], offset, end)
            self._follow(token)
            yield token
            self._before, self._last = self._last, token
            offset = self._skip(end)

    def _skip(self, offset: int) -> int:
        match = _SKIP.match(self._text, offset)
        return match.end() if match else offset

    def _next(self, offset: int) -> tuple[TokenKind, int]:
        """Return the kind and the end of the token that starts at ``offset``.

        The same characters may be cut in two ways; what counts is whether they stand in an expression:

        - ``?a<?b&&?c>?d`` in a pattern: VAR ``?a``, IRIREF ``<?b&&?c>``, VAR ``?d``
        - ``FILTER(?a<?b&&?c>?d)``: …, VAR ``?a``, ``<``, VAR ``?b``, ``&&``, VAR ``?c``, ``>``, VAR ``?d``, …
        - ``FILTER(?a<?b#c>?d)``: ``<`` is UNKNOWN, as ``#`` would begin a comment if it compares, but not in an IRI

        Keywords need no space between them: ``NOTIN`` is NOT and IN; of ``SELECTx`` the ``x`` is UNKNOWN.
        """
        character = self._text[offset]
        if character in "'\"":
            return self._string(offset, character)
        if character == "<":
            compares = self._frames[-1] is _Frame.EXPRESSION and _ends_operand(self._last)
            pattern = _LESS if compares else _ANGLE
            # Should the engine see an IRI here after all, a comment or a string must not begin in it and hide what
            # follows: such a comparison is refused, and a space after the sign mends it.
            if compares and (iri := _IRI_RUN.match(self._text, offset)) and ("#" in iri.group() or "'" in iri.group()):
                return TokenKind.UNKNOWN, offset + 1
        else:
            pattern = _NAMELESS if offset < self._nameless else _TOKEN
        match = pattern.match(self._text, offset)
        assert match is not None, "each pattern takes any character that it is given"
        kind, end = _KINDS[match.lastgroup or ""], match.end()
        if kind is TokenKind.WORD:  # the pattern takes a run of letters: keep of it the longest keyword
            size = _keyword_size(match.group())
            kind, end = (TokenKind.WORD, offset + size) if size else (TokenKind.UNKNOWN, offset + 1)
        # No prefixed name begins here, so none begins inside this run: of ``aaaa…`` only the first ``a`` is scanned to
        # the end for a colon. Without this, n letters would take n²/2 steps.
        if (
            kind in (TokenKind.WORD, TokenKind.UNKNOWN)
            and offset >= self._nameless
            and (run := _RUN.match(self._text, offset))
        ):
            self._nameless = run.end()
        return kind, end

    def _string(self, offset: int, quote: str) -> tuple[TokenKind, int]:
        """Read a string literal; three quotes that open none may still be an empty string and a quote."""
        for mark in (quote * 3, quote):
            if offset >= self._unclosed[mark] and (match := _STRINGS[mark].match(self._text, offset)):
                if self._text.startswith(mark, match.end()):
                    return TokenKind.STRING, match.end() + len(mark)
                self._unclosed[mark] = match.end()
        return TokenKind.UNKNOWN, offset + 1

    def _follow(self, token: SparqlToken) -> None:
        """Enter or leave the bracket that ``token`` is."""
        frames = self._frames
        if token.kind is TokenKind.PUNCTUATION:
            if token.text in ("{", "["):
                frames.append(_Frame.PATTERN)
            elif token.text == "(":
                frames.append(self._round())
            elif token.text in (")", "]", "}") and len(frames) > 1:
                frames.pop()
        elif token.kind is TokenKind.WORD and token.text.upper() == "SELECT":
            frames[-1] = _Frame.HEAD

    def _round(self) -> _Frame:
        """Tell whether a round bracket after the last token opens an expression, or a collection, path or row."""
        last = self._last
        if last.text == "<<":
            return _Frame.PATTERN
        if self._frames[-1] is not _Frame.PATTERN:
            return _Frame.EXPRESSION
        if last.kind is TokenKind.WORD:
            word = last.text
            return _Frame.PATTERN if word == "a" or word.upper() in ("VALUES", "TRUE", "FALSE") else _Frame.EXPRESSION
        if last.kind in (TokenKind.IRIREF, TokenKind.PNAME):
            before = self._before
            filters = before.kind is TokenKind.WORD and before.text.upper() == "FILTER"
            # Without white space ``FILTERex:f(`` is a prefixed name, but the engine takes it for FILTER and ex:f.
            return _Frame.EXPRESSION if filters or last.text[:6].upper() == "FILTER" else _Frame.PATTERN
        return _Frame.PATTERN


@dataclass(slots=True)
class _Level:
    """A pair of brackets for ``height``: the marks that count in it, their number, and the highest level inside."""

    counted: frozenset[str]
    count: int = 0
    below: int = 0


def tokens(text: str) -> Iterator[SparqlToken]:
    """Yield the tokens of ``text`` in order; between them are only white space and comments."""
    return _Lexer(text).tokens()


def nesting(text: str) -> int:
    """Return how deep brackets, quoted triples and unary operators are nested in ``text``.

    A parser by recursive descent needs stack for each level: compare this with a limit before it sees the text.
    """
    deepest = depth = unary = 0
    opened: list[int] = []
    for token in tokens(text):
        mark = token.text if token.kind is TokenKind.PUNCTUATION else ""
        if mark in _OPENING:
            opened.append(unary + 1)
            depth += unary + 1
        elif mark in _CLOSING and opened:
            depth -= opened.pop()
        unary = unary + 1 if mark in _UNARY else 0
        deepest = max(deepest, depth + unary)
    return deepest


def height(text: str) -> int:
    """Return a bound on the height of the tree that operators and parts of groups in ``text`` become in the engine.

    ``1||1||…`` or ``OPTIONAL {} OPTIONAL {} …`` nest no bracket, yet the engine makes of them a tree as high as they
    are long, and its stack overflows, which ends the process, at some thousands.  Counted are, in each pair of
    brackets, the operators and separators, added up along the deepest path.  Data and templates are flat, whatever
    their length.
    """
    levels = [_Level(_HEAD)]
    word, values = "", False
    for token in tokens(text):
        mark = token.text.upper() if token.kind in (TokenKind.PUNCTUATION, TokenKind.WORD) else ""
        level = levels[-1]
        level.count += mark in level.counted
        if mark in _OPENING:
            data = mark == "{" and (values or word in _BEFORE_DATA)
            values = values and not data
            counted = _OPERATORS if mark == "(" else _PARTS
            levels.append(_Level(frozenset() if data or not level.counted else counted))
        elif mark in _CLOSING:
            _close(levels)
        values = values or mark == "VALUES"
        word = mark
    while len(levels) > 1:
        _close(levels)
    return levels[0].count + levels[0].below


def _close(levels: list[_Level]) -> None:
    if len(levels) > 1:
        inner = levels.pop()
        levels[-1].below = max(levels[-1].below, inner.count + inner.below)


def _ends_operand(token: SparqlToken) -> bool:
    return token.kind in _OPERAND_KINDS or (
        token.kind in (TokenKind.PUNCTUATION, TokenKind.WORD) and token.text.upper() in _OPERAND_ENDS
    )


def _keyword_size(word: str) -> int:
    """Return the length of the longest keyword that ``word`` starts with, 0 if none: ``NOTIN`` is NOT and IN."""
    upper = word.upper()
    for size in range(len(word), 1, -1):
        if upper[:size] in KEYWORDS:
            return size
    return int(word.startswith("a"))
