"""``kg backup``, ``kg restore`` and ``kg doctor``: maintenance of a whole data directory."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from kg.cli.tables_and_trees import shown
from kg.config import from_environment
from kg.maintenance import backup, backup_archive, doctor, restore

Data = Annotated[Path | None, typer.Option("--data", help="Directory of the store (KG_DATA_DIR).")]

_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red"}


@contextmanager
def _progress(description: str) -> Iterator[backup_archive.Progress]:
    """Show a progress bar in bytes on standard error; a total of 0 means that the size is unknown."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(description, total=None)
        yield lambda done, total: progress.update(task, advance=done, total=total or None)


def backup_(
    file: Annotated[Path, typer.Argument(help="File to write; it appears under this name once it is complete.")],
    data: Data = None,
    url: Annotated[
        str | None, typer.Option("--url", help="Back up the server at this URL, with the token in KG_TOKEN.")
    ] = None,
    without_tokens: Annotated[bool, typer.Option("--without-tokens", help="Leave out the hashes of tokens.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file of that name.")] = False,
) -> None:
    """Back up the whole store to one file, even while a server uses it."""
    config = from_environment().with_options(data_dir=data)
    place = config.store.data_dir
    with _progress(file.name) as progress:
        if url is None:
            backup.backup(place, file, tokens=not without_tokens, overwrite=overwrite, progress=progress)
        else:
            source = backup.BackupServer(url, config.access.token, tokens=not without_tokens)
            backup.download(source, file, overwrite=overwrite, progress=progress)
    with file.open("rb") as stream:
        summary = backup_archive.ArchiveReader(stream, file.name).summary
    typer.echo(f"{file}: {_described(summary)}, {file.stat().st_size} bytes")


def restore_(
    file: Annotated[Path, typer.Argument(help="Backup file, written by `kg backup`.")],
    data: Data = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the existing store.")] = False,
) -> None:
    """Verify a backup completely, then restore it to a data directory."""
    target = from_environment().with_options(data_dir=data).store.data_dir
    with _progress(file.name) as progress:
        summary = restore.restore(file, target, replace=replace, progress=progress)
    typer.echo(f"{target}: {_described(summary)}, as of {summary.made}")


def _described(summary: backup_archive.BackupSummary) -> str:
    return f"{summary.quads} quads in {summary.graphs} named graphs under {summary.base}"


def doctor_(
    data: Data = None,
    full: Annotated[
        bool, typer.Option("--full", help="Also read every statement and check every article with the gate.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check the data directory, the store and the system; exit with code 1 if a check fails."""
    findings = doctor.diagnose(doctor.installation(data, os.environ, full=full))
    sound = all(finding.verdict != "failed" for finding in findings)
    if as_json:
        result = {"ok": sound, "findings": [finding.to_json() for finding in findings]}
        typer.echo(json.dumps(result, ensure_ascii=False, indent=1))
    else:
        shown(Console(), _table(findings))
    raise typer.Exit(0 if sound else 1)


def _table(findings: list[doctor.Finding]) -> Table:
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    for column in ("", "check", "what", "remedy"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        colour = _COLOURS[finding.verdict]
        table.add_row(f"[{colour}]{finding.verdict}[/]", finding.check, escape(finding.what), escape(finding.remedy))
    return table
