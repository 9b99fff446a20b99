"""Parser for the operations of a SPARQL update: the graphs that each writes (SPARQL 1.1 grammar, rules 29 to 52).

Templates are parsed completely, since any part may write a graph; a WHERE group is only skipped to its last bracket.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from kg.sparql.cursor_with_iri_resolution import TokenCursor, UnexpectedToken
from kg.sparql.lexer import Position, TokenKind
from kg.sparql.text_edits import TextSpan

_MANAGEMENT = ("LOAD", "CLEAR", "DROP", "CREATE", "ADD", "MOVE", "COPY")


class GraphTarget(NamedTuple):
    """A graph in an operation: an absolute IRI, a variable (without ``?``), or DEFAULT, NAMED or ALL."""

    kind: Literal["iri", "variable", "keyword"]
    name: str
    span: TextSpan


class QuadTemplate(NamedTuple):
    """A block of quads in curly brackets.

    Attributes:
        span: the block with its brackets.
        triples: runs of triples outside GRAPH.
        graphs: the graphs named by GRAPH.
        inserts: whether it adds quads; else it removes them.
    """

    span: TextSpan
    triples: tuple[TextSpan, ...]
    graphs: tuple[GraphTarget, ...]
    inserts: bool


@dataclass(frozen=True, slots=True)
class UpdateOperation:
    """One operation of an update.

    Attributes:
        kind: LOAD, CLEAR, DROP, CREATE, ADD, MOVE, COPY, INSERT DATA, DELETE DATA, DELETE WHERE or MODIFY; empty for
            the rest of a malformed text.
        span, position: its place in the text.
        targets: the graphs of an operation on whole graphs, source before destination.
        document: the IRI that LOAD fetches.
        silent: whether it has SILENT.
        templates: the blocks of quads that it inserts or deletes.
        with_graph: the graph of WITH.
        using: whether it has USING or USING NAMED.
        where: offset of the keyword WHERE, or -1.
        group: the block after WHERE; in DELETE WHERE that is also the template.
        services: positions of SERVICE.
    """

    kind: str
    span: TextSpan
    position: Position
    targets: tuple[GraphTarget, ...] = ()
    document: str = ""
    silent: bool = False
    templates: tuple[QuadTemplate, ...] = ()
    with_graph: GraphTarget | None = None
    using: bool = False
    where: int = -1
    group: TextSpan | None = None
    services: tuple[Position, ...] = ()

    @property
    def writes(self) -> tuple[GraphTarget, ...]:
        """The graphs that it writes, as named in the text."""
        # ADD and COPY leave their source unchanged; MOVE removes it.
        targets = self.targets[1:] if self.kind in ("ADD", "COPY") else self.targets
        with_graph = (self.with_graph,) if self.with_graph else ()
        return (*targets, *with_graph, *(graph for template in self.templates for graph in template.graphs))

    @property
    def graphs(self) -> frozenset[str]:
        """The graphs that it writes and names by an IRI."""
        return frozenset(graph.name for graph in self.writes if graph.kind == "iri")

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that name graphs it writes, in order and without duplicates."""
        return tuple(dict.fromkeys(graph.name for graph in self.writes if graph.kind == "variable"))

    @property
    def default(self) -> bool:
        """Whether it writes the default graph."""
        # Triples outside GRAPH go to the graph of WITH, or else to the default graph.
        named = any(graph.name == "DEFAULT" for graph in self.writes if graph.kind == "keyword")
        return named or (not self.with_graph and any(template.triples for template in self.templates))

    @property
    def everything(self) -> str:
        """The keyword ALL or NAMED if it writes many graphs at once, else an empty string."""
        keywords = (graph.name for graph in self.writes if graph.kind == "keyword")
        return next((name for name in keywords if name != "DEFAULT"), "")


def read_operation(cursor: TokenCursor) -> UpdateOperation:
    """Parse one operation (rule 30).

    Raises:
        UnexpectedToken: the text does not follow the grammar.
    """
    draft = UpdateOperation("", TextSpan(cursor.token.start, cursor.token.start), cursor.position)
    calls = len(cursor.services)
    operation = _management(cursor, draft) if cursor.at(*_MANAGEMENT) else _quads(cursor, draft)
    span = TextSpan(draft.span.start, cursor.last.end)
    return replace(operation, span=span, services=tuple(cursor.services[calls:]))


def _management(cursor: TokenCursor, draft: UpdateOperation) -> UpdateOperation:
    """Parse an operation on whole graphs (rules 31 to 37)."""
    kind = cursor.take().text.upper()
    silent, document = cursor.accept("SILENT"), ""
    targets: tuple[GraphTarget, ...]
    if kind == "LOAD":
        document = cursor.iri("SILENT")
        end = cursor.last.end  # without INTO: an empty span where it can be inserted
        targets = (
            (_target(cursor),) if cursor.accept("INTO") else (GraphTarget("keyword", "DEFAULT", TextSpan(end, end)),)
        )
    elif kind in ("ADD", "MOVE", "COPY"):
        source = _target(cursor, "DEFAULT", bare=True)
        cursor.expect("TO")
        targets = (source, _target(cursor, "DEFAULT", bare=True))
    else:
        targets = (_target(cursor, *(() if kind == "CREATE" else ("DEFAULT", "NAMED", "ALL"))),)
    return replace(draft, kind=kind, silent=silent, targets=targets, document=document)


def _target(cursor: TokenCursor, *keywords: str, bare: bool = False) -> GraphTarget:
    """Parse GRAPH and an IRI, if ``bare`` also an IRI alone, or one of ``keywords`` (rules 45 to 47)."""
    token = cursor.token
    if cursor.accept(*keywords):
        return GraphTarget("keyword", token.text.upper(), TextSpan(token.start, token.end))
    if not bare or cursor.at("GRAPH"):
        cursor.expect("GRAPH")
        return _graph(cursor)
    # Keywords that the engine would see at the start of a name: ``DEFAULTx:a`` is DEFAULT and ``x:a`` to it.
    return _graph(cursor, "SILENT", "GRAPH", "DEFAULT")


def _graph(cursor: TokenCursor, *cuts: str) -> GraphTarget:
    token = cursor.token
    return GraphTarget("iri", cursor.iri(*cuts), TextSpan(token.start, token.end))


def _quads(cursor: TokenCursor, draft: UpdateOperation) -> UpdateOperation:
    """Parse INSERT DATA, DELETE DATA, DELETE WHERE or a modification (rules 38 to 44)."""
    with_graph = _graph(cursor) if cursor.accept("WITH") else None
    word = cursor.expect("INSERT", "DELETE").text.upper()
    if not with_graph and cursor.accept("DATA"):
        return replace(draft, kind=f"{word} DATA", templates=(_template(cursor, inserts=word == "INSERT"),))
    if not with_graph and word == "DELETE" and cursor.accept("WHERE"):
        where, template = cursor.last.start, _template(cursor, inserts=False)
        return replace(draft, kind="DELETE WHERE", templates=(template,), where=where, group=template.span)
    templates = [_template(cursor, inserts=word == "INSERT")]
    if word == "DELETE" and cursor.accept("INSERT"):
        templates.append(_template(cursor, inserts=True))
    using = cursor.at("USING")
    while cursor.accept("USING"):
        cursor.accept("NAMED")
        cursor.iri()
    where, group = cursor.expect("WHERE").start, _group(cursor)
    return replace(
        draft, kind="MODIFY", templates=tuple(templates), with_graph=with_graph, using=using, where=where, group=group
    )


def _group(cursor: TokenCursor) -> TextSpan:
    """Skip a group graph pattern, whatever its content, and return its span."""
    outside = cursor.braces  # the group ends where the count is the same again
    start = cursor.expect("{").start
    while cursor.braces > outside and not cursor.ended:
        cursor.take()
    if cursor.braces > outside:
        raise UnexpectedToken
    return TextSpan(start, cursor.last.end)


def _template(cursor: TokenCursor, *, inserts: bool) -> QuadTemplate:
    """Parse a block of quads (rules 48 to 51)."""
    start = cursor.expect("{").start
    triples, graphs = [], []
    while not cursor.accept("}"):
        if cursor.accept("GRAPH"):
            graphs.append(_graph_or_variable(cursor))
            cursor.expect("{")
            _triples(cursor)
            cursor.expect("}")
            cursor.accept(".")
        elif cursor.at("{") or cursor.ended:
            raise UnexpectedToken
        else:
            triples.append(_triples(cursor))
    return QuadTemplate(TextSpan(start, cursor.last.end), tuple(triples), tuple(graphs), inserts)


def _graph_or_variable(cursor: TokenCursor) -> GraphTarget:
    token = cursor.token
    if token.kind is not TokenKind.VAR:
        return _graph(cursor)
    cursor.take()
    return GraphTarget("variable", token.text[1:], TextSpan(token.start, token.end))


def _triples(cursor: TokenCursor) -> TextSpan:
    """Skip triples up to GRAPH or a curly bracket, and return their span."""
    start = cursor.token.start
    while not cursor.at("GRAPH", "{", "}") and not cursor.ended:
        cursor.take()
    return TextSpan(start, cursor.last.end)
