"""Conversion between the terms of rdflib, which builds and checks article graphs, and those of the engine."""

from __future__ import annotations

from collections.abc import Iterable

import rdflib

from kg.iris import CG
from kg.rdf import oxigraph


def cg(name: str) -> rdflib.URIRef:
    """Return the IRI of a term of the vocabulary, such as ``cg("Claim")``."""
    return rdflib.URIRef(CG + name)


def from_term(term: rdflib.term.Node) -> oxigraph.Term:
    """Convert a term of rdflib to one of the engine."""
    if isinstance(term, rdflib.URIRef):
        return oxigraph.NamedNode(str(term))
    if isinstance(term, rdflib.BNode):
        return oxigraph.BlankNode(str(term))
    assert isinstance(term, rdflib.Literal)
    if term.language:
        return oxigraph.Literal(str(term), language=term.language)
    return oxigraph.Literal(str(term), datatype=oxigraph.NamedNode(str(term.datatype)) if term.datatype else None)


def to_rdflib(term: oxigraph.Term) -> rdflib.term.Node:
    """Convert a term of the engine to one of rdflib."""
    if isinstance(term, oxigraph.NamedNode):
        return rdflib.URIRef(term.value)
    if isinstance(term, oxigraph.BlankNode):
        return rdflib.BNode(term.value)
    assert isinstance(term, oxigraph.Literal)
    if term.language:
        return rdflib.Literal(term.value, lang=term.language)
    # In the engine a plain literal has the datatype xsd:string (RDF 1.1), in rdflib it has none.
    plain = term.datatype.value == "http://www.w3.org/2001/XMLSchema#string"
    return rdflib.Literal(term.value, datatype=None if plain else rdflib.URIRef(term.datatype.value))


def quad(s: rdflib.term.Node, p: rdflib.term.Node, o: rdflib.term.Node, graph: rdflib.URIRef) -> oxigraph.Quad:
    """Return a quad of the engine for terms of rdflib."""
    return oxigraph.Quad(*(from_term(term) for term in (s, p, o, graph)))  # type: ignore[arg-type]


def from_rdflib(
    triples: Iterable[tuple[rdflib.term.Node, rdflib.term.Node, rdflib.term.Node]],
) -> list[oxigraph.Triple]:
    """Convert triples of rdflib to triples of the engine."""
    return [oxigraph.Triple(*(from_term(term) for term in triple)) for triple in triples]  # type: ignore[arg-type]


def to_graph(triples: Iterable[oxigraph.Triple]) -> rdflib.Graph:
    """Return an rdflib graph of triples of the engine."""
    graph = rdflib.Graph()
    for triple in triples:
        graph.add((to_rdflib(triple.subject), to_rdflib(triple.predicate), to_rdflib(triple.object)))
    return graph
