"""Proposals made by hand, about entities of the seed article."""

from __future__ import annotations

from kg.linking.proposals import Feature, Proposal, Verdict
from kg.linking.records import Kind

BASE = "http://127.0.0.1:8000/"


def proposal(
    entity: str, record: str, verdict: Verdict = Verdict.accept, score: float = 97.0, base: str = BASE
) -> Proposal:
    """Propose that an entity (by its slug) is a record (``wikidata:Q7747``)."""
    dataset, _, identifier = record.partition(":")
    return Proposal(
        subject=f"{base}entity/{entity}",
        name=f"форма {entity}",
        kind=Kind.person,
        dataset=dataset,
        identifier=identifier,
        label=f"label of {record}",
        matched=f"ім’я {record}",
        score=score,
        features=(Feature("alias", 1.0, 60.0, f"«{entity}»"), Feature("country", 1.0, 10.0, "RU")),
        verdict=verdict,
        reason="An exact name, and no other." if verdict is Verdict.accept else "Two have this name.",
        source=f"{dataset}-pack@2026-01",
    )
