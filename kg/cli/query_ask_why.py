"""``kg query``, ``kg ask`` and ``kg why``: SPARQL, competency questions and explanations."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from kg.articles import competency_question_files
from kg.cli import interruptible_work, tables_and_trees
from kg.cli.options_and_store_opening import Data, Lang, Language, Spreadsheet, read_file, read_graph
from kg.errors import BadInput, NotAcceptable
from kg.files import spreadsheet_csv
from kg.iris import PREFIXES
from kg.knowledge_graph import WholeGraph
from kg.rdf.query_request_and_result import QueryDataset, ResultFormats


class Output(StrEnum):
    """Output formats of `kg query` and `kg ask`."""

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


def query(
    text: Annotated[str, typer.Argument(help="SPARQL query, or a file that contains it (- for standard input).")],
    data: Data = None,
    form: Annotated[Output, typer.Option("--format", help="Output format.")] = Output.table,
    spreadsheet: Spreadsheet = False,
) -> None:
    """Run a SPARQL query; the usual prefixes (cg:, code:, rdfs:, …) need no declaration."""
    # one word is taken for a file (`q.rq`, `-`), and so are several (`my query.rq`) if a file of that name exists
    is_file = len(text.split()) == 1 or ("{" not in text and Path(text).is_file())
    _check_spreadsheet(form, spreadsheet=spreadsheet)
    query_text = _decoded(Path(text)) if is_file else text
    _print_result(read_graph(data, bare=True), query_text, form, spreadsheet=spreadsheet)


def _decoded(file: Path) -> str:
    """Return the text of a UTF-8 file, with or without a byte order mark."""
    try:
        return read_file(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{file} is not UTF-8: byte {error.start} cannot be read.", remedy="Save it as UTF-8.") from None


def ask(
    question: Annotated[
        str | None, typer.Argument(help="Number or name of the question; default: list all questions.")
    ] = None,
    data: Data = None,
    form: Annotated[Output, typer.Option("--format", help="Output format.")] = Output.table,
    lang: Language = Lang.en,
    spreadsheet: Spreadsheet = False,
) -> None:
    """Run a competency question, or list them all."""
    if question is None:
        tables_and_trees.shown(Console(), tables_and_trees.questions(competency_question_files.all_questions(), lang))
        return
    _check_spreadsheet(form, spreadsheet=spreadsheet)
    found = competency_question_files.find(question)
    if form is Output.table:
        typer.secho(f"{found.number}. {found.title.get(lang, found.title['en'])}", bold=True)
    _print_result(read_graph(data), found.text, form, spreadsheet=spreadsheet)


def _check_spreadsheet(form: Output, *, spreadsheet: bool) -> None:
    if spreadsheet and form is not Output.csv:
        raise BadInput("--spreadsheet is for CSV.", remedy="Leave it out, or choose --format csv.")


def _print_result(graph: WholeGraph, text: str, form: Output, *, spreadsheet: bool) -> None:
    """Run a query and print its result.

    Raises:
        BadInput: the format does not exist for this form of query, such as CSV for ASK.
    """
    no_boolean = form in (Output.csv, Output.tsv)  # SPARQL defines CSV and TSV for solutions only
    triples = "text/turtle" if form in (Output.table, Output.turtle) else None
    choice = ResultFormats(_RESULTS[form], None if no_boolean else _RESULTS[form], triples)
    try:
        result = interruptible_work.run(
            graph.store, lambda: graph.store.query(text, choice, QueryDataset(prefixes=PREFIXES))
        )
    except NotAcceptable:
        raise BadInput(
            f"The result of this query cannot be written as {form.value}.", remedy="Choose another --format."
        ) from None
    if form is Output.table and result.kind == "solutions":
        tables_and_trees.shown(Console(), tables_and_trees.solutions(result.content, graph.names.base))
    elif form is Output.table and result.kind == "boolean":
        typer.echo("yes" if json.loads(result.content)["boolean"] else "no")
    else:
        content = spreadsheet_csv.document(result.content) if spreadsheet else result.content
        typer.echo(content.decode().rstrip("\n"))


def why(
    claim: Annotated[
        str, typer.Argument(help="Claim, as IRI, article/claim (seed/C22) or id; or the subject of a statement.")
    ],
    predicate: Annotated[
        str | None, typer.Argument(help="Predicate of the statement to explain; needs an object.")
    ] = None,
    obj: Annotated[str | None, typer.Argument(metavar="OBJECT", help="Object of the statement.")] = None,
    data: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the explanation as JSON.")] = False,
    lang: Language = Lang.en,
) -> None:
    """Explain a claim (wording, cue, sources) or a statement (quotes, or axiom and premises)."""
    if predicate is not None and obj is None:
        raise BadInput(
            "A statement needs a subject, a predicate and an object.",
            remedy="Add the object, or leave the predicate out.",
        )
    graph = read_graph(data)
    if predicate is not None and obj is not None:
        found = graph.why_statement(_full(graph, claim), predicate, _full(graph, obj))
        typer.echo(found.model_dump_json(by_alias=True, indent=1))
        return
    explanation = graph.why(claim)
    if as_json:
        typer.echo(explanation.model_dump_json(by_alias=True, indent=1))
    else:
        tables_and_trees.shown(Console(), tables_and_trees.explanation(explanation, lang))


def _full(graph: WholeGraph, name: str) -> str:
    """Return the full IRI of a name that `kg query` prints without the base IRI (``entity/putin``)."""
    return graph.names.base + name if name.startswith(("article/", "entity/", "graph/")) else name
