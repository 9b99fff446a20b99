"""Check of the literals that an update inserts, by its text: those that :mod:`kg.rdf.literal_limits` refuses.

Only constants can be checked; what an update computes (STRDT, BIND) is not known before it runs. Literals to delete are
not checked, so that stored ones can be removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kg.rdf import literal_limits
from kg.sparql.lexer import SparqlToken, TokenKind, tokens

_XSD = "http://www.w3.org/2001/XMLSchema#"
# What no update without such a literal contains, so that most texts need no lexer.
_SUSPECT = re.compile(r"\x00|\\u0000|\\U00000000|[0-9]{19}")
_NUL = re.compile(r"\x00|(?<!\\)(?:\\\\)*(?:\\u0000|\\U00000000)")
_ESCAPE = re.compile(r"\\u0000|\\U00000000")
_CLAUSES = frozenset(("INSERT", "DELETE", "WHERE", "USING"))


def check(text: str) -> None:
    """Check the constants in INSERT clauses of an update whose IRIs are written in full.

    Raises:
        BadInput: a literal has U+0000, or is a value out of the engine's range.
    """
    if not _SUSPECT.search(text):
        return
    for value, datatype in _inserted(text):
        literal_limits.check(value, datatype)


def _inserted(text: str) -> Iterator[tuple[str, str]]:
    """Yield the text and datatype of each number and string in an INSERT clause."""
    clause = ""
    before: list[SparqlToken] = []
    for token in tokens(text):
        if token.kind is TokenKind.WORD and token.text.upper() in _CLAUSES:
            clause = token.text.upper()
        elif clause == "INSERT" and token.kind is TokenKind.NUMBER:
            sign = before[-1].text if before and before[-1].text in ("+", "-") else ""
            if "e" not in token.text.lower():
                yield sign + token.text, _XSD + ("decimal" if "." in token.text else "integer")
        elif clause == "INSERT" and token.kind is TokenKind.STRING and _NUL.search(token.text):
            yield _ESCAPE.sub("\0", token.text), ""
        elif clause == "INSERT" and token.kind is TokenKind.IRIREF and [t.text for t in before[1:]] == ["^^"]:
            yield before[0].text.strip("\"'"), token.text[1:-1]
        before = [*before[-1:], token]
