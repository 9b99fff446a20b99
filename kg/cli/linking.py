"""``kg link``, ``kg review`` and ``kg links``: linking of entities to reference records, review and export of links."""

from __future__ import annotations

import getpass
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from kg.cli.options_and_store_opening import open_graph, read_graph
from kg.cli.tables_and_trees import shown
from kg.config import Config, from_environment
from kg.errors import BadInput, ClaimgraphError
from kg.files import disk_space
from kg.linking import entity_profiles, logic_v2_person_name_similarity
from kg.linking.link_proposal_types import LinkProposal, ProposalVerdict
from kg.linking.linker import Linker, LinkerSettings
from kg.links import link_file_export
from kg.links.decision_log_state import Judgement, LinkConflict, LogEntry, Relation
from kg.links.link_review_and_proposals import LinkReview, ProposalOutcome, ReviewDecision, sentences
from kg.reference.reference_lookup_and_backup import records
from kg.reference.reference_store import FILE, ReferenceStore

Data = Annotated[Path | None, typer.Option("--data", help="Directory of the store (KG_DATA_DIR).")]
Reason = Annotated[str, typer.Option("--reason", help="Reason for the decision; stored in the decision log.")]
User = Annotated[
    str | None,
    typer.Option("--user", help="Name recorded with the decision; default: the account that runs the command."),
]
Subject = Annotated[
    str, typer.Argument(metavar="ENTITY", help="IRI of an entity, in full or relative to the base IRI (entity/…).")
]
Of = Annotated[str, typer.Argument(metavar="RECORD", help="Dataset and identifier, such as wikidata:Q212.")]

_COLOURS = {
    ProposalVerdict.accept: "green",
    ProposalVerdict.review: "yellow",
    ProposalVerdict.nil: "dim",
    ProposalVerdict.outside: "dim",
}

review_app = typer.Typer(
    add_completion=False,
    help="Review proposed links that need a decision.",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
links_app = typer.Typer(
    add_completion=False,
    help="Export accepted links as files.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _opened(data: Path | None) -> LinkReview:
    """Return the link review of the store in the data directory."""
    return read_graph(data).review(records(_config(data).store.data_dir))


def _config(data: Path | None) -> Config:
    """Return the settings; raise :class:`BadInput` for a bare store, which has no entities to link."""
    config = from_environment().with_options(data_dir=data)
    if config.store.bare:
        raise BadInput("A bare store holds no entities.", remedy="Unset KG_BARE.")
    return config


def _table(*columns: str) -> Table:
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


# ---- kg link


def link(
    data: Data = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the proposals and their outcomes; store nothing.")
    ] = False,
    dataset: Annotated[
        list[str] | None, typer.Option("--dataset", help="Link to this dataset only; can be repeated.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Show entities that the packs do not cover, too.")] = False,
    logic: Annotated[
        bool,
        typer.Option(
            "--logic", help="Also compare names of people with logic-v2 of nomenklatura (needs the extra logic)."
        ),
    ] = False,
) -> None:
    """Link entities to matching reference records; queue uncertain matches for review."""
    config = _config(data)
    settings = LinkerSettings(people=logic_v2_person_name_similarity.required() if logic else None)
    with ReferenceStore.open(config.store.data_dir / FILE) as reference:
        review = open_graph(data).review(reference.get)
        linker = Linker(reference, settings, review.log().rejections())
        found = _proposals(linker, entity_profiles.read(review.store))
        outcomes = review.propose(found, only=dataset or (), dry_run=dry_run)
    covered = [outcome for outcome in outcomes if outcome.proposal.verdict is not ProposalVerdict.outside]
    shown(Console(), _outcomes(outcomes if all_ else covered, review.names.base))
    counts = Counter(outcome.done for outcome in outcomes)
    if not all_ and len(covered) < len(outcomes):
        typer.echo(f"{len(outcomes) - len(covered)} more are outside the coverage of the packs (--all shows them)")
    summary = ", ".join(f"{counts[done]} {done}" for done in ("linked", "queued", "kept") if counts[done])
    typer.echo(f"{summary or 'nothing linked'}{' (dry run: nothing is stored)' if dry_run else ''}")
    if linker.missing:
        typer.secho(linker.missing, fg="yellow", err=True)
    _warn(review.log().conflicts(), review.names.base)


def _proposals(linker: Linker, entities: list[entity_profiles.EntityProfile]) -> list[LinkProposal]:
    """Return the proposals for the entities; show a progress bar on standard error."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("entities", total=len(entities))
        return linker.link(entities, lambda done: progress.advance(task, done))


def _outcomes(outcomes: Iterable[ProposalOutcome], base: str) -> Table:
    table = _table("entity", "dataset", "id", "label", "score", "verdict", "reason")
    for outcome in outcomes:
        row = outcome.proposal
        verdict = "kept" if outcome.done == "kept" else row.verdict.value
        table.add_row(
            escape(row.subject.removeprefix(base)),
            escape(row.dataset),
            escape(row.identifier),
            escape(row.label),
            f"{row.score:.0f}" if row.identifier else "",
            f"[{_COLOURS[row.verdict]}]{verdict}[/]",
            escape(row.reason),
        )
    return table


def _warn(conflicts: Iterable[LinkConflict], base: str) -> None:
    for conflict in conflicts:
        who = ", ".join(dict.fromkeys(place.subject.removeprefix(base) for place in conflict.keys))
        typer.secho(f"Contradiction about {who}: {conflict.what}.", fg="yellow", err=True)


# ---- kg review


@review_app.callback()
def review_(
    context: typer.Context,
    data: Data = None,
    listed: Annotated[bool, typer.Option("--list", help="List the queue and the latest decisions.")] = False,
    user: User = None,
) -> None:
    """Review the queue of proposed links one by one."""
    if context.invoked_subcommand is not None:
        return
    review = _opened(data)
    if listed:
        _list(review)
    else:
        _ReviewSession(review, user or _account()).run()


def _account() -> str:
    """Return the name of the account that runs the command, ``somebody`` if it has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a user id without a name
        return "somebody"


def _list(review: LinkReview) -> None:
    """Print the queue, the last 20 decisions and the conflicts between accepted links."""
    log, base = review.log(), review.names.base
    queue = _table("entity", "record", "label", "score", "state", "reason")
    for entry in log.queue():
        waiting = entry.proposal
        state = "unsure" if entry.judgement is Judgement.unsure else "waits"
        who, reason = waiting.subject.removeprefix(base), entry.reason or waiting.reason
        texts = (who, waiting.record, waiting.label, f"{waiting.score:.0f}", state, reason)
        queue.add_row(*(escape(text) for text in texts))
    shown(Console(), queue)
    decided = [entry for entry in log.entries.values() if not entry.automatic or entry.judgement is Judgement.positive]
    table = _table("no.", "entity", "record", "decision", "by", "at", "reason")
    for entry in decided[-20:]:
        what = entry.judgement.value if entry.undoes is None else f"undoes {entry.undoes}"
        who = entry.key.subject.removeprefix(base)
        row = (str(entry.number), who, entry.proposal.record, what, entry.user, entry.time, entry.reason)
        table.add_row(*(escape(text) for text in row))
    typer.echo("")
    shown(Console(), table)
    _warn(log.conflicts(), base)


@dataclass
class _ReviewSession:
    """Interactive review of the queue by one person.

    Attributes:
        made: numbers of the decisions of this session, in order.
        skipped: keys of entries that this session does not show again.
    """

    review: LinkReview
    user: str
    made: list[int] = field(default_factory=list)
    skipped: set[object] = field(default_factory=set)

    def run(self) -> None:
        """Prompt for decisions until the queue is empty or the person quits."""
        while waiting := [entry for entry in self.review.log().queue() if entry.key not in self.skipped]:
            self._show(waiting[0], len(waiting))
            try:
                answer = typer.prompt(
                    "a(ccept) c(lose) r(eject) u(nsure) s(kip) z(undo) q(uit), then optionally a reason"
                )
            except typer.Abort:
                return
            key, _, reason = str(answer).strip().partition(" ")
            if key == "q":
                return
            try:
                self._do(key, reason, waiting[0])
            except ClaimgraphError as error:
                typer.secho(f"{error.message} {error.remedy}", fg="red", err=True)
        typer.echo("No more links to review.")

    def _do(self, key: str, reason: str, entry: LogEntry) -> None:
        """Carry out the command of one key for an entry: ``r`` with the reason ``wrong person`` rejects the link."""
        judgements = {
            "a": Judgement.positive,
            "c": Judgement.positive,
            "r": Judgement.negative,
            "u": Judgement.unsure,
        }
        if key in judgements:
            relation = Relation.close if key == "c" else Relation.exact
            made, conflicts = self.review.decide(
                ReviewDecision(*entry.key, judgements[key], reason, relation), self.user
            )
            self.made.append(made.number)
            self.skipped.add(entry.key)  # an unsure entry stays in the queue, for another person
            typer.echo(f"decision {made.number}: {made.judgement} {made.proposal.record}")
            _warn(conflicts, self.review.names.base)
        elif key == "s":
            self.skipped.add(entry.key)
        elif key == "z" and self.made:
            undone = self.review.undo(self.made.pop(), self.user, reason)
            self.skipped.discard(undone.key)
            typer.echo(f"decision {undone.undoes} is undone")
        else:
            typer.secho("Nothing to undo." if key == "z" else f"“{key}” is not one of the keys.", fg="red", err=True)

    def _show(self, entry: LogEntry, waiting: int) -> None:
        """Print an entry: entity, record, features, and up to five sentences that mention the entity."""
        row, out = entry.proposal, Console(highlight=False)
        out.print(f"\n{waiting} in the queue", style="dim")
        out.print(f"[bold]{escape(row.name)}[/] ({row.kind}, {escape(row.subject)})")
        out.print(f"is it [bold]{escape(row.record)}[/] {escape(row.label)}?   score {row.score:.0f}")
        out.print(escape(row.reason), style="dim")
        features = _table("feature", "value", "weight", "evidence")
        for feature in row.features:
            features.add_row(feature.name, f"{feature.value:.2f}", f"{feature.weight:.0f}", escape(feature.evidence))
        shown(out, features)
        for sentence in sentences(self.review.store, row.subject)[:5]:
            marked = escape(sentence.text).replace(escape(sentence.exact), f"[bold]{escape(sentence.exact)}[/]")
            out.print(f"  {marked}", soft_wrap=True)


def _decide(data: Path | None, decision: ReviewDecision, user: str | None) -> None:
    """Store a decision whose identifier still has its dataset in front (``wikidata:Q212``), and print it."""
    dataset, colon, identifier = decision.identifier.partition(":")
    if not colon:
        raise BadInput(
            f"“{dataset}” is not the id of a record.", remedy="Write dataset:identifier, such as wikidata:Q212."
        )
    review = _opened(data)
    entry, conflicts = review.decide(replace(decision, dataset=dataset, identifier=identifier), user or _account())
    typer.echo(f"decision {entry.number}: {entry.judgement} {entry.proposal.record}")
    _warn(conflicts, review.names.base)


@review_app.command()
def accept(
    subject: Subject,
    record: Of,
    data: Data = None,
    reason: Reason = "",
    user: User = None,
    close: Annotated[
        bool, typer.Option("--close", help="Link as a close match (skos:closeMatch) instead of an exact one.")
    ] = False,
) -> None:
    """Accept a link, whether it was proposed or not."""
    relation = Relation.close if close else Relation.exact
    _decide(data, ReviewDecision(subject, "", record, Judgement.positive, reason, relation), user)


@review_app.command()
def reject(subject: Subject, record: Of, data: Data = None, reason: Reason = "", user: User = None) -> None:
    """Reject a link; it will not be proposed again."""
    _decide(data, ReviewDecision(subject, "", record, Judgement.negative, reason), user)


@review_app.command()
def unsure(subject: Subject, record: Of, data: Data = None, reason: Reason = "", user: User = None) -> None:
    """Record that you are unsure about a link; it stays in the queue."""
    _decide(data, ReviewDecision(subject, "", record, Judgement.unsure, reason), user)


@review_app.command()
def undo(
    number: Annotated[int, typer.Argument(help="Number of the decision, as listed by `kg review --list`.")],
    data: Data = None,
    reason: Reason = "",
    user: User = None,
) -> None:
    """Undo a decision; the previous state of the link is restored."""
    entry = _opened(data).undo(number, user or _account(), reason)
    typer.echo(f"entry {entry.number}: decision {number} is undone")


# ---- kg links


@links_app.command("export")
def export_(
    data: Data = None,
    form: Annotated[
        link_file_export.LinkExportFormat, typer.Option("--format", help="Output format.")
    ] = link_file_export.LinkExportFormat.sssom,
    rejected: Annotated[bool, typer.Option("--rejected", help="Export rejected links instead.")] = False,
    same_as: Annotated[
        bool,
        typer.Option("--same-as", help="Write exact links as owl:sameAs; a reasoner then merges entity and record."),
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; default: standard output.")
    ] = None,
) -> None:
    """Export the links as SSSOM TSV, TriG with the record of each link, or plain N-Triples."""
    content = link_file_export.export(_opened(data), form, rejected=rejected, same_as=same_as)
    if output is None:
        typer.echo(content.rstrip("\n"))
    else:
        with disk_space.writing(str(output)):
            output.write_text(content, "utf-8")
