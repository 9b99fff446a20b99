"""Names of territories in Ukrainian texts, and records that must not be linked to territories.

The rules derive possible names, of which most do not exist; the reference data decides between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache

from kg.files import packaged_tsv_tables
from kg.reference.records import Record, RecordKind

# Adjectives of countries in all forms («сирійського»: сирійськ), lands («Донеччина»), and names of oblasts.
_ADJECTIVE = re.compile(r"(.+[сцз]ьк)(?:ий|ого|ому|им|ім|а|ої|ій|у|ою|е|і|их|ими)$")
_LAND = re.compile(r"\w(щин|ччин)[аиіуою]+$", re.IGNORECASE)
_OBLAST = re.compile(r"(.+(?:[сцз]ьк|н)а) (?:область|обл\.?|oblast|region)$", re.IGNORECASE)

# Common nouns in the names of places, in Ukrainian, English and Russian.
_WORDS: Mapping[RecordKind, re.Pattern[str]] = {
    RecordKind.water: re.compile(
        r"\b(мор[еяюі]|морем|океан\w*|заток\w+|проток\w+|прот[оі]к|річк\w+|рік[аи]|озер\w+|водосховищ\w+|лиман\w*"
        r"|sea|ocean|gulf|straits?|river|lake|bay|reservoir|море|залив\w*|пролив\w*|рек[аи])\b",
        re.IGNORECASE,
    ),
    RecordKind.region: re.compile(
        r"\b(област\w+|обл|кра[йюї]|округ\w*|район\w*|воєводств\w+|провінці\w+|штат\w*|губерні\w+|автономн\w+"
        r"|oblast|region|province|state|district|county|prefecture|governorate)\b",
        re.IGNORECASE,
    ),
    RecordKind.settlement: re.compile(
        r"\b(міст[оаіу]\w*|сел[оаіу]|селом|селищ\w+|смт|city|town|village|город\w*)\b", re.IGNORECASE
    ),
}
# Common nouns before or after a name: «місто Сочі», “Sochi city”.
_GENERIC = re.compile(
    r"^(міст|сел|селищ|смт|м\.|с\.|столиц|річк|озер|подкаст|канал|видання|газет|журнал|агенці|компані|група|порт)\w*\s+"
    r"|\s+(city|town|village|oblast|region|podcast)$",
    re.IGNORECASE,
)

# Identifiers of rigour for the entities of occupiers.
_OCCUPATION = re.compile(r"^(ua-(dpr|lpr|cri|zap|khe)|ge-(ab|so)|md-pmr)$", re.IGNORECASE)
_OCCUPATION_FLAG = "occupation-entity"


@cache
def _countries_of() -> Mapping[str, str]:
    """Map stems of adjectives that follow no rule to the names of countries: «американськ», Сполучені Штати."""
    return packaged_tsv_tables.mapping(
        packaged_tsv_tables.read("kg.linking", "country-adjectives.tsv", ("adjective", "country"))
    )


@cache
def _other_names() -> Mapping[str, tuple[str, ...]]:
    """Map names that lists of countries rarely contain to names that they do: «рф», Росія and Russia."""
    found: dict[str, tuple[str, ...]] = {}
    for row in packaged_tsv_tables.read("kg.linking", "country-names.tsv", ("name", "listed")):
        name, listed = row.cells
        found[name] = (*found.get(name, ()), listed)
    return found


@cache
def _regions() -> Mapping[str, str]:
    """Map names of lands that follow no rule to the adjectives of oblasts: «буковина», Чернівецька."""
    return packaged_tsv_tables.mapping(packaged_tsv_tables.read("kg.linking", "regions.tsv", ("name", "region")))


@cache
def _traps() -> Mapping[tuple[str, str], str]:
    """Map dataset and identifier of records that look like a territory to what they are instead."""
    found: dict[tuple[str, str], str] = {}
    for row in packaged_tsv_tables.read("kg.linking", "traps.tsv", ("dataset", "identifier", "reason")):
        dataset, identifier, reason = row.cells
        found[dataset, identifier] = reason
    return found


def barred(record: Record) -> str:
    """Return why a record must not be linked to a territory; empty if it may be."""
    if record.kind not in (
        RecordKind.country,
        RecordKind.region,
        RecordKind.settlement,
        RecordKind.organisation,
        RecordKind.other,
    ):
        return ""
    if _OCCUPATION_FLAG in record.flags:
        return "an occupation entity, not the territory"
    if found := trap(record.dataset, record.identifier):
        return found
    return next((found for other in record.identifiers.items() if "occupation" in (found := trap(*other))), "")


def trap(dataset: str, identifier: str) -> str:
    """Return what an identifier that looks like a territory names instead; empty if it is not on the list."""
    if _OCCUPATION.match(identifier):
        return "an occupation entity, not the territory"
    return _traps().get((dataset, identifier), "")


def narrowed(kinds: tuple[RecordKind, ...], name: str) -> tuple[RecordKind, ...]:
    """Return the kinds of a place that a word of its name allows: «море», «область», «-щина», «місто».

    A word selects one kind: «Північне море» is a water. The suffix «-щина» only puts the region first.
    """
    if RecordKind.settlement not in kinds:
        return kinds
    if _LAND.search(name):  # Донеччина is a region, but Козельщина a town
        return (RecordKind.region, *(kind for kind in kinds if kind is not RecordKind.region))
    return next(((kind,) for kind, words in _WORDS.items() if words.search(name)), kinds)


def bare(name: str) -> str:
    """Return a name without its common noun («місто Сочі», “Mazeej podcast”)."""
    return _GENERIC.sub("", name).strip()


def country_names(word: str) -> Iterator[str]:
    """Yield possible names of a country that a Ukrainian text calls by an adjective in any form, or by a short name.

    Examples: «сирійського» yields «Сирія», among others that do not exist; «РФ» yields «Росія» and “Russia”.
    """
    low = word.lower().replace("’", "ʼ").replace("'", "ʼ")
    yield from _other_names().get(low, ())
    if (match := _ADJECTIVE.match(low)) is None:
        return
    root = match[1]
    if known := _countries_of().get(root):
        yield known
        return
    for name in _countries(root):
        yield name.capitalize()


def _countries(root: str) -> Iterator[str]:
    """Yield names of countries from which an adjective may be derived: сирій-ськ, Сирія; непаль-ськ, Непал."""
    stem = root[:-3]
    yield from (stem + ending for ending in ("", "я", "а", "о", "и", "і", "ь", "ів", "с", "сь", "ш"))
    if stem.endswith(("н", "р", "п")):
        yield f"{stem}ія"
    if stem.endswith("ль"):
        yield from (stem[:-1] + ending for ending in ("", "а", "ія", "и"))
    if stem.endswith("й"):
        yield from (stem[:-1] + ending for ending in ("", "я", "й"))
    if stem.endswith("ій"):
        yield from (stem[:-2] + ending for ending in ("а", "і", "о"))
    if root.endswith("зьк"):
        yield f"{stem}г"
    if root.endswith("цьк"):
        yield f"{stem}к"


def region_names(name: str) -> Iterator[str]:
    """Yield possible names of an oblast: «Донецька область» and «Донецька» for «Донеччина»."""
    low = name.lower()
    if match := _OBLAST.match(name):
        yield match[1]
        return
    adjectives = [_regions()[low]] if low in _regions() else []
    if low.endswith("щина"):  # Луган-щина, луган-ська; Оде-щина, оде-ська
        adjectives.append(f"{low[:-4]}ська")
    if low.endswith("ччина"):  # Доне-ччина, доне-цька
        adjectives.append(f"{low[:-5]}цька")
    for adjective in adjectives:
        written = adjective if " " in adjective else "-".join(part.capitalize() for part in adjective.split("-"))
        if " " not in written:
            yield f"{written} область"
        yield written
