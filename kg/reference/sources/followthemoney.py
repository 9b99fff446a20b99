"""Reader of FollowTheMoney entities in the JSON lines of OpenSanctions, flat or nested (``targets.nested.json``)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kg.reference.records import Record, RecordKind, RecordName, RecordRole
from kg.reference.sources.source_files import SourceFile

_KINDS = {
    "Person": RecordKind.person,
    **dict.fromkeys(("Organization", "Company", "LegalEntity", "PublicBody", "Airline"), RecordKind.organisation),
    **dict.fromkeys(("Vessel", "Airplane", "Vehicle"), RecordKind.other),
}
"""Schemata that links may lead to; others are left out, such as addresses, positions and sanctions."""

_COUNTRIES = ("country", "nationality", "citizenship", "jurisdiction", "mainCountry", "flag")
_IDENTIFIERS = {"wikidataId": "wikidata", "leiCode": "lei", "imoNumber": "imo", "registrationNumber": "registration"}


def read(source: SourceFile) -> Iterator[Record]:
    """Yield a record for each person, organisation and vehicle with a name.

    Raises:
        MalformedText: a line is not an entity.
    """
    for number, entity in source.objects():
        identifier, schema, properties = entity.get("id"), entity.get("schema"), entity.get("properties")
        if not (
            isinstance(identifier, str) and identifier and isinstance(schema, str) and isinstance(properties, dict)
        ):
            what = "not a FollowTheMoney entity with id, schema and properties"
            raise source.wrong(number, what, "Check the file and --format.")
        if schema not in _KINDS:
            continue
        wrong = [name for name, values in properties.items() if not isinstance(values, list)]
        if wrong:
            raise source.wrong(number, f"the values of {wrong[0]} are not a list", "Export the entities again.")
        record = _record(identifier, _KINDS[schema], entity.get("caption"), properties)
        if record.names:
            source.check_identifier(number, record.dataset, identifier)
            yield record


def _texts(properties: Mapping[str, Any], *names: str) -> list[str]:
    return [value for name in names for value in properties.get(name, ()) if isinstance(value, str) and value]


def _record(identifier: str, kind: RecordKind, caption: object, properties: Mapping[str, Any]) -> Record:
    names = _texts(properties, "name")
    main = caption if isinstance(caption, str) and caption in names else next(iter(names), "")
    listed = dict.fromkeys([*names, *_texts(properties, "alias", "abbreviation", "previousName")])
    identifiers = {dataset: found[0] for name, dataset in _IDENTIFIERS.items() if (found := _texts(properties, name))}
    if re.fullmatch(r"Q[1-9]\d*", identifier):
        identifiers["wikidata"] = identifier
    countries = [code.upper() for code in _texts(properties, *_COUNTRIES) if len(code) == 2]
    described = [*_texts(properties, "position"), *_texts(properties, "birthDate", "incorporationDate", "topics")]
    return Record(
        "opensanctions",
        identifier,
        kind,
        tuple(RecordName(text, label=text == main) for text in listed),
        tuple(dict.fromkeys(countries)),
        identifiers=identifiers,
        roles=tuple(_roles(properties)),
        description="; ".join(described[:4]),
    )


def _roles(properties: Mapping[str, Any]) -> Iterator[RecordRole]:
    """Yield positions without dates, then posts and memberships of nested entities, which have dates."""
    yield from (RecordRole(title) for title in _texts(properties, "position"))
    for name, post in (("positionOccupancies", "post"), ("membershipMember", "organization")):
        for held in properties.get(name, ()):
            about = held.get("properties", {}) if isinstance(held, dict) else {}
            start, end = (next(iter(_texts(about, name)), "") for name in ("startDate", "endDate"))
            for what in about.get(post, ()):
                titles = _texts(what.get("properties", {}), "name") if isinstance(what, dict) else [str(what)]
                yield from (RecordRole(title, start, end) for title in titles[:1])
