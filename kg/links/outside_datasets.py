"""Outside datasets that links lead to: titles, IRIs and web pages."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import quote

from kg.errors import NotFound
from kg.iris import Names
from kg.rdf import oxigraph
from kg.reference import identifier_pattern_checks


@dataclass(frozen=True, slots=True)
class OutsideDataset:
    """One outside dataset.

    Attributes:
        name: short name in keys of records and IRIs of graphs.
        title: titles in English and in Ukrainian.
        home: IRI of the dataset.
        iri: template of the IRIs of things, with ``{}`` for the identifier.
        page: template of their web pages; empty if there are none.
    """

    name: str
    title: tuple[str, str]
    home: str
    iri: str
    page: str


_KNOWN = (
    OutsideDataset(
        "wikidata",
        ("Wikidata", "Вікідані"),
        "http://www.wikidata.org/entity/Q2013",
        "http://www.wikidata.org/entity/{}",
        "https://www.wikidata.org/wiki/{}",
    ),
    OutsideDataset(
        "geonames",
        ("GeoNames", "GeoNames"),
        "https://www.geonames.org/",
        "https://sws.geonames.org/{}/",
        "https://www.geonames.org/{}",
    ),
    OutsideDataset(
        "opensanctions",
        ("OpenSanctions", "OpenSanctions"),
        "https://www.opensanctions.org/",
        "https://www.opensanctions.org/entities/{}/",
        "https://www.opensanctions.org/entities/{}/",
    ),
    OutsideDataset(
        "iso3166",
        ("ISO 3166 country codes", "Коди країн ISO 3166"),
        "https://www.iso.org/iso-3166-country-codes.html",
        "http://lexvo.org/id/iso3166/{}",
        "https://www.iso.org/obp/ui/#iso:code:3166:{}",
    ),
    OutsideDataset(
        "iso3166-alpha3",
        ("ISO 3166 country codes of three letters", "Трилітерні коди країн ISO 3166"),
        "http://publications.europa.eu/resource/authority/country",
        "http://publications.europa.eu/resource/authority/country/{}",
        "",
    ),
    OutsideDataset(
        "viaf",
        ("VIAF", "VIAF"),
        "http://viaf.org/viaf/data",
        "http://viaf.org/viaf/{}",
        "https://viaf.org/viaf/{}",
    ),
    OutsideDataset(
        "isni",
        ("ISNI", "ISNI"),
        "https://isni.org/",
        "https://isni.org/isni/{}",
        "https://isni.org/isni/{}",
    ),
    OutsideDataset(
        "gnd",
        ("Integrated Authority File (GND)", "Об’єднаний авторитетний файл (GND)"),
        "https://d-nb.info/",
        "https://d-nb.info/gnd/{}",
        "https://d-nb.info/gnd/{}",
    ),
    OutsideDataset(
        "lei",
        ("Legal entity identifiers", "Коди юридичних осіб LEI"),
        "https://search.gleif.org/",
        "https://search.gleif.org/#/record/{}",
        "https://search.gleif.org/#/record/{}",
    ),
    OutsideDataset(
        "osm-relation",
        ("OpenStreetMap", "OpenStreetMap"),
        "https://www.openstreetmap.org/",
        "https://www.openstreetmap.org/relation/{}",
        "https://www.openstreetmap.org/relation/{}",
    ),
    OutsideDataset(
        "katottg",
        ("Codifier of administrative units of Ukraine", "Кодифікатор адміністративно-територіальних одиниць"),
        "https://w3id.org/claimgraph/katottg",
        "https://w3id.org/claimgraph/katottg/{}",
        "",
    ),
)
_BY_NAME = {known.name: known for known in _KNOWN}


def find(name: str, names: Names, others: Collection[str] = ()) -> OutsideDataset:
    """Return a dataset by name: a known one, or one of ``others``, which have records or links.

    Things of a dataset of the user have IRIs under the base of the store.

    Raises:
        BadInput: it is not a valid name of a dataset.
        NotFound: the dataset is unknown.
    """
    if name in _BY_NAME:
        return _BY_NAME[name]
    identifier_pattern_checks.check_dataset(name)
    if name not in others:
        raise NotFound(f"There is no dataset “{name}”.", remedy=f"Known: {', '.join(sorted({*_BY_NAME, *others}))}.")
    home = f"{names.base}dataset/{name}"
    return OutsideDataset(name, (name, name), home, home + "/{}", "")


def iri(dataset: OutsideDataset, identifier: str) -> str:
    """Return the IRI of a thing; in datasets of the user, an identifier that is an IRI stays unchanged."""
    if dataset.name not in _BY_NAME and oxigraph.is_iri(identifier):
        return identifier
    return dataset.iri.format(quote(identifier, "-._~"))


def page(dataset: OutsideDataset, identifier: str) -> str:
    """Return the URL of the web page of a thing; empty if there is none."""
    return dataset.page.format(quote(identifier, "-._~")) if dataset.page else ""
