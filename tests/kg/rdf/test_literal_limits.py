"""Literals that the store cannot hold: the range is that of the engine itself."""

from __future__ import annotations

import pytest

from kg.errors import BadInput
from kg.rdf import literal_limits, oxigraph, oxigraph_queries
from kg.rdf.literal_limits import OutOfRangeCount

XSD = "http://www.w3.org/2001/XMLSchema#"
IN_RANGE = (
    ("9223372036854775807", "integer"),
    ("-9223372036854775808", "integer"),
    ("+00000000000000000000000000001", "integer"),
    ("9223372036854775807", "nonNegativeInteger"),
    ("9223372036854775808", "decimal"),
    ("170141183460469231731.687303715884105727", "decimal"),
    ("-170141183460469231731.687303715884105728", "decimal"),
    ("0.123456789012345678", "decimal"),
    ("0.10000000000000000000000000000", "decimal"),
    ("00000000000000000000000000000.5", "decimal"),
    ("0.0000000000000000000", "decimal"),
)
BEYOND = (
    ("9223372036854775808", "integer"),
    ("-9223372036854775809", "integer"),
    ("9" * 5000, "integer"),
    ("18446744073709551615", "unsignedLong"),
    ("99999999999999999999", "nonNegativeInteger"),
    ("170141183460469231731.687303715884105728", "decimal"),
    ("-170141183460469231731.687303715884105729", "decimal"),
    ("170141183460469231732", "decimal"),
    ("0.0014285714285714286", "decimal"),
    ("-.0000000000000000001", "decimal"),
    ("0." + "9" * 5000, "decimal"),
)
TEMPORAL = (
    ("PT1.12345678901234567S", "PT1S", "duration"),
    ("PT1.1234567890123456789S", "PT1S", "duration"),
    ("PT1.10000000000000000000000S", "PT1S", "duration"),
    ("PT99999999999999999999H", "PT1H", "dayTimeDuration"),
    ("9999999999-01-01", "2020-01-01", "date"),
    ("99999999999999999999-01-01", "2020-01-01", "date"),
    ("2020-01-01T00:00:00.1234567890123456789Z", "2019-01-01T00:00:00Z", "dateTime"),
    ("2020-01-01T00:00:00.123456789+02:00", "2019-01-01T00:00:00Z", "dateTime"),
    ("99999999999999999999", "2020", "gYear"),
)
OTHERS = (
    ("12345678901234567890 pieces", "integer"),  # ill-typed: another kind of fault
    ("1234567890123456789.5", "integer"),
    ("." * 30, "decimal"),
    ("1e400", "double"),
    ("99999999999999999999", "string"),
    ("12345678901234567890 days", "duration"),
)


def computes(value: str, datatype: str) -> bool:
    """Return whether the engine itself adds 0 to a stored number."""
    store = oxigraph.open_store(None)
    node = oxigraph.NamedNode("urn:a")
    store.add(oxigraph.Quad(node, node, oxigraph.Literal(value, datatype=oxigraph.NamedNode(XSD + datatype))))
    return bool(oxigraph_queries.rows(store, "SELECT (?o + 0 AS ?n) { ?s ?p ?o }")[0])


@pytest.mark.parametrize(("value", "datatype"), [*IN_RANGE, *BEYOND])
def test_the_range_is_that_of_the_engine(value: str, datatype: str) -> None:
    assert literal_limits.out_of_range(value, XSD + datatype) is not computes(value, datatype)


@pytest.mark.parametrize(("value", "datatype"), OTHERS)
def test_what_is_no_number(value: str, datatype: str) -> None:
    assert not literal_limits.out_of_range(value, XSD + datatype)


@pytest.mark.parametrize(("value", "less", "datatype"), TEMPORAL)
def test_dates_and_durations(value: str, less: str, datatype: str) -> None:
    store = oxigraph.open_store(None)
    node = oxigraph.NamedNode("urn:a")
    store.add(oxigraph.Quad(node, node, oxigraph.Literal(value, datatype=oxigraph.NamedNode(XSD + datatype))))
    (row,) = oxigraph_queries.rows(store, f'SELECT (?o > "{less}"^^<{XSD}{datatype}> AS ?more) {{ ?s ?p ?o }}')
    assert literal_limits.out_of_range(value, XSD + datatype) is ("more" not in row)


def parsed(turtle: str) -> list[oxigraph.Quad]:
    return list(oxigraph.parse(turtle.encode(), "text/turtle"))


@pytest.mark.parametrize(
    ("turtle", "reason"),
    [
        (
            "<urn:s> <urn:p> 0.0014285714285714286 .",
            "The value 0.0014285714285714286 (of <urn:p>) is out of the range",
        ),
        ("<urn:s> <urn:p> 1 , 9223372036854775808 .", "The value 9223372036854775808"),
        ('<urn:s> <urn:p> "a\\u0000b" .', "The text “aU+0000b” (of <urn:p>) contains the character U+0000"),
        ('<urn:s> <urn:p> "a\\u0000b"@en .', "U+0000"),
        ("<urn:s> <urn:p> <<( <urn:s> <urn:q> 9223372036854775808 )>> .", "(of <urn:q>)"),
    ],
)
def test_a_quad_with_one_is_refused(turtle: str, reason: str) -> None:
    with pytest.raises(BadInput) as caught:
        list(literal_limits.checked(parsed(turtle)))
    assert reason in str(caught.value)
    assert caught.value.remedy


def test_other_quads_pass_unchanged() -> None:
    quads = parsed(f'<urn:s> <urn:p> 1 , 0.5 , 1e400 , "{"9" * 30}" , <urn:{"9" * 30}> , [] , "\\u0001" , "x"@en .')
    assert list(literal_limits.checked(quads)) == list(OutOfRangeCount().counted(quads)) == quads


def test_they_are_counted() -> None:
    found = OutOfRangeCount()
    quads = parsed("<urn:s> <urn:p> 1 , 9223372036854775808 , 0.0000000000000000001 .")
    assert list(found.counted(quads)) == quads
    assert (found.count, found.first) == (2, "9223372036854775808 (of <urn:p>)")
    with pytest.raises(BadInput, match=r"U\+0000"):
        list(found.counted(parsed('<urn:s> <urn:p> "\\u0000" .')))
