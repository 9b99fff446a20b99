"""Constants that an update inserts, checked in its text."""

from __future__ import annotations

import pytest

from kg.errors import BadInput
from kg.sparql import inserted_literals
from kg.store.store import Store, StoreOptions

LONG = "9223372036854775808"
DECIMAL = "<http://www.w3.org/2001/XMLSchema#decimal>"


@pytest.mark.parametrize(
    ("update", "shown"),
    [
        (f"INSERT DATA {{ <urn:s> <urn:p> {LONG} }}", LONG),
        ("INSERT DATA { <urn:s> <urn:p> -0.0014285714285714286 }", "-0.0014285714285714286"),
        (f'INSERT DATA {{ <urn:s> <urn:p> "0.0014285714285714286"^^{DECIMAL} }}', "0.0014285714285714286"),
        (f"WITH <urn:g> DELETE {{ ?s ?p 1 }} INSERT {{ ?s ?p {LONG} }} WHERE {{ ?s ?p 1 }}", LONG),
        ('INSERT DATA { <urn:s> <urn:p> "a\\u0000b" }', "aU+0000b"),
        ('INSERT DATA { <urn:s> <urn:p> """a\\\\\\U00000000b"""@en }', "U+0000"),
        ("INSERT DATA { <urn:s> <urn:p> 'a\0b' }", "aU+0000b"),
    ],
)
def test_refused(update: str, shown: str) -> None:
    with pytest.raises(BadInput) as caught:
        inserted_literals.check(update)
    assert shown in str(caught.value)


@pytest.mark.parametrize(
    "update",
    [
        f"DELETE DATA {{ <urn:s> <urn:p> {LONG} , 'a\\u0000b' }}",  # so that a stored one can be removed
        f"INSERT {{ ?s ?p 1 }} WHERE {{ ?s ?p {LONG} }}",
        "INSERT DATA { <urn:s> <urn:p> -9223372036854775808 , 1234567890123456789e0 }",
        f"INSERT DATA {{ <urn:s> <urn:p> 'a\\\\u0000b' , '{LONG}' , <urn:{LONG}> }} # {LONG}",
        "INSERT DATA { <urn:s> <urn:p> 1 }",
    ],
)
def test_taken(update: str) -> None:
    inserted_literals.check(update)


def test_prefixed_names_are_read_as_their_iris() -> None:
    store = Store(StoreOptions(bare=True))
    prefix = "PREFIX x: <http://www.w3.org/2001/XMLSchema#> PREFIX y: <urn:y#>\n"
    with pytest.raises(BadInput, match="out of the range"):
        store.update(f'{prefix}INSERT DATA {{ <urn:s> <urn:p> "{LONG}"^^x:integer }}')
    assert len(store) == 0
    store.update(f'{prefix}INSERT DATA {{ <urn:s> <urn:p> "{LONG}"^^y:integer }}')
    assert len(store) == 1
