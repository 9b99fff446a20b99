"""Multipart forms (RFC 7578)."""

from __future__ import annotations

import pytest

from api.http.multipart import parse
from kg.errors import MalformedText, TooLarge

TWO = (
    b'--x\r\nContent-Disposition: form-data; name="a"; filename="a.ttl"\r\nContent-Type: text/turtle; charset=utf-8\r\n'
    b'\r\n<a:a> <a:b> "\r\n--y" .\r\n--x\r\nContent-Disposition: form-data; name="b.nt"\r\n\r\n\r\n--x--\r\n'
)


def test_parts_keep_their_bytes_types_and_names() -> None:
    first, second = parse(TWO, "x")
    assert first.content == b'<a:a> <a:b> "\r\n--y" .'
    assert (first.media_type.name, first.media_type.parameters) == ("text/turtle", {"charset": "utf-8"})
    assert first.file_name == "a.ttl"
    assert (second.content, second.media_type.name, second.file_name) == (b"", "", "b.nt")


def test_file_name_may_hold_any_letters() -> None:
    body = '--x\r\nContent-Disposition: form-data; name="a"; filename="стаття.ttl"\r\n\r\n\r\n--x--'.encode()
    assert parse(body, "x")[0].file_name.endswith(".ttl")


@pytest.mark.parametrize(
    "body",
    [b"", b"nothing", TWO.removesuffix(b"--\r\n"), TWO[:-20], TWO.replace(b"Content-Type:", b"Content Type")],
)
def test_a_broken_body_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedText):
        parse(body, "x")


def test_a_boundary_is_needed() -> None:
    with pytest.raises(MalformedText):
        parse(TWO, "")
    with pytest.raises(MalformedText):
        parse(TWO, "x" * 1000)


def test_parts_are_limited() -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="a.nt"\r\n\r\n\r\n'
    assert len(parse(part * 1000 + b"--x--", "x")) == 1000
    with pytest.raises(TooLarge):
        parse(part * 1001 + b"--x--", "x")
