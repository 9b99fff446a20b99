"""Geographic context of an entity."""

from __future__ import annotations

from kg.linking.entity_profiles import Office
from kg.linking.geographic_context import GeographicContext, kilometres
from kg.reference.records import RecordKind
from tests.linked import KRAMATORSK, OBLAST, RUSSIA, UKRAINE, entity


def test_distance() -> None:
    kyiv, kharkiv = (50.45, 30.523), (49.993, 36.23)
    assert 405 < kilometres(kyiv, kharkiv) < 415
    assert kilometres(kyiv, kyiv) == 0


def test_what_is_linked_is_known_once() -> None:
    known = GeographicContext()
    assert known.put("urn:ua", [UKRAINE])
    assert not known.put("urn:ua", [UKRAINE])
    assert known.records("urn:ua") == [UKRAINE]
    assert known.records("urn:other") == []


def test_countries_come_from_places_that_hold_it_and_from_offices() -> None:
    known = GeographicContext()
    known.put("urn:ua", [UKRAINE])
    known.put("urn:ru", [RUSSIA])
    assert known.stated(entity("Сочі", within=("urn:ua",))) == {"UA": "Україна"}
    someone = entity("Хтось", RecordKind.person, offices=(Office("президент", "urn:ru"),))
    assert known.stated(someone) == {"RU": "Росія"}


def test_regions_are_of_one_dataset() -> None:
    known = GeographicContext()
    known.put("urn:d", [OBLAST])
    held = entity("Краматорськ", within=("urn:d",))
    assert known.regions(held, "geonames") == {"709716": "Донецька область"}
    assert known.regions(held, "katottg") == {}


def test_anchors_are_of_the_sentence_and_only_then_of_the_article() -> None:
    known = GeographicContext()
    known.put("urn:k", [KRAMATORSK])
    assert known.anchors(entity("Х", near=("urn:k",)))[0][0] == "Краматорськ"
    assert known.anchors(entity("Х", near=("urn:x",), together=("urn:k", "urn:x")))[0][0] == "Краматорськ"
    assert known.anchors(entity("Х")) == []
    assert known.itself(entity("Краматорськ", iri="urn:k"), "wikidata") == ("geonames:704508", KRAMATORSK.point)
    assert known.itself(entity("Краматорськ", iri="urn:k"), "geonames") is None
