"""Depth of SPARQL texts, in brackets and in operators, which is limited before the engine's parser sees a text.

A parser by recursive descent needs stack for each level, and the engine's overflows at some thousands, which ends the
process. Both measures are computed from the tokens alone, also of texts that do not parse.
"""

from __future__ import annotations

from dataclasses import dataclass

from kg.sparql.lexer import OPERAND_KINDS, SparqlToken, TokenKind, ends_operand, tokens

# Punctuation and words by their role in :func:`nesting` and :func:`height`.
_OPENING = frozenset(("(", "[", "{", "{|", "<<"))
_CLOSING = frozenset((")", "]", "}", "|}", ">>"))
_UNARY = frozenset("!+-")
_OPERATORS = frozenset(("||", "&&", "+", "-", "*", "/", "|", "^"))
_PARTS = frozenset("/|^.;,({~")  # in a pattern: steps of a path, separators of triples, reifiers, groups, expressions
_HEAD = frozenset("(")  # outside all brackets: only expressions
_BEFORE_DATA = frozenset(("DATA", "INSERT", "DELETE", "CONSTRUCT"))
_TERM_BEGINNINGS = frozenset(("[", "<<", "TRUE", "FALSE"))
_NONE = SparqlToken(TokenKind.UNKNOWN, "", 0, 0)


@dataclass(slots=True)
class _Level:
    """State of :func:`height` for one pair of brackets.

    Attributes:
        counted: operators and separators that count at this level.
        rows: whether terms that nothing separates count too: elements of a collection, resources of DESCRIBE.
        count: number of them so far.
        below: greatest height of any bracket inside.
    """

    counted: frozenset[str]
    rows: bool = False
    count: int = 0
    below: int = 0


def nesting(text: str) -> int:
    """Return the nesting depth of brackets, quoted triples and unary operators in ``text``.

    A parser by recursive descent needs stack for each level, so this must be compared with a limit before parsing.

    >>> nesting("ASK { FILTER(!(1 = 2)) }")
    4
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
    """Return an upper bound on the height of the engine's syntax tree for ``text``.

    ``1||1||…`` or ``OPTIONAL {} OPTIONAL {} …`` nest no brackets, yet the engine builds a tree as high as they are
    long, and at some thousands its stack overflows, which ends the process. The bound is the number of operators,
    separators and terms in a row (in collections, after DESCRIBE) in each pair of brackets, summed along the deepest
    path. Data and templates are flat and count nothing.

    >>> height("ASK { FILTER(1||1||1) }")
    3
    """
    levels = [_Level(_HEAD)]
    word, values, last = "", False, _NONE
    for token in tokens(text):
        mark = token.text.upper() if token.kind in (TokenKind.PUNCTUATION, TokenKind.WORD) else ""
        level = levels[-1]
        level.count += mark in level.counted or (level.rows and _is_next_term(last, token, mark))
        if mark in _OPENING:
            data = mark == "{" and (values or word in _BEFORE_DATA)
            values = values and not data
            counted = _OPERATORS if mark == "(" else _PARTS
            flat = data or not level.counted
            levels.append(_Level(frozenset(), False) if flat else _Level(counted, mark == "("))
        elif mark in _CLOSING:
            _close(levels)
        values = values or mark == "VALUES"
        levels[0].rows |= mark == "DESCRIBE"
        word, last = mark, token
    while len(levels) > 1:
        _close(levels)
    return levels[0].count + levels[0].below


def _close(levels: list[_Level]) -> None:
    """Leave a pair of brackets, and add its height to the level around it."""
    if len(levels) > 1:
        inner = levels.pop()
        levels[-1].below = max(levels[-1].below, inner.count + inner.below)


def _is_next_term(last: SparqlToken, token: SparqlToken, mark: str) -> bool:
    """Return whether a token begins an element of a collection, right behind another: the second of ``(1 ?x)``."""
    if mark == "(":  # not if it may be that of a call; in ``(ex:a (1) ex:b (2))`` the names count
        begins = last.kind not in (TokenKind.IRIREF, TokenKind.PNAME)
    elif token.kind in OPERAND_KINDS:
        begins = token.kind is not TokenKind.LANGTAG
    else:
        begins = token.kind is TokenKind.BNODE or mark in _TERM_BEGINNINGS
    return begins and (last.kind is TokenKind.BNODE or last.text == "]" or ends_operand(last))
