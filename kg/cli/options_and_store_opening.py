"""Options and helpers shared by several commands: the store to open, the language, files to read."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from kg.config import Config, from_environment
from kg.errors import BadInput, ClaimgraphError, NotFound, StoreInUse
from kg.knowledge_graph import KnowledgeGraph, WholeGraph
from kg.processes import unix_socket_store
from kg.sparql.checked_query_evaluation import NestingLimits
from kg.store.directory_metadata import FILE as META
from kg.store.interrupted_restore_check import left_over

Data = Annotated[Path | None, typer.Option("--data", help="Directory of the store (KG_DATA_DIR).")]

Spreadsheet = Annotated[
    bool, typer.Option("--spreadsheet", help="Escape cells of CSV that a spreadsheet program would run as formulas.")
]


class Lang(StrEnum):
    """Languages of labels and messages."""

    en = "en"
    uk = "uk"


Language = Annotated[Lang, typer.Option("--lang", help="Language of labels and messages.")]


def configuration(data: Path | None) -> Config:
    """Return the settings of the environment, with ``data`` as the data directory if it is set."""
    return from_environment().with_options(data_dir=data)


def read_graph(data: Path | None, *, bare: bool = False) -> WholeGraph:
    """Open an existing store, or the one of a running server, as :func:`open_graph` does.

    Raises:
        NotFound: there is no store.
        BadInput: the store is bare, and the command needs articles.
    """
    directory = configuration(data).store.data_dir
    if not (directory / META).exists() and not left_over(directory):
        raise NotFound(
            f"There is no store in {directory}.",
            remedy="Create one with `kg init` or `kg add`, or name its directory with --data or KG_DATA_DIR.",
        )
    return open_graph(data, bare=bare)


def open_graph(data: Path | None, *, bare: bool = False) -> WholeGraph:
    """Open the store, or that of the server that runs on it; print a line to standard error if it was created.

    Args:
        data: directory of the store; ``None`` means the one of the environment.
        bare: allow a bare store; commands that need articles do not.

    Raises:
        BadInput: the store is bare, and the command needs articles.
        StoreInUse: another command has it open.
    """
    config = configuration(data)
    if config.store.bare and not bare:
        raise BadInput("A bare store holds no articles.", remedy="Unset KG_BARE, or use kg query, kg load or kg serve.")
    created = not (config.store.data_dir / META).exists()
    try:
        graph: WholeGraph = KnowledgeGraph.open(config)
    except StoreInUse:
        limits = NestingLimits(config.queries.max_nesting, config.queries.max_height)
        store = unix_socket_store.connect(config.store.data_dir, limits)
        if store is None:
            raise
        graph = WholeGraph(store)
    if created and not config.store.bare:
        typer.echo(f"Created a new store with the seed article in {config.store.data_dir}.", err=True)
    return graph


@contextmanager
def naming(file: Path) -> Iterator[None]:
    """Prefix the name of the file to the message of an error raised inside the block."""
    try:
        yield
    except ClaimgraphError as error:
        error.message = f"{file}: {error.message}"
        raise


def read_file(file: Path) -> bytes:
    """Return the content of a file, or of standard input for ``-``.

    Raises:
        BadInput: the file cannot be read.
    """
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}.", remedy="Check the name.") from None
