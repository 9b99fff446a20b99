"""Entry of ``kg serve`` in the command table, found through the entry-point group ``claimgraph.commands``."""

from __future__ import annotations

from collections.abc import Mapping

from kg.cli.command_table import CommandEntry

COMMANDS: Mapping[str, CommandEntry] = {
    "serve": CommandEntry("api.server.serve:serve", "Serve the graph over HTTP; a new store gets the seed article."),
}
