"""SERVICE and LOAD: what a request wants from outside is fetched first and put in its place, then the rest is run.

The engine cannot be told which endpoints it may call, and the processes that answer queries have no network. So
``SERVICE <endpoint> { pattern }`` is asked of the endpoint as ``SELECT * WHERE { pattern }`` and becomes a VALUES block
of its solutions; SPARQL is evaluated from the inside out, hence the answer is the same. ``LOAD <document>`` becomes
INSERT DATA. The text that comes out names neither, and is checked and run like any other.

A SERVICE inside the pattern of another is asked first, by us, and sent as VALUES: no endpoint is made to call another.
Nothing that is bound outside a SERVICE block reaches it; to ask for some values only, put a VALUES block inside.
An endpoint has to be named by a constant. SILENT hides that an endpoint fails, not that it may not be asked. Of blank
nodes see :mod:`kg.federation.remote_results`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from kg.errors import ClaimgraphError, Forbidden, MalformedText, TooLarge, Unreachable
from kg.federation import remote_results
from kg.http_client.client import FederationClient, Fetched
from kg.http_client.url import normal
from kg.iris import GENID
from kg.rdf import media_types, oxigraph
from kg.rdf.query_request_and_result import QueryDataset, ResultFormats, Retrieval
from kg.sparql import static_analysis
from kg.sparql.lexer import Position, TokenKind
from kg.sparql.query_evaluator import NestingLimits
from kg.sparql.static_analysis import TextEdit, edited
from kg.sparql.token_cursor import TokenCursor, UnexpectedToken, is_absolute
from kg.sparql.update_operations import TextSpan, UpdateOperation

# Nothing in SPARQL begins with the last sign: a text that ends so parses nowhere, hence nothing of it is ever run. The
# engine says that it fails a keyword's length further on than where it does: the spaces keep that on the text's lines.
_NOTHING = " " * 64 + "\n\u00a7"
_NO_DATA = "INSERT DATA { }"

MAX_CALLS = 8
"""How often one query or update may name SERVICE or LOAD."""


@dataclass(frozen=True, slots=True)
class ResolvedQuery:
    """A query that calls nobody any more.

    Attributes:
        text: the query, with VALUES in the place of each SERVICE.
        retrieved: what was asked for it, in order.
    """

    text: str
    retrieved: tuple[Retrieval, ...]


@dataclass(frozen=True)
class FederationLimits:
    """What holds for one request, beside what the door allows.

    Attributes:
        depth: how deep and long the text may be; it is parsed before anybody is asked.
        seconds: how long the request may take altogether.
    """

    depth: NestingLimits = field(default_factory=NestingLimits)
    seconds: float = math.inf


def query_asks(text: str, base: str, prefixes: Mapping[str, str] | None) -> bool:
    """Tell whether a query wants anything of others; one that is malformed does not."""
    parsed = static_analysis.QueryAnalysis.parse(text, base, prefixes)
    return bool(parsed.services) and not parsed.malformed


def update_asks(text: str, base: str) -> bool:
    """Tell whether an update wants anything of others; one that is malformed does not."""
    if not any(word in text.lower() for word in ("service", "load")):
        return False
    parsed = static_analysis.UpdateAnalysis.parse(text, base)
    return not parsed.malformed and bool(parsed.services or _loads(parsed))


def _loads(parsed: static_analysis.UpdateAnalysis) -> list[UpdateOperation]:
    return [operation for operation in parsed.operations if operation.kind == "LOAD"]


def resolve_query(
    text: str,
    base: str,
    prefixes: Mapping[str, str] | None,
    outgoing: FederationClient,
    limits: FederationLimits = FederationLimits(),
) -> ResolvedQuery:
    """Ask what a query wants of other endpoints. Blocks, as long as ``limits`` and the settings of ``outgoing`` let it.

    A text that is malformed, or calls nobody, comes back as it is: whoever runs it will say what is wrong with it.

    Args:
        text: the query.
        base: against which relative IRIs are resolved.
        prefixes: those that the query need not declare.
        outgoing: client for the endpoints that are allowed.
        limits: of this request.

    Raises:
        Forbidden: an endpoint may not be asked, or is named by a variable.
        Unreachable: an endpoint fails, and SILENT is not said.
        MalformedText: the query does not parse.
        TooLarge: it is too deep, or calls too often.
    """
    if not query_asks(text, base, prefixes):
        return ResolvedQuery(text, ())
    limits.depth.check(text)
    request = QueryDataset(base=base, prefixes=prefixes)
    _check_grammar(text, lambda it: oxigraph.query(oxigraph.open_store(None), it, ResultFormats(), request))
    calls, edits = _calls(text, base, prefixes)
    visit = _RemoteRequests(outgoing, text, len(calls), limits)
    return ResolvedQuery(edited(text, visit.resolve(calls, edits)), tuple(visit.retrieved))


def resolve_update(
    text: str, base: str, outgoing: FederationClient, limits: FederationLimits = FederationLimits()
) -> str:
    """Fetch what an update wants from outside: INSERT DATA in the place of each LOAD, VALUES in that of each SERVICE.

    Otherwise like :func:`resolve_query`. A LOAD SILENT that fails becomes an operation that does nothing.

    Raises:
        Forbidden, Unreachable, MalformedText, TooLarge.
    """
    if not update_asks(text, base):
        return text
    loads = _loads(static_analysis.UpdateAnalysis.parse(text, base))
    limits.depth.check(text)
    try:
        _check_grammar(text, lambda it: oxigraph.update(oxigraph.open_store(None), it, base))
    except MalformedText:
        # The engine takes declarations only before the first operation, the standard before each.
        _check_grammar(
            static_analysis.expanded(text, base), lambda it: oxigraph.update(oxigraph.open_store(None), it, base)
        )
    calls, edits = _calls(text, base, None)
    visit = _RemoteRequests(outgoing, text, len(calls) + len(loads), limits)
    for operation in loads:
        if not (outgoing.allows_load(operation.document) or _fails_unseen(operation)):
            raise _forbidden(f"LOAD <{operation.document}>", operation.position, "KG_ALLOW_LOAD")
    resolved = visit.resolve(calls, edits)
    resolved += [TextEdit(operation.span, visit.load(operation)) for operation in loads]
    return edited(text, sorted(resolved))


@dataclass(frozen=True, slots=True)
class _ServiceCall:
    """One SERVICE: where it stands, whom it calls, and the brackets of its pattern."""

    span: TextSpan
    position: Position
    silent: bool
    endpoint: str
    pattern: TextSpan
    variables: frozenset[str]


@dataclass(slots=True)
class _OpenCall:
    """A SERVICE whose last bracket is not reached yet."""

    start: int
    position: Position
    silent: bool
    endpoint: str
    braces: int
    pattern: int
    variables: set[str]


def _calls(text: str, base: str, prefixes: Mapping[str, str] | None) -> tuple[list[_ServiceCall], list[TextEdit]]:
    """Find the calls, inner ones before the outer, and how the IRIs are written in full.

    Raises:
        Forbidden: a call names its endpoint by a variable.
        MalformedText: something else stands where a call should be.
    """
    reader = TokenCursor(text, base, prefixes)
    walk = _CallScan(reader)
    try:
        while not reader.ended:
            walk.step()
    except UnexpectedToken:
        reader.reject()
    found = {call.position for call in walk.calls}
    missed = next((place for place in reader.services if place not in found), None)
    if reader.malformed or missed or reader.braces:
        line, column = reader.malformed or missed or reader.position
        raise MalformedText(f"The text does not parse at line {line}, column {column}.", line=line, column=column)
    return walk.calls, walk.edits


class _CallScan:
    """The state of one walk over a text."""

    def __init__(self, reader: TokenCursor) -> None:
        self.reader = reader
        self.calls: list[_ServiceCall] = []
        self.edits: list[TextEdit] = []
        self.open: list[_OpenCall] = []

    def step(self) -> None:
        """Take one token, or a prologue, or the head of a call."""
        reader, token = self.reader, self.reader.token
        if reader.braces == 0 and reader.at("BASE", "PREFIX", "VERSION"):
            reader.prologue()
        elif reader.at("SERVICE"):
            self._begin()
        elif token.kind in (TokenKind.IRIREF, TokenKind.PNAME):
            self.edits.append(TextEdit(TextSpan(token.start, token.end), f" <{self._iri()}> "))
        else:
            if token.kind is TokenKind.VAR:
                for call in self.open:
                    call.variables.add(token.text[1:])
            reader.take()
            if self.open and reader.braces == self.open[-1].braces:
                self._end(self.open.pop())

    def _iri(self) -> str:
        """Take an IRI that can be written as it is: an escape must not smuggle in a bracket."""
        iri = self.reader.iri()
        if not is_absolute(iri):
            raise UnexpectedToken
        return iri

    def _begin(self) -> None:
        reader = self.reader
        start, position = reader.token.start, reader.position
        reader.take()
        silent = reader.accept("SILENT")
        if reader.token.kind is TokenKind.VAR:
            line, column = position
            raise Forbidden(
                f"SERVICE at line {line}, column {column} names its endpoint by a variable.",
                remedy="Name the endpoint by a constant IRI.",
                line=line,
                column=column,
            )
        endpoint = reader.iri("SILENT")
        braces, pattern = reader.braces, reader.expect("{").start
        self.open.append(_OpenCall(start, position, silent, endpoint, braces, pattern, set()))

    def _end(self, call: _OpenCall) -> None:
        end = self.reader.last.end
        span, pattern = TextSpan(call.start, end), TextSpan(call.pattern, end)
        self.calls.append(
            _ServiceCall(span, call.position, call.silent, call.endpoint, pattern, frozenset(call.variables))
        )


class _RemoteRequests:
    """Everything that one request wants from outside, under one deadline."""

    def __init__(self, outgoing: FederationClient, text: str, number: int, limits: FederationLimits) -> None:
        self._outgoing = outgoing
        self._text = text
        self._deadline = min(outgoing.deadline(), time.monotonic() + limits.seconds)
        self.retrieved: list[Retrieval] = []
        if number > MAX_CALLS:
            raise TooLarge(
                f"The text names SERVICE or LOAD {number} times; the limit is {MAX_CALLS}.",
                remedy="Ask in several requests.",
            )

    def resolve(self, calls: list[_ServiceCall], edits: list[TextEdit]) -> list[TextEdit]:
        """Ask for the calls, each with the answers of those inside it, and return what takes their place."""
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
            # As many lines as before: what is wrong further down stands where its writer sees it.
            lines = self._text.count("\n", *call.span)
            done.append(TextEdit(call.span, f" {self._values(call, pattern)} " + "\n" * lines))
        return done

    def _values(self, call: _ServiceCall, pattern: str) -> str:
        """Ask for one call, and write the answer as VALUES."""
        settings = self._outgoing.settings
        endpoint = str(normal(call.endpoint))
        # One solution over the limit tells that there are more.
        query = f"SELECT * WHERE {pattern} LIMIT {settings.max_rows + 1}"
        try:
            fetched = self._outgoing.ask(call.endpoint, query, self._deadline)
            values, rows = self._read(call, query, fetched)
        except (Unreachable, Forbidden) as error:
            if not (call.silent and isinstance(error, Unreachable)):
                error.line, error.column = call.position
                raise
            self.retrieved.append(Retrieval(endpoint, datetime.now(UTC), None, cached=False))
            return remote_results.NO_SOLUTION_BUT_ONE
        self.retrieved.append(Retrieval(endpoint, fetched.retrieved, rows, fetched.cached))
        return values

    def _read(self, call: _ServiceCall, query: str, fetched: Fetched) -> tuple[str, int]:
        skolem = f"{GENID}{fetched.identity}-"
        try:
            return remote_results.as_values(fetched.content, call.variables, self._outgoing.settings.max_rows, skolem)
        except remote_results.BadRemoteResult as error:
            self._outgoing.forget(call.endpoint, query)
            raise Unreachable(
                f"The answer of <{call.endpoint}> cannot be used: {error}.",
                remedy="Ask it for less, or tell its operator.",
            ) from None

    def load(self, operation: UpdateOperation) -> str:
        """Fetch the document of a LOAD and write it as INSERT DATA."""
        if _fails_unseen(operation):
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
        # As its writer names it: what is declared before the operation still is.
        named = f"GRAPH {self._text[slice(*graph.span)]} {{\n{data}}}" if graph.kind == "iri" else data
        return f"INSERT DATA {{\n{named}}}"


def _triples(document: str, fetched: Fetched) -> str:
    """Parse a document into N-Triples; nothing that it points at is fetched."""
    try:
        quads = list(oxigraph.parse(fetched.content, _media_type(document, fetched), document))
    except ClaimgraphError as error:
        raise Unreachable(f"<{document}> cannot be loaded. {error.message}", remedy=error.remedy) from None
    if any(not isinstance(quad.graph_name, oxigraph.DefaultGraph) for quad in quads):
        raise Unreachable(
            f"<{document}> holds named graphs; LOAD reads one graph.", remedy="Send it to /graphs, or use `kg load`."
        )
    return oxigraph.serialize(quads, "application/n-triples").decode()


def _media_type(document: str, fetched: Fetched) -> str:
    """Tell the format by what the server says, or if that says nothing, by the ending of the name."""
    if fetched.media_type in media_types.GRAPHS or fetched.media_type == "application/x-turtle":
        return fetched.media_type
    return media_types.media_type_of(document.partition("?")[0])


def _fails_unseen(operation: UpdateOperation) -> bool:
    """Tell whether a LOAD can only fail, and says SILENT: an IRI of another scheme names nothing that is fetched."""
    return operation.silent and operation.document.partition(":")[0].lower() not in ("http", "https")


def _check_grammar(text: str, run: Callable[[str], object]) -> None:
    """Let the engine parse a text that it must not run, for running it would call out.

    Raises:
        MalformedText: it does not parse.
    """
    try:
        run(text + _NOTHING)
    except MalformedText as error:
        if error.line is None or error.line <= text.count("\n") + 1:
            raise


def _within(span: TextSpan, outer: TextSpan) -> bool:
    return outer.start <= span.start and span.end <= outer.end


def _forbidden(what: str, position: Position, setting: str) -> Forbidden:
    line, column = position
    return Forbidden(
        f"{what} at line {line}, column {column} is refused: it is not among the addresses that this server may ask.",
        remedy=f"Ask the operator to add it to {setting}, or ask the other endpoint yourself.",
        line=line,
        column=column,
    )
