"""Queries and updates of pyoxigraph, beside :mod:`kg.rdf.oxigraph`: their results, and the functions they can call.

Results never leave this module as live objects: a pyoxigraph result that is used in another thread aborts the process,
so every function here evaluates *and* serialises before it returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pyoxigraph as ox

from kg.errors import BadInput, MalformedText, NotAcceptable
from kg.files import disk_space
from kg.iris import PREFIXES
from kg.rdf import oxigraph, spreadsheet_and_page_results
from kg.rdf.literal_sort_keys import SORT_KEY, TRIPLE, comparable_literal, literal_key
from kg.rdf.query_request_and_result import QueryDataset, QueryResult, ResultFormats
from kg.rdf.result_limits import UNBOUNDED, LimitedBuffer, ResultLimits
from kg.rdf.xml_output_checks import without_name

_RESULT_FORMATS: dict[str, ox.QueryResultsFormat] = {
    "application/sparql-results+json": ox.QueryResultsFormat.JSON,
    "application/sparql-results+xml": ox.QueryResultsFormat.XML,
    "text/csv": ox.QueryResultsFormat.CSV,
    "text/tab-separated-values": ox.QueryResultsFormat.TSV,
}


def query(
    store: oxigraph.Engine, text: str, choice: ResultFormats, request: QueryDataset, bounds: ResultLimits = UNBOUNDED
) -> QueryResult:
    """Evaluate a query and serialise its result in the same thread.

    Raises:
        MalformedText, BadInput: a syntax error; an unknown function.
        NotAcceptable: ``choice`` has no media type for this kind of result.
        ResultTooLarge: the result is over ``bounds`` (rows, bytes).
        Unwritable: its format cannot represent it.
        StoreUnavailable: the files of the store are damaged.
    """
    default, named = _graphs(request)
    try:
        result = store.query(
            text,
            base_iri=request.base,
            prefixes=dict(request.prefixes or {}),
            default_graph=default,
            named_graphs=named,
            substitutions={ox.Variable(name): _term(text) for name, text in (request.bindings or {}).items()},
            custom_functions=FUNCTIONS,
        )
    except (SyntaxError, UnicodeEncodeError) as error:
        raise oxigraph.malformed("The query does not parse", error) from None
    except RuntimeError as error:  # an unknown function
        oxigraph.refuse_damage(error)
        raise BadInput(f"The query cannot be evaluated: {error}.", remedy="Use the functions of SPARQL 1.1.") from None
    kind = _KINDS[type(result)]
    media_type: str | None = getattr(choice, kind)
    if media_type is None:
        del result  # or the traceback would carry the live result into another thread
        raise NotAcceptable(kind)
    with oxigraph.reading():
        written = spreadsheet_and_page_results.source(media_type)
        content = _serialized(result, written, kind, bounds)
        return QueryResult(spreadsheet_and_page_results.derive(content, media_type), written, kind)


def _serialized(
    result: ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples, media_type: str, kind: str, bounds: ResultLimits
) -> bytes:
    sink = LimitedBuffer(bounds.size)
    if isinstance(result, ox.QueryTriples):
        complete = _write_triples(bounds.counted(result), sink, media_type)
        if not complete:
            raise without_name()
        return _finished(sink, media_type)
    if bounds.size == UNBOUNDED.size:  # without a limit, serialising at once is faster than in pieces
        sink.write(result.serialize(format=_RESULT_FORMATS[media_type]) or b"")
    else:
        result.serialize(sink, format=_RESULT_FORMATS[media_type])
    if kind == "solutions":
        bounds.check_rows(sink.getvalue(), media_type)
    return _finished(sink, media_type)


def _write_triples(triples: Iterable[oxigraph.Triple], sink: LimitedBuffer, media_type: str) -> bool:
    """Write the result of CONSTRUCT or DESCRIBE; return whether its format has a name for each predicate."""
    try:
        ox.serialize(triples, sink, format=oxigraph.rdf_format(media_type), prefixes=PREFIXES)
    except OSError as error:
        if oxigraph.RESERVED not in str(error):
            raise
        return False
    return True


def _sort_key(term: oxigraph.Term) -> oxigraph.Term:
    """Return a term that the engine compares as what it stands for; see :mod:`kg.sparql.rewriting.sort_expressions`."""
    if isinstance(term, ox.Literal):
        value, datatype = comparable_literal(term.value, term.datatype.value, term.language or "")
        return ox.Literal(value, datatype=ox.NamedNode(datatype))
    return ox.Literal(_text_key(term)) if isinstance(term, ox.Triple) else term


def _text_key(term: oxigraph.Term) -> str:
    """Return a text whose place among others is that of ``term``: blank nodes, IRIs, literals, triple terms."""
    if isinstance(term, ox.Literal):
        return literal_key(term.value, term.datatype.value, term.language or "")
    if isinstance(term, ox.Triple):
        return f"{TRIPLE}{_text_key(term.subject)}\0{term.predicate.value}\0{_text_key(term.object)}"
    return f"{int(isinstance(term, ox.NamedNode))}{term.value}"


FUNCTIONS: dict[ox.NamedNode, Callable[..., oxigraph.Term | None]] = {ox.NamedNode(SORT_KEY): _sort_key}


def _finished(sink: LimitedBuffer, media_type: str) -> bytes:
    """Return the content of the buffer, in XML checked and with escaped carriage returns, if within its limit."""
    content = sink.getvalue()
    if not media_type.endswith("+xml"):
        return content
    sink.require(content.count(b"\r") * (len(oxigraph.CARRIAGE_RETURN) - 1))
    return oxigraph.checked_xml(content, elements=media_type == "application/rdf+xml")


_KINDS = {ox.QuerySolutions: "solutions", ox.QueryBoolean: "boolean", ox.QueryTriples: "graph"}


def _graphs(request: QueryDataset) -> tuple[list[oxigraph.GraphName] | None, list[ox.NamedNode | ox.BlankNode] | None]:
    """Return default and named graphs of a request; ``None`` means the store's own, an empty list no graph."""
    if not request.default_graphs and not request.named_graphs:
        return None, None
    default: list[oxigraph.GraphName] = [_graph_name(iri) for iri in request.default_graphs]
    return default, [_graph_name(iri) for iri in request.named_graphs]


def _graph_name(iri: str) -> ox.NamedNode:
    try:
        return ox.NamedNode(iri)
    except ValueError:
        raise MalformedText(f"<{iri}> is not an absolute IRI.", remedy="Name graphs by absolute IRIs.") from None


def _term(text: str) -> oxigraph.Term:
    """Parse one term in N-Triples syntax."""
    (quad,) = oxigraph.parse_as_is(f"<urn:s> <urn:p> {text} .".encode())
    return quad.object


def solutions(content: bytes) -> list[dict[str, oxigraph.Term]]:
    """Parse a result of SELECT in SPARQL JSON into one dictionary per solution, from variable to term."""
    found = ox.parse_query_results(content, format=ox.QueryResultsFormat.JSON)
    assert isinstance(found, ox.QuerySolutions)
    return _plain(found)


def _plain(found: ox.QuerySolutions) -> list[dict[str, oxigraph.Term]]:
    names = [variable.value for variable in found.variables]
    return [{n: value for n in names if (value := solution[n]) is not None} for solution in found]


def rows(
    store: oxigraph.Engine,
    text: str,
    bindings: dict[str, oxigraph.Term] | None = None,
    request: QueryDataset | None = None,
) -> list[dict[str, oxigraph.Term]]:
    """Evaluate a trusted SELECT and return one dictionary per solution, from variable to term."""
    substitutions = {ox.Variable(name): value for name, value in (bindings or {}).items()}
    default, named = _graphs(request or QueryDataset())
    with oxigraph.reading():
        result = store.query(
            text,
            default_graph=default,
            named_graphs=named,
            substitutions=substitutions,
            custom_functions=FUNCTIONS,
        )
        assert isinstance(result, ox.QuerySolutions)
        return _plain(result)


def update(store: oxigraph.Engine, text: str, base: str | None = None) -> None:
    """Run an update in one transaction: after an error nothing is changed.

    Raises:
        MalformedText: the update has a syntax error.
        BadInput: a graph to clear does not exist, or one to create does, or a function is unknown.
        StorageFull, StoreUnavailable: the disk refuses the write.
    """
    try:
        with disk_space.writing():
            store.update(text, base_iri=base, custom_functions=FUNCTIONS)
    except (SyntaxError, UnicodeEncodeError) as error:
        raise oxigraph.malformed("The update does not parse", error) from None
    except RuntimeError as error:  # a missing graph, an existing graph, or an unknown function
        oxigraph.refuse_damage(error)
        raise BadInput(
            f"{error}.", remedy="Name an existing graph, add SILENT, or use the functions of SPARQL 1.1."
        ) from None


def check_update(text: str, base: str | None) -> None:
    """Check the syntax of an update by running it on an empty store.

    Must not be called for text with LOAD or SERVICE, which would send requests.

    Raises:
        MalformedText: the update has a syntax error.
    """
    try:
        update(ox.Store(), text, base)
    except MalformedText:
        raise
    except BadInput:  # it parsed; in an empty store any graph is missing
        return
