"""Data directories: created, inspected without changes, and placed on a small disk."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from unittest import mock

import pytest

from kg.cli.main import main
from kg.knowledge_graph import KnowledgeGraph
from kg.rdf import oxigraph, oxigraph_queries
from kg.store.store import Store, StoreOptions
from tests.configs import configured
from tests.processes import PYTHON

BASE = "https://news.example/"
_BOOKKEEPING = ("LOG", "LOCK", "MANIFEST", "OPTIONS", "CURRENT")


def seeded(data: Path) -> Path:
    """Make a store with the seed article and one graph of a user's."""
    graph = KnowledgeGraph.open(configured(data_dir=data, base_iri=BASE))
    graph.store.update("INSERT DATA { GRAPH <urn:mine> { <urn:a> <urn:says> [ <urn:b> 'x'@uk, 1.50, 'y' ] } }")
    return data


def plain(data: Path, *names: str) -> Path:
    """Make a small bare store that holds one triple for each name, each in a graph of that name."""
    store = Store(StoreOptions(data, bare=True))
    for name in names:
        store.update(f"INSERT DATA {{ GRAPH <urn:{name}> {{ <urn:s> <urn:p> '{name}' }} }}")
    return data


def broad(data: Path, count: int) -> Path:
    """Make a bare store of that many quads in the default graph and in a named one, so that all indexes are in use."""
    store = Store(StoreOptions(data, bare=True))
    del store
    made = oxigraph.open_store(data / "store")
    graphs = (oxigraph.DefaultGraph(), oxigraph.NamedNode("urn:g"))
    made.extend(
        oxigraph.Quad(
            oxigraph.NamedNode(f"urn:s{number % 97}"),
            oxigraph.NamedNode(f"urn:p{number % 5}"),
            oxigraph.Literal(f"{number} of a text that is long enough not to be kept in the key itself"),
            graphs[number % 2],
        )
        for number in range(count)
    )
    made.flush()
    return data


def quads(data: Path) -> set[oxigraph.Quad]:
    """Read every quad of a store that nobody holds, and change nothing."""
    return set(oxigraph.open_snapshot(data / "store"))


def names(data: Path) -> set[str]:
    """Return the names of the graphs of a store that no process has open."""
    return {graph.value for graph in oxigraph.open_snapshot(data / "store").named_graphs()}


def change(data: Path, update: str) -> None:
    """Change a store directly, bypassing the code that maintains its union graph."""
    store = oxigraph.open_store(data / "store")
    oxigraph_queries.update(store, update)
    store.flush()


def tree(place: Path) -> dict[str, bytes | None]:
    """Return every file below a directory; a directory has no content.

    Files that the engine rewrites whenever it is opened, even without changes, are left out.
    """
    return {
        str(path.relative_to(place)): path.read_bytes() if path.is_file() else None
        for path in sorted(place.rglob("*"))
        if not (path.parent.name == "store" and (path.suffix == ".log" or path.name.startswith(_BOOKKEEPING)))
    }


def kg(*arguments: str | Path, seconds: float = 60, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("KG_")} | {"COLUMNS": "200"} | environ
    command = [*PYTHON, *map(str, arguments)]
    return subprocess.run(command, env=clean, capture_output=True, text=True, timeout=seconds, check=False)


def kg_here(*arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command in this process, which is faster; not for tests that lock another process out."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("KG_")} | {"COLUMNS": "200"} | environ
    command, out, err, code = ["kg", *map(str, arguments)], io.StringIO(), io.StringIO(), 0
    with (
        mock.patch.dict(os.environ, clean, clear=True),
        mock.patch.object(sys, "argv", command),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as exit_:
            code = exit_.code if isinstance(exit_.code, int) else 0
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())


@contextmanager
def small_disk(place: Path, mebibytes: int) -> Iterator[Path]:
    """Mount a disk of a few MiB at ``place``, in memory; skip the test where mounting is not permitted."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0700", "claimgraph-test", str(place)]
    if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("only one who may mount a file system can fill one up")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path, leave: int = 0) -> Path:
    """Fill a disk up to its last ``leave`` bytes, whoever else writes to it, and return the file that does so."""
    filling = place / "filling"
    with filling.open("wb") as stream:
        for _ in range(100):
            left = shutil.disk_usage(place).free - leave
            if left <= 0:
                return filling
            with suppress(OSError):  # another writer filled it first
                os.posix_fallocate(stream.fileno(), os.fstat(stream.fileno()).st_size, left)
    raise AssertionError("others free more than is filled")
