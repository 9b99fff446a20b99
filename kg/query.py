"""One query, from its text to the bytes of its answer: checked, evaluated, serialised, all within bounds."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kg import engine, guard, sparql
from kg.bounds import UNBOUNDED, Bounds
from kg.errors import TooLarge
from kg.lexer import height, nesting

_MEMO_TEXT = 4000
_MEMO_SIZE = 1000

_CONSTANT = re.compile(
    r'<[A-Za-z][A-Za-z0-9+.\-]*:[^<>"{}|^`\\\x00-\x20]*>|"[^"\\\r\n]*"|(?<![\w:%.\-])[0-9]+(?![\w:%.\-])'
)
_OBSCURE = re.compile(r"[\\#']")


@dataclass(frozen=True)
class Depth:
    """How deep and how long a text may be before the engine's stack is in danger.

    Attributes:
        nesting: deepest nesting of brackets.
        height: longest string of operators and parts of groups.
    """

    nesting: int = 100
    height: int = 1000

    def check(self, text: str) -> None:
        """Refuse what would overflow the engine's stack and end the process.

        Raises:
            TooLarge: deeper or longer than that.
        """
        depth, high = nesting(text), height(text)
        if depth > self.nesting:
            raise TooLarge(
                f"The text nests brackets or operators {depth} deep; the limit is {self.nesting}.",
                remedy="Write it flatter, or raise KG_MAX_NESTING.",
            )
        if high > self.height:
            raise TooLarge(
                f"The text strings {high} operators or group parts together; the limit is {self.height}.",
                remedy="Use VALUES or IN for long lists, or raise KG_MAX_HEIGHT.",
            )


class Evaluator:
    """Answers queries, each after it was read; remembers the forms of text that it has read already."""

    def __init__(self, depth: Depth, bounds: Bounds = UNBOUNDED) -> None:
        self._depth = depth
        self._bounds = bounds
        self._read: set[tuple[str, ...]] = set()

    def answer(self, store: engine.Engine, text: str, choice: engine.Choice, request: engine.Dataset) -> engine.Answer:
        """Answer a SPARQL query (1.1 Query; clause 2.1 of the Protocol for the dataset).

        Raises:
            MalformedText, TooLarge, Forbidden (SERVICE), ResultTooLarge, engine.NotAcceptable.
        """
        form = _form(text, request)
        if form is None or form not in self._read:
            self._check(text, choice, request)
            if form is not None:
                if len(self._read) >= _MEMO_SIZE:
                    self._read.clear()
                self._read.add(form)
        return engine.query(store, text, choice, request, self._bounds)

    def _check(self, text: str, choice: engine.Choice, request: engine.Dataset) -> None:
        parsed = sparql.Query.parse(text, request.base or "base:/", request.prefixes)
        self._depth.check(text)
        if parsed.malformed:
            guard.refuse_malformed(
                text, parsed.malformed, lambda: engine.query(engine.open_store(None), text, choice, request)
            )
        guard.refuse_service(parsed.services)


def _form(text: str, request: engine.Dataset) -> tuple[str, ...] | None:
    """Give what a text has in common with others that differ in their constants, if it is so plain that this is known.

    Reading a text costs more than answering a lookup, and lookups come in thousands of the same form. No text that
    holds SERVICE has one: whether it calls out is read anew each time.
    """
    if len(text) > _MEMO_TEXT or '"""' in text or "service" in text.lower():
        return None
    form = _CONSTANT.sub(_placeholder, text)
    return None if _OBSCURE.search(form) else (form, *(request.prefixes or ()))


def _placeholder(match: re.Match[str]) -> str:
    return match.group()[0]
