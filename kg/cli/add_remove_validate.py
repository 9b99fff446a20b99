"""``kg add``, ``kg remove``, ``kg validate`` and ``kg schema``: claims documents and article graphs."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from kg.articles.article_repository import Ingested
from kg.cli import tables_and_trees
from kg.cli.options_and_store_opening import (
    Data,
    Lang,
    Language,
    configuration,
    naming,
    open_graph,
    read_file,
    read_graph,
)
from kg.config import from_environment
from kg.document import document_model
from kg.errors import Busy
from kg.gate.validation_report import Rejected, ValidationReport
from kg.knowledge_graph import KnowledgeGraph, WholeGraph
from kg.rdf.media_types import media_type_of

_ATTEMPTS = 3
"""Attempts to store a document in a running server while other clients write."""


class ReportFormat(StrEnum):
    """Output formats of `kg validate`."""

    table = "table"
    json = "json"
    turtle = "turtle"


def add(
    files: Annotated[list[Path], typer.Argument(help="Claims documents (JSON); - reads standard input.")],
    data: Data = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check only; store nothing.")] = False,
    lang: Language = Lang.en,
) -> None:
    """Check claims documents and store those that pass."""
    # a dry run works in memory: it neither creates the data directory nor needs its lock
    graph = KnowledgeGraph.open(configuration(data), in_memory=True, seed=False) if dry_run else open_graph(data)
    out = Console(highlight=False)
    failed = False
    for file in files:
        with naming(file):
            report, outcome = _add(graph, read_file(file), dry_run=dry_run)
        failed = failed or not report.conforms
        typer.echo(f"{file}: {outcome} ({tables_and_trees.counts(report)})")
        if not report.conforms:
            tables_and_trees.shown(out, tables_and_trees.report(report, "", lang))
    raise typer.Exit(1 if failed else 0)


def _add(graph: WholeGraph, content: bytes, *, dry_run: bool) -> tuple[ValidationReport, str]:
    """Store or only check one document; return its report and the outcome as a word or phrase."""
    if dry_run:
        report = graph.articles.check_document(content)
        return report, "would be stored" if report.conforms else "would be refused"
    try:
        ingested = _stored(graph, content)
    except Rejected as error:
        return error.report, "refused"
    return ingested.report, ingested.outcome


def _stored(graph: WholeGraph, content: bytes) -> Ingested:
    """Store one document; check it again if another client of a running server has changed what the check has read."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(Busy):
            return graph.articles.add(content)
    return graph.articles.add(content)


def remove(
    article: Annotated[str, typer.Argument(help="Id of the article.")],
    data: Data = None,
) -> None:
    """Remove an article and the statements inferred from it."""
    read_graph(data).articles.remove(article)
    typer.echo(f"{article}: removed")


def validate(
    files: Annotated[list[Path], typer.Argument(help="Claims documents (.json) or article graphs (RDF).")],
    form: Annotated[
        ReportFormat, typer.Option("--format", help="Format of the report; turtle is a SHACL validation report.")
    ] = ReportFormat.table,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Directory of a store; entities are compared with those of its articles."),
    ] = None,
    lang: Language = Lang.en,
) -> None:
    """Check files against every constraint; nothing is stored."""
    alone = data is None
    graph = KnowledgeGraph.open(from_environment(), in_memory=True, seed=False) if alone else read_graph(data)
    failed = False
    for file in files:
        with naming(file):
            report = _validate(graph, file)
        failed = failed or not report.conforms
        if form is ReportFormat.json:
            typer.echo(json.dumps(report.to_json(), ensure_ascii=False, indent=1))
        elif form is ReportFormat.turtle:
            typer.echo(report.to_rdf("text/turtle").decode())
        else:
            _print_table(report, file, lang)
    raise typer.Exit(1 if failed else 0)


def _print_table(report: ValidationReport, file: Path, lang: Lang) -> None:
    verdict = "conforms" if report.conforms else "does not conform"
    if report.results:
        tables_and_trees.shown(Console(), tables_and_trees.report(report, "", lang))
    typer.echo(f"{file.name}: {verdict} ({tables_and_trees.counts(report)})")


def _validate(graph: WholeGraph, file: Path) -> ValidationReport:
    """Check a file: as a claims document if it is JSON or standard input, else as RDF of its suffix."""
    content = read_file(file)
    if file.suffix == ".json" or str(file) == "-":
        return graph.articles.check_document(content)
    media_type = media_type_of(file.name)
    return graph.articles.check_graph(gzip.decompress(content) if file.suffix == ".gz" else content, media_type)


def schema() -> None:
    """Print the JSON Schema of claims documents."""
    typer.echo(json.dumps(document_model.json_schema(), ensure_ascii=False, indent=1))
