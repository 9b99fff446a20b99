"""Decision log: the current state follows from the entries, and contradictions are detected."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import BadInput, NotFound
from kg.linking.link_proposal_types import ProposalVerdict
from kg.links.decision_log_state import DecisionLog, Judgement, LogEntry, read
from tests.cases.links import proposal

POSITIVE, NEGATIVE, NONE, UNSURE = Judgement.positive, Judgement.negative, Judgement.none, Judgement.unsure
JUDGEMENTS = [POSITIVE, NEGATIVE, UNSURE, NONE]


def entry(number: int, entity: str, record: str, judgement: Judgement, **others: object) -> LogEntry:
    made = LogEntry(
        number, "2026-01-02T03:04:05Z", "ann", False, judgement, "", proposal(entity, record, ProposalVerdict.review)
    )
    return replace(made, **others)  # type: ignore[arg-type]


def test_the_newest_holds() -> None:
    log = DecisionLog([entry(1, "putin", "wikidata:Q1", POSITIVE), entry(2, "putin", "wikidata:Q1", NEGATIVE)])
    assert [*log.links()] == []
    assert [found.number for found in log.rejected("wikidata")] == [2]
    assert log.rejections() == {"http://127.0.0.1:8000/entity/putin": {"wikidata:Q1"}}


def test_what_is_undone_holds_no_more_and_what_was_before_does() -> None:
    made = [entry(1, "putin", "wikidata:Q1", POSITIVE), entry(2, "putin", "wikidata:Q1", NEGATIVE)]
    log = DecisionLog([*made, entry(3, "putin", "wikidata:Q1", NONE, undoes=2)])
    assert [found.number for found in log.links()] == [1]
    assert [*log.rejected("wikidata")] == []


@pytest.mark.parametrize(
    ("number", "error", "said"),
    [
        (9, NotFound, "no decision 9"),
        (2, BadInput, "was already undone by bob at 2026-01-02T03:04:05Z"),
        (3, BadInput, "is not a decision"),
        (4, BadInput, "is not a decision"),
    ],
)
def test_what_cannot_be_undone(number: int, error: type[Exception], said: str) -> None:
    log = DecisionLog(
        [
            entry(1, "putin", "wikidata:Q1", POSITIVE),
            entry(2, "putin", "wikidata:Q1", NEGATIVE),
            entry(3, "putin", "wikidata:Q1", NONE, undoes=2, user="bob"),
            entry(4, "iran", "wikidata:Q2", NONE, automatic=True),
        ]
    )
    with pytest.raises(error, match=said):
        log.undoable(number)
    assert log.undoable(1).number == 1


def test_the_queue() -> None:
    weak, strong = (replace(proposal("iran", f"wikidata:Q{n}", ProposalVerdict.review), score=n) for n in (50.0, 80.0))
    nil = replace(proposal("syria", "wikidata:Q9"), verdict=ProposalVerdict.nil)
    log = DecisionLog(
        [
            entry(1, "", "", NONE, proposal=replace(weak, identifier="Q50")),
            entry(2, "", "", NONE, proposal=replace(strong, identifier="Q80")),
            entry(3, "putin", "wikidata:Q1", UNSURE),
            entry(4, "", "", NONE, proposal=nil),
        ]
    )
    assert [found.number for found in log.queue()] == [2, 1, 3]
    log.add(entry(5, "iran", "wikidata:Q80", POSITIVE))
    assert [found.number for found in log.queue()] == [3]  # the other is in question no longer
    log.add(entry(6, "iran", "wikidata:Q80", NONE, undoes=5))
    assert [found.number for found in log.queue()] == [2, 1, 3]


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (("putin", "wikidata:Q1"), ("putin", "wikidata:Q2"), "linked to two records of wikidata"),
        (("putin", "wikidata:Q1"), ("iran", "wikidata:Q1"), "two entities are linked to wikidata:Q1"),
        (("putin", "wikidata:Q7"), ("putin", "geonames:5"), "wikidata:Q7 is geonames:4, not geonames:5"),
        (("putin", "geonames:5"), ("putin", "wikidata:Q7"), "wikidata:Q7 is geonames:4, not geonames:5"),
    ],
)
def test_contradictions(one: tuple[str, str], other: tuple[str, str], said: str) -> None:
    def made(number: int, entity: str, record: str) -> LogEntry:
        return entry(number, entity, record, POSITIVE, identifiers={"geonames": "4"} if record == "wikidata:Q7" else {})

    log = DecisionLog([made(1, *one), made(2, *other)])
    (conflict,) = log.conflicts()
    assert said in conflict.what
    assert len(conflict.keys) == 2
    log.add(entry(3, *other, NONE, undoes=2))
    assert log.conflicts() == []


def test_what_agrees_is_no_contradiction() -> None:
    log = DecisionLog(
        [
            entry(1, "putin", "wikidata:Q7", POSITIVE, identifiers={"geonames": "4"}),
            entry(2, "putin", "geonames:4", POSITIVE),
            entry(3, "iran", "wikidata:Q8", POSITIVE),
            entry(4, "iran", "wikidata:Q9", NEGATIVE),
        ]
    )
    assert log.conflicts() == []


def test_a_person_who_took_a_link_of_the_linker_back_is_remembered() -> None:
    made = entry(1, "putin", "wikidata:Q1", POSITIVE, automatic=True)
    log = DecisionLog([made])
    assert log.taken_back(made.key) is None
    log.add(entry(2, "putin", "wikidata:Q1", NONE, undoes=1, user="bob"))
    found = log.taken_back(made.key)
    assert found
    assert found.user == "bob"


@given(
    st.sampled_from(JUDGEMENTS),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.none() | st.integers(1),
    st.dictionaries(st.text("abc", min_size=1), st.text("123", min_size=1)),
)
def test_an_entry_comes_back_as_it_was(
    judgement: Judgement, reason: str, undoes: int | None, identifiers: dict[str, str]
) -> None:
    made = entry(7, "putin", "wikidata:Q1", judgement, reason=reason, undoes=undoes, identifiers=identifiers)
    assert read(json.dumps(made.to_json())) == made


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"number": 1}', "null"])
def test_what_is_no_entry(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        read(text)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("12"), st.sampled_from(JUDGEMENTS)), max_size=12))
def test_any_history_is_undone_to_nothing(history: list[tuple[str, str, Judgement]]) -> None:
    log = DecisionLog(entry(n, who, f"wikidata:Q{what}", said) for n, (who, what, said) in enumerate(history, 1))
    for number in range(1, len(history) + 1):
        if log.entries[number].judgement is not NONE:
            undone = log.undoable(number)
            log.add(replace(undone, number=log.next, undoes=number, judgement=NONE))
    assert [*log.links()] == []
    assert [*log.rejected("wikidata")] == []
    assert log.conflicts() == []
    assert {**DecisionLog(log.entries.values()).entries} == log.entries
