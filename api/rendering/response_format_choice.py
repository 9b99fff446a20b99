"""Response media types and their selection: by ``Accept``, or by the ``format`` parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from fastapi import Request, Response

from api.http import request_parsing
from api.http.content_negotiation import best, parse_accept
from api.http.request_parsing import Parameters
from kg.errors import MalformedText, NotAcceptable, Unwritable
from kg.iris import PREFIXES
from kg.rdf import media_types, oxigraph, spreadsheet_and_page_results

JSON = "application/json"
XML = "application/xml"
HTML = "text/html"

GRAPHS = tuple(name for name in media_types.GRAPHS if name != "text/n3")
"""Media types of RDF responses, in order of preference."""

READABLE = (*media_types.GRAPHS, *media_types.ALIASES)
"""Media types of RDF in request bodies."""

RESULTS = (*media_types.RESULTS, JSON, HTML, XML)
"""Media types of SELECT results; JSON and XML are the SPARQL formats under their plain names."""

_TABLES = ("text/csv", "text/tab-separated-values")
BOOLEANS = tuple(name for name in RESULTS if name not in _TABLES)
"""Media types of ASK results: CSV and TSV do not define one."""

_ALIASES = {
    **media_types.ALIASES,
    JSON: "application/ld+json",
    "application/x-json+ld": "application/ld+json",
    XML: "application/rdf+xml",
    **dict.fromkeys(("text/n3", "text/rdf+n3", "application/n3", "application/turtle"), "text/turtle"),  # N3 is wider
}
"""Names of media types that an RDF response can be read as, and the one that is sent for them."""

_RELATIVES = {
    "application/sparql-results+json": "application/ld+json",
    "application/sparql-results+xml": "application/rdf+xml",
    **dict.fromkeys(_TABLES, "text/turtle"),
}
"""RDF for a client whose ``Accept`` names formats of results only.

Such a client sends the same header with every query, and reads the response by its Content-Type (rdflib, SPARQLWrapper,
a script with curl). RFC 9110, clause 12.5.1, allows a response in place of 406.
"""

_XML = ("application/sparql-results+xml", "application/rdf+xml")
"""Media types that cannot represent every result; see :class:`kg.errors.Unwritable`."""

_HEADERS = {"Vary": "Accept"}


@dataclass(frozen=True)
class FormatChoice:
    """The media types that a value of the ``format`` parameter selects; ``None`` leaves the choice to ``Accept``."""

    results: str | None = None
    graph: str | None = None


SHORT = {
    "json": FormatChoice("application/sparql-results+json", "application/ld+json"),
    "xml": FormatChoice("application/sparql-results+xml", "application/rdf+xml"),
    "csv": FormatChoice(results="text/csv"),
    "csv-spreadsheet": FormatChoice(results=spreadsheet_and_page_results.SPREADSHEET),
    "tsv": FormatChoice(results="text/tab-separated-values"),
    "html": FormatChoice(HTML, HTML),
    "ttl": FormatChoice(graph="text/turtle"),
    "nt": FormatChoice(graph="application/n-triples"),
    "jsonld": FormatChoice(graph="application/ld+json"),
    "rdf": FormatChoice(graph="application/rdf+xml"),
    "trig": FormatChoice(graph="application/trig"),
    "nq": FormatChoice(graph="application/n-quads"),
}
"""Values of the ``format`` parameter, for clients that cannot set ``Accept``, such as a form in a browser."""

_OTHER_NAMES = {
    "turtle": "ttl",
    "n3": "ttl",
    "ntriples": "nt",
    "n-triples": "nt",
    "nquads": "nq",
    "n-quads": "nq",
    "json-ld": "jsonld",
    "rdf+xml": "rdf",
    "rdfxml": "rdf",
}
"""Other values of ``format`` that clients send, with the one that they stand for."""

_PARAMETERS = ("format", "output", "results")
"""Names of the parameter; SPARQLWrapper sends all three at once, each with every value."""

_MAX_VALUES, _MAX_LENGTH = 12, 200
"""Number and length of the values that are looked at; no client sends more."""


@dataclass(frozen=True)
class AcceptedFormats:
    """The response media types of a query by kind of result; ``None`` if the client accepts none that is available."""

    results: str | None
    boolean: str | None
    graph: str | None


def wanted(accept: str | None, parameters: Parameters) -> AcceptedFormats:
    """Choose the response formats of a query: by the first usable value of ``format``, else by ``Accept``.

    Raises:
        MalformedText: no value of ``format`` is known, and ``Accept`` names no format either.
    """
    values = [value for name in _PARAMETERS for value in request_parsing.values(parameters, name)]
    usable = tuple(value.lower() for value in values if len(value) <= _MAX_LENGTH)[:_MAX_VALUES]
    if (named := request_parsing.values(parameters, "format")) and not _names_any(accept):
        _check_known(named[0], usable)
    return _wanted(accept, usable)


@lru_cache(maxsize=64)
def _wanted(accept: str | None, values: tuple[str, ...]) -> AcceptedFormats:
    choices = [choice for value in values if (choice := _format(value)) is not None]
    results = next((choice.results for choice in choices if choice.results), None)
    graph = next((choice.graph for choice in choices if choice.graph), None)
    boolean = next((choice.results for choice in choices if choice.results in BOOLEANS), None)
    table = results in _TABLES or best(accept, _TABLES) is not None
    return AcceptedFormats(
        results=results or best(accept, RESULTS),
        boolean=boolean or best(accept, BOOLEANS) or (_unless_refused(accept, RESULTS[0]) if table else None),
        graph=graph or best(accept, (*GRAPHS, HTML)) or _alternative(accept),
    )


def _check_known(first: str, values: tuple[str, ...]) -> None:
    if not any(_format(value) for value in values):
        raise MalformedText(
            f"“{first[:_MAX_LENGTH]}” is not a value of the parameter format.",
            remedy=f"Use a media type, or one of {', '.join(SHORT)}.",
        )


def _format(value: str) -> FormatChoice | None:
    """Return what a value of ``format`` selects; ``None`` if it is unknown.

    It is a short name, a media type, or a list of media types as in ``Accept``:
    ``application/ld+json,application/x-json+ld``. A plus sign that was not percent-encoded arrives as a space.
    """
    value = value.strip().replace(" ", "+")
    name = _OTHER_NAMES.get(value, value)
    if name in SHORT:
        return SHORT[name]
    if not _names_any(value):
        return None
    alias = best(value, tuple(_ALIASES))
    choice = FormatChoice(best(value, RESULTS), best(value, (*GRAPHS, HTML)) or (_ALIASES[alias] if alias else None))
    return choice if choice != FormatChoice() else None


def _names_any(accept: str | None) -> bool:
    """Return whether a list of media types names any, and not only ``*/*``."""
    return any(found.kind != "*" for found in parse_accept(accept or ""))


def _alternative(accept: str | None) -> str | None:
    """Return the RDF media type for a client that accepts none of ours by its own name, or ``None`` for 406."""
    offers = {**_ALIASES, **_RELATIVES}
    found = best(accept, tuple(offers))
    return _unless_refused(accept, offers[found]) if found else None


def _unless_refused(accept: str | None, offer: str) -> str | None:
    """Return ``offer``, unless the client excludes it by ``q=0``."""
    return None if any(found.precision(offer) for found in parse_accept(accept or "") if not found.quality) else offer


def choose(request: Request, offers: Sequence[str]) -> str:
    """Choose the media type among ``offers`` that the client prefers.

    Raises:
        NotAcceptable: the client accepts none of them.
    """
    found = best(request.headers.get("accept"), offers)
    if found is None:
        raise NotAcceptable("graph")
    return found


def instead_of_xml(accept: str | None) -> AcceptedFormats:
    """Return the response formats of a query that XML cannot represent, for a client that chose by ``Accept`` only."""
    return AcceptedFormats(
        results=best(accept, _without_xml(RESULTS)),
        boolean=best(accept, _without_xml(BOOLEANS)),
        graph=best(accept, _without_xml((*GRAPHS, HTML))),
    )


def other_than_xml(request: Request, offers: Sequence[str], error: Unwritable) -> str:
    """Return the media type that the client prefers to XML, which cannot represent the content.

    Raises:
        Unwritable: it accepts no other; the error is the given one.
    """
    found = best(request.headers.get("accept"), _without_xml(offers))
    if found is None:
        raise error
    return found


def _without_xml(offers: Sequence[str]) -> tuple[str, ...]:
    return tuple(offer for offer in offers if offer not in _XML)


def written(request: Request, offers: Sequence[str], write: Callable[[str], Response]) -> Response:
    """Return the response that ``write`` makes in the media type that the client prefers among those that can be.

    Raises:
        NotAcceptable: the client accepts none of them.
        Unwritable: it accepts XML only, which cannot represent the content.
    """
    try:
        return write(choose(request, offers))
    except Unwritable as error:
        return write(other_than_xml(request, offers, error))


def negotiated(content: bytes | str, media_type: str) -> Response:
    """Return a response in the media type that was negotiated."""
    return Response(content, headers=_HEADERS, media_type=media_type)


def rdf(items: Iterable[oxigraph.Triple] | Iterable[oxigraph.Quad], media_type: str) -> Response:
    """Return a response with a graph, serialized in the media type."""
    return negotiated(oxigraph.serialize(items, media_type, PREFIXES), media_type)
