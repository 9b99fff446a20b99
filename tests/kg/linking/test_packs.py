from __future__ import annotations

from kg.linking.packs import ImportReport, Pack, script
from kg.linking.records import Kind

PACK = Pack("p", "1", "d", start="2014", end="2021-12-31", countries=("UA",), kinds=(Kind.settlement,))


def test_covers() -> None:
    assert PACK.covers(Kind.settlement, "UA", "2014-01-01")
    assert PACK.covers(Kind.settlement, "UA", "2021-12-31")
    assert PACK.covers(Kind.settlement, "", "2021")
    assert PACK.covers(Kind.settlement)
    assert not PACK.covers(Kind.person, "UA", "2015")
    assert not PACK.covers(Kind.settlement, "SY", "2015")
    assert not PACK.covers(Kind.settlement, "UA", "2013-12-31")
    assert not PACK.covers(Kind.settlement, "UA", "2022-01-01")


def test_a_pack_without_bounds_covers_everything() -> None:
    assert Pack("p", "1", "d").covers(Kind.person, "SY", "1850")


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
