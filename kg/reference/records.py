"""Records of reference packs: one for each thing of an outside dataset, with names, place and identifiers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class RecordKind(StrEnum):
    """Kind of thing that a record or an entity is, as coarse as linking needs."""

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
        text: the name, unchanged from the dataset.
        language: BCP 47 language tag; empty if unknown.
        label: whether it is the main name in that language, not an alias.
    """

    text: str
    language: str = ""
    label: bool = False


@dataclass(frozen=True, slots=True)
class RecordRole:
    """An office or membership with its first and last day (ISO 8601, possibly only a year; empty if unknown)."""

    title: str
    start: str = ""
    end: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One thing of an outside dataset.

    Attributes:
        dataset: ``wikidata``, ``geonames``, ``opensanctions``, ``katottg``, ``iso3166``, or the name of a user's pack.
        identifier: identifier in that dataset, in the form of its formatter URL (``Q212``, ``690791``).
        kind: kind of the thing.
        names: all its names, labels and aliases.
        countries: countries that it is in or belongs to, as ISO 3166-1 alpha-2 codes in capitals.
        point: latitude and longitude in degrees (WGS 84).
        within: identifier, in the same dataset, of the region that contains it; empty if unknown.
        prominence: number of inhabitants, or of Wikipedias with an article about it; only for breaking ties.
        identifiers: identifiers in other datasets, by dataset name.
        roles: offices and memberships.
        description: one line for reviewers.
        flags: reasons why only a reviewer may link it (``occupation-entity``, ``shared-identifier``, …).
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
        """Unique key across datasets: ``wikidata:Q212``."""
        return f"{self.dataset}:{self.identifier}"

    def label(self, language: str = "en") -> str:
        """Return its main name in a language, else any main name, else any name, else its key."""
        for name in self.names:
            if name.label and name.language == language:
                return name.text
        return next((name.text for name in self.names if name.label), self.names[0].text if self.names else self.key)


Lookup = Callable[[str, str], Record | None]
"""Function from a dataset and an identifier to the record, or ``None``."""


def unknown(_dataset: str, _identifier: str) -> None:
    """Return ``None``: the lookup used without reference packs."""
