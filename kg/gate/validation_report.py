"""Validation report of the gate: results with ids, places and remedies, in JSON or as a SHACL report in RDF."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, computed_field
from rdflib import RDF, SH, XSD, BNode, Graph, URIRef
from rdflib import Literal as RdfLiteral
from rdflib.namespace import DCTERMS
from rdflib.term import Node

from kg.errors import ClaimgraphError
from kg.iris import PREFIXES
from kg.rdf import oxigraph
from kg.rdf.xml_output_checks import UNREPRESENTABLE

Severity = Literal["Violation", "Warning", "Info"]
Texts = dict[str, str]
"""A text by language (``en``, ``uk``)."""


class ValidationResult(BaseModel):
    """One problem that a check found.

    Attributes:
        constraint: id of the constraint (``A1`` … ``G5`` of the article, ``J2`` … ``J12`` of the document, ``O1``).
        severity: ``Violation``, ``Warning`` or ``Info``.
        messages: description of the problem, by language; ``message`` is the English one.
        focus: IRI of the resource concerned, if there is one.
        pointer: JSON Pointer (RFC 6901) into the claims document, if one was checked.
        value: the offending value, cut to 500 characters.
        remedies: advice, by language; ``remedy`` is the English one.
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
        """Description of the problem in English."""
        return self.messages["en"]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def remedy(self) -> str:
        """Advice in English; empty if there is none."""
        return self.remedies.get("en", "")


@dataclass(frozen=True)
class ValidationReport:
    """All results of a check, most severe first. The document conforms if no result is a violation.

    Attributes:
        results: the results.
        graph: the report of the SHACL engine, if it ran; :meth:`to_rdf` completes it.
        omitted: number of further results, none more severe, that were left out.
    """

    results: tuple[ValidationResult, ...] = ()
    graph: Graph | None = field(default=None, compare=False, repr=False)
    omitted: int = 0

    @property
    def violations(self) -> list[ValidationResult]:
        """The results that prevent the document from being stored."""
        return self._of("Violation")

    @property
    def warnings(self) -> list[ValidationResult]:
        """The results that a person should review."""
        return self._of("Warning")

    @property
    def infos(self) -> list[ValidationResult]:
        """The results for information that is missing."""
        return self._of("Info")

    @property
    def conforms(self) -> bool:
        """Whether the report has no violation."""
        return not self.violations

    def _of(self, severity: Severity) -> list[ValidationResult]:
        return [result for result in self.results if result.severity == severity]

    def shortened(self, limit: int = 1000) -> ValidationReport:
        """Return the report with the most severe results only, at most ``limit``, and the number of the others."""
        if len(self.results) <= limit:
            return self
        return replace(self, results=self.results[:limit], omitted=len(self.results) - limit)

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object; ``omitted`` is there only if results were left out."""
        return {
            "conforms": self.conforms,
            "counts": {
                "violations": len(self.violations),
                "warnings": len(self.warnings),
                "infos": len(self.infos),
            },
            **({"omitted": self.omitted} if self.omitted else {}),
            "results": [result.model_dump(exclude_none=True) for result in self.results],
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> ValidationReport:
        """Return the report that :meth:`to_json` returned as an object, without the report of the SHACL engine."""
        results = tuple(ValidationResult.model_validate(result) for result in found["results"])
        return cls(results, omitted=found.get("omitted", 0))

    def to_rdf(self, media_type: str = "text/turtle") -> bytes:
        """Return the report as a SHACL validation report (clause 3.6).

        ``sh:conforms`` is true if there is no violation, even if there are warnings and infos.

        Raises:
            UnsupportedFormat: ``media_type`` is not an RDF media type.
        """
        graph = Graph()
        for triple in self.graph or ():
            graph.add(triple)
        report = next(iter(graph.subjects(RDF.type, SH.ValidationReport)), BNode())
        graph.set((report, RDF.type, SH.ValidationReport))
        graph.set((report, SH.conforms, RdfLiteral(self.conforms)))
        shown = _retain(graph, report, {(result.focus, result.constraint) for result in self.results})
        for result in self.results:
            if (result.focus, result.constraint) not in shown:
                _add_result(graph, report, result)
        _make_representable(graph)
        triples = oxigraph.parse(graph.serialize(format="nt").encode(), "application/n-triples")
        return oxigraph.serialize(triples, media_type, {"sh": str(SH), **PREFIXES})


class Rejected(ClaimgraphError):
    """Error for a claims document or an article graph that the gate rejects; see the tree in :mod:`kg.errors`.

    Attributes:
        report: all problems found, with pointers, ids and remedies.
    """

    exit_code = 1

    def __init__(self, report: ValidationReport) -> None:
        count = len(report.violations)
        super().__init__(
            f"{count} problem{'s' if count != 1 else ''} found; nothing was stored.",
            remedy="Fix each problem listed and send the document again.",
        )
        self.report = report


def _identified(graph: Graph) -> Iterable[tuple[Node, str, str]]:
    for node, identifier in graph.subject_objects(DCTERMS.identifier):
        yield node, str(graph.value(node, SH.focusNode)), str(identifier)


def _retain(graph: Graph, report: Node, listed: Collection[tuple[str | None, str]]) -> set[tuple[str | None, str]]:
    """Remove the results of SHACL that are not listed, and return the focus and constraint of the others."""
    shown: set[tuple[str | None, str]] = set()
    for node, focus, identifier in list(_identified(graph)):
        if (focus, identifier) in listed:
            shown.add((focus, identifier))
        else:  # the gate dropped it, as it repeats a problem found in the document itself
            graph.remove((node, None, None))
            graph.remove((report, SH.result, node))
    return shown


def _add_result(graph: Graph, report: Any, result: ValidationResult) -> None:
    """Add a result of a Python check to the SHACL report."""
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


def _make_representable(graph: Graph) -> None:
    """Replace characters that RDF/XML has no form for, in what the report quotes from the checked text."""
    for s, p, o in list(graph):
        if isinstance(o, RdfLiteral) and UNREPRESENTABLE.search(o):
            graph.remove((s, p, o))
            graph.add((s, p, RdfLiteral(UNREPRESENTABLE.sub("\ufffd", o), o.language, o.datatype)))


def ordered(results: Iterable[ValidationResult]) -> tuple[ValidationResult, ...]:
    """Return the results sorted by severity, then by place.

    Numbers in pointers are compared as numbers: ``/claims/2`` comes before ``/claims/10``.
    """
    rank = {"Violation": 0, "Warning": 1, "Info": 2}

    def place(result: ValidationResult) -> tuple[object, ...]:
        numbers = re.sub(r"\d+", lambda found: found[0].zfill(6), result.pointer or "")
        return rank[result.severity], numbers, result.focus or "", result.constraint

    return tuple(sorted(results, key=place))
