"""Content codings: what a client accepts, and one compressed form for one content."""

from __future__ import annotations

import gzip

import pytest

from api.http import content_codings

NEWEST = content_codings.CODINGS[0]  # zstd where Python has it


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, deflate, br", "gzip"),
        ("deflate;q=1, gzip;q=0.2", "gzip"),
        ("gzip ; q=0.001", "gzip"),
        ("gzip, zstd", NEWEST),
        ("gzip, zstd;q=0.5", "gzip"),
        ("*", NEWEST),
        ("*;q=0.5, zstd;q=0", "gzip"),
        ("identity;q=0.5, gzip", "gzip"),
        ("identity, gzip;q=0.5", None),
        ("identity", None),
        ("", None),
        ("br, deflate", None),
        ("gzip;q=0", None),
        ("gzip;q=0.000, *;q=0", None),
        ("gzip;q=2", None),
        ("gzip;level=9", None),
        ("gzip gzip", None),
        (";q=1,,", None),
    ],
)
def test_choice(accepted: str, coding: str | None) -> None:
    assert content_codings.choose(accepted) == coding


@pytest.mark.parametrize("size", [0, 5000, 2_000_000])
def test_the_same_content_has_the_same_form(size: int) -> None:
    content = b"a,b,c\r\n1,2,3\r\n" * (size // 14)
    packed = content_codings.encode(content, "gzip")
    assert gzip.decompress(packed) == content
    assert packed == content_codings.encode(content, "gzip")
    assert packed[4:8] == b"\x00" * 4  # no time


@pytest.mark.parametrize(
    ("media_type", "is_text"),
    [
        ("text/csv; charset=utf-8", True),
        ("application/sparql-results+json", True),
        ("application/ld+json", True),
        ("application/rdf+xml", True),
        ("Application/JSON", True),
        ("application/n-quads", True),
        ("image/svg+xml", True),
        ("image/png", False),
        ("application/x-tar", False),
        ("application/zip; of=x+json", False),
        ("", False),
    ],
)
def test_what_is_compressible(media_type: str, is_text: bool) -> None:
    assert content_codings.is_compressible(media_type.encode()) == is_text


def test_tags_of_a_coding_are_translated_and_others_left() -> None:
    tag = content_codings.tag_of(b'"5f-1a"', "gzip")
    assert tag == b'"5f-1a-gzip"'
    assert content_codings.without_coding(b'W/"a-zstd", ' + tag + b', "gzip"', "gzip") == b'W/"a-zstd", "5f-1a", "gzip"'
