"""Table schema: the data dictionary describes every column once, for people and for programs."""

from __future__ import annotations

from kg.export.table_schema import TABLES, datapackage, dictionary


def test_each_table_has_a_key_and_columns_of_different_names() -> None:
    assert {"claims", "situations", "participants", "sources", "links", "places", "mentions"} <= TABLES.keys()
    for table in TABLES.values():
        assert 1 <= table.key <= len(table.columns)
        assert len(set(table.names)) == len(table.names)


def test_everything_is_explained_in_a_sentence() -> None:
    for table in TABLES.values():
        for meaning in (table.meaning, *(column.meaning for column in table.columns)):
            assert meaning.endswith((".", "…")), meaning
            assert "|" not in meaning  # which would end a cell of the table in the guide


def test_the_dictionary_names_all() -> None:
    text = dictionary()
    for table in TABLES.values():
        assert f"**{table.name}** — {table.meaning}" in text
        assert all(f"| `{c.name}` | {c.type} | {c.meaning} |" in text for c in table.columns)


def test_the_data_package_has_the_types_of_table_schema() -> None:
    resources = {found["name"]: found for found in datapackage()["resources"]}
    assert resources.keys() == TABLES.keys()
    kinds = {field["type"] for found in resources.values() for field in found["schema"]["fields"]}
    assert kinds == {"string", "integer", "number", "boolean", "date"}
    assert resources["claims"]["schema"]["primaryKey"] == ["article", "claim"]
