"""Media types of RDF and of SPARQL results, their aliases, and file endings."""

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
"""RDF media types for input; for output all but N3."""

ALIASES = {"application/x-turtle": "text/turtle", "text/plain": "application/n-triples"}
"""Alternative names of RDF media types, accepted on input."""

RESULTS = (
    "application/sparql-results+json",
    "application/sparql-results+xml",
    "text/csv",
    "text/tab-separated-values",
)
"""Media types of SELECT and ASK results (the standard defines no CSV or TSV form of ASK)."""

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
"""Media types by file ending."""


def media_type_of(name: str) -> str:
    """Return the RDF media type of a file name; a final ``.gz`` is ignored.

    >>> media_type_of("dump.nt.gz")
    'application/n-triples'

    Raises:
        UnsupportedFormat: the ending is unknown.
    """
    ending = Path(name.removesuffix(".gz")).suffix.lower()
    if ending not in FILE_ENDINGS:
        raise UnsupportedFormat(
            f"“{ending}”, the ending of {Path(name).name}, is not an RDF file ending.",
            remedy="Use one of " + ", ".join(FILE_ENDINGS) + " (each may be followed by .gz).",
        )
    return FILE_ENDINGS[ending]


def canonical_name(media_type: str) -> str:
    """Return the registered name of an RDF media type or alias.

    Raises:
        UnsupportedFormat: the media type is unknown.
    """
    name = ALIASES.get(media_type, media_type)
    if name not in GRAPHS:
        raise UnsupportedFormat(
            f"“{media_type}” is not a supported RDF media type.",
            remedy="Use one of " + ", ".join(GRAPHS) + ".",
        )
    return name
