"""The only functions through which the contract inspects the program.

A change that moves one of the inspected parts adapts it here and nowhere else; the return values stay the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import typer

from api.http.problem_details import KINDS
from kg.cli.main import app
from kg.config import from_environment, variables
from kg.errors import BadInput

REFUSED = "refused"


def settings(environ: Mapping[str, str]) -> dict[str, Any] | str:
    """Read all settings from an environment: their values by the names of their variables, or :data:`REFUSED`."""
    try:
        config = from_environment(environ)
    except BadInput:
        return REFUSED
    return {row.name: getattr(getattr(config, row.group), row.field) for row in variables()}


def command() -> Any:
    """Return the whole command, with every sub-command, as Typer makes it for Click."""
    return typer.main.get_command(app)


def problem_types() -> Iterator[tuple[str, int]]:
    """Return the name and status of every type of problem."""
    return ((kind.name, kind.status) for kind in KINDS)
