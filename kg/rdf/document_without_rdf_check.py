"""Check of documents without any statement: an empty document of its format, or no document of that format at all.

The JSON-LD parser drops what is not a node (``false``, ``[5]``), and the RDF/XML parser accepts a text without an
element. Such a body would replace a graph by nothing, although its sender surely meant something else.
"""

from __future__ import annotations

import json
import re
from typing import IO

from kg.errors import MalformedText

_SAMPLE = 1024 * 1024
"""Bytes of a stream that are looked at; a longer document certainly has an element or a node."""

_COMMENT = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)
_ELEMENT = re.compile(rb"<[^?!/\s]")
_NAMES = {bool: "true or false", int: "a number", float: "a number", str: "a string", type(None): "null"}


def refuse_no_document(data: bytes | IO[bytes], media_type: str) -> None:
    """Check a document that parsed without an error and without a statement.

    Raises:
        MalformedText: it is JSON that is not JSON-LD (JSON-LD 1.1, clause 9), or XML without an element.
    """
    if media_type not in ("application/ld+json", "application/rdf+xml"):
        return
    sample = data if isinstance(data, bytes) else _reread(data)
    if sample is None:
        return
    if media_type == "application/rdf+xml":
        if not _ELEMENT.search(_COMMENT.sub(b"", sample)):
            raise MalformedText("The RDF/XML has no element.", remedy="Send at least an empty rdf:RDF element.")
        return
    try:
        stray = _stray(
            json.loads(sample, parse_int=float), "the document"
        )  # an int of 5,000 digits is refused, a float not
    except (ValueError, RecursionError):  # the engine has read it, so it is JSON
        return
    if stray:
        raise MalformedText(
            f"The JSON-LD has no node: {stray}.", remedy="Send an object, or an array of objects; [] is an empty graph."
        )


def _reread(stream: IO[bytes]) -> bytes | None:
    """Return the content of a stream that was read to its end; ``None`` if it is too long or cannot be read twice."""
    if not stream.seekable():
        return None
    stream.seek(0)
    sample = stream.read(_SAMPLE + 1)
    return sample if len(sample) <= _SAMPLE else None


def _stray(value: object, place: str) -> str | None:
    """Return what stands in the place of a node; ``None`` if nothing does.

    >>> _stray([{}, 5], "the document")
    'a member of the document is a number'
    """
    if isinstance(value, list):
        members = place if place.startswith("a member of") else f"a member of {place}"
        return next((found for member in value if (found := _stray(member, members))), None)
    if not isinstance(value, dict):
        return f"{place} is {_NAMES[type(value)]}"
    if keyword := next((name for name in ("@value", "@list", "@set") if name in value), None):
        return f"{place} has {keyword}, which is for values of properties"
    return _stray(value["@graph"], "@graph") if "@graph" in value else None
