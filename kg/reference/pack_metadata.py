"""Metadata of reference packs: dataset, version, licence, and what they cover."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from kg.reference.records import RecordKind


@dataclass(frozen=True, slots=True)
class PackMetadata:
    """Metadata of one imported version of one outside dataset.

    Attributes:
        name: the key by which it is listed, replaced and removed.
        version: version of the data, named by its publisher or the user.
        dataset: the dataset of its identifiers (``wikidata``, ``geonames``, …).
        title: title to display.
        licence, licence_url: licence of the data.
        date: date of the data, ISO 8601.
        source: origin: a file name, a package with its version, or a URL.
        start, end: first and last date of its coverage (ISO 8601, possibly only a year); empty: unbounded.
        countries: countries that it covers, as ISO 3166-1 alpha-2 codes; empty: all.
        kinds: kinds of things that it covers; if empty,
            :meth:`kg.reference.reference_store.ReferenceStore.add` sets the kinds of its records.
        languages: languages of its names; always set by that method.
    """

    name: str
    version: str
    dataset: str
    title: str = ""
    licence: str = ""
    licence_url: str = ""
    date: str = ""
    source: str = ""
    start: str = ""
    end: str = ""
    countries: tuple[str, ...] = ()
    kinds: tuple[RecordKind, ...] = ()
    languages: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Name and version: ``name@version``."""
        return f"{self.name}@{self.version}"

    def covers(self, kind: RecordKind, country: str = "", date: str = "") -> bool:
        """Return whether the pack should have a thing of a kind in a country on a date; empty arguments always match.

        Dates are compared up to the precision of the shorter: a pack whose ``end`` is 2019 covers 2019-12-31.
        """
        if self.kinds and kind not in self.kinds:
            return False
        if country and self.countries and country not in self.countries:
            return False
        # ISO dates sort as strings, once a bound or a date is cut to the precision of the other.
        after_start = not (date and self.start) or date >= self.start[: len(date)]
        return after_start and (not (date and self.end) or date[: len(self.end)] <= self.end)

    def to_json(self) -> dict[str, Any]:
        """Return all attributes as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> PackMetadata:
        """Parse the result of :meth:`to_json`."""
        tuples = {name: tuple(values[name]) for name in ("countries", "languages")}
        return cls(**{**values, **tuples, "kinds": tuple(RecordKind(kind) for kind in values["kinds"])})
