"""``kg backup``, ``kg restore`` and ``kg doctor``: what is done to a data directory as a whole."""

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

from kg.cli.terminal_output import shown
from kg.config import from_environment
from kg.maintenance import backup, backup_archive, doctor, restore

Data = Annotated[Path | None, typer.Option("--data", help="Directory of the store (KG_DATA_DIR).")]

_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red"}


@contextmanager
def _progress(what: str) -> Iterator[backup_archive.Progress]:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, advance=done, total=total or None)


def backup_(
    file: Annotated[Path, typer.Argument(help="File to write; it appears under its name once it is whole.")],
    data: Data = None,
    url: Annotated[
        str | None, typer.Option("--url", help="Take it from the server at this address, with the token of KG_TOKEN.")
    ] = None,
    without_tokens: Annotated[bool, typer.Option("--without-tokens", help="Leave the hashes of tokens out.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file of that name.")] = False,
) -> None:
    """Write the whole store into one file, while it is served or not."""
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
    typer.echo(f"{file}: {_told(summary)}, {file.stat().st_size} bytes")


def restore_(
    file: Annotated[Path, typer.Argument(help="A file that `kg backup` has written.")],
    data: Data = None,
    replace: Annotated[bool, typer.Option("--replace", help="Take the place of the store that is there.")] = False,
) -> None:
    """Check a backup to the last byte, then make a data directory of it."""
    target = from_environment().with_options(data_dir=data).store.data_dir
    with _progress(file.name) as progress:
        summary = restore.restore(file, target, replace=replace, progress=progress)
    typer.echo(f"{target}: {_told(summary)}, as of {summary.made}")


def _told(summary: backup_archive.BackupSummary) -> str:
    return f"{summary.quads} quads in {summary.graphs} named graphs under {summary.base}"


def doctor_(
    data: Data = None,
    full: Annotated[
        bool, typer.Option("--full", help="Read every statement and pass every article through the gate again.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check the data directory, the store and the system; exit code 1 if something needs to be mended."""
    findings = doctor.diagnose(doctor.installation(data, os.environ, full=full))
    sound = all(finding.verdict != "failed" for finding in findings)
    if as_json:
        answer = {"ok": sound, "findings": [finding.to_json() for finding in findings]}
        typer.echo(json.dumps(answer, ensure_ascii=False, indent=1))
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
