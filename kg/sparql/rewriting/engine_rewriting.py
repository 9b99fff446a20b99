"""Rewriting of texts so that the engine, where it departs from SPARQL 1.1, gives what the standard says.

- Alternatives in a path become UNION, where each solution counts (Query, section 18.4): the engine drops duplicates.
- Conditions of ORDER BY become expressions whose values the engine sorts in a total order
  (:mod:`kg.sparql.rewriting.sort_expressions`). Its own order of values of several types is none, and its sort then
  gives up or ends the process.
- ``SELECT *`` becomes a list of variables in the order in which they appear; the engine sorts them by name.
- GROUP_CONCAT is given strings: the engine has no result for IRIs and numbers.

A text that needs none of this, or has syntax that the scanner does not know, stays as it is.
"""

from __future__ import annotations

import re
from itertools import count

from kg.sparql.cursor_with_iri_resolution import UnexpectedToken
from kg.sparql.query_and_update_analysis import UpdateAnalysis
from kg.sparql.rewriting.query_scanner import PatternScanner
from kg.sparql.rewriting.scanned_elements import PathAndObject, PatternNode, PropertyPath, ScannedText, SubjectTriples
from kg.sparql.rewriting.sort_expressions import sort_conditions
from kg.sparql.text_edits import TextEdit, TextSpan, edited, unused_name

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XSD = "http://www.w3.org/2001/XMLSchema#"
_SPACE = r"(?:\s|#[^\r\n]*[\r\n])*"
# What a text contains that may have to be rewritten; in doubt it is scanned.
_CANDIDATE = re.compile(
    rf"(?<!\|)\|(?!\|)|order|group_concat|select{_SPACE}(?:(?:distinct|reduced){_SPACE})?\*",
    re.IGNORECASE,
)
_ORDER = re.compile("order", re.IGNORECASE)


def query_edits(text: str, *, trusted: bool = False) -> tuple[TextEdit, ...]:
    """Return the edits of a query; of a ``trusted`` one, which knows the engine, only those of ORDER BY."""
    if not (_ORDER if trusted else _CANDIDATE).search(text):
        return ()
    try:
        found = PatternScanner(text).query()
    except (UnexpectedToken, RecursionError):
        return ()
    return tuple(_order_edits(text, found)) if trusted else _all_edits(text, found)


def rewritten_update(update: UpdateAnalysis) -> str:
    """Return an update whose patterns are rewritten; its templates stay as they are."""
    text, edits = update.text, list[TextEdit]()
    for operation in update.operations:
        if operation.kind != "MODIFY" or operation.group is None:
            continue
        if _CANDIDATE.search(text, *operation.group):
            try:
                found = PatternScanner(text, operation.group).group()
            except (UnexpectedToken, RecursionError):
                continue
            edits += _all_edits(text, found)
    return edited(text, edits)


def _all_edits(text: str, found: ScannedText) -> tuple[TextEdit, ...]:
    """Return all edits of a scanned text."""
    paths, nodes = _path_edits(text, found)
    edits = [*_order_edits(text, found), *_concat_edits(text, found), *paths, *_star_edits(found, hide=nodes)]
    return tuple(sorted(edits, key=lambda edit: edit.span))


def _star_edits(found: ScannedText, *, hide: bool) -> list[TextEdit]:
    """Return the edits that name the variables in place of ``*``; all of them to ``hide`` those of blank nodes."""
    return [
        TextEdit(star.span, " ".join(["", *(f"?{name}" for name in star.variables), ""]))
        for star in found.stars
        if star.variables and (hide or (star.outermost and star.selects))
    ]


def _order_edits(text: str, found: ScannedText) -> list[TextEdit]:
    """Return the edits that put conditions with a total order in place of those of ORDER BY."""
    none = f"?{unused_name(text, 'none')}" if found.orders else ""
    return [
        TextEdit(order.span, sort_conditions(text[slice(*order.span)], order.direction, none)) for order in found.orders
    ]


def _concat_edits(text: str, found: ScannedText) -> list[TextEdit]:
    """Return the edits that give strings to GROUP_CONCAT, and make its result one without a language.

    With DISTINCT, strings keep their languages, since ``"a"@en`` and ``"a"@uk`` are two values.
    """
    edits = []
    for call in found.concats:
        value = text[slice(*call.expression)]
        types = f"<{_XSD}string>, <{_RDF}langString>"
        string = f"IF(DATATYPE({value}) IN ({types}), {value}, STR({value}))"
        given = f"COALESCE({string}, STR({value}))" if call.distinct else f"STR({value})"
        edits += [
            TextEdit(TextSpan(call.span.start, call.span.start), "STR("),
            TextEdit(call.expression, given),
            TextEdit(TextSpan(call.span.end, call.span.end), ")"),
        ]
    return edits


# ---- alternatives of paths


def _path_edits(text: str, found: ScannedText) -> tuple[list[TextEdit], bool]:
    """Return the edits of triples whose paths have alternatives, and whether they bring in new variables."""
    wanted = [triples for triples in found.triples if triples.counts_alternatives]
    if not wanted or found.triple_terms:  # a reifier would have to be the same in all branches
        return [], False
    writer = _TriplesWriter(text)
    edits = [TextEdit(triples.span, writer.write(triples)) for triples in wanted]
    # A label of a blank node cannot be used in two groups, as the branches of a UNION are.
    inside = [triples.span for triples in wanted]
    for label in found.labels:
        name = writer.node(label.text)
        if not any(span.start <= label.start < span.end for span in inside):
            edits.append(TextEdit(TextSpan(label.start, label.end), name))
    without_columns = any(not star.variables for star in found.stars)
    if writer.nodes and (found.counts_rows or without_columns):
        return [], False
    return edits, bool(writer.nodes)


class _TriplesWriter:
    """Writer of triples, with a variable in place of each blank node, and UNION in place of alternatives.

    ``?s (ex:a|ex:b)/ex:c [ ex:d 1 ]`` becomes, with shorter names::

        ?n0 ex:d 1 . ?n1 ex:c ?n0 . { ?s ex:a ?n1 } UNION { ?s ex:b ?n1 }
    """

    def __init__(self, text: str) -> None:
        self._prefix = f"?{unused_name(text, 'node_')}"
        self._numbers = count()
        self._labels: dict[str, str] = {}
        self.nodes = 0

    def write(self, triples: SubjectTriples) -> str:
        """Return the text of some triples."""
        plain, unions = list[str](), list[str]()
        subject = self._name(triples.subject, plain, unions)
        self._list(subject, triples.properties, plain, unions)
        return " . ".join([*plain, *unions])

    def node(self, label: str) -> str:
        """Return the variable in place of a blank node's label."""
        if label not in self._labels:
            self._labels[label] = self._new()
        return self._labels[label]

    def _new(self) -> str:
        self.nodes += 1
        return f"{self._prefix}{next(self._numbers)}"

    def _list(self, subject: str, properties: tuple[PathAndObject, ...], plain: list[str], unions: list[str]) -> None:
        for own in properties:
            self._triple(subject, own.path, self._name(own.value, plain, unions), plain, unions)

    def _name(self, node: PatternNode, plain: list[str], unions: list[str]) -> str:
        """Return the name of a node, after writing its own triples."""
        if node.text:
            return self.node(node.text) if node.text.startswith("_:") else node.text
        name = self._new()
        if not node.members:
            self._list(name, node.properties, plain, unions)
            return name
        rest = name
        for number, member in enumerate(node.members, 1):
            plain.append(f"{rest} <{_RDF}first> {self._name(member, plain, unions)}")
            following = f"<{_RDF}nil>" if number == len(node.members) else self._new()
            plain.append(f"{rest} <{_RDF}rest> {following}")
            rest = following
        return name

    def _triple(self, subject: str, path: PropertyPath, value: str, plain: list[str], unions: list[str]) -> None:
        """Write one triple: into ``unions`` if its path is an alternative, else into ``plain``."""
        if not path.counts_alternatives:
            plain.append(f"{subject} {_path_text(path)} {value}")
        elif path.kind == "^":
            self._triple(value, path.parts[0], subject, plain, unions)
        elif path.kind == "/":
            names = [subject, *(self._new() for _ in path.parts[1:]), value]
            for number, part in enumerate(path.parts):
                self._triple(names[number], part, names[number + 1], plain, unions)
        else:
            unions.append(" UNION ".join(self._branch(subject, part, value) for part in path.parts))

    def _branch(self, subject: str, path: PropertyPath, value: str) -> str:
        plain, unions = list[str](), list[str]()
        self._triple(subject, path, value, plain, unions)
        return f"{{ {' . '.join([*plain, *unions])} }}"


def _path_text(path: PropertyPath) -> str:
    """Return the text of a path without alternatives that count."""
    if path.kind == "^":
        return f"^({_path_text(path.parts[0])})"
    return path.text if path.kind == "=" else "/".join(_path_text(part) for part in path.parts)
