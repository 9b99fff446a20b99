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
from kg.errors import BadInput, ClaimgraphError
from kg.knowledge_graph import KnowledgeGraph
from kg.store.directory_metadata import FILE as META

Data = Annotated[Path | None, typer.Option("--data", help="Directory of the store (KG_DATA_DIR).")]


class Lang(StrEnum):
    """Languages of labels and messages."""

    en = "en"
    uk = "uk"


Language = Annotated[Lang, typer.Option("--lang", help="Language of labels and messages.")]


def configuration(data: Path | None) -> Config:
    """Return the settings of the environment, with ``data`` as the data directory if it is set."""
    return from_environment().with_options(data_dir=data)


def open_graph(data: Path | None, *, bare: bool = False) -> KnowledgeGraph:
    """Open the store; print a line to standard error if it was created.

    Args:
        data: directory of the store; ``None`` means the one of the environment.
        bare: allow a bare store; commands that need articles do not.

    Raises:
        BadInput: the store is bare, and the command needs articles.
    """
    config = configuration(data)
    if config.store.bare and not bare:
        raise BadInput("A bare store holds no articles.", remedy="Unset KG_BARE, or use kg query, kg load or kg serve.")
    created = not (config.store.data_dir / META).exists()
    graph = KnowledgeGraph.open(config)
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
