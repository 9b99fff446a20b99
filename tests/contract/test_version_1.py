"""A store of version 1 is opened, served, backed up and restored by this program with the same content."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cases import version_1
from tests.cases.version_1 import DRAFTS, NOTES, ask, kg, rows
from tests.processes import Server, running

EXPECTED: dict[str, Any] = json.loads((version_1.FOLDER / "expected.json").read_text("utf-8"))
KINDS = ("data directory", "restored backup")


@dataclass(frozen=True)
class Opened:
    """A store of version 1 as this program reads it: first by the command line, then over HTTP."""

    command: dict[str, Any]
    seen: dict[str, Any]
    server: Server


@pytest.fixture(scope="module", params=KINDS)
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    packed, folder = tmp_path_factory.mktemp("version-1"), tmp_path_factory.mktemp("opened")
    data, backup = version_1.unpack(packed)
    if request.param == "data directory":
        data.rename(folder / "data")
    else:
        kg(folder / "data", "restore", str(backup))
    command = version_1.seen_by_command(folder / "data")
    with running(folder) as server:
        yield Opened(command, version_1.seen_by_server(server), server)


@pytest.mark.parametrize("part", EXPECTED["command"])
def test_the_command_line_sees_the_same(opened: Opened, part: str) -> None:
    assert opened.command[part] == EXPECTED["command"][part]


@pytest.mark.parametrize("part", EXPECTED["server"])
def test_the_server_shows_the_same(opened: Opened, part: str) -> None:
    assert opened.seen[part] == EXPECTED["server"][part]


def test_the_limited_token_reads_its_graphs_and_no_more(opened: Opened) -> None:
    guest = version_1.tokens()["guest"]
    assert rows(opened.server, f"SELECT (COUNT(*) AS ?n) {{ GRAPH <{NOTES}> {{ ?s ?p ?o }} }}", guest) == [["8"]]
    assert rows(opened.server, f"SELECT * {{ GRAPH <{DRAFTS}> {{ ?s ?p ?o }} }}", guest) == []
    assert ask(opened.server, "articles/chain", token=guest).status == 200
    assert ask(opened.server, "articles/seed", token=guest).status == 404
    assert ask(opened.server, "review", token=guest).status == 403
    holder = {"Authorization": f"Bearer {guest}", "Content-Type": "application/sparql-update"}
    assert opened.server.ask("POST", "/update", b"INSERT DATA { <urn:a> <urn:b> 1 }", holder).status == 403


def test_the_store_can_be_written_to_and_backed_up_again(opened: Opened, tmp_path: Path) -> None:
    """The last test of the file: it changes the store."""
    token = version_1.tokens()["desk"]
    holder = {"Authorization": f"Bearer {token}", "Content-Type": "application/sparql-update"}
    update = f"INSERT DATA {{ GRAPH <{DRAFTS}> {{ <urn:a> <urn:b> 1 }} }}".encode()
    assert opened.server.ask("POST", "/update", update, holder).status == 204
    undo = json.dumps({"number": EXPECTED["server"]["decisions"][0]["number"]}).encode()
    headers = holder | {"Content-Type": "application/json"}
    assert opened.server.ask("POST", "/review/undo", undo, headers).status == 201
    kg(opened.server.data, "backup", str(tmp_path / "again.tar"))
    kg(tmp_path / "data", "restore", str(tmp_path / "again.tar"))
    assert json.loads(kg(tmp_path / "data", "doctor", "--full", "--json"))["ok"]
    found = kg(tmp_path / "data", "query", f"SELECT ?o {{ GRAPH <{DRAFTS}> {{ <urn:a> ?p ?o }} }}", "--format", "csv")
    assert found.split() == ["o", "1"]


def test_the_kept_files_are_small() -> None:
    assert sum(file.stat().st_size for file in version_1.FOLDER.iterdir()) <= 2 * 1024 * 1024
