"""Unreadable files of the store: requests that need them are refused, and recovery needs no restart."""

from __future__ import annotations

import os
from pathlib import Path

from tests.processes import Server, running

UPDATE = "DELETE { ?s <urn:p> ?o } INSERT { ?s <urn:q> ?o } WHERE { ?s <urn:p> ?o }"
COUNT = "SELECT (COUNT(*) AS ?n) { ?s <urn:q> ?o }"


def count(server: Server) -> bytes:
    reply = server.query(COUNT)
    assert reply.status == 200, reply.body
    return reply.body.split()[1]


def test_the_store_goes_on_once_its_files_can_be_read_again(tmp_path: Path) -> None:
    with running(tmp_path, "--bare") as server:
        triples = " ".join(f"<urn:s{number}> <urn:p> '{number}{'x' * 50}' ." for number in range(2000))
        assert server.update(f"INSERT DATA {{ {triples} }}").status == 204
        files = {file: file.read_bytes() for file in (server.data / "store").glob("*.sst")}
        for file in files:  # in place, as the engine has the file open
            os.truncate(file, 100)
        for _ in range(3):
            replies = {"damaged": server.update(UPDATE), "snapshot": server.query("SELECT * { ?s <urn:p> ?o }")}
            for word, reply in replies.items():
                assert reply.status == 503
                assert word in reply.body.decode()
                assert str(tmp_path) not in reply.body.decode()
        for file, content in files.items():
            file.write_bytes(content)
        assert server.update(UPDATE).status == 204
        assert count(server) == b"2000"
        assert "Corruption" in server.log.read_text("utf-8")  # the log has the error of the engine
    with running(tmp_path, "--bare") as server:
        assert count(server) == b"2000"
