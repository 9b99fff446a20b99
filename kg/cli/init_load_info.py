"""``kg load`` and ``kg info``: bulk loading of RDF files, and a summary of the store."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TransferSpeedColumn

from kg.cli import interruptible_work
from kg.cli.options_and_store_opening import Data, naming, open_graph, read_graph
from kg.errors import BadInput
from kg.knowledge_graph import KnowledgeGraph
from kg.rdf import oxigraph
from kg.rdf.literal_limits import REMEDY, OutOfRangeCount
from kg.rdf.media_types import media_type_of

_FOREIGN = {
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}
"""Beginnings of files that are compressed in a way that is not unpacked here."""


def load(
    files: Annotated[list[Path], typer.Argument(help="RDF files in any syntax, optionally gzipped.")],
    data: Data = None,
    graph: Annotated[
        str | None,
        typer.Option("--graph", help="IRI of the graph for triples without one; default: {base}graph/default."),
    ] = None,
    base: Annotated[
        str | None, typer.Option("--base", help="IRI for relative IRIs; default: the file: IRI of each file.")
    ] = None,
) -> None:
    """Load RDF files in bulk into your own graphs; repeat an interrupted load to resume it."""
    opened = open_graph(data, bare=True)
    home = _iri(graph or opened.names.default_graph, "the graph")
    if base is not None:
        _iri(base, "the base")
    opened.store.refuse_managed(home)
    for file in files:
        media_type = media_type_of(file.name)
        with naming(file), _progress(file) as stream:
            beyond = OutOfRangeCount()
            quads = beyond.counted(oxigraph.parse(stream, media_type, base or file.resolve().as_uri()))
            count = opened.store.load(quads, home)
        typer.echo(f"{file.name}: {count} statements")
        if beyond.count:
            typer.echo(
                f"warning: {file.name}: {beyond.count} values are out of the range that the store computes with, the "
                f"first is {beyond.first}. Comparisons, sums and ORDER BY leave them out. {REMEDY}",
                err=True,
            )
    opened.store.compact()


def _iri(text: str, what: str) -> str:
    """Check that an option is an absolute IRI, and return it.

    Raises:
        BadInput: it is not.
    """
    if not oxigraph.is_iri(text):
        raise BadInput(f"“{text}” is not an IRI.", remedy=f"Name {what} by an absolute IRI.")
    return text


@contextmanager
def _progress(file: Path) -> Iterator[oxigraph.Stream]:
    """Open a file, unpack gzip, and show a progress bar on standard error while it is read.

    Raises:
        BadInput: the file cannot be read, or its gzip data is truncated or damaged.
    """
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        try:
            with progress.open(file, "rb", description=file.name) as raw:
                yield _unpacked(cast(oxigraph.Stream, raw))
        except (OSError, EOFError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise BadInput(f"The file cannot be read to the end: {reason}.", remedy="Check the file.") from None


def _unpacked(raw: oxigraph.Stream) -> oxigraph.Stream:
    """Return the content of a file, unpacked if it begins as gzip does, whatever its name.

    Raises:
        BadInput: it is compressed in another way.
    """
    buffered = io.BufferedReader(cast(io.RawIOBase, raw))
    start = buffered.peek(6)
    if start.startswith(b"\x1f\x8b"):
        return cast(oxigraph.Stream, gzip.open(buffered))
    for magic, name in _FOREIGN.items():
        if start.startswith(magic):
            raise BadInput(f"The file is compressed with {name}.", remedy="Unpack it, or compress it with gzip.")
    return cast(oxigraph.Stream, buffered)


def init(data: Data = None) -> None:
    """Create a store with the vocabulary and the seed article; an existing one stays as it is."""
    graph = open_graph(data)
    typer.echo(f"base IRI    {graph.names.base}\narticles    {len(graph.articles.entries())}")


def info(data: Data = None) -> None:
    """Show the base IRI, size, graphs and articles of the store."""
    graph = read_graph(data, bare=True)
    if isinstance(graph, KnowledgeGraph):  # a server has checked its store when it started
        graph.store.check_readable()
    total, sizes = interruptible_work.run(graph.store, lambda: (len(graph.store), graph.store.sizes()))
    typer.echo(f"base IRI    {graph.names.base}")
    typer.echo(f"statements  {total}")
    typer.echo("graphs")
    for name, size in sizes.items():
        typer.echo(f"  {size:>8}  {name}")
    typer.echo("articles")
    for entry in graph.articles.entries():
        label = entry.label.get("en") or next(iter(entry.label.values()), "")
        typer.echo(f"  {entry.claims:>8} claims  {entry.identifier}  {label}")
