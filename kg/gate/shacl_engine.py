"""SHACL engine: pySHACL for the core, pyoxigraph for SPARQL-based constraints.

pySHACL runs a SPARQL constraint once per focus node on rdflib, which takes 97 % of its time on an article. Here such
constraints run on pyoxigraph with ``$this`` pre-bound (SHACL, clause 5.3.1; SEP-0007) where the result is the same: on
a node shape that has its own targets and that no other shape refers to. pySHACL runs all others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pyshacl
from pyshacl.errors import ReportableRuntimeError
from rdflib import OWL, RDF, RDFS, SH, BNode, Graph, Literal, URIRef
from rdflib.term import Node

from kg.rdf import oxigraph, oxigraph_queries, rdflib_conversion

# Queries for which pre-binding differs. SEP-0007 substitutes $this in triple patterns and filters, but does not bind it
# in a group without either, such as {} UNION {…}; and pySHACL reports the failures that clause 5.3.1 requires.
_LEFT_TO_PYSHACL = re.compile(
    r"[$?](?:shapesGraph|currentShape|PATH)\b|(?<![?$])\b(?:MINUS|VALUES|SERVICE|OPTIONAL|UNION|BOUND)\b"
    r"|AS\s+[$?]this\b|[$?]this\s+AS\b|\{\s*\{|\bSELECT\b.*\bSELECT\b",
    re.IGNORECASE | re.DOTALL,
)
_REFERENCES = frozenset({SH.node, SH.property, SH["not"], SH.qualifiedValueShape, RDF.first})
_TARGETS = (SH.targetClass, SH.targetNode, SH.targetSubjectsOf, SH.targetObjectsOf)


class ShaclError(Exception):
    """Error for a shapes graph that is ill-formed or uses an unsupported feature (SHACL, clause 3.4.3)."""


@dataclass(frozen=True)
class SparqlConstraint:
    """One ``sh:sparql`` constraint of a node shape (clause 5.2.1).

    Attributes:
        node: the constraint.
        shape: the node shape.
        select: the query, with its prefixes.
        severity: the severity of its results.
        messages: the messages by language, with placeholders such as ``{?value}``.
    """

    node: Node
    shape: Node
    select: str
    severity: Node
    messages: tuple[Literal, ...]


@dataclass(frozen=True)
class Shapes:
    """A shapes graph, divided between the engines once for many validations.

    Attributes:
        graph: the whole shapes graph.
        core: the shapes without the constraints in ``constraints``, for pySHACL.
        constraints: the constraints for pyoxigraph.
        ontology: triples that define class membership (``rdfs:subClassOf``); they are not validated.
    """

    graph: Graph
    core: Graph
    constraints: tuple[SparqlConstraint, ...]
    ontology: Graph
    _ontology_quads: tuple[oxigraph.Quad, ...] = field(repr=False, default=())

    @classmethod
    def prepare(cls, graph: Graph, ontology: Graph | None = None) -> Shapes:
        """Divide a shapes graph between the engines.

        Args:
            graph: the shapes graph.
            ontology: triples that define class membership.
        """
        core = Graph()
        for triple in graph:
            core.add(triple)
        constraints = []
        for shape, node in graph.subject_objects(SH.sparql):
            constraint = _constraint(graph, shape, node)
            if constraint is not None:
                constraints.append(constraint)
                core.remove((shape, SH.sparql, node))
        onto = ontology if ontology is not None else Graph()
        return cls(graph, core, tuple(constraints), onto, tuple(_quads(onto)))

    def validate(self, data: Graph) -> Graph:
        """Validate a data graph and return its validation report (clause 3.6).

        Raises:
            ShaclError: the shapes cannot be used.
        """
        try:
            # Given no shapes graph, pySHACL would search the data for shapes; ``core`` is passed even if it is empty.
            _, report, text = pyshacl.validate(
                data, shacl_graph=self.core, ont_graph=self.ontology, inference="none", advanced=False
            )
        except (ReportableRuntimeError, NotImplementedError) as error:
            raise ShaclError(str(error)) from None
        if not isinstance(report, Graph):
            raise ShaclError(str(text))
        if self.constraints:
            root = next(report.subjects(RDF.type, SH.ValidationReport))
            for triple in self._run_constraints(data, root):
                report.add(triple)
            if (root, SH.result, None) in report:
                report.set((root, SH.conforms, Literal(False)))
        return report

    def _run_constraints(self, data: Graph, root: Node) -> Iterator[tuple[Node, Node, Node]]:
        store = oxigraph.open_store(None)
        store.extend([*self._ontology_quads, *_quads(data)])
        for constraint in self.constraints:
            for focus in sorted(self.focus_nodes(data, constraint.shape), key=str):
                for row in oxigraph_queries.rows(
                    store, constraint.select, {"this": rdflib_conversion.from_term(focus)}
                ):
                    yield from _result(root, constraint, focus, row)

    def focus_nodes(self, data: Graph, shape: Node) -> set[URIRef | BNode]:
        """Return the focus nodes of a shape in the data (clause 2.1.3)."""
        shapes = self.graph
        found: set[Node] = set(shapes.objects(shape, SH.targetNode))
        classes = set(shapes.objects(shape, SH.targetClass))
        if _is_class(shapes, shape):
            classes.add(shape)
        for name in classes:
            for kind in {
                *data.transitive_subjects(RDFS.subClassOf, name),
                *self.ontology.transitive_subjects(RDFS.subClassOf, name),
            }:
                found |= set(data.subjects(RDF.type, kind))
        for prop in shapes.objects(shape, SH.targetSubjectsOf):
            found |= set(data.subjects(prop, None))
        for prop in shapes.objects(shape, SH.targetObjectsOf):
            found |= set(data.objects(None, prop))
        return {node for node in found if isinstance(node, URIRef | BNode)}


def _constraint(graph: Graph, shape: Node, node: Node) -> SparqlConstraint | None:
    """Return a constraint for pyoxigraph, or ``None`` if pySHACL must run it."""
    select = graph.value(node, SH.select)
    unusual = (
        select is None
        or _LEFT_TO_PYSHACL.search(str(select)) is not None
        or (shape, SH.path, None) in graph
        or (shape, SH.deactivated, None) in graph
        or (node, SH.deactivated, None) in graph
        or not (_is_class(graph, shape) or any((shape, target, None) in graph for target in _TARGETS))
        or any(isinstance(t, Literal) for t in graph.objects(shape, SH.targetNode))
        or any(p in _REFERENCES for _, p in graph.subject_predicates(shape))
    )
    if unusual:
        return None
    severity = graph.value(shape, SH.severity) or SH.Violation
    messages = list(graph.objects(node, SH.message)) or list(graph.objects(shape, SH.message))
    texts = tuple(m for m in messages if isinstance(m, Literal))
    return SparqlConstraint(node, shape, _prologue(graph, node) + str(select), severity, texts)


def _is_class(graph: Graph, shape: Node) -> bool:
    """Return whether a shape is also a class, and therefore its own target (clause 2.1.3.3)."""
    return (shape, RDF.type, RDFS.Class) in graph or (shape, RDF.type, OWL.Class) in graph


def _prologue(graph: Graph, node: Node) -> str:
    """Return the prefixes that a constraint declares by ``sh:prefixes`` and their imports (clause 5.2.1)."""
    lines = []
    for holder in graph.objects(node, SH.prefixes):
        for source in {holder, *graph.transitive_objects(holder, OWL.imports)}:
            for declaration in graph.objects(source, SH.declare):
                prefix = graph.value(declaration, SH.prefix)
                lines.append(f"PREFIX {prefix}: <{graph.value(declaration, SH.namespace)}>\n")
    return "".join(sorted(lines))


def _result(
    root: Node, constraint: SparqlConstraint, focus: URIRef | BNode, row: dict[str, oxigraph.Term]
) -> Iterator[tuple[Node, Node, Node]]:
    """Yield the triples of the validation result for a solution (clause 5.3.2)."""
    node = BNode()
    values = {name: rdflib_conversion.to_rdflib(term) for name, term in row.items()} | {"this": focus}
    yield root, SH.result, node
    yield node, RDF.type, SH.ValidationResult
    yield node, SH.focusNode, focus
    yield node, SH.value, values.get("value", focus)
    yield node, SH.sourceConstraintComponent, SH.SPARQLConstraintComponent
    yield node, SH.sourceConstraint, constraint.node
    yield node, SH.sourceShape, constraint.shape
    yield node, SH.resultSeverity, constraint.severity
    if isinstance(values.get("path"), URIRef):
        yield node, SH.resultPath, values["path"]
    own = values.get("message")
    for message in [own] if isinstance(own, Literal) else constraint.messages:
        yield node, SH.resultMessage, _fill(message, values)


def _fill(message: Literal, values: dict[str, Node]) -> Literal:
    """Return the message with ``{?name}`` and ``{$name}`` replaced by values; a name without a value stays."""
    text = re.sub(r"\{[?$](\w+)\}", lambda m: str(values.get(m[1], m[0])), str(message))
    return Literal(text, lang=message.language)


def _quads(graph: Graph) -> Iterable[oxigraph.Quad]:
    return oxigraph.parse_as_is(graph.serialize(format="nt", encoding="utf-8"))
