"""Response media types and their selection: by ``Accept``, or by the ``format`` parameter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from fastapi import Request, Response

from api.http.content_negotiation import best
from kg.errors import MalformedText, NotAcceptable
from kg.iris import PREFIXES
from kg.rdf import media_types, oxigraph

JSON = "application/json"
HTML = "text/html"

GRAPHS = tuple(name for name in media_types.GRAPHS if name != "text/n3")
"""Media types of RDF responses, in order of preference."""

READABLE = (*media_types.GRAPHS, *media_types.ALIASES)
"""Media types of RDF in request bodies."""

RESULTS = (*media_types.RESULTS, JSON, HTML)
"""Media types of SELECT results; ``application/json`` is the SPARQL JSON format under its plain name."""

BOOLEANS = tuple(name for name in RESULTS if name not in ("text/csv", "text/tab-separated-values"))
"""Media types of ASK results: CSV and TSV do not define one."""

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


@dataclass(frozen=True)
class AcceptedFormats:
    """The response media types of a query by kind of result; ``None`` if the client accepts none that is available."""

    results: str | None
    boolean: str | None
    graph: str | None


@lru_cache(maxsize=64)
def wanted(accept: str | None, short: str | None) -> AcceptedFormats:
    """Choose the response formats of a query from the header ``Accept`` and the parameter ``format``.

    Raises:
        MalformedText: the ``format`` parameter has an unknown value.
    """
    if short is not None and short not in SHORT:
        raise MalformedText(
            f"“{short}” is not a value of the parameter format.", remedy=f"Use one of {', '.join(SHORT)}."
        )
    named = SHORT[short] if short is not None else FormatChoice()
    boolean = named.results if named.results in BOOLEANS else None
    return AcceptedFormats(
        results=named.results or best(accept, RESULTS),
        boolean=boolean or (None if named.results else best(accept, BOOLEANS)),
        graph=named.graph or best(accept, (*GRAPHS, HTML)),
    )


def choose(request: Request, offers: Sequence[str]) -> str:
    """Choose the media type among ``offers`` that the client prefers.

    Raises:
        NotAcceptable: the client accepts none of them.
    """
    found = best(request.headers.get("accept"), offers)
    if found is None:
        raise NotAcceptable("graph")
    return found


def negotiated(content: bytes | str, media_type: str) -> Response:
    """Return a response in the media type that was negotiated."""
    return Response(content, headers=_HEADERS, media_type=media_type)


def rdf(items: Iterable[oxigraph.Triple] | Iterable[oxigraph.Quad], media_type: str) -> Response:
    """Return a response with a graph, serialized in the media type."""
    return negotiated(oxigraph.serialize(items, media_type, PREFIXES), media_type)
