"""The formats that packs come in: who reads each, and what its packs say of themselves if the user does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kg.linking.packs import Pack
from kg.linking.records import Record
from kg.linking.sources import carried, ftm, geonames, katottg, sheets, skos, sparql, territories, wikidata
from kg.linking.sources.files import Source

_CC_BY = ("CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/")
_CC0 = ("CC0 1.0", "https://creativecommons.org/publicdomain/zero/1.0/")
_PUBLIC = ("public domain", "https://www.naturalearthdata.com/about/terms-of-use/")


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    Attributes:
        read: gives the records of a file.
        dataset: what they are identified in; empty if the user names it.
        title, licence, licence_url, countries: as :class:`kg.linking.packs.Pack` has them.
    """

    read: Callable[[Source], Iterator[Record]]
    dataset: str = ""
    title: str = ""
    licence: str = ""
    licence_url: str = ""
    countries: tuple[str, ...] = ()

    def pack(self, name: str, version: str) -> Pack:
        """Say what a pack of this format says of itself."""
        licence = (self.licence, self.licence_url)
        return Pack(name, version, self.dataset or name, self.title, *licence, countries=self.countries)


FORMATS = {
    "geonames": Format(geonames.read, "geonames", "GeoNames", *_CC_BY),
    "wikidata": Format(wikidata.read, "wikidata", "Wikidata", *_CC0),
    "sparql-results": Format(sparql.read, "wikidata", "Wikidata query", *_CC0),
    "ftm": Format(
        ftm.read, "opensanctions", "OpenSanctions", "see the publisher", "https://www.opensanctions.org/licensing/"
    ),
    "country-codes": Format(
        sheets.country_codes,
        "iso3166",
        "Country codes",
        "PDDL 1.0",
        "https://opendatacommons.org/licenses/pddl/1-0/",
    ),
    "katottg": Format(katottg.read, "katottg", "КАТОТТГ", "official register", countries=("UA",)),
    "natural-earth": Format(carried.natural_earth, "wikidata", "Natural Earth countries", *_PUBLIC),
    "natural-earth-places": Format(sheets.natural_earth_places, "geonames", "Natural Earth places", *_PUBLIC),
    "territories": Format(
        territories.read, "rigour", "Territories of rigour", "MIT", "https://opensource.org/license/mit"
    ),
    "csv": Format(sheets.own),
    "skos": Format(skos.read),
}
"""By the names that ``kg reference add --format`` takes."""
