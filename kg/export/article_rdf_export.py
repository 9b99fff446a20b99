"""RDF export of articles: serialisations, nanopublications and claims documents."""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import StrEnum

from rdflib import Graph

import ontology
from kg.articles.article_repository import Articles
from kg.articles.statement_explanations import evidence
from kg.errors import BadInput
from kg.export.nanopublications import NP, NanopubQuad, nanopublications
from kg.iris import PREFIXES
from kg.rdf import oxigraph, rdflib_conversion


class RdfExportFormat(StrEnum):
    """Format of an RDF export."""

    turtle = "turtle"
    trig = "trig"
    nquads = "nquads"
    jsonld = "jsonld"
    nanopub = "nanopub"
    claims = "claims"


_MEDIA_TYPES = {
    RdfExportFormat.turtle: "text/turtle",
    RdfExportFormat.trig: "application/trig",
    RdfExportFormat.nquads: "application/n-quads",
}


def export(articles: Articles, form: RdfExportFormat, article: str | None = None, *, inferred: bool = False) -> bytes:
    """Return one article, or all articles, in a format; Turtle and JSON-LD do not carry graph names.

    Nanopublications and claims documents do not include the inferred graphs.

    Raises:
        NotFound: the article does not exist.
        BadInput: ``form`` is the claims document, and ``article`` is missing.
    """
    identifiers = [entry.identifier for entry in articles.entries()] if article is None else [article]
    for identifier in identifiers:
        articles.facts(identifier)  # raises NotFound before anything is written
    if form is RdfExportFormat.claims:
        if article is None:
            raise BadInput("A claims document describes one article.", remedy="Name the article: kg export seed …")
        return articles.document(article)
    if form is RdfExportFormat.nanopub:
        return _trig(quad for identifier in identifiers for quad in nanopublications(evidence(articles, identifier)))
    makers = [articles.names.article_graph, *([articles.names.inferred_graph] if inferred else [])]
    return _graphs(articles, form, [name(identifier) for name in makers for identifier in identifiers])


def _graphs(articles: Articles, form: RdfExportFormat, names: list[str]) -> bytes:
    """Return the content of named graphs in an RDF format."""
    if form is RdfExportFormat.jsonld:
        return _jsonld(rdflib_conversion.to_graph(quad.triple for quad in articles.store.quads(names)))
    prefixes = PREFIXES | {"e": articles.names.entity("")}
    return oxigraph.serialize(articles.store.quads(names), _MEDIA_TYPES[form], prefixes)


def _jsonld(facts: Graph) -> bytes:
    context = json.loads(ontology.read("context.jsonld"))["@context"]
    return facts.serialize(format="json-ld", context=context, auto_compact=True, indent=1, encoding="utf-8")


def _trig(quads: Iterable[NanopubQuad]) -> bytes:
    items = (rdflib_conversion.quad(*quad) for quad in quads)
    return oxigraph.serialize(items, "application/trig", PREFIXES | {"np": str(NP)})
