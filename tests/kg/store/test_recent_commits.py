"""History of commits: what came after a number, as far as it is remembered."""

from __future__ import annotations

from kg.store.recent_commits import Commit, CommitHistory, property_key

NOTHING = Commit(0, frozenset())


def test_commits_are_numbered_from_the_one_before() -> None:
    history = CommitHistory(7)
    assert history.since(7) == []
    history.add(Commit(0, frozenset({"urn:g"})))
    history.add(NOTHING)
    assert history.number == 9
    assert history.since(7) == [Commit(8, frozenset({"urn:g"})), Commit(9, frozenset())]
    assert history.since(8) == [Commit(9, frozenset())]


def test_what_is_not_remembered_is_unknown() -> None:
    history = CommitHistory(7)
    assert history.since(6) is None
    for _ in range(257):
        history.add(NOTHING)
    assert history.since(7) is None
    assert len(history.since(8) or []) == 256


def test_commits_of_an_earlier_process_changed_user_graphs_at_most() -> None:
    history = CommitHistory(7)
    history.continue_from(5)
    assert history.since(5) == [Commit(6, frozenset(), users=True), Commit(7, frozenset(), users=True)]
    assert history.since(4) is None


def test_no_more_commits_of_an_earlier_process_are_recorded_than_are_remembered() -> None:
    history = CommitHistory(1000)
    history.continue_from(1)
    assert history.since(1) is None
    assert len(history.since(744) or []) == 256


def test_all_properties_of_a_subject_have_a_key_of_their_own() -> None:
    assert property_key("urn:s", None) not in {property_key("urn:s", "urn:p"), property_key("urn:t", None)}
