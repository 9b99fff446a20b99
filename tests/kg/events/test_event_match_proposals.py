"""Event proposals: matches of the graph's events with a dataset, for the review queue."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from kg.events import table_engines
from kg.events.event_file_format_detection import EventFormat
from kg.events.event_file_reading import opened
from kg.events.event_match_proposals import proposals
from kg.events.event_matching import WEIGHTS
from kg.events.graph_events import PlacePoint, graph_events
from kg.knowledge_graph import KnowledgeGraph
from kg.linking.link_proposal_types import LinkProposal, ProposalVerdict
from tests.cases import events
from tests.cases.events import event
from tests.configs import configured


def told(ours: list[dict[str, Any]], file: Path, form: EventFormat = EventFormat.ucdp) -> list[LinkProposal]:
    connection = table_engines.duck()
    return proposals(connection, ours, opened(connection, file, form))


def test_an_accepted_row(tmp_path: Path) -> None:
    (found,) = told([event("urn:e")], events.ucdp_file(tmp_path / "a.csv", {"id": "77"}))
    assert (found.subject, found.record, found.verdict, found.score) == (
        "urn:e",
        "ucdp:77",
        ProposalVerdict.accept,
        99.6,
    )
    assert found.source == "ucdp@a.csv"
    assert found.label == "2014-06-14, Druzhkivka town: Government of Ukraine; DPR"
    assert [(feature.name, feature.weight) for feature in found.features] == list(WEIGHTS.items())
    evidence = {feature.name: feature.evidence for feature in found.features}
    assert evidence["place"] == "0.2 km apart, within 5 and 5 km (code 1)"
    assert evidence["casualties"] == "3 dead / 3 dead"
    assert "The only best row" in found.reason


def test_a_row_for_review_says_what_is_missing(tmp_path: Path) -> None:
    file = events.ucdp_file(tmp_path / "a.csv", {"best": "9", "high": "9"}, {"id": "2", "best": "9", "high": "9"})
    first, second = told([event("urn:e", headline="Обстріл Дружківки", source="")], file)
    assert {first.verdict, second.verdict} == {ProposalVerdict.review}
    assert first.reason == (
        "A close match for review: others are as good; no headline is shared; sides and casualties do not both agree."
    )
    assert "another row has more points (this one has rank 2)" in second.reason
    assert {feature.evidence for feature in first.features if feature.name == "source"} == {"unknown"}


def test_gdelt_is_a_mention(tmp_path: Path) -> None:
    (found,) = told([event("urn:e")], events.gdelt_file(tmp_path / "a.csv", {}), EventFormat.gdelt)
    assert (found.verdict, found.record) == (ProposalVerdict.review, "gdelt:9")
    assert "A row of GDELT is a mention of such an event, not corroboration" in found.reason
    assert found.features[-1].name == "mention"


def test_acled(tmp_path: Path) -> None:
    file = events.acled_file(tmp_path / "a.csv", {}, {"event_id_cnty": "UKR2", "event_date": "2 June 2014"})
    (found,) = told([event("urn:e", actors="Ukraine")], file, EventFormat.acled)
    assert (found.record, found.verdict) == ("acled:UKR1", ProposalVerdict.accept)


@pytest.mark.parametrize(
    ("changes", "verdict", "said"),
    [
        (
            {"start": date(2025, 10, 3), "end": date(2025, 10, 3)},
            ProposalVerdict.outside,
            "it runs from 2014-06-14 to 2014-06-14",
        ),
        ({"start": None, "end": None}, ProposalVerdict.outside, "No date is known"),
        ({"plover": "CONSULT"}, ProposalVerdict.outside, "UCDP does not record CONSULT"),
        ({"plover": ""}, ProposalVerdict.outside, "UCDP does not record events without a PLOVER type"),
        ({"deaths_high": 0}, ProposalVerdict.outside, "only events with deaths"),
        ({"place": "", "latitude": None}, ProposalVerdict.outside, "No place is known"),
        ({"latitude": 14.5, "longitude": 121.0}, ProposalVerdict.outside, "no row lies in that part of the world"),
        ({"latitude": 48.80}, ProposalVerdict.nil, "No row near"),
    ],
)
def test_nothing_is_an_answer_too(tmp_path: Path, changes: dict[str, Any], verdict: ProposalVerdict, said: str) -> None:
    (found,) = told([event("urn:e", **changes)], events.ucdp_file(tmp_path / "a.csv", {}))
    assert (found.verdict, found.identifier, found.score) == (verdict, "", 0.0)
    assert said in found.reason


@events.needs_slices
def test_the_seed_lies_outside_of_every_slice() -> None:
    graph = KnowledgeGraph.open(configured(), in_memory=True)
    found = told(graph_events(graph.store), events.NEWER)
    assert {proposal.verdict for proposal in found} == {ProposalVerdict.outside}
    attack = next(proposal for proposal in found if proposal.subject.endswith("/sochi_attack"))
    assert attack.reason == "Outside this dataset’s coverage: it runs from 2014-01-22 to 2021-12-31."


@events.needs_slices
@pytest.mark.parametrize("points", [{}, {"druzhkivka": PlacePoint(48.62, 37.53)}], ids=["by name", "by point"])
def test_an_article_of_2014_finds_its_row(points: dict[str, PlacePoint]) -> None:
    graph = KnowledgeGraph.open(configured(), in_memory=True, seed=False)
    graph.articles.add(events.article("2014-06-14"))
    found = [
        each for each in told(graph_events(graph.store, points), events.NEWER) if each.subject.endswith("/shelling")
    ]
    assert (found[0].record, found[0].verdict) == ("ucdp:154074", ProposalVerdict.review)  # Druzhkivka, 14 June 2014
    assert "the place is not known well enough" in found[0].reason or points
