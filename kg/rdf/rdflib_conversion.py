"""Between rdflib, with which one article's graph is built and checked, and the engine, which stores and answers."""

from __future__ import annotations

from collections.abc import Iterable

import rdflib

from kg.iris import CG
from kg.rdf import oxigraph


def cg(name: str) -> rdflib.URIRef:
    """Name a term of the vocabulary."""
    return rdflib.URIRef(CG + name)


def from_term(term: rdflib.term.Node) -> oxigraph.Term:
    """Turn a term of rdflib into one of the engine."""
    if isinstance(term, rdflib.URIRef):
        return oxigraph.NamedNode(str(term))
    if isinstance(term, rdflib.BNode):
        return oxigraph.BlankNode(str(term))
    assert isinstance(term, rdflib.Literal)
    if term.language:
        return oxigraph.Literal(str(term), language=term.language)
    return oxigraph.Literal(str(term), datatype=oxigraph.NamedNode(str(term.datatype)) if term.datatype else None)


def to_rdflib(term: oxigraph.Term) -> rdflib.term.Node:
    """Turn a term of the engine into one of rdflib."""
    if isinstance(term, oxigraph.NamedNode):
        return rdflib.URIRef(term.value)
    if isinstance(term, oxigraph.BlankNode):
        return rdflib.BNode(term.value)
    assert isinstance(term, oxigraph.Literal)
    if term.language:
        return rdflib.Literal(term.value, lang=term.language)
    plain = term.datatype.value == "http://www.w3.org/2001/XMLSchema#string"
    return rdflib.Literal(term.value, datatype=None if plain else rdflib.URIRef(term.datatype.value))


def quad(s: rdflib.term.Node, p: rdflib.term.Node, o: rdflib.term.Node, graph: rdflib.URIRef) -> oxigraph.Quad:
    """Make a quad of the engine from rdflib's terms."""
    return oxigraph.Quad(*(from_term(term) for term in (s, p, o, graph)))  # type: ignore[arg-type]


def from_rdflib(
    triples: Iterable[tuple[rdflib.term.Node, rdflib.term.Node, rdflib.term.Node]],
) -> list[oxigraph.Triple]:
    """Turn rdflib's triples into the engine's."""
    return [oxigraph.Triple(*(from_term(term) for term in triple)) for triple in triples]  # type: ignore[arg-type]


def to_graph(triples: Iterable[oxigraph.Triple]) -> rdflib.Graph:
    """Turn the engine's triples into an rdflib graph."""
    graph = rdflib.Graph()
    for triple in triples:
        graph.add((to_rdflib(triple.subject), to_rdflib(triple.predicate), to_rdflib(triple.object)))
    return graph
