"""Media types by name, alias and file extension; each listed type can be parsed and serialized."""

from __future__ import annotations

import pytest

from kg.errors import UnsupportedFormat
from kg.rdf import media_types, oxigraph


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("a.ttl", "text/turtle"), ("a.nt.gz", "application/n-triples"), ("a.b.JSONLD", "application/ld+json")],
)
def test_media_types_of_files(name: str, media_type: str) -> None:
    assert media_types.media_type_of(name) == media_type


def test_unknown_formats_are_named() -> None:
    with pytest.raises(UnsupportedFormat, match=r"\.doc"):
        media_types.media_type_of("a.doc")
    with pytest.raises(UnsupportedFormat, match="text/html"):
        media_types.canonical_name("text/html")


@pytest.mark.parametrize("name", [*media_types.GRAPHS, *media_types.ALIASES])
def test_the_engine_reads_each_format(name: str) -> None:
    empty = b'<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>' if name.endswith("xml") else b""
    assert list(oxigraph.parse(b"{}" if name.endswith("json") else empty, name)) == []
    assert media_types.canonical_name(name) in media_types.GRAPHS


@pytest.mark.parametrize("name", [name for name in media_types.GRAPHS if name != "text/n3"])
def test_the_engine_writes_each_format(name: str) -> None:
    (quad,) = oxigraph.parse(
        oxigraph.serialize(oxigraph.parse(b"<urn:a> <urn:b> <urn:c> .", "text/turtle"), name), name
    )
    assert str(quad.triple) == "<urn:a> <urn:b> <urn:c>"


def test_every_file_ending_names_a_format() -> None:
    assert set(media_types.FILE_ENDINGS.values()) == set(media_types.GRAPHS)
