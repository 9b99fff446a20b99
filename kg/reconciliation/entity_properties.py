"""Properties of entities, as a table would have them: what to compare a row by, and what to add to it.

Nothing here says what is true: a country or an office is what some article says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from rapidfuzz import fuzz

from kg.linking.geographic_context import kilometres
from kg.reconciliation.reconcilable_entities import ReconcilableEntity
from kg.reference.name_spelling import key, latin

_NEAR = 25.0
"""Kilometres within which two points are one place; at ten times that nothing is left of the agreement."""

_ALIKE = 80
"""Likeness in percent from which on two texts speak of the same."""

_DAY = re.compile(r"-?[0-9]{4,6}(-[0-9]{2}(-[0-9]{2})?)?")
_POINT = re.compile(r"\s*(-?[0-9]{1,3}(?:\.[0-9]+)?)\s*[,; ]\s*(-?[0-9]{1,3}(?:\.[0-9]+)?)\s*")


@dataclass(frozen=True, slots=True)
class EntityReference:
    """Another entity of the graph, as a value."""

    iri: str


@dataclass(frozen=True, slots=True)
class TextValue:
    """Words, in a language where that is known."""

    text: str
    language: str = ""


Value = EntityReference | TextValue | int
Items = Mapping[str, ReconcilableEntity]


@dataclass(frozen=True, slots=True)
class EntityProperty:
    """One property.

    Attributes:
        name: its identifier.
        title, about: what it is, by language.
        read: gives its values.
        compared: whether rows can be compared by it.
        refers: whether its values are entities of the graph.
        counted: whether it is a count that is made when it is asked for.
    """

    name: str
    title: Mapping[str, str]
    about: Mapping[str, str]
    read: Callable[[ReconcilableEntity, Items], list[Value]]
    compared: bool = True
    refers: bool = False
    counted: bool = False

    def label(self, language: str) -> str:
        """What to call it before a person."""
        return self.title.get(language) or self.title["en"]

    def description(self, language: str) -> str:
        """What it is, in a sentence."""
        return self.about.get(language) or self.about["en"]


def _places(item: ReconcilableEntity, _items: Items) -> list[Value]:
    return [EntityReference(iri) for iri in item.entity.within]


def _countries(item: ReconcilableEntity, items: Items) -> list[Value]:
    """Collect the countries that it lies in, belongs to or holds an office of; a country is its own."""
    entity = item.entity
    around = (entity.iri, *entity.within, *entity.nations, *(office.of for office in entity.offices))
    return [EntityReference(iri) for iri in dict.fromkeys(around) if iri in items and "Country" in items[iri].types]


def _roles(item: ReconcilableEntity, _items: Items) -> list[Value]:
    return [TextValue(title) for title in dict.fromkeys(office.title for office in item.entity.offices) if title]


def _labels(item: ReconcilableEntity, _items: Items) -> list[Value]:
    return [TextValue(name.text, name.language) for name in item.entity.labels]


def _in_language(language: str) -> Callable[[ReconcilableEntity, Items], list[Value]]:
    def read(item: ReconcilableEntity, _items: Items) -> list[Value]:
        return [TextValue(name.text, name.language) for name in item.entity.labels if name.language == language]

    return read


def _linked(dataset: str) -> Callable[[ReconcilableEntity, Items], list[Value]]:
    def read(item: ReconcilableEntity, _items: Items) -> list[Value]:
        return [TextValue(identifier) for identifier in item.links.get(dataset, ())]

    return read


def _point(item: ReconcilableEntity, _items: Items) -> list[Value]:
    point = item.entity.point
    return [TextValue(f"{point[0]:g},{point[1]:g}")] if point else []


def _end(at: int) -> Callable[[ReconcilableEntity, Items], list[Value]]:
    def read(item: ReconcilableEntity, _items: Items) -> list[Value]:
        return [TextValue(item.entity.dates[at])] if item.entity.dates[at] else []

    return read


def _nothing(_item: ReconcilableEntity, _items: Items) -> list[Value]:
    return []


def _dataset(name: str, title: str) -> EntityProperty:
    about = {"en": f"Identifier in {title}, where a link is accepted", "uk": f"Ідентифікатор у {title}"}
    return EntityProperty(name, {"en": f"{title} identifier", "uk": f"Ідентифікатор {title}"}, about, _linked(name))


_ALL = (
    EntityProperty(
        "country",
        {"en": "Country", "uk": "Країна"},
        {"en": "Where it lies, what it belongs to or holds an office of", "uk": "Де лежить, до чого належить"},
        _countries,
        refers=True,
    ),
    EntityProperty(
        "within",
        {"en": "Lies within", "uk": "Лежить у"},
        {"en": "A place that contains it", "uk": "Місце, яке його містить"},
        _places,
        refers=True,
    ),
    EntityProperty(
        "role",
        {"en": "Role", "uk": "Посада"},
        {"en": "An office held, now or before", "uk": "Посада тепер чи раніше"},
        _roles,
    ),
    EntityProperty(
        "date",
        {"en": "Date", "uk": "Дата"},
        {
            "en": "The first day of what it takes part in; a row’s has to lie in between",
            "uk": "Перший день участі в подіях",
        },
        _end(0),
    ),
    EntityProperty(
        "coordinates",
        {"en": "Coordinates", "uk": "Координати"},
        {"en": "Latitude and longitude in degrees, with a comma", "uk": "Широта й довгота в градусах, через кому"},
        _point,
    ),
    _dataset("wikidata", "Wikidata"),
    _dataset("geonames", "GeoNames"),
    _dataset("opensanctions", "OpenSanctions"),
    _dataset("iso3166", "ISO 3166"),
    _dataset("katottg", "KATOTTG"),
    EntityProperty("label", {"en": "Labels", "uk": "Назви"}, {"en": "In all languages", "uk": "Усіма мовами"}, _labels),
    EntityProperty(
        "label_en",
        {"en": "English label", "uk": "Назва англійською"},
        {"en": "Its name in English", "uk": "Назва англійською"},
        _in_language("en"),
    ),
    EntityProperty(
        "label_uk",
        {"en": "Ukrainian label", "uk": "Назва українською"},
        {"en": "Its name in Ukrainian", "uk": "Назва українською"},
        _in_language("uk"),
    ),
    EntityProperty(
        "type",
        {"en": "Classes", "uk": "Класи"},
        {"en": "Classes of the vocabulary, the narrowest first", "uk": "Класи словника"},
        lambda item, _: [TextValue(name) for name in item.types],
        compared=False,
    ),
    EntityProperty(
        "last_date",
        {"en": "Last date", "uk": "Остання дата"},
        {"en": "The last day of what it takes part in", "uk": "Останній день участі в подіях"},
        _end(1),
        compared=False,
    ),
    EntityProperty(
        "mentions",
        {"en": "Mentions", "uk": "Згадки"},
        {"en": "How many passages denote it", "uk": "Скільки уривків його називають"},
        lambda item, _: [item.mentions],
        compared=False,
    ),
    EntityProperty(
        "articles",
        {"en": "Articles", "uk": "Статті"},
        {"en": "In how many articles it is mentioned", "uk": "У скількох статтях його згадано"},
        lambda item, _: [item.articles],
        compared=False,
    ),
    EntityProperty(
        "claims",
        {"en": "Claims", "uk": "Твердження"},
        {"en": "How many claims speak of what it takes part in", "uk": "Скільки тверджень про події з його участю"},
        _nothing,
        compared=False,
        counted=True,
    ),
)
PROPERTIES = {one.name: one for one in _ALL}
_PEOPLE, _THINGS = {"within", "coordinates", "geonames", "katottg", "iso3166"}, {"role", "opensanctions"}


def proposed(kind: str | None) -> list[EntityProperty]:
    """List the properties that make sense for a class, or all of them."""
    left_out = {"Person": _PEOPLE, "Place": _THINGS, "Country": _THINGS, "Artefact": _PEOPLE | _THINGS}.get(
        kind or "", set()
    )
    return [one for one in _ALL if one.name not in left_out]


@dataclass(frozen=True, slots=True)
class PropertyAgreement:
    """How far a row and an entity agree in one property, 0 to 1, and what that was seen in."""

    value: float
    evidence: str


def agreement(wanted: str, one: EntityProperty, item: ReconcilableEntity, items: Items) -> PropertyAgreement | None:
    """Compare a value of a row with those of an entity; ``None`` where the graph says nothing of it."""
    values = one.read(item, items)
    if not values:
        return None
    if one.name == "date":
        return _dated(wanted.strip(), *item.entity.dates)
    if one.name == "coordinates":
        return _placed(wanted, item)
    if one.refers:
        return _referred(wanted, [value.iri for value in values if isinstance(value, EntityReference)], items)
    return _told(wanted, [value.text for value in values if isinstance(value, TextValue)], exact=one.name in item.links)


def _dated(wanted: str, first: str, last: str) -> PropertyAgreement | None:
    if not _DAY.match(wanted):
        return None
    day = wanted[:10]
    inside = first[: len(day)] <= day <= (last or first)[: len(day)]
    return PropertyAgreement(float(inside), f"{day} is {'' if inside else 'not '}within {first} and {last or first}")


def _placed(wanted: str, item: ReconcilableEntity) -> PropertyAgreement | None:
    match = _POINT.fullmatch(wanted)
    if match is None or item.entity.point is None:
        return None
    away = kilometres((float(match[1]), float(match[2])), item.entity.point)
    value = 1.0 if away <= _NEAR else max(0.0, 1 - (away - _NEAR) / (9 * _NEAR))
    return PropertyAgreement(round(value, 3), f"{away:.0f} km away")


def _referred(wanted: str, iris: Iterable[str], items: Items) -> PropertyAgreement:
    """Compare with other entities: by IRI, by a name in any script, by an identifier in a dataset."""
    spelt, shown = latin(wanted), ""
    for iri in iris:
        other = items.get(iri)
        names = [name.text for name in other.entity.labels] if other else []
        shown = shown or next(iter(names), iri)
        identifiers = [value for values in other.links.values() for value in values] if other else []
        if wanted in (iri, *identifiers) or spelt in map(latin, names):
            return PropertyAgreement(1.0, f"“{wanted}” is {next(iter(names), iri)}, as the graph says")
    return PropertyAgreement(0.0, f"the graph says {shown}, not “{wanted}”")


def _told(wanted: str, texts: list[str], *, exact: bool) -> PropertyAgreement:
    if wanted in texts or (not exact and key(wanted) in map(key, texts)):
        return PropertyAgreement(1.0, f"“{wanted}”, as the graph says")
    if exact:
        return PropertyAgreement(0.0, f"the graph says {', '.join(texts)}, not “{wanted}”")
    likest, text = max((fuzz.token_set_ratio(latin(wanted), latin(text)), text) for text in texts)
    if likest >= _ALIKE:
        return PropertyAgreement(round(0.9 * likest / 100, 3), f"“{wanted}” is like “{text}”")
    return PropertyAgreement(0.0, f"the graph says “{text}”, not “{wanted}”")
