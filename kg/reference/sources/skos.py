"""Reader of SKOS vocabularies in any RDF syntax: concepts with their labels, from statements in any order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kg.errors import ClaimgraphError
from kg.rdf import literal_limits, media_types, oxigraph
from kg.reference.records import Record, RecordName
from kg.reference.sources.row_grouping import grouped
from kg.reference.sources.source_files import SourceFile

_SKOS = "http://www.w3.org/2004/02/skos/core#"
_GEO = "http://www.w3.org/2003/01/geo/wgs84_pos#"
_ELSEWHERE = {
    "wikidata": re.compile(r"https?://www\.wikidata\.org/(?:entity|wiki)/(Q[1-9]\d*)"),
    "geonames": re.compile(r"https?://(?:sws|www)\.geonames\.org/(\d+)/?.*"),
    "viaf": re.compile(r"https?://viaf\.org/viaf/(\d+)/?"),
    "gnd": re.compile(r"https?://d-nb\.info/gnd/([\dX-]+)"),
}


def read(source: SourceFile) -> Iterator[Record]:
    """Yield a record for each resource with a preferred label; its identifier is its IRI.

    Raises:
        ClaimgraphError: the file does not parse as RDF.
    """
    for iri, statements in grouped(_statements(source)):
        values: dict[str, list[Any]] = {}
        for name, text, language in statements:
            values.setdefault(name, []).append((text, language))
        if "prefLabel" in values:
            yield _record(source, iri, values)


def _statements(source: SourceFile) -> Iterator[tuple[str, Any]]:
    """Yield subject IRIs with property name, text or IRI, and language; blank nodes are skipped."""
    media_type = media_types.media_type_of(source.name.removesuffix(".bz2"))
    with source.stream() as stream:
        try:
            for quad in oxigraph.parse(stream, media_type, source.path.absolute().as_uri()):
                name = quad.predicate.value.removeprefix(_SKOS).removeprefix(_GEO)
                if isinstance(quad.subject, oxigraph.NamedNode) and isinstance(quad.object, oxigraph.Literal):
                    literal_limits.check(quad.object.value, "", quad.predicate.value)
                    yield quad.subject.value, [name, quad.object.value, quad.object.language or ""]
                elif isinstance(quad.subject, oxigraph.NamedNode) and isinstance(quad.object, oxigraph.NamedNode):
                    yield quad.subject.value, [name, quad.object.value, ""]
        except ClaimgraphError as error:
            error.message = f"{source.name}: {error.message}"
            raise


def _record(source: SourceFile, iri: str, values: Mapping[str, list[Any]]) -> Record:
    names = [RecordName(text, language, label=True) for text, language in values["prefLabel"]]
    names += [RecordName(*value) for name in ("altLabel", "hiddenLabel") for value in values.get(name, ())]
    identifiers: dict[str, str] = {}
    for target, _ in values.get("exactMatch", ()):
        for other, pattern in _ELSEWHERE.items():
            if found := pattern.fullmatch(target):
                identifiers[other] = found[1]
    return Record(
        source.dataset,
        iri,
        source.kind,
        tuple(dict.fromkeys(names)),
        point=_point(values),
        within=next((target for target, _ in values.get("broader", ())), ""),
        identifiers=identifiers,
        description=next((text for name in ("definition", "scopeNote") for text, _ in values.get(name, ())), ""),
    )


def _point(values: Mapping[str, list[Any]]) -> tuple[float, float] | None:
    try:
        return (float(values["lat"][0][0]), float(values["long"][0][0]))
    except (KeyError, ValueError):
        return None
