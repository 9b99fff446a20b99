"""One query, from its text to the bytes of its answer: checked, evaluated, serialised, all within bounds."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass

from kg.errors import TooLarge
from kg.rdf import oxigraph
from kg.rdf.query_request_and_result import QueryDataset, QueryResult, ResultFormats
from kg.rdf.result_limits import UNBOUNDED, ResultLimits
from kg.sparql import query_policy, static_analysis
from kg.sparql.lexer import height, nesting, tokens

_MEMO_TEXT = 4000
_MEMO_SIZE = 1000

_CONSTANT = re.compile(
    r'<[A-Za-z][A-Za-z0-9+.\-]*:[^<>"{}|^`\\\x00-\x20]*>|"[^"\\\r\n]*"|(?<![\w:%.\-])[0-9]+(?![\w:%.\-])'
)
_PROLOGUE = re.compile(r"(?:\s*(?:#[^\r\n]*|(?:PREFIX\s+[^\s:<]*:|BASE)\s*<[^>]*>))*", re.IGNORECASE)
_MARKS = {"<": "\0I", '"': "\0S"}
_OBSCURE = re.compile(r"[\\#']|prefix|base|version", re.IGNORECASE)


# The engine lets a keyword stand right before a call (``FILTERRAND()``), so none of them is looked for as a whole word.
_VOLATILE = re.compile(r"(?:now|rand|uuid|bnode)\s*[(#]|service", re.IGNORECASE)
_CHANGING = ("now", "rand", "uuid", "bnode", "service", "construct")
_NEW_NODES = re.compile(r"construct(?:.*(?:_:|\[)|\s*\{[^}]*\()", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class NestingLimits:
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


class QueryEvaluator:
    """Answers queries, each after it was read; remembers the forms of text that it has read already."""

    def __init__(self, depth: NestingLimits, bounds: ResultLimits = UNBOUNDED) -> None:
        self._depth = depth
        self._bounds = bounds
        self._read: set[Hashable] = set()

    def answer(self, store: oxigraph.Engine, text: str, choice: ResultFormats, request: QueryDataset) -> QueryResult:
        """Answer a SPARQL query (1.1 Query; clause 2.1 of the Protocol for the dataset).

        Raises:
            MalformedText, TooLarge, Forbidden (SERVICE), ResultTooLarge, NotAcceptable.
        """
        form = _form(text, request)
        if form is None or form not in self._read:
            self._check(text, choice, request)
            if form is not None and _is_plain(text):
                if len(self._read) >= _MEMO_SIZE:
                    self._read.clear()
                self._read.add(form)
        return oxigraph.query(store, text, choice, request, self._bounds)

    def _check(self, text: str, choice: ResultFormats, request: QueryDataset) -> None:
        parsed = static_analysis.QueryAnalysis.parse(text, request.base or "base:/", request.prefixes)
        self._depth.check(text)
        if parsed.malformed:
            query_policy.refuse_malformed(
                text, parsed.malformed, lambda: oxigraph.query(oxigraph.open_store(None), text, choice, request)
            )
        query_policy.refuse_service(parsed.services)


def _form(text: str, request: QueryDataset) -> Hashable:
    """Give what a text has in common with others that differ in their constants; ``None`` where that is not plain.

    Reading a text costs more than answering a lookup, and lookups come in thousands of the same form. No text that
    holds SERVICE has one: whether it calls out is read anew each time. Declarations are a part of the form, with the
    comments between them, for what names mean depends on them, and a constant leaves a mark that no text can hold.
    """
    if len(text) > _MEMO_TEXT or '"""' in text or "\0" in text or "service" in text.lower():
        return None
    prologue, body = _split(text)
    form = _CONSTANT.sub(_mark, body)
    if _OBSCURE.search(form):
        return None
    return prologue, form, request.base, tuple((request.prefixes or {}).items())


def _split(text: str) -> tuple[str, str]:
    match = _PROLOGUE.match(text)
    assert match is not None, "it may be empty"
    return match.group(), text[match.end() :]


def _mark(match: re.Match[str]) -> str:
    return _MARKS.get(match.group()[0], "\0N")


def _is_plain(text: str) -> bool:
    """Tell whether each constant of a text that has a form is one token, and so is any other in its place.

    ``?a <urn:f(1)&&?b> ?c`` shows why this must be known: after an operand, that is no IRI but two comparisons.
    """
    prologue, body = _split(text)
    whole = {(token.start, token.end) for token in tokens(text)}
    start = len(prologue)
    return all((start + found.start(), start + found.end()) in whole for found in _CONSTANT.finditer(body))


def volatile(text: str) -> bool:
    """Tell whether the answer of a query may depend on more than the data: the clock, chance, another server.

    Blank nodes that CONSTRUCT makes have new labels each time.
    """
    lower = text.lower()
    if not any(word in lower for word in _CHANGING):  # nearly always, and much quicker
        return False
    return _VOLATILE.search(text) is not None or _NEW_NODES.search(text) is not None
