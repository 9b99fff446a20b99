"""Gate: the sequence of all checks of a claims document or an article graph.

A claims document is parsed, its quotes are located and it is mapped to an article graph. The shapes and the Python
checks run on that graph *before* inference, after which ``sh:class`` could never fail. If there is no violation, the
closure is computed and searched for contradictions. All problems are reported together.
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
from kg.document.document_rdf_conversion import Mapped, to_graph
from kg.gate import (
    claims_json_reading,
    document_checks,
    edtf_and_weekday_checks,
    literal_and_self_relation_checks,
    python_check_messages,
)
from kg.gate.owl_closure_and_contradictions import Derivation, Reasoner
from kg.gate.shacl_engine import Shapes
from kg.gate.validation_report import Severity, Texts, ValidationReport, ValidationResult, ordered
from kg.iris import CG, PREFIXES, SHAPES, Names
from kg.rdf.rdflib_conversion import cg

_SEVERITIES: dict[Node | None, Severity] = {SH.Violation: "Violation", SH.Warning: "Warning", SH.Info: "Info"}
_FOLLOWS_FROM_GAP = URIRef(SHAPES + "followsFromGap")
_GAPS = ("A3", "J3")
"""Constraints that leave a gap in the graph: a quote that was not located, a reference to a missing part."""


@dataclass(frozen=True)
class CheckedDocument:
    """A claims document after the checks.

    Attributes:
        report: the results of the checks.
        document: the document with located quotes; ``None`` if it could not be parsed.
        mapped: its article graph; ``None`` if the document could not be parsed.
    """

    report: ValidationReport
    document: Document | None = None
    mapped: Mapped | None = None


def vocabulary() -> Graph:
    """Return the vocabulary with its alignments, which reasoning and class membership require."""
    graph = Graph()
    for prefix, namespace in PREFIXES.items():
        graph.bind(prefix, namespace, override=True)
    for name in ("claimgraph.ttl", "alignments.ttl"):
        graph.parse(data=ontology.read(name), format="turtle")
    return graph


class Gate:
    """The checks, with shapes, vocabulary and rules prepared once.

    Attributes:
        vocabulary: the vocabulary with its alignments.
        reasoner: the rules of the vocabulary.
        shapes: the shapes of an article graph.
    """

    def __init__(self) -> None:
        self.vocabulary = vocabulary()
        self.reasoner = Reasoner(self.vocabulary)
        self.shapes = Shapes.prepare(Graph().parse(data=ontology.read("shapes.ttl"), format="turtle"), self.vocabulary)
        self._consequences = consequences(self.shapes.graph)

    def check_document(self, data: bytes, names: Names, *, stored: bool = False) -> CheckedDocument:
        """Check a claims document and map it to its article graph.

        Args:
            data: the document as UTF-8 JSON.
            names: IRIs under the base of the store.
            stored: whether an earlier version has stored it; see :func:`kg.gate.claims_json_reading.read`.

        Raises:
            MalformedText: not UTF-8, or not JSON.
        """
        document, form = claims_json_reading.read(data, stored=stored)
        if document is None:
            return CheckedDocument(ValidationReport(ordered(form)))
        document, problems = document_checks.resolve(document, stored=stored)
        problems = [*form, *problems]
        mapped = to_graph(document, names)
        report = self._check(mapped.graph)
        found = [_with_pointer(result, mapped.pointers) for result in report.results]
        found = [result for result in found if not self._follows(result, problems)]
        return CheckedDocument(ValidationReport(ordered([*problems, *found]), report.graph), document, mapped)

    def check_graph(self, graph: Graph) -> ValidationReport:
        """Check an article graph and return the report."""
        report = self._check(graph)
        results = [*report.results, *literal_and_self_relation_checks.check(graph)]
        return ValidationReport(ordered(results), report.graph)

    def _check(self, graph: Graph) -> ValidationReport:
        found = check_against_shapes(self.shapes, graph)
        results = [*found.results, *edtf_and_weekday_checks.check(graph)]
        if not any(result.severity == "Violation" for result in results):
            results += [_clash(clash) for clash in self.reasoner.close(graph).clashes]
        return ValidationReport(ordered(results), found.graph)

    def _follows(self, result: ValidationResult, problems: Iterable[ValidationResult]) -> bool:
        """Return whether a result repeats or follows from a problem found in the document itself.

        Example: the one quote of a claim is not in the text (A3 at ``/claims/0/quotes/0``). Its claim then has no
        passage in the graph, which is B1 at ``/claims/0``: only A3 is reported.
        """
        if result.pointer is None:
            return False
        below = [p for p in problems if f"{p.pointer}/".startswith(f"{result.pointer}/")]
        # A duplicate id (J4) merges two parts into one resource; results about that resource would be misleading.
        return any(p.constraint in (result.constraint, "J4") for p in below) or (
            result.constraint in self._consequences and any(p.constraint in _GAPS for p in below)
        )


def consequences(shapes: Graph) -> frozenset[str]:
    """Return the ids of the constraints that also fail where a quote or a reference is missing from the graph."""
    marked = shapes.subjects(_FOLLOWS_FROM_GAP, RdfLiteral(True))
    return frozenset(str(shapes.value(source, DCTERMS.identifier)) for source in marked)


def check_against_shapes(shapes: Shapes, graph: Graph) -> ValidationReport:
    """Check a graph against the shapes of this project, each of which has an id, messages and remedies."""
    shacl = shapes.validate(graph)
    results = [_result(shapes.graph, shacl, node) for node in shacl.subjects(RDF.type, SH.ValidationResult)]
    return ValidationReport(ordered(results), shacl)


def _result(shapes: Graph, report: Graph, node: Node) -> ValidationResult:
    """Return a result of the SHACL report, and add the id of its constraint to the report."""
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


def _with_pointer(result: ValidationResult, pointers: dict[str, str]) -> ValidationResult:
    """Return the result with the JSON Pointer of the part of the document that the focus node comes from."""
    return result.model_copy(update={"pointer": pointers.get(result.focus or "")})


def _clash(clash: Derivation) -> ValidationResult:
    """Return the result for a contradiction between the facts and the vocabulary (O1)."""
    subject = clash.premises[0][0]
    one, other = sorted(str(premise[2]).removeprefix(CG) for premise in clash.premises)
    return python_check_messages.result("O1", focus=str(subject), value=f"{one} {other}", one=one, other=other)


@functools.cache
def shared_gate() -> Gate:
    """Return the gate of this process, which is built on first use and never changes."""
    return Gate()
