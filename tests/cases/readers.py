"""Stores on disk with their snapshots, and expensive queries for the readers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from kg.config import QuerySettings
from kg.processes.readers import reader_process
from kg.processes.readers.reader_connection import Gone
from kg.processes.readers.reader_pool import ReaderPool
from kg.rdf import oxigraph
from kg.rdf.query_request_and_result import QueryDataset, ResultFormats
from kg.store.store import Store, StoreOptions

SIZE = 1000
"""Statements in the default graph of :func:`made`."""
RUNAWAY = (
    "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l FILTER(?a != ?d && ?f != ?i && ?j != ?g) }"
)
"""10^12 rows: it never ends by itself."""
HUNGRY = "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } ORDER BY ?a ?f ?i"
"""10^9 rows to be sorted: it needs more memory than there is."""
LARGE = f"SELECT (CONCAT(STR(?a), '{'x' * 3000}') AS ?x) {{ ?a ?b ?c . ?d ?e ?f }}"
"""3 GB: the result alone exceeds the memory limit."""
COUNT = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"
CSV = ResultFormats(solutions="text/csv")
COUNTED = f"n\r\n{SIZE}\r\n".encode()
MEMORY = 256 << 20
PATIENCE = 60.0
"""Timeout of a test in seconds, far above the normal duration."""


def made(directory: Path, size: int = SIZE) -> Store:
    """Make a bare store with some statements."""
    store = Store(StoreOptions(directory, bare=True))
    triples = [
        oxigraph.Triple(oxigraph.NamedNode(f"urn:s{n}"), oxigraph.NamedNode("urn:p"), oxigraph.Literal(n))
        for n in range(size)
    ]
    store.merge(None, triples)
    return store


def snapshot(directory: Path, size: int = SIZE) -> Path:
    """Make a snapshot of such a store."""
    path = directory / "snapshot"
    made(directory / "data", size).checkpoint(path)
    return path


def asked(path: Path, text: str, choice: ResultFormats = CSV) -> bytes:
    """Write the message of a query."""
    return reader_process.query_message(path, text, choice, QueryDataset())


async def ask(
    pool: ReaderPool, text: str, client: str = "somebody", timeout: float = PATIENCE, gone: Gone | None = None
) -> bytes:
    """Run a query on the snapshot that the pool serves."""
    return (await pool.run(asked(pool.snapshot, text), client, timeout, gone)).content


@asynccontextmanager
async def reading(path: Path, **settings: Any) -> AsyncIterator[ReaderPool]:
    """Run a pool of readers over a snapshot."""
    pool = ReaderPool(QuerySettings(**({"readers": 2, "max_memory": MEMORY} | settings)))
    await pool.start(path)
    try:
        yield pool
    finally:
        await pool.close()


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a test on its own event loop, which reports coroutines that were never awaited."""

    async def bounded() -> None:
        told: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        await asyncio.wait_for(main, 3 * PATIENCE)
        assert not told, told

    asyncio.run(bounded())


async def until(true: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds; fail on timeout."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while not true():
        assert loop.time() - begun < PATIENCE, what
        await asyncio.sleep(0.01)
