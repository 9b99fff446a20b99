"""Adapter to pyoxigraph, the only module that imports it: terms, parsing, serialising, queries and updates.

Results never leave this module as live objects: a pyoxigraph result that is used in another thread aborts the process,
so every function here evaluates *and* serialises before it returns.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import pyoxigraph as ox

from kg.errors import BadInput, MalformedText, NotAcceptable, StoreInUse, StoreUnavailable
from kg.files import disk_space
from kg.iris import PREFIXES
from kg.rdf.input_limits import refuse_deep, refuse_expansion
from kg.rdf.media_types import canonical_name
from kg.rdf.query_request_and_result import QueryDataset, QueryResult, ResultFormats
from kg.rdf.result_limits import UNBOUNDED, LimitedBuffer, ResultLimits

Term = ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple
Triple = ox.Triple
Quad = ox.Quad
NamedNode = ox.NamedNode
BlankNode = ox.BlankNode
Literal = ox.Literal
DefaultGraph = ox.DefaultGraph
GraphName = ox.NamedNode | ox.BlankNode | ox.DefaultGraph
Engine = ox.Store
Stream = IO[bytes]

_RDF_FORMATS: dict[str, ox.RdfFormat] = {
    "text/turtle": ox.RdfFormat.TURTLE,
    "application/n-triples": ox.RdfFormat.N_TRIPLES,
    "application/ld+json": ox.RdfFormat.JSON_LD,
    "application/rdf+xml": ox.RdfFormat.RDF_XML,
    "application/trig": ox.RdfFormat.TRIG,
    "application/n-quads": ox.RdfFormat.N_QUADS,
    "text/n3": ox.RdfFormat.N3,
}
_RESULT_FORMATS: dict[str, ox.QueryResultsFormat] = {
    "application/sparql-results+json": ox.QueryResultsFormat.JSON,
    "application/sparql-results+xml": ox.QueryResultsFormat.XML,
    "text/csv": ox.QueryResultsFormat.CSV,
    "text/tab-separated-values": ox.QueryResultsFormat.TSV,
}

_log = logging.getLogger("claimgraph.store")
_DAMAGE = re.compile(r"Corruption|IO error", re.IGNORECASE)

# The line and column in an error message, from 1.
_PLACE = (
    re.compile(r"error at (\d+):(\d+)"),  # SPARQL parser
    re.compile(r"at line (\d+) column (\d+)"),  # RDF parsers
)


def open_store(directory: Path | None) -> Engine:
    """Open or create the store in ``directory`` for reading and writing; ``None`` creates one in memory.

    Raises:
        StoreInUse: another process has it open.
        StorageFull: the disk is full.
        StoreUnavailable: the directory does not hold a store, or its files are damaged.
    """
    if directory is None:
        return ox.Store()
    try:
        return ox.Store(str(directory))
    except (OSError, RuntimeError) as error:  # the latter for damaged files
        if disk_space.is_full(error):
            raise disk_space.full() from None
        if re.search(
            r"\block\b", str(error).replace(str(directory), "")
        ):  # but not in a message about a damaged “block”
            raise StoreInUse(
                "This data directory is in use by another process (a running `kg serve`?).",
                remedy="Stop that process, send the request to its address, or choose another --data directory.",
            ) from None
        raise StoreUnavailable(
            "This data directory cannot be opened as a store.",
            remedy="Check that it is a writable directory that holds a Claimgraph store, or is empty.",
        ) from None


def checkpoint(store: Engine, directory: Path) -> None:
    """Write an immutable copy of a store into a new directory of the same file system, with hard links.

    Raises:
        StorageFull, StoreUnavailable: the copy cannot be written.
    """
    with disk_space.writing():
        store.backup(str(directory))


def open_snapshot(directory: Path) -> Engine:
    """Open an immutable copy (see :func:`checkpoint`) for reading.

    Raises:
        StoreUnavailable: the copy is missing or incomplete.
    """
    try:
        return ox.Store.read_only(str(directory))
    except (OSError, RuntimeError):  # the latter if a file is removed during opening
        raise StoreUnavailable("This snapshot cannot be opened.", remedy="Start the server again.") from None


def _rdf_format(media_type: str) -> ox.RdfFormat:
    return _RDF_FORMATS[canonical_name(media_type)]


def parse(data: bytes | IO[bytes], media_type: str, base: str | None = None) -> Iterator[Quad]:
    """Parse RDF lazily and yield its quads. Nothing is fetched: no JSON-LD context, no external XML entity.

    Blank nodes get new labels, so that those of two documents never coincide.

    Args:
        data: the document; the limits of :mod:`kg.rdf.input_limits` are checked for ``bytes`` only, not for a stream.
        media_type: an RDF media type or one of its aliases.
        base: base IRI for relative IRIs.

    Raises:
        UnsupportedFormat: the media type is unknown.
        MalformedText: the document has a syntax error.
        TooLarge: brackets nest too deep, or XML entities expand too much.
    """
    form = _rdf_format(media_type)
    if isinstance(data, bytes) and form == ox.RdfFormat.RDF_XML:  # parsed without recursion, so nesting is no risk
        refuse_expansion(data)
    elif isinstance(data, bytes):
        refuse_deep(data, json=form == ox.RdfFormat.JSON_LD)
    try:
        yield from ox.parse(data, format=form, base_iri=base, rename_blank_nodes=True)
    except SyntaxError as error:
        raise _malformed(f"The {form.name} does not parse", error) from None
    except ValueError as error:
        raise MalformedText(f"The {form.name} does not parse: {error}") from None


def parse_as_is(ntriples: bytes) -> Iterator[Quad]:
    """Parse trusted N-Triples without limits; blank nodes retain their labels."""
    return ox.parse(ntriples, format=ox.RdfFormat.N_TRIPLES)


def is_iri(text: str) -> bool:
    """Return whether a text is an absolute IRI (RFC 3987)."""
    try:
        ox.NamedNode(text)
    except ValueError:
        return False
    return True


def serialize(
    items: Iterable[Quad] | Iterable[Triple], media_type: str, prefixes: dict[str, str] | None = None
) -> bytes:
    """Return triples or quads in an RDF format; formats without named graphs drop the graph of each quad.

    Raises:
        UnsupportedFormat: the media type is unknown.
    """
    form = _rdf_format(media_type)
    if not form.supports_datasets:
        items = (item.triple if isinstance(item, ox.Quad) else item for item in items)
    data = ox.serialize(items, format=form, prefixes=prefixes) or b""
    return _escape_carriage_returns(data) if form == ox.RdfFormat.RDF_XML else data


def query(
    store: Engine, text: str, choice: ResultFormats, request: QueryDataset, bounds: ResultLimits = UNBOUNDED
) -> QueryResult:
    """Evaluate a query and serialise its result in the same thread.

    Raises:
        MalformedText, BadInput: a syntax error; an unknown function.
        NotAcceptable: ``choice`` has no media type for this kind of result.
        ResultTooLarge: the result is over ``bounds`` (rows, bytes).
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
        )
    except SyntaxError as error:
        raise _malformed("The query does not parse", error) from None
    except RuntimeError as error:  # an unknown function
        _refuse_damage(error)
        raise BadInput(f"The query cannot be evaluated: {error}.", remedy="Use the functions of SPARQL 1.1.") from None
    kind = _KINDS[type(result)]
    media_type: str | None = getattr(choice, kind)
    if media_type is None:
        del result  # or the traceback would carry the live result into another thread
        raise NotAcceptable(kind)
    sink = LimitedBuffer(bounds.size)
    if isinstance(result, ox.QueryTriples):
        ox.serialize(bounds.counted(result), sink, format=_rdf_format(media_type), prefixes=PREFIXES)
        return QueryResult(_finished(sink, media_type), media_type, kind)
    if bounds.size == UNBOUNDED.size:  # without a limit, serialising at once is faster than in pieces
        sink.write(result.serialize(format=_RESULT_FORMATS[media_type]) or b"")
    else:
        result.serialize(sink, format=_RESULT_FORMATS[media_type])
    if kind == "solutions":
        bounds.check_rows(sink.getvalue(), media_type)
    return QueryResult(_finished(sink, media_type), media_type, kind)


def _finished(sink: LimitedBuffer, media_type: str) -> bytes:
    """Return the content of the buffer, in XML with escaped carriage returns, if that is still within its limit."""
    content = sink.getvalue()
    if not media_type.endswith("+xml"):
        return content
    sink.require(content.count(b"\r") * (len(_CARRIAGE_RETURN) - 1))
    return _escape_carriage_returns(content)


_CARRIAGE_RETURN = b"&#13;"


def _escape_carriage_returns(xml: bytes) -> bytes:
    """Replace CR by a character reference: XML parsers read a plain CR as a line feed (XML 1.0, clause 2.11)."""
    return xml.replace(b"\r", _CARRIAGE_RETURN)


_KINDS = {ox.QuerySolutions: "solutions", ox.QueryBoolean: "boolean", ox.QueryTriples: "graph"}


def _graphs(request: QueryDataset) -> tuple[list[GraphName] | None, list[ox.NamedNode | ox.BlankNode] | None]:
    """Return default and named graphs of a request; ``None`` means the store's own, an empty list no graph."""
    if not request.default_graphs and not request.named_graphs:
        return None, None
    default: list[GraphName] = [_graph_name(iri) for iri in request.default_graphs]
    return default, [_graph_name(iri) for iri in request.named_graphs]


def _graph_name(iri: str) -> ox.NamedNode:
    try:
        return ox.NamedNode(iri)
    except ValueError:
        raise MalformedText(f"<{iri}> is not an absolute IRI.", remedy="Name graphs by absolute IRIs.") from None


def _term(text: str) -> Term:
    """Parse one term in N-Triples syntax."""
    (quad,) = parse_as_is(f"<urn:s> <urn:p> {text} .".encode())
    return quad.object


def solutions(content: bytes) -> list[dict[str, Term]]:
    """Parse a result of SELECT in SPARQL JSON into one dictionary per solution, from variable to term."""
    found = ox.parse_query_results(content, format=ox.QueryResultsFormat.JSON)
    assert isinstance(found, ox.QuerySolutions)
    return _plain(found)


def _plain(found: ox.QuerySolutions) -> list[dict[str, Term]]:
    names = [variable.value for variable in found.variables]
    return [{n: value for n in names if (value := solution[n]) is not None} for solution in found]


def graph_of(quad: Quad) -> str:
    """Return the IRI of a quad's graph; empty for the default graph and for blank nodes."""
    return quad.graph_name.value if isinstance(quad.graph_name, ox.NamedNode) else ""


def canonical(triples: Iterable[Triple]) -> set[Triple]:
    """Return triples with literals as the engine stores them (``01`` becomes ``1``), so that graphs can be compared."""
    scratch = ox.Store()  # in memory; storing and reading back is the only way to the normal form
    scratch.extend(ox.Quad(t.subject, t.predicate, t.object) for t in triples)
    return {quad.triple for quad in scratch}


def rows(
    store: Engine, text: str, bindings: dict[str, Term] | None = None, request: QueryDataset | None = None
) -> list[dict[str, Term]]:
    """Evaluate a trusted SELECT and return one dictionary per solution, from variable to term."""
    substitutions = {ox.Variable(name): value for name, value in (bindings or {}).items()}
    default, named = _graphs(request or QueryDataset())
    result = store.query(text, default_graph=default, named_graphs=named, substitutions=substitutions)
    assert isinstance(result, ox.QuerySolutions)
    return _plain(result)


def update(store: Engine, text: str, base: str | None = None) -> None:
    """Run an update in one transaction: after an error nothing is changed.

    Raises:
        MalformedText: the update has a syntax error.
        BadInput: a graph to clear does not exist, or one to create does, or a function is unknown.
        StorageFull, StoreUnavailable: the disk refuses the write.
    """
    try:
        with disk_space.writing():
            store.update(text, base_iri=base)
    except SyntaxError as error:
        raise _malformed("The update does not parse", error) from None
    except RuntimeError as error:  # a missing graph, an existing graph, or an unknown function
        _refuse_damage(error)
        raise BadInput(
            f"{error}.", remedy="Name an existing graph, add SILENT, or use the functions of SPARQL 1.1."
        ) from None


def _refuse_damage(error: RuntimeError) -> None:
    """Raise an error of the store if the engine reports damaged files rather than a fault of the request.

    The engine's own message is only logged, since it contains paths.

    Raises:
        StoreUnavailable: the engine cannot read its files.
    """
    if _DAMAGE.match(str(error)):
        _log.error("the engine cannot read its files: %s", error)
        raise disk_space.damaged() from None


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


def _malformed(what: str, error: SyntaxError) -> MalformedText:
    """Convert the engine's syntax error, with line and column from its attributes or its text."""
    text = str(error.msg)
    line, column = error.lineno, error.offset
    for pattern in _PLACE:
        if line is None and (found := pattern.search(text)):
            line, column = int(found[1]), int(found[2])
    place = f" at line {line}, column {column}" if line is not None else ""
    detail = re.sub(r"^(error at \d+:\d+: |Parser error at line \d+ column \d+: )", "", text)
    if len(detail) > 300:
        detail = detail[:300] + "…"
    return MalformedText(f"{what}{place}: {detail}", line=line, column=column)


def skolemized(texts: Iterable[str], base: str, genid: str) -> list[Triple]:
    """Parse trusted Turtle and replace its blank nodes by IRIs (RDF 1.1, clause 3.5).

    The IRIs are ``genid`` plus a label derived from the content (RDFC-1.0), so two runs return the same triples and
    loading the ontology again changes nothing.
    """
    dataset = ox.Dataset()
    for text in texts:
        for quad in ox.parse(text.encode(), format=ox.RdfFormat.TURTLE, base_iri=base, rename_blank_nodes=True):
            dataset.add(quad)
    dataset.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)

    # RDFC-1.0 names blank nodes c14n0, c14n1, … in an order that depends on the content only.
    def named(term: Term) -> Term:
        return ox.NamedNode(genid + term.value) if isinstance(term, ox.BlankNode) else term

    return [ox.Triple(named(q.subject), q.predicate, named(q.object)) for q in dataset]  # type: ignore[arg-type]
