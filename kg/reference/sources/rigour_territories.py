"""Reader of the territories of rigour (JSON lines): countries, and claimed, occupied or autonomous territories.

An occupied region has the name of the region, but the identifier of the occupier's entity. Such records are flagged, so
that only a reviewer can link "Донецька" to "Donetsk (Occupied Ukraine)". Weak names of a country that are names of its
parts ("Донецька область" for Ukraine) are left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from kg.reference.name_keys_and_trigrams import key
from kg.reference.records import Record, RecordKind, RecordName
from kg.reference.sources.source_files import SourceFile

OCCUPATION = "occupation-entity"
"""Flag of records that identify an occupation entity instead of the territory."""


def read(source: SourceFile) -> Iterator[Record]:
    """Yield a record for each territory.

    Raises:
        MalformedText: a line is not a territory.
    """
    # First pass: names of the parts of each territory, to recognise weak names that belong to a part.
    parts: dict[str, set[str]] = {}
    for _, found in source.objects():
        for name in (*found.get("names_strong", ()), str(found.get("name", "")).partition(" (")[0]):
            parts.setdefault(str(found.get("parent", "")), set()).add(f" {key(str(name))} ")
    for number, found in source.objects():
        code, name = found.get("code"), found.get("name")
        if not (isinstance(code, str) and code and isinstance(name, str) and name):
            raise source.wrong(number, "not a territory with code and name", "Check the file and --format.")
        identifiers = {"wikidata": str(found["qid"])} if found.get("qid") else {}
        country = code[:2].upper() if len(code) == 2 or code[2:3] == "-" else ""
        if len(code) == 2:
            identifiers["iso3166"] = country
        named = parts.get(code, set())
        weak = [text for text in map(str, found.get("names_weak", ())) if not _names_part(text, named)]
        others = [*found.get("names_strong", ()), *weak]
        yield Record(
            "rigour",
            code,
            RecordKind.country if found.get("is_country") or len(code) == 2 else RecordKind.region,
            tuple(dict.fromkeys([RecordName(name, "en", label=True), *(RecordName(str(other)) for other in others)])),
            (country,) if country else (),
            identifiers=identifiers,
            description=str(found.get("full_name", "")),
            flags=(OCCUPATION,) if found.get("claims") or "occupied" in name.lower() else (),
        )


def _names_part(text: str, parts: set[str]) -> bool:
    """Return whether a name contains the name of a part, whole words only; ``parts`` are keys between spaces."""
    spelt = f" {key(text)} "
    return any(part in spelt for part in parts if part.strip())
