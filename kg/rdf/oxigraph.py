"""Adapter to pyoxigraph: terms, stores, parsing and serialising; only :mod:`kg.rdf.oxigraph_queries` imports it too."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import pyoxigraph as ox

from kg.errors import MalformedText, StoreInUse, StoreUnavailable
from kg.files import disk_space
from kg.rdf import nesting_and_xml_limits
from kg.rdf.document_without_rdf_check import refuse_no_document
from kg.rdf.media_types import canonical_name
from kg.rdf.xml_output_checks import check_characters, check_elements, without_name

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
_log = logging.getLogger("claimgraph.store")
RESERVED = "RDF/XML"  # in the engine's error for a predicate that the format reserves, such as rdf:li
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


@contextmanager
def reading() -> Iterator[None]:
    """Convert an error of the engine that cannot read its files; every access to a store on disk is inside this.

    A damaged file opens, and only the block with the damage cannot be read: by one query or all of them.

    Raises:
        StoreUnavailable: a file of the store is damaged or missing.
    """
    try:
        yield
    except (RuntimeError, OSError) as error:
        refuse_damage(error)
        raise


def matching(
    store: Engine,
    subject: Term | None,
    predicate: NamedNode | None,
    thing: Term | None,
    graph: GraphName | None = None,
) -> Iterator[Quad]:
    """Yield the quads that match a pattern; ``None`` matches everything.

    Raises:
        StoreUnavailable: a file of the store is damaged.
    """
    with reading():
        yield from store.quads_for_pattern(subject, predicate, thing, graph)  # type: ignore[arg-type]


def graph_names(store: Engine) -> list[str]:
    """Return the IRIs of the named graphs, sorted.

    Raises:
        StoreUnavailable: a file of the store is damaged.
    """
    with reading():
        return sorted(graph.value for graph in store.named_graphs() if isinstance(graph, NamedNode))


def graph_count(store: Engine) -> int:
    """Return the number of graphs, with those that are named by a blank node.

    Raises:
        StoreUnavailable: a file of the store is damaged.
    """
    with reading():
        return sum(1 for _ in store.named_graphs())


def size(store: Engine) -> int:
    """Return the number of quads.

    Raises:
        StoreUnavailable: a file of the store is damaged.
    """
    with reading():
        return len(store)


def checkpoint(store: Engine, directory: Path) -> None:
    """Write an immutable copy of a store into a new directory of the same file system, with hard links.

    Raises:
        StorageFull, StoreUnavailable: the copy cannot be written.
    """
    with reading(), disk_space.writing():
        store.backup(str(directory))


def compact(store: Engine) -> None:
    """Merge the files of a store: after many writes its entries lie in several layers, which slow every scan.

    Raises:
        StorageFull, StoreUnavailable: the disk refuses the write, or a file is damaged.
    """
    with reading(), disk_space.writing():
        store.optimize()


def open_snapshot(directory: Path) -> Engine:
    """Open an immutable copy (see :func:`checkpoint`) for reading.

    Raises:
        StoreUnavailable: the copy is missing or incomplete.
    """
    try:
        return ox.Store.read_only(str(directory))
    except (OSError, RuntimeError):  # the latter if a file is removed during opening
        raise StoreUnavailable("This snapshot cannot be opened.", remedy="Start the server again.") from None


def rdf_format(media_type: str) -> ox.RdfFormat:
    """Return the format of a media type."""
    return _RDF_FORMATS[canonical_name(media_type)]


_SYNTAXES: dict[ox.RdfFormat, nesting_and_xml_limits.Syntax] = {
    ox.RdfFormat.N_TRIPLES: "lines",
    ox.RdfFormat.N_QUADS: "lines",
    ox.RdfFormat.JSON_LD: "json",
    ox.RdfFormat.RDF_XML: "xml",
}


def parse(data: bytes | IO[bytes], media_type: str, base: str | None = None) -> Iterator[Quad]:
    """Parse RDF lazily and yield its quads. Nothing is fetched: no JSON-LD context, no external XML entity.

    Blank nodes get new labels, so that those of two documents never coincide. A byte order mark is skipped. A stream
    has the limits of :mod:`kg.rdf.nesting_and_xml_limits`, too.

    Raises:
        UnsupportedFormat: the media type is unknown.
        MalformedText: the document has a syntax error, or is JSON or XML that is no RDF at all.
        TooLarge: it nests too deep, XML entities expand too much, or a term is too long.
    """
    form = rdf_format(media_type)
    syntax = _SYNTAXES.get(form, "turtle")
    checked = (
        nesting_and_xml_limits.checked(data, syntax)
        if isinstance(data, bytes)
        else cast(IO[bytes], nesting_and_xml_limits.CheckedStream(data, syntax))
    )
    empty = True
    try:
        for quad in ox.parse(checked, format=form, base_iri=base, rename_blank_nodes=True):
            empty = False
            yield quad
    except SyntaxError as error:
        if "LoadDocumentCallback" in str(error.msg):
            raise _remote_context() from None
        raise malformed(f"The {form.name} does not parse", error) from None
    except ValueError as error:
        raise MalformedText(f"The {form.name} does not parse: {error}") from None
    except MemoryError:  # the parser's own buffer is full: it holds one term, however long
        raise nesting_and_xml_limits.too_long() from None
    if empty:
        refuse_no_document(data, canonical_name(media_type))


def _remote_context() -> MalformedText:
    return MalformedText(
        "The JSON-LD names a context by its address, and no context is fetched.",
        remedy="Copy the content of the context into the document, or convert the file to Turtle or N-Quads.",
    )


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
        Unwritable: the format cannot represent the content.
    """
    form = rdf_format(media_type)
    if not form.supports_datasets:
        items = (item.triple if isinstance(item, ox.Quad) else item for item in items)
    try:
        data = ox.serialize(items, format=form, prefixes=prefixes) or b""
    except OSError as error:
        raise (without_name() if RESERVED in str(error) else error) from None
    return checked_xml(data, elements=True) if form == ox.RdfFormat.RDF_XML else data


CARRIAGE_RETURN = b"&#13;"


def checked_xml(xml: bytes, *, elements: bool) -> bytes:
    """Replace CR by a character reference: XML parsers read a plain CR as a line feed (XML 1.0, clause 2.11).

    Raises:
        Unwritable: the document has a character or, if ``elements`` are checked, an element that XML does not allow.
    """
    check_characters(xml)
    if elements:
        check_elements(xml)
    return xml.replace(b"\r", CARRIAGE_RETURN)


def graph_of(quad: Quad) -> str:
    """Return the IRI of a quad's graph; empty for the default graph and for blank nodes."""
    return quad.graph_name.value if isinstance(quad.graph_name, ox.NamedNode) else ""


def subject_of(triple: Triple) -> str:
    """Return the IRI or label of a triple's subject; the text of the triple if that is a triple itself."""
    return triple.subject.value if isinstance(triple.subject, NamedNode | BlankNode) else str(triple.subject)


def quads_of(graphs: Mapping[str, Iterable[Triple]], *, union: bool) -> Iterator[Quad]:
    """Yield the triples of graphs as quads, with ``union`` those of the default graph as well."""
    for name, triples in graphs.items():
        graph = ox.NamedNode(name)
        for triple in triples:
            yield ox.Quad(triple.subject, triple.predicate, triple.object, graph)
            if union:
                yield ox.Quad(triple.subject, triple.predicate, triple.object)


def has_blank_node(triple: Triple) -> bool:
    """Return whether a blank node occurs in a triple, or in a triple term within it."""
    if isinstance(triple.subject, BlankNode) or isinstance(triple.object, BlankNode):
        return True
    return any(isinstance(term, Triple) and has_blank_node(term) for term in (triple.subject, triple.object))


def canonical(triples: Iterable[Triple]) -> set[Triple]:
    """Return triples with literals as the engine stores them (``01`` becomes ``1``), so that graphs can be compared."""
    scratch = ox.Store()  # in memory; storing and reading back is the only way to the normal form
    scratch.extend(ox.Quad(t.subject, t.predicate, t.object) for t in triples)
    return {quad.triple for quad in scratch}


def refuse_damage(error: RuntimeError | OSError) -> None:
    """Raise an error of the store if the engine reports damaged files rather than a fault of the request.

    The engine's own message is only logged, since it contains paths.

    Raises:
        StoreUnavailable: the engine cannot read its files.
    """
    if _DAMAGE.match(str(error)):
        _log.error("the engine cannot read its files: %s", error)
        raise disk_space.damaged() from None


def malformed(what: str, error: SyntaxError | UnicodeEncodeError) -> MalformedText:
    """Convert the engine's syntax error, with line and column from its attributes or its text."""
    if isinstance(error, UnicodeEncodeError):
        return _half_a_character(what, error)
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


def _half_a_character(what: str, error: UnicodeEncodeError) -> MalformedText:
    before = error.object[: error.start]
    line, column = before.count("\n") + 1, error.start - before.rfind("\n")
    detail = f"{what} at line {line}, column {column}: half a character (a lone surrogate)."
    return MalformedText(detail, remedy="Send UTF-8.", line=line, column=column)


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
