"""``kg token``: creation, listing, rotation and revocation of tokens, also while the server runs."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kg.access.api_tokens import ApiToken, TokenFile, TokenGrant, duration
from kg.access.permissions import SCOPES
from kg.cli.tables_and_trees import shown
from kg.config import from_environment

app = typer.Typer(
    add_completion=False,
    help="Manage tokens for reading, writing and administration. A running server applies each change at once.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Data = Annotated[Path | None, typer.Option("--data", help="Directory of the store (KG_DATA_DIR).")]
Name = Annotated[str, typer.Argument(help="Name of the token.")]


class ScopeName(StrEnum):
    """Scopes of tokens; each includes those before it."""

    read = "read"
    write = "write"
    admin = "admin"


def _file(data: Path | None) -> TokenFile:
    return TokenFile(from_environment().with_options(data_dir=data).store.data_dir)


@app.command()
def create(
    name: Name,
    scope: Annotated[
        ScopeName, typer.Option("--scope", help="Scope of the token; each includes those before it.")
    ] = ScopeName.read,
    graph: Annotated[
        list[str] | None,
        typer.Option(
            "--graph", help="Limit the token to this graph: an IRI, or a prefix followed by *; can be repeated."
        ),
    ] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", help="Lifetime: 90d, 24h, 2w; default: unlimited.")
    ] = None,
    data: Data = None,
) -> None:
    """Create a token and print it. It is shown only once, because only its hash is stored."""
    grant = TokenGrant(
        next(known for known in SCOPES if known == scope.value),
        tuple(graph) if graph else None,
        duration(expires) if expires else None,
    )
    typer.echo(_file(data).create(name, grant))


@app.command("list")
def list_(data: Data = None) -> None:
    """List the tokens; secrets are not stored, so they cannot be shown."""
    table = Table("name", "id", "scope", "graphs", "made", "ends", box=None, pad_edge=False)
    for token in _file(data).tokens():
        graphs = "all" if token.graphs is None else escape("\n".join(token.graphs))
        table.add_row(token.name, token.id, token.scope, graphs, _shown(token.created), _end(token))
    shown(Console(), table)


def _end(token: ApiToken) -> str:
    """Return when a token ends; a replaced one ends with the grace period of its rotation."""
    if token.expires is None:
        return "never"
    ended = token.end <= datetime.now(UTC).timestamp()
    return _shown(token.expires) + (" (expired)" if ended else " (replaced)" if token.replaced else "")


def _shown(moment: str) -> str:
    """Return a timestamp (ISO 8601) as ``2026-01-31 12:00 UTC``."""
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


@app.command()
def rotate(
    name: Name,
    grace: Annotated[
        str, typer.Option("--grace", help="How long the old secret stays valid; 0 ends it at once.")
    ] = "24h",
    data: Data = None,
) -> None:
    """Replace the secret of a token and print the new one once; a limited lifetime starts again."""
    typer.echo(_file(data).rotate(name, duration(grace)))


@app.command()
def revoke(name: Name, data: Data = None) -> None:
    """Revoke a token at once, and the one it has replaced."""
    _file(data).revoke(name)
    typer.echo(f"{name}: revoked")
