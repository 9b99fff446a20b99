"""Messages of the constraints that are checked in Python, read from ``ontology/messages.ttl``.

A check refers to its message by the id in that file (``A3-words``) and passes the values of its placeholders. The
identifier, severity and remedy of the result come from the file.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from dataclasses import dataclass

from rdflib import DCTERMS, RDFS, SH

import ontology
from kg.gate.validation_report import Severity, Texts, ValidationResult
from kg.iris import CG
from kg.rdf import oxigraph

BASE = "https://w3id.org/claimgraph/messages#"
"""Namespace of the messages."""
_SEVERITIES: dict[str, Severity] = {
    str(SH.Violation): "Violation",
    str(SH.Warning): "Warning",
    str(SH.Info): "Info",
}


_LONGEST_VALUE = 500
"""Characters of the offending value that a result shows."""


@dataclass(frozen=True)
class Message:
    """A message and the constraint that it belongs to.

    Attributes:
        constraint: id of the constraint (``A3``).
        severity: severity of its results.
        texts: the message by language, with placeholders such as ``{id}``.
        remedies: the remedy by language.
    """

    constraint: str
    severity: Severity
    texts: Texts
    remedies: Texts


@functools.cache
def catalogue() -> dict[str, Message]:
    """Return all messages by id, which is the local name of the IRI."""
    found: dict[str, Message] = {}
    nodes = _nodes()
    for name, node in nodes.items():
        if texts := node.texts[str(SH.message)]:
            check = nodes[node.value(DCTERMS.isPartOf).removeprefix(BASE)] if node.value(DCTERMS.isPartOf) else node
            severity = _SEVERITIES[check.value(SH.severity)]
            found[name] = Message(check.value(DCTERMS.identifier), severity, texts, check.texts[CG + "remedy"])
    return found


@functools.cache
def words() -> dict[str, Texts]:
    """Return the words that messages use as values, such as the days of the week, by id."""
    return {name: texts for name, node in _nodes().items() if (texts := node.texts[str(RDFS.label)])}


def texts(message: str, /, **values: object) -> Texts:
    """Return a message with its placeholders filled in, by language.

    Args:
        message: id of the message.
        values: values of the placeholders; a value that depends on the language is a dictionary by language.

    Raises:
        KeyError: the message does not exist, or a placeholder has no value.
    """
    return {
        language: text.format(**{name: _in_language(value, language) for name, value in values.items()})
        for language, text in catalogue()[message].texts.items()
    }


def result(
    message: str, /, *, pointer: str | None = None, focus: str | None = None, value: object = None, **values: object
) -> ValidationResult:
    """Return the result of a check.

    Example: ``result("J4", pointer="/claims/1/id", value="C1", id="C1", first="/claims/0/id")`` is a violation of J4,
    “The id C1 is already used at /claims/0/id.”, at a JSON Pointer into the claims document.

    Raises:
        KeyError: see :func:`texts`, which also describes ``values``.
    """
    known = catalogue()[message]
    return ValidationResult(
        constraint=known.constraint,
        severity=known.severity,
        messages=texts(message, **values),
        focus=focus,
        pointer=pointer,
        value=None if value is None else str(value)[:_LONGEST_VALUE],
        remedies=known.remedies,
    )


def _in_language(value: object, language: str) -> object:
    return value[language] if isinstance(value, dict) else value


class _Node:
    """Properties of one individual of the file: texts by language, and single values of the other properties."""

    def __init__(self) -> None:
        self.texts: dict[str, Texts] = defaultdict(dict)
        self._values: dict[str, str] = {}

    def add(self, triple: oxigraph.Triple) -> None:
        """Record a triple of the individual."""
        prop, found = triple.predicate.value, triple.object
        if isinstance(found, oxigraph.Literal) and found.language:
            self.texts[prop][found.language] = found.value
        elif isinstance(found, oxigraph.Literal | oxigraph.NamedNode):
            self._values[prop] = found.value

    def value(self, prop: str) -> str:
        """Return the value of a property; empty if it has none."""
        return self._values.get(str(prop), "")


@functools.cache
def _nodes() -> dict[str, _Node]:
    found: dict[str, _Node] = defaultdict(_Node)
    for quad in oxigraph.parse(ontology.read("messages.ttl").encode(), "text/turtle"):
        if isinstance(quad.subject, oxigraph.NamedNode) and quad.subject.value.startswith(BASE):
            found[quad.subject.value.removeprefix(BASE)].add(quad.triple)
    return dict(found)
