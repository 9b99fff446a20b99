"""What a reference pack says of itself, and what was found when it was imported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from kg.reference.records import Record, RecordKind

EXAMPLES = 10
"""How many of the records that a finding is about a report names."""

_SCRIPTS = (("Latn", 0x41, 0x24F), ("Grek", 0x370, 0x3FF), ("Cyrl", 0x400, 0x52F), ("Armn", 0x530, 0x58F))
_MORE_SCRIPTS = (("Hebr", 0x590, 0x5FF), ("Arab", 0x600, 0x77F), ("Deva", 0x900, 0x97F), ("Geor", 0x10A0, 0x10FF))
_FAR_SCRIPTS = (("Hang", 0xAC00, 0xD7AF), ("Jpan", 0x3040, 0x30FF), ("Hani", 0x4E00, 0x9FFF), ("Latn", 0x1E00, 0x1EFF))


@dataclass(frozen=True, slots=True)
class PackMetadata:
    """One import of one outside dataset.

    Attributes:
        name: by which it is listed, replaced and removed.
        version: of the data, as its publisher or the user calls it.
        dataset: what its records are identified in (``wikidata``, ``geonames``, …).
        title: for people.
        licence, licence_url: of the data.
        date: of the data, ISO 8601.
        source: where it came from: a file's name, a package and its version, an address.
        start, end: the days (ISO 8601, perhaps only a year) between which it covers the world; empty: without bound.
        countries: ISO 3166-1 alpha-2 codes that it covers; none: the world.
        kinds: what it covers; none: what its records are, which
        :meth:`kg.reference.reference_store.ReferenceStore.add` fills in. languages: of its names, filled in likewise.
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
        """Name it with its version: ``name@version``."""
        return f"{self.name}@{self.version}"

    def covers(self, kind: RecordKind, country: str = "", date: str = "") -> bool:
        """Tell whether it should have a thing of a kind, in a country, of a day; what is empty is let pass."""
        if self.kinds and kind not in self.kinds:
            return False
        if country and self.countries and country not in self.countries:
            return False
        after_start = not (date and self.start) or date >= self.start[: len(date)]
        return after_start and (not (date and self.end) or date[: len(self.end)] <= self.end)

    def to_json(self) -> dict[str, Any]:
        """Give everything as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> PackMetadata:
        """Read what :meth:`to_json` gave."""
        tuples = {name: tuple(values[name]) for name in ("countries", "languages")}
        return cls(**{**values, **tuples, "kinds": tuple(RecordKind(kind) for kind in values["kinds"])})


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What a pack turned out to hold.

    Attributes:
        pack: with its kinds and languages filled in.
        records, names: how many there are.
        repeated: how many records were left out, since one of the same identifier came before.
        kinds: how many records are of each kind.
        languages: how many records have a name in each language, or, of names without one, in each script (``?Cyrl``).
        flags: how many records may not be linked without a person, by reason.
        examples: some of them, by reason: what is wrong, in a line.
        replaced: the version whose place it took.
    """

    pack: PackMetadata
    records: int = 0
    names: int = 0
    repeated: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)
    languages: Mapping[str, int] = field(default_factory=dict)
    flags: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    replaced: str = ""

    def to_json(self) -> dict[str, Any]:
        """Give everything as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ImportReport:
        """Read what :meth:`to_json` gave."""
        return cls(**{**values, "pack": PackMetadata.from_json(values["pack"])})


class ImportTally:
    """Counts records as they pass."""

    def __init__(self) -> None:
        self.records = 0
        self.names = 0
        self.repeated = 0
        self.kinds: Counter[str] = Counter()
        self.languages: Counter[str] = Counter()

    def count(self, record: Record) -> None:
        """Count one."""
        self.records += 1
        self.names += len(record.names)
        self.kinds[record.kind] += 1
        self.languages.update(_languages(record))

    def report(self, pack: PackMetadata, replaced: str = "") -> ImportReport:
        """Tell what was counted."""
        languages = dict(sorted(self.languages.items(), key=lambda item: (-item[1], item[0])))
        known = tuple(sorted(language for language in languages if not language.startswith("?")))
        filled = replace(
            pack, kinds=pack.kinds or tuple(kind for kind in RecordKind if kind in self.kinds), languages=known
        )
        counts = (self.records, self.names, self.repeated, dict(self.kinds), languages)
        return ImportReport(filled, *counts, replaced=replaced)


def _languages(record: Record) -> set[str]:
    return {name.language or f"?{script(name.text)}" for name in record.names}


def script(text: str) -> str:
    """Tell the script (ISO 15924) of the first letter that has one of the common ones; else ``Zyyy``."""
    for letter in filter(str.isalpha, text):
        code = ord(letter)
        for name, first, last in (*_SCRIPTS, *_MORE_SCRIPTS, *_FAR_SCRIPTS):
            if first <= code <= last:
                return name
    return "Zyyy"


def grouped(lines: Iterable[tuple[str, str]]) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Count findings by reason, and keep the first :data:`EXAMPLES` of each."""
    counts: Counter[str] = Counter()
    kept: dict[str, list[str]] = {}
    for reason, line in lines:
        counts[reason] += 1
        if counts[reason] <= EXAMPLES:
            kept.setdefault(reason, []).append(line)
    return {reason: (number, tuple(kept[reason])) for reason, number in counts.items()}
