"""`kg export` as a command: its output, its refusals, and the state after an interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import networkx
import pytest

import ontology
from kg.knowledge_graph import KnowledgeGraph
from tests.cases import articles
from tests.cases.stores import kg_here, seeded
from tests.configs import configured
from tests.processes import PYTHON, wait_until


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seeded(tmp_path_factory.mktemp("export") / "data")


def export(data: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return kg_here("export", "--data", data, *arguments)


def test_tables_of_each_form(data: Path, tmp_path: Path) -> None:
    for form in ("csv", "parquet", "duckdb"):
        result = export(data, "--format", form, "--out", tmp_path / form)
        assert result.returncode == 0, result.stderr
        assert "1 articles, 59 claims, 57 situations, 110 participants" in result.stdout
    assert (tmp_path / "csv" / "claims.csv").read_text("utf-8").count("за кілька днів до цього") == 1
    assert duckdb.read_parquet(str(tmp_path / "parquet" / "claims.parquet")).shape[0] == 59
    with duckdb.connect(str(tmp_path / "duckdb"), read_only=True) as database:
        assert database.execute("SELECT count(*) FROM sources").fetchone() == (104,)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["csv", "duckdb", "parquet"]


def test_tables_for_spreadsheets(tmp_path: Path) -> None:
    graph = KnowledgeGraph.open(configured(data_dir=tmp_path / "data"))
    content = json.loads(ontology.read("seed/article.json"))
    content["article"]["label"]["en"] = '=HYPERLINK("http://e.example")'
    graph.articles.add(json.dumps(content).encode())
    del graph
    for name, options, escaped in (("plain", (), False), ("safe", ("--spreadsheet",), True)):
        result = export(tmp_path / "data", "--format", "csv", "--out", tmp_path / name, *options)
        assert result.returncode == 0, result.stderr
        texts = "".join(file.read_text("utf-8") for file in (tmp_path / name).glob("*.csv"))
        assert "=HYPERLINK" in texts
        assert ("'=HYPERLINK" in texts) is escaped
    refused = export(tmp_path / "data", "--format", "parquet", "--out", tmp_path / "p", "--spreadsheet")
    assert (refused.returncode, "is for CSV" in refused.stderr) == (2, True)


def test_the_others_are_printed_or_written(data: Path, tmp_path: Path) -> None:
    told = {
        "geojson": "13 features, each a situation at a place; 13 of them without a point.",
        "ical": "6 situations with a day; left out: 3 whose date is not a single day, 48 without a date.",
        "timeline": "9 situations with a date; left out: 48 without one.",
        "graphml": "99 nodes, 139 edges.",
    }
    for form, words in told.items():
        written = export(data, "seed", "--format", form, "-o", tmp_path / form)
        assert (written.returncode, written.stdout) == (0, "")
        assert words in written.stderr
    command = [*PYTHON, "export", "--data", str(data), "--format", "timeline"]
    printed = subprocess.run(command, capture_output=True, timeout=60, check=True)
    assert printed.stdout == (tmp_path / "timeline").read_bytes()
    assert len(json.loads((tmp_path / "geojson").read_text("utf-8"))["features"]) == 13
    assert networkx.read_graphml(tmp_path / "graphml").number_of_nodes() == 99


def test_rdf_is_written_as_before(data: Path, tmp_path: Path) -> None:
    assert export(data, "seed", "--format", "claims", "--output", tmp_path / "c.json").returncode == 0
    assert json.loads((tmp_path / "c.json").read_text("utf-8"))["article"]["id"] == "seed"
    assert export(data, "seed", "--format", "claims", "--output", tmp_path / "c.json").returncode == 2
    assert export(data, "seed", "--format", "claims", "--output", tmp_path / "c.json", "--force").returncode == 0


def test_without_the_extra_there_is_csv(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    for form in ("parquet", "duckdb"):
        refused = export(data, "--format", form, "--out", tmp_path / form)
        assert refused.returncode == 2
        assert "pip install '.[tables]'" in refused.stderr
    assert export(data, "--format", "csv", "--out", tmp_path / "csv").returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["csv"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("nowhere", "--format", "csv", "--out", "x"), 3, "no article “nowhere”"),
        (("nowhere", "--format", "graphml"), 3, "no article “nowhere”"),
        (("--format", "parquet"), 2, "Tables cannot be printed"),
        (("--format", "csv", "--inferred", "--out", "x"), 2, "--inferred is for RDF"),
        (("--format", "csv", "--out", "there"), 2, "exists already"),
        (("--format", "ical", "--out", "there"), 2, "is a folder"),
        (("--format", "csv", "--out", "other", "--force"), 2, "diary.txt"),
        (("--format", "duckdb", "--out", "no/such/place"), 2, "cannot be written"),
        (("--format", "xlsx", "--out", "x"), 2, "xlsx"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("there/claims.csv", "other/diary.txt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    result = export(data, *arguments)
    assert (result.returncode, result.stdout) == (code, "")
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "there"]


@pytest.mark.parametrize(
    ("form", "end"), [("parquet", signal.SIGINT), ("duckdb", signal.SIGINT), ("csv", signal.SIGKILL)]
)
def test_an_interruption_leaves_nothing_half_written(tmp_path: Path, form: str, end: signal.Signals) -> None:
    store, place = tmp_path / "data", tmp_path / "out"
    place.mkdir()
    graph = KnowledgeGraph.open(configured(data_dir=store))
    articles.copy_seed(graph, 40)
    del graph
    clean = {k: v for k, v in os.environ.items() if not k.startswith("KG_")}
    command = [*PYTHON, "export", "--data", str(store), "--format", form, "--out", str(place / "x")]
    with subprocess.Popen(command, env=clean, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: any(place.glob(".x.part-*/*")), "it writes")
        process.send_signal(end)
        _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Traceback" not in errors
    assert not (place / "x").exists()
    if end is signal.SIGINT:
        assert list(place.iterdir()) == []
    finished = export(store, "--format", form, "--out", place / "x")
    assert finished.returncode == 0, finished.stderr
    assert [path.name for path in place.iterdir()] == ["x"]
