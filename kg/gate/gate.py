"""The gate: nothing enters the store that breaks a constraint.

A claims document is read, its quotes are located, it becomes an article graph, and the shapes and the code checks run
on that graph *before* any inference (after it, ``sh:class`` could never fail). Then the closure is asked for
contradictions. All problems are reported together.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

from rdflib import RDF, SH, Graph, URIRef
from rdflib import Literal as RdfLiteral
from rdflib.namespace import DCTERMS
from rdflib.term import Node

import ontology
from kg.document.document_model import Document
from kg.document.rdf_mapping import Mapped, to_graph
from kg.gate import constraint_messages, date_checks, document_checks
from kg.gate.owl_reasoner import Derivation, Reasoner
from kg.gate.shacl_engine import Shapes
from kg.gate.validation_report import Severity, Texts, ValidationReport, ValidationResult, ordered
from kg.iris import CG, PREFIXES, SHAPES, Names
from kg.rdf.rdflib_conversion import cg

_SEVERITIES: dict[Node | None, Severity] = {SH.Violation: "Violation", SH.Warning: "Warning", SH.Info: "Info"}
_FOLLOWS_FROM_GAP = URIRef(SHAPES + "followsFromGap")
_GAPS = ("A3", "J3")
"""A quote that was not located, and a reference that leads nowhere."""


@dataclass(frozen=True)
class CheckedDocument:
    """A claims document on its way in.

    Attributes:
        report: what was found.
        document: with located quotes; ``None`` when it could not be read at all.
        mapped: its article graph, likewise.
    """

    report: ValidationReport
    document: Document | None = None
    mapped: Mapped | None = None


def vocabulary() -> Graph:
    """Load the vocabulary with its alignments: what reasoning and class membership need."""
    graph = Graph()
    for prefix, namespace in PREFIXES.items():
        graph.bind(prefix, namespace, override=True)
    for name in ("claimgraph.ttl", "alignments.ttl"):
        graph.parse(data=ontology.read(name), format="turtle")
    return graph


class Gate:
    """The shapes, the vocabulary and the rules, prepared once."""

    def __init__(self) -> None:
        self.vocabulary = vocabulary()
        self.reasoner = Reasoner(self.vocabulary)
        self.shapes = Shapes.prepare(Graph().parse(data=ontology.read("shapes.ttl"), format="turtle"), self.vocabulary)
        self._consequences = consequences(self.shapes.graph)

    def check_document(self, data: bytes, names: Names) -> CheckedDocument:
        """Check a claims document.

        Raises:
            MalformedText: not UTF-8, or not JSON.
        """
        document, problems = document_checks.read(data)
        if document is None:
            return CheckedDocument(ValidationReport(ordered(problems)))
        document, problems = document_checks.resolve(document)
        mapped = to_graph(document, names)
        report = self._check(mapped.graph)
        found = [_pointed(result, mapped.pointers) for result in report.results]
        found = [result for result in found if not self._follows(result, problems)]
        return CheckedDocument(ValidationReport(ordered([*problems, *found]), report.graph), document, mapped)

    def check_graph(self, graph: Graph) -> ValidationReport:
        """Check an article graph."""
        return self._check(graph)

    def _check(self, graph: Graph) -> ValidationReport:
        found = reported(self.shapes, graph)
        results = [*found.results, *date_checks.check(graph)]
        if not any(result.severity == "Violation" for result in results):
            results += [_clash(clash) for clash in self.reasoner.close(graph).clashes]
        return ValidationReport(ordered(results), found.graph)

    def _follows(self, result: ValidationResult, problems: Iterable[ValidationResult]) -> bool:
        """Check whether a result only repeats, or follows from, what was found in the document itself.

        Example: the one quote of a claim is not in the text (A3 at ``/claims/0/quotes/0``). Its claim then has no
        passage in the graph, which is B1 at ``/claims/0``: only A3 is reported.
        """
        if result.pointer is None:
            return False
        below = [p for p in problems if f"{p.pointer}/".startswith(f"{result.pointer}/")]
        # An id that is taken merges two items into one resource, about which nothing sensible can be said.
        return any(p.constraint in (result.constraint, "J4") for p in below) or (
            result.constraint in self._consequences and any(p.constraint in _GAPS for p in below)
        )


def consequences(shapes: Graph) -> frozenset[str]:
    """Return the constraints that fail anyway where a quote was not located or a reference led nowhere."""
    marked = shapes.subjects(_FOLLOWS_FROM_GAP, RdfLiteral(True))
    return frozenset(str(shapes.value(source, DCTERMS.identifier)) for source in marked)


def reported(shapes: Shapes, graph: Graph) -> ValidationReport:
    """Check a graph against shapes of ours, each of which has an id, messages and remedies."""
    shacl = shapes.validate(graph)
    results = [_result(shapes.graph, shacl, node) for node in shacl.subjects(RDF.type, SH.ValidationResult)]
    return ValidationReport(ordered(results), shacl)


def _result(shapes: Graph, report: Graph, node: Node) -> ValidationResult:
    """Read a SHACL result and mark it with the id of its constraint."""
    source = next(
        source
        for source in (report.value(node, SH.sourceConstraint), report.value(node, SH.sourceShape))
        if source is not None and (source, DCTERMS.identifier, None) in shapes
    )
    identifier = shapes.value(source, DCTERMS.identifier)
    report.add((node, DCTERMS.identifier, RdfLiteral(str(identifier))))
    value = report.value(node, SH.value)
    return ValidationResult(
        constraint=str(identifier),
        severity=_SEVERITIES[report.value(node, SH.resultSeverity)],
        messages=_texts(shapes.objects(source, SH.message)) | _texts(report.objects(node, SH.resultMessage)),
        focus=str(report.value(node, SH.focusNode)),
        value=None if value is None else str(value)[:500],
        remedies=_texts(shapes.objects(source, cg("remedy"))),
    )


def _texts(literals: Iterable[Node]) -> Texts:
    return {str(text.language): str(text) for text in literals if isinstance(text, RdfLiteral) and text.language}


def _pointed(result: ValidationResult, pointers: dict[str, str]) -> ValidationResult:
    """Add the place in the document that the focus node was made from."""
    return result.model_copy(update={"pointer": pointers.get(result.focus or "")})


def _clash(clash: Derivation) -> ValidationResult:
    """Report a contradiction between the facts and the vocabulary."""
    subject = clash.premises[0][0]
    one, other = sorted(str(premise[2]).removeprefix(CG) for premise in clash.premises)
    return constraint_messages.result("O1", focus=str(subject), value=f"{one} {other}", one=one, other=other)


@functools.cache
def shared_gate() -> Gate:
    """Give the gate of this process; it is made on first use and never changes."""
    return Gate()
