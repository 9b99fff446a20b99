"""Small reference packs of real records for the tests of the linker: towns, oblasts, countries and people."""

from __future__ import annotations

from kg.linking.entity_profiles import EntityProfile, NameForm
from kg.reference.pack_metadata import PackMetadata
from kg.reference.records import Record, RecordKind, RecordName, RecordRole
from kg.reference.reference_store import ReferenceStore

UKRAINE = Record(
    "iso3166",
    "UA",
    RecordKind.country,
    (RecordName("Україна", "uk", label=True), RecordName("Ukraine", "en", label=True)),
    ("UA",),
    identifiers={"wikidata": "Q212", "geonames": "690791"},
)
DENMARK = Record(
    "iso3166",
    "DK",
    RecordKind.country,
    (RecordName("Данія", "uk", label=True),),
    ("DK",),
    identifiers={"wikidata": "Q35", "geonames": "2623032"},
)
SYRIA = Record(
    "iso3166",
    "SY",
    RecordKind.country,
    (RecordName("Сирія", "uk", label=True),),
    ("SY",),
    identifiers={"wikidata": "Q858"},
)
RUSSIA = Record(
    "iso3166",
    "RU",
    RecordKind.country,
    (RecordName("Росія", "uk", label=True),),
    ("RU",),
    identifiers={"wikidata": "Q159"},
)
OBLAST = Record("geonames", "709716", RecordKind.region, (RecordName("Донецька область", "uk", label=True),), ("UA",))
ZAPORIZHZHIA = Record(
    "geonames", "687699", RecordKind.region, (RecordName("Запорізька область", "uk", label=True),), ("UA",)
)


def town(identifier: str, name: str, *at: float, within: str = "", people: float = 1000, country: str = "UA") -> Record:
    point = (at[0], at[1]) if at else None
    return Record(
        "geonames",
        identifier,
        RecordKind.settlement,
        (RecordName(name, "uk", label=True),),
        (country,),
        point,
        within,
        people,
    )


KOSTIANTYNIVKA = (
    town("705104", "Костянтинівка", 48.527, 37.706, within="709716", people=67350),
    town("705115", "Костянтинівка", 46.818, 35.424, within="687699", people=11540),
)
KRAMATORSK = town("704508", "Краматорськ", 48.723, 37.556, within="709716", people=147145)


def person(identifier: str, *names: str, about: str = "", roles: tuple[RecordRole, ...] = ()) -> Record:
    named = tuple(RecordName(name, "", label=at == 0) for at, name in enumerate(names))
    return Record("wikidata", identifier, RecordKind.person, named, roles=roles, description=about)


def reference(*records: Record) -> ReferenceStore:
    """Make a reference store in memory, with a pack for each dataset."""
    made = ReferenceStore.in_memory()
    for dataset in dict.fromkeys(record.dataset for record in records):
        made.add(
            PackMetadata(f"{dataset}-test", "1", dataset), [record for record in records if record.dataset == dataset]
        )
    return made


PLACE = (RecordKind.settlement, RecordKind.region, RecordKind.water, RecordKind.other)


def entity(label: str, *kinds: RecordKind, iri: str = "urn:e", **more: object) -> EntityProfile:
    """Return an entity with a Ukrainian label."""
    return EntityProfile(iri, kinds or PLACE, (RecordName(label, "uk", label=True),), **more)  # type: ignore[arg-type]


def mention(words: str, *kinds: RecordKind) -> EntityProfile:
    """Make an entity that only some words of a text denote."""
    return EntityProfile("urn:e", kinds or PLACE, forms=(NameForm(words),))
