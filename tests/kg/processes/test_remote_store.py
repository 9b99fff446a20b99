"""Remote store: reads what is acknowledged, writes by the writer, and remembers only what is still true."""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kg import errors
from kg.knowledge_graph import KnowledgeGraph
from kg.processes import remote_store
from kg.processes.remote_store import RemoteStore, StoreDescription
from kg.processes.writer_connection import News
from kg.rdf import oxigraph
from kg.store.prepared_writes_and_conflicts import PreparedWrite
from kg.store.store import Store, StoreOptions
from kg.store.store_protocols import Outcome
from tests.cases.readers import run
from tests.configs import configured
from tests.writers import ServiceWithWriter


def triples(text: str) -> list[oxigraph.Triple]:
    return [quad.triple for quad in oxigraph.parse_as_is(text.encode())]


ONE, TWO = triples("<urn:a> <urn:p> <urn:b> ."), triples('<urn:a> <urn:p> "2" .')


def over(folder: Path, work: Callable[[RemoteStore], None], *, bare: bool = True) -> None:
    """Call a function on the store of a service, in a thread, as handlers do."""

    async def main() -> None:
        endpoint = ServiceWithWriter(configured(data_dir=folder, bare=bare, readers=1))
        await endpoint.start()
        try:
            assert isinstance(endpoint.store, RemoteStore)
            await asyncio.to_thread(work, endpoint.store)
        finally:
            await endpoint.close()

    run(main())


class Local:
    """A remote store over a store of this process: each commit is its own snapshot."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(StoreOptions(folder))
        self.counted: list[str] = []
        description = StoreDescription.read(folder)
        self.remote = RemoteStore(description, lambda: self.store.version, self.store.query, self.commit)
        self._count = self.remote.count
        self.remote.count = self.count  # type: ignore[method-assign]

    def count(self, graph: str | None) -> int:
        """Count a graph, and note it."""
        self.counted.append(str(graph))
        return self._count(graph)

    def commit(self, write: PreparedWrite) -> Outcome:
        return write.commit(self.store)

    def news(self, number: int, *graphs: str, users: bool = False) -> None:
        self.remote.note(News(number, number - 1, graphs, users))


def test_the_description_is_that_of_the_directory(tmp_path: Path) -> None:
    store = Store(StoreOptions(tmp_path, base="http://e/", bare=True))
    found = StoreDescription.read(tmp_path)
    assert (found.names.base, found.bare, found.identity) == ("http://e/", True, store.identity)
    with pytest.raises(errors.StoreUnavailable):
        StoreDescription.read(tmp_path / "none")


def test_each_write_has_its_outcome_and_is_read_at_once(tmp_path: Path) -> None:
    def work(store: RemoteStore) -> None:
        assert store.replace({"urn:g": ONE}) == "created"
        assert store.replace({"urn:g": ONE}) == "unchanged"
        assert store.merge("urn:h", ONE) is True
        assert store.merge("urn:h", TWO) is False
        before = store.version
        store.change({"urn:h": set(ONE)}, {"urn:g": set(TWO)})
        assert store.version == before + 1
        assert (store.triples("urn:h"), set(store.triples("urn:g"))) == (TWO, {*ONE, *TWO})
        store.change({"urn:h": set()}, {})
        assert store.version == before + 1  # nothing to write
        assert store.sizes() == {"urn:g": 2, "urn:h": 1}
        store.clear_default(ONE)
        assert store.triples(None) == ONE
        store.clear_default(None)
        assert store.replace({"urn:h": None}) == "replaced"
        assert store.sizes() == {"urn:g": 2}
        quads = [oxigraph.Quad(t.subject, t.predicate, t.object, oxigraph.NamedNode("urn:i")) for t in ONE]
        assert store.load([*quads, *quads], "urn:j") == 2
        assert store.count("urn:i") == 1

    over(tmp_path, work)


def test_managed_graphs_are_refused_as_by_the_store(tmp_path: Path) -> None:
    KnowledgeGraph.open(configured(data_dir=tmp_path))

    def work(store: RemoteStore) -> None:
        with pytest.raises(errors.Forbidden):
            store.refuse_managed(store.names.article_graph("x"))
        with pytest.raises(errors.Forbidden):
            store.refuse_targets(f"CLEAR GRAPH <{store.names.article_graph('x')}>", store.names.base)
        store.refuse_targets("CLEAR", store.names.base)  # malformed text is left to the update
        store.refuse_targets("CLEAR GRAPH <urn:g>", store.names.base)

    over(tmp_path, work, bare=False)


# ---- sizes and versions


def test_only_what_was_written_is_counted_again(tmp_path: Path) -> None:
    local = Local(tmp_path)
    for graph in ("urn:g", "urn:h"):
        local.store.replace({graph: ONE})
    local.news(local.store.version, "urn:g", "urn:h")
    assert local.remote.sizes() == {"urn:g": 1, "urn:h": 1}
    local.counted.clear()
    assert local.remote.sizes() == {"urn:g": 1, "urn:h": 1}
    assert local.counted == []
    local.store.merge("urn:g", TWO)
    local.news(local.store.version, "urn:g")
    assert local.remote.sizes() == {"urn:g": 2, "urn:h": 1}
    assert local.counted == ["urn:g"]


def test_without_news_everything_may_have_changed(tmp_path: Path) -> None:
    local = Local(tmp_path)
    local.store.replace({"urn:g": ONE})
    local.news(local.store.version, "urn:g")
    assert local.remote.sizes() == {"urn:g": 1}
    local.store.merge("urn:g", TWO)  # its news is on its way
    assert local.remote.sizes() == {"urn:g": 2}
    local.store.update("DELETE DATA { GRAPH <urn:g> { <urn:a> <urn:p> <urn:b> } }")
    local.news(local.store.version, users=True)
    assert local.remote.sizes() == {"urn:g": 1}
    local.store.merge("urn:g", ONE)
    local.remote.note(News(0, 0, None, users=True))  # another writer
    assert local.remote.sizes() == {"urn:g": 2}


def test_when_a_family_of_graphs_was_written(tmp_path: Path) -> None:
    local = Local(tmp_path)
    article = local.store.names.article_graph("x")
    family = local.store.names.family(article)
    local.store.replace({article: ONE})
    first = local.store.version
    local.news(first, article)
    assert local.remote.written(family) == first
    local.store.replace({"urn:g": ONE})
    assert local.remote.written(family) == local.store.version  # unknown, until its news comes
    local.news(local.store.version, "urn:g")
    assert local.remote.written(family) == first


# ---- decisions


def test_decisions_of_threads_and_processes_exclude_each_other(tmp_path: Path) -> None:
    Store(StoreOptions(tmp_path))
    description = StoreDescription.read(tmp_path)
    remotes = [RemoteStore(description, lambda: 1, _never, _never) for _ in range(2)]
    inside, most, lock = [0], [0], threading.Lock()

    def decide(number: int) -> None:
        for _ in range(20):
            with remotes[number % 2].exclusive(), remotes[number % 2].exclusive():  # it can be nested
                with lock:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                os.sched_yield()
                with lock:
                    inside[0] -= 1

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(decide, range(4)))
    assert most == [1]


def test_a_decision_that_waits_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store(StoreOptions(tmp_path))
    store = RemoteStore(StoreDescription.read(tmp_path), lambda: 1, _never, _never)
    monkeypatch.setattr(remote_store, "_LOCK_SECONDS", 0.05)
    other = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    with pytest.raises(errors.Busy), store.exclusive():
        pass
    os.close(other)  # as at the end of the other process
    with store.exclusive():
        pass


def _never(*_: object) -> Any:
    raise AssertionError
