"""What SPARQL requests may do, read from their text without asking the engine, and updates rewritten to be safe.

A :class:`QueryAnalysis` tells its form and where it calls SERVICE; an :class:`UpdateAnalysis` tells, operation by
operation, which graphs it writes.  :func:`with_using` adds the dataset of the protocol, :func:`confine` keeps an
update to the graphs that users may write, and :func:`expanded` lets it stand among other operations.

What the grammar of SPARQL does not lead to is ``malformed`` and has to be refused, for our engine reads more than the
grammar: it has no lexer, and cuts a name that fits nowhere, so that ``{ SERVICEex:x {} }`` calls a service and
``GRAPHex:g {}`` writes a graph.  Read a request here before the engine sees it, be it only to check its syntax in an
empty store: SERVICE and LOAD are carried out there too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from kg.errors import BadInput, MalformedText, UsingConflict
from kg.sparql.lexer import LineIndex, Position, TokenKind
from kg.sparql.token_cursor import TokenCursor, UnexpectedToken, is_absolute
from kg.sparql.update_operations import TextSpan, UpdateOperation, read_operation


class GraphForbidden(ValueError):
    """An update would write a managed graph.

    Attributes:
        graph: the IRI of the graph, or ``"ALL"`` or ``"NAMED"``.
        line, column: where it is named, from 1.
    """

    def __init__(self, graph: str, line: int, column: int) -> None:
        super().__init__(f"{graph} cannot be written (line {line}, column {column}).")
        self.graph, self.line, self.column = graph, line, column


@dataclass(frozen=True, slots=True)
class QueryAnalysis:
    """What must be known of a query before the engine sees it.

    Attributes:
        form: SELECT, ASK, CONSTRUCT or DESCRIBE; empty if it is none.
        default_graphs, named_graphs: the absolute IRIs of FROM, and of FROM NAMED.
        services: where it calls SERVICE; also where it is malformed, if it holds that word at all.
        malformed: where it stops being SPARQL, if it does.
    """

    form: str
    default_graphs: tuple[str, ...]
    named_graphs: tuple[str, ...]
    services: tuple[Position, ...]
    malformed: Position | None

    @property
    def has_dataset(self) -> bool:
        """Whether it has a FROM or FROM NAMED clause."""
        return bool(self.default_graphs or self.named_graphs)

    @classmethod
    def parse(cls, text: str, base: str, prefixes: Mapping[str, str] | None = None) -> Self:
        """Read ``text``; ``prefixes`` need not be declared in it. Never raises."""
        reader = TokenCursor(text, base, prefixes)
        form, default, named = "", list[str](), list[str]()
        try:
            reader.prologue()
        except UnexpectedToken:
            reader.reject()
        if reader.sees("SELECT", "ASK", "CONSTRUCT", "DESCRIBE"):
            form = reader.token.text.upper()
        else:
            reader.reject()
        while not reader.ended:
            if not (reader.braces == 0 and reader.accept("FROM")):
                reader.take()
                continue
            graphs = named if reader.accept("NAMED") else default
            try:
                graphs.append(reader.iri())
            except UnexpectedToken:
                reader.reject()
        services = (*reader.services, *reader.doubts("SERVICE"))
        return cls(form, tuple(default), tuple(named), services, reader.malformed)


@dataclass(frozen=True, slots=True)
class UpdateAnalysis:
    """The operations of an update.

    Attributes:
        text: the text they were read from.
        operations: in order; where the text is malformed, the last is of kind ``""``.
        malformed: where it stops being SPARQL, if it does.
    """

    text: str = field(repr=False)
    operations: tuple[UpdateOperation, ...]
    malformed: Position | None

    @classmethod
    def parse(cls, text: str, base: str) -> Self:
        """Read ``text``, in which PREFIX and BASE may stand before each operation (grammar rule 29). Never raises."""
        reader = TokenCursor(text, base)
        operations: list[UpdateOperation] = []
        try:
            reader.prologue()
            while not reader.ended:
                operations.append(read_operation(reader))
                if not reader.accept(";"):
                    break
                reader.prologue()
        except UnexpectedToken:
            reader.reject()
        if not reader.ended:
            reader.reject()
        called, start = len(reader.services), reader.token.start
        while not reader.ended:
            reader.take()
        if reader.malformed:
            services = (*reader.services[called:], *reader.doubts("SERVICE", "LOAD"))
            operations.append(UpdateOperation("", TextSpan(start, len(text)), reader.malformed, services=services))
        return cls(text, tuple(operations), reader.malformed)

    @property
    def services(self) -> tuple[Position, ...]:
        """Where it calls SERVICE, or may do so unseen because it is malformed."""
        return tuple(position for operation in self.operations for position in operation.services)


def with_using(text: str, default: Sequence[str], named: Sequence[str]) -> str:
    """Give each WHERE the dataset of ``using-graph-uri`` and ``using-named-graph-uri`` (Protocol, clause 2.2.3).

    Raises:
        UsingConflict: the update itself has USING, USING NAMED or WITH.
        MalformedText: it is no update.
        BadInput: a graph is no absolute IRI.
    """
    for graph in (*default, *named):
        if not is_absolute(graph):
            raise BadInput(f"{graph!r} is not an absolute IRI.", remedy="Name the graphs by their full IRIs.")
    clause = "".join([*(f"USING <{graph}> " for graph in default), *(f"USING NAMED <{graph}> " for graph in named)])
    if not clause:
        return text
    edits = []
    for operation in _well_formed(UpdateAnalysis.parse(text, "base:/")).operations:
        if operation.using or operation.with_graph:
            raise UsingConflict(*operation.position)
        if operation.kind == "DELETE WHERE" and operation.group:
            clause_before = f"{edited(text, (), operation.group)} {clause}"
            edits.append(_insertion(operation.where, clause_before))
        elif operation.kind == "MODIFY":
            edits.append(_insertion(operation.where, clause))
    return edited(text, edits)


def confine(update: UpdateAnalysis, default_graph: str, is_managed: Callable[[str], bool], managed_pattern: str) -> str:
    """Rewrite an update for a store whose default graph is the union of its graphs and which manages some of them.

    What is written without a graph goes to ``default_graph``. Solutions in which a graph variable of a template stands
    for a managed graph are dropped. The text is returned as it is where nothing has to be done.

    Args:
        update: what to rewrite.
        default_graph: IRI of the graph that takes the place of the default graph.
        is_managed: tells for an absolute IRI whether that graph must not be written.
        managed_pattern: a SPARQL condition that is true of managed graphs; ``{var}`` in it is a variable's name.

    Raises:
        GraphForbidden: a managed graph, or ALL or NAMED, is named in order to be written.
        MalformedText: it is no update.
    """
    for graph in (graph for operation in _well_formed(update).operations for graph in operation.writes):
        many = graph.kind == "keyword" and graph.name != "DEFAULT"
        if many or (graph.kind == "iri" and is_managed(graph.name)):
            raise GraphForbidden(graph.name, *LineIndex(update.text).at(graph.span.start))
    edits: list[TextEdit] = []
    for operation in update.operations:
        edits += _name_default(operation, default_graph)
        edits += _confine_quads(update.text, operation, default_graph, managed_pattern)
    return edited(update.text, edits)


def written(update: UpdateAnalysis, default_graph: str) -> tuple[frozenset[str], bool]:
    """Return the graphs that an update, once confined, names in order to write, and whether variables name more."""
    graphs = {graph for operation in update.operations for graph in operation.graphs}
    if any(operation.default for operation in update.operations):
        graphs.add(default_graph)
    return frozenset(graphs), any(operation.variables or operation.everything for operation in update.operations)


def expanded(text: str, base: str) -> str:
    """Write an update so that it can stand among other operations.

    Its IRIs are written out, its declarations and a last semicolon left out: the engine takes declarations only before
    the first operation, not before each (grammar rule 29).

    Raises:
        MalformedText: a declaration or an IRI cannot be read, or the text holds what is no token.
    """
    reader = TokenCursor(text, base)
    edits = []
    last = reader.token
    try:
        while not reader.ended:
            token = reader.token
            if reader.braces == 0 and reader.sees("BASE", "PREFIX", "VERSION"):
                reader.prologue()
                edits.append(TextEdit(TextSpan(token.start, reader.last.end), ""))
                continue
            last = token
            if token.kind not in (TokenKind.IRIREF, TokenKind.PNAME):
                reader.take()
            elif is_absolute(iri := reader.iri()):
                edits.append(TextEdit(TextSpan(token.start, token.end), f" <{iri}> "))
            else:
                raise UnexpectedToken
    except UnexpectedToken:
        reader.reject()
    if reader.malformed:
        raise _malformed(reader.malformed)
    if last.kind is TokenKind.PUNCTUATION and last.text == ";":
        edits.append(TextEdit(TextSpan(last.start, last.end), ""))
    return edited(text, sorted(edits))


class TextEdit(NamedTuple):
    """What is to stand in the place of a stretch of a text."""

    span: TextSpan
    text: str


def _insertion(offset: int, text: str) -> TextEdit:
    return TextEdit(TextSpan(offset, offset), text)


def edited(text: str, edits: Sequence[TextEdit], span: TextSpan | None = None) -> str:
    """Return ``text``, or the part of it in ``span``, after edits that lie in it, in order and apart."""
    offset, end = span or (0, len(text))
    pieces = []
    for edit in edits:
        pieces += [text[offset : edit.span.start], edit.text]
        offset = edit.span.end
    return "".join([*pieces, text[offset:end]])


def _well_formed(update: UpdateAnalysis) -> UpdateAnalysis:
    if update.malformed:
        raise _malformed(update.malformed)
    return update


def _malformed(position: Position) -> MalformedText:
    line, column = position
    return MalformedText(f"The update does not parse at line {line}, column {column}.", line=line, column=column)


def _name_default(operation: UpdateOperation, default_graph: str) -> Iterator[TextEdit]:
    """Name the default graph where an operation on whole graphs means it.

    A graph that is named may be missing, which is an error, while the default graph is always there: hence SILENT.
    """
    loads = operation.kind == "LOAD"
    for number, graph in enumerate(operation.targets):
        if graph.kind == "keyword":
            if number == 0 and not loads and not operation.silent:
                yield _insertion(operation.span.start + len(operation.kind), " SILENT")
            yield TextEdit(graph.span, f"{' INTO ' if loads else ''}GRAPH <{default_graph}>")


def _confine_quads(text: str, operation: UpdateOperation, default_graph: str, pattern: str) -> list[TextEdit]:
    """Name the graph of triples that stand outside GRAPH, and guard the variables that name graphs.

    Examples (``<default>`` is the default graph, ``(guard)`` the filter that :func:`_guard` writes for ``?g``)::

        INSERT { <a> <p> ?o } WHERE { ?s <p> ?o }
        INSERT { GRAPH <default> { <a> <p> ?o } } WHERE { ?s <p> ?o }

        DELETE { GRAPH ?g { ?s ?p 1 } } WHERE { GRAPH ?g { ?s ?p 1 } }
        DELETE { GRAPH ?g { ?s ?p 1 } } WHERE { { GRAPH ?g { ?s ?p 1 } } (guard) }

        DELETE WHERE { ?s <p> ?o . GRAPH ?g { ?s ?p 1 } }
        DELETE { GRAPH <default> { ?s <p> ?o . } GRAPH ?g { ?s ?p 1 } }
          WHERE { { GRAPH <default> { ?s <p> ?o . } GRAPH ?g { ?s ?p 1 } } (guard) }
    """
    wraps: list[TextEdit] = []
    for run in (run for template in operation.templates if not operation.with_graph for run in template.triples):
        wraps += [_insertion(run.start, f"GRAPH <{default_graph}> {{ "), _insertion(run.end, " }")]
    if operation.group is None:
        return wraps
    before, after = [], []
    if operation.variables:
        guards = " ".join(_guard(name, pattern) for name in operation.variables)
        before, after = [_insertion(operation.group.start, "{ ")], [_insertion(operation.group.end, f" {guards} }}")]
    if operation.kind == "MODIFY":
        return [*wraps, *before, *after]
    # The block of DELETE WHERE is template and pattern at once; a pattern that is guarded has to stand apart.
    template = [_insertion(operation.where, edited(text, wraps, operation.group) + " ")] if wraps or after else []
    return [*template, *before, *wraps, *after]


def _guard(name: str, pattern: str) -> str:
    """Write a filter that drops managed graphs; a quad whose graph is unbound or no IRI is the engine's affair."""
    return f"FILTER(!BOUND(?{name}) || !isIRI(?{name}) || !({pattern.replace('{var}', name)}))"
