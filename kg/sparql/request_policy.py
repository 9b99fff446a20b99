"""Policy for SPARQL requests: no writes to managed graphs, no outgoing requests, no text that is not SPARQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NoReturn

from kg.errors import Forbidden, MalformedText
from kg.iris import Names
from kg.rdf import oxigraph_queries
from kg.sparql import query_and_update_analysis
from kg.sparql.lexer import Position
from kg.sparql.rewriting import update_dataset_and_confinement


def managed(graph: str, line: int | None = None, column: int | None = None) -> Forbidden:
    """Return the error for a managed graph, or for ``ALL`` and ``NAMED``, which include managed graphs."""
    if graph in ("ALL", "NAMED"):
        return Forbidden(
            f"{graph} would also clear graphs that are managed by the server.",
            remedy="Name your own graphs one by one.",
            line=line,
            column=column,
        )
    return Forbidden(
        f"The graph <{graph}> is managed by the server and cannot be written by an update or the graph store.",
        remedy="Write to another graph; change an article through /articles.",
        line=line,
        column=column,
    )


def confine(update: query_and_update_analysis.UpdateAnalysis, names: Names) -> str:
    """Return an update rewritten so that it writes user graphs only (``update_dataset_and_confinement.confine``).

    Raises:
        Forbidden: the update names a managed graph to write.
    """
    pattern = f'REGEX(STR(?{{var}}), "{names.managed_pattern}")'
    try:
        return update_dataset_and_confinement.confine(update, names.default_graph, names.is_managed, pattern)
    except update_dataset_and_confinement.GraphForbidden as error:
        raise managed(error.graph, error.line, error.column) from None


def refuse_malformed(text: str, place: Position, parse: Callable[[], object]) -> NoReturn:
    """Raise the error for text that does not follow the grammar, even if the engine would accept it.

    Args:
        text: the query or update.
        place: where it stops being SPARQL.
        parse: lets the engine parse it, for its more precise message. It is only called if the text cannot make the
            engine send a request.

    Raises:
        MalformedText: always, unless ``parse`` raises another error.
    """
    if not re.search(r"service|load", text, re.IGNORECASE):
        parse()
    raise MalformedText(
        f"The text does not parse at line {place.line}, column {place.column}: it does not follow the grammar "
        "of SPARQL 1.1.",
        line=place.line,
        column=place.column,
    )


def check_syntax(text: str, base: str) -> None:
    """Check the syntax of an update with the engine, using an empty in-memory store.

    The engine accepts declarations only before the first operation, the standard before each (grammar rule 29). So a
    text is also valid if it is valid with its IRIs in full and without declarations. The error is always that of the
    user's own text, since it names a place in it.

    Raises:
        MalformedText: the update has a syntax error.
    """
    try:
        oxigraph_queries.check_update(text, base)
    except MalformedText:
        try:
            oxigraph_queries.check_update(update_dataset_and_confinement.expanded(text, base), base)
        except MalformedText:
            pass
        else:
            return
        raise


def refuse_service(places: Sequence[Position]) -> None:
    """Check that a request calls no SERVICE.

    Raises:
        Forbidden: ``places``, the positions of the calls, is not empty.
    """
    if places:
        line, column = places[0]
        raise Forbidden(
            f"SERVICE at line {line}, column {column} is refused: this server sends no outgoing requests.",
            remedy="Ask the operator of the server to allow it with KG_ALLOW_SERVICE, load the other data with "
            "`kg load`, or query the other endpoint yourself.",
            line=line,
            column=column,
        )


def refuse_load(update: query_and_update_analysis.UpdateAnalysis) -> None:
    """Check that an update contains neither LOAD nor SERVICE.

    Raises:
        Forbidden: it contains one of them.
    """
    for operation in update.operations:
        refuse_service(operation.services)
        if operation.kind == "LOAD":
            line, column = operation.position
            raise Forbidden(
                f"LOAD at line {line}, column {column} is refused: this server fetches no documents.",
                remedy="Send the data itself to /graphs, load a file with `kg load`, or ask the operator of the server "
                "to allow it with KG_ALLOW_LOAD.",
                line=line,
                column=column,
            )
