"""Event files: all three datasets become one table; damaged files are refused with line, column and remedy."""

from __future__ import annotations

import csv
import gzip
import re
import resource
import warnings
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas
import pytest

from kg.errors import BadInput
from kg.events import gdelt, plover_types, table_engines
from kg.events.event_file_format_detection import EventFormat
from kg.events.event_file_reading import opened
from tests.cases import events


def rows(file: Path, form: EventFormat, mentions: Path | None = None) -> list[dict[str, Any]]:
    connection = table_engines.duck()
    return table_engines.rows(opened(connection, file, form, mentions).events, connection)


@events.needs_slices
def test_a_release_of_ucdp() -> None:
    connection = table_engines.duck()
    dataset = opened(connection, events.NEWER, EventFormat.ucdp)
    assert (dataset.count, dataset.first, dataset.last) == (2989, date(2014, 1, 22), date(2021, 12, 31))
    assert dataset.name == "ucdp@conflict_data_ukr_2014-2021.csv"
    first = next(row for row in table_engines.rows(dataset.events, connection) if row["id"] == "147997")
    assert (first["latitude"], first["longitude"], first["radius"], first["place_code"]) == (50.45, 30.52333, 5.0, "1")
    assert (first["actors"], first["deaths"], first["date_code"]) == ("Government of Ukraine; Maidan", 5, "1")
    assert first["headline"].startswith("Police disperse Kiev protest, activists say one shot dead;")


@pytest.mark.parametrize("tags", [True, False])
def test_ucdp_keeps_its_precision(tmp_path: Path, tags: bool) -> None:
    week = {"id": "2", "date_prec": "3", "date_end": "2014-06-20", "where_prec": "4", "low": "2", "high": ""}
    found = rows(events.ucdp_file(tmp_path / "a.csv", {}, week, tags=tags), EventFormat.ucdp)
    assert [(row["start"].day, row["end"].day, row["date_code"], row["radius"]) for row in found] == [
        (14, 14, "1", 5.0),
        (14, 20, "3", 150.0),
    ]
    assert (found[1]["deaths_low"], found[1]["deaths"], found[1]["deaths_high"]) == (2, 3, None)
    assert [row["clarity"] for row in found] == ["1", "1"]
    assert found[0]["place"] == "Druzhkivka town; Дружківка; Donetsk Oblast"


@pytest.mark.parametrize("separator", [",", ";"])
def test_acled(tmp_path: Path, separator: str) -> None:
    file = events.acled_file(
        tmp_path / "a.csv",
        {},
        {"event_id_cnty": "UKR2", "event_date": "2014-06-14", "time_precision": "2", "geo_precision": "3"},
        {"event_id_cnty": "UKR3", "event_date": "3 May 2014", "event_type": "Strategic developments"}
        | {"sub_event_type": "Arrests", "fatalities": "0", "latitude": ""},
        separator=separator,
    )
    one, two, three = rows(file, EventFormat.acled)
    assert (one["start"], one["end"], one["plover"], one["deaths"]) == (
        date(2014, 6, 14),
        date(2014, 6, 14),
        "ASSAULT",
        3,
    )
    assert (two["start"], two["end"], two["radius"], two["date_code"]) == (
        date(2014, 6, 8),
        date(2014, 6, 20),
        150.0,
        "2",
    )
    assert (three["start"], three["plover"], three["deaths"], three["latitude"]) == (
        date(2014, 5, 3),
        "COERCE",
        0,
        None,
    )
    assert one["kind"] == "Explosions/Remote violence – Shelling/artillery/missile attack"


@pytest.mark.parametrize("columns", [gdelt.EVENTS_2, gdelt.EVENTS_1], ids=["61", "58"])
def test_gdelt_rows_are_mentions(tmp_path: Path, columns: tuple[str, ...]) -> None:
    assert len(columns) in (58, 61)
    (row,) = rows(events.gdelt_file(tmp_path / "a.csv", {}, columns=columns), EventFormat.gdelt)
    assert (row["start"], row["plover"], row["kind"], row["mention"]) == (
        date(2014, 6, 14),
        "ASSAULT",
        "CAMEO 194",
        True,
    )
    assert row["place"] == "Druzhkivka, Donets'ka Oblast', \"Ukraine"
    assert (row["source"], row["deaths"]) == ("reuters.com", None)
    assert "three-killed-in-shelling" in row["headline"]


def test_codes_that_pandas_wrote_as_floats_mean_the_same(tmp_path: Path) -> None:
    """A column with an empty cell is one of floats to pandas, which writes the code 1 as ``1.0``."""

    def both(form: EventFormat, write: Callable[..., Path], given: dict[str, str]) -> None:
        plain = rows(write(tmp_path / "plain.csv", given), form)
        floats = rows(write(tmp_path / "floats.csv", {name: f"{int(value)}.0" for name, value in given.items()}), form)
        assert floats == plain

    codes = ("type_of_violence", "where_prec", "event_clarity", "date_prec")
    both(EventFormat.ucdp, events.ucdp_file, {"id": "901", "best": "4", **dict.fromkeys(codes, "2")})
    both(EventFormat.acled, events.acled_file, {"time_precision": "2", "geo_precision": "2", "fatalities": "4"})
    numbers = {"GLOBALEVENTID": "410", "EventCode": "194", "EventRootCode": "05", "ActionGeo_Type": "3"}
    both(EventFormat.gdelt, events.gdelt_file, numbers)


@events.needs_slices
def test_gdelt_columns_are_those_of_its_documentation() -> None:
    for name, columns in (("events2.csv", gdelt.EVENTS_2), ("mentions.csv", gdelt.MENTIONS)):
        lines = (events.SHARED / "gdelt" / name).read_text("utf-8")
        told = re.findall(r"^(\w+),(?:INTEGER|FLOAT|STRING|Integer|Float|String)", lines, re.MULTILINE)
        assert told == list(columns)


@events.needs_slices
def test_real_rows_of_gdelt_keep_their_codes(tmp_path: Path) -> None:
    """Fifty rows of a day in 2016, which the slice holds as a table of pandas."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it was written by an old version
        table = pandas.read_pickle(events.SHARED / "gdelt" / "events2Transsamp.gz", compression="gzip")
    told = table[list(gdelt.EVENTS_2)]
    file = tmp_path / "20160701.export.CSV"
    told.to_csv(file, sep="\t", header=False, index=False, quoting=csv.QUOTE_NONE, encoding="utf-8")
    found = {row["id"]: row for row in rows(file, EventFormat.gdelt)}
    assert len(found) == len(told) == 50
    assert {row["plover"] for row in found.values()} > {"", "CONSULT"}
    for given in told.to_dict("records"):
        row = found[str(given["GLOBALEVENTID"])]
        assert row["start"].strftime("%Y%m%d") == str(given["SQLDATE"])
        assert row["kind"] == f"CAMEO {given['EventCode']}"
        assert row["plover"] == plover_types.roots_of("cameo").get(str(given["EventRootCode"]).zfill(2), "")
        assert row["mention"]
        if str(given["ActionGeo_Lat"]) != "nan":
            assert row["latitude"] == pytest.approx(float(given["ActionGeo_Lat"]))
            assert row["place"] == given["ActionGeo_FullName"]


def test_mentions_add_sources(tmp_path: Path) -> None:
    file = events.gdelt_file(tmp_path / "a.csv", {}, {"GLOBALEVENTID": "10"})
    told = tmp_path / "mentions.csv"
    lines = [["9", "20140614", "20140614", "1", name, *[""] * 11] for name in ("unian.info", "bbc.co.uk")]
    told.write_text("".join("\t".join(line) + "\n" for line in lines), "utf-8")
    by_id = {row["id"]: row for row in rows(file, EventFormat.gdelt, told)}
    assert {"reuters.com", "unian.info", "bbc.co.uk"} == set(by_id["9"]["source"].split("; "))
    assert "unian" not in by_id["10"]["source"]
    with pytest.raises(BadInput, match="holds mentions, which name neither type nor place"):
        rows(told, EventFormat.gdelt)
    with pytest.raises(BadInput, match="does not hold mentions"):
        rows(file, EventFormat.gdelt, file)


def _replaced(old: str, new: str) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        assert old.encode() in content
        return content.replace(old.encode(), new.encode(), 1)

    return change


@pytest.mark.parametrize(
    ("change", "said", "line", "column"),
    [
        (_replaced(",best,", ",dead,"), "a.csv, line 1: the column best is missing.", 1, None),
        (_replaced(",low", ",high"), "line 1: the column low is missing", 1, None),
        (
            _replaced("2014-06-14 00", "14/06/2014 00"),
            "line 3, column 16 (date_start): “14/06/2014 00:00:00.000” is not",
            3,
            16,
        ),
        (_replaced("2014-06-14 00", "2014-06-31 00"), "line 3, column 16 (date_start)", 3, 16),
        (_replaced("48.621389", "forty"), "line 3, column 12 (latitude): “forty” is not a number.", 3, 12),
        (_replaced("37.527778", "375.2"), "line 3, column 13 (longitude): “375.2” is out of range.", 3, 13),
        (_replaced("3,3,3", "3,many,3"), "line 3, column 19 (high): “many” is not a number.", 3, 19),
        (
            _replaced(",1,Druzhkivka", ",8,Druzhkivka"),
            "line 3, column 8 (where_prec): “8” is not a code of this column",
            3,
            8,
        ),
        (
            _replaced(",1,Druzhkivka", ",1.5,Druzhkivka"),
            "“1.5” is not a code of this column (1, 2, 3, 4, 5, 6, 7).",
            3,
            8,
        ),
        (
            _replaced("00,2014-06-14", "00,2014-06-13"),
            "line 3, column 17 (date_end): “2014-06-13 00:00:00.000” is before date_start.",
            3,
            17,
        ),
        (
            _replaced("\n1,1,", "\n1.5e+08,1,"),
            "line 3, column 1 (id): “1.5e+08” is not an id: the number was rounded",
            3,
            1,
        ),
        (_replaced("3,3,3", "3,3"), "line 3: 19 values where 20 columns are.", 3, None),
        (
            lambda content: content.replace("Дружківка".encode(), "Дружківка".encode("cp1251"), 1),
            "line 3, byte",
            3,
            None,
        ),
        (lambda content: content[:-30], "line 4: 17 values where 20 columns are", 4, None),
        (lambda _: b"", "a.csv is empty", None, None),
        (lambda _: b"PK\x03\x04....", "is a zip archive", None, None),
        (lambda good: good.replace(b"\n", b" \0\n", 1), "line 1, column", 1, None),
        (lambda _: b"\xff\xfei\0d\0", "line 1, byte 1: the text is not UTF-8", 1, 1),
        (lambda content: content.split(b"\n")[0] + b"\n", "has no rows", None, None),
    ],
)
def test_what_is_damaged_is_told_with_its_place(
    tmp_path: Path, change: Callable[[bytes], bytes], said: str, line: int | None, column: int | None
) -> None:
    good = events.ucdp_file(tmp_path / "a.csv", {}, {"id": "2"}).read_bytes()
    (tmp_path / "a.csv").write_bytes(change(good))
    with pytest.raises(BadInput) as caught:
        rows(tmp_path / "a.csv", EventFormat.ucdp)
    assert said in caught.value.message
    assert caught.value.remedy
    assert str(tmp_path) not in caught.value.message
    assert caught.value.line == line
    assert column is None or caught.value.column == column


@events.needs_slices
def test_gzip_that_is_cut_or_damaged(tmp_path: Path) -> None:
    packed = gzip.compress(events.NEWER.read_bytes())
    file = tmp_path / "a.csv.gz"
    file.write_bytes(packed)
    assert opened(table_engines.duck(), file, EventFormat.ucdp).count == 2989
    for broken in (packed[: len(packed) // 2], packed[:-8] + b"12345678"):
        file.write_bytes(broken)
        with pytest.raises(BadInput, match=r"a\.csv\.gz cannot be unpacked to its end \(after line \d+\)"):
            opened(table_engines.duck(), file, EventFormat.ucdp)


def test_gdelt_lines_of_another_width(tmp_path: Path) -> None:
    file = events.gdelt_file(tmp_path / "a.csv", {}, {})
    file.write_text(file.read_text("utf-8") + "1\t2\n", "utf-8")
    with pytest.raises(BadInput, match="line 3: 2 values where 61 columns are"):
        rows(file, EventFormat.gdelt)
    file.write_text("1\t2\n", "utf-8")
    with pytest.raises(BadInput, match="line 1: 2 columns are not a layout of GDELT"):
        rows(file, EventFormat.gdelt)


def test_a_long_file_is_streamed(tmp_path: Path) -> None:
    file = events.gdelt_file(tmp_path / "a.csv", {})
    line = file.read_bytes().rstrip(b"\n") + b"/" + b"x" * 5000 + b"\n"
    with file.open("wb") as stream:
        for _ in range(60):
            stream.write(line * 1000)  # 300 MB in all
    connection = table_engines.duck(memory="256MB")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert opened(connection, file, EventFormat.gdelt).count == 60_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 250_000  # kilobytes
