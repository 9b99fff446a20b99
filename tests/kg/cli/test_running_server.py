"""Commands on the store of a running server: they read its newest snapshot, and write through its writer."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kg.knowledge_graph import KnowledgeGraph
from kg.linking.link_proposal_types import ProposalVerdict
from tests.cases import stores
from tests.cases.links import BASE, proposal
from tests.configs import configured
from tests.faults.articles import article
from tests.processes import Server, alive, running, wait_until
from tests.processes import children as children_of

COUNT = "SELECT (COUNT(*) AS ?n) { GRAPH <urn:g> { ?s ?p ?o } }"
SOCKET = "server.sock"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the seed article, proposed links, and a small limit of bodies."""
    folder = tmp_path_factory.mktemp("served")
    review = KnowledgeGraph.open(configured(data_dir=folder / "data")).review()
    review.propose([proposal("putin", "wikidata:Q7747", ProposalVerdict.review)])
    del review  # it has the store open
    with running(folder, KG_MAX_BODY_BYTES="20000") as server:
        yield server


def kg(server: Server, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    done = stores.kg(*arguments, "--data", server.data)
    assert "Traceback" not in done.stderr
    return done


def test_reading(server: Server) -> None:
    assert "Vladimir Putin" in kg(server, "ask", "14", "--format", "csv").stdout
    assert kg(server, "query", "ASK { ?s a cg:Claim }").stdout == "yes\n"
    assert "Kamel Saqr" in kg(server, "why", "seed/C22").stdout
    assert "claims  seed" in kg(server, "info").stdout
    assert "cg:Article" in kg(server, "export", "seed", "--format", "turtle").stdout
    assert kg(server, "links", "export").returncode == 0
    assert server.update("INSERT DATA { <urn:new> <urn:p> 1 }").status == 204
    assert kg(server, "query", "ASK { <urn:new> ?p 1 }").stdout == "yes\n", "what the server has acknowledged is seen"


def test_documents(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(article("a", 2))
    assert "created" in kg(server, "add", file).stdout
    assert json.loads(server.ask("GET", "/articles/a").body)["article"]["id"] == "a"
    assert "unchanged" in kg(server, "add", file).stdout
    assert kg(server, "remove", "a").stdout == "a: removed\n"
    assert server.ask("GET", "/articles/a").status == 404
    assert kg(server, "remove", "a").returncode == 3


def test_validate_compares_with_the_store(server: Server, tmp_path: Path) -> None:
    document = json.loads(article("mine", 1))
    document["entities"][1]["id"] = "putin"
    document["situations"][1]["actor"] = ["putin"]
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(document), "utf-8")
    alone, beside = stores.kg("validate", file), kg(server, "validate", file)
    assert "J6" not in alone.stdout
    assert "J6" in beside.stdout, "another article calls this person otherwise"
    assert server.ask("GET", "/articles/mine").status == 404


def test_a_file_larger_than_a_body_may_be(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "large.nt"
    file.write_text("".join(f"<urn:s{n}> <urn:p> _:b{n % 7} .\n" for n in range(60_000)), "utf-8")
    assert file.stat().st_size > 20_000
    done = kg(server, "load", file, "--graph", "urn:g")
    assert (done.returncode, done.stdout) == (0, "large.nt: 60000 statements\n")
    assert server.query(COUNT).body.split()[1] == b"60000"
    assert server.query("SELECT (COUNT(DISTINCT ?o) AS ?n) { GRAPH <urn:g> { ?s ?p ?o } }").body.split()[1] == b"7"
    refused = kg(server, "load", file, "--graph", f"{BASE}graph/ontology")
    assert refused.returncode == 2


def test_links(server: Server) -> None:
    assert "Q7747" in kg(server, "review", "--list").stdout
    assert kg(server, "review", "accept", "entity/putin", "wikidata:Q7747", "--user", "ann").returncode == 0
    assert "Q7747" in kg(server, "links", "export", "--format", "nt").stdout
    found = server.query("SELECT ?s { GRAPH ?g { ?s ?p <http://www.wikidata.org/entity/Q7747> } }")
    assert b"entity/putin" in found.body


def test_two_at_once(server: Server, tmp_path: Path) -> None:
    files = [tmp_path / f"p{number}.json" for number in range(4)]
    for file in files:
        file.write_bytes(article(file.stem, 1))
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda file: kg(server, "add", file), files))
    assert [one.returncode for one in done] == [0] * 4, [one.stderr for one in done]
    assert all(server.ask("GET", f"/articles/{file.stem}").status == 200 for file in files)


def test_the_socket_is_for_its_owner_and_in_no_backup(server: Server, tmp_path: Path) -> None:
    found = (server.data / SOCKET).stat()
    assert stat.S_ISSOCK(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert kg(server, "backup", tmp_path / "b.tar").returncode == 0
    assert stores.kg("restore", tmp_path / "b.tar", "--data", tmp_path / "new").returncode == 0
    assert not (tmp_path / "new" / SOCKET).exists()


def test_a_copy_of_the_directory_leads_to_no_server(server: Server, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-a", server.data, copy], check=True, timeout=60)
    assert (copy / SOCKET).exists()
    update = tmp_path / "only.nt"
    update.write_text("<urn:only> <urn:in> <urn:copy> .\n", "utf-8")
    assert stores.kg("load", update, "--data", copy).returncode == 0
    assert stores.kg("query", "ASK { <urn:only> ?p ?o }", "--data", copy).stdout == "yes\n"
    assert kg(server, "query", "ASK { <urn:only> ?p ?o }").stdout == "no\n"


def test_what_a_killed_server_leaves_leads_nowhere(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        pids, writer = children_of(server.process.pid), server.writer()
        assert writer
        server.process.send_signal(signal.SIGSTOP)  # so that the writer neither finishes nor is replaced
        os.kill(writer, signal.SIGKILL)
        server.process.kill()
        wait_until(lambda: not any(alive(pid) for pid in pids), "all have ended")
        assert (server.data / SOCKET).exists()
        assert kg(server, "query", "ASK { ?s a cg:Claim }").stdout == "yes\n"
        graph = KnowledgeGraph.open(configured(data_dir=server.data))  # another command
        held = kg(server, "info")
        assert (held.returncode, "in use by another process" in held.stderr) == (4, True)
        del graph
    with running(tmp_path) as server:
        assert kg(server, "info").returncode == 0
        server.process.terminate()
        server.process.wait(60)
        assert not (server.data / SOCKET).exists()


def test_a_write_of_a_command_outlives_no_server(tmp_path: Path) -> None:
    """The writer is replaced between two writes: the first command after it goes to the new one."""
    with running(tmp_path) as server:
        writer = server.writer()
        assert writer
        os.kill(writer, signal.SIGKILL)
        wait_until(lambda: server.writer() not in (None, writer), "another writer is there")
        assert server.update("INSERT DATA { <urn:a> <urn:b> 1 }").status == 204
        (tmp_path / "a.json").write_bytes(article("a", 1))
        assert "created" in kg(server, "add", tmp_path / "a.json").stdout


def test_a_long_directory_name(tmp_path: Path) -> None:
    """The system allows 108 bytes for the name of a socket."""
    folder = tmp_path / ("x" * 100) / ("y" * 100)
    folder.mkdir(parents=True)
    with running(folder, "--bare") as server:
        assert server.update("INSERT DATA { <urn:a> <urn:b> 1 }").status == 204
        done = stores.kg("query", "ASK { <urn:a> ?p 1 }", "--data", server.data, KG_BARE="1")
        assert (done.returncode, done.stdout) == (0, "yes\n")
    shutil.rmtree(folder)
