"""Metadata of reference packs."""

from __future__ import annotations

from kg.reference.pack_metadata import PackMetadata
from kg.reference.records import RecordKind

PACK = PackMetadata("p", "1", "d", start="2014", end="2021-12-31", countries=("UA",), kinds=(RecordKind.settlement,))


def test_covers() -> None:
    assert PACK.covers(RecordKind.settlement, "UA", "2014-01-01")
    assert PACK.covers(RecordKind.settlement, "UA", "2021-12-31")
    assert PACK.covers(RecordKind.settlement, "", "2021")
    assert PACK.covers(RecordKind.settlement)
    assert not PACK.covers(RecordKind.person, "UA", "2015")
    assert not PACK.covers(RecordKind.settlement, "SY", "2015")
    assert not PACK.covers(RecordKind.settlement, "UA", "2013-12-31")
    assert not PACK.covers(RecordKind.settlement, "UA", "2022-01-01")


def test_a_pack_without_bounds_covers_everything() -> None:
    assert PackMetadata("p", "1", "d").covers(RecordKind.person, "SY", "1850")
