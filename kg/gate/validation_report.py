"""What the gate found: results with ids, places and remedies, as JSON or as a SHACL report in RDF."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, computed_field
from rdflib import RDF, SH, XSD, BNode, Graph, URIRef
from rdflib import Literal as RdfLiteral
from rdflib.namespace import DCTERMS
from rdflib.term import Node

from kg.errors import ClaimgraphError
from kg.iris import PREFIXES
from kg.rdf import oxigraph

Severity = Literal["Violation", "Warning", "Info"]
Texts = dict[str, str]


class ValidationResult(BaseModel):
    """One thing that is wrong or missing.

    Attributes:
        constraint: its id (``A1`` … ``G4`` of the ontology; ``J2`` … ``J5`` for the document's own form).
        messages: what is wrong, by language; ``message`` is the English one.
        focus: IRI of the resource, when it came to one.
        pointer: JSON Pointer (RFC 6901) into the claims document, when one was sent.
        value: the offending value.
        remedies: what to do, by language; ``remedy`` is the English one.
    """

    model_config = ConfigDict(frozen=True)

    constraint: str
    severity: Severity
    messages: Texts
    focus: str | None = None
    pointer: str | None = None
    value: str | None = None
    remedies: Texts = {}

    @computed_field  # type: ignore[prop-decorator]
    @property
    def message(self) -> str:
        """What is wrong, in English."""
        return self.messages["en"]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def remedy(self) -> str:
        """What to do, in English."""
        return self.remedies.get("en", "")


@dataclass(frozen=True)
class ValidationReport:
    """All results, worst first. A document conforms when none of them is a violation.

    Attributes:
        results: what was found.
        graph: the SHACL engine's own report, where it ran; :meth:`to_rdf` completes it.
    """

    results: tuple[ValidationResult, ...] = ()
    graph: Graph | None = field(default=None, compare=False, repr=False)

    @property
    def violations(self) -> list[ValidationResult]:
        """What keeps the document out."""
        return self._of("Violation")

    @property
    def warnings(self) -> list[ValidationResult]:
        """What a reader should look at."""
        return self._of("Warning")

    @property
    def infos(self) -> list[ValidationResult]:
        """What is merely missing."""
        return self._of("Info")

    @property
    def conforms(self) -> bool:
        """Whether there is no violation."""
        return not self.violations

    def _of(self, severity: Severity) -> list[ValidationResult]:
        return [result for result in self.results if result.severity == severity]

    def to_json(self) -> dict[str, Any]:
        """Give the report as plain data, ready for JSON."""
        return {
            "conforms": self.conforms,
            "counts": {
                "violations": len(self.violations),
                "warnings": len(self.warnings),
                "infos": len(self.infos),
            },
            "results": [result.model_dump(exclude_none=True) for result in self.results],
        }

    def to_rdf(self, media_type: str = "text/turtle") -> bytes:
        """Give the report as a SHACL validation report (clause 3.6).

        ``sh:conforms`` is true when there is no violation; warnings and infos are listed all the same.

        Raises:
            UnsupportedFormat: not an RDF media type.
        """
        graph = Graph()
        for triple in self.graph or ():
            graph.add(triple)
        report = next(iter(graph.subjects(RDF.type, SH.ValidationReport)), BNode())
        graph.set((report, RDF.type, SH.ValidationReport))
        graph.set((report, SH.conforms, RdfLiteral(self.conforms)))
        listed = {(result.focus, result.constraint) for result in self.results}
        shown = set()
        for node, focus, identifier in list(_identified(graph)):
            if (focus, identifier) in listed:
                shown.add((focus, identifier))
            else:  # left out because it only repeats what was found in the document itself
                graph.remove((node, None, None))
                graph.remove((report, SH.result, node))
        for result in self.results:
            if (result.focus, result.constraint) not in shown:
                _add_result(graph, report, result)
        triples = oxigraph.parse(graph.serialize(format="nt").encode(), "application/n-triples")
        return oxigraph.serialize(triples, media_type, {"sh": str(SH), **PREFIXES})


class Rejected(ClaimgraphError):
    """A claims document or an article graph that the gate refuses; see the tree in :mod:`kg.errors`.

    Args:
        report: every problem found, with pointers, ids and remedies.
    """

    exit_code = 1

    def __init__(self, report: ValidationReport) -> None:
        count = len(report.violations)
        super().__init__(
            f"{count} problem{'s' if count != 1 else ''} found; nothing was stored.",
            remedy="Mend each problem listed and send the document again.",
        )
        self.report = report


def _identified(graph: Graph) -> Iterable[tuple[Node, str, str]]:
    for node, identifier in graph.subject_objects(DCTERMS.identifier):
        yield node, str(graph.value(node, SH.focusNode)), str(identifier)


def _add_result(graph: Graph, report: Any, result: ValidationResult) -> None:
    """Add a result that no shape gave: one found in the document or by code."""
    node = BNode()
    graph.add((report, SH.result, node))
    graph.add((node, RDF.type, SH.ValidationResult))
    graph.add((node, SH.resultSeverity, SH[result.severity]))
    graph.add((node, SH.sourceConstraintComponent, SH.SPARQLConstraintComponent))
    graph.add((node, DCTERMS.identifier, RdfLiteral(result.constraint)))
    graph.add((node, SH.focusNode, URIRef(result.focus) if result.focus else RdfLiteral(result.pointer or "")))
    for language, text in result.messages.items():
        graph.add((node, SH.resultMessage, RdfLiteral(text, lang=language)))
    if result.value is not None:
        graph.add((node, SH.value, RdfLiteral(result.value, datatype=XSD.string)))


def ordered(results: Iterable[ValidationResult]) -> tuple[ValidationResult, ...]:
    """Sort results by severity, then by place."""
    rank = {"Violation": 0, "Warning": 1, "Info": 2}

    def place(result: ValidationResult) -> tuple[object, ...]:
        numbers = re.sub(r"\d+", lambda found: found[0].zfill(6), result.pointer or "")
        return rank[result.severity], numbers, result.focus or "", result.constraint

    return tuple(sorted(results, key=place))
