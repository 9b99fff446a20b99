"""TSV tables of the packages: parsing and checks; errors name file and line."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path

import pytest

from kg.events import plover_types
from kg.files import packaged_tsv_tables
from kg.linking import candidate_scoring, territory_names_and_barred_records
from kg.reference import name_similarity
from kg.reference.sources import wikidata

ROOT = Path(__file__).resolve().parents[3]
LOADERS = {
    "country-adjectives.tsv": territory_names_and_barred_records._countries_of,
    "country-names.tsv": territory_names_and_barred_records._other_names,
    "given-names.tsv": name_similarity._equivalent_names,
    "name-particles.tsv": name_similarity._particles,
    "plover.tsv": plover_types._tables,
    "regions.tsv": territory_names_and_barred_records._regions,
    "titles.tsv": candidate_scoring._titles,
    "traps.tsv": territory_names_and_barred_records._traps,
    "wikidata-classes.tsv": wikidata._classes,
}


def test_every_table_of_the_packages_is_read() -> None:
    assert {path.name for path in (ROOT / "kg").rglob("*.tsv")} == set(LOADERS)
    assert all(load() for load in LOADERS.values())


def test_every_table_is_in_the_wheel() -> None:
    """Every folder is found as a package, with or without ``__init__``, and all files of a package belong to it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    assert "kg*" in settings["packages"]["find"]["include"]
    assert settings["package-data"] == {"*": ["*"]}


def test_no_line_is_there_twice() -> None:
    for path in (ROOT / "kg").rglob("*.tsv"):
        lines = path.read_text("utf-8").splitlines()
        assert len(lines) == len(set(lines)), path.name


def test_rows_have_their_source_and_place() -> None:
    text = "# a comment\nname\tregion\tsource\n\nбуковина\tЧернівецька\tsomebody\n"
    (row,) = packaged_tsv_tables.parse(text, "regions.tsv", ("name", "region"))
    assert row == (("буковина", "Чернівецька"), "somebody", "regions.tsv, line 4")


def test_a_table_is_found_in_its_package() -> None:
    assert packaged_tsv_tables.read("kg.linking", "regions.tsv", ("name", "region"))[0].cells == (
        "буковина",
        "Чернівецька",
    )
    assert resources.files("kg.linking").joinpath("data", "regions.tsv").is_file()
    with pytest.raises(FileNotFoundError):
        packaged_tsv_tables.read("kg.linking", "missing.tsv", ("name",))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "t.tsv is empty; its first line names the columns a, b, source."),
        ("a\tsource\n", "t.tsv, line 1: the columns are a, source, not a, b, source."),
        ("a\tb\tsource\n1\t2\n", "t.tsv, line 2: 2 tab-separated cells for 3 columns."),
        ("a\tb\tsource\n1 2 3\n", "t.tsv, line 2: 1 tab-separated cells for 3 columns."),
        ("a\tb\tsource\n# x\n1\t\tme\n", "t.tsv, line 3: b is empty or has spaces around it."),
        ("a\tb\tsource\n1\t2\t\n", "t.tsv, line 2: source is empty or has spaces around it."),
        ("a\tb\tsource\n1\t 2\tme\n", "t.tsv, line 2: b is empty or has spaces around it."),
    ],
)
def test_what_is_damaged_is_told(text: str, told: str) -> None:
    with pytest.raises(packaged_tsv_tables.DamagedTable) as caught:
        list(packaged_tsv_tables.parse(text, "t.tsv", ("a", "b")))
    assert str(caught.value) == told


def test_a_key_is_there_once() -> None:
    rows = list(packaged_tsv_tables.parse("a\tb\tsource\n1\t2\tme\n1\t3\tme\n", "t.tsv", ("a", "b")))
    with pytest.raises(packaged_tsv_tables.DamagedTable, match="line 3: 1 appears twice"):
        packaged_tsv_tables.mapping(rows)
