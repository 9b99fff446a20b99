"""Reports of imports: kept as JSON, with names counted by script."""

from __future__ import annotations

from kg.reference.import_report import ImportReport, script
from kg.reference.pack_metadata import PackMetadata
from kg.reference.records import RecordKind

PACK = PackMetadata("p", "1", "d", start="2014", kinds=(RecordKind.settlement,))


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
