"""Forms of results that are made from those of the engine."""

from __future__ import annotations

import json

import pytest

from kg.rdf import oxigraph, oxigraph_queries, spreadsheet_and_page_results
from kg.rdf.query_request_and_result import QueryDataset, ResultFormats
from kg.rdf.spreadsheet_and_page_results import FIRST_ROWS, ROWS, SPREADSHEET

_NUMBERS = "SELECT ?n ?m { VALUES ?n { %s } OPTIONAL { FILTER(?n < 2) BIND('},{\"bindings\":[' AS ?m) } }"


@pytest.mark.parametrize("rows", [0, 1, ROWS, ROWS + 1, 3 * ROWS])
def test_the_first_rows_and_the_number_of_all(rows: int) -> None:
    store, query = oxigraph.open_store(None), _NUMBERS % " ".join(map(str, range(rows)))
    whole = json.loads(oxigraph_queries.query(store, query, ResultFormats(), QueryDataset()).content)
    found = oxigraph_queries.query(store, query, ResultFormats(FIRST_ROWS), QueryDataset())
    assert found.media_type == "application/sparql-results+json"
    answer = json.loads(found.content)
    assert answer["total"] == rows
    assert answer["head"] == whole["head"]
    assert answer["results"]["bindings"] == whole["results"]["bindings"][:ROWS]


def test_csv_for_spreadsheets_is_sent_as_csv() -> None:
    query = 'SELECT ?a { VALUES ?a { "=1+1" } }'
    found = oxigraph_queries.query(oxigraph.open_store(None), query, ResultFormats(SPREADSHEET), QueryDataset())
    assert (found.media_type, found.content) == ("text/csv", b"a\r\n'=1+1\r\n")


def test_other_formats_are_those_of_the_engine() -> None:
    assert spreadsheet_and_page_results.source("text/csv") == "text/csv"
    assert spreadsheet_and_page_results.derive(b"a\r\n=1\r\n", "text/csv") == b"a\r\n=1\r\n"
