"""Request parsing: accepted input, and the status of each refusal."""

from __future__ import annotations

import pytest
from fastapi import Request
from fastapi.testclient import TestClient

from api.http import request_parsing
from kg.errors import MalformedText, TooLarge, Unauthorized, UnsupportedFormat

FORM = "application/x-www-form-urlencoded"
QUERY = "application/sparql-query"


@pytest.mark.parametrize(
    ("header", "name", "parameters"),
    [
        (None, "", {}),
        ("", "", {}),
        ("text/turtle", "text/turtle", {}),
        ("Text/Turtle ; Charset=UTF-8", "text/turtle", {"charset": "UTF-8"}),
        ('multipart/form-data; boundary="a b"', "multipart/form-data", {"boundary": "a b"}),
    ],
)
def test_media_type(header: str | None, name: str, parameters: dict[str, str]) -> None:
    found = request_parsing.media_type(header)
    assert (found.name, found.parameters) == (name, parameters)


def test_text_is_decoded_strictly_and_the_place_is_named() -> None:
    assert request_parsing.decode("\ufeffї".encode(), "query") == "ї"
    with pytest.raises(MalformedText, match=r"not UTF-8 \(byte 5\)") as caught:
        request_parsing.decode("ї\nї".encode() + b"\xff", "query")
    assert (caught.value.line, caught.value.column) == (2, 2)


def test_parameters_are_decoded_exactly_once() -> None:
    assert request_parsing.parse_parameters(b"graph=http%3A%2F%2Fx%2F%2531&default&a+b=c%2Bd", "query") == [
        ("graph", "http://x/%31"),
        ("default", ""),
        ("a b", "c+d"),
    ]


@pytest.mark.parametrize("data", [b"a=%ff", b"a=\xff", b"%C0%80=1"])
def test_parameters_must_be_utf8(data: bytes) -> None:
    with pytest.raises(MalformedText, match="not UTF-8"):
        request_parsing.parse_parameters(data, "form")


def test_too_many_parameters() -> None:
    with pytest.raises(MalformedText, match="more than 1000"):
        request_parsing.parse_parameters(b"&".join([b"a=1"] * 1001), "form")


@pytest.mark.parametrize("iri", ["", "x", "//x/y", "http://a b/", "http://a/<>", "http://a/\ud800"])
def test_iris_are_checked(iri: str) -> None:
    with pytest.raises(MalformedText, match="not an absolute IRI"):
        request_parsing.check_iri(iri)


def test_charset_must_be_utf8() -> None:
    for name in ("utf-8", "UTF8", "us-ascii"):
        request_parsing.check_charset(request_parsing.ContentType("text/turtle", {"charset": name}))
    with pytest.raises(UnsupportedFormat, match="utf-16"):
        request_parsing.check_charset(request_parsing.ContentType("text/turtle", {"charset": "UTF-16"}))


def test_paths_are_tried_as_sent_and_as_letters() -> None:
    assert request_parsing.path_candidates("entity/%D1%97") == ["entity/%D1%97", "entity/ї"]
    assert request_parsing.path_candidates("entity/x") == ["entity/x"]


# ---- through the application


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (QUERY, 200),
        (f"{QUERY}; charset=utf-8", 200),
        (f"{QUERY}; charset=UTF-16", 415),
        ("text/plain", 415),
        ("application/sparql-update", 415),
        (None, 415),
    ],
)
def test_content_type_of_a_query(bare: TestClient, content_type: str | None, status: int) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    assert bare.post("/sparql", content=b"ASK {}", headers=headers).status_code == status


def test_bytes_that_are_not_utf8(bare: TestClient, auth: dict[str, str]) -> None:
    direct = bare.post("/sparql", content=b'ASK { ?s ?p "\xff" }', headers={"Content-Type": QUERY})
    assert (direct.status_code, direct.json()["column"]) == (400, 14)
    form = bare.post("/sparql", content=b"query=ASK%20%7B%7D%ff", headers={"Content-Type": FORM})
    assert form.status_code == 400
    assert bare.get("/sparql?query=ASK%20%7B%7D%ff").status_code == 400
    turtle = bare.put(
        "/graphs?default", content=b'<a:a> <a:b> "\xff" .', headers={"Content-Type": "text/turtle", **auth}
    )
    assert turtle.status_code == 400


def test_declared_length_over_the_limit_is_refused_unread(bare: TestClient) -> None:
    answer = bare.post("/sparql", content=b"#" * 10_001, headers={"Content-Type": QUERY})
    assert answer.status_code == 413
    assert "10000 bytes" in answer.json()["detail"]
    assert "KG_MAX_BODY_BYTES" in answer.json()["remedy"]


def test_a_body_at_the_limit_is_read(bare: TestClient) -> None:
    text = b"ASK {} #" + b"#" * (10_000 - 8)
    assert bare.post("/sparql", content=text, headers={"Content-Type": QUERY}).status_code == 200


@pytest.mark.anyio
async def test_a_body_without_a_length_is_read_no_further_than_the_limit() -> None:
    chunks = 0

    async def receive() -> dict[str, object]:
        nonlocal chunks
        chunks += 1
        return {"type": "http.request", "body": b"#" * 1000, "more_body": True}

    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    with pytest.raises(TooLarge):
        await request_parsing.read_body(request, 10_000)
    assert chunks == 11


@pytest.mark.parametrize("path", ["/update", "/graphs?default", "/graphs/x"])
def test_every_way_to_write_has_the_limit(bare: TestClient, auth: dict[str, str], path: str) -> None:
    media_type = "application/sparql-update" if path == "/update" else "text/turtle"
    answer = bare.post(path, content=b"#" * 10_001, headers={"Content-Type": media_type, **auth})
    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["/articles", "/validate"])
def test_every_way_to_send_a_document_has_the_limit(client: TestClient, auth: dict[str, str], path: str) -> None:
    answer = client.post(path, content=b"{" * 500_001, headers={"Content-Type": "application/json", **auth})
    assert answer.status_code == 413


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "bearer\tx", "Token x", "kg_a_b"])
def test_a_header_without_a_bearer_token(header: str) -> None:
    with pytest.raises(Unauthorized) as caught:
        request_parsing.bearer_token(header)
    assert not caught.value.invalid


@pytest.mark.parametrize(("header", "token"), [(None, None), ("Bearer x", "x"), ("bearer  kg_a_b ", "kg_a_b")])
def test_a_bearer_token(header: str | None, token: str | None) -> None:
    assert request_parsing.bearer_token(header) == token
