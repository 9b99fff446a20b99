"""What no request may do: name managed graphs, reach out, or hide behind text that is not SPARQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NoReturn

from kg.errors import Forbidden, MalformedText
from kg.iris import Names
from kg.rdf import oxigraph
from kg.sparql import static_analysis
from kg.sparql.lexer import Position


def managed(graph: str, line: int | None = None, column: int | None = None) -> Forbidden:
    """Make the error for a graph that only the server writes (or ``ALL`` and ``NAMED``, which hold such)."""
    if graph in ("ALL", "NAMED"):
        return Forbidden(
            f"{graph} would clear graphs that the server manages.",
            remedy="Name your own graphs one by one.",
            line=line,
            column=column,
        )
    return Forbidden(
        f"The graph <{graph}> is managed by the server and cannot be written by an update or the graph store.",
        remedy="Write to a graph of your own; change an article through /articles.",
        line=line,
        column=column,
    )


def confine(update: static_analysis.UpdateAnalysis, names: Names) -> str:
    """Keep an update to users' graphs.

    Raises:
        Forbidden: it names a managed graph to be written.
    """
    pattern = f'REGEX(STR(?{{var}}), "{names.managed_pattern}")'
    try:
        return static_analysis.confine(update, names.default_graph, names.is_managed, pattern)
    except static_analysis.GraphForbidden as error:
        raise managed(error.graph, error.line, error.column) from None


def refuse_malformed(text: str, place: Position, ask: Callable[[], object]) -> NoReturn:
    """Refuse text that does not follow the grammar, even where the engine would make something of it.

    The engine's own words are better, but it is asked only where it cannot be led to send a request.
    """
    if not re.search(r"service|load", text, re.IGNORECASE):
        ask()
    raise MalformedText(
        f"The text does not parse at line {place.line}, column {place.column}: nothing in SPARQL 1.1 fits here.",
        line=place.line,
        column=place.column,
    )


def check_syntax(text: str, base: str) -> None:
    """Let the engine say what is wrong, and where, in the user's own text; a scratch store takes the blow.

    The engine takes declarations only before the first operation, the standard before each (grammar rule 29): so a
    text counts as right, too, when it is right without its declarations.
    """
    try:
        oxigraph.check_update(text, base)
    except MalformedText:
        try:
            oxigraph.check_update(static_analysis.expanded(text, base), base)
        except MalformedText:
            pass
        else:
            return
        raise


def refuse_service(places: Sequence[Position]) -> None:
    """Refuse a request that calls another endpoint.

    Raises:
        Forbidden: ``places`` is not empty.
    """
    if places:
        line, column = places[0]
        raise Forbidden(
            f"SERVICE at line {line}, column {column} is refused: this server sends no requests of its own.",
            remedy="Ask the operator of the server to allow it by KG_ALLOW_SERVICE, load the other data with "
            "`kg load`, or ask the other endpoint yourself.",
            line=line,
            column=column,
        )


def refuse_load(update: static_analysis.UpdateAnalysis) -> None:
    """Refuse an update that fetches anything.

    Raises:
        Forbidden: it holds LOAD or SERVICE.
    """
    for operation in update.operations:
        refuse_service(operation.services)
        if operation.kind == "LOAD":
            line, column = operation.position
            raise Forbidden(
                f"LOAD at line {line}, column {column} is refused: this server fetches nothing.",
                remedy="Send the data itself to /graphs, load a file with `kg load`, or ask the operator of the server "
                "to allow it by KG_ALLOW_LOAD.",
                line=line,
                column=column,
            )
