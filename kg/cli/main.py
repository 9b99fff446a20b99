"""The ``kg`` command.

Exit codes: 0 done; 1 a document or graph breaks constraints; 2 wrong use or input that cannot be read; 3 not found;
4 the store cannot be used.
"""

from __future__ import annotations

import gzip
import json
import logging
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn, cast

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TransferSpeedColumn

from kg.articles import competency_questions
from kg.cli import events, export, linking, maintenance, reference_packs, terminal_output, tokens
from kg.config import Config, from_environment
from kg.document import document_model
from kg.errors import BadInput, ClaimgraphError, NotAcceptable, NotFound, StoreUnavailable
from kg.gate.validation_report import Rejected, ValidationReport
from kg.iris import PREFIXES
from kg.knowledge_graph import KnowledgeGraph
from kg.rdf import oxigraph
from kg.rdf.media_types import media_type_of
from kg.rdf.query_request_and_result import QueryDataset, ResultFormats
from kg.store.directory_metadata import FILE as META

app = typer.Typer(
    help="Claimgraph: a knowledge graph of attributed claims in news reporting.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(tokens.app, name="token")
maintenance.register(app)
linking.register(app)
reference_packs.register(app)
events.register(app)

Data = Annotated[Path | None, typer.Option("--data", help="Directory of the store (KG_DATA_DIR).")]


class Lang(StrEnum):
    """Languages of labels and messages."""

    en = "en"
    uk = "uk"


class ReportFormat(StrEnum):
    """Formats of `kg validate`."""

    table = "table"
    json = "json"
    turtle = "turtle"


Language = Annotated[Lang, typer.Option("--lang", help="Language of labels and messages.")]


class Output(StrEnum):
    """Formats of `kg query` and `kg ask`."""

    table = "table"
    json = "json"
    csv = "csv"
    tsv = "tsv"
    xml = "xml"
    turtle = "turtle"


_RESULTS = {
    Output.table: "application/sparql-results+json",
    Output.json: "application/sparql-results+json",
    Output.csv: "text/csv",
    Output.tsv: "text/tab-separated-values",
    Output.xml: "application/sparql-results+xml",
    Output.turtle: None,
}


def main() -> None:
    """Run the command and turn errors into sentences and exit codes."""
    logging.getLogger("rdflib.term").setLevel(logging.ERROR)  # it tells of odd literals with tracebacks
    try:
        app()
    except ClaimgraphError as error:
        _fail(error)
    except OSError as error:
        what = error.filename or "The output"
        _fail(BadInput(f"{what}: {error.strerror or error}.", remedy="Check the name, the rights and the space left."))


def _fail(error: ClaimgraphError) -> NoReturn:
    err = Console(stderr=True, highlight=False)
    if isinstance(error, Rejected):
        terminal_output.shown(err, terminal_output.report(error.report, "", "en"))
    err.print(error.message, style="red", markup=False)
    if error.remedy:
        err.print(error.remedy, markup=False)
    codes: tuple[tuple[type[ClaimgraphError], int], ...] = ((Rejected, 1), (NotFound, 3), (StoreUnavailable, 4))
    sys.exit(next((code for kind, code in codes if isinstance(error, kind)), 2))


def _config(data: Path | None) -> Config:
    return from_environment().with_options(data_dir=data)


def _open(data: Path | None, *, bare: bool = False) -> KnowledgeGraph:
    """Open the store, and say so when that made a new one; most commands have no use for a ``bare`` store."""
    config = _config(data)
    if config.store.bare and not bare:
        raise BadInput("A bare store holds no articles.", remedy="Unset KG_BARE, or use kg query, kg load or kg serve.")
    made = not (config.store.data_dir / META).exists()
    graph = KnowledgeGraph.open(config)
    if made and not config.store.bare:
        typer.echo(f"Made a new store with the seed article in {config.store.data_dir}.", err=True)
    return graph


@contextmanager
def _naming(file: Path) -> Iterator[None]:
    """Say in which of several files an error lies."""
    try:
        yield
    except ClaimgraphError as error:
        error.message = f"{file}: {error.message}"
        raise


def _read(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}.", remedy="Check the name.") from None


@app.command()
def serve(
    data: Data = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (KG_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on, 0 for a free one (KG_PORT).")] = None,
    bare: Annotated[
        bool, typer.Option("--bare", help="An empty plain SPARQL 1.1 store, without seed or managed graphs.")
    ] = False,
) -> None:
    """Serve the graph over HTTP; a new store gets the seed article."""
    from api.server import serve  # noqa: PLC0415 - the other commands start faster without a web server

    serve.run(_config(data).with_options(host=host, port=port, bare=bare or None))


@app.command()
def add(
    files: Annotated[list[Path], typer.Argument(help="Claims documents (JSON); - reads standard input.")],
    data: Data = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check only; store nothing.")] = False,
    lang: Language = Lang.en,
) -> None:
    """Check claims documents and store those that pass."""
    graph = KnowledgeGraph.open(_config(data), in_memory=True, seed=False) if dry_run else _open(data)
    out = Console(highlight=False)
    failed = False
    for file in files:
        with _naming(file):
            report, outcome = _add(graph, _read(file), dry_run=dry_run)
        failed = failed or not report.conforms
        typer.echo(f"{file}: {outcome} ({terminal_output.counts(report)})")
        if not report.conforms:
            terminal_output.shown(out, terminal_output.report(report, "", lang))
    raise typer.Exit(1 if failed else 0)


def _add(graph: KnowledgeGraph, content: bytes, *, dry_run: bool) -> tuple[ValidationReport, str]:
    if dry_run:
        report = graph.articles.check_document(content)
        return report, "would be stored" if report.conforms else "would be refused"
    try:
        ingested = graph.articles.add(content)
    except Rejected as error:
        return error.report, "refused"
    return ingested.report, ingested.outcome


@app.command()
def remove(
    article: Annotated[str, typer.Argument(help="Id of the article.")],
    data: Data = None,
) -> None:
    """Remove an article and what follows from it."""
    _open(data).articles.remove(article)
    typer.echo(f"{article}: removed")


@app.command()
def load(
    files: Annotated[list[Path], typer.Argument(help="RDF files of any syntax; each may be gzipped.")],
    data: Data = None,
    graph: Annotated[
        str | None, typer.Option("--graph", help="Graph for triples that name none; default {base}graph/default.")
    ] = None,
) -> None:
    """Load RDF files in bulk into your own graphs; repeat an interrupted load to resume it."""
    opened = _open(data, bare=True)
    home = graph or opened.names.default_graph
    if not oxigraph.is_iri(home):
        raise BadInput(f"“{home}” is not an IRI.", remedy="Name the graph by an absolute IRI.")
    opened.store.refuse_managed(home)
    for file in files:
        media_type = media_type_of(file.name)
        with _naming(file), _progress(file) as stream:
            count = opened.store.load(oxigraph.parse(stream, media_type, file.resolve().as_uri()), home)
        typer.echo(f"{file.name}: {count} statements")


@contextmanager
def _progress(file: Path) -> Iterator[oxigraph.Stream]:
    """Open a file, unpack gzip, and show how far the reading has come."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        try:
            with progress.open(file, "rb", description=file.name) as raw:
                if file.suffix == ".gz":
                    with gzip.open(raw) as unpacked:
                        yield cast(oxigraph.Stream, unpacked)
                else:
                    yield raw
        except (OSError, EOFError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise BadInput(f"It cannot be read to the end: {reason}.", remedy="Check the file.") from None


@app.command()
def validate(
    files: Annotated[list[Path], typer.Argument(help="Claims documents (.json) or article graphs (RDF).")],
    form: Annotated[ReportFormat, typer.Option("--format", help="Turtle gives a SHACL report.")] = ReportFormat.table,
    lang: Language = Lang.en,
) -> None:
    """Check files against every constraint; nothing is stored."""
    graph = KnowledgeGraph.open(from_environment(), in_memory=True, seed=False)
    failed = False
    for file in files:
        with _naming(file):
            report = _validate(graph, file)
        failed = failed or not report.conforms
        if form is ReportFormat.json:
            typer.echo(json.dumps(report.to_json(), ensure_ascii=False, indent=1))
        elif form is ReportFormat.turtle:
            typer.echo(report.to_rdf("text/turtle").decode())
        else:
            verdict = "conforms" if report.conforms else "does not conform"
            if report.results:
                terminal_output.shown(Console(), terminal_output.report(report, "", lang))
            typer.echo(f"{file.name}: {verdict} ({terminal_output.counts(report)})")
    raise typer.Exit(1 if failed else 0)


def _validate(graph: KnowledgeGraph, file: Path) -> ValidationReport:
    content = _read(file)
    if file.suffix == ".json" or str(file) == "-":
        return graph.articles.check_document(content)
    media_type = media_type_of(file.name)
    return graph.articles.check_graph(gzip.decompress(content) if file.suffix == ".gz" else content, media_type)


@app.command()
def query(
    text: Annotated[str, typer.Argument(help="A SPARQL query, or a file that holds one (- for standard input).")],
    data: Data = None,
    form: Annotated[Output, typer.Option("--format")] = Output.table,
) -> None:
    """Run a SPARQL query; the usual prefixes (cg:, code:, rdfs:, …) need no declaration."""
    is_file = len(text.split()) == 1 or ("{" not in text and Path(text).is_file())
    _answer(_open(data, bare=True), _decoded(Path(text)) if is_file else text, form)


def _decoded(file: Path) -> str:
    try:
        return _read(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{file} is not UTF-8: byte {error.start} cannot be read.", remedy="Save it as UTF-8.") from None


@app.command()
def ask(
    question: Annotated[str | None, typer.Argument(help="Number or name; none lists them.")] = None,
    data: Data = None,
    form: Annotated[Output, typer.Option("--format")] = Output.table,
    lang: Language = Lang.en,
) -> None:
    """Ask one of the competency questions."""
    if question is None:
        terminal_output.shown(Console(), terminal_output.questions(competency_questions.all_questions(), lang))
        return
    found = competency_questions.find(question)
    if form is Output.table:
        typer.secho(f"{found.number}. {found.title.get(lang, found.title['en'])}", bold=True)
    _answer(_open(data), found.text, form)


def _answer(graph: KnowledgeGraph, text: str, form: Output) -> None:
    wordless = form in (Output.csv, Output.tsv)  # an ASK has no such form
    drawn = "text/turtle" if form in (Output.table, Output.turtle) else None
    choice = ResultFormats(_RESULTS[form], None if wordless else _RESULTS[form], drawn)
    try:
        answer = graph.store.query(text, choice, QueryDataset(prefixes=PREFIXES))
    except NotAcceptable:
        raise BadInput(f"The result has no {form.value} form.", remedy="Choose another --format.") from None
    if form is Output.table and answer.kind == "solutions":
        terminal_output.shown(Console(), terminal_output.solutions(answer.content, graph.names.base))
    elif form is Output.table and answer.kind == "boolean":
        typer.echo("yes" if json.loads(answer.content)["boolean"] else "no")
    else:
        typer.echo(answer.content.decode().rstrip("\n"))


@app.command()
def why(
    claim: Annotated[str, typer.Argument(help="A claim: its IRI, article/claim (seed/C22) or id; or a subject IRI.")],
    predicate: Annotated[str | None, typer.Argument(help="With an object: explain this statement.")] = None,
    obj: Annotated[str | None, typer.Argument(metavar="OBJECT")] = None,
    data: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    lang: Language = Lang.en,
) -> None:
    """Show what stands behind a claim (words, cue, sources) or a statement (quotes, or axiom and premises)."""
    if predicate is not None and obj is None:
        raise BadInput("A statement has three parts.", remedy="Add the object, or leave the predicate out.")
    graph = _open(data)
    if predicate is not None and obj is not None:
        found = graph.why_statement(_full(graph, claim), predicate, _full(graph, obj))
        typer.echo(found.model_dump_json(by_alias=True, indent=1))
        return
    explanation = graph.why(claim)
    if as_json:
        typer.echo(explanation.model_dump_json(by_alias=True, indent=1))
    else:
        terminal_output.shown(Console(), terminal_output.explanation(explanation, lang))


def _full(graph: KnowledgeGraph, name: str) -> str:
    """Complete a name as `kg query` prints it (``entity/putin``)."""
    return graph.names.base + name if name.startswith(("article/", "entity/", "graph/")) else name


@app.command("export")
def export_(
    article: Annotated[str | None, typer.Argument(help="Id of one article; none takes all.")] = None,
    data: Data = None,
    form: Annotated[export.ExportFormat, typer.Option("--format")] = export.ExportFormat.trig,
    inferred: Annotated[bool, typer.Option("--inferred", help="RDF only: write what follows as well.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "--output", "-o", help="File, or folder for csv and parquet; none prints.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there under that name.")] = False,
) -> None:
    """Write articles as RDF, as tables (csv, parquet, duckdb), or as a map, timeline, calendar or network."""
    request = export.ExportRequest(form, article, out, inferred, force)
    request.check()
    export.run(_open(data).articles, request)


@app.command()
def schema() -> None:
    """Print the claims document's JSON Schema."""
    typer.echo(json.dumps(document_model.json_schema(), ensure_ascii=False, indent=1))


@app.command()
def info(data: Data = None) -> None:
    """Tell what the store holds."""
    graph = _open(data, bare=True)
    typer.echo(f"base IRI    {graph.names.base}")
    typer.echo(f"statements  {len(graph.store)}")
    typer.echo("graphs")
    for name in graph.store.graphs():
        typer.echo(f"  {graph.store.count(name):>8}  {name}")
    typer.echo("articles")
    for entry in graph.articles.entries():
        label = entry.label.get("en") or next(iter(entry.label.values()), "")
        typer.echo(f"  {entry.claims:>8} claims  {entry.identifier}  {label}")
