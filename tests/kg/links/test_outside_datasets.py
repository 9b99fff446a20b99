"""Outside datasets: their IRIs and pages."""

from __future__ import annotations

import pytest

from kg.errors import BadInput, NotFound
from kg.iris import Names
from kg.links import outside_datasets

NAMES = Names("https://news.example/")


@pytest.mark.parametrize(
    ("dataset", "identifier", "iri", "page"),
    [
        ("wikidata", "Q212", "http://www.wikidata.org/entity/Q212", "https://www.wikidata.org/wiki/Q212"),
        ("geonames", "690791", "https://sws.geonames.org/690791/", "https://www.geonames.org/690791"),
        (
            "opensanctions",
            "NK-7",
            "https://www.opensanctions.org/entities/NK-7/",
            "https://www.opensanctions.org/entities/NK-7/",
        ),
        ("iso3166", "UA", "http://lexvo.org/id/iso3166/UA", "https://www.iso.org/obp/ui/#iso:code:3166:UA"),
        ("katottg", "UA" + "1" * 17, "https://w3id.org/claimgraph/katottg/UA" + "1" * 17, ""),
        ("mine", "a b/ї", "https://news.example/dataset/mine/a%20b%2F%D1%97", ""),
        ("mine", "https://other.example/x", "https://other.example/x", ""),
    ],
)
def test_names(dataset: str, identifier: str, iri: str, page: str) -> None:
    found = outside_datasets.find(dataset, NAMES, ["mine"])
    assert (outside_datasets.iri(found, identifier), outside_datasets.page(found, identifier)) == (iri, page)


@pytest.mark.parametrize("name", ["", "A", "a b", "../x", "log", "rejected", "reviewer", "x>"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(BadInput, match="not a name of a dataset"):
        outside_datasets.find(name, NAMES, [name])


def test_an_unknown_dataset() -> None:
    with pytest.raises(NotFound, match="no dataset “other”"):
        outside_datasets.find("other", NAMES)
