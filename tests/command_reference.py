"""Reference of the command line in Markdown: every command with its help, arguments and options."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin

import typer

from kg.cli.main import app


def reference() -> str:
    """Render the whole command, one section for each sub-command."""
    commands = list(_commands("kg", _whole(typer.main.get_command(app))))[1:]
    return "\n".join(line for name, command in commands for line in _section(name, command)).rstrip()


def names() -> list[str]:
    """List every command by its full name."""
    return [name for name, _ in _commands("kg", _whole(typer.main.get_command(app)))]


def options() -> dict[str, set[str]]:
    """Return the options of every command, by its full name."""
    return {
        name: {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        for name, command in _commands("kg", _whole(typer.main.get_command(app)))
    }


def _whole(command: Any) -> Any:
    """Return the command behind one that is loaded only when it is called."""
    return command.load() if hasattr(command, "load") else command


def _commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Walk the tree of commands, in alphabetical order."""
    yield name, command
    if hasattr(command, "list_commands"):
        context = typer.Context(command)
        for sub in sorted(command.list_commands(context)):
            yield from _commands(f"{name} {sub}", _whole(command.get_command(context, sub)))


def _section(name: str, command: Any) -> Iterator[str]:
    yield from (f"## `{name}`" if name.count(" ") == 1 else f"### `{name}`", "", " ".join(command.help.split()), "")
    rows = [_row(parameter) for parameter in command.params if parameter.name != "help"]
    if rows:
        yield from ("| argument or option | default | meaning |", "| --- | --- | --- |", *rows, "")


def _row(parameter: Any) -> str:
    kind, many = _kind(parameter)
    if parameter.param_type_name == "option":
        shown = " ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts]) + _VALUES.get(kind, "")
    else:
        shown = f"`{str(parameter.metavar or parameter.name).strip('{}[].').upper()}`"
    default = "required" if parameter.required else _default(parameter.default)
    choices = f"One of {', '.join(f'`{choice.value}`' for choice in kind)}." if issubclass(kind, Enum) else ""
    meaning = " ".join(part for part in ((parameter.help or "").strip(), choices) if part).replace("|", "\\|")
    return f"| {shown}{' …' if many else ''} | {default} | {meaning} |"


_VALUES = {str: " TEXT", Path: " PATH", int: " NUMBER"}


def _kind(parameter: Any) -> tuple[type, bool]:
    """Return the type of a value, and whether there can be several."""
    described = getattr(parameter, "type_descriptor", None)
    kind = described.annotation if described else bool if parameter.is_flag else str
    many = get_origin(kind) is list
    return get_args(kind)[0] if many else kind, many


def _default(value: object) -> str:
    if value in (None, False, "", (), []) or callable(value):
        return "—"
    return f"`{value.value if isinstance(value, Enum) else value}`"
