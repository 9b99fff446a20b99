"""Backup over HTTP: for administrators, complete, and no older than the last acknowledged write."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from kg.access.api_tokens import TokenFile, TokenGrant
from kg.maintenance.backup_archive import ArchiveReader
from kg.maintenance.restore import restore
from tests.cases import stores
from tests.cases.writers import Writer, held
from tests.processes import WRITER, Server, running, wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server")) as found:
        yield found


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def names(body: bytes) -> list[str]:
    reader = ArchiveReader(io.BytesIO(body), "it")
    reader.unpack(None)
    return [entry.name for entry in reader.entries]


def test_it_is_a_whole_archive(server: Server) -> None:
    answer = server.ask("GET", "/admin/backup", headers=WRITER)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/x-tar"
    assert answer.headers["content-disposition"] == 'attachment; filename="claimgraph.tar"'
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert "store/CURRENT" in names(answer.body)
    with tarfile.open(fileobj=io.BytesIO(answer.body)) as tar:
        assert tar.getnames()[0] == "manifest.json"


def test_tokens_are_left_out_if_one_says_so(server: Server) -> None:
    TokenFile(server.data).create("some", TokenGrant())
    for parameter, there in (("", True), ("?tokens=true", True), ("?tokens=false", False)):
        assert ("tokens.json" in names(server.ask("GET", f"/admin/backup{parameter}", headers=WRITER).body)) == there
    assert server.ask("GET", "/admin/backup?tokens=x", headers=WRITER).status == 422


def test_only_those_who_administer_get_one(server: Server) -> None:
    tokens = TokenFile(server.data)
    for token, status in (
        (None, 401),
        ("kg_0123456789abcdef_x", 401),
        (tokens.create("r", TokenGrant()), 403),
        (tokens.create("w", TokenGrant("write")), 403),
        (tokens.create("limited", TokenGrant("admin", ("urn:l",))), 403),
        (tokens.create("admin", TokenGrant("admin")), 200),
    ):
        answer = server.ask("GET", "/admin/backup", headers=bearer(token) if token else {})
        assert answer.status == status
        if status != 200:
            assert answer.headers["content-type"] == "application/problem+json"
    wait_until(lambda: not any((server.data / "backups").iterdir()), "the copies are gone")


def test_every_acknowledged_write_is_in_it_while_writes_go_on(server: Server, tmp_path: Path) -> None:
    writer = Writer()
    with writer.writing(server):
        for turn in range(5):
            wait_until(lambda wanted=turn * 4: writer.acknowledged > wanted, "writes go on")  # type: ignore[misc]
            before = writer.acknowledged
            answer = server.ask("GET", "/admin/backup", headers=WRITER)
            after = writer.acknowledged
            (tmp_path / f"{turn}.tar").write_bytes(answer.body)
            restore(tmp_path / f"{turn}.tar", tmp_path / str(turn))
            assert before <= held(tmp_path / str(turn)) <= after + 1


def test_what_is_restored_is_served_again_with_every_quad(server: Server, tmp_path: Path) -> None:
    everything = "SELECT ?g ?s ?p ?o { { ?s ?p ?o } UNION { GRAPH ?g { ?s ?p ?o } } } ORDER BY ?g ?s ?p STR(?o)"
    text = "INSERT DATA { GRAPH <urn:x> { <urn:a> <urn:says> 'x'@uk, 1.50, 'y' } }"
    assert server.update(text).status == 204
    there = server.query(everything)
    (tmp_path / "b.tar").write_bytes(server.ask("GET", "/admin/backup", headers=WRITER).body)
    restore(tmp_path / "b.tar", tmp_path / "data")
    with running(tmp_path) as other:
        here = other.query(everything)
        assert sorted(here.body.splitlines()) == sorted(there.body.splitlines())
        assert here.headers["etag"] != there.headers["etag"]
        assert other.update("INSERT DATA { <urn:more> <urn:p> 1 }").status == 204


def test_one_who_hangs_up_leaves_nothing_behind(server: Server) -> None:
    for _ in range(3):
        connection = server.connect()
        connection.request("GET", "/admin/backup", headers=WRITER)
        assert connection.getresponse().read(1000)
        connection.close()
    wait_until(lambda: not any((server.data / "backups").iterdir()), "the copies are gone")
    assert server.ask("GET", "/admin/backup", headers=WRITER).status == 200


def test_a_store_in_memory_has_none(bare: TestClient, auth: dict[str, str]) -> None:
    answer = bare.get("/admin/backup", headers=auth)
    assert answer.status_code == 404
    assert answer.json()["remedy"] == "Export what you need from /graphs."


def test_a_full_disk_is_said_so_and_then_there_is_room_again(tmp_path: Path) -> None:
    """The copy takes a little room beside the store; without it there is an error in place of half a file."""
    with stores.small_disk(tmp_path / "disk", 60) as disk, running(disk, "--bare") as server:
        assert server.update("INSERT DATA { <urn:a> <urn:b> 1 }").status == 204
        filling = stores.fill(disk)
        answer = server.ask("GET", "/admin/backup", headers=WRITER)
        assert (answer.status, b"The disk is full" in answer.body) == (507, True)
        assert list((server.data / "backups").iterdir()) == []
        filling.unlink()
        assert names(server.ask("GET", "/admin/backup", headers=WRITER).body)
