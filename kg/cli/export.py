"""``kg export``: articles as RDF, claims documents, tables, a map, a timeline, a calendar or a network."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from kg.articles.article_repository import Articles
from kg.cli.options_and_store_opening import Data, Spreadsheet, read_graph
from kg.errors import BadInput
from kg.export import article_rdf_export, parquet_and_duckdb_files, table_files
from kg.export.geojson import GeoJsonWriter
from kg.export.graphml import GraphMLWriter
from kg.export.table_rows import TableReader
from kg.export.timeline_and_icalendar import TimelineWriter
from kg.files import atomic_output

Step = Callable[[], None]


class ExportFormat(StrEnum):
    """Output formats: RDF and claims documents, tables, and visualisations of situations."""

    turtle = "turtle"
    trig = "trig"
    nquads = "nquads"
    jsonld = "jsonld"
    nanopub = "nanopub"
    claims = "claims"
    csv = "csv"
    parquet = "parquet"
    duckdb = "duckdb"
    geojson = "geojson"
    ical = "ical"
    timeline = "timeline"
    graphml = "graphml"


_TABLES = frozenset(map(str, table_files.TableFileFormat))
_RDF = frozenset(map(str, article_rdf_export.RdfExportFormat))


@dataclass(frozen=True)
class ExportRequest:
    """Options of one export.

    Attributes:
        form: output format.
        article: id of the only article to export; ``None`` exports all.
        out: file or folder to write; ``None`` prints to standard output.
        inferred: include the inferred statements.
        force: replace an existing file or folder.
        spreadsheet: escape what a spreadsheet program would run as a formula (CSV only).
    """

    form: ExportFormat
    article: str | None
    out: Path | None
    inferred: bool
    force: bool
    spreadsheet: bool = False

    def check(self) -> None:
        """Check the options before the store is opened.

        Raises:
            BadInput: incompatible options, or a missing library.
        """
        if self.inferred and self.form not in _RDF:
            raise BadInput("--inferred is for RDF formats.", remedy="Leave it out, or choose another --format.")
        if self.spreadsheet and self.form is not ExportFormat.csv:
            raise BadInput("--spreadsheet is for CSV.", remedy="Leave it out, or choose --format csv.")
        if self.form in _TABLES and self.out is None:
            raise BadInput("Tables cannot be printed.", remedy="Name a new folder (csv, parquet) or file with --out.")
        if self.form in (ExportFormat.parquet, ExportFormat.duckdb):
            parquet_and_duckdb_files.require()


def _run(articles: Articles, request: ExportRequest) -> None:
    """Write the export; a file or folder appears complete, or not at all.

    Raises:
        NotFound: the article does not exist.
        BadInput: the target cannot be written.
        StorageFull: the disk has no space left.
    """
    if request.form in _RDF:
        content = article_rdf_export.export(
            articles, article_rdf_export.RdfExportFormat(request.form), request.article, inferred=request.inferred
        )
        text = content.decode()
        _write([text if request.out else text.rstrip("\n") + "\n"], request)
        return
    reader = TableReader(articles, request.article)
    if request.form in _TABLES:
        _tables(reader, request)
    else:
        _OTHERS[request.form](reader, request)


def _tables(reader: TableReader, request: ExportRequest) -> None:
    """Write the tables and print the number of rows of each."""
    form, target = table_files.TableFileFormat(request.form), request.out
    assert target is not None
    with (
        atomic_output.appearing(target, overwrite=request.force, members=table_files.members(form)) as part,
        _progress(table_files.steps(form, len(reader.articles))) as step,
    ):
        counts = table_files.write(reader, form, part, step, spreadsheet=request.spreadsheet)
    typer.echo(f"{target}: " + ", ".join(f"{count} {name}" for name, count in counts.items()))


def _geojson(reader: TableReader, request: ExportRequest) -> None:
    found = GeoJsonWriter(reader)
    _stream(reader, found.pieces(), request)
    _note(f"{found.features} features, each a situation at a place; {found.unlocated} of them without a point.")


def _ical(reader: TableReader, request: ExportRequest) -> None:
    found = TimelineWriter(reader)
    _stream(reader, found.calendar(), request)
    left = f"left out: {found.inexact} whose date is not a single day, {found.undated} without a date"
    _note(f"{found.written} situations with a day; {left}.")


def _timeline(reader: TableReader, request: ExportRequest) -> None:
    found = TimelineWriter(reader)
    _stream(reader, found.json(), request)
    _note(f"{found.written} situations with a date; left out: {found.undated} without one.")


def _graphml(reader: TableReader, request: ExportRequest) -> None:
    found = GraphMLWriter(reader)
    _stream(reader, found.pieces(), request)
    _note(f"{found.nodes} nodes, {found.edges} edges.")


_OTHERS = {
    ExportFormat.geojson: _geojson,
    ExportFormat.ical: _ical,
    ExportFormat.timeline: _timeline,
    ExportFormat.graphml: _graphml,
}


def _stream(reader: TableReader, pieces: Iterable[str], request: ExportRequest) -> None:
    """Write the pieces as they come, with a progress bar that counts them against the articles."""
    with _progress(len(reader.articles)) as step:

        def counted() -> Iterator[str]:
            for piece in pieces:
                yield piece
                step()

        _write(counted(), request)


def _write(pieces: Iterable[str], request: ExportRequest) -> None:
    """Write text as UTF-8 to the file, or to standard output."""
    if request.out is None:
        for piece in pieces:
            sys.stdout.buffer.write(piece.encode())
        sys.stdout.buffer.flush()
        return
    with atomic_output.appearing(request.out, overwrite=request.force) as part, part.open("wb") as file:
        for piece in pieces:
            file.write(piece.encode())


def _note(message: str) -> None:
    typer.echo(message, err=True)  # standard output may carry the export itself


@contextmanager
def _progress(steps: int) -> Iterator[Step]:
    """Show a progress bar on standard error; yield the function that advances it by one step."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("export", total=steps)
        yield lambda: progress.advance(task)


def export_(
    article: Annotated[str | None, typer.Argument(help="Id of the article to export; default: all articles.")] = None,
    data: Data = None,
    form: Annotated[ExportFormat, typer.Option("--format", help="Output format.")] = ExportFormat.trig,
    inferred: Annotated[
        bool, typer.Option("--inferred", help="Include inferred statements (RDF formats only).")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", "--output", "-o", help="File, or folder for csv and parquet; default: standard output."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file or folder of that name.")] = False,
    spreadsheet: Spreadsheet = False,
) -> None:
    """Export articles as RDF, tables (csv, parquet, duckdb), a map, a timeline, a calendar or a network."""
    request = ExportRequest(form, article, out, inferred, force, spreadsheet)
    request.check()
    _run(read_graph(data).articles, request)
