"""Tasks of readers: a result or an error for each, on the graphs of the sender, and ended at its limits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kg import errors
from kg.iris import CG
from kg.knowledge_graph import KnowledgeGraph
from kg.processes import validation_and_write_preparation
from kg.processes.query_and_write_service import QueryCaller
from kg.processes.validation_and_write_preparation import Task, TaskResult
from kg.rdf import oxigraph
from kg.rdf.query_request_and_result import QueryDataset
from kg.store.prepared_writes_and_conflicts import GraphContent, PreparedWrite, WriteRecorder
from kg.store.store import Store, StoreOptions
from tests.cases.documents import Content
from tests.cases.readers import COUNT, CSV, run, until
from tests.configs import configured
from tests.writers import ServiceWithWriter

CHECK = {"media_type": "text/turtle", "report_type": "application/json"}
CALLER = QueryCaller("somebody")


def checked(text: str | bytes, **arguments: str) -> Task:
    data = text if isinstance(text, bytes) else text.encode()
    return Task("check", {**CHECK, **arguments}, data)


# ---- results


@pytest.mark.parametrize("prepared", [None, PreparedWrite("replace", (GraphContent("urn:g", b"\0\xff"),), 3)])
def test_a_result_arrives_as_it_was(prepared: PreparedWrite | None) -> None:
    found = TaskResult({"text": "ї", "list": [1]}, b"\0\xff" * 10, prepared)
    assert TaskResult.unpack(found.pack()) == found


def test_an_error_is_a_result_too(tmp_path: Path) -> None:
    store = Store(StoreOptions(tmp_path / "data", bare=True))
    store.checkpoint(tmp_path / "snapshot")
    engine = oxigraph.open_snapshot(tmp_path / "snapshot")
    recorder = WriteRecorder(engine, store.names, 1, bare=True)
    task = Task("replace graph", {"graph": "urn:g", "parts": [("text/turtle", 5)]}, b"<urn:")
    with pytest.raises(errors.MalformedText) as caught:
        TaskResult.unpack(validation_and_write_preparation.run_packed(task, recorder))
    assert caught.value.line == 1
    good = replace(task, data=b"", arguments={"graph": "urn:g", "parts": []})
    found = TaskResult.unpack(validation_and_write_preparation.run_packed(good, recorder))
    assert found.prepared == recorder.prepared and found.prepared is not None


@pytest.mark.parametrize(
    ("text", "update", "calls"),
    [
        ("SELECT * { SERVICE <urn:s> { ?s ?p ?o } }", False, True),
        ("SELECT * { ?service ?p 'service' }", False, False),
        ("LOAD <urn:s>", True, True),
        ("INSERT DATA { <urn:load> <urn:p> 'service' }", True, False),
    ],
)
def test_calls_of_other_servers_are_found(text: str, update: bool, calls: bool) -> None:
    task = Task("has calls", {"base": "http://e/", "prefixes": None, "update": update}, text.encode())
    assert validation_and_write_preparation.run(task, Store(StoreOptions())).values == {"calls": calls}


def test_parts_of_several_formats_become_one_graph() -> None:
    store = Store(StoreOptions(bare=True))
    parts = [(b"<urn:a> <urn:p> 1 .", "text/turtle"), (b'<urn:a> <urn:p> "x" .\n', "application/n-triples")]
    arguments = {"graph": "urn:g", "parts": [(kind, len(data)) for data, kind in parts]}
    task = Task("merge graph", arguments, b"".join(data for data, _ in parts))
    assert validation_and_write_preparation.run(task, store).values == {"outcome": "created"}
    assert store.count("urn:g") == 2
    quads = b"<urn:a> <urn:p> <urn:b> <urn:h> ."
    other = {"graph": "urn:g", "parts": [("application/n-quads", len(quads))]}
    with pytest.raises(errors.MalformedText, match="urn:h"):
        validation_and_write_preparation.run(Task("merge graph", other, quads), store)


def test_a_limited_sender_writes_only_its_graphs() -> None:
    store = Store(StoreOptions(bare=True))
    task = Task("replace graph", {"graph": "urn:other", "parts": []}, b"", limit=("urn:mine/*",))
    with pytest.raises(errors.Forbidden):
        validation_and_write_preparation.run(task, store)
    validation_and_write_preparation.run(replace(task, arguments={"graph": "urn:mine/1", "parts": []}), store)


# ---- documents that explode


@asynccontextmanager
async def serving(folder: Path, **settings: Any) -> AsyncIterator[ServiceWithWriter]:
    endpoint = ServiceWithWriter(configured(data_dir=folder, readers=2, **settings))
    await endpoint.start()
    try:
        yield endpoint
    finally:
        await endpoint.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of the seed article."""
    found = tmp_path_factory.mktemp("tasks")
    KnowledgeGraph.open(configured(data_dir=found))
    return found


def chain(length: int) -> str:
    """An article graph whose claims affirm each other, which the closure of affirms multiplies."""
    claims = (f"<http://x/s{n}> a cg:Claim ; cg:affirms <http://x/s{n + 1}> ." for n in range(length))
    return f"@prefix cg: <{CG}> . <http://x/a> a cg:Article .\n" + "\n".join(claims)


def nested(depth: int) -> bytes:
    """RDF/XML whose nodes contain each other."""
    start = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://e/">'
    return (start + "<rdf:Description><e:p>" * depth + "</e:p></rdf:Description>" * depth + "</rdf:RDF>").encode()


async def others_go_on(endpoint: ServiceWithWriter, task: Task) -> None:
    """Run two tasks that explode: meanwhile another client queries and writes, and both end with a clear error."""
    assert endpoint.tasks
    tasks = endpoint.tasks
    exploding = [asyncio.create_task(endpoint.task(task, QueryCaller(f"attacker {n}"))) for n in range(3)]
    await until(lambda: tasks.busy > 0, "one runs")
    assert (await endpoint.query(COUNT, CSV, caller=CALLER)).content
    await endpoint.update("INSERT DATA { GRAPH <urn:g> { <urn:a> <urn:p> 1 } }", QueryDataset())
    data = b"<urn:a> <urn:p> 1 ."
    write = Task("merge graph", {"graph": "urn:g", "parts": [("text/turtle", len(data))]}, data)
    await endpoint.write(write, CALLER)
    # Not before the write: a reader for tasks is left to writes, however many validations wait.
    assert not any(one.done() for one in exploding)
    for found in await asyncio.gather(*exploding, return_exceptions=True):
        assert isinstance(found, errors.TimedOut | errors.Busy | errors.ReaderLost), found


def test_a_closure_that_explodes_holds_up_nobody(folder: Path) -> None:
    async def main() -> None:
        async with serving(folder, timeout=6) as endpoint:
            await others_go_on(endpoint, checked(chain(5000)))

    run(main())


def test_a_task_is_ended_when_its_client_disconnects(folder: Path) -> None:
    async def main() -> None:
        async with serving(folder, timeout=60) as endpoint:
            assert endpoint.tasks
            tasks, gone = endpoint.tasks, asyncio.Event()
            caller = QueryCaller("somebody", gone=gone.wait)
            running = asyncio.create_task(endpoint.task(checked(chain(5000)), caller))
            await until(lambda: tasks.busy > 0, "it runs")
            gone.set()
            with pytest.raises(errors.TimedOut, match="disconnected"):
                await running
            assert tasks.counts.kills == {"disconnect": 1}
            small = checked(f"<http://x/a> a <{CG}Article> .")
            assert (await endpoint.task(small, CALLER)).content

    run(main())


def test_rdf_xml_that_is_nested_too_deeply_is_refused(folder: Path) -> None:
    async def main() -> None:
        async with serving(folder, timeout=20) as endpoint:
            task = checked(nested(20_000), media_type="application/rdf+xml")
            with pytest.raises((errors.TooLarge, errors.MalformedText, errors.TimedOut)):
                await endpoint.task(task, CALLER)

    run(main())


def test_a_quote_that_is_not_in_a_long_text_holds_up_nobody(folder: Path) -> None:
    """The most similar passage is looked for, which takes long; it ends with a report, or at the limit."""
    content = Content()
    article = content.data["article"]
    article["text"] += " lorem ipsum" * 13_000
    del article["sha256"]
    content.data["claims"][0]["quotes"][0]["exact"] = "ipsum dolor " * 500
    document = json.dumps(content.data).encode()

    async def main() -> None:
        async with serving(folder, timeout=3) as endpoint:
            assert endpoint.tasks
            tasks = endpoint.tasks
            task = replace(checked(document), arguments={**CHECK, "media_type": "application/json"})
            running = asyncio.create_task(endpoint.task(task, CALLER))
            await until(lambda: tasks.busy > 0, "it runs")
            assert (await endpoint.query(COUNT, CSV, caller=CALLER)).content
            await endpoint.update("INSERT DATA { GRAPH <urn:g> { <urn:a> <urn:p> 2 } }", QueryDataset())
            try:
                assert json.loads((await running).content)["conforms"] is False
            except errors.TimedOut as error:
                assert "time limit" in error.message  # noqa: PT017 - either outcome is right

    run(main())


def test_a_report_is_shortened(folder: Path) -> None:
    async def main() -> None:
        async with serving(folder) as endpoint:
            text = f"@prefix cg: <{CG}> . <http://x/a> a cg:Article .\n" + "\n".join(
                f"<http://x/c{n}> a cg:Claim ." for n in range(1500)
            )
            found = json.loads((await endpoint.task(checked(text), CALLER)).content)
            assert len(found["results"]) == 1000
            assert found["omitted"] > 0
            assert sum(found["counts"].values()) == 1000

    run(main())
