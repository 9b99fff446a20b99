"""Adapter of the engine: formats, positions of errors, and data that would overflow a parser's stack."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from rdflib import XSD, BNode, Graph, Literal, URIRef

from kg.errors import MalformedText, NotAcceptable, StoreUnavailable, TooLarge, UnsupportedFormat
from kg.rdf import oxigraph, oxigraph_queries, rdflib_conversion
from kg.rdf.query_request_and_result import QueryDataset, ResultFormats


def test_unknown_formats_are_named() -> None:
    with pytest.raises(UnsupportedFormat, match="text/html"):
        list(oxigraph.parse(b"", "text/html"))


@pytest.mark.parametrize(
    ("media_type", "data", "place"),
    [
        ("text/turtle", b"<urn:a> <urn:b>\n <urn:c> , ; x", (2, 12)),
        ("application/n-quads", b"<urn:a> <urn:b> <urn:c> .\nrubbish", (2, 1)),
        ("application/ld+json", b'{"@id": "urn:a",\n "urn:p": }', (2, 11)),
    ],
)
def test_syntax_errors_have_a_place(media_type: str, data: bytes, place: tuple[int, int]) -> None:
    with pytest.raises(MalformedText) as caught:
        list(oxigraph.parse(data, media_type))
    assert caught.value.line == place[0]
    assert str(place[0]) in caught.value.message


def test_a_remote_context_is_not_fetched() -> None:
    with pytest.raises(MalformedText, match="no context is fetched"):
        list(oxigraph.parse(b'{"@context": "http://127.0.0.1:9/c", "@id": "urn:a"}', "application/ld+json"))


def test_an_external_entity_is_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret words", "utf-8")
    data = f"""<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "{secret.as_uri()}">]>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:p="urn:p:">
<rdf:Description rdf:about="urn:a"><p:b>&x;</p:b></rdf:Description></rdf:RDF>"""
    try:
        found = str(list(oxigraph.parse(data.encode(), "application/rdf+xml")))
    except (MalformedText, TooLarge) as error:
        found = error.message
    assert "secret words" not in found


@pytest.mark.parametrize(
    ("media_type", "data"),
    [
        ("application/ld+json", b'{"@id":"urn:a","urn:p":' * 5000),
        ("application/ld+json", b"[" * 5000),
        ("text/turtle", b"<urn:a> <urn:b> " + b"<<( <urn:a> <urn:b> " * 5000),
        ("application/n-triples", b"<urn:a> <urn:b> " + b"<<( <urn:a> <urn:b> " * 20000),
        ("text/turtle", b"<urn:a> <urn:b> " + b"( " * 5000),
        ("application/trig", b"<urn:a> <urn:b> " + b"[ <urn:c> " * 5000),
    ],
)
def test_deep_data_is_refused_before_it_is_parsed(media_type: str, data: bytes) -> None:
    with pytest.raises(TooLarge, match="nests brackets"):
        list(oxigraph.parse(data, media_type))


def test_brackets_in_strings_comments_and_iris_do_not_nest() -> None:
    many = "[({<<" * 200
    turtle = f'<urn:a> <urn:b> "{many}" , """"{many}""" . # {many}\n'.encode()
    assert len(list(oxigraph.parse(turtle, "text/turtle"))) == 2
    assert len(list(oxigraph.parse(f'{{"@id":"urn:a","urn:p":"{many}"}}'.encode(), "application/ld+json"))) == 1


def test_streams_are_read_lazily(tmp_path: Path) -> None:
    file = tmp_path / "a.nt.gz"
    file.write_bytes(gzip.compress(b"<urn:a> <urn:b> <urn:c> .\n" * 3))
    with gzip.open(file) as stream:
        assert len(list(oxigraph.parse(stream, "application/n-triples"))) == 3  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "term",
    [
        URIRef("urn:a"),
        BNode("b"),
        Literal("x"),
        Literal('x\n\r\t"\\ 😀', lang="uk"),
        Literal("1", datatype=XSD.integer),
        Literal("x", datatype=URIRef("urn:d")),
    ],
)
def test_terms_survive_both_ways(term: URIRef | BNode | Literal) -> None:
    assert rdflib_conversion.to_rdflib(rdflib_conversion.from_term(term)) == term


def test_canonical_shows_what_storage_does() -> None:
    text = b'<urn:a> <urn:b> 01 , "x"@en-US , "P12M"^^<http://www.w3.org/2001/XMLSchema#duration> .'
    objects = {str(t.object) for t in oxigraph.canonical(quad.triple for quad in oxigraph.parse(text, "text/turtle"))}
    assert objects == {
        '"1"^^<http://www.w3.org/2001/XMLSchema#integer>',
        '"x"@en-us',
        '"P1Y"^^<http://www.w3.org/2001/XMLSchema#duration>',
    }


def test_skolemized_files_are_the_same_every_time() -> None:
    turtle = "[] a <urn:C> ; <urn:p> [ <urn:q> 1 ] ."
    once = oxigraph.skolemized([turtle], "http://e.org/", "urn:genid:")
    assert set(once) == set(oxigraph.skolemized([turtle], "http://e.org/", "urn:genid:"))
    assert all("genid" in str(t.subject) for t in once)


def test_a_place_that_is_no_store_says_so(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("", "utf-8")
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        oxigraph.open_store(file)


def test_no_acceptable_format() -> None:
    store = oxigraph.open_store(None)
    for query, kind in (("ASK {}", "boolean"), ("SELECT * {}", "solutions"), ("CONSTRUCT WHERE {}", "graph")):
        with pytest.raises(NotAcceptable) as caught:
            oxigraph_queries.query(store, query, ResultFormats(None, None, None), QueryDataset())
        assert caught.value.kind == kind


def test_carriage_returns_survive_xml() -> None:
    store = oxigraph.open_store(None)
    oxigraph_queries.update(store, r'INSERT DATA { <urn:a> <urn:b> "one\r\ntwo\r" }')
    answer = oxigraph_queries.query(
        store, "SELECT ?o { ?s ?p ?o }", ResultFormats("application/sparql-results+xml"), QueryDataset()
    )
    assert b"one&#13;\ntwo&#13;" in answer.content
    graph = oxigraph_queries.query(
        store, "CONSTRUCT WHERE { ?s ?p ?o }", ResultFormats(graph="application/rdf+xml"), QueryDataset()
    )
    (triple,) = Graph().parse(data=graph.content, format="xml")
    assert str(triple[2]) == "one\r\ntwo\r"


def test_half_a_character_is_a_syntax_error() -> None:
    """A shell passes bytes that are not UTF-8 as such halves."""
    store = oxigraph.open_store(None)
    with pytest.raises(MalformedText, match="half a character") as caught:
        oxigraph_queries.query(store, "ASK {\n?s ?p '\ud800' }", ResultFormats(), QueryDataset())
    assert (caught.value.line, caught.value.column) == (2, 8)
    with pytest.raises(MalformedText, match="line 1, column 14"):
        oxigraph_queries.update(store, "INSERT DATA {\ud800}")
