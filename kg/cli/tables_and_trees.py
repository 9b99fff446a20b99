"""Terminal output: query results, validation reports and explanations as tables and trees."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from kg.articles.competency_question_files import Question
from kg.articles.explanation_records import Act, Explanation, Named, QuoteAt
from kg.gate.validation_report import ValidationReport, ValidationResult
from kg.iris import short_iri

_COLOURS = {"Violation": "red", "Warning": "yellow", "Info": "cyan"}


def solutions(content: bytes, base: str) -> Table:
    """Return a table of solutions in SPARQL JSON.

    IRIs are shortened: with the prefix of a known namespace, and relative to ``base``
    (``https://example.org/kg/entity/putin`` is shown as ``entity/putin``).
    """
    results = json.loads(content)
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    names = results["head"]["vars"]
    for name in names:
        table.add_column(name, overflow="fold")
    for row in results["results"]["bindings"]:
        table.add_row(*(escape(_cell(row.get(name), base)) for name in names))
    return table


def _cell(term: dict[str, Any] | None, base: str) -> str:
    if term is None:
        return ""
    value = str(term["value"])
    return short_iri(value).removeprefix(base) if term["type"] == "uri" else value


def report(found: ValidationReport, title: str, language: str) -> Table:
    """Return a table of the results of a validation report, in the order of the report."""
    table = Table(title=title, title_justify="left", show_lines=False, show_edge=False, header_style="bold")
    for column in ("", "id", "where", "what", "remedy"):
        table.add_column(column, overflow="fold")
    for result in found.results:
        colour = _COLOURS[result.severity]
        table.add_row(
            f"[{colour}]{result.severity}[/]",
            result.constraint,
            escape(result.pointer or result.focus or ""),
            escape(_text(result.messages, result, language)),
            escape(result.remedies.get(language, result.remedy)),
        )
    return table


def _text(messages: dict[str, str], result: ValidationResult, language: str) -> str:
    return messages.get(language, result.message)


def counts(found: ValidationReport) -> str:
    """Return the counts of a validation report in one line: ``1 violation, 3 warnings, 20 notes``."""
    parts = (
        _number(len(found.violations), "violation"),
        _number(len(found.warnings), "warning"),
        _number(len(found.infos), "note"),
    )
    return ", ".join(parts)


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def questions(listed: Iterable[Question], language: str) -> Table:
    """Return a table of the competency questions."""
    table = Table(show_edge=False, header_style="bold")
    table.add_column("no.", justify="right")
    table.add_column("name")
    table.add_column("question", overflow="fold")
    for question in listed:
        table.add_row(str(question.number), question.name, question.title[language])
    return table


def explanation(found: Explanation, language: str) -> Tree:
    """Return the explanation of a claim as a tree: quotes, cue, sources, certainty and inferred statements."""
    verb = {"affirms": "affirms", "denies": "[red]denies[/]"}[found.polarity]
    tree = Tree(f"[bold]{escape(found.claim)}[/] {verb}: {escape(_label(found.content, language))}")
    wording = tree.add("wording")
    for quote in found.quotes:
        wording.add(_quote(quote))
    if found.cue:
        cue = tree.add(f"attributed by ({found.attribution_mode})")
        for quote in found.cue:
            cue.add(_quote(quote))
    chain = tree.add("sources, from the article to the origin")
    for number, act in enumerate(found.chain, start=1):
        chain.add(f"{number}. {_act(act, language)}")
    certainty = f"{found.certainty}" + ("" if found.probability is None else f" ({found.probability:g})")
    tree.add(f"attribution {found.attribution_mode}, {found.expression}, {certainty}")
    tree.add(f"read by {escape(found.extracted_by)}, {found.review_status}")
    inferred = tree.add("inferred statements")
    for inference in found.inferred:
        s = inference.statement
        inferred.add(escape(f"{s.subject} {s.predicate} {s.object}   [{inference.rule}] {inference.axiom}"))
    return tree


def _quote(quote: QuoteAt) -> str:
    """Return a quote with up to 30 characters of context on each side, and its offsets in code points."""
    before, after = quote.before[-30:].replace("\n", " "), quote.after[:30].replace("\n", " ")
    return f"[dim]…{escape(before)}[/][bold]{escape(quote.exact)}[/][dim]{escape(after)}…[/] {quote.start}–{quote.end}"


def _act(act: Act, language: str) -> str:
    """Return one line for a source act: its label, who reports, and the outlet if there is one."""
    who = ", ".join(_label(agent, language) for agent in act.reporter)
    where = ", ".join(_label(outlet, language) for outlet in act.venue)
    return escape(f"{_label(act.act, language)} — {who}" + (f", in {where}" if where else ""))


def _label(named: Named, language: str) -> str:
    """Return the label in the language, else in any language, else the IRI."""
    return named.label.get(language) or next(iter(named.label.values()), named.iri)


def shown(console: Console, item: object) -> None:
    """Print an item; use a fixed width of 240 columns if the output is not a terminal, so that lines stay whole."""
    if console.is_terminal:
        console.print(item)
    else:
        Console(file=console.file, width=240, highlight=False).print(item)
