"""Request parsing: accepted input, and the status of each refusal."""

from __future__ import annotations

from base64 import b64encode

import anyio
import anyio.lowlevel
import pytest
from fastapi import Request
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

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


GIVEN = {
    "/sparql": {"query": "ASK {}"},
    "/describe": {"iri": "http://x/"},
    "/why": dict.fromkeys(("subject", "object"), "x"),
}
"""Parameters without which a route does nothing that others could change."""
REQUIRED = {("/sparql", "query"), ("/why", "subject"), ("/why", "predicate"), ("/why", "object")}
"""Parameters whose empty value is an error like any other: a script that sends one has lost what it was to send."""


def test_an_empty_parameter_counts_as_absent_on_every_route(client: TestClient, auth: dict[str, str]) -> None:
    seen = 0
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        parameters = [row for row in methods.get("get", {}).get("parameters", []) if row["in"] == "query"]
        for name in (row["name"] for row in parameters if row["name"] != "default"):  # `default` is a flag
            given = {key: value for key, value in GIVEN.get(path, {}).items() if key != name}
            address = path.replace("{kind}", "entity")
            empty = client.get(address, params={**given, name: ""}, headers=auth)
            if (path, name) in REQUIRED:
                assert empty.status_code in (400, 422), (path, name)
                continue
            without = client.get(address, params=given, headers=auth)
            assert (empty.status_code, empty.content) == (without.status_code, without.content), (path, name)
            seen += 1
    assert seen > 20


@pytest.mark.parametrize(
    "query",
    ["default-graph-uri=&named-graph-uri=", "timeout=0", "timeout=0.0", "timeout=", "asOf=", "format=", "update="],
)
def test_what_clients_send_without_a_value_changes_no_query(bare: TestClient, query: str) -> None:
    assert bare.get(f"/sparql?query=ASK%7B%7D&{query}").json()["boolean"]
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert bare.post("/sparql", content=f"query=ASK%7B%7D&{query}", headers=headers).json()["boolean"]


def test_what_clients_send_without_a_value_changes_no_update(bare: TestClient, auth: dict[str, str]) -> None:
    form = {"update": "INSERT DATA { <a:a> <a:b> 1 }", "using-graph-uri": "", "using-named-graph-uri": "", "query": ""}
    assert bare.post("/update", data=form, headers=auth).status_code == 204


def test_a_write_to_a_graph_without_a_name_makes_none(bare: TestClient, auth: dict[str, str]) -> None:
    headers = {"Content-Type": "text/turtle", **auth}
    for method in ("PUT", "POST", "DELETE"):
        answer = bare.request(method, "/graphs?graph=", content=b"", headers=headers)
        assert (answer.status_code, answer.json()["detail"]) == (400, "The request does not name a graph.")


@pytest.mark.anyio
@given(data=st.binary(max_size=20) | st.text(st.sampled_from("a=&+%4é"), max_size=30).map(str.encode))
async def test_a_long_form_is_parsed_like_a_short_one(data: bytes) -> None:
    """Pieces end anywhere, but not within an encoded byte."""

    async def outcome(piece: int) -> object:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(request_parsing, "_PIECE", piece)
            try:
                return await request_parsing.parse_form(data)
            except MalformedText as error:
                return error.message

    assert await outcome(4) == await outcome(1000)


@pytest.mark.anyio
async def test_others_are_served_while_a_long_form_is_parsed() -> None:
    turns, done = 0, False

    async def others() -> None:
        nonlocal turns
        while not done:
            turns += 1
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(others)
        (field,) = await request_parsing.parse_form(b"query=" + b"%D1%97" * 200_000)
        done = True
    assert field == ("query", "\u0457" * 200_000)
    assert turns > 50


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
        ("application/sparql-update", 401),
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


@pytest.mark.parametrize("path", ["/update", "/sparql", "/graphs?default", "/graphs/x"])
def test_every_way_to_write_has_the_limit(bare: TestClient, auth: dict[str, str], path: str) -> None:
    media_type = "application/sparql-update" if path in ("/update", "/sparql") else "text/turtle"
    answer = bare.post(path, content=b"#" * 10_001, headers={"Content-Type": media_type, **auth})
    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["/articles", "/validate"])
def test_every_way_to_send_a_document_has_the_limit(client: TestClient, auth: dict[str, str], path: str) -> None:
    answer = client.post(path, content=b"{" * 500_001, headers={"Content-Type": "application/json", **auth})
    assert answer.status_code == 413


def basic(credentials: str) -> str:
    return f"Basic {b64encode(credentials.encode()).decode()}"


NO_TOKEN = ["", "Bearer", "Bearer ", "bearer\tx", "Token x", "kg_a_b", "Basic", "Basic ", "Basic !!", "Basic YTpi YTpi"]


@pytest.mark.parametrize("header", [*NO_TOKEN, basic("name"), basic("name:"), basic(":")])
def test_a_header_without_a_token(header: str) -> None:
    with pytest.raises(Unauthorized) as caught:
        request_parsing.access_token(header)
    assert not caught.value.invalid


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (None, None),
        ("Bearer x", "x"),
        ("bearer  kg_a_b ", "kg_a_b"),
        (basic("anybody:kg_a_b"), "kg_a_b"),
        (basic(":kg_a_b").replace("Basic", "bAsIc"), "kg_a_b"),
        (basic("a:b:c"), "b:c"),
        (basic("ї:ї"), "ї".encode().decode("latin-1")),  # like any header
    ],
)
def test_a_token(header: str | None, token: str | None) -> None:
    assert request_parsing.access_token(header) == token
