"""Situation records: one situation with its date, places, participants and claims, for maps, calendars and networks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from kg.export.table_rows import ArticleRows
from kg.export.table_schema import Value

Record = dict[str, Value]
"""One row of a table, by column."""


@dataclass(frozen=True)
class SituationRecord:
    """One situation of one article.

    Attributes:
        situation: its row of the table ``situations``.
        claims: its rows of the table ``claims``.
        participants: its rows of the table ``participants``, except those of the role ``place``.
        places: its rows of the table ``participants`` with the role ``place``.
    """

    situation: Record
    claims: list[Record]
    participants: list[Record]
    places: list[Record]

    @property
    def iri(self) -> str:
        """IRI of the situation."""
        return str(self.situation["situation"])

    @property
    def name(self) -> str:
        """Label of the situation; its class if it has no label."""
        return str(self.situation["label"] or self.situation["type"])

    @property
    def standing(self) -> str:
        """Status: ``reported`` (as a fact), ``denied``, the modality, or ``told`` (no claim is about the situation)."""
        if self.situation["reported_fact"]:
            return "reported"
        polarities = {claim["polarity"] for claim in self.claims}
        if polarities == {"denies"}:
            return "denied"
        modality = str(self.situation["modality"])
        return modality if polarities and modality != "actual" else "told"


def situation_records(article: ArticleRows) -> Iterator[SituationRecord]:
    """Yield the situations of an article, in the order of their IRIs."""
    claims: defaultdict[Value, list[Record]] = defaultdict(list)
    for claim in article.records("claims"):
        claims[claim["situation"]].append(claim)
    parts: defaultdict[Value, list[Record]] = defaultdict(list)
    for part in article.records("participants"):
        parts[part["situation"]].append(part)
    for situation in article.records("situations"):
        own = parts[situation["situation"]]
        yield SituationRecord(
            situation,
            claims[situation["situation"]],
            [part for part in own if part["role"] != "place"],
            [part for part in own if part["role"] == "place"],
        )
