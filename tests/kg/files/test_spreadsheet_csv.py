"""CSV for spreadsheets: no cell begins as a formula does, numbers stay numbers, and nothing else changes."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.files import spreadsheet_csv

FORMULAS = ["=1+1", "=HYPERLINK(x)", "+1+1", "-1+1", "-x", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=", "-", "＝1", "+1 2"]
PLAIN = [
    "",
    "x",
    "1",
    "-1",
    "+1",
    "-1.5",
    "-.5",
    "+1e10",
    "-1E-3",
    "-INF",
    "a=b",
    "'=1",
    "2025-10-03",
    "http://e.org/=1",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_becomes_text(text: str) -> None:
    assert spreadsheet_csv.cell(text) == f"'{text}"


@pytest.mark.parametrize("text", PLAIN)
def test_anything_else_stays(text: str) -> None:
    assert spreadsheet_csv.cell(text) == text


@given(st.lists(st.lists(st.text(st.sampled_from('=+-@\t\r\n,"1a ')), min_size=2, max_size=2)))
def test_a_document_is_escaped_cell_by_cell(rows: list[list[str]]) -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows(rows)
    escaped = spreadsheet_csv.document(stream.getvalue().encode()).decode()
    found = list(csv.reader(io.StringIO(escaped, newline="")))
    assert found == [[spreadsheet_csv.cell(text) for text in row] for row in rows]


def test_a_long_cell_takes_linear_time_and_no_limit_of_the_reader() -> None:
    text = '"=' + 'x""' * 1_000_000 + '",-5\r\n'
    assert spreadsheet_csv.document(text.encode()).decode() == f"\"'{text[1:]}"
