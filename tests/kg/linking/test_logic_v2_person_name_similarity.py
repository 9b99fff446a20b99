"""Optional logic-v2 scorer for people."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from kg.errors import BadInput
from kg.linking.candidates import Candidate
from kg.linking.linker import Linker, LinkerSettings
from kg.linking.logic_v2_person_name_similarity import logic, required
from kg.reference.records import RecordKind
from tests.linked import mention, person, reference


def test_without_the_extra_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nomenklatura", None)
    assert logic() is None
    with pytest.raises(BadInput, match="not installed") as refused:
        required()
    assert ".[logic]" in refused.value.remedy


def test_a_scorer_is_asked_of_people_that_are_not_found_by_name() -> None:
    asked: list[str] = []

    def sure(candidate: Candidate) -> Candidate:
        asked.append(candidate.record.identifier)
        return replace(candidate, similarity=0.99)

    linker = Linker(
        reference(person("Q7747", "Vladimir Putin"), person("Q1", "Камель Сакр")), LinkerSettings(people=sure)
    )
    (found,) = [p for p in linker.propose(mention("Володимир Путін", RecordKind.person)) if p.identifier]
    assert asked == ["Q7747"]
    assert found.verdict == "review"
    assert found.features[0].value == 0.99
    linker.propose(mention("Камель Сакр", RecordKind.person))
    assert asked == ["Q7747"]
