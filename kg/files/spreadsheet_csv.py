"""CSV for spreadsheet programs, which would run a cell such as ``=HYPERLINK(…)`` as a formula.

Such a cell gets an apostrophe in front, which the program shows or hides and never runs (OWASP, “CSV Injection”). This
changes the data, so plain CSV stays as it is, for programs that read values.
"""

from __future__ import annotations

import re

_TRIGGERS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_NUMBER = re.compile(r"[-+](\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]INF")
# Most cells begin as no formula does: many of them at a time are a single match, which stays as it is.
_SAFE = r'(?:(?:"(?![{0}])(?:[^"]|"")*+"|(?![{0}])[^",\r\n]*+)(?:,|\r?\n)){{1,1000}}+'.format(
    "".join(_TRIGGERS).replace("-", "\\-")
)
_CELL = re.compile(rf'{_SAFE}|("(?:[^"]|"")*+"|[^",\r\n]*+)(,|\r?\n|\Z)')


def cell(text: str) -> str:
    """Return the text of a cell, with an apostrophe in front if it would be a formula; plain numbers stay as they are.

    >>> cell("=1+1"), cell("-1.5"), cell("-1+1")
    ("'=1+1", '-1.5', "'-1+1")
    """
    return f"'{text}" if text.startswith(_TRIGGERS) and not _NUMBER.fullmatch(text) else text


def document(content: bytes) -> bytes:
    """Return a CSV document (RFC 4180) with every cell as in :func:`cell`."""
    return _CELL.sub(_safe, content.decode()).encode()


def _safe(found: re.Match[str]) -> str:
    written, end = found[1], found[2]
    if written is None:
        return found[0]
    if written.startswith('"'):
        return f'"{cell(written[1:])}{end}'
    return cell(written) + end
