"""Properties of entities as columns of a table: for comparing rows, and for extending them with data.

Values are statements of articles, not facts: a country or an office is what some article claims.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from rapidfuzz import fuzz

from kg.linking.geographic_context import kilometres
from kg.reconciliation.reconcilable_entities import ReconcilableEntity
from kg.reference.name_keys_and_trigrams import key
from kg.reference.transliteration_to_latin import latin

_NEAR = 25.0
"""Maximum distance in km of full agreement between two points; agreement falls to 0 at ten times that."""

_ALIKE = 80
"""Minimum similarity of agreeing texts, in percent."""

_DAY = re.compile(r"-?[0-9]{4,6}(-[0-9]{2}(-[0-9]{2})?)?")
_POINT = re.compile(r"\s*(-?[0-9]{1,3}(?:\.[0-9]+)?)\s*[,; ]\s*(-?[0-9]{1,3}(?:\.[0-9]+)?)\s*")


@dataclass(frozen=True, slots=True)
class EntityReference:
    """A value that is another entity of the graph."""

    iri: str


@dataclass(frozen=True, slots=True)
class TextValue:
    """A text, with its language if it is known (BCP 47)."""

    text: str
    language: str = ""


Value = EntityReference | TextValue | int
Items = Mapping[str, ReconcilableEntity]
"""Entities by IRI."""


@dataclass(frozen=True, slots=True)
class EntityProperty:
    """One property.

    Attributes:
        name: its identifier.
        title, about: name and description to display, by language.
        read: function that returns the values of an entity.
        compared: whether rows can be compared by it.
        refers: whether its values are entities of the graph.
        counted: whether it is a count that is computed on request.
    """

    name: str
    title: Mapping[str, str]
    about: Mapping[str, str]
    read: Callable[[ReconcilableEntity, Items], list[Value]]
    compared: bool = True
    refers: bool = False
    counted: bool = False

    def label(self, language: str) -> str:
        """Return the name to display in a language, else in English."""
        return self.title.get(language) or self.title["en"]

    def description(self, language: str) -> str:
        """Return the description in a language, else in English."""
        return self.about.get(language) or self.about["en"]


def _places(item: ReconcilableEntity, _items: Items) -> list[Value]:
    return [EntityReference(iri) for iri in item.entity.within]


def _countries(item: ReconcilableEntity, items: Items) -> list[Value]:
    """Return the countries of its places, nationalities and offices; a country is its own country."""
    entity = item.entity
    around = (entity.iri, *entity.within, *entity.nations, *(office.of for office in entity.offices))
    return [EntityReference(iri) for iri in dict.fromkeys(around) if iri in items and "Country" in items[iri].types]


def _roles(item: ReconcilableEntity, _items: Items) -> list[Value]:
    return [TextValue(title) for title in dict.fromkeys(office.title for office in item.entity.offices) if title]


def _labels(item: ReconcilableEntity, _items: Items) -> list[Value]:
    return [TextValue(name.text, name.language) for name in item.entity.labels]


def _in_language(language: str) -> Callable[[ReconcilableEntity, Items], list[Value]]:
    """Return a reader of the labels in one language."""

    def read(item: ReconcilableEntity, _items: Items) -> list[Value]:
        return [TextValue(name.text, name.language) for name in item.entity.labels if name.language == language]

    return read


def _linked(dataset: str) -> Callable[[ReconcilableEntity, Items], list[Value]]:
    """Return a reader of the identifiers in one dataset."""

    def read(item: ReconcilableEntity, _items: Items) -> list[Value]:
        return [TextValue(identifier) for identifier in item.links.get(dataset, ())]

    return read


def _point(item: ReconcilableEntity, _items: Items) -> list[Value]:
    point = item.entity.point
    return [TextValue(f"{point[0]:g},{point[1]:g}")] if point else []


def _day(at: int) -> Callable[[ReconcilableEntity, Items], list[Value]]:
    """Return a reader of the first (0) or last day (1)."""

    def read(item: ReconcilableEntity, _items: Items) -> list[Value]:
        return [TextValue(item.entity.dates[at])] if item.entity.dates[at] else []

    return read


def _nothing(_item: ReconcilableEntity, _items: Items) -> list[Value]:
    return []


def _dataset(name: str, title: str) -> EntityProperty:
    """Return the property of the identifiers in one dataset."""
    about = {"en": f"Identifier in {title}, from accepted links", "uk": f"Ідентифікатор у {title}"}
    return EntityProperty(name, {"en": f"{title} identifier", "uk": f"Ідентифікатор {title}"}, about, _linked(name))


_ALL = (
    EntityProperty(
        "country",
        {"en": "Country", "uk": "Країна"},
        {"en": "Country that it lies in, belongs to or holds an office of", "uk": "Де лежить, до чого належить"},
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
        {"en": "Title of a present or former office", "uk": "Посада тепер чи раніше"},
        _roles,
    ),
    EntityProperty(
        "date",
        {"en": "Date", "uk": "Дата"},
        {
            "en": "First day of its events; a date in a row has to lie between the first and the last day",
            "uk": "Перший день участі в подіях",
        },
        _day(0),
    ),
    EntityProperty(
        "coordinates",
        {"en": "Coordinates", "uk": "Координати"},
        {
            "en": "Latitude and longitude in degrees, separated by a comma",
            "uk": "Широта й довгота в градусах, через кому",
        },
        _point,
    ),
    _dataset("wikidata", "Wikidata"),
    _dataset("geonames", "GeoNames"),
    _dataset("opensanctions", "OpenSanctions"),
    _dataset("iso3166", "ISO 3166"),
    _dataset("katottg", "KATOTTG"),
    EntityProperty(
        "label", {"en": "Labels", "uk": "Назви"}, {"en": "Names in all languages", "uk": "Усіма мовами"}, _labels
    ),
    EntityProperty(
        "label_en",
        {"en": "English label", "uk": "Назва англійською"},
        {"en": "Name in English", "uk": "Назва англійською"},
        _in_language("en"),
    ),
    EntityProperty(
        "label_uk",
        {"en": "Ukrainian label", "uk": "Назва українською"},
        {"en": "Name in Ukrainian", "uk": "Назва українською"},
        _in_language("uk"),
    ),
    EntityProperty(
        "type",
        {"en": "Classes", "uk": "Класи"},
        {"en": "Classes of the vocabulary, narrowest first", "uk": "Класи словника"},
        lambda item, _: [TextValue(name) for name in item.types],
        compared=False,
    ),
    EntityProperty(
        "last_date",
        {"en": "Last date", "uk": "Остання дата"},
        {"en": "Last day of its events", "uk": "Останній день участі в подіях"},
        _day(1),
        compared=False,
    ),
    EntityProperty(
        "mentions",
        {"en": "Mentions", "uk": "Згадки"},
        {"en": "Number of passages that denote it", "uk": "Скільки уривків його називають"},
        lambda item, _: [item.mentions],
        compared=False,
    ),
    EntityProperty(
        "articles",
        {"en": "Articles", "uk": "Статті"},
        {"en": "Number of articles that mention it", "uk": "У скількох статтях його згадано"},
        lambda item, _: [item.articles],
        compared=False,
    ),
    EntityProperty(
        "claims",
        {"en": "Claims", "uk": "Твердження"},
        {"en": "Number of claims about its events", "uk": "Скільки тверджень про події з його участю"},
        _nothing,
        compared=False,
        counted=True,
    ),
)
PROPERTIES = {one.name: one for one in _ALL}
"""All properties by name."""

# Properties that make no sense for persons, and for places.
_NOT_OF_PERSONS, _NOT_OF_PLACES = {"within", "coordinates", "geonames", "katottg", "iso3166"}, {"role", "opensanctions"}


def proposed(kind: str | None) -> list[EntityProperty]:
    """Return the properties that make sense for a class; all of them for ``None`` and other classes."""
    left_out = {
        "Person": _NOT_OF_PERSONS,
        "Place": _NOT_OF_PLACES,
        "Country": _NOT_OF_PLACES,
        "Artefact": _NOT_OF_PERSONS | _NOT_OF_PLACES,
    }.get(kind or "", set())
    return [one for one in _ALL if one.name not in left_out]


@dataclass(frozen=True, slots=True)
class PropertyAgreement:
    """Agreement of a row and an entity in one property, 0 to 1, with an explanation."""

    value: float
    evidence: str


def agreement(wanted: str, one: EntityProperty, item: ReconcilableEntity, items: Items) -> PropertyAgreement | None:
    """Compare a value of a row with those of an entity; return ``None`` if either is unknown or cannot be parsed.

    Args:
        wanted: the value in the row.
        one: the property.
        item: the entity.
        items: all entities, for values that are entities.
    """
    values = one.read(item, items)
    if not values:
        return None
    if one.name == "date":
        return _compared_dates(wanted.strip(), *item.entity.dates)
    if one.name == "coordinates":
        return _compared_points(wanted, item)
    if one.refers:
        return _compared_entities(wanted, [value.iri for value in values if isinstance(value, EntityReference)], items)
    return _compared_texts(
        wanted, [value.text for value in values if isinstance(value, TextValue)], exact=one.name in item.links
    )


def _compared_dates(wanted: str, first: str, last: str) -> PropertyAgreement | None:
    """Check whether a date lies between two days, at its own precision: 2019 lies between 2019-05-20 and 2020-01-01."""
    if not _DAY.match(wanted):
        return None
    day = wanted[:10]
    inside = first[: len(day)] <= day <= (last or first)[: len(day)]
    return PropertyAgreement(float(inside), f"{day} is {'' if inside else 'not '}within {first} and {last or first}")


def _compared_points(wanted: str, item: ReconcilableEntity) -> PropertyAgreement | None:
    """Compare a point (``50.45, 30.52``) with that of an entity, by distance."""
    match = _POINT.fullmatch(wanted)
    if match is None or item.entity.point is None:
        return None
    away = kilometres((float(match[1]), float(match[2])), item.entity.point)
    value = 1.0 if away <= _NEAR else max(0.0, 1 - (away - _NEAR) / (9 * _NEAR))
    return PropertyAgreement(round(value, 3), f"{away:.0f} km away")


def _compared_entities(wanted: str, iris: Iterable[str], items: Items) -> PropertyAgreement:
    """Compare with other entities by IRI, by a name in any script, or by an identifier in a dataset."""
    spelt, shown = latin(wanted), ""
    for iri in iris:
        other = items.get(iri)
        names = [name.text for name in other.entity.labels] if other else []
        shown = shown or next(iter(names), iri)
        identifiers = [value for values in other.links.values() for value in values] if other else []
        if wanted in (iri, *identifiers) or spelt in map(latin, names):
            return PropertyAgreement(1.0, f"“{wanted}” is {next(iter(names), iri)}, as the graph states")
    return PropertyAgreement(0.0, f"the graph states {shown}, not “{wanted}”")


def _compared_texts(wanted: str, texts: list[str], *, exact: bool) -> PropertyAgreement:
    """Compare with texts: unchanged if ``exact`` (identifiers), else also by key and by similarity."""
    if wanted in texts or (not exact and key(wanted) in map(key, texts)):
        return PropertyAgreement(1.0, f"“{wanted}”, as the graph states")
    if exact:
        return PropertyAgreement(0.0, f"the graph states {', '.join(texts)}, not “{wanted}”")
    similarity, text = max((fuzz.token_set_ratio(latin(wanted), latin(text)), text) for text in texts)
    if similarity >= _ALIKE:
        return PropertyAgreement(round(0.9 * similarity / 100, 3), f"“{wanted}” is similar to “{text}”")
    return PropertyAgreement(0.0, f"the graph states “{text}”, not “{wanted}”")
