"""Content negotiation (RFC 9110, clause 12.5.1)."""

from __future__ import annotations

import pytest

from api.http.content_negotiation import best, parse_accept

TTL, NT, CSV, JSON = "text/turtle", "application/n-triples", "text/csv", "application/json"
OFFERS = [TTL, NT, CSV, JSON]

CASES = [
    # header, expected
    (None, TTL),
    ("", TTL),
    ("   ", TTL),
    (",,", TTL),
    (";", TTL),
    ("garbage", TTL),
    ("*/*", TTL),
    ("*", TTL),
    ("text/csv", CSV),
    ("TEXT/CSV", CSV),
    ("text/csv;q=0.5, application/json;q=0.6", JSON),
    ("application/json, text/csv", CSV),  # equal weights: our order
    ("*/*, application/json", TTL),
    ("*/*;q=0.1, application/json", JSON),
    ("text/*", TTL),
    ("text/*, text/turtle;q=0", CSV),
    ("text/turtle;q=0, */*;q=0.1", NT),
    ("text/*;q=0.9, text/turtle;q=0.1, application/json;q=0.2", CSV),
    ("*/*;q=0", None),
    ("*/*;q=0.000", None),
    ("image/png", None),
    ("image/*", None),
    ("text/turtle;q=0", None),
    ("image/png, */*;q=0.01", TTL),
    ("text/turtle;charset=utf-8", TTL),
    ('text/turtle; charset="UTF-8"', TTL),
    ("text/turtle;charset=utf-8;q=0.2, text/csv;q=0.3", CSV),
    ('application/json;profile="a,b;q=0"', JSON),  # a quoted comma and semicolon part nothing
    ("text/turtle;version=2;q=0, text/turtle", TTL),  # a bare range is nearer to what we have than one with parameters
    ("text/csv;q=1.5, application/json;q=0.1", JSON),  # a weight that is none: the element is left out
    ("text/csv;q=nan, application/json;q=0.1", JSON),
    ("text/csv;q=-1, application/json;q=0.1", JSON),
    ("text/csv ; q=0.1 , application/json ; q=0.2", JSON),
    ("text/csv;Q=0.1, application/json;q=0.2", JSON),
    ("*/csv, application/json;q=0.1", JSON),  # no such range
    ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TTL),
]


@pytest.mark.parametrize(("header", "expected"), CASES)
def test_best(header: str | None, expected: str | None) -> None:
    assert best(header, OFFERS) == expected


def test_order_of_offers_decides_between_equals() -> None:
    assert best("text/*", [CSV, TTL]) == CSV
    assert best("text/*", [TTL, CSV]) == TTL


def test_ranges_are_read_in_full() -> None:
    (found,) = parse_accept('Application/LD+JSON; Profile="x\\"y"; q=.25')
    assert (found.kind, found.subtype, found.quality) == ("application", "ld+json", 0.25)
    assert found.parameters == (("profile", 'x"y'),)


def test_ranges_beyond_a_hundred_are_ignored() -> None:
    assert best("a/b," * 99 + "text/csv", ["text/turtle", "text/csv"]) == "text/csv"
    assert best("a/b," * 100 + "text/csv", ["text/turtle", "text/csv"]) is None


def test_long_headers_are_read_quickly() -> None:
    assert best('"' * 20_000 + "," + ";" * 20_000, OFFERS) == TTL
    assert best(";".join(["text/turtle"] + ['a="b"'] * 5_000), OFFERS) == TTL
    for unclosed in (
        '"\\' * 200_000,
        '"' + 'a\\"' * 200_000,
        "text/csv;q=" + '"\\' * 200_000,
    ):  # minutes if each mark is tried
        assert best(unclosed, OFFERS) == TTL
