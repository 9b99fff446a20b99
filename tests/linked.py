"""Small reference packs for the tests of the linker, of real records: towns, oblasts, countries, and people."""

from __future__ import annotations

from kg.linking.mentions import Entity, Form
from kg.linking.packs import Pack
from kg.linking.records import Kind, Name, Record, Role
from kg.linking.reference import Reference

UKRAINE = Record(
    "iso3166",
    "UA",
    Kind.country,
    (Name("Україна", "uk", label=True), Name("Ukraine", "en", label=True)),
    ("UA",),
    identifiers={"wikidata": "Q212", "geonames": "690791"},
)
DENMARK = Record(
    "iso3166",
    "DK",
    Kind.country,
    (Name("Данія", "uk", label=True),),
    ("DK",),
    identifiers={"wikidata": "Q35", "geonames": "2623032"},
)
SYRIA = Record(
    "iso3166", "SY", Kind.country, (Name("Сирія", "uk", label=True),), ("SY",), identifiers={"wikidata": "Q858"}
)
RUSSIA = Record(
    "iso3166", "RU", Kind.country, (Name("Росія", "uk", label=True),), ("RU",), identifiers={"wikidata": "Q159"}
)
OBLAST = Record("geonames", "709716", Kind.region, (Name("Донецька область", "uk", label=True),), ("UA",))
ZAPORIZHZHIA = Record("geonames", "687699", Kind.region, (Name("Запорізька область", "uk", label=True),), ("UA",))


def town(identifier: str, name: str, *at: float, within: str = "", people: float = 1000, country: str = "UA") -> Record:
    point = (at[0], at[1]) if at else None
    return Record(
        "geonames", identifier, Kind.settlement, (Name(name, "uk", label=True),), (country,), point, within, people
    )


KOSTIANTYNIVKA = (
    town("705104", "Костянтинівка", 48.527, 37.706, within="709716", people=67350),
    town("705115", "Костянтинівка", 46.818, 35.424, within="687699", people=11540),
)
KRAMATORSK = town("704508", "Краматорськ", 48.723, 37.556, within="709716", people=147145)


def person(identifier: str, *names: str, about: str = "", roles: tuple[Role, ...] = ()) -> Record:
    named = tuple(Name(name, "", label=at == 0) for at, name in enumerate(names))
    return Record("wikidata", identifier, Kind.person, named, roles=roles, description=about)


def reference(*records: Record) -> Reference:
    """Make a reference store in memory, with a pack for each dataset."""
    made = Reference.in_memory()
    for dataset in dict.fromkeys(record.dataset for record in records):
        made.add(Pack(f"{dataset}-test", "1", dataset), [record for record in records if record.dataset == dataset])
    return made


PLACE = (Kind.settlement, Kind.region, Kind.water, Kind.other)


def entity(label: str, *kinds: Kind, iri: str = "urn:e", **more: object) -> Entity:
    """Make an entity that the graph gives a Ukrainian label."""
    return Entity(iri, kinds or PLACE, (Name(label, "uk", label=True),), **more)  # type: ignore[arg-type]


def mention(words: str, *kinds: Kind) -> Entity:
    """Make an entity that only some words of a text denote."""
    return Entity("urn:e", kinds or PLACE, forms=(Form(words),))
