"""Which media types we answer in, and how a request chooses among them."""

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
"""RDF that we write, the preferred first."""

READABLE = (*media_types.GRAPHS, *media_types.ALIASES)
"""RDF that we read."""

RESULTS = (*media_types.RESULTS, JSON, HTML)
"""Answers of SELECT; ``application/json`` is the standard JSON format under its plain name."""

BOOLEANS = tuple(name for name in RESULTS if name not in ("text/csv", "text/tab-separated-values"))
"""Answers of ASK: the CSV and TSV formats have none."""

_NEGOTIATED = {"Vary": "Accept"}


@dataclass(frozen=True)
class FormatChoice:
    """The formats that a value of the ``format`` parameter stands for; ``None`` leaves a kind to ``Accept``."""

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
"""Values of the ``format`` parameter, for those who cannot set ``Accept``: people with a browser."""


@dataclass(frozen=True)
class AcceptedFormats:
    """The media types to answer a query with, by kind of result; ``None`` where the client takes none of ours."""

    results: str | None
    boolean: str | None
    graph: str | None


@lru_cache(maxsize=64)
def wanted(accept: str | None, short: str | None) -> AcceptedFormats:
    """Choose the formats of a query's answer.

    Raises:
        MalformedText: the ``format`` parameter has an unknown value.
    """
    if short is not None and short not in SHORT:
        raise MalformedText(f"“{short}” is not a value of format.", remedy=f"Use one of {', '.join(SHORT)}.")
    named = SHORT[short] if short is not None else FormatChoice()
    boolean = named.results if named.results in BOOLEANS else None
    return AcceptedFormats(
        results=named.results or best(accept, RESULTS),
        boolean=boolean or (None if named.results else best(accept, BOOLEANS)),
        graph=named.graph or best(accept, (*GRAPHS, HTML)),
    )


def choose(request: Request, offers: Sequence[str]) -> str:
    """Choose one of the media types on offer.

    Raises:
        NotAcceptable: the client takes none of them.
    """
    found = best(request.headers.get("accept"), offers)
    if found is None:
        raise NotAcceptable("graph")
    return found


def negotiated(content: bytes | str, media_type: str) -> Response:
    """Answer in the format that was chosen."""
    return Response(content, headers=_NEGOTIATED, media_type=media_type)


def rdf(items: Iterable[oxigraph.Triple] | Iterable[oxigraph.Quad], media_type: str) -> Response:
    """Answer with a graph."""
    return negotiated(oxigraph.serialize(items, media_type, PREFIXES), media_type)
