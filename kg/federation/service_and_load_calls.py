"""Evaluation of SERVICE and LOAD before the rest of a request: each call is replaced by the fetched data.

The engine has no allow-list for endpoints, and the reader processes have no network. So the pattern of
``SERVICE <endpoint> { pattern }`` is sent to the endpoint as ``SELECT * WHERE { pattern }``, and the call becomes a
VALUES block of the solutions; since SPARQL is evaluated from the inside out, the result is the same.
``LOAD <document>`` becomes INSERT DATA. The resulting text contains neither, and is checked and run like any other.

A SERVICE inside the pattern of another is fetched first, by this server, and sent as VALUES: no endpoint is made to
call another. Bindings from outside a SERVICE block are not sent; to restrict values, put a VALUES block inside. An
endpoint must be named by a constant. SILENT hides the failure of an endpoint, not that it is forbidden. For blank nodes
see :mod:`kg.federation.remote_results_as_values`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from kg.errors import ClaimgraphError, Forbidden, MalformedText, TooLarge, Unreachable
from kg.federation import remote_results_as_values
from kg.http_client.federation_client import FederationClient, Fetched
from kg.http_client.url import normal
from kg.iris import GENID
from kg.rdf import literal_limits, media_types, oxigraph, oxigraph_queries
from kg.rdf.query_request_and_result import QueryDataset, ResultFormats, Retrieval
from kg.sparql import query_and_update_analysis
from kg.sparql.checked_query_evaluation import NestingLimits
from kg.sparql.cursor_with_iri_resolution import TokenCursor, UnexpectedToken, is_absolute
from kg.sparql.lexer import Position, TokenKind
from kg.sparql.rewriting import update_dataset_and_confinement
from kg.sparql.text_edits import TextEdit, TextSpan, edited
from kg.sparql.update_operations import UpdateOperation

# Appended to a text whose syntax the engine is to check. No SPARQL contains the last character, so the parser always
# fails, at that character at the latest, and nothing is ever run. The engine may report an error up to the length of a
# keyword too far on; the spaces keep such a place on the lines of the text.
_UNPARSABLE = " " * 64 + "\n\u00a7"
_NO_DATA = "INSERT DATA { }"

MAX_CALLS = 8
"""Maximum number of SERVICE and LOAD in one query or update."""


@dataclass(frozen=True, slots=True)
class ResolvedQuery:
    """A query without outgoing calls.

    Attributes:
        text: the query, with VALUES in place of each SERVICE.
        retrieved: the requests that were sent for it, in order.
    """

    text: str
    retrieved: tuple[Retrieval, ...]


@dataclass(frozen=True)
class FederationLimits:
    """Limits of one query or update, in addition to those of the client.

    Attributes:
        depth: limits on nesting and length of the text, which is parsed before any request is sent.
        seconds: maximum total time in seconds.
    """

    depth: NestingLimits = field(default_factory=NestingLimits)
    seconds: float = math.inf


def query_has_calls(text: str, base: str, prefixes: Mapping[str, str] | None) -> bool:
    """Return whether a query calls SERVICE; false for malformed text."""
    parsed = query_and_update_analysis.QueryAnalysis.parse(text, base, prefixes)
    return bool(parsed.services) and not parsed.malformed


def update_has_calls(text: str, base: str) -> bool:
    """Return whether an update calls SERVICE or LOAD; false for malformed text."""
    if not any(word in text.lower() for word in ("service", "load")):
        return False
    parsed = query_and_update_analysis.UpdateAnalysis.parse(text, base)
    return not parsed.malformed and bool(parsed.services or _loads(parsed))


def _loads(parsed: query_and_update_analysis.UpdateAnalysis) -> list[UpdateOperation]:
    return [operation for operation in parsed.operations if operation.kind == "LOAD"]


def resolve_query(
    text: str,
    base: str,
    prefixes: Mapping[str, str] | None,
    outgoing: FederationClient,
    limits: FederationLimits = FederationLimits(),
) -> ResolvedQuery:
    """Replace each SERVICE of a query by its results. Blocks within the time of ``limits`` and of the client.

    A text that is malformed, or calls no SERVICE, is returned unchanged; its evaluation reports any error. The query
    need not declare ``prefixes``.

    Raises:
        Forbidden: an endpoint is not allowed, or is named by a variable.
        Unreachable: an endpoint fails, and the call is not SILENT.
        MalformedText: the query does not parse.
        TooLarge: the query is nested too deeply, or has too many calls.
    """
    if not query_has_calls(text, base, prefixes):
        return ResolvedQuery(text, ())
    limits.depth.check(text)
    request = QueryDataset(base=base, prefixes=prefixes)
    _check_grammar(text, lambda it: oxigraph_queries.query(oxigraph.open_store(None), it, ResultFormats(), request))
    calls, edits = _calls(text, base, prefixes)
    requests = _RemoteRequests(outgoing, text, len(calls), limits)
    return ResolvedQuery(edited(text, requests.resolve(calls, edits)), tuple(requests.retrieved))


def resolve_update(
    text: str, base: str, outgoing: FederationClient, limits: FederationLimits = FederationLimits()
) -> str:
    """Replace each LOAD of an update by INSERT DATA, and each SERVICE as :func:`resolve_query` does.

    A LOAD SILENT that fails becomes an operation without effect.

    Raises:
        Forbidden, Unreachable, MalformedText, TooLarge.
    """
    if not update_has_calls(text, base):
        return text
    loads = _loads(query_and_update_analysis.UpdateAnalysis.parse(text, base))
    limits.depth.check(text)
    _check_update_grammar(text, base)
    calls, edits = _calls(text, base, None)
    requests = _RemoteRequests(outgoing, text, len(calls) + len(loads), limits)
    for operation in loads:
        if not (outgoing.allows_load(operation.document) or _always_fails_silently(operation)):
            raise _forbidden(f"LOAD <{operation.document}>", operation.position, "KG_ALLOW_LOAD")
    resolved = requests.resolve(calls, edits)
    resolved += [TextEdit(operation.span, requests.load(operation)) for operation in loads]
    return edited(text, sorted(resolved))


def _check_update_grammar(text: str, base: str) -> None:
    def run(update: str) -> None:
        oxigraph_queries.update(oxigraph.open_store(None), update, base)

    try:
        _check_grammar(text, run)
    except MalformedText:
        # The engine accepts declarations only before the first operation, the standard before each.
        _check_grammar(update_dataset_and_confinement.expanded(text, base), run)


@dataclass(frozen=True, slots=True)
class _ServiceCall:
    """One SERVICE; ``pattern`` is its block with the brackets, ``variables`` are all variables in that."""

    span: TextSpan
    position: Position
    silent: bool
    endpoint: str
    pattern: TextSpan
    variables: frozenset[str]


@dataclass(slots=True)
class _OpenCall:
    """A SERVICE whose closing bracket is not reached yet; ``braces`` is the number of brackets open around it."""

    start: int
    position: Position
    silent: bool
    endpoint: str
    braces: int
    pattern: int
    variables: set[str]


def _calls(text: str, base: str, prefixes: Mapping[str, str] | None) -> tuple[list[_ServiceCall], list[TextEdit]]:
    """Return the calls, inner before outer, and the edits that write all IRIs in full.

    A pattern is sent without the declarations of the query, so its IRIs cannot stay relative or prefixed.

    Raises:
        Forbidden: a call names its endpoint by a variable.
        MalformedText: the text does not follow the grammar, so that calls might be missed.
    """
    cursor = TokenCursor(text, base, prefixes)
    scan = _CallScan(cursor)
    try:
        while not cursor.ended:
            scan.step()
    except UnexpectedToken:
        cursor.reject()
    found = {call.position for call in scan.calls}
    missed = next((place for place in cursor.services if place not in found), None)
    if cursor.malformed or missed or cursor.braces:
        line, column = cursor.malformed or missed or cursor.position
        raise MalformedText(f"The text does not parse at line {line}, column {column}.", line=line, column=column)
    return scan.calls, scan.edits


class _CallScan:
    """State of one pass over a text."""

    def __init__(self, cursor: TokenCursor) -> None:
        self.cursor = cursor
        self.calls: list[_ServiceCall] = []
        self.edits: list[TextEdit] = []
        self.open: list[_OpenCall] = []

    def step(self) -> None:
        """Consume one token, one prologue, or the head of one call."""
        cursor, token = self.cursor, self.cursor.token
        if cursor.braces == 0 and cursor.at("BASE", "PREFIX", "VERSION"):
            cursor.prologue()
        elif cursor.at("SERVICE"):
            self._begin()
        elif token.kind in (TokenKind.IRIREF, TokenKind.PNAME):
            self.edits.append(TextEdit(TextSpan(token.start, token.end), f" <{self._iri()}> "))
        else:
            if token.kind is TokenKind.VAR:
                for call in self.open:
                    call.variables.add(token.text[1:])
            cursor.take()
            if self.open and cursor.braces == self.open[-1].braces:
                self._end(self.open.pop())

    def _iri(self) -> str:
        """Consume an IRI and return it; it must be valid after its escapes are replaced, which could hide a ``>``."""
        iri = self.cursor.iri()
        if not is_absolute(iri):
            raise UnexpectedToken
        return iri

    def _begin(self) -> None:
        """Consume the head of a call, up to its opening bracket."""
        cursor = self.cursor
        start, position = cursor.token.start, cursor.position
        cursor.take()
        silent = cursor.accept("SILENT")
        if cursor.token.kind is TokenKind.VAR:
            line, column = position
            raise Forbidden(
                f"SERVICE at line {line}, column {column} names its endpoint by a variable.",
                remedy="Name the endpoint by a constant IRI.",
                line=line,
                column=column,
            )
        endpoint = cursor.iri("SILENT")
        braces, pattern = cursor.braces, cursor.expect("{").start
        self.open.append(_OpenCall(start, position, silent, endpoint, braces, pattern, set()))

    def _end(self, call: _OpenCall) -> None:
        """Record a call whose closing bracket was consumed."""
        end = self.cursor.last.end
        span, pattern = TextSpan(call.start, end), TextSpan(call.pattern, end)
        self.calls.append(
            _ServiceCall(span, call.position, call.silent, call.endpoint, pattern, frozenset(call.variables))
        )


class _RemoteRequests:
    """The outgoing requests of one query or update, under one deadline."""

    def __init__(self, outgoing: FederationClient, text: str, number: int, limits: FederationLimits) -> None:
        self._outgoing = outgoing
        self._text = text
        self._deadline = min(outgoing.deadline(), time.monotonic() + limits.seconds)
        self.retrieved: list[Retrieval] = []
        if number > MAX_CALLS:
            raise TooLarge(
                f"The text contains {number} calls of SERVICE or LOAD; the limit is {MAX_CALLS}.",
                remedy="Split it into several requests.",
            )

    def resolve(self, calls: list[_ServiceCall], edits: list[TextEdit]) -> list[TextEdit]:
        """Fetch the calls, each with the results of those inside it, and return the edits that replace them."""
        for call in calls:
            if not self._outgoing.allows_service(call.endpoint):
                raise _forbidden(f"SERVICE <{call.endpoint}>", call.position, "KG_ALLOW_SERVICE")
        done: list[TextEdit] = []
        for call in calls:
            inner = [edit for edit in done if _within(edit.span, call.span)]
            done = [edit for edit in done if not _within(edit.span, call.span)]
            names = [
                edit
                for edit in edits
                if _within(edit.span, call.pattern) and not any(_within(edit.span, other.span) for other in inner)
            ]
            pattern = edited(self._text, sorted([*names, *inner]), call.pattern)
            # The number of lines stays the same, so that errors further down have the line of the user's text.
            lines = self._text.count("\n", *call.span)
            done.append(TextEdit(call.span, f" {self._values(call, pattern)} " + "\n" * lines))
        return done

    def _values(self, call: _ServiceCall, pattern: str) -> str:
        """Send one call and return its result as VALUES; a failed SILENT call has an empty solution."""
        settings = self._outgoing.settings
        endpoint = str(normal(call.endpoint))
        # One solution more than allowed, to detect that there are more.
        query = f"SELECT * WHERE {pattern} LIMIT {settings.max_rows + 1}"
        try:
            fetched = self._outgoing.ask(call.endpoint, query, self._deadline)
            values, rows = self._read(call, query, fetched)
        except (Unreachable, Forbidden) as error:
            if not (call.silent and isinstance(error, Unreachable)):
                error.line, error.column = call.position
                raise
            self.retrieved.append(Retrieval(endpoint, datetime.now(UTC), None, cached=False))
            return remote_results_as_values.EMPTY_SOLUTION
        self.retrieved.append(Retrieval(endpoint, fetched.retrieved, rows, fetched.cached))
        return values

    def _read(self, call: _ServiceCall, query: str, fetched: Fetched) -> tuple[str, int]:
        """Convert a response to VALUES and the number of solutions; an invalid one leaves the cache."""
        skolem = f"{GENID}{fetched.identity}-"
        try:
            return remote_results_as_values.as_values(
                fetched.content, call.variables, self._outgoing.settings.max_rows, skolem
            )
        except remote_results_as_values.BadRemoteResult as error:
            self._outgoing.forget(call.endpoint, query)
            raise Unreachable(
                f"The result of <{call.endpoint}> cannot be used: {error}.",
                remedy="Narrow the pattern, or inform the operator of the endpoint.",
            ) from None

    def load(self, operation: UpdateOperation) -> str:
        """Fetch the document of a LOAD and return it as INSERT DATA."""
        if _always_fails_silently(operation):
            return _NO_DATA
        try:
            fetched = self._outgoing.fetch(operation.document, self._deadline)
            data = _triples(operation.document, fetched)
        except (Unreachable, Forbidden) as error:
            if not (operation.silent and isinstance(error, Unreachable)):
                error.line, error.column = operation.position
                raise
            return _NO_DATA
        (graph,) = operation.targets
        # The name as in the text: declarations before the operation still apply.
        named = f"GRAPH {self._text[slice(*graph.span)]} {{\n{data}}}" if graph.kind == "iri" else data
        return f"INSERT DATA {{\n{named}}}"


def _triples(document: str, fetched: Fetched) -> str:
    """Convert a document to N-Triples; nothing that it refers to is fetched."""
    try:
        quads = [*literal_limits.checked(oxigraph.parse(fetched.content, _media_type(document, fetched), document))]
    except ClaimgraphError as error:
        raise Unreachable(f"<{document}> cannot be loaded. {error.message}", remedy=error.remedy) from None
    if any(not isinstance(quad.graph_name, oxigraph.DefaultGraph) for quad in quads):
        raise Unreachable(
            f"<{document}> contains named graphs; LOAD reads one graph.",
            remedy="Send it to /graphs, or use `kg load`.",
        )
    return oxigraph.serialize(quads, "application/n-triples").decode()


def _media_type(document: str, fetched: Fetched) -> str:
    """Return the media type of a document: from the response if it is one of RDF, else from the file ending."""
    if fetched.media_type in media_types.GRAPHS or fetched.media_type == "application/x-turtle":
        return fetched.media_type
    return media_types.media_type_of(document.partition("?")[0])


def _always_fails_silently(operation: UpdateOperation) -> bool:
    """Return whether a LOAD SILENT cannot succeed: its IRI is not an HTTP one, so nothing is fetched."""
    return operation.silent and operation.document.partition(":")[0].lower() not in ("http", "https")


def _check_grammar(text: str, run: Callable[[str], object]) -> None:
    """Check the grammar of a text with the engine without running it, which would send requests.

    An error beyond the last line of the text is that of the appended character: the text itself is valid.

    Raises:
        MalformedText: the text does not parse.
    """
    try:
        run(text + _UNPARSABLE)
    except MalformedText as error:
        if error.line is None or error.line <= text.count("\n") + 1:
            raise


def _within(span: TextSpan, outer: TextSpan) -> bool:
    return outer.start <= span.start and span.end <= outer.end


def _forbidden(what: str, position: Position, setting: str) -> Forbidden:
    line, column = position
    return Forbidden(
        f"{what} at line {line}, column {column} is refused: the address is not on the allow-list of this server.",
        remedy=f"Ask the operator to add it to {setting}, or query the other endpoint yourself.",
        line=line,
        column=column,
    )
