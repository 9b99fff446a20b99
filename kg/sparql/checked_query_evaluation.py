"""Evaluation of one query, from its text to a serialised result: checks, evaluation, limits.

Checking a text by the lexer costs more than a lookup. So cheap bounds and :mod:`kg.sparql.checks_without_lexer` clear
nearly every text first, and only the rest is left to the lexer.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass

from kg.errors import MalformedText, TooLarge
from kg.rdf import oxigraph, oxigraph_queries
from kg.rdf.query_request_and_result import QueryDataset, QueryResult, ResultFormats
from kg.rdf.result_limits import UNBOUNDED, ResultLimits
from kg.sparql import query_and_update_analysis, request_policy
from kg.sparql.checks_without_lexer import height_bound, nesting_bound
from kg.sparql.rewriting.engine_rewriting import query_edits
from kg.sparql.text_depth import height, nesting
from kg.sparql.text_edits import edited

# Not matched as whole words, since the engine accepts a keyword directly before a call (``FILTERRAND()``).
_VOLATILE = re.compile(r"(?:now|rand|uuid|bnode)\s*[(#]|service", re.IGNORECASE)
_CHANGING = ("now", "rand", "uuid", "bnode", "service", "construct")
_TEMPLATE = re.compile(r"construct\s*\{([^}]*)", re.IGNORECASE)


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
        low = len(text) <= self.height or height_bound(text) <= self.height
        if low and nesting_bound(text) <= self.nesting:
            return
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
        self._check(text, choice, request)
        # An internal query has bindings, be they none; it knows how the engine evaluates it.
        edits = query_edits(text, trusted=request.bindings is not None)
        if edits:
            with suppress(MalformedText):  # an error is to name a place in the user's own text
                return oxigraph_queries.query(store, edited(text, edits), choice, request, self._bounds)
        return oxigraph_queries.query(store, text, choice, request, self._bounds)

    def _check(self, text: str, choice: ResultFormats, request: QueryDataset) -> None:
        """Check depth, syntax and policy of a query before the engine sees it."""
        self._depth.check(text)
        parsed = query_and_update_analysis.QueryAnalysis.quick(text, request.base or "base:/", request.prefixes)
        if parsed.malformed:
            request_policy.refuse_malformed(
                text,
                parsed.malformed,
                lambda: oxigraph_queries.query(oxigraph.open_store(None), text, choice, request),
            )
        request_policy.refuse_service(parsed.services)


def volatile(text: str) -> bool:
    """Return whether the result of a query may depend on more than the data: time, chance, a remote server.

    That includes blank nodes made by CONSTRUCT, which have new labels each time.
    """
    lower = text.lower()
    if not any(word in lower for word in _CHANGING):  # the usual case, and much faster than the patterns
        return False
    return _VOLATILE.search(text) is not None or _has_new_nodes(text)


def _has_new_nodes(text: str) -> bool:
    """Return whether a text may be a CONSTRUCT with a blank node or a collection in its template.

    Each part of the text is read once, since a web process does this to texts of a MiB: a pattern such as
    ``construct.*_:`` would read the rest of the text again for each ``CONSTRUCT`` in a comment.
    """
    _, construct, rest = text.lower().partition("construct")
    if construct and ("_:" in rest or "[" in rest):
        return True
    return any("(" in found[1] for found in _TEMPLATE.finditer(text))
