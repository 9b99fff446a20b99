"""Token cursor: IRIs resolve exactly as in the engine."""

from __future__ import annotations

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.sparql.cursor_with_iri_resolution import TokenCursor, UnexpectedToken, is_absolute, resolve

HTTP = "http://a/b/c/d;p?q"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("g:h", "g:h"),
        ("g", "http://a/b/c/g"),
        ("./g", "http://a/b/c/g"),
        ("g/", "http://a/b/c/g/"),
        ("/g", "http://a/g"),
        ("//g", "http://g"),
        ("?y", "http://a/b/c/d;p?y"),
        ("g?y", "http://a/b/c/g?y"),
        ("#s", "http://a/b/c/d;p?q#s"),
        ("g#s", "http://a/b/c/g#s"),
        ("g?y#s", "http://a/b/c/g?y#s"),
        (";x", "http://a/b/c/;x"),
        ("", "http://a/b/c/d;p?q"),
        (".", "http://a/b/c/"),
        ("./", "http://a/b/c/"),
        ("..", "http://a/b/"),
        ("../g", "http://a/b/g"),
        ("../..", "http://a/"),
        ("../../g", "http://a/g"),
        ("../../../g", "http://a/g"),
        ("/./g", "http://a/g"),
        ("/../g", "http://a/g"),
        ("g.", "http://a/b/c/g."),
        ("..g", "http://a/b/c/..g"),
        ("./../g", "http://a/b/g"),
        ("./g/.", "http://a/b/c/g/"),
        ("g/./h", "http://a/b/c/g/h"),
        ("g/../h", "http://a/b/c/h"),
        ("g;x=1/../y", "http://a/b/c/y"),
        ("g?y/../x", "http://a/b/c/g?y/../x"),
        ("g#s/../x", "http://a/b/c/g#s/../x"),
        ("http:g", "http:g"),
    ],
)
def test_examples_of_rfc_3986_clause_5_4(reference: str, expected: str) -> None:
    assert resolve(HTTP, reference) == expected


@pytest.mark.parametrize(
    ("base", "reference", "expected"),
    [
        ("urn:a:b", "c", "urn:c"),
        ("urn:a:b", "#c", "urn:a:b#c"),
        ("urn:a:b", "?c", "urn:a:b?c"),
        ("urn:a:b", "", "urn:a:b"),
        ("urn:a:b", "../c", "urn:c"),
        ("urn:a/b/c", "../d", "urn:a/d"),
        ("http://e", "g", "http://e/g"),
        ("http://e", "../g", "http://e/g"),
        ("http://e/a?q#f", "#g", "http://e/a?q#g"),
        ("http://e/a/../b", "c", "http://e/a/../c"),
        ("http://e/", "http://E/a/../%7e", "http://E/a/../%7e"),
        ("", "g", "g"),
    ],
)
def test_other_bases_and_what_is_left_alone(base: str, reference: str, expected: str) -> None:
    assert resolve(base, reference) == expected


pieces = st.lists(st.sampled_from(["/", "//", ".", "..", "a", "b:", "?", "#", ";x", "%41", "é", "@", "x:"]), max_size=7)


@given(
    st.sampled_from(
        ["http://e", "http://e/", "http://e:8/a/b/../c?q#f", "urn:a:b", "tag:a/b/c", "x:/a//b", "file:///a/b"]
    ),
    pieces.map("".join),
    pieces.map("".join),
)
@settings(deadline=None, max_examples=500)
def test_the_engine_resolves_alike(base: str, second: str, reference: str) -> None:
    store = ox.Store()
    try:
        store.update(f"BASE <{second}> INSERT DATA {{ <{reference}> <urn:p> 1 }}", base_iri=base)
    except SyntaxError:
        return
    (quad,) = store
    assert isinstance(quad.subject, ox.NamedNode)
    assert resolve(resolve(base, second), reference) == quad.subject.value
    assert is_absolute(quad.subject.value)


@given(st.text(st.sampled_from('ab1:/?#[]@!%4é.-_~ <>"{}|\\^`\u00a0\ufffd\ue000'), max_size=8))
@settings(deadline=None, max_examples=500)
def test_the_engine_takes_the_same_iris_for_absolute(rest: str) -> None:
    iri = f"http:{rest}"
    try:
        valid = bool(ox.NamedNode(iri))
    except ValueError:
        valid = False
    if "[" not in iri:  # the inside of an IP literal is left to the engine
        assert is_absolute(iri) == valid


def reader(text: str) -> TokenCursor:
    result = TokenCursor(text, "http://e/x")
    result.prologue()
    return result


def test_declarations_hold_from_where_they_stand() -> None:
    cursor = reader(
        "PREFIX a: <b/> BASE <c/> PREFIX a.b: <d#> prefix : <> VERSION '1.2' a:x a.b:x :x <x> BASE <e/> <x>"
    )
    names = [cursor.iri() for _ in range(4)]
    cursor.prologue()
    assert [*names, cursor.iri()] == [
        "http://e/b/x",
        "http://e/c/d#x",
        "http://e/c/x",
        "http://e/c/x",
        "http://e/c/e/x",
    ]
    assert cursor.ended
    assert cursor.malformed is None


@pytest.mark.parametrize(
    ("name", "iri"),
    [
        (r"ex:a\-b", "http://e/a-b"),
        (r"ex:\~\.\!\$\&\'\(\)\*\+\,\;\=\/\?\#\@\_", "http://e/~.!$&'()*+,;=/?#@_"),
        ("ex:%41", "http://e/%41"),
        (r"ex:\%41", "http://e/%41"),
        ("ex:a:b", "http://e/a:b"),
        ("ex:", "http://e/"),
        (r"<http://e/\u0061\U00000062>", "http://e/ab"),
    ],
)
def test_names_are_decoded_as_the_engine_does(name: str, iri: str) -> None:
    cursor = reader(f"PREFIX ex: <http://e/> {name}")
    assert cursor.iri() == iri
    assert cursor.malformed is None
    store = ox.Store()
    store.update(f"PREFIX ex: <http://e/> INSERT DATA {{ {name} <urn:p> 1 }}")
    assert [str(quad.subject) for quad in store] == [f"<{iri}>"]


@pytest.mark.parametrize(
    "text", ["PREFIX ex <a>", "PREFIX ex:a <a>", "PREFIX ex: ex:a", "BASE ex:a", "BASE", "VERSION 1"]
)
def test_a_declaration_that_is_none(text: str) -> None:
    with pytest.raises(UnexpectedToken):
        reader(text)


@pytest.mark.parametrize("text", ["none:a", "'a'", "?a", "a", ""])
def test_what_is_no_iri(text: str) -> None:
    with pytest.raises(UnexpectedToken):
        reader(text).iri()


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("ex:a none:a", 6),
        ("ex:a.b ex:a.b.c", 8),
        (r"ex:a \ ex:b", 6),
        ("port:a", 1),
        (r"ex:\#a\#b", 1),
        ("ex:a?b < ?c", 8),
    ],
)
def test_what_the_engine_would_cut_is_malformed(text: str, column: int) -> None:
    cursor = reader(f"PREFIX ex: <http://e/> PREFIX port: <http://e:>\n{text}")
    while not cursor.ended:
        cursor.take()
    assert cursor.malformed == (2, column)


def test_the_engine_still_refuses_dots_in_two_places() -> None:
    """Once it takes them, they need not be malformed any more."""
    with pytest.raises(SyntaxError):
        ox.Store().update("PREFIX ex: <http://e/> INSERT DATA { ex:a.b.c ex:p 1 }")
