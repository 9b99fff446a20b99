"""Reader of the tokens of a text, or a part of it, which are all at hand: ahead and behind, with their places."""

from __future__ import annotations

from kg.sparql.cursor_with_iri_resolution import UnexpectedToken
from kg.sparql.lexer import SparqlToken, TokenKind, tokens
from kg.sparql.text_edits import TextSpan

END = SparqlToken(TokenKind.UNKNOWN, "", 0, 0)
"""Token after the last one."""

# Calls whose values are all of one type, which the engine orders correctly.
_UNIFORM_NAMES = """
COUNT GROUP_CONCAT STR LANG UCASE LCASE STRLEN YEAR MONTH DAY HOURS MINUTES BOUND ISIRI ISURI ISBLANK ISLITERAL
ISNUMERIC CONTAINS STRSTARTS STRENDS REGEX SAMETERM LANGMATCHES MD5 SHA1 SHA256 SHA384 SHA512 ENCODE_FOR_URI TZ
"""
_UNIFORM = frozenset(_UNIFORM_NAMES.split())


class TokenReader:
    """The tokens and the current one; what a grammar does not expect raises :exc:`UnexpectedToken`."""

    def __init__(self, text: str, span: TextSpan | None = None) -> None:
        """Read the tokens of ``text`` in ``span``; all of it by default."""
        start, end = span or (0, len(text))
        self._text = text
        self._tokens = [
            SparqlToken(kind, part, first + start, last + start) for kind, part, first, last in tokens(text[start:end])
        ]
        self._next = 0

    @property
    def _token(self) -> SparqlToken:
        return self._tokens[self._next] if self._next < len(self._tokens) else END

    def _at(self, *words: str) -> bool:
        token = self._token
        if token.kind not in (TokenKind.WORD, TokenKind.PUNCTUATION):
            return token is END and "" in words
        return token.text.upper() in words

    def _take(self) -> SparqlToken:
        token = self._token
        if token.kind is TokenKind.UNKNOWN:
            raise UnexpectedToken
        self._next += 1
        return token

    def _accept(self, *words: str) -> bool:
        found = self._at(*words)
        self._next += found
        return found

    def _expect(self, word: str) -> SparqlToken:
        if not self._at(word):
            raise UnexpectedToken
        return self._take()

    @property
    def _last(self) -> SparqlToken:
        return self._tokens[self._next - 1]

    def _skip_block(self) -> None:
        """Skip a template or the rows of VALUES."""
        self._expect("{")
        depth = 1
        while depth:
            token = self._take()
            if token.kind is TokenKind.PUNCTUATION:
                depth += (token.text == "{") - (token.text == "}")

    def _is_uniform(self, first: int, end: int) -> bool:
        """Return whether the tokens from ``first`` to ``end`` are one call, in any brackets, of a uniform function."""
        while end - first > 2 and self._tokens[first].text == "(" and self._closing(first) == end - 1:
            first, end = first + 1, end - 1
        call = self._tokens[first]
        named = call.kind is TokenKind.WORD and call.text.upper() in _UNIFORM
        return named and first + 1 < end and self._closing(first + 1) == end - 1

    def _closing(self, first: int) -> int:
        """Return the index of the token that closes the round bracket at ``first``, or -1."""
        depth = 0
        for index in range(first, len(self._tokens)):
            token = self._tokens[index]
            if token.kind is TokenKind.PUNCTUATION:
                depth += (token.text == "(") - (token.text == ")")
            if depth == 0:
                return index if index > first else -1
        return -1
