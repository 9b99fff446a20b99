"""Proposals written by hand, about entities of the seed article."""

from __future__ import annotations

from kg.linking.link_proposal_types import LinkProposal, ProposalVerdict, ScoringFeature
from kg.reference.records import RecordKind

BASE = "http://127.0.0.1:8000/"


def proposal(
    entity: str, record: str, verdict: ProposalVerdict = ProposalVerdict.accept, score: float = 97.0, base: str = BASE
) -> LinkProposal:
    """Propose that an entity (by its slug) is a record (``wikidata:Q7747``)."""
    dataset, _, identifier = record.partition(":")
    return LinkProposal(
        subject=f"{base}entity/{entity}",
        name=f"форма {entity}",
        kind=RecordKind.person,
        dataset=dataset,
        identifier=identifier,
        label=f"label of {record}",
        matched=f"ім’я {record}",
        score=score,
        features=(ScoringFeature("alias", 1.0, 60.0, f"«{entity}»"), ScoringFeature("country", 1.0, 10.0, "RU")),
        verdict=verdict,
        reason="An exact name, and no other." if verdict is ProposalVerdict.accept else "Two have this name.",
        source=f"{dataset}-pack@2026-01",
    )
