"""Names of outside datasets, and the form of the identifiers in each: what links can lead to."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kg.errors import BadInput

PATTERNS: Mapping[str, str] = {
    "wikidata": r"Q[1-9][0-9]{0,11}",
    "geonames": r"[1-9][0-9]{0,11}",
    "opensanctions": r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}",
    "iso3166": r"[A-Z]{2}(-[A-Z0-9]{1,3})?",
    "iso3166-alpha3": r"[A-Z]{3}",
    "viaf": r"[1-9][0-9]{0,21}",
    "isni": r"[0-9]{15}[0-9X]",
    "gnd": r"[0-9][0-9X-]{1,14}",
    "lei": r"[A-Z0-9]{18}[0-9]{2}",
    "osm-relation": r"[1-9][0-9]{0,15}",
    "katottg": r"UA[0-9]{17}",
}
"""Regular expression for whole identifiers, by the name of the dataset."""

ANY = r"[^\x00-\x20\x7f<>\"{}|\\^`]{1,500}"
"""Regular expression for the identifiers of every other dataset."""

_EXAMPLES: Mapping[str, str] = {
    "wikidata": "Q212",
    "geonames": "690791",
    "opensanctions": "NK-25WvFUqrGLn",
    "iso3166": "UA or UA-14",
    "iso3166-alpha3": "UKR",
    "viaf": "97105654",
    "isni": "0000000121268987",
    "gnd": "118540238",
    "lei": "529900T8BM49AURSDO55",
    "osm-relation": "60199",
    "katottg": "UA14000000000091971",
}
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_RESERVED = ("log", "rejected", "reviewer")  # parts of the IRIs of link graphs


def check_dataset(name: str) -> str:
    """Return the name of a dataset, known or of the user.

    Raises:
        BadInput: it is not a valid name.
    """
    if name not in PATTERNS and (not _NAME.fullmatch(name) or name in _RESERVED):
        raise BadInput(
            f"“{name[:80]}” is not a name of a dataset.",
            remedy="Use lower-case letters and digits, with - _ . between them.",
        )
    return name


def fits(dataset: str, identifier: str) -> bool:
    """Return whether an identifier has the form of the dataset."""
    return re.fullmatch(PATTERNS.get(dataset, ANY), identifier) is not None


def remedy(dataset: str) -> str:
    """Return a sentence on how identifiers of a dataset are written."""
    if dataset in _EXAMPLES:
        return f"Write it as {_EXAMPLES[dataset]}."
    return 'Use at most 500 characters, without blanks and without < > " { } | \\ ^ `.'


def check(dataset: str, identifier: str) -> str:
    """Return an identifier if it has the form of the dataset.

    Raises:
        BadInput: it has another form.
    """
    if not fits(dataset, identifier):
        raise BadInput(f"“{identifier[:80]}” is not an identifier of {dataset}.", remedy=remedy(dataset))
    return identifier
