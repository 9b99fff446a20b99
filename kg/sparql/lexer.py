r"""Lexer for SPARQL 1.1 and 1.2, and two measures of a text's depth, without a parser and without the engine.

The tokens are the terminals of the grammar (SPARQL 1.1 Query, section 19.8, rules 139 to 173) and its keywords, by
longest match; white space and comments are skipped. One decision needs context: ``<`` opens an IRI or compares. By
longest match ``?a<?b&&?c>?d`` contains an IRI, but a parser without a lexer, such as the engine's, reads two
comparisons, and a check of a request is sound only if it reads what the engine reads. So the lexer tracks brackets, and
``<`` after an operand in an expression always compares.

Bad input raises nothing: a character that begins no token becomes a token of kind UNKNOWN. The time is linear in the
length of any text: no character is scanned by more than a few patterns.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from enum import Enum, StrEnum, auto
from typing import NamedTuple


class TokenKind(StrEnum):
    """Kinds of token. A WORD is a keyword, a function name, ``a``, ``true`` or ``false``, in upper or lower case."""

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
    """A token with its place in the source: ``text`` is ``source[start:end]``, in code points, half-open."""

    kind: TokenKind
    text: str
    start: int
    end: int


class Position(NamedTuple):
    """A place in a text for messages: line and column, both 1-based, the column in code points."""

    line: int
    column: int


class LineIndex:
    """Index of the lines of one text, which converts an offset to a position in logarithmic time."""

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
"""Keywords and function names of SPARQL 1.1 and 1.2, in capitals."""

# Terminals of the grammar. The possessive quantifiers (``*+``, ``++``) never backtrack, which keeps matching linear.
_PN_CHARS_BASE = (
    r"A-Za-z\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u02FF\u0370-\u037D\u037F-\u1FFF\u200C\u200D\u2070-\u218F\u2C00-\u2FEF"
    r"\u3001-\uD7FF\uF900-\uFDCF\uFDF0-\uFFFD\U00010000-\U000EFFFF"
)
_START = _PN_CHARS_BASE + "_0-9"
_VARNAME = _START + r"\u00B7\u0300-\u036F\u203F\u2040"
_PN_CHARS = _VARNAME + r"\-"
VARIABLE = rf"[?$][{_START}][{_VARNAME}]*+"
"""A variable, as a regular expression."""
_PLX = r"%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?#@%]"
_LOCAL_CHAR = rf"[{_PN_CHARS}:]|{_PLX}"
_PN_LOCAL = rf"(?:[{_START}:]|{_PLX})(?:{_LOCAL_CHAR})*+(?:\.++(?:{_LOCAL_CHAR})++)*+"
# Not surrogates or code points beyond U+10FFFF: the engine does not accept a string with such an escape.
_UCHAR = r"\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}|\\U(?!0000[dD][89a-fA-F])(?:0010|000[0-9a-fA-F])[0-9a-fA-F]{4}"
_ESCAPE = rf"\\[tbnrf\"'\\]|{_UCHAR}"

# White space and comments.
_SKIP = re.compile(r"(?:[ \t\r\n]++|#[^\r\n]*+)*+")
# What a prefix may consist of, such as ``ex`` in ``ex:a``.
_RUN = re.compile(rf"[{_PN_CHARS_BASE}][{_PN_CHARS}.]*+")
# Strings without their closing quotes, by the opening quotes.
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
    rf"|(?P<VAR>{VARIABLE})"
    rf"|(?P<BNODE>_:[{_START}][{_PN_CHARS}]*+(?:\.++[{_PN_CHARS}]++)*+)"
    r"|(?P<NUMBER>(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)[eE][+\-]?[0-9]++|[0-9]*+\.[0-9]++|[0-9]++)"
    r"|(?P<WORD>[A-Za-z][A-Za-z0-9_]{0,15})"
    r"|(?P<PUNCTUATION>\|\||&&|\^\^|!=|>=|>>|\{\||\|\}|[{}()\[\];,.^|/*+?!=>~\-])"
    r"|(?P<UNKNOWN>.)"
)
# The first where no prefixed name can begin (see ``_Lexer._nameless``), the second everywhere else.
_NAMELESS = re.compile(_OTHERS, re.DOTALL)
_TOKEN = re.compile(_PNAME + _OTHERS, re.DOTALL)

OPERAND_KINDS = frozenset(
    (TokenKind.IRIREF, TokenKind.STRING, TokenKind.LANGTAG, TokenKind.VAR, TokenKind.PNAME, TokenKind.NUMBER)
)
"""Kinds of tokens that are operands by themselves."""

_OPERAND_ENDS = frozenset((")", "}", ">>", "TRUE", "FALSE"))
_IRI_RUN = re.compile(r"""<[^<>"{}|^`\\\x00-\x20]*+>""")


class _Frame(Enum):
    """Context inside a bracket, or outside all brackets.

    In a HEAD (SELECT, GROUP BY, …) and an EXPRESSION every round bracket opens an expression; in a PATTERN that depends
    on the token before it (:meth:`_Lexer._round`).
    """

    HEAD = auto()
    PATTERN = auto()
    EXPRESSION = auto()


_KINDS = {str(kind): kind for kind in TokenKind}


class _Lexer:
    """The state of one pass over one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._frames = [_Frame.HEAD]
        self._last = self._before = SparqlToken(TokenKind.UNKNOWN, "", 0, 0)
        # Up to these offsets certain scans are known to fail and are not repeated, which keeps the pass linear.
        self._nameless = 0
        self._unclosed = dict.fromkeys(_STRINGS, 0)

    def tokens(self) -> Iterator[SparqlToken]:
        """Yield all tokens."""
        offset = self._skip(0)
        while offset < len(self._text):
            kind, end = self._next(offset)
            token = SparqlToken(kind, self._text[offset:end], offset, end)
            self._follow(token)
            yield token
            self._before, self._last = self._last, token
            offset = self._skip(end)

    def _skip(self, offset: int) -> int:
        """Return the offset after white space and comments."""
        match = _SKIP.match(self._text, offset)
        return match.end() if match else offset

    def _next(self, offset: int) -> tuple[TokenKind, int]:
        """Return the kind and the end of the token that starts at ``offset``.

        The same characters may be tokenised in two ways, depending on whether they are in an expression:

        - ``?a<?b&&?c>?d`` in a pattern: VAR ``?a``, IRIREF ``<?b&&?c>``, VAR ``?d``
        - ``FILTER(?a<?b&&?c>?d)``: …, VAR ``?a``, ``<``, VAR ``?b``, ``&&``, VAR ``?c``, ``>``, VAR ``?d``, …
        - ``FILTER(?a<?b#c>?d)``: ``<`` is UNKNOWN, since ``#`` begins a comment after a comparison, but not in an IRI

        Keywords need no space between them: ``NOTIN`` is NOT and IN; of ``SELECTx`` the ``x`` is UNKNOWN.
        """
        character = self._text[offset]
        if character in "'\"":
            return self._string(offset, character)
        if character == "<":
            compares = self._frames[-1] is _Frame.EXPRESSION and ends_operand(self._last)
            pattern = _LESS if compares else _ANGLE
            # If the engine did read an IRI here, a comment or string that the lexer sees in it would hide the text that
            # follows. So such a comparison is rejected; a space after the sign fixes it.
            if compares and (iri := _IRI_RUN.match(self._text, offset)) and ("#" in iri.group() or "'" in iri.group()):
                return TokenKind.UNKNOWN, offset + 1
        else:
            pattern = _NAMELESS if offset < self._nameless else _TOKEN
        match = pattern.match(self._text, offset)
        assert match is not None, "each pattern matches any character that can occur here"
        kind, end = _KINDS[match.lastgroup or ""], match.end()
        if kind is TokenKind.WORD:  # the pattern matches a run of letters, which may begin with a keyword
            size = _keyword_size(match.group())
            kind, end = (TokenKind.WORD, offset + size) if size else (TokenKind.UNKNOWN, offset + 1)
        # No prefixed name begins here, so none begins inside this run: in ``aaaa…`` only the first ``a`` is scanned to
        # the end for a colon. Otherwise n letters would take n²/2 steps.
        if (
            kind in (TokenKind.WORD, TokenKind.UNKNOWN)
            and offset >= self._nameless
            and (run := _RUN.match(self._text, offset))
        ):
            self._nameless = run.end()
        return kind, end

    def _string(self, offset: int, quote: str) -> tuple[TokenKind, int]:
        """Return kind and end of a string literal, or UNKNOWN if it is not closed.

        Three quotes without closing ones may still be an empty string followed by a quote.
        """
        for mark in (quote * 3, quote):
            if offset >= self._unclosed[mark] and (match := _STRINGS[mark].match(self._text, offset)):
                if self._text.startswith(mark, match.end()):
                    return TokenKind.STRING, match.end() + len(mark)
                self._unclosed[mark] = match.end()
        return TokenKind.UNKNOWN, offset + 1

    def _follow(self, token: SparqlToken) -> None:
        """Update the context after a token: enter or leave a bracket, or enter the head of a subquery."""
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
        """Return the context of a round bracket after the last token: an expression, or a collection, path or row.

        - ``FILTER (``, ``BIND(``, ``STR(``: an expression
        - ``VALUES (``, ``?s (`` (a collection), ``a (``, ``ex:p (`` (a path or a collection): a pattern
        - ``FILTER ex:f(``: an expression
        """
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
            # ``FILTERex:f(`` is one prefixed name by the grammar, but the engine reads FILTER and ``ex:f``.
            return _Frame.EXPRESSION if filters or last.text[:6].upper() == "FILTER" else _Frame.PATTERN
        return _Frame.PATTERN


def tokens(text: str) -> Iterator[SparqlToken]:
    """Yield the tokens of ``text`` in order; only white space and comments lie between them."""
    return _Lexer(text).tokens()


def ends_operand(token: SparqlToken) -> bool:
    """Return whether an operand may end with a token, so that ``<`` after it compares."""
    return token.kind in OPERAND_KINDS or (
        token.kind in (TokenKind.PUNCTUATION, TokenKind.WORD) and token.text.upper() in _OPERAND_ENDS
    )


def _keyword_size(word: str) -> int:
    """Return the length of the longest keyword at the start of ``word`` (3 for ``NOTIN``), 0 if there is none."""
    upper = word.upper()
    for size in range(len(word), 1, -1):
        if upper[:size] in KEYWORDS:
            return size
    return int(word.startswith("a"))
