"""Metadata of reference packs."""

from __future__ import annotations

from kg.reference.pack_metadata import ImportReport, PackMetadata, script
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


def test_report_round_trip() -> None:
    report = ImportReport(PACK, 1, 2, kinds={"settlement": 1}, examples={"shared-identifier": ("x",)})
    assert ImportReport.from_json(report.to_json()) == report


def test_script() -> None:
    assert [script(text) for text in ("1 Київ", "Kyiv", "كييف", "基輔", "12")] == [
        "Cyrl",
        "Latn",
        "Arab",
        "Hani",
        "Zyyy",
    ]
