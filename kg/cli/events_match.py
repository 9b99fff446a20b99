"""``kg events``: matching of events in the graph with rows of event datasets."""

from __future__ import annotations

import csv
import json
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kg.cli.options_and_store_opening import Spreadsheet, read_graph
from kg.cli.tables_and_trees import shown
from kg.errors import BadInput
from kg.files import spreadsheet_csv
from kg.knowledge_graph import WholeGraph

if TYPE_CHECKING:
    from kg.events.graph_events import PlacePoint
    from kg.linking.link_proposal_types import LinkProposal

app = typer.Typer(
    add_completion=False, help="Match events in the graph with rows of ACLED, UCDP GED or GDELT.", no_args_is_help=True
)

_COLOURS = {"accept": "green", "review": "yellow", "nil": "dim", "outside": "dim"}
_FORMATS = ("acled", "ucdp", "gdelt")


@app.callback()
def _group() -> None:
    """Make ``events`` a group: without a callback, typer would merge its only command ``match`` into it."""


@app.command("match")
def match_(
    file: Annotated[Path, typer.Argument(help="File of the dataset (.csv or .tsv, optionally gzipped).")],
    form: Annotated[str, typer.Option("--format", help="Format of the file: acled, ucdp or gdelt.")],
    data: Annotated[Path | None, typer.Option("--data", help="Directory of the store (KG_DATA_DIR).")] = None,
    places: Annotated[
        list[Path] | None,
        typer.Option("--places", help="CSV file with the columns place,latitude,longitude[,radius in km]."),
    ] = None,
    mentions: Annotated[Path | None, typer.Option("--mentions", help="File of GDELT mentions of these events.")] = None,
    spark: Annotated[
        str | None,
        typer.Option("--spark", metavar="MASTER", help="Match on this Spark master: local[2], spark://host:7077, …"),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="File to write the proposals to (.csv or .json).")] = None,
    spreadsheet: Spreadsheet = False,
) -> None:
    """Propose links from events in the graph to rows of a dataset; nothing is stored."""
    _check_options(form, out, spreadsheet=spreadsheet)
    graph = read_graph(data)
    points = _points(places or [])
    found = _proposals(graph, _EventInput(file, form, mentions), points, spark)
    shown(Console(), _table(found, graph.names.base))
    counted = Counter(proposal.verdict.value for proposal in found)
    typer.echo(", ".join(f"{verdict} {counted[verdict]}" for verdict in _COLOURS if counted[verdict]))
    if out is not None:
        _write(found, out, spreadsheet=spreadsheet)


def _check_options(form: str, out: Path | None, *, spreadsheet: bool) -> None:
    """Check the options before anything is read.

    Raises:
        BadInput: the format is unknown, or the proposals cannot be written as the options say.
    """
    if form not in _FORMATS:
        raise BadInput(f"“{form}” is not a format of event datasets.", remedy=f"Choose one of {', '.join(_FORMATS)}.")
    if out is not None and out.suffix not in (".csv", ".json"):
        raise BadInput(f"{out.name} is neither .csv nor .json.", remedy="Choose one of these suffixes for --out.")
    if spreadsheet and (out is None or out.suffix != ".csv"):
        raise BadInput("--spreadsheet is for CSV.", remedy="Leave it out, or name a .csv file with --out.")


@dataclass(frozen=True)
class _EventInput:
    """Input of a match: the file of the dataset, its format, and optionally a file of GDELT mentions."""

    file: Path
    form: str
    mentions: Path | None


def _points(places: list[Path]) -> dict[str, PlacePoint]:
    """Return the point of each place; a later file overrides an earlier one."""
    from kg.events import graph_events  # noqa: PLC0415 - only this command needs it

    return {name: point for listed in places for name, point in graph_events.read_points(listed).items()}


def _proposals(
    graph: WholeGraph, given: _EventInput, points: Mapping[str, PlacePoint], spark: str | None
) -> list[LinkProposal]:
    """Read the dataset with DuckDB, copy it to Spark if a master is named, and return the proposals."""
    from kg.events import event_file_reading, event_match_proposals, graph_events, table_engines  # noqa: PLC0415 - an extra, and slow to load
    from kg.events.event_file_format_detection import EventFormat  # noqa: PLC0415 - likewise

    with tempfile.TemporaryDirectory(prefix="kg-events-") as folder:
        # DuckDB reads the file in either case; for Spark, the parsed dataset is then copied through the folder
        connection = table_engines.duck(spill=Path(folder))
        dataset = event_file_reading.opened(connection, given.file, EventFormat(given.form), given.mentions)
        if spark is not None:
            connection = table_engines.spark(spark)
            dataset = event_file_reading.moved(dataset, connection, Path(folder))
        return event_match_proposals.proposals(connection, graph_events.graph_events(graph.store, points), dataset)


def _table(found: list[LinkProposal], base: str) -> Table:
    """Return a table of proposals; IRIs under ``base`` are shortened."""
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    for column in ("situation", "what", "verdict", "row", "score", "which", "why"):
        table.add_column(column, overflow="fold")
    for proposal in found:
        verdict, row = proposal.verdict.value, proposal.record if proposal.identifier else ""
        table.add_row(
            escape(proposal.subject.removeprefix(base)),
            escape(proposal.name),
            f"[{_COLOURS[verdict]}]{verdict}[/]",
            escape(row),
            f"{proposal.score:g}" if proposal.identifier else "",
            escape(proposal.label),
            escape(proposal.reason),
        )
    return table


def _write(found: list[LinkProposal], out: Path, *, spreadsheet: bool) -> None:
    """Write proposals: JSON with all evidence, or CSV with the value of each feature."""
    if out.suffix == ".json":
        out.write_text(json.dumps([asdict(each) for each in found], ensure_ascii=False, indent=1), "utf-8")
        return
    names = list(dict.fromkeys(feature.name for each in found for feature in each.features))
    plain = ["subject", "name", "verdict", "dataset", "identifier", "label", "matched", "score", "reason", "source"]
    with out.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, [*plain, *names])
        writer.writeheader()
        for each in found:
            values = {feature.name: feature.value for feature in each.features}
            row = {name: getattr(each, name) for name in plain} | values
            writer.writerow(_for_spreadsheet(row) if spreadsheet else row)


def _for_spreadsheet(row: Mapping[str, object]) -> dict[str, object]:
    """Return a row in which no text is taken for a formula."""
    return {name: spreadsheet_csv.cell(value) if isinstance(value, str) else value for name, value in row.items()}
