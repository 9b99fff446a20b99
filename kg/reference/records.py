"""What reference packs hold: a record for each thing of an outside dataset, with its names, place and identifiers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class RecordKind(StrEnum):
    """What sort of thing a record or an entity is, as coarse as links need it."""

    country = "country"
    region = "region"
    settlement = "settlement"
    water = "water"
    person = "person"
    organisation = "organisation"
    other = "other"


@dataclass(frozen=True, slots=True)
class RecordName:
    """One name of a thing.

    Attributes:
        text: as the dataset writes it.
        language: a BCP 47 tag; empty where the dataset does not tell.
        label: whether it is the main name in that language, and no alias.
    """

    text: str
    language: str = ""
    label: bool = False


@dataclass(frozen=True, slots=True)
class RecordRole:
    """An office or membership, with the days (ISO 8601, perhaps only a year) from and until which it was held."""

    title: str
    start: str = ""
    end: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One thing as an outside dataset has it.

    Attributes:
        dataset: ``wikidata``, ``geonames``, ``opensanctions``, ``katottg``, ``iso3166``, or the name of a user's pack.
        identifier: in that dataset, as its formatter URL wants it (``Q212``, ``690791``).
        kind: see :class:`RecordKind`.
        names: all that it is called.
        countries: ISO 3166-1 alpha-2 codes, in capitals, of the countries that it is in or belongs to.
        point: latitude and longitude in degrees (WGS 84).
        within: the identifier, in the same dataset, of the region that it lies in.
        prominence: how well known it is, for breaking ties alone: inhabitants, or Wikipedias that have an article.
        identifiers: what other datasets call it, by their names.
        roles: offices and memberships.
        description: a line for a person who reviews.
        flags: why it may not be linked without a person (``occupation-entity``, ``shared-identifier``, …).
    """

    dataset: str
    identifier: str
    kind: RecordKind
    names: tuple[RecordName, ...]
    countries: tuple[str, ...] = ()
    point: tuple[float, float] | None = None
    within: str = ""
    prominence: float = 0.0
    identifiers: Mapping[str, str] = field(default_factory=dict)
    roles: tuple[RecordRole, ...] = ()
    description: str = ""
    flags: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Name it among all datasets: ``wikidata:Q212``."""
        return f"{self.dataset}:{self.identifier}"

    def label(self, language: str = "en") -> str:
        """Give its main name in a language, else any."""
        for name in self.names:
            if name.label and name.language == language:
                return name.text
        return next((name.text for name in self.names if name.label), self.names[0].text if self.names else self.key)


Lookup = Callable[[str, str], Record | None]
"""Finds the record of a dataset by its identifier."""


def unknown(_dataset: str, _identifier: str) -> None:
    """Find nothing: the lookup where there are no reference packs."""
