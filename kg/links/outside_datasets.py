"""Outside datasets that links lead to: IRIs, web pages, and the form of identifiers."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import quote

from kg.errors import BadInput, NotFound
from kg.iris import Names
from kg.rdf import oxigraph


@dataclass(frozen=True, slots=True)
class OutsideDataset:
    """One outside dataset.

    Attributes:
        name: short name in keys of records and IRIs of graphs.
        title: titles in English and in Ukrainian.
        home: IRI of the dataset.
        iri: template of the IRIs of things, with ``{}`` for the identifier.
        page: template of their web pages; empty if there are none.
        pattern: regular expression for whole identifiers.
    """

    name: str
    title: tuple[str, str]
    home: str
    iri: str
    page: str
    pattern: str


_KNOWN = (
    OutsideDataset(
        "wikidata",
        ("Wikidata", "Вікідані"),
        "http://www.wikidata.org/entity/Q2013",
        "http://www.wikidata.org/entity/{}",
        "https://www.wikidata.org/wiki/{}",
        r"Q[1-9][0-9]{0,11}",
    ),
    OutsideDataset(
        "geonames",
        ("GeoNames", "GeoNames"),
        "https://www.geonames.org/",
        "https://sws.geonames.org/{}/",
        "https://www.geonames.org/{}",
        r"[1-9][0-9]{0,11}",
    ),
    OutsideDataset(
        "opensanctions",
        ("OpenSanctions", "OpenSanctions"),
        "https://www.opensanctions.org/",
        "https://www.opensanctions.org/entities/{}/",
        "https://www.opensanctions.org/entities/{}/",
        r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}",
    ),
    OutsideDataset(
        "iso3166",
        ("ISO 3166 country codes", "Коди країн ISO 3166"),
        "https://www.iso.org/iso-3166-country-codes.html",
        "http://lexvo.org/id/iso3166/{}",
        "https://www.iso.org/obp/ui/#iso:code:3166:{}",
        r"[A-Z]{2}(-[A-Z0-9]{1,3})?",
    ),
    OutsideDataset(
        "iso3166-alpha3",
        ("ISO 3166 country codes of three letters", "Трилітерні коди країн ISO 3166"),
        "http://publications.europa.eu/resource/authority/country",
        "http://publications.europa.eu/resource/authority/country/{}",
        "",
        r"[A-Z]{3}",
    ),
    OutsideDataset(
        "viaf",
        ("VIAF", "VIAF"),
        "http://viaf.org/viaf/data",
        "http://viaf.org/viaf/{}",
        "https://viaf.org/viaf/{}",
        r"[1-9][0-9]{0,21}",
    ),
    OutsideDataset(
        "isni",
        ("ISNI", "ISNI"),
        "https://isni.org/",
        "https://isni.org/isni/{}",
        "https://isni.org/isni/{}",
        r"[0-9]{15}[0-9X]",
    ),
    OutsideDataset(
        "gnd",
        ("Integrated Authority File (GND)", "Об’єднаний авторитетний файл (GND)"),
        "https://d-nb.info/",
        "https://d-nb.info/gnd/{}",
        "https://d-nb.info/gnd/{}",
        r"[0-9][0-9X-]{1,14}",
    ),
    OutsideDataset(
        "lei",
        ("Legal entity identifiers", "Коди юридичних осіб LEI"),
        "https://search.gleif.org/",
        "https://search.gleif.org/#/record/{}",
        "https://search.gleif.org/#/record/{}",
        r"[A-Z0-9]{18}[0-9]{2}",
    ),
    OutsideDataset(
        "osm-relation",
        ("OpenStreetMap", "OpenStreetMap"),
        "https://www.openstreetmap.org/",
        "https://www.openstreetmap.org/relation/{}",
        "https://www.openstreetmap.org/relation/{}",
        r"[1-9][0-9]{0,15}",
    ),
    OutsideDataset(
        "katottg",
        ("Codifier of administrative units of Ukraine", "Кодифікатор адміністративно-територіальних одиниць"),
        "https://w3id.org/claimgraph/katottg",
        "https://w3id.org/claimgraph/katottg/{}",
        "",
        r"UA[0-9]{17}",
    ),
)
_BY_NAME = {known.name: known for known in _KNOWN}
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_RESERVED = ("log", "rejected", "reviewer")  # parts of the IRIs of link graphs
_ANY = r"[^\x00-\x20\x7f<>\"{}|\\^`]{1,500}"


def find(name: str, names: Names, others: Collection[str] = ()) -> OutsideDataset:
    """Return a dataset by name; things of a dataset of the user have IRIs under the base of the store.

    Args:
        name: name of the dataset.
        names: IRIs of the store.
        others: names of further datasets that have records or links.

    Raises:
        BadInput: it is not a valid name of a dataset.
        NotFound: the dataset is unknown.
    """
    if name in _BY_NAME:
        return _BY_NAME[name]
    if not _NAME.fullmatch(name) or name in _RESERVED:
        raise BadInput(
            f"“{name[:80]}” is not a name of a dataset.",
            remedy="Use lower-case letters and digits, with - _ . between them.",
        )
    if name not in others:
        raise NotFound(f"There is no dataset “{name}”.", remedy=f"Known: {', '.join(sorted({*_BY_NAME, *others}))}.")
    home = f"{names.base}dataset/{name}"
    return OutsideDataset(name, (name, name), home, home + "/{}", "", _ANY)


def check(dataset: OutsideDataset, identifier: str) -> str:
    """Return an identifier if it has the form of the dataset.

    Raises:
        BadInput: it has another form.
    """
    if not re.fullmatch(dataset.pattern, identifier):
        raise BadInput(
            f"“{identifier[:80]}” is not an identifier of {dataset.name}.",
            remedy=f"Use an identifier that matches {dataset.pattern}.",
        )
    return identifier


def iri(dataset: OutsideDataset, identifier: str) -> str:
    """Return the IRI of a thing; in datasets of the user, an identifier that is an IRI stays unchanged."""
    if dataset.name not in _BY_NAME and oxigraph.is_iri(identifier):
        return identifier
    return dataset.iri.format(quote(identifier, "-._~"))


def page(dataset: OutsideDataset, identifier: str) -> str:
    """Return the URL of the web page of a thing; empty if there is none."""
    return dataset.page.format(quote(identifier, "-._~")) if dataset.page else ""
