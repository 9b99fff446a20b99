"""Situation records: situations with the claims about them and their status."""

from __future__ import annotations

from kg.export.situation_records import SituationRecord, situation_records
from kg.export.table_rows import TableReader
from tests.cases import articles


def test_all_that_belongs_together() -> None:
    graph = articles.seeded()
    articles.add_odd(graph)
    reader = TableReader(graph.articles)
    seed = {found.iri.rpartition("/")[2]: found for found in situation_records(reader.of_article("seed"))}
    assert len(seed) == 57
    outage = seed["outage"]
    assert outage.name == "power outage"
    assert [str(place["label"]) for place in outage.places] == [
        "Druzhkivka",
        "Kostiantynivka",
        "some districts of Kramatorsk",
    ]
    assert [claim["id"] for claim in outage.claims] == ["C52"]
    assert {part["role"] for part in seed["refusal_ir"].participants} == {"actor", "recipient"}
    assert standing(seed, "outage", "silence", "ru_aid", "leave_attempt") == [
        "reported",
        "denied",
        "denied",
        "attempted",
    ]
    odd = {found.iri.rpartition("/")[2]: found for found in situation_records(reader.of_article("odd"))}
    assert standing(odd, "s1", "s2", "a1") == ["denied", "expected", "told"]


def standing(found: dict[str, SituationRecord], *names: str) -> list[str]:
    return [found[name].standing for name in names]
