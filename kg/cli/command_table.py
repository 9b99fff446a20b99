"""Command table of ``kg``: the name, import target and summary of each command.

A package adds commands with an entry point of the group ``claimgraph.commands`` that names such a table. The table is
loaded for ``kg --help`` and tab completion, so its module must import nothing but this one; the dependencies of a
command are imported when it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

GROUP = "claimgraph.commands"
"""Entry-point group; each entry names a table like :data:`COMMANDS`."""


@dataclass(frozen=True)
class CommandEntry:
    """Entry of one command.

    Attributes:
        target: ``module:name`` of a function, or of a ``typer.Typer`` for a command with sub-commands.
        summary: first paragraph of the help text; shown in the list of ``kg --help``.
    """

    target: str
    summary: str


COMMANDS: Mapping[str, CommandEntry] = {
    "init": CommandEntry(
        "kg.cli.init_load_info:init",
        "Create a store with the vocabulary and the seed article; an existing one stays as it is.",
    ),
    "add": CommandEntry("kg.cli.add_remove_validate:add", "Check claims documents and store those that pass."),
    "remove": CommandEntry(
        "kg.cli.add_remove_validate:remove", "Remove an article and the statements inferred from it."
    ),
    "validate": CommandEntry(
        "kg.cli.add_remove_validate:validate", "Check files against every constraint; nothing is stored."
    ),
    "schema": CommandEntry("kg.cli.add_remove_validate:schema", "Print the JSON Schema of claims documents."),
    "query": CommandEntry(
        "kg.cli.query_ask_why:query",
        "Run a SPARQL query; the usual prefixes (cg:, code:, rdfs:, …) need no declaration.",
    ),
    "ask": CommandEntry("kg.cli.query_ask_why:ask", "Run a competency question, or list them all."),
    "why": CommandEntry(
        "kg.cli.query_ask_why:why",
        "Explain a claim (wording, cue, sources) or a statement (quotes, or axiom and premises).",
    ),
    "export": CommandEntry(
        "kg.cli.export:export_",
        "Export articles as RDF, tables (csv, parquet, duckdb), a map, a timeline, a calendar or a network.",
    ),
    "load": CommandEntry(
        "kg.cli.init_load_info:load",
        "Load RDF files in bulk into your own graphs; repeat an interrupted load to resume it.",
    ),
    "info": CommandEntry("kg.cli.init_load_info:info", "Show the base IRI, size, graphs and articles of the store."),
    "backup": CommandEntry(
        "kg.cli.maintenance:backup_", "Back up the whole store to one file, even while a server uses it."
    ),
    "restore": CommandEntry(
        "kg.cli.maintenance:restore_", "Verify a backup completely, then restore it to a data directory."
    ),
    "doctor": CommandEntry(
        "kg.cli.maintenance:doctor_",
        "Check the data directory, the store and the system; exit with code 1 if a check fails.",
    ),
    "token": CommandEntry(
        "kg.cli.tokens:app",
        "Manage tokens for reading, writing and administration. A running server applies each change at once.",
    ),
    "reference": CommandEntry(
        "kg.cli.reference_packs:app", "Import and inspect reference packs: records that entities can be linked to."
    ),
    "link": CommandEntry(
        "kg.cli.linking:link", "Link entities to matching reference records; queue uncertain matches for review."
    ),
    "review": CommandEntry("kg.cli.linking:review_app", "Review proposed links that need a decision."),
    "links": CommandEntry("kg.cli.linking:links_app", "Export accepted links as files."),
    "events": CommandEntry(
        "kg.cli.events_match:app", "Match events in the graph with rows of ACLED, UCDP GED or GDELT."
    ),
}
