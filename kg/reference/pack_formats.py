"""Source formats of reference packs: the reader of each, and the default metadata of its packs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kg.reference import identifier_pattern_checks
from kg.reference.pack_metadata import PackMetadata
from kg.reference.records import Record
from kg.reference.sources import (
    country_and_place_tables,
    followthemoney,
    geonames,
    katottg,
    packaged_datasets,
    rigour_territories,
    skos,
    sparql_results,
    user_tables,
    wikidata,
)
from kg.reference.sources.source_files import SourceFile

_CC_BY = ("CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/")
_CC0 = ("CC0 1.0", "https://creativecommons.org/publicdomain/zero/1.0/")
_PUBLIC = ("public domain", "https://www.naturalearthdata.com/about/terms-of-use/")


@dataclass(frozen=True, slots=True)
class PackFormat:
    """Reader and default metadata of one source format.

    Attributes:
        read: yields the records of a file.
        dataset: the dataset of their identifiers; empty if the user has to name it.
        title, licence, licence_url, countries: defaults of the attributes of
            :class:`kg.reference.pack_metadata.PackMetadata`.
    """

    read: Callable[[SourceFile], Iterator[Record]]
    dataset: str = ""
    title: str = ""
    licence: str = ""
    licence_url: str = ""
    countries: tuple[str, ...] = ()

    def pack(self, name: str, version: str) -> PackMetadata:
        """Return the default metadata of a pack of this format."""
        licence = (self.licence, self.licence_url)
        return PackMetadata(name, version, self.dataset or name, self.title, *licence, countries=self.countries)

    def records(self, source: SourceFile) -> Iterator[Record]:
        """Yield the records of a file, none of which would later stop the command that links.

        Raises:
            ClaimgraphError: the file is damaged, or links cannot lead to the identifier of a record; readers name the
                line and column where they know it.
        """
        for record in self.read(source):
            identifier_pattern_checks.check_dataset(record.dataset)
            identifier_pattern_checks.check(record.dataset, record.identifier)
            yield record


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
        country_and_place_tables.country_codes,
        "iso3166",
        "Country codes",
        "PDDL 1.0",
        "https://opendatacommons.org/licenses/pddl/1-0/",
    ),
    "katottg": PackFormat(katottg.read, "katottg", "КАТОТТГ", "official register", countries=("UA",)),
    "natural-earth": PackFormat(packaged_datasets.natural_earth, "wikidata", "Natural Earth countries", *_PUBLIC),
    "natural-earth-places": PackFormat(
        country_and_place_tables.natural_earth_places, "geonames", "Natural Earth places", *_PUBLIC
    ),
    "territories": PackFormat(
        rigour_territories.read, "rigour", "Territories of rigour", "MIT", "https://opensource.org/license/mit"
    ),
    "csv": PackFormat(user_tables.user_table),
    "skos": PackFormat(skos.read),
}
"""Formats by the value of ``kg reference add --format``."""
