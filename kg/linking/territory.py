"""What Ukrainian texts call territories, and which records of territories must not be taken for what is meant.

The rules give names that may be; that one of them is a name in the reference data decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from kg.linking.records import Kind, Record

_ADJECTIVE = re.compile(r"(.+[сцз]ьк)(?:ий|ого|ому|им|ім|а|ої|ій|у|ою|е|і|их|ими)$")
_COUNTRIES_OF: Mapping[str, str] = {
    "американськ": "Сполучені Штати",
    "англійськ": "Велика Британія",
    "аргентинськ": "Аргентина",
    "афганськ": "Афганістан",
    "британськ": "Велика Британія",
    "бурундійськ": "Бурунді",
    "вʼєтнамськ": "Вʼєтнам",
    "голландськ": "Нідерланди",
    "боснійськ": "Боснія і Герцеговина",
    "грецьк": "Греція",
    "грузинськ": "Грузія",
    "литовськ": "Литва",
    "македонськ": "Північна Македонія",
    "еміратськ": "Обʼєднані Арабські Емірати",
    "казахськ": "Казахстан",
    "киргизьк": "Киргизстан",
    "кіпрськ": "Кіпр",
    "колумбійськ": "Колумбія",
    "корейськ": "Південна Корея",
    "кубинськ": "Куба",
    "люксембурзьк": "Люксембург",
    "малійськ": "Малі",
    "марокканськ": "Марокко",
    "мексиканськ": "Мексика",
    "молдавськ": "Молдова",
    "молдовськ": "Молдова",
    "монгольськ": "Монголія",
    "німецьк": "Німеччина",
    "новозеландськ": "Нова Зеландія",
    "нігерськ": "Нігер",
    "норвезьк": "Норвегія",
    "перуанськ": "Перу",
    "південноафриканськ": "Південно-Африканська Республіка",
    "південнокорейськ": "Південна Корея",
    "південносуданськ": "Південний Судан",
    "північнокорейськ": "Північна Корея",
    "північномакедонськ": "Північна Македонія",
    "палестинськ": "Палестина",
    "польськ": "Польща",
    "португальськ": "Португалія",
    "російськ": "Росія",
    "саудівськ": "Саудівська Аравія",
    "сербськ": "Сербія",
    "словацьк": "Словаччина",
    "таджицьк": "Таджикистан",
    "туркменськ": "Туркменістан",
    "турецьк": "Туреччина",
    "узбецьк": "Узбекистан",
    "угорськ": "Угорщина",
    "філіппінськ": "Філіппіни",
    "фінськ": "Фінляндія",
    "французьк": "Франція",
    "хорватськ": "Хорватія",
    "чеськ": "Чехія",
    "чилійськ": "Чилі",
    "шведськ": "Швеція",
    "швейцарськ": "Швейцарія",
    "шотландськ": "Велика Британія",
    "ямайськ": "Ямайка",
    "японськ": "Японія",
    "ірландськ": "Ірландія",
    "ісландськ": "Ісландія",
    "таїландськ": "Таїланд",
    "тайськ": "Таїланд",
}
"""Adjectives, without their endings, that no rule leads from to the name of the country."""

_SHORT: Mapping[str, tuple[str, ...]] = {
    "рф": ("Росія", "Russia"),
    "російська федерація": ("Росія", "Russia"),
    "сша": ("Сполучені Штати", "Сполучені Штати Америки", "United States"),
    "сполучені штати америки": ("Сполучені Штати", "United States"),
    "британія": ("Велика Британія", "United Kingdom"),
    "сполучене королівство": ("Велика Британія", "United Kingdom"),
    "фрн": ("Німеччина", "Germany"),
    "кнр": ("Китай", "China"),
    "кндр": ("Північна Корея", "North Korea"),
    "оае": ("Обʼєднані Арабські Емірати", "United Arab Emirates"),
    "пар": ("Південно-Африканська Республіка", "South Africa"),
    "голландія": ("Нідерланди", "Netherlands"),
    "чеська республіка": ("Чехія", "Czechia"),
}
"""Other names of countries that lists of countries seldom have."""

_REGIONS: Mapping[str, str] = {
    "буковина": "Чернівецька",
    "волинь": "Волинська",
    "закарпаття": "Закарпатська",
    "крим": "Автономна Республіка Крим",
    "прикарпаття": "Івано-Франківська",
    "франківщина": "Івано-Франківська",
    "січеславщина": "Дніпропетровська",
    "кропивниччина": "Кіровоградська",
    "слобожанщина": "Харківська",
}
_LAND = re.compile(r"\w(щин|ччин)[аиіуою]+$", re.IGNORECASE)
_OBLAST = re.compile(r"(.+(?:[сцз]ьк|н)а) (?:область|обл\.?|oblast|region)$", re.IGNORECASE)

_WORDS: Mapping[Kind, re.Pattern[str]] = {
    Kind.water: re.compile(
        r"\b(мор[еяюі]|морем|океан\w*|заток\w+|проток\w+|прот[оі]к|річк\w+|рік[аи]|озер\w+|водосховищ\w+|лиман\w*"
        r"|sea|ocean|gulf|straits?|river|lake|bay|reservoir|море|залив\w*|пролив\w*|рек[аи])\b",
        re.IGNORECASE,
    ),
    Kind.region: re.compile(
        r"\b(област\w+|обл|кра[йюї]|округ\w*|район\w*|воєводств\w+|провінці\w+|штат\w*|губерні\w+|автономн\w+"
        r"|oblast|region|province|state|district|county|prefecture|governorate)\b",
        re.IGNORECASE,
    ),
    Kind.settlement: re.compile(
        r"\b(міст[оаіу]\w*|сел[оаіу]|селом|селищ\w+|смт|city|town|village|город\w*)\b", re.IGNORECASE
    ),
}
_GENERIC = re.compile(
    r"^(міст|сел|селищ|смт|м\.|с\.|столиц|річк|озер|подкаст|канал|видання|газет|журнал|агенці|компані|група|порт)\w*\s+"
    r"|\s+(city|town|village|oblast|region|podcast)$",
    re.IGNORECASE,
)

_TRAPS: Mapping[tuple[str, str], str] = {
    ("wikidata", "Q16150196"): "the occupation entity in Donetsk oblast, not the oblast",
    ("wikidata", "Q16746854"): "the occupation entity in Luhansk oblast, not the oblast",
    ("wikidata", "Q15925436"): "the occupation entity in Crimea, not Crimea",
    ("wikidata", "Q756617"): "the realm of Denmark, Greenland and the Faroes, not the country Denmark (Q35)",
    ("wikidata", "Q29999"): "the realm of the Netherlands with its islands, not the country (Q55)",
}
_OCCUPATION = re.compile(r"^(ua-(dpr|lpr|cri|zap|khe)|ge-(ab|so)|md-pmr)$", re.IGNORECASE)
_OCCUPATION_FLAG = "occupation-entity"


def barred(record: Record) -> str:
    """Tell why a record must not answer the mention of a territory; empty where nothing speaks against it."""
    if record.kind not in (Kind.country, Kind.region, Kind.settlement, Kind.organisation, Kind.other):
        return ""
    if _OCCUPATION_FLAG in record.flags:
        return "an occupation entity, not the territory"
    if found := trap(record.dataset, record.identifier):
        return found
    return next((found for other in record.identifiers.items() if "occupation" in (found := trap(*other))), "")


def trap(dataset: str, identifier: str) -> str:
    """Tell what an identifier names that is taken for a territory and is not it; empty where it is none of those."""
    if _OCCUPATION.match(identifier):
        return "an occupation entity, not the territory"
    return _TRAPS.get((dataset, identifier), "")


def narrowed(kinds: tuple[Kind, ...], name: str) -> tuple[Kind, ...]:
    """Keep of the kinds of a place what a word of its name tells: «море», «область», «-щина», «місто»."""
    if Kind.settlement not in kinds:
        return kinds
    if _LAND.search(name):  # Донеччина; but Козельщина is a town
        return (Kind.region, *(kind for kind in kinds if kind is not Kind.region))
    return next(((kind,) for kind, words in _WORDS.items() if words.search(name)), kinds)


def bare(name: str) -> str:
    """Leave out the common noun of a name («місто Сочі», “Mazeej podcast”)."""
    return _GENERIC.sub("", name).strip()


def country_names(word: str) -> Iterator[str]:
    """Give the names that a country may have of which a Ukrainian text says this: an adjective, or a short name.

    An adjective is of the country («сирійський», of Сирія), in whatever form it stands.
    """
    low = word.lower().replace("’", "ʼ").replace("'", "ʼ")
    yield from _SHORT.get(low, ())
    if (match := _ADJECTIVE.match(low)) is None:
        return
    root = match[1]
    if known := _COUNTRIES_OF.get(root):
        yield known
        return
    for name in _countries(root):
        yield name.capitalize()


def _countries(root: str) -> Iterator[str]:
    """Undo what makes an adjective of the name of a country: сирій-ськ, Сирія; непаль-ськ, Непал."""
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
    """Give the names that an oblast may have of which a text says this («Донеччина», «Донецька область»)."""
    low = name.lower()
    if match := _OBLAST.match(name):
        yield match[1]
        return
    adjectives = [_REGIONS[low]] if low in _REGIONS else []
    if low.endswith("щина"):  # Луган-щина, луган-ська; Оде-щина, оде-ська
        adjectives.append(f"{low[:-4]}ська")
    if low.endswith("ччина"):  # Доне-ччина, доне-цька
        adjectives.append(f"{low[:-5]}цька")
    for adjective in adjectives:
        written = adjective if " " in adjective else "-".join(part.capitalize() for part in adjective.split("-"))
        if " " not in written:
            yield f"{written} область"
        yield written
