"""Identifiers of outside datasets: what links can lead to is taken, anything else refused when it is imported."""

from __future__ import annotations

import pytest

from kg.errors import BadInput
from kg.reference import identifier_pattern_checks


@pytest.mark.parametrize(
    ("dataset", "identifier"),
    [
        ("wikidata", "7747"),
        ("wikidata", "Q0"),
        ("wikidata", "Q1\n"),
        ("wikidata", "Q1> <x"),
        ("geonames", "Q1"),
        ("geonames", ""),
        ("opensanctions", "../x"),
        ("iso3166", "ua"),
        ("katottg", "UA1"),
        ("mine", ""),
        ("mine", "a b"),
        ("mine", "x" * 501),
    ],
)
def test_malformed_identifiers(dataset: str, identifier: str) -> None:
    with pytest.raises(BadInput, match="is not an identifier of"):
        identifier_pattern_checks.check(dataset, identifier)


def test_every_example_in_a_remedy_is_an_identifier() -> None:
    for dataset in identifier_pattern_checks.PATTERNS:
        text = identifier_pattern_checks.remedy(dataset).removeprefix("Write it as ").removesuffix(".")
        assert all(identifier_pattern_checks.fits(dataset, example) for example in text.split(" or "))
