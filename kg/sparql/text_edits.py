"""Edits of a SPARQL text: replacements of its parts, which leave the rest as the user wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class TextSpan(NamedTuple):
    """A part of the text, as offsets in code points, half-open."""

    start: int
    end: int


def unused_name(text: str, name: str) -> str:
    """Return ``name``, or ``name`` with underscores, such that the text does not contain it anywhere."""
    while name in text:
        name += "_"
    return name


class TextEdit(NamedTuple):
    """A replacement: ``text`` for the part of the source in ``span``."""

    span: TextSpan
    text: str


def edited(text: str, edits: Sequence[TextEdit], span: TextSpan | None = None) -> str:
    """Return ``text``, or its part in ``span``, after ``edits``, which must be sorted and must not overlap."""
    offset, end = span or (0, len(text))
    pieces = []
    for edit in edits:
        pieces += [text[offset : edit.span.start], edit.text]
        offset = edit.span.end
    return "".join([*pieces, text[offset:end]])
