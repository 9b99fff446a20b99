"""Evaluation of one query, from its text to a serialised result: checks, evaluation, limits.

Checking a text costs more than a lookup, and lookups come in thousands that differ only in their constants. So the
*template* of a text that passed the checks is remembered, and texts with the same template skip them.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass

from kg.errors import TooLarge
from kg.rdf import oxigraph
from kg.rdf.query_request_and_result import QueryDataset, QueryResult, ResultFormats
from kg.rdf.result_limits import UNBOUNDED, ResultLimits
from kg.sparql import query_and_update_analysis, request_policy
from kg.sparql.lexer import height, nesting, tokens

_MEMO_TEXT = 4000
"""Maximum length of a text whose template is remembered, in code points."""

_MEMO_SIZE = 1000
"""Maximum number of templates that are remembered."""

# What a template leaves out: an IRI, a string without escapes, a whole number.
_CONSTANT = re.compile(
    r'<[A-Za-z][A-Za-z0-9+.\-]*:[^<>"{}|^`\\\x00-\x20]*>|"[^"\\\r\n]*"|(?<![\w:%.\-])[0-9]+(?![\w:%.\-])'
)
_PROLOGUE = re.compile(r"(?:\s*(?:#[^\r\n]*|(?:PREFIX\s+[^\s:<]*:|BASE)\s*<[^>]*>))*", re.IGNORECASE)
_MARKS = {"<": "\0I", '"': "\0S"}
# Escapes, comments, other quotes and later declarations: what a replacement of constants could misread.
_OBSCURE = re.compile(r"[\\#']|prefix|base|version", re.IGNORECASE)

# Not matched as whole words, since the engine accepts a keyword directly before a call (``FILTERRAND()``).
_VOLATILE = re.compile(r"(?:now|rand|uuid|bnode)\s*[(#]|service", re.IGNORECASE)
_CHANGING = ("now", "rand", "uuid", "bnode", "service", "construct")
# CONSTRUCT with a blank node or a collection in its template.
_NEW_NODES = re.compile(r"construct(?:.*(?:_:|\[)|\s*\{[^}]*\()", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class NestingLimits:
    """Limits of a text that keep the engine's stack from overflowing.

    Attributes:
        nesting: maximum depth by :func:`kg.sparql.lexer.nesting`.
        height: maximum height by :func:`kg.sparql.lexer.height`.
    """

    nesting: int = 100
    height: int = 1000

    def check(self, text: str) -> None:
        """Check a text, which might otherwise overflow the engine's stack and end the process.

        Raises:
            TooLarge: the text is over a limit.
        """
        depth, high = nesting(text), height(text)
        if depth > self.nesting:
            raise TooLarge(
                f"The text nests brackets or operators {depth} deep; the limit is {self.nesting}.",
                remedy="Write it flatter, or raise KG_MAX_NESTING.",
            )
        if high > self.height:
            raise TooLarge(
                f"The text chains {high} operators or group elements; the limit is {self.height}.",
                remedy="Use VALUES or IN for long lists, or raise KG_MAX_HEIGHT.",
            )


class QueryEvaluator:
    """Evaluator of queries, with checks before and limits on the result."""

    def __init__(self, depth: NestingLimits, bounds: ResultLimits = UNBOUNDED) -> None:
        """Set the limits on the texts (``depth``) and on the results (``bounds``)."""
        self._depth = depth
        self._bounds = bounds
        self._checked: set[Hashable] = set()

    def evaluate(self, store: oxigraph.Engine, text: str, choice: ResultFormats, request: QueryDataset) -> QueryResult:
        """Evaluate a SPARQL query (SPARQL 1.1 Query; Protocol, clause 2.1, for the dataset).

        Args:
            store: the engine to query.
            text: the query.
            choice: media type for each kind of result.
            request: dataset, base, prefixes and bindings of the query.

        Raises:
            MalformedText, TooLarge, Forbidden (SERVICE), ResultTooLarge, NotAcceptable.
        """
        template = _template(text, request)
        if template is None or template not in self._checked:
            self._check(text, choice, request)
            if template is not None and _has_replaceable_constants(text):
                if len(self._checked) >= _MEMO_SIZE:
                    self._checked.clear()
                self._checked.add(template)
        return oxigraph.query(store, text, choice, request, self._bounds)

    def _check(self, text: str, choice: ResultFormats, request: QueryDataset) -> None:
        """Check depth, syntax and policy of a query before the engine sees it."""
        parsed = query_and_update_analysis.QueryAnalysis.parse(text, request.base or "base:/", request.prefixes)
        self._depth.check(text)
        if parsed.malformed:
            request_policy.refuse_malformed(
                text, parsed.malformed, lambda: oxigraph.query(oxigraph.open_store(None), text, choice, request)
            )
        request_policy.refuse_service(parsed.services)


def _template(text: str, request: QueryDataset) -> Hashable:
    """Return the template of a query, equal for queries that differ only in constants; ``None`` if it is unclear.

    ``SELECT * { <urn:a> ?p "b" }`` and ``SELECT * { <urn:c> ?p "d" }`` both become ``SELECT * { ␀I ?p ␀S }``, where ␀
    is a NUL, which no text with a template contains. Declarations remain in the template, with the comments
    between them, since the meaning of names depends on them. A text with SERVICE has no template: it must be checked
    every time.
    """
    if len(text) > _MEMO_TEXT or '"""' in text or "\0" in text or "service" in text.lower():
        return None
    prologue, body = _split(text)
    template = _CONSTANT.sub(_mark, body)
    if _OBSCURE.search(template):
        return None
    return prologue, template, request.base, tuple((request.prefixes or {}).items())


def _split(text: str) -> tuple[str, str]:
    """Split a query into its declarations and the rest."""
    match = _PROLOGUE.match(text)
    assert match is not None, "the pattern also matches nothing"
    return match.group(), text[match.end() :]


def _mark(match: re.Match[str]) -> str:
    return _MARKS.get(match.group()[0], "\0N")


def _has_replaceable_constants(text: str) -> bool:
    """Return whether each constant of a text is one token; then so is any other constant in its place.

    Counterexample: in ``FILTER(?a <urn:f(1)&&?b> ?c)`` the text between ``<`` and ``>`` looks like an IRI, but after an
    operand ``<`` and ``>`` compare. Another "constant" there could hide a call.
    """
    prologue, body = _split(text)
    whole = {(token.start, token.end) for token in tokens(text)}
    start = len(prologue)
    return all((start + found.start(), start + found.end()) in whole for found in _CONSTANT.finditer(body))


def volatile(text: str) -> bool:
    """Return whether the result of a query may depend on more than the data: time, chance, a remote server.

    That includes blank nodes made by CONSTRUCT, which have new labels each time.
    """
    lower = text.lower()
    if not any(word in lower for word in _CHANGING):  # the usual case, and much faster than the patterns
        return False
    return _VOLATILE.search(text) is not None or _NEW_NODES.search(text) is not None
