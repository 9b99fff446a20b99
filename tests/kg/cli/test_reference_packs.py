"""`kg reference` as a command."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kg.cli import main
from kg.errors import BadInput, NotFound

TABLE = "id,name,kind,country,wikidata\n1,Краматорськ,settlement,UA,Q157799\n2,Слов’янськ,settlement,UA,Q157799\n"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("KG_DATA_DIR", str(tmp_path / "data"))

    def invoke(*arguments: str) -> str:
        result = CliRunner().invoke(main.app, ["reference", *arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.stdout

    return invoke


def test_from_add_to_remove(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "own.csv"
    file.write_text(TABLE, "utf-8")
    options = ("--format", "csv", "--name", "own", "--version", "7", "--licence", "CC0", "--country", "ua")
    told = run("add", str(file), *options)
    assert "own@7: 2 records, 2 names" in told
    assert "shared-identifier" in told
    with pytest.raises(BadInput, match="already imported"):
        run("add", str(file), *options)
    (pack,) = json.loads(run("list", "--json"))
    assert (pack["version"], pack["licence"], pack["countries"], pack["kinds"]) == ("7", "CC0", ["UA"], ["settlement"])
    assert "own" in run("list")
    (report,) = json.loads(run("report", "own", "--json"))
    assert report["flags"] == {"shared-identifier": 2}
    assert "own@7" in run("report")
    assert "own:1" in run("show", "Kramatorsk")
    assert "own:2" in run("show", "Словянська")
    assert "Q157799" in run("show", "own:1")
    assert json.loads(run("show", "own:1", "--json"))[0]["identifier"] == "1"
    with pytest.raises(NotFound, match="No record is called"):
        run("show", "щщщ")
    assert run("remove", "own") == "own: removed\n"
    assert json.loads(run("list", "--json")) == []


@pytest.mark.parametrize(
    ("content", "form", "dataset", "said"),
    [
        ("name,id\nx,a b\n", "csv", "mine", r"line 2, column 2 \(id\): “a b” is not an identifier of mine"),
        ("id,name\n7,x\n", "csv", "wikidata", r"line 2, column 1 \(id\): “7” is not an identifier of wikidata"),
        ("id,name\n7,x\n", "csv", "My Pack", "is not a name of a dataset"),
        ("item,itemLabel\na b,x\n", "sparql-results", "mine", "line 2: “a b” is not an identifier of mine"),
    ],
)
def test_what_links_cannot_lead_to_is_refused_at_import(  # type: ignore[no-untyped-def]
    run, tmp_path: Path, content: str, form: str, dataset: str, said: str
) -> None:
    """Otherwise the command that links would stop at it, long after the import."""
    file = tmp_path / "own.csv"
    file.write_text(content, "utf-8")
    with pytest.raises(BadInput, match=said) as caught:
        run("add", str(file), "--format", form, "--name", "own", "--dataset", dataset)
    assert caught.value.remedy
    with contextlib.suppress(NotFound):  # a name is refused before there is any reference data
        assert json.loads(run("list", "--json")) == []


def test_build(run) -> None:  # type: ignore[no-untyped-def]
    assert run("build", "--population", "15000").count("records") == 3
    assert run("build", "--population", "15000").count("already imported") == 3
    assert "wikidata:Q35" in run("show", "Данія")
    with pytest.raises(BadInput, match="no list of cities with 7"):
        run("build", "--population", "7")


def test_without_data(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(NotFound, match="no reference data"):
        run("list")
    with pytest.raises(BadInput, match="is not a file"):
        run("add", str(tmp_path / "none"), "--format", "csv")
