"""Export of links: SSSOM TSV (https://mapping-commons.github.io/sssom/), TriG with records, plain N-Triples."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum

from rdflib import OWL, SKOS, URIRef
from rdflib.term import Node

from kg import __version__
from kg.iris import PREFIXES, SEMAPV, Names
from kg.links import links_as_rdf, outside_datasets
from kg.links.link_review_and_proposals import LinkReview
from kg.links.links_as_rdf import TOOL, UNSPECIFIED, PublishedLink
from kg.rdf import oxigraph, rdflib_conversion

COLUMNS = (
    "subject_id",
    "subject_label",
    "predicate_id",
    "predicate_modifier",
    "object_id",
    "object_label",
    "mapping_justification",
    "author_id",
    "author_label",
    "reviewer_id",
    "reviewer_label",
    "review_date",
    "reviewer_agreement",
    "subject_source",
    "object_source",
    "object_source_version",
    "mapping_tool",
    "mapping_tool_version",
    "mapping_date",
    "confidence",
    "match_string",
    "comment",
)
"""Exported slots, in the order of the columns."""

_VERSION = "1.1"
"""First version of SSSOM with ``review_date`` and ``reviewer_agreement``."""

# Local part of a CURIE.
_LOCAL = re.compile(r"[^\s|<>\"{}\\^`]+")


class LinkExportFormat(StrEnum):
    """Formats of `kg links export`."""

    sssom = "sssom"
    trig = "trig"
    nt = "nt"


def export(review: LinkReview, form: LinkExportFormat, *, rejected: bool = False, same_as: bool = False) -> str:
    """Return all accepted links as text, or the rejected ones, of which N-Triples cannot express any.

    SSSOM TSV and TriG include the records. ``same_as`` writes exact links as ``owl:sameAs``, for reasoners.
    """
    found = _links(review, rejected=rejected)
    if form is LinkExportFormat.sssom:
        return tsv(found, review.names, same_as=same_as)
    if form is LinkExportFormat.nt:
        triples = [(link.subject, _predicate(link, same_as), link.object) for link in found if not rejected]
        return oxigraph.serialize(
            rdflib_conversion.from_rdflib(dict.fromkeys(triples)), "application/n-triples"
        ).decode()
    quads = _quads(found, review.names, rejected=rejected, same_as=same_as)
    return oxigraph.serialize(quads, "application/trig", _prefixes(review.names)).decode()


def _quads(found: list[PublishedLink], names: Names, *, rejected: bool, same_as: bool) -> Iterator[oxigraph.Quad]:
    """Yield the graphs of the datasets: accepted links with a description of them, rejected ones without."""
    for dataset in dict.fromkeys(link.dataset for link in found):
        mine = [link for link in found if link.dataset == dataset]
        name = names.rejected_graph if rejected else names.links_graph
        described = [] if rejected else links_as_rdf.description(names, dataset, links_as_rdf.extent(mine))
        for triple in (*described, *(triple for link in mine for triple in link.triples())):
            changed = [_same(term) if same_as else term for term in triple]
            yield rdflib_conversion.quad(changed[0], changed[1], changed[2], URIRef(name(dataset.name)))


def _links(review: LinkReview, *, rejected: bool) -> list[PublishedLink]:
    log = review.log()
    return [
        link
        for name in sorted(log.datasets())
        for link in links_as_rdf.links(
            log,
            review.names,
            outside_datasets.find(name, review.names, log.datasets()),
            review.present,
            rejected=rejected,
        )
    ]


def _same(term: Node) -> Node:
    return OWL.sameAs if term == SKOS.exactMatch else term


def _predicate(link: PublishedLink, same_as: bool) -> URIRef:
    return OWL.sameAs if same_as and link.predicate == SKOS.exactMatch else link.predicate


def _prefixes(names: Names) -> dict[str, str]:
    return PREFIXES | {"e": names.entity("")}


# ---- SSSOM TSV


def tsv(found: Sequence[PublishedLink], names: Names, *, same_as: bool = False) -> str:
    """Return links as SSSOM TSV: metadata as YAML in comments, then a table; unused columns are left out."""
    prefixes = _curies(found, names)
    lines = [{key: _cell(value, prefixes) for key, value in link.slots()} for link in found]
    if same_as:
        for link, line in zip(found, lines, strict=True):
            line["predicate_id"] = _cell(_predicate(link, same_as), prefixes)
    # Optional columns without values are left out; an empty table still has the main columns.
    used = [column for column in COLUMNS if any(line.get(column) for line in lines)] or list(COLUMNS[:7])
    out = io.StringIO()
    out.writelines(f"#{line}\n" for line in _header(prefixes, names))
    table = csv.DictWriter(out, used, restval="", dialect="excel-tab", lineterminator="\n")
    table.writeheader()
    table.writerows(lines)
    return out.getvalue()


def _header(prefixes: dict[str, str], names: Names) -> Iterable[str]:
    """Yield the lines of the metadata in YAML; values are JSON strings, which are valid YAML."""
    yield f"sssom_version: {json.dumps(_VERSION)}"
    yield f"mapping_set_id: {json.dumps(names.linkset('all'))}"
    yield f"mapping_set_title: {json.dumps('Links of ' + names.base)}"
    yield f"license: {json.dumps(UNSPECIFIED)}"
    yield f"publication_date: {json.dumps(datetime.now(UTC).date().isoformat())}"
    yield f"comment: {json.dumps(f'Written by {TOOL} {__version__}.')}"
    yield "curie_map:"
    yield from (f"  {prefix}: {json.dumps(iri)}" for prefix, iri in prefixes.items())


def _curies(found: Sequence[PublishedLink], names: Names) -> dict[str, str]:
    """Return the prefixes that the table needs, with their namespaces."""
    prefixes = {
        "skos": str(SKOS),
        "owl": str(OWL),
        "semapv": SEMAPV,
        "entity": names.entity(""),
        "site": names.base,
        "reviewer": names.reviewer(""),
        **{link.dataset.name: link.dataset.iri.partition("{}")[0] for link in found},
    }
    # The IRI of a dataset in `object_source` needs a namespace that is a proper prefix of it.
    for dataset in dict.fromkeys(link.dataset for link in found):
        if not any(dataset.home.startswith(space) and dataset.home != space for space in prefixes.values()):
            prefixes[f"{dataset.name}_source"] = _space(dataset.home)
    return prefixes


def _space(iri: str) -> str:
    """Return the namespace of an IRI, up to the last ``/`` or ``#`` that leaves a local part.

    Example: ``http://viaf.org/viaf/data`` has the namespace ``http://viaf.org/viaf/``.
    """
    return iri[: max(iri.rstrip("/#").rfind("/"), iri.rstrip("/#").rfind("#")) + 1]


def _cell(value: object, prefixes: dict[str, str]) -> str:
    """Return an IRI as a CURIE with the longest matching namespace, and any other value as text."""
    if not isinstance(value, URIRef):
        return str(value)
    for prefix, space in sorted(prefixes.items(), key=lambda item: -len(item[1])):
        local = value.removeprefix(space)
        if local != str(value) and _LOCAL.fullmatch(local):
            return f"{prefix}:{local}"
    return str(value)
