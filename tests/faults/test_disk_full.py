"""Full disk: writes are refused with 507, reads continue, nothing is corrupted, and recovery needs no restart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kg.errors import StorageFull
from kg.store.store import Store, StoreOptions
from tests.cases import stores
from tests.cases.writers import Writer, held
from tests.faults.articles import article
from tests.processes import WRITER, running

_MIB = 1024 * 1024


def test_a_server_whose_disk_is_full(tmp_path: Path) -> None:
    with stores.small_disk(tmp_path / "disk", 120) as disk, running(disk, KG_SNAPSHOTS="1") as server:
        writer = Writer()
        assert [writer.write(server) for _ in range(3)] == [204] * 3
        first = server.writer()
        # With 20 MiB left, the check before a write refuses it; with nothing left, the engine may fail itself.
        for left in (20 * _MIB, 0):
            filling = stores.fill(disk, leave=left)
            before = server.query("SELECT * { GRAPH ?g { ?s ?p ?o } }").body
            for target, method, body, kind in (
                ("/update", "POST", b"INSERT DATA { <urn:a> <urn:b> 1 }", "application/sparql-update"),
                ("/graphs?graph=urn:a", "PUT", b"<urn:a> <urn:b> 1 .", "text/turtle"),
                ("/articles/a1", "PUT", article("a1", 1), "application/json"),
            ):
                refused = server.ask(method, target, body, WRITER | {"Content-Type": kind})
                assert refused.status == 507, refused.body
                problem = json.loads(refused.body)
                assert problem["status"] == 507
                assert "The disk is full" in problem["detail"]
                assert "Free space" in problem["remedy"]
                assert str(disk) not in refused.body.decode()
            assert server.query("SELECT * { GRAPH ?g { ?s ?p ?o } }").body == before
            assert server.ask("GET", "/healthz").status == 200
            assert server.ask("GET", "/readyz").status == 200
            if not left:
                saved = stores.kg("backup", disk / "b.tar", "--data", server.data)
                assert (saved.returncode, "The disk is full" in saved.stderr) == (4, True)
                assert sorted(path.name for path in disk.iterdir()) == ["data", "filling", "log"]
            filling.unlink()
            assert writer.write(server) == 204
        assert server.writer() == first
        assert server.query("SELECT ?s { GRAPH <urn:l> { ?s ?p ?o } }").body.count(b"urn:") == 5
        found = stores.kg("doctor", "--data", server.data, "--full")
        assert found.returncode == 0, found.stdout
        server.process.terminate()
        server.process.wait(60)
        assert held(server.data) == 5


def test_a_disk_that_fills_up_while_many_write(tmp_path: Path) -> None:
    """Whatever the check before each write does not foresee: what was acknowledged is there, and nothing else."""
    with stores.small_disk(tmp_path / "disk", 160) as disk, running(disk, "--bare", KG_SNAPSHOTS="1") as server:
        acknowledged = 0
        text = "x" * 1_000_000
        statuses = set()
        for number in range(400):
            body = f"INSERT DATA {{ <urn:n{number}> <urn:text> '{number} {text}' }}"
            status = server.update(body).status
            statuses.add(status)
            if status != 204:
                break
            acknowledged += 1
        assert statuses == {204, 507}
        count = "SELECT (COUNT(*) AS ?n) { ?s <urn:text> ?o }"
        assert server.query(count).body.split()[1] == str(acknowledged).encode()
        for number in range(0, acknowledged, 2):
            if server.update(f"DELETE WHERE {{ <urn:n{number}> ?p ?o }}").status != 204:
                break
        assert server.answers()


def test_the_engine_itself_meets_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After that the engine refuses every write until it is opened anew; the store does so by itself."""
    monkeypatch.setattr("kg.files.disk_space.RESERVE", 0)
    monkeypatch.setattr("kg.files.disk_space.require", lambda *_: None)
    with stores.small_disk(tmp_path / "disk", 60) as disk:
        store = Store(StoreOptions(disk / "data", bare=True))
        store.update("INSERT DATA { <urn:n0> <urn:p> 0 }")
        filling = stores.fill(disk, leave=64 * 1024)
        acknowledged = 1
        with pytest.raises(StorageFull):  # noqa: PT012 - which of them fails is not known
            while acknowledged < 1000:
                store.update(f"INSERT DATA {{ <urn:n{acknowledged}> <urn:p> '{acknowledged}{'x' * 20_000}' }}")
                acknowledged += 1
        for _ in range(3):
            with pytest.raises(StorageFull):
                store.update("INSERT DATA { <urn:late> <urn:p> 'late' }")
            assert acknowledged <= len(store) <= acknowledged + 1
        filling.unlink()
        store.update("INSERT DATA { <urn:after> <urn:p> 'after' }")
        assert acknowledged < len(store) <= acknowledged + 3
        del store
        again = Store(StoreOptions(disk / "data", bare=True))
        subjects = {triple.subject.value for triple in again.triples(None)}  # type: ignore[union-attr]
        assert {"urn:after", *(f"urn:n{number}" for number in range(acknowledged))} <= subjects
        del again
        assert stores.kg("doctor", "--data", disk / "data", "--json", "--full").stdout.count('"engine"') == 1


def test_a_store_cannot_be_made_on_a_full_disk(tmp_path: Path) -> None:
    with stores.small_disk(tmp_path / "disk", 4) as disk:
        filling = stores.fill(disk)
        made = stores.kg("init", "--data", disk / "data")
        assert made.returncode == 4
        assert "The disk is full" in made.stderr
        assert "Traceback" not in made.stderr
        assert not (disk / "data" / "claimgraph.json").exists()
        filling.unlink()
        assert stores.kg("query", "ASK {}", "--data", disk / "data", KG_BARE="1").returncode == 3
