"""``kg load`` and ``kg info``: bulk loading of RDF files, and a summary of the store."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TransferSpeedColumn

from kg.cli.options import Data, naming, open_graph
from kg.errors import BadInput
from kg.rdf import oxigraph
from kg.rdf.media_types import media_type_of


def load(
    files: Annotated[list[Path], typer.Argument(help="RDF files in any syntax, optionally gzipped.")],
    data: Data = None,
    graph: Annotated[
        str | None,
        typer.Option("--graph", help="IRI of the graph for triples without one; default: {base}graph/default."),
    ] = None,
) -> None:
    """Load RDF files in bulk into your own graphs; repeat an interrupted load to resume it."""
    opened = open_graph(data, bare=True)
    home = graph or opened.names.default_graph
    if not oxigraph.is_iri(home):
        raise BadInput(f"“{home}” is not an IRI.", remedy="Name the graph by an absolute IRI.")
    opened.store.refuse_managed(home)
    for file in files:
        media_type = media_type_of(file.name)
        with naming(file), _progress(file) as stream:
            count = opened.store.load(oxigraph.parse(stream, media_type, file.resolve().as_uri()), home)
        typer.echo(f"{file.name}: {count} statements")


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
                if file.suffix == ".gz":
                    with gzip.open(raw) as unpacked:
                        yield cast(oxigraph.Stream, unpacked)
                else:
                    yield raw
        except (OSError, EOFError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise BadInput(f"The file cannot be read to the end: {reason}.", remedy="Check the file.") from None


def info(data: Data = None) -> None:
    """Show the base IRI, size, graphs and articles of the store."""
    graph = open_graph(data, bare=True)
    typer.echo(f"base IRI    {graph.names.base}")
    typer.echo(f"statements  {len(graph.store)}")
    typer.echo("graphs")
    for name in graph.store.graphs():
        typer.echo(f"  {graph.store.count(name):>8}  {name}")
    typer.echo("articles")
    for entry in graph.articles.entries():
        label = entry.label.get("en") or next(iter(entry.label.values()), "")
        typer.echo(f"  {entry.claims:>8} claims  {entry.identifier}  {label}")
