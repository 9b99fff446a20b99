"""Outside datasets that links lead to: how they name things on the web, and what an identifier of theirs looks like."""

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
        name: short, as records and graphs are named by it.
        title: in English and in Ukrainian.
        home: the dataset itself, as an IRI.
        iri: how the IRI of a thing is made of its identifier, which stands for ``{}``.
        page: the same for a page that people read; empty where there is none.
        pattern: what an identifier looks like, whole.
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
_RESERVED = ("log", "rejected", "reviewer")
_ANY = r"[^\x00-\x20\x7f<>\"{}|\\^`]{1,500}"


def find(name: str, names: Names, others: Collection[str] = ()) -> OutsideDataset:
    """Look up a dataset; one of a user's own pack names its things under our base.

    Args:
        name: of the dataset.
        names: the IRIs of the store.
        others: datasets of which there are records or links, beside those that are always known.

    Raises:
        BadInput: it is no name of a dataset.
        NotFound: nothing is known of it.
    """
    if name in _BY_NAME:
        return _BY_NAME[name]
    if not _NAME.fullmatch(name) or name in _RESERVED:
        raise BadInput(
            f"“{name[:80]}” is not a name of a dataset.", remedy="Use small letters, digits, and - _ . between them."
        )
    if name not in others:
        raise NotFound(f"There is no dataset “{name}”.", remedy=f"Known: {', '.join(sorted({*_BY_NAME, *others}))}.")
    home = f"{names.base}dataset/{name}"
    return OutsideDataset(name, (name, name), home, home + "/{}", "", _ANY)


def check(dataset: OutsideDataset, identifier: str) -> str:
    """Give an identifier back if the dataset may have it.

    Raises:
        BadInput: it looks otherwise.
    """
    if not re.fullmatch(dataset.pattern, identifier):
        raise BadInput(
            f"“{identifier[:80]}” is not an identifier of {dataset.name}.",
            remedy=f"It has to match {dataset.pattern}.",
        )
    return identifier


def iri(dataset: OutsideDataset, identifier: str) -> str:
    """Name a thing of a dataset; an identifier that is an IRI already is its own name."""
    if dataset.name not in _BY_NAME and oxigraph.is_iri(identifier):
        return identifier
    return dataset.iri.format(quote(identifier, "-._~"))


def page(dataset: OutsideDataset, identifier: str) -> str:
    """Give the address at which people find a thing of a dataset; empty where there is none."""
    return dataset.page.format(quote(identifier, "-._~")) if dataset.page else ""
