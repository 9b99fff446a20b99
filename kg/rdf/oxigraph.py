"""The one door to pyoxigraph: terms, parsing, serialising, and querying a store into bytes.

Results never leave this module as live objects: a pyoxigraph result that is touched from another thread aborts the
process, so every function here evaluates *and* serialises before it returns.
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
from kg.rdf.media_types import canonical_name
from kg.rdf.nesting_limit import refuse_deep
from kg.rdf.query_request_and_result import QueryDataset, QueryResult, ResultFormats
from kg.rdf.result_limits import UNBOUNDED, LimitedBuffer, ResultLimits
from kg.rdf.xml_expansion_limit import refuse_expansion

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

_PLACE = (
    re.compile(r"error at (\d+):(\d+)"),  # SPARQL parser
    re.compile(r"at line (\d+) column (\d+)"),  # RDF parsers
)


def open_store(directory: Path | None) -> Engine:
    """Open the store in ``directory`` for reading and writing, or a new one in memory.

    Raises:
        StoreUnavailable: another process holds it, or the directory is not a store.
    """
    if directory is None:
        return ox.Store()
    try:
        return ox.Store(str(directory))
    except (OSError, RuntimeError) as error:  # the latter when the engine finds it damaged
        if disk_space.is_full(error):
            raise disk_space.full() from None
        if re.search(r"\block\b", str(error).replace(str(directory), "")):  # not a “block” that is damaged
            raise StoreInUse(
                "This data directory is in use by another process (a running `kg serve`?).",
                remedy="Stop that process, send the request to its address, or choose another --data directory.",
            ) from None
        raise StoreUnavailable(
            "This data directory cannot be opened as a store.",
            remedy="Check that it is a directory that you may write to and that holds a Claimgraph store or nothing.",
        ) from None


def checkpoint(store: Engine, directory: Path) -> None:
    """Write an immutable copy of a store into a new directory of the same file system, by hard links.

    Raises:
        StorageFull, StoreUnavailable: that cannot be done.
    """
    with disk_space.writing():
        store.backup(str(directory))


def open_snapshot(directory: Path) -> Engine:
    """Open an immutable checkpoint for reading.

    Raises:
        StoreUnavailable: it is not there, or not whole.
    """
    try:
        return ox.Store.read_only(str(directory))
    except (OSError, RuntimeError):  # the engine calls it damaged when a file of it is removed meanwhile
        raise StoreUnavailable("This snapshot cannot be opened.", remedy="Start the server again.") from None


def _rdf_format(media_type: str) -> ox.RdfFormat:
    return _RDF_FORMATS[canonical_name(media_type)]


def parse(data: bytes | IO[bytes], media_type: str, base: str | None = None) -> Iterator[Quad]:
    """Parse RDF, lazily. JSON-LD never fetches a remote context; XML entities from outside are not read.

    Blank nodes are renamed, so that two documents cannot meet in one by accident.

    Raises:
        UnsupportedFormat: unknown media type.
        MalformedText: a syntax error, with line and column.
        TooLarge: nested deeper than any real data; the parser would overflow its stack and end the process.
    """
    form = _rdf_format(media_type)
    if isinstance(data, bytes) and form == ox.RdfFormat.RDF_XML:  # which is read without recursion
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
    """Parse N-Triples of our own, keeping the labels of blank nodes."""
    return ox.parse(ntriples, format=ox.RdfFormat.N_TRIPLES)


def is_iri(text: str) -> bool:
    """Tell whether a text is an absolute IRI (RFC 3987)."""
    try:
        ox.NamedNode(text)
    except ValueError:
        return False
    return True


def serialize(
    items: Iterable[Quad] | Iterable[Triple], media_type: str, prefixes: dict[str, str] | None = None
) -> bytes:
    """Serialise triples or quads; quads lose their graph in a format that has no graphs."""
    form = _rdf_format(media_type)
    if not form.supports_datasets:
        items = (item.triple if isinstance(item, ox.Quad) else item for item in items)
    data = ox.serialize(items, format=form, prefixes=prefixes) or b""
    return _keep_carriage_returns(data) if form == ox.RdfFormat.RDF_XML else data


def query(
    store: Engine, text: str, choice: ResultFormats, request: QueryDataset, bounds: ResultLimits = UNBOUNDED
) -> QueryResult:
    """Evaluate a query and serialise its result in the same thread.

    Raises:
        MalformedText: a syntax error, with line and column.
        NotAcceptable: no format was chosen for the kind of result that came.
        ResultTooLarge: the answer is over the bounds.
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
    except RuntimeError as error:  # a function that is not there
        _refuse_damage(error)
        raise BadInput(f"The query cannot be answered: {error}.", remedy="Use the functions of SPARQL 1.1.") from None
    kind = _KINDS[type(result)]
    media_type: str | None = getattr(choice, kind)
    if media_type is None:
        del result  # an error that leaves this thread must not take a live result along
        raise NotAcceptable(kind)
    sink = LimitedBuffer(bounds.size)
    if isinstance(result, ox.QueryTriples):
        ox.serialize(bounds.counted(result), sink, format=_rdf_format(media_type), prefixes=PREFIXES)
        return QueryResult(_finished(sink, media_type), media_type, kind)
    if bounds.size == UNBOUNDED.size:  # writing it piece by piece costs time
        sink.write(result.serialize(format=_RESULT_FORMATS[media_type]) or b"")
    else:
        result.serialize(sink, format=_RESULT_FORMATS[media_type])
    if kind == "solutions":
        bounds.check_rows(sink.getvalue(), media_type)
    return QueryResult(_finished(sink, media_type), media_type, kind)


def _finished(sink: LimitedBuffer, media_type: str) -> bytes:
    content = sink.getvalue()
    if not media_type.endswith("+xml"):
        return content
    sink.require(content.count(b"\r") * (len(_CARRIAGE_RETURN) - 1))
    return _keep_carriage_returns(content)


_CARRIAGE_RETURN = b"&#13;"


def _keep_carriage_returns(xml: bytes) -> bytes:
    """Write CR as a character reference: as itself it would be read as a line feed (XML 1.0, clause 2.11)."""
    return xml.replace(b"\r", _CARRIAGE_RETURN)


_KINDS = {ox.QuerySolutions: "solutions", ox.QueryBoolean: "boolean", ox.QueryTriples: "graph"}


def _graphs(request: QueryDataset) -> tuple[list[GraphName] | None, list[ox.NamedNode | ox.BlankNode] | None]:
    """Name the graphs of a request's dataset; ``None`` stands for the store's own, an empty list for no graph."""
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
    (quad,) = parse_as_is(f"<urn:s> <urn:p> {text} .".encode())
    return quad.object


def solutions(content: bytes) -> list[dict[str, Term]]:
    """Read an answer to a SELECT of our own, in JSON, as plain dictionaries."""
    found = ox.parse_query_results(content, format=ox.QueryResultsFormat.JSON)
    assert isinstance(found, ox.QuerySolutions)
    return _plain(found)


def _plain(found: ox.QuerySolutions) -> list[dict[str, Term]]:
    names = [variable.value for variable in found.variables]
    return [{n: value for n in names if (value := solution[n]) is not None} for solution in found]


def graph_of(quad: Quad) -> str:
    """Name the graph of a quad; blank nodes and the default graph have no name (empty)."""
    return quad.graph_name.value if isinstance(quad.graph_name, ox.NamedNode) else ""


def canonical(triples: Iterable[Triple]) -> set[Triple]:
    """Rewrite literals as the engine will on storage (``01`` → ``1``), so that graphs can be compared."""
    scratch = ox.Store()
    scratch.extend(ox.Quad(t.subject, t.predicate, t.object) for t in triples)
    return {quad.triple for quad in scratch}


def rows(
    store: Engine, text: str, bindings: dict[str, Term] | None = None, request: QueryDataset | None = None
) -> list[dict[str, Term]]:
    """Evaluate a SELECT of our own and return its solutions as plain dictionaries."""
    substitutions = {ox.Variable(name): value for name, value in (bindings or {}).items()}
    default, named = _graphs(request or QueryDataset())
    result = store.query(text, default_graph=default, named_graphs=named, substitutions=substitutions)
    assert isinstance(result, ox.QuerySolutions)
    return _plain(result)


def update(store: Engine, text: str, base: str | None = None) -> None:
    """Run an update in one transaction.

    Raises:
        MalformedText: a syntax error, with line and column; nothing is changed.
        BadInput: it clears a graph that is not there, or makes one that is; nothing is changed.
        StorageFull, StoreUnavailable: the disk does not take it.
    """
    try:
        with disk_space.writing():
            store.update(text, base_iri=base)
    except SyntaxError as error:
        raise _malformed("The update does not parse", error) from None
    except RuntimeError as error:  # a graph that has to be there is not, or the other way round
        _refuse_damage(error)
        raise BadInput(
            f"{error}.", remedy="Name a graph that is there, add SILENT, or use the functions of SPARQL 1.1."
        ) from None


def _refuse_damage(error: RuntimeError) -> None:
    """Tell what is wrong with the store from what is wrong with a request.

    Raises:
        StoreUnavailable: the engine cannot read its files; its own words would tell where they are.
    """
    if _DAMAGE.match(str(error)):
        _log.error("the engine cannot use its files: %s", error)  # for the operator alone
        raise disk_space.damaged() from None


def check_update(text: str, base: str | None) -> None:
    """Check the syntax of an update on an empty store. Only for text that neither LOADs nor calls a SERVICE.

    Raises:
        MalformedText: a syntax error, with line and column.
    """
    try:
        update(ox.Store(), text, base)
    except MalformedText:
        raise
    except BadInput:  # it parsed; that a graph is missing means nothing in an empty store
        return


def _malformed(what: str, error: SyntaxError) -> MalformedText:
    """Turn the engine's syntax error into ours, with the place that it names."""
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
    """Parse Turtle of the product's own and name its blank nodes by content (RDF 1.1, clause 3.5; RDFC-1.0).

    Two runs give the same triples, so that loading the ontology again changes nothing.
    """
    dataset = ox.Dataset()
    for text in texts:
        for quad in ox.parse(text.encode(), format=ox.RdfFormat.TURTLE, base_iri=base, rename_blank_nodes=True):
            dataset.add(quad)
    dataset.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)

    def named(term: Term) -> Term:
        return ox.NamedNode(genid + term.value) if isinstance(term, ox.BlankNode) else term

    return [ox.Triple(named(q.subject), q.predicate, named(q.object)) for q in dataset]  # type: ignore[arg-type]
