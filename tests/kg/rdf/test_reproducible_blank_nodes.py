"""Blank node labels by order of occurrence."""

from __future__ import annotations

import ontology
from kg.rdf import oxigraph
from kg.rdf.reproducible_blank_nodes import numbered

TTL = b"<urn:a> <urn:p> [ <urn:q> _:x ] , _:x . _:y <urn:q> ( 1 ) ."


def test_each_node_has_one_name_and_each_name_one_node() -> None:
    found = list(numbered(oxigraph.parse(TTL, "text/turtle")))
    text = oxigraph.serialize(found, "application/n-triples").decode()
    assert text.splitlines()[:3] == ["_:b0 <urn:q> _:b1 .", "<urn:a> <urn:p> _:b0 .", "<urn:a> <urn:p> _:b1 ."]
    assert {word for word in text.split() if word.startswith("_:")} == {"_:b0", "_:b1", "_:b2", "_:b3"}


def test_a_file_has_the_same_labels_each_time() -> None:
    def content() -> bytes:
        quads = oxigraph.parse(ontology.read("claimgraph.ttl").encode(), "text/turtle", "http://x/")
        return oxigraph.serialize(numbered(quads), "application/n-quads")

    assert content() == content()
    assert b"_:b0 " in content()
