"""Command table of ``kg``: each command's name, where it is defined, and its summary.

A package adds commands with an entry point of the group ``claimgraph.commands`` that names such a table. The table is
read for ``kg --help`` and tab completion, so its module must import nothing but this one; what a command needs is
imported when it is called.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

GROUP = "claimgraph.commands"
"""Entry-point group whose entries are tables like :data:`COMMANDS`."""


@dataclass(frozen=True)
class CommandEntry:
    """One command.

    Attributes:
        target: ``module:name`` of a function, or of a ``typer.Typer`` for a command with sub-commands.
        summary: the first paragraph of its help, as ``kg --help`` lists it.
    """

    target: str
    summary: str


COMMANDS: Mapping[str, CommandEntry] = {
    "add": CommandEntry("kg.cli.articles:add", "Check claims documents and store those that pass."),
    "remove": CommandEntry("kg.cli.articles:remove", "Remove an article and what follows from it."),
    "validate": CommandEntry("kg.cli.articles:validate", "Check files against every constraint; nothing is stored."),
    "schema": CommandEntry("kg.cli.articles:schema", "Print the claims document's JSON Schema."),
    "query": CommandEntry(
        "kg.cli.queries:query", "Run a SPARQL query; the usual prefixes (cg:, code:, rdfs:, …) need no declaration."
    ),
    "ask": CommandEntry("kg.cli.queries:ask", "Ask one of the competency questions."),
    "why": CommandEntry(
        "kg.cli.queries:why",
        "Show what stands behind a claim (words, cue, sources) or a statement (quotes, or axiom and premises).",
    ),
    "export": CommandEntry(
        "kg.cli.export:export_",
        "Write articles as RDF, as tables (csv, parquet, duckdb), or as a map, timeline, calendar or network.",
    ),
    "load": CommandEntry(
        "kg.cli.load_and_info:load",
        "Load RDF files in bulk into your own graphs; repeat an interrupted load to resume it.",
    ),
    "info": CommandEntry("kg.cli.load_and_info:info", "Show what the store holds."),
    "backup": CommandEntry(
        "kg.cli.maintenance:backup_", "Write the whole store into one file, while it is served or not."
    ),
    "restore": CommandEntry(
        "kg.cli.maintenance:restore_", "Check a backup to the last byte, then make a data directory of it."
    ),
    "doctor": CommandEntry(
        "kg.cli.maintenance:doctor_",
        "Check the data directory, the store and the system; exit code 1 if something needs to be mended.",
    ),
    "token": CommandEntry(
        "kg.cli.tokens:app",
        "Tokens for reading, writing and administration. A running server takes up each change at once.",
    ),
    "reference": CommandEntry(
        "kg.cli.reference_packs:app", "Import and look at reference packs: what facts can be linked to."
    ),
    "link": CommandEntry(
        "kg.cli.linking:link", "Link entities to matching reference records; queue uncertain matches for review."
    ),
    "review": CommandEntry("kg.cli.linking:review_app", "Decide about the links that wait for a person."),
    "links": CommandEntry("kg.cli.linking:links_app", "Export accepted links as files."),
    "events": CommandEntry("kg.cli.events:app", "Match events of the graph with rows of ACLED, UCDP GED or GDELT."),
}
