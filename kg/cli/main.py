"""Entry point of the ``kg`` command: finds the commands, loads the one that is called, and sets the exit code.

Exit codes: 0 success; 1 a document or graph violates constraints; 2 wrong usage or unreadable input; 3 not found;
4 the store cannot be used.
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module, metadata
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from kg.cli.command_table import GROUP, CommandEntry
from kg.errors import BadInput, ClaimgraphError

_SETTINGS = {"help_option_names": ["-h", "--help"]}


class LazyCommand(TyperCommand):
    """A command known by name and summary; its module is imported when the command or its ``--help`` runs."""

    def __init__(self, name: str, entry: CommandEntry) -> None:
        super().__init__(name, help=entry.summary)
        self._entry = entry

    def load(self) -> Any:
        """Import the module and return the command that it defines."""
        module, _, name = self._entry.target.partition(":")
        target = getattr(import_module(module), name)
        if isinstance(target, typer.Typer):
            return typer.main.get_group(target)  # a group even if it has only one sub-command
        wrapped = typer.Typer(add_completion=False, context_settings=_SETTINGS)
        wrapped.command(self.name)(target)
        return typer.main.get_command(wrapped)

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Parse the arguments with the real command, whose context is then invoked."""
        return self.load().make_context(info_name, args, parent=parent, **extra)


class CommandGroup(TyperGroup):
    """Commands of all installed packages, found through the entry points of the group ``claimgraph.commands``."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        for point in metadata.entry_points(group=GROUP):
            try:
                table = point.load()
            except (ImportError, AttributeError) as error:
                # a broken package must not disable the commands of the others
                typer.echo(f"The commands of {point.name} cannot be loaded: {error}.", err=True)
                continue
            self.commands.update({name: LazyCommand(name, entry) for name, entry in table.items()})


app = typer.Typer(
    cls=CommandGroup,
    help="Claimgraph: a knowledge graph of attributed claims in news reporting.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=_SETTINGS,
)


@app.callback()
def _options() -> None:
    pass


def main() -> None:
    """Run the command; print an error as its message and remedy."""
    logging.getLogger("rdflib.term").setLevel(logging.ERROR)  # it logs a traceback for each ill-typed literal
    # What the engine says of damaged files, with their paths, is for the log of a server; a command has its own error.
    logging.getLogger("claimgraph").addHandler(logging.NullHandler())
    try:
        app()
    except ClaimgraphError as error:
        _fail(error)
    except OSError as error:
        what = error.filename or "The output"
        _fail(BadInput(f"{what}: {error.strerror or error}.", remedy="Check the name, permissions and disk space."))


def _fail(error: ClaimgraphError) -> NoReturn:
    """Print an error on standard error, after the validation report if it carries one, and exit with its code."""
    from rich.console import Console  # noqa: PLC0415 - only for an error

    err = Console(stderr=True, highlight=False)
    report = getattr(error, "report", None)
    if report is not None:
        from kg.cli import tables_and_trees  # noqa: PLC0415 - loads the gate's report

        tables_and_trees.shown(err, tables_and_trees.report(report, "", "en"))
    err.print(error.message, style="red", markup=False)
    if error.remedy:
        err.print(error.remedy, markup=False)
    sys.exit(error.exit_code)
