"""Media types of RDF and of SPARQL results that can be read and written, and the file endings that stand for them."""

from __future__ import annotations

from pathlib import Path

from kg.errors import UnsupportedFormat

GRAPHS = (
    "text/turtle",
    "application/n-triples",
    "application/ld+json",
    "application/rdf+xml",
    "application/trig",
    "application/n-quads",
    "text/n3",
)
"""RDF media types that can be read; all but N3 can be written."""

ALIASES = {"application/x-turtle": "text/turtle", "text/plain": "application/n-triples"}
"""Other names in use for the same formats (accepted on input)."""

RESULTS = (
    "application/sparql-results+json",
    "application/sparql-results+xml",
    "text/csv",
    "text/tab-separated-values",
)
"""SPARQL result media types for SELECT and ASK (an ASK has no CSV or TSV form in the standard)."""

FILE_ENDINGS = {
    ".ttl": "text/turtle",
    ".nt": "application/n-triples",
    ".jsonld": "application/ld+json",
    ".rdf": "application/rdf+xml",
    ".xml": "application/rdf+xml",
    ".owl": "application/rdf+xml",
    ".trig": "application/trig",
    ".nq": "application/n-quads",
    ".n3": "text/n3",
}
"""Media types by the last part of a file name."""


def media_type_of(name: str) -> str:
    """Return the RDF media type of a file name (a last ``.gz`` is ignored).

    Raises:
        UnsupportedFormat: the ending is unknown.
    """
    ending = Path(name.removesuffix(".gz")).suffix.lower()
    if ending not in FILE_ENDINGS:
        raise UnsupportedFormat(
            f"The ending “{ending}” of {Path(name).name} is not one of an RDF file.",
            remedy="Use one of " + ", ".join(FILE_ENDINGS) + " (each may be followed by .gz).",
        )
    return FILE_ENDINGS[ending]


def canonical_name(media_type: str) -> str:
    """Return the registered name of an RDF media type.

    Raises:
        UnsupportedFormat: unknown media type.
    """
    name = ALIASES.get(media_type, media_type)
    if name not in GRAPHS:
        raise UnsupportedFormat(
            f"“{media_type}” is not a media type of RDF that is known here.",
            remedy="Use one of " + ", ".join(GRAPHS) + ".",
        )
    return name
