"""Acceptance rules: automatic links, and proposals for review."""

from __future__ import annotations

from dataclasses import replace

from kg.linking.acceptance_rules import decide
from kg.linking.candidate_scoring import ScoredCandidate, feature, total
from kg.linking.candidates import Candidate, NameSpelling
from kg.reference.records import Record, RecordKind
from tests.linked import KOSTIANTYNIVKA, KRAMATORSK, OBLAST, person

RIGHT, OTHER = KOSTIANTYNIVKA


def one(
    record: Record, *, exact: bool = True, rank: int = 0, text: str = "Дві Назви", **values: float
) -> ScoredCandidate:
    spelling = NameSpelling(text, text, "alias", rank)
    candidate = Candidate(record, "test@1", record.names[0], spelling, 1.0 if exact else 0.9, exact)
    named = feature("alias" if exact else "similarity", 1.0 if exact else 0.9, "")
    found = (named, *(feature(name, value, "") for name, value in {"kind": 1.0, **values}.items()))
    return ScoredCandidate(candidate, found, total(found))


def test_an_exact_name_of_one_record_is_linked() -> None:
    assert decide([one(KRAMATORSK)]).accepted


def test_a_name_that_is_like_it_is_not() -> None:
    decision = decide([one(KRAMATORSK, exact=False)])
    assert not decision.accepted
    assert "not the same" in decision.reason


def test_one_of_two_is_not_however_well_known_it_is() -> None:
    decision = decide([one(RIGHT, prominence=1.0), one(OTHER, prominence=0.1)])
    assert not decision.accepted
    assert decision.ranked[0].candidate.record is RIGHT
    assert "only in prominence" in decision.reason


def test_context_tells_two_apart() -> None:
    assert decide([one(RIGHT, within=1.0), one(OTHER, within=0.0)]).accepted
    assert decide([one(RIGHT, country=1.0), one(OTHER, country=0.0)]).accepted
    assert decide([one(RIGHT, role=1.0), one(OTHER, role=0.2)]).accepted
    assert decide([one(OTHER, within=0.0), one(RIGHT, within=1.0)]).ranked[0].candidate.record is RIGHT


def test_a_near_place_is_told_from_a_far_one_but_not_from_another_near_one() -> None:
    assert decide([one(RIGHT, distance=0.95), one(OTHER, distance=0.2)]).accepted
    assert not decide([one(RIGHT, distance=0.95), one(OTHER, distance=0.9)]).accepted
    assert not decide([one(RIGHT, distance=0.3), one(OTHER, distance=0.01)]).accepted
    assert not decide([one(RIGHT, distance=0.95), one(OTHER)]).accepted  # where the other is nobody knows


def test_what_contradicts_the_graph_is_not_linked() -> None:
    decision = decide([one(RIGHT, country=0.0)])
    assert not decision.accepted
    assert "contradicts" in decision.reason


def test_a_flagged_record_is_not_linked() -> None:
    decision = decide([one(replace(KRAMATORSK, flags=("shared-identifier",)))])
    assert not decision.accepted
    assert "shared-identifier" in decision.reason


def test_nothing_is_linked_where_a_person_rejected_something() -> None:
    assert not decide([one(KRAMATORSK)], rejected=True).accepted


def test_a_single_name_of_a_person_needs_an_office() -> None:
    putin = person("Q7747", "Путін")
    assert not decide([one(putin, text="Путін")]).accepted
    assert decide([one(putin, text="Путін", role=1.0)]).accepted
    assert decide([one(putin)]).accepted


def test_what_labels_name_comes_before_what_the_text_names() -> None:
    assert decide([one(RIGHT), one(OTHER, rank=2)]).accepted


def test_of_a_town_and_a_region_of_one_name_the_kind_of_the_text_is_meant() -> None:
    assert decide([one(RIGHT), one(OBLAST, kind=0.8)]).accepted
    water = replace(OTHER, kind=RecordKind.water)
    assert not decide([one(RIGHT), one(water, kind=0.8)]).accepted
    assert not decide([one(OBLAST, kind=0.0)]).accepted
