"""Rewriting of SPARQL updates: the dataset of a request, the graphs that may be written, names in full.

:func:`with_using` adds the dataset of the protocol, :func:`confine` limits an update to the graphs that users may
write, :func:`without_illegal_graphs` leaves out quads that cannot be, and :func:`expanded` makes an update independent
of its declarations. All take an update that :mod:`kg.sparql.query_and_update_analysis` has found well formed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kg.errors import BadInput, MalformedText, UsingConflict
from kg.sparql.cursor_with_iri_resolution import TokenCursor, UnexpectedToken, is_absolute
from kg.sparql.lexer import LineIndex, Position, TokenKind
from kg.sparql.query_and_update_analysis import UpdateAnalysis
from kg.sparql.text_edits import TextEdit, TextSpan, edited, unused_name
from kg.sparql.update_operations import UpdateOperation


class GraphForbidden(ValueError):
    """An update would write a managed graph.

    Attributes:
        graph: the IRI of the graph, or ``"ALL"`` or ``"NAMED"``.
        line, column: place of its name, 1-based.
    """

    def __init__(self, graph: str, line: int, column: int) -> None:
        super().__init__(f"{graph} cannot be written (line {line}, column {column}).")
        self.graph, self.line, self.column = graph, line, column


def with_using(text: str, default: Sequence[str], named: Sequence[str]) -> str:
    """Return an update with USING clauses for ``using-graph-uri`` and ``using-named-graph-uri``.

    See SPARQL 1.1 Protocol, clause 2.2.3. ``DELETE WHERE { … }`` becomes ``DELETE { … } USING … WHERE { … }``.

    Raises:
        UsingConflict: the update itself has USING, USING NAMED or WITH.
        MalformedText: the text is not an update.
        BadInput: a graph is not an absolute IRI.
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
        if operation.kind == "DELETE WHERE" and operation.group:  # has no USING; an ordinary DELETE has
            clause_before = f"{edited(text, (), operation.group)} {clause}"
            edits.append(_insertion(operation.where, clause_before))
        elif operation.kind == "MODIFY":
            edits.append(_insertion(operation.where, clause))
    return edited(text, edits)


def without_illegal_graphs(update: UpdateAnalysis) -> str:
    """Return an update that inserts no quad whose graph is not named by an IRI (SPARQL 1.1 Update, section 3.1.3).

    The engine leaves out every other illegal quad, such as one with a literal as subject, but takes a blank node as the
    name of a graph. Only the quad is left out: the solution still fills the rest of the template. So the variable is
    replaced by one that is unbound where the name is not an IRI::

        INSERT { ?s <p> 1 . GRAPH ?g { ?s <q> 2 } } WHERE { BIND(BNODE() AS ?g) }
        INSERT { ?s <p> 1 . GRAPH ?g_iri { ?s <q> 2 } }
          WHERE { { BIND(BNODE() AS ?g) } BIND(IF(isIRI(?g), ?g, 1/0) AS ?g_iri) }

    Templates of DELETE remain, so that such quads of an earlier version can be removed.

    Raises:
        MalformedText: the text is not an update.
    """
    operations = _well_formed(update).operations
    return edited(update.text, [edit for operation in operations for edit in _graph_edits(update.text, operation)])


def _graph_edits(text: str, operation: UpdateOperation) -> list[TextEdit]:
    """Return the edits of one operation that replace the graph variables of its INSERT templates."""
    targets = [
        target
        for template in operation.templates
        if template.inserts
        for target in template.graphs
        if target.kind == "variable"
    ]
    if not targets or operation.group is None:
        return []
    names = {target.name: unused_name(text, f"{target.name}_iri") for target in targets}
    edits = [TextEdit(target.span, f"?{names[target.name]}") for target in targets]
    bindings = " ".join(f"BIND(IF(isIRI(?{name}), ?{name}, 1/0) AS ?{iri})" for name, iri in names.items())
    return [*edits, _insertion(operation.group.start, "{ "), _insertion(operation.group.end, f" {bindings} }}")]


def confine(update: UpdateAnalysis, default_graph: str, is_managed: Callable[[str], bool], managed_pattern: str) -> str:
    """Return an update rewritten for a store with a union default graph and managed graphs.

    Triples without a graph go to ``default_graph``. Solutions in which a graph variable of a template is bound to a
    managed graph are dropped. Text that needs no change is returned unchanged.

    Args:
        update: the update to rewrite.
        default_graph: IRI of the graph that replaces the default graph.
        is_managed: returns whether the graph with an absolute IRI must not be written.
        managed_pattern: a SPARQL condition that is true of managed graphs; ``{var}`` in it is the name of a variable.

    Raises:
        GraphForbidden: the update names a managed graph, or ALL or NAMED, to write.
        MalformedText: the text is not an update.
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
    """Return the graphs that a confined update names to write, and whether it may write others too.

    Others are those bound to variables, and those of ALL and NAMED.
    """
    graphs = {graph for operation in update.operations for graph in operation.graphs}
    if any(operation.default for operation in update.operations):
        graphs.add(default_graph)
    return frozenset(graphs), any(operation.variables or operation.everything for operation in update.operations)


def expanded(text: str, base: str) -> str:
    """Return an update with all IRIs in full, without declarations and final semicolon.

    In this form it can be combined with other operations: the engine accepts declarations only before the first
    operation, not before each (grammar rule 29).

    Example: ``PREFIX ex: <urn:x:> CLEAR GRAPH ex:a ;`` becomes ``CLEAR GRAPH <urn:x:a>`` (and some spaces).

    Raises:
        MalformedText: a declaration or an IRI is invalid, or some characters form no token.
    """
    cursor = TokenCursor(text, base)
    edits = []
    last = cursor.token  # the last token that is not part of a declaration
    try:
        while not cursor.ended:
            token = cursor.token
            if cursor.braces == 0 and cursor.at("BASE", "PREFIX", "VERSION"):
                cursor.prologue()
                edits.append(TextEdit(TextSpan(token.start, cursor.last.end), ""))
                continue
            last = token
            if token.kind not in (TokenKind.IRIREF, TokenKind.PNAME):
                cursor.take()
            elif is_absolute(iri := cursor.iri()):
                edits.append(TextEdit(TextSpan(token.start, token.end), f" <{iri}> "))
            else:
                raise UnexpectedToken
    except UnexpectedToken:
        cursor.reject()
    if cursor.malformed:
        raise _malformed(cursor.malformed)
    if last.kind is TokenKind.PUNCTUATION and last.text == ";":
        edits.append(TextEdit(TextSpan(last.start, last.end), ""))
    return edited(text, sorted(edits))


def _insertion(offset: int, text: str) -> TextEdit:
    return TextEdit(TextSpan(offset, offset), text)


def _well_formed(update: UpdateAnalysis) -> UpdateAnalysis:
    """Return the update if it is well formed, else raise MalformedText."""
    if update.malformed:
        raise _malformed(update.malformed)
    return update


def _malformed(position: Position) -> MalformedText:
    line, column = position
    return MalformedText(f"The update does not parse at line {line}, column {column}.", line=line, column=column)


def _name_default(operation: UpdateOperation, default_graph: str) -> Iterator[TextEdit]:
    """Yield the edits that replace the default graph in an operation on whole graphs by a named graph.

    ``CLEAR DEFAULT`` becomes ``CLEAR SILENT GRAPH <default_graph>``. SILENT is needed since a named graph may be
    missing, which is an error, while the default graph always exists.
    """
    loads = operation.kind == "LOAD"
    for number, graph in enumerate(operation.targets):
        if graph.kind == "keyword":
            # Only a source or sole target must exist: in ``COPY <g> TO DEFAULT`` the destination may be missing.
            if number == 0 and not loads and not operation.silent:
                yield _insertion(operation.span.start + len(operation.kind), " SILENT")
            yield TextEdit(graph.span, f"{' INTO ' if loads else ''}GRAPH <{default_graph}>")


def _confine_quads(text: str, operation: UpdateOperation, default_graph: str, pattern: str) -> list[TextEdit]:
    """Return the edits that put triples outside GRAPH into ``default_graph`` and guard variables that name graphs.

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
    # The block of DELETE WHERE is both template and pattern; only a separate pattern can be guarded.
    template = [_insertion(operation.where, edited(text, wraps, operation.group) + " ")] if wraps or after else []
    return [*template, *before, *wraps, *after]


def _guard(name: str, pattern: str) -> str:
    """Return a filter that drops managed graphs; the engine itself skips quads whose graph is unbound or not an IRI."""
    return f"FILTER(!BOUND(?{name}) || !isIRI(?{name}) || !({pattern.replace('{var}', name)}))"
