"""Report of the import of a reference pack: records by kind and language, and what only a reviewer may link."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from kg.reference.pack_metadata import PackMetadata
from kg.reference.records import Record, RecordKind

EXAMPLES = 10
"""Maximum number of examples of each finding in a report."""

# Ranges of code points by script (ISO 15924); both bounds are inclusive.
_SCRIPTS = (("Latn", 0x41, 0x24F), ("Grek", 0x370, 0x3FF), ("Cyrl", 0x400, 0x52F), ("Armn", 0x530, 0x58F))

_MORE_SCRIPTS = (("Hebr", 0x590, 0x5FF), ("Arab", 0x600, 0x77F), ("Deva", 0x900, 0x97F), ("Geor", 0x10A0, 0x10FF))

_FAR_SCRIPTS = (("Hang", 0xAC00, 0xD7AF), ("Jpan", 0x3040, 0x30FF), ("Hani", 0x4E00, 0x9FFF), ("Latn", 0x1E00, 0x1EFF))


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Contents of an imported pack, and its problems.

    Attributes:
        pack: metadata with kinds and languages set.
        records, names: number of records and of their names.
        repeated: number of records skipped because an earlier one has the same identifier.
        kinds: number of records by kind.
        languages: number of records with a name in each language; names without one are counted by script (``?Cyrl``).
        flags: number of records that only a reviewer may link, by flag.
        examples: up to :data:`EXAMPLES` one-line descriptions of such records, by flag.
        replaced: the version that this import replaced; empty if none.
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
        """Return all attributes as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ImportReport:
        """Parse the result of :meth:`to_json`."""
        return cls(**{**values, "pack": PackMetadata.from_json(values["pack"])})


class ImportTally:
    """Counters of the records of an import."""

    def __init__(self) -> None:
        self.records = 0
        self.names = 0
        self.repeated = 0
        self.kinds: Counter[str] = Counter()
        self.languages: Counter[str] = Counter()

    def count(self, record: Record) -> None:
        """Count one record with its names, kind and languages."""
        self.records += 1
        self.names += len(record.names)
        self.kinds[record.kind] += 1
        self.languages.update(_languages(record))

    def report(self, pack: PackMetadata, replaced: str = "") -> ImportReport:
        """Return a report of the counts, with the kinds and languages of the pack set from them."""
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
    """Return the ISO 15924 code of the first letter that is in a known script; else ``Zyyy``."""
    for letter in filter(str.isalpha, text):
        code = ord(letter)
        for name, first, last in (*_SCRIPTS, *_MORE_SCRIPTS, *_FAR_SCRIPTS):
            if first <= code <= last:
                return name
    return "Zyyy"


def grouped(lines: Iterable[tuple[str, str]]) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Group ``(reason, line)`` pairs by reason; return the count and the first :data:`EXAMPLES` lines of each."""
    counts: Counter[str] = Counter()
    examples: dict[str, list[str]] = {}
    for reason, line in lines:
        counts[reason] += 1
        if counts[reason] <= EXAMPLES:
            examples.setdefault(reason, []).append(line)
    return {reason: (number, tuple(examples[reason])) for reason, number in counts.items()}
