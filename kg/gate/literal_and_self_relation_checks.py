"""Checks of the values of an article graph that no shape can express: characters, numbers, self-relations.

A claims document is checked before it is mapped, where the exact place is known; these checks are for graphs.
"""

from __future__ import annotations

from collections.abc import Iterator

from rdflib import Graph, Literal, URIRef

from kg.gate import python_check_messages
from kg.gate.validation_report import ValidationResult
from kg.iris import CG, CODE
from kg.rdf.literal_limits import out_of_range
from kg.rdf.xml_output_checks import UNREPRESENTABLE
from ontology.terms import RelationType

IRREFLEXIVE = frozenset(
    CG + name for name in ("respondsTo", "during", "partOf", "purpose", "topic", "relativeTo", "conflictsWith")
)
"""Properties that relate nothing to itself, without those of which longer circles are reported as well."""

REFLEXIVE_RELATION = RelationType.sameEvent
"""Relation whose two ends may be one situation: other words of the article for the same event."""

_TYPE = URIRef(f"{CG}relationType")
_FROM, _TO = URIRef(f"{CG}relationFrom"), URIRef(f"{CG}relationTo")


def check(graph: Graph) -> Iterator[ValidationResult]:
    """Check every statement of an article graph (J8, J11, C8)."""
    for s, p, o in graph:
        if isinstance(o, Literal):
            yield from _literal(str(s), o)
        elif s == o and str(p) in IRREFLEXIVE:
            name = str(p).removeprefix(CG)
            yield python_check_messages.result("C8", focus=str(s), value=str(o), id=str(s), relation=name)
    for cue, source in graph.subject_objects(_FROM):
        same = (cue, _TYPE, URIRef(CODE + REFLEXIVE_RELATION)) in graph
        if (cue, _TO, source) in graph and not same:
            yield python_check_messages.result(
                "C8", focus=str(cue), value=str(source), id=str(source), relation="relationTo"
            )


def _literal(focus: str, value: Literal) -> Iterator[ValidationResult]:
    text = str(value)
    if found := UNREPRESENTABLE.search(text):
        shown, code = UNREPRESENTABLE.sub("\ufffd", text), f"U+{ord(found.group()):04X}"
        yield python_check_messages.result("J8", focus=focus, value=shown, code=code, place=found.start())
    if out_of_range(text, str(value.datatype)):
        yield python_check_messages.result("J11-literal", focus=focus, value=text, number=text[:60])
