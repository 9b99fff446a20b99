"""The formats that packs come in: who reads each, and what its packs say of themselves if the user does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kg.reference.pack_metadata import PackMetadata
from kg.reference.records import Record
from kg.reference.sources import (
    followthemoney,
    geonames,
    katottg,
    packaged_datasets,
    rigour_territories,
    skos,
    sparql_results,
    spreadsheets,
    wikidata,
)
from kg.reference.sources.source_files import SourceFile

_CC_BY = ("CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/")
_CC0 = ("CC0 1.0", "https://creativecommons.org/publicdomain/zero/1.0/")
_PUBLIC = ("public domain", "https://www.naturalearthdata.com/about/terms-of-use/")


@dataclass(frozen=True, slots=True)
class PackFormat:
    """One format.

    Attributes:
        read: gives the records of a file.
        dataset: what they are identified in; empty if the user names it.
        title, licence, licence_url, countries: as :class:`kg.reference.pack_metadata.PackMetadata` has them.
    """

    read: Callable[[SourceFile], Iterator[Record]]
    dataset: str = ""
    title: str = ""
    licence: str = ""
    licence_url: str = ""
    countries: tuple[str, ...] = ()

    def pack(self, name: str, version: str) -> PackMetadata:
        """Say what a pack of this format says of itself."""
        licence = (self.licence, self.licence_url)
        return PackMetadata(name, version, self.dataset or name, self.title, *licence, countries=self.countries)


FORMATS = {
    "geonames": PackFormat(geonames.read, "geonames", "GeoNames", *_CC_BY),
    "wikidata": PackFormat(wikidata.read, "wikidata", "Wikidata", *_CC0),
    "sparql-results": PackFormat(sparql_results.read, "wikidata", "Wikidata query", *_CC0),
    "ftm": PackFormat(
        followthemoney.read,
        "opensanctions",
        "OpenSanctions",
        "see the publisher",
        "https://www.opensanctions.org/licensing/",
    ),
    "country-codes": PackFormat(
        spreadsheets.country_codes,
        "iso3166",
        "Country codes",
        "PDDL 1.0",
        "https://opendatacommons.org/licenses/pddl/1-0/",
    ),
    "katottg": PackFormat(katottg.read, "katottg", "КАТОТТГ", "official register", countries=("UA",)),
    "natural-earth": PackFormat(packaged_datasets.natural_earth, "wikidata", "Natural Earth countries", *_PUBLIC),
    "natural-earth-places": PackFormat(spreadsheets.natural_earth_places, "geonames", "Natural Earth places", *_PUBLIC),
    "territories": PackFormat(
        rigour_territories.read, "rigour", "Territories of rigour", "MIT", "https://opensource.org/license/mit"
    ),
    "csv": PackFormat(spreadsheets.own),
    "skos": PackFormat(skos.read),
}
"""By the names that ``kg reference add --format`` takes."""
