"""Gate: it reports every error that the ontology defines, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from rdflib import RDF, SH
from rdflib.namespace import DCTERMS

from kg.gate.gate import Gate, shared_gate
from kg.gate.python_check_messages import catalogue
from kg.gate.validation_report import ValidationReport
from kg.iris import SHAPES
from tests.cases.documents import DOCUMENTS, Content, DocumentCase
from tests.cases.graphs import GRAPHS, NAMES, SEED, GraphCase, small_document, small_graph

GROUPS = {
    "A": range(1, 5),
    "B": range(1, 13),
    "C": range(1, 8),
    "D": range(1, 6),
    "E": range(1, 6),
    "F": range(5),
    "G": range(6),
}
CONSTRAINTS = {f"{group}{number}" for group, numbers in GROUPS.items() for number in numbers} | {"D2n", "O1"}
FORM = {f"J{number}" for number in range(2, 13)} | {"C8", "F5"}
"""Constraints of the document, and those that only code checks."""

Place = tuple[str | None, str, str]


@pytest.fixture(scope="module")
def gate() -> Gate:
    return shared_gate()


@pytest.fixture(scope="module")
def small(gate: Gate) -> ValidationReport:
    return gate.check_graph(small_graph())


def places(report: ValidationReport) -> set[Place]:
    return {(result.focus, result.constraint, result.severity) for result in report.results}


def parts(report: ValidationReport) -> set[tuple[str, str]]:
    """Find which shape or constraint reported what: local names from the shapes graph, ids from code."""
    assert report.graph is not None
    found = set()
    for node in report.graph.subjects(RDF.type, SH.ValidationResult):
        focus = str(report.graph.value(node, SH.focusNode))
        sources = (report.graph.value(node, prop) for prop in (SH.sourceConstraint, SH.sourceShape))
        found.add((focus, next(str(s).removeprefix(SHAPES) for s in sources if str(s).startswith(SHAPES))))
    return found | {(str(r.focus), r.constraint) for r in report.results if r.constraint in ("F3", "F4", "O1")}


def ids_in_shapes(gate: Gate) -> set[str]:
    return {str(identifier) for identifier in gate.shapes.graph.objects(None, DCTERMS.identifier)}


def ids_in_code() -> set[str]:
    return {message.constraint for message in catalogue().values()}


def test_every_constraint_of_the_ontology_is_there(gate: Gate) -> None:
    assert ids_in_shapes(gate) | ids_in_code() == CONSTRAINTS | FORM


def test_every_part_of_every_constraint_has_a_case(gate: Gate) -> None:
    shapes = {str(node).removeprefix(SHAPES) for node in gate.shapes.graph.subjects(DCTERMS.identifier)}
    assert {case.part for case in GRAPHS} == shapes | {"F3", "F4", "O1"}
    assert {case.constraint for case in GRAPHS} == CONSTRAINTS


def test_the_seed_conforms(gate: Gate) -> None:
    report = gate.check_document(SEED, NAMES).report
    assert report.conforms
    assert (len(report.violations), len(report.warnings), len(report.infos)) == (0, 3, 11)


def test_the_small_document_conforms(gate: Gate, small: ValidationReport) -> None:
    assert small.conforms
    assert places(gate.check_document(small_document().to_json(), NAMES).report) == places(small)


@pytest.mark.slow
@pytest.mark.parametrize("case", GRAPHS, ids=lambda case: case.part)
def test_a_broken_graph_is_caught_by_one_constraint_alone(case: GraphCase, gate: Gate, small: ValidationReport) -> None:
    report = gate.check_graph(case.graph())
    new = [r for r in report.results if (r.focus, r.constraint, r.severity) not in places(small)]
    assert {result.constraint for result in new} == {case.constraint}
    assert {part for _, part in parts(report) - parts(small)} == {case.part}
    severity = {"E1": "Warning", "E2": "Warning", "E3": "Info"}.get(case.constraint, "Violation")
    assert {result.severity for result in new} == {severity}
    assert report.conforms == (severity != "Violation")


@pytest.mark.parametrize("case", DOCUMENTS, ids=lambda case: f"{case.constraint}-{case.place}")
def test_a_broken_document_says_where_and_what_to_do(case: DocumentCase, gate: Gate, small: ValidationReport) -> None:
    data, pointer = case.make()
    report = gate.check_document(data, NAMES).report
    new = [r for r in report.results if (r.focus, r.constraint, r.severity) not in places(small)]
    assert [(r.constraint, r.pointer) for r in new] == [(case.constraint, pointer)]
    for result in new:
        assert result.messages.keys() == result.remedies.keys() == {"en", "uk"}
        assert result.message == result.messages["en"] != result.messages["uk"]
        assert result.remedy == result.remedies["en"] != result.remedies["uk"]
        assert all(text.endswith(".") for text in (*result.messages.values(), *result.remedies.values()))
        assert re.search("[а-яґєії]", result.messages["uk"])


def _denied(content: Content) -> None:
    """“Nobody was hurt.”"""
    content["death"].pop("affected")
    content["C54"]["denies"] = content["C54"].pop("affirms")


def _only_planned(content: Content) -> None:
    content["sochi_attack"].update(modality="intended")
    for role in ("instrument", "place", "affected", "time"):
        content["sochi_attack"].pop(role)


def _unanswered(content: Content) -> None:
    """“He did not respond to a request for comment.”"""
    content["stopcalls"].pop("respondsTo")
    content["stopcalls"]["topicText"] = "comment"


def _refused_to_testify(content: Content) -> None:
    content["refusal_ir"].pop("respondsTo")
    content["refusal_ir"]["topicText"] = "testify"


def _asked_nobody(content: Content) -> None:
    content["request_ir"].pop("recipient")


def _was_attacked(content: Content) -> None:
    """“The town was attacked”: nobody says by whom or with what."""
    content["sochi_attack"].pop("instrument")
    content["sochi_attack"].pop("place")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_denied, set()),
        (_only_planned, set()),
        (_unanswered, set()),
        (_refused_to_testify, {("E3", "Info")}),
        (_asked_nobody, set()),
        (_was_attacked, {("E1", "Warning")}),
    ],
)
def test_ordinary_news_is_accepted(
    change: Callable[[Content], None], told: set[tuple[str, str]], gate: Gate, small: ValidationReport
) -> None:
    content = Content()
    change(content)
    report = gate.check_document(json.dumps(content.data).encode(), NAMES).report
    assert report.conforms, [result.message for result in report.violations]
    new = {
        (r.constraint, r.severity) for r in report.results if (r.focus, r.constraint, r.severity) not in places(small)
    }
    assert new == told


def test_every_constraint_that_a_document_can_break_has_a_document() -> None:
    unsayable = {"A1", "B1", "B10", "B12", "C7", "F0", "G2", "G3", "O1", "J5", "J6", "J7", "F5"}
    assert {case.constraint for case in DOCUMENTS} == (CONSTRAINTS | FORM) - unsayable
