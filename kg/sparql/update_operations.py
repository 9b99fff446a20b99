"""Read the operations of a SPARQL update from its tokens: what each writes, and where (SPARQL 1.1 grammar, 29 to 52).

Templates are read to the last triple, since a graph may be written by any of them; a WHERE group is only walked over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from kg.sparql.lexer import Position, TokenKind
from kg.sparql.token_cursor import TokenCursor, UnexpectedToken

_MANAGEMENT = ("LOAD", "CLEAR", "DROP", "CREATE", "ADD", "MOVE", "COPY")


class TextSpan(NamedTuple):
    """A stretch of the text, as offsets in code points."""

    start: int
    end: int


class GraphTarget(NamedTuple):
    """A graph as an operation names it: an absolute IRI, a variable without its mark, or DEFAULT, NAMED or ALL."""

    kind: Literal["iri", "variable", "keyword"]
    name: str
    span: TextSpan


class QuadTemplate(NamedTuple):
    """A block of quads from bracket to bracket: its runs of triples outside GRAPH, and the graphs of its GRAPHs."""

    span: TextSpan
    triples: tuple[TextSpan, ...]
    graphs: tuple[GraphTarget, ...]


@dataclass(frozen=True, slots=True)
class UpdateOperation:
    """One operation of an update.

    Attributes:
        kind: LOAD, CLEAR, DROP, CREATE, ADD, MOVE, COPY, INSERT DATA, DELETE DATA, DELETE WHERE or MODIFY; empty for
            what follows the place where the text is malformed.
        span, position: where it stands.
        targets: the graphs that an operation on whole graphs names, source before destination.
        document: the IRI that LOAD fetches.
        silent: whether it says SILENT.
        templates: the blocks of quads that it inserts or deletes.
        with_graph: the graph of WITH.
        using: whether it has USING or USING NAMED.
        where: offset of the keyword WHERE.
        group: the brackets after WHERE; of DELETE WHERE also those of its template.
        services: where it calls SERVICE.
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
        """The graphs that it names in order to write them."""
        targets = self.targets[1:] if self.kind in ("ADD", "COPY") else self.targets
        with_graph = (self.with_graph,) if self.with_graph else ()
        return (*targets, *with_graph, *(graph for template in self.templates for graph in template.graphs))

    @property
    def graphs(self) -> frozenset[str]:
        """The absolute IRIs among the graphs it writes."""
        return frozenset(graph.name for graph in self.writes if graph.kind == "iri")

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that name graphs it writes, in order, each once."""
        return tuple(dict.fromkeys(graph.name for graph in self.writes if graph.kind == "variable"))

    @property
    def default(self) -> bool:
        """Whether it writes the default graph."""
        named = any(graph.name == "DEFAULT" for graph in self.writes if graph.kind == "keyword")
        return named or (not self.with_graph and any(template.triples for template in self.templates))

    @property
    def everything(self) -> str:
        """The keyword ALL or NAMED if it addresses many graphs at once, else ""."""
        keywords = (graph.name for graph in self.writes if graph.kind == "keyword")
        return next((name for name in keywords if name != "DEFAULT"), "")


def read_operation(reader: TokenCursor) -> UpdateOperation:
    """Read one operation, rule 30; raises Unexpected where the text does not follow the grammar."""
    draft = UpdateOperation("", TextSpan(reader.token.start, reader.token.start), reader.position)
    calls = len(reader.services)
    operation = _management(reader, draft) if reader.sees(*_MANAGEMENT) else _quads(reader, draft)
    span = TextSpan(draft.span.start, reader.last.end)
    return replace(operation, span=span, services=tuple(reader.services[calls:]))


def _management(reader: TokenCursor, draft: UpdateOperation) -> UpdateOperation:
    """Read an operation on whole graphs, rules 31 to 37."""
    kind = reader.take().text.upper()
    silent, document = reader.accept("SILENT"), ""
    targets: tuple[GraphTarget, ...]
    if kind == "LOAD":
        document = reader.iri("SILENT")
        end = reader.last.end
        targets = (
            (_target(reader),) if reader.accept("INTO") else (GraphTarget("keyword", "DEFAULT", TextSpan(end, end)),)
        )
    elif kind in ("ADD", "MOVE", "COPY"):
        source = _target(reader, "DEFAULT", bare=True)
        reader.expect("TO")
        targets = (source, _target(reader, "DEFAULT", bare=True))
    else:
        targets = (_target(reader, *(() if kind == "CREATE" else ("DEFAULT", "NAMED", "ALL"))),)
    return replace(draft, kind=kind, silent=silent, targets=targets, document=document)


def _target(reader: TokenCursor, *keywords: str, bare: bool = False) -> GraphTarget:
    """Read GRAPH and an IRI, if ``bare`` also an IRI alone, or one of ``keywords``; rules 45 to 47."""
    token = reader.token
    if reader.accept(*keywords):
        return GraphTarget("keyword", token.text.upper(), TextSpan(token.start, token.end))
    if not bare or reader.sees("GRAPH"):
        reader.expect("GRAPH")
        return _graph(reader)
    return _graph(reader, "SILENT", "GRAPH", "DEFAULT")


def _graph(reader: TokenCursor, *cuts: str) -> GraphTarget:
    token = reader.token
    return GraphTarget("iri", reader.iri(*cuts), TextSpan(token.start, token.end))


def _quads(reader: TokenCursor, draft: UpdateOperation) -> UpdateOperation:
    """Read INSERT DATA, DELETE DATA, DELETE WHERE or a modification, rules 38 to 44."""
    with_graph = _graph(reader) if reader.accept("WITH") else None
    word = reader.expect("INSERT", "DELETE").text.upper()
    if not with_graph and reader.accept("DATA"):
        return replace(draft, kind=f"{word} DATA", templates=(_template(reader),))
    if not with_graph and word == "DELETE" and reader.accept("WHERE"):
        where, template = reader.last.start, _template(reader)
        return replace(draft, kind="DELETE WHERE", templates=(template,), where=where, group=template.span)
    templates = [_template(reader)]
    if word == "DELETE" and reader.accept("INSERT"):
        templates.append(_template(reader))
    using = reader.sees("USING")
    while reader.accept("USING"):
        reader.accept("NAMED")
        reader.iri()
    where, group = reader.expect("WHERE").start, _group(reader)
    return replace(
        draft, kind="MODIFY", templates=tuple(templates), with_graph=with_graph, using=using, where=where, group=group
    )


def _group(reader: TokenCursor) -> TextSpan:
    """Read a group graph pattern to its last bracket, whatever it holds."""
    outside = reader.braces
    start = reader.expect("{").start
    while reader.braces > outside and not reader.ended:
        reader.take()
    if reader.braces > outside:
        raise UnexpectedToken
    return TextSpan(start, reader.last.end)


def _template(reader: TokenCursor) -> QuadTemplate:
    """Read a block of quads, rules 48 to 51."""
    start = reader.expect("{").start
    triples, graphs = [], []
    while not reader.accept("}"):
        if reader.accept("GRAPH"):
            graphs.append(_graph_or_variable(reader))
            reader.expect("{")
            _triples(reader)
            reader.expect("}")
            reader.accept(".")
        elif reader.sees("{") or reader.ended:
            raise UnexpectedToken
        else:
            triples.append(_triples(reader))
    return QuadTemplate(TextSpan(start, reader.last.end), tuple(triples), tuple(graphs))


def _graph_or_variable(reader: TokenCursor) -> GraphTarget:
    token = reader.token
    if token.kind is not TokenKind.VAR:
        return _graph(reader)
    reader.take()
    return GraphTarget("variable", token.text[1:], TextSpan(token.start, token.end))


def _triples(reader: TokenCursor) -> TextSpan:
    """Read triples up to GRAPH or a bracket of quads."""
    start = reader.token.start
    while not reader.sees("GRAPH", "{", "}") and not reader.ended:
        reader.take()
    return TextSpan(start, reader.last.end)
