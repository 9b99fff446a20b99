"""`kg events match` as a command."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cases import events, stores


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return stores.seeded(tmp_path / "data")


def test_a_table_and_files(data: Path, tmp_path: Path) -> None:
    row = {"date_start": "2025-10-02", "date_end": "2025-10-03", "latitude": "43.6", "longitude": "39.7"}
    file = events.ucdp_file(tmp_path / "ged.csv", row | {"where_coordinates": "Sochi city"})
    places = tmp_path / "places.csv"
    places.write_text("place,latitude,longitude\nsochi,43.59,39.72\n", "utf-8")
    common = ("events", "match", file, "--format", "ucdp", "--data", data, "--places", places)
    shown = stores.kg_here(*common, "--out", tmp_path / "out.csv")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "sochi_attack" in shown.stdout
    assert "Outside this dataset’s coverage" in shown.stdout
    assert shown.stdout.splitlines()[-1].startswith("nil 2, outside ")
    with (tmp_path / "out.csv").open(encoding="utf-8") as stream:
        listed = list(csv.DictReader(stream))
    assert {row["verdict"] for row in listed} == {"nil", "outside"}
    assert stores.kg_here(*common, "--out", tmp_path / "out.json").returncode == 0
    written = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert [row["subject"] for row in written] == [row["subject"] for row in listed]


def test_errors_are_sentences(data: Path, tmp_path: Path) -> None:
    file = events.ucdp_file(tmp_path / "ged.csv", {"best": "many"})
    cases: tuple[tuple[str | Path, ...], ...] = (
        ("ged.csv, line 3, column 18 (best): “many” is not a number.", file, "--format", "ucdp"),
        ("columns are missing: event_id_cnty", file, "--format", "acled"),
        ("not a layout of GDELT", file, "--format", "gdelt"),
        ("“viina” is not a format of event datasets.", file, "--format", "viina"),
        ("out.xls is neither .csv nor .json", file, "--format", "ucdp", "--out", tmp_path / "out.xls"),
        ("none.csv cannot be read", tmp_path / "none.csv", "--format", "ucdp"),
    )
    for said, *arguments in cases:
        result = stores.kg_here("events", "match", *arguments, "--data", data)
        assert (result.returncode, result.stdout) == (2, "")
        assert str(said) in result.stderr.replace("\n", " ")
        assert "Traceback" not in result.stderr
    assert [path.name for path in tmp_path.glob("out*")] == []


def test_without_the_extra(data: Path, tmp_path: Path) -> None:
    file = events.ucdp_file(tmp_path / "ged.csv", {})
    program = "import sys; sys.modules['ibis'] = None; from kg.cli.main import main; main()"
    command = [sys.executable, "-c", program, "events", "match", str(file), "--format", "ucdp", "--data", str(data)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert "pip install '.[tables]'" in result.stderr
    assert "Traceback" not in result.stderr
