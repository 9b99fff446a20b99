"""How large RDF/XML becomes once its entities are put in: ten short declarations can stand for a terabyte of text."""

from __future__ import annotations

import re

from kg.errors import TooLarge

_FACTOR = 10
_SPARE = 1024 * 1024
_DECLARATION = re.compile(rb'<!ENTITY\s+(?:%\s*)?([^\s"&;]+)\s+"([^"]*)"')
_REFERENCE = re.compile(rb"&([^&;#\s][^&;]*);")


def refuse_expansion(data: bytes) -> None:
    """Refuse RDF/XML whose entities make it many times as large; takes linear time.

    Vocabularies declare namespaces so, which makes them a few times as large; only what goes far beyond is refused.

    Raises:
        TooLarge: it would become too large, or declares an entity in a way that cannot be reckoned with.
    """
    if b"<!ENTITY" not in data:
        return
    sizes: dict[bytes, int] = {}
    declared = 0
    limit = _FACTOR * len(data) + _SPARE
    for declaration in _DECLARATION.finditer(data):
        declared += 1
        name, value = declaration.groups()
        size = len(value) + sum(sizes.get(reference[1], 0) for reference in _REFERENCE.finditer(value))
        sizes[name] = max(sizes.get(name, 0), min(size, limit + 1))
    total = sum(sizes.get(reference[1], 0) for reference in _REFERENCE.finditer(data))
    if total > limit or declared < data.count(b"<!ENTITY"):
        raise TooLarge(
            "The RDF/XML grows too much when its entities are put in.",
            remedy="Write the names out, or send another format.",
        )
