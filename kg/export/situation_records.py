"""Situations as one who draws a map or a calendar wants them: with date, places, people, and the claims about them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from kg.export.table_rows import ArticleRows
from kg.export.table_schema import Value

Record = dict[str, Value]


@dataclass(frozen=True)
class SituationRecord:
    """One situation of one article.

    Attributes:
        situation: its row in the table of that name.
        claims: rows of the claims about it.
        participants: rows of who or what has a part in it, places left out.
        places: rows of where it happens (role ``place``).
    """

    situation: Record
    claims: list[Record]
    participants: list[Record]
    places: list[Record]

    @property
    def iri(self) -> str:
        """The situation."""
        return str(self.situation["situation"])

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.situation["label"] or self.situation["type"])

    @property
    def standing(self) -> str:
        """How it stands: ``reported`` as a fact, ``denied``, or its modality; ``told`` if no claim is about it."""
        if self.situation["reported_fact"]:
            return "reported"
        polarities = {claim["polarity"] for claim in self.claims}
        if polarities == {"denies"}:
            return "denied"
        modality = str(self.situation["modality"])
        return modality if polarities and modality != "actual" else "told"


def situation_records(article: ArticleRows) -> Iterator[SituationRecord]:
    """Give the situations of an article, in the order of their IRIs."""
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
