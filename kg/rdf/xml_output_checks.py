"""Checks of the XML that the engine writes: it also writes what no XML parser reads.

XML 1.0 has no form for some characters, not even escaped (clause 2.2), and RDF/XML has none for a predicate that does
not end in a name (clause 5.1 of RDF 1.1 XML Syntax), such as ``http://example.org/1``.
"""

from __future__ import annotations

import re
from html import unescape
from xml.parsers import expat

from kg.errors import Unwritable

_CONTROLS = bytes({*range(0x20)} - set(b"\t\n\r"))
# The second alternative is U+FFFE and U+FFFF in UTF-8. Text around it is shown, but no markup.
_CHARACTER = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")
_BEFORE = re.compile(rb'[^<>"]{0,40}\Z')
_AFTER = re.compile(rb'[^<>"]{0,40}')
# The engine writes a predicate as an element with the part after its last name as the element's own name:
# ``<name xmlns="http://example.org/">``; without a name ``<oxprefix: xmlns:oxprefix="http://example.org/1">``.
# Where the graph has a prefix for the namespace, it is declared at the root: ``<x:1>``.
_ELEMENT = re.compile(rb'<(?:oxprefix:)?([^\s<>/"=:]*) xmlns(?::oxprefix)?="([^"]*)"')
_PREFIXED = re.compile(rb"<([^\s<>/:]+):([^\s<>/]*)")


UNREPRESENTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Characters that XML has no form for."""


def check_characters(xml: bytes) -> None:
    """Check that a document has only characters of XML 1.0.

    Raises:
        Unwritable: it has another one.
    """
    # Deleting the bytes is many times faster than searching a long document for them.
    if len(xml.translate(None, _CONTROLS)) == len(xml) and b"\xef\xbf\xbe" not in xml and b"\xef\xbf\xbf" not in xml:
        return
    found = _CHARACTER.search(xml)
    assert found is not None
    before, after = _BEFORE.search(xml[max(0, found.start() - 40) : found.start()]), _AFTER.match(xml, found.end())
    parts = [part.group().decode("utf-8", "ignore") if part else "" for part in (before, after)]
    raise Unwritable(
        f"The result contains the character U+{ord(found.group().decode()):04X} (in “{unescape('�'.join(parts))}”), "
        "which XML cannot represent.",
        remedy="Request another format, or leave out the value or its character (REPLACE in SPARQL).",
    )


def check_elements(xml: bytes) -> None:
    """Check that RDF/XML is well-formed, which its predicates and classes may prevent.

    Raises:
        Unwritable: it is not.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    try:
        parser.Parse(xml, True)
    except expat.ExpatError:
        raise without_name(_element(xml, parser.ErrorByteIndex)) from None


def _element(xml: bytes, place: int) -> str:
    """Return the IRI of the element at or around a place; empty if there is none."""
    start = max(xml.rfind(b"<", 0, place + 1), 0)
    if found := _ELEMENT.match(xml, start):
        return unescape((found[2] + found[1]).decode())
    if found := _PREFIXED.match(xml, start):
        namespace = re.search(rb'xmlns:%b="([^"]*)"' % re.escape(found[1]), xml)
        return unescape((namespace[1] + found[2]).decode()) if namespace else ""
    return ""


def without_name(iri: str = "") -> Unwritable:
    """Return the error of a predicate or class that RDF/XML cannot name; ``iri`` is empty if it is not known."""
    what = f"The predicate or class <{iri}>" if iri else "A predicate or class of the result"
    return Unwritable(
        f"{what} cannot be the name of an XML element, so RDF/XML cannot represent it.",
        remedy="Request another RDF format, such as Turtle.",
    )
