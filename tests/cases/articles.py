"""Article graphs: copies of the seed article, and a small unusual one."""

from __future__ import annotations

from kg.knowledge_graph import KnowledgeGraph
from kg.rdf import oxigraph
from tests.configs import configured

ODD = "a\r\nb\rc\nd\te \"q\" 'x', ; \\ =1+1 <&> \x0b\x00 \u2028 і😀"
"""Characters that could end a cell, a line or an element early, or are not allowed in one."""

_ODD_ARTICLE = """
@prefix cg: <https://w3id.org/claimgraph/ns#> .
@prefix code: <https://w3id.org/claimgraph/code/> .
@prefix dcterms: <http://purl.org/dc/terms/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@base <{base}article/odd/> .
<{base}article/odd> a cg:Article ; dcterms:language "uk" ; dcterms:issued "2025-01-02"^^xsd:date .
<C1> a cg:Claim ; dcterms:identifier "C1" ; cg:denies <s1> ; cg:originatesIn <a2> ; cg:reportedIn <a1> ;
  cg:quotedIn <p2> , <p1> ; cg:cue <p2> ; cg:probability 0.25 .
<p1> cg:exact {odd} ; cg:start 3 ; cg:end 9 ; cg:section code:body .
<p2> cg:exact "later" ; cg:start 10 ; cg:end 15 ; cg:section code:lead .
<s1> a cg:Attack ; cg:modality code:actual ; rdfs:label {odd}@de ; cg:place <{base}entity/here> ; cg:time <t1> , <t2> .
<s2> a cg:Request ; cg:modality code:expected ; rdfs:label "bitte"@de , "прошу"@uk ; cg:startTime <t2> .
<C2> a cg:Claim ; cg:affirms <s2> ; cg:originatesIn <a1> ; cg:reportedIn <a1> .
<t1> cg:edtf "2024-02-29" ; cg:notBefore "2024-02-29"^^xsd:date ; cg:notAfter "2024-02-29"^^xsd:date .
<t2> cg:edtf "2024-12-31" ; cg:notBefore "2024-12-31"^^xsd:date ; cg:notAfter "2024-12-31"^^xsd:date .
<a1> a cg:Publication ; cg:modality code:actual ; cg:reporter <{base}entity/one> , <{base}entity/two> ; cg:relays <a2> .
<a2> a cg:Statement ; cg:modality code:actual ; cg:relays <a1> .
<s1> cg:sameIncidentAs <{base}article/seed/outage> .
<{base}entity/here> a cg:Place ; rdfs:label "hier"@de .
"""


def seeded() -> KnowledgeGraph:
    """Return a graph in memory with the seed article."""
    return KnowledgeGraph.open(configured(), in_memory=True)


def add_odd(graph: KnowledgeGraph) -> None:
    """Add an article that the gate would refuse, with the id ``odd``."""
    text = _ODD_ARTICLE.format(base=graph.names.base, odd=str(oxigraph.Literal(ODD)))
    merge(graph, graph.names.article_graph("odd"), text)


def merge(graph: KnowledgeGraph, name: str, turtle: str) -> None:
    """Add triples to any graph of the store."""
    graph.store.merge(name, [quad.triple for quad in oxigraph.parse(turtle.encode(), "text/turtle", "urn:base:")])


def copy_seed(graph: KnowledgeGraph, number: int) -> None:
    """Add copies of the seed article with their own ids."""
    names = graph.names
    text = oxigraph.serialize(graph.store.triples(names.article_graph("seed")), "application/n-triples").decode()
    for at in range(number):
        copy = text.replace(names.article("seed"), names.article(f"copy{at:03}"))
        graph.store.merge(
            names.article_graph(f"copy{at:03}"),
            [quad.triple for quad in oxigraph.parse(copy.encode(), "application/n-triples")],
        )
