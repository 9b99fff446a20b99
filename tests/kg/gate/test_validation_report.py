"""Validation report: JSON and RDF are equivalent."""

from __future__ import annotations

import json

import pytest
from rdflib import RDF, SH, Graph, Literal, URIRef
from rdflib.namespace import DCTERMS

from kg.errors import UnsupportedFormat
from kg.gate.gate import shared_gate
from kg.gate.validation_report import Severity, ValidationReport, ValidationResult, ordered
from kg.rdf import oxigraph, rdflib_conversion
from tests.cases.documents import Content
from tests.cases.graphs import NAMES, small_graph


def result(constraint: str, severity: Severity, **more: str) -> ValidationResult:
    return ValidationResult(constraint=constraint, severity=severity, messages={"en": "No.", "uk": "Ні."}, **more)


def broken() -> ValidationReport:
    """Violate constraints of code (A2, A3) and of shapes (D5), and one that follows from a gap (D1)."""
    content = Content()
    content["article"]["sha256"] = "0" * 64
    content["C44"]["quotes"] = [{"exact": "немає"}]
    for role in ("actor", "recipient", "topicText"):
        content["request_ir"].pop(role)
    content["refusal_ir"]["respondsTo"] = ["nothing"]
    return shared_gate().check_document(json.dumps(content.data).encode(), NAMES).report


def parsed(report: ValidationReport, media_type: str = "text/turtle") -> Graph:
    return rdflib_conversion.to_graph(quad.triple for quad in oxigraph.parse(report.to_rdf(media_type), media_type))


def test_the_worst_comes_first_then_the_order_of_places() -> None:
    results = [
        result("E3", "Info", pointer="/a"),
        result("B1", "Violation", pointer="/b"),
        result("E2", "Warning"),
        result("A1", "Violation", pointer="/b"),
        result("A1", "Violation", pointer="/a", focus="https://news.example/"),
    ]
    assert [r.constraint + (r.pointer or "") for r in ordered(results)] == ["A1/a", "A1/b", "B1/b", "E2", "E3/a"]


def test_only_violations_stand_in_the_way() -> None:
    report = ValidationReport((result("E2", "Warning"), result("E3", "Info")))
    assert report.conforms
    assert ([r.constraint for r in report.warnings], [r.constraint for r in report.infos]) == (["E2"], ["E3"])
    assert not ValidationReport((result("A1", "Violation"),)).conforms
    assert ValidationReport().conforms


def test_json_counts_and_leaves_out_what_is_not_there() -> None:
    report = ValidationReport((result("A1", "Violation", pointer="/article"), result("E3", "Info")))
    content = report.to_json()
    assert content["conforms"] is False
    assert content["counts"] == {"violations": 1, "warnings": 0, "infos": 1}
    assert content["results"][0]["pointer"] == "/article"
    assert "focus" not in content["results"][0]
    assert json.loads(json.dumps(content)) == content


def test_rdf_lists_the_results_of_json_and_no_others() -> None:
    report = broken()
    assert {r.constraint for r in report.violations} == {"A2", "A3", "D5", "J3"}
    graph = parsed(report)
    (root,) = graph.subjects(RDF.type, SH.ValidationReport)
    nodes = set(graph.objects(root, SH.result))
    assert nodes == set(graph.subjects(RDF.type, SH.ValidationResult))
    shown = sorted(
        (str(graph.value(node, DCTERMS.identifier)), str(graph.value(node, SH.focusNode)), text.language, str(text))
        for node in nodes
        for text in graph.objects(node, SH.resultMessage)
        if isinstance(text, Literal)
    )
    listed = [
        (r.constraint, r.focus or r.pointer, lang, text) for r in report.results for lang, text in r.messages.items()
    ]
    assert shown == sorted(listed)


def test_every_result_in_rdf_is_a_shacl_result() -> None:
    graph = parsed(broken())
    for node in graph.subjects(RDF.type, SH.ValidationResult):
        for prop in (SH.focusNode, SH.resultSeverity, SH.sourceConstraintComponent):
            assert len(list(graph.objects(node, prop))) == 1
        assert graph.value(node, SH.resultSeverity) in (SH.Violation, SH.Warning, SH.Info)


@pytest.mark.parametrize("media_type", ["text/turtle", "application/ld+json", "application/rdf+xml"])
def test_rdf_in_any_format(media_type: str) -> None:
    report = shared_gate().check_graph(small_graph())
    graph = parsed(report, media_type)
    (root,) = graph.subjects(RDF.type, SH.ValidationReport)
    assert graph.value(root, SH.conforms) == Literal(True), "warnings and infos do not keep a graph out"
    assert len(list(graph.objects(root, SH.result))) == len(report.results)


def test_a_report_without_a_graph_of_its_own() -> None:
    graph = parsed(ValidationReport((result("J2", "Violation", pointer="/claims/0", value="x"),)))
    (node,) = graph.subjects(RDF.type, SH.ValidationResult)
    assert graph.value(node, SH.focusNode) == Literal("/claims/0")
    assert graph.value(node, SH.value) == Literal("x")
    assert (None, SH.conforms, Literal(False)) in graph


def test_a_result_of_code_on_a_resource() -> None:
    graph = parsed(ValidationReport((result("F4", "Violation", focus="https://news.example/t"),)))
    (node,) = graph.subjects(RDF.type, SH.ValidationResult)
    assert graph.value(node, SH.focusNode) == URIRef("https://news.example/t")


def test_unknown_formats_are_refused() -> None:
    with pytest.raises(UnsupportedFormat):
        ValidationReport().to_rdf("text/html")
