"""Results that XML cannot represent: each is refused with its reason, and whatever is written is well-formed."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from kg.errors import Unwritable
from kg.rdf import oxigraph, oxigraph_queries
from kg.rdf.query_request_and_result import QueryDataset, ResultFormats

RDF_XML = "application/rdf+xml"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
S, P = oxigraph.NamedNode("http://x/s"), oxigraph.NamedNode("http://x/p")
CHARACTERS = ("\0", "\x01", "\b", "\x0b", "\x1f", "\ufffe", "\uffff")
ALLOWED = (
    "\t",
    "\n",
    "\r",
    "\x7f",
    "\x85",
    "\ud7ff",
    "\ue000",
    "\ufffd",
    "\u2028",
    "\U0001fffe",
    "\U0010ffff",
    "<&>\"'",
)
WITHOUT_NAME = (
    "http://x/",
    "http://x/1",
    "http://x/a?b&c=2",
    "urn:1",
    "x:",
    "http://x/%20",
    "http://x/\U00010400a",  # a name in the fifth edition of XML 1.0 only, which many parsers do not read
    f"{RDF}li",
    f"{RDF}about",
    "http://www.w3.org/2000/xmlns/a",
)


def select(value: str, media_type: str = "application/sparql-results+xml") -> bytes:
    store = oxigraph.open_store(None)
    store.add(oxigraph.Quad(S, P, oxigraph.Literal(value)))
    choice = ResultFormats(media_type, media_type, RDF_XML)
    return oxigraph_queries.query(store, "SELECT ?o { ?s ?p ?o }", choice, QueryDataset()).content


@pytest.mark.parametrize("character", CHARACTERS)
def test_a_character_that_xml_does_not_have(character: str) -> None:
    text = f"a “b”{character}c & d"
    shown = rf"U\+{ord(character):04X} \(in “a “b”�c & d”\)"
    with pytest.raises(Unwritable, match=shown) as caught:
        select(text)
    assert "another format" in caught.value.remedy
    with pytest.raises(Unwritable, match=shown):
        oxigraph.serialize([oxigraph.Triple(S, P, oxigraph.Literal(text))], RDF_XML)


@pytest.mark.parametrize("character", ALLOWED)
def test_every_other_character_is_read_back(character: str) -> None:
    namespace = "{http://www.w3.org/2005/sparql-results#}"
    assert [found.text for found in ET.fromstring(select(f"a{character}b")).iter(f"{namespace}literal")] == [
        f"a{character}b"
    ]
    triple = oxigraph.Triple(S, P, oxigraph.Literal(f"a{character}b"))
    data = oxigraph.serialize([triple], RDF_XML)
    assert [quad.triple for quad in oxigraph.parse(data, RDF_XML)] == [triple]
    ET.fromstring(data)


@pytest.mark.parametrize("character", CHARACTERS)
def test_other_formats_carry_the_character(character: str) -> None:
    assert oxigraph_queries.solutions(select(f"a{character}b", "application/sparql-results+json")) == [
        {"o": oxigraph.Literal(f"a{character}b")}
    ]
    triple = oxigraph.Triple(S, P, oxigraph.Literal(f"a{character}b"))
    for media_type in ("text/turtle", "application/n-triples", "application/ld+json"):
        data = oxigraph.serialize([triple], media_type)
        assert [quad.triple for quad in oxigraph.parse(data, media_type)] == [triple]


@pytest.mark.parametrize("iri", WITHOUT_NAME)
def test_a_predicate_without_a_name(iri: str) -> None:
    triple = oxigraph.Triple(S, oxigraph.NamedNode(iri), S)
    with pytest.raises(Unwritable, match="RDF/XML cannot represent it") as caught:
        oxigraph.serialize([oxigraph.Triple(S, P, S), triple], RDF_XML, {"x": "http://x/"})
    assert f"<{iri}>" in str(caught.value) or iri.startswith("http://www.w3.org/")
    store = oxigraph.open_store(None)
    store.add(oxigraph.Quad(*triple))
    choice = ResultFormats(graph=RDF_XML)
    with pytest.raises(Unwritable):
        oxigraph_queries.query(store, "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }", choice, QueryDataset())


def test_a_class_without_a_name() -> None:
    kind = oxigraph.NamedNode(f"{RDF}type")
    with pytest.raises(Unwritable, match="<http://x/1>"):
        oxigraph.serialize([oxigraph.Triple(S, kind, oxigraph.NamedNode("http://x/1"))], RDF_XML)


@pytest.mark.parametrize("iri", ["http://x/a", "http://x/a:b", "http://x/1a", "mailto:a@b", "http://x/é", f"{RDF}_1"])
def test_every_other_predicate_is_read_back(iri: str) -> None:
    triple = oxigraph.Triple(S, oxigraph.NamedNode(iri), oxigraph.Literal("v"))
    data = oxigraph.serialize([triple], RDF_XML, {"x": "http://x/"})
    assert [quad.triple for quad in oxigraph.parse(data, RDF_XML)] == [triple]
    ET.fromstring(data)
