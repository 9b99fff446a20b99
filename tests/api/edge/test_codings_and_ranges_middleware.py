"""Representations: compressed, in part, and of compressed bodies; tags, 304 and Vary fit each of them."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import httpx2
import pytest

from api.edge.codings_and_ranges_middleware import Compressor
from api.http import content_codings
from api.server.connection_limit_settings import ConnectionLimits
from tests.applications import WRITER, Served, application, on_disk, settings
from tests.serving import ask, serving

ROWS = "SELECT * { ?s ?p ?o } ORDER BY ?o"
PLAIN = {"Accept-Encoding": "identity"}
GZIP = {"Accept-Encoding": "gzip"}
TTL = {"Content-Type": "text/turtle"}
QUERY = {"Content-Type": "application/sparql-query"}
LIMIT = 200_000


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A store with a thousand statements, some of which tests add to."""
    with on_disk(tmp_path_factory.mktemp("store"), max_body_bytes=LIMIT) as found:
        found.update(f"INSERT DATA {{ {' '.join(f'<urn:s{n}> <urn:p> {n} .' for n in range(1000))} }}")
        yield found


def raw(served: Served, address: str, **headers: str) -> httpx2.Response:
    """Return an answer whose content is as it was sent."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    with served.client.stream("GET", address, headers={"Accept-Encoding": "identity"} | fields) as answer:
        answer._content = b"".join(answer.iter_raw())
        return answer


SPARQL = f"/sparql?query={quote(ROWS)}"
PLACES = [SPARQL, "/graphs?default", "/openapi.json", "/static/style.css", "/docs", "/guide/queries"]


# ---- compression


@pytest.mark.parametrize("address", PLACES)
def test_a_compressed_answer_is_another_representation(served: Served, address: str) -> None:
    plain, packed = raw(served, address), raw(served, address, Accept_Encoding="gzip")
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.content) == plain.content
    assert packed.headers["Content-Length"] == str(len(packed.content))
    assert len(packed.content) < len(plain.content)
    assert packed.headers["ETag"] == plain.headers["ETag"][:-1] + '-gzip"'
    assert "Accept-Ranges" not in packed.headers
    assert plain.headers["Vary"] == packed.headers["Vary"]
    assert "Accept-Encoding" in plain.headers["Vary"].split(", ")
    assert raw(served, address, Accept_Encoding="gzip").content == packed.content


@pytest.mark.parametrize("address", PLACES)
def test_a_304_has_the_tag_of_what_the_client_has(served: Served, address: str) -> None:
    for coding in ("identity", "gzip"):
        whole = raw(served, address, Accept_Encoding=coding)
        tag = whole.headers["ETag"]
        for condition in (tag, f"W/{tag}", f'"other", {tag}'):
            short = raw(served, address, Accept_Encoding=coding, If_None_Match=condition)
            assert (short.status_code, short.content) == (304, b"")
            for name in ("ETag", "Vary"):
                assert short.headers[name] == whole.headers[name]
            assert "Content-Encoding" not in short.headers


def test_a_tag_of_another_coding_is_no_match(served: Served) -> None:
    tag = raw(served, SPARQL, Accept_Encoding="gzip").headers["ETag"]
    assert raw(served, SPARQL, Accept_Encoding="identity", If_None_Match=tag).status_code == 200
    assert raw(served, SPARQL, Accept_Encoding="gzip", If_None_Match=tag.replace("gzip", "zstd")).status_code == 200


def test_what_is_short_or_no_text_is_sent_as_it_is(served: Served) -> None:
    for address in ("/sparql?query=ASK%7B%7D", "/healthz", "/nowhere"):
        answer = raw(served, address, Accept_Encoding="gzip")
        assert "Content-Encoding" not in answer.headers
        assert answer.status_code == 404 or "Accept-Encoding" in answer.headers["Vary"]
    assert "Content-Encoding" not in raw(served, SPARQL, Accept_Encoding="gzip;q=0").headers
    backup = served.client.get("/admin/backup", headers=WRITER | GZIP)
    assert "Content-Encoding" not in backup.headers
    assert len(backup.content) == int(backup.headers["Content-Length"])


def test_answers_to_post_are_compressed_too(served: Served) -> None:
    answer = served.client.post("/sparql", content=ROWS, headers=QUERY | GZIP)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.json()["results"]["bindings"]) >= 1000


def test_head_has_the_fields_of_get(served: Served) -> None:
    get, head = raw(served, SPARQL, Accept_Encoding="gzip"), served.client.head(SPARQL, headers=GZIP)
    for name in ("Content-Length", "Content-Encoding", "ETag", "Vary"):
        assert head.headers[name] == get.headers[name]


def test_a_content_is_compressed_once(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[int] = []

    def counted(data: bytes, coding: str) -> bytes:
        encoded.append(len(data))
        return gzip.compress(data, mtime=0)

    monkeypatch.setattr(content_codings, "encode", counted)
    address = f"/sparql?query={quote(ROWS + ' #once')}"
    assert len({raw(served, address, Accept_Encoding="gzip").content for _ in range(3)}) == 1
    assert len(encoded) == 1


@pytest.mark.anyio
async def test_too_much_at_a_time_is_not_compressed() -> None:
    compressor, found = Compressor(0), []
    text, small = b"some text " * 4_000_000, b"other text " * 4_000_000

    async def work(body: bytes) -> None:
        found.append(await compressor.compressed(body, "gzip", None))

    async with anyio.create_task_group() as group:
        group.start_soon(work, text)
        group.start_soon(work, small)
    assert found[0] is None
    assert found[1] is not None
    assert zlib.decompress(found[1], 31) == text
    assert await compressor.compressed(small, "gzip", None)


@pytest.mark.anyio
async def test_what_does_not_become_shorter_is_not_compressed() -> None:
    assert await Compressor(1000).compressed(gzip.compress(b"x"), "gzip", b'"a"') is None


# ---- ranges


@pytest.mark.parametrize("address", PLACES)
def test_a_part(served: Served, address: str) -> None:
    whole = raw(served, address)
    assert whole.headers["Accept-Ranges"] == "bytes"
    tag, size = whole.headers["ETag"], len(whole.content)
    for part, start, end in (("10-99", 10, 100), ("100-", 100, size), ("-50", size - 50, size)):
        for condition in ({}, {"If_Range": tag}):
            found = raw(served, address, Range=f"bytes={part}", Accept_Encoding="gzip", **condition)
            assert found.status_code == 206
            assert found.content == whole.content[start:end]
            assert found.headers["Content-Range"] == f"bytes {start}-{end - 1}/{size}"
            assert found.headers["Content-Length"] == str(end - start)
            for name in ("ETag", "Vary", "Content-Type"):
                assert found.headers[name] == whole.headers[name]
            assert found.headers.get("Cache-Control") == whole.headers.get("Cache-Control")
            assert "Content-Encoding" not in found.headers


@pytest.mark.parametrize("address", PLACES)
def test_the_whole_where_a_part_would_not_fit(served: Served, address: str) -> None:
    whole = raw(served, address)
    packed = raw(served, address, Accept_Encoding="gzip").headers["ETag"]
    for other in (f"W/{whole.headers['ETag']}", packed, '"other"', "Mon, 30 Nov 2026 13:00:00 GMT"):
        found = raw(served, address, Range="bytes=10-99", If_Range=other, Accept_Encoding="gzip")
        assert (found.status_code, found.content) == (200, whole.content)
    for ignored in ("bytes=0-1,5-6", "rows=1-2", "bytes=9-1", "nonsense"):
        assert raw(served, address, Range=ignored).status_code == 200


def test_a_part_beyond_the_end(served: Served) -> None:
    size = len(raw(served, SPARQL).content)
    found = raw(served, SPARQL, Range=f"bytes={size}-")
    assert found.status_code == 416
    assert found.headers["Content-Range"] == f"bytes */{size}"
    assert found.headers["Content-Type"] == "application/problem+json"
    assert json.loads(found.content)["status"] == 416
    assert "ETag" not in found.headers


def test_a_part_of_what_may_change_is_the_whole(served: Served) -> None:
    now = f"/sparql?query={quote('SELECT (NOW() AS ?x) {}')}"
    for address in (now, "/healthz"):
        found = raw(served, address, Range="bytes=0-3")
        assert found.status_code == 200
        assert "Accept-Ranges" not in found.headers
    assert served.client.head(SPARQL, headers={"Range": "bytes=0-3"}).status_code == 200
    posted = served.client.post("/sparql", content=ROWS, headers=QUERY | {"Range": "bytes=0-3"})
    assert posted.status_code == 200
    assert raw(served, "/nowhere", Range="bytes=0-3").status_code == 404


def test_a_304_comes_before_a_part(served: Served) -> None:
    tag = raw(served, SPARQL).headers["ETag"]
    assert raw(served, SPARQL, Range="bytes=0-3", If_None_Match=tag).status_code == 304


# ---- request bodies


def post(served: Served, content: bytes, coding: str, **headers: str) -> httpx2.Response:
    return served.client.post("/sparql", content=content, headers=QUERY | {"Content-Encoding": coding} | headers)


def test_gzip_bodies_are_decoded(served: Served) -> None:
    body = gzip.compress(b"ASK {}")
    for coding in ("gzip", "GZIP", "x-gzip"):
        assert post(served, body, coding).json()["boolean"] is True
    assert post(served, b"ASK {}", "identity").json()["boolean"] is True
    triples = b"".join(b"<urn:x%d> <urn:y> 1 .\n" % n for n in range(1000))
    put = {**TTL, **WRITER, "Content-Encoding": "gzip"}
    assert served.client.put("/graphs?graph=urn:g", content=gzip.compress(triples), headers=put).status_code == 201
    assert served.client.get("/graphs?graph=urn:g", headers={"Accept": "text/turtle"}).text.count("<urn:x") == 1000


def test_a_damaged_gzip_body_is_told(served: Served) -> None:
    for body in (b"ASK {}", gzip.compress(b"ASK {}")[:-2], b""):
        answer = post(served, body, "gzip")
        assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
        assert "gzip" in answer.json()["detail"]


@pytest.mark.parametrize("coding", ["br", "deflate", "zstd", "gzip, gzip", "identity, br", "nonsense"])
def test_other_codings_of_bodies_are_refused(served: Served, coding: str) -> None:
    answer = post(served, b"ASK {}", coding)
    assert answer.status_code == 415
    assert answer.headers["Accept-Encoding"] == "gzip"
    assert coding in answer.json()["detail"]


def test_a_bomb_is_refused_by_its_decoded_size(served: Served) -> None:
    answer = post(served, gzip.compress(b" " * 50_000_000), "gzip")
    assert answer.status_code == 413
    assert "KG_MAX_BODY_BYTES" in answer.json()["remedy"]
    assert post(served, gzip.compress(b"ASK {}" + b" " * (LIMIT - 6)), "gzip").status_code == 200
    assert post(served, gzip.compress(b"ASK {}" + b" " * (LIMIT - 5)), "gzip").status_code == 413


# ---- a real server


def test_over_a_socket(tmp_path: Path) -> None:
    def get(*fields: str) -> Any:
        lines = [f"GET {SPARQL} HTTP/1.1", "Host: x", "Connection: close", *fields, "", ""]
        return ask(address, "\r\n".join(lines).encode())

    with serving(application(settings(tmp_path)), ConnectionLimits()) as address:
        body = gzip.compress(f"INSERT DATA {{ {' '.join(f'<urn:s{n}> <urn:p> {n} .' for n in range(1000))} }}".encode())
        head = [
            "POST /update HTTP/1.1",
            "Host: x",
            "Connection: close",
            f"Authorization: {WRITER['Authorization']}",
            "Content-Type: application/sparql-update",
            "Content-Encoding: gzip",
            f"Content-Length: {len(body)}",
            "",
            "",
        ]
        assert ask(address, "\r\n".join(head).encode() + body).status == 204
        whole, packed = get(), get("Accept-Encoding: gzip, br")
        assert gzip.decompress(packed.body) == whole.body
        tag = packed.headers["etag"]
        again = get("Accept-Encoding: gzip, br", f"If-None-Match: {tag}")
        assert (again.status, again.headers["etag"], again.body) == (304, tag, b"")
        part = get("Range: bytes=5-9", f"If-Range: {whole.headers['etag']}")
        assert (part.status, part.body) == (206, whole.body[5:10])
