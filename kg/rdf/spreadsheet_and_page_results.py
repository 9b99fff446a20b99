"""Results in forms that are made from those of the engine: CSV for spreadsheets, and the first rows for a page.

They are made where the query runs, in a reader that may be ended: parsing a hundred MiB takes a web process seconds in
which it serves nobody.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

from kg.files import spreadsheet_csv

SPREADSHEET = "text/csv; header=present; formulas=escaped"
"""Internal name of CSV for spreadsheet programs, which is sent as ``text/csv``."""

FIRST_ROWS = "application/sparql-results+json; rows=first"
"""Internal name of results in JSON with the first rows only, and the number of all of them in ``total``."""

ROWS = 1000
"""Rows in :data:`FIRST_ROWS`."""

_JSON = "application/sparql-results+json"
_ROWS_KEY = '"bindings":['


def first_rows(content: bytes) -> bytes:
    """Return results in JSON without the rows after the first ones.

    Rows are read one by one, since all of them as Python objects would be many times larger.
    """
    text = content.decode()
    start = text.find(_ROWS_KEY) + len(_ROWS_KEY)
    if start < len(_ROWS_KEY):  # the answer to an ASK
        return content
    total, end = 0, start
    for total, at in enumerate(_ends(text, start), 1):
        if total <= ROWS:
            end = at
    return f'{text[:end]}]}},"total":{total}}}'.encode()


def _ends(text: str, start: int) -> Iterator[int]:
    """Yield the ends of the rows in a JSON list, of which the first begins at ``start``."""
    read, at = json.JSONDecoder().raw_decode, start
    while text[at] == "{":
        _, at = read(text, at)
        yield at
        at += text[at] == ","


_DERIVED: Mapping[str, tuple[str, Callable[[bytes], bytes]]] = {
    SPREADSHEET: ("text/csv", spreadsheet_csv.document),
    FIRST_ROWS: (_JSON, first_rows),
}


def source(media_type: str) -> str:
    """Return the format that the engine has to write for a form."""
    return _DERIVED[media_type][0] if media_type in _DERIVED else media_type


def derive(content: bytes, media_type: str) -> bytes:
    """Return a result of the engine in a form."""
    return _DERIVED[media_type][1](content) if media_type in _DERIVED else content
