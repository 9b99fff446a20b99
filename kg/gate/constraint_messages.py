"""Messages of the checks that are written in Python, read from ``ontology/messages.ttl``.

A check names its message by its id there (``A3-words``) and passes the values of its placeholders; identifier,
severity and remedy of the result come from the file.
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
_SEVERITIES: dict[str, Severity] = {
    str(SH.Violation): "Violation",
    str(SH.Warning): "Warning",
    str(SH.Info): "Info",
}


@dataclass(frozen=True)
class Message:
    """A message and the check that it belongs to.

    Attributes:
        constraint: identifier of the constraint.
        severity: severity of its results.
        texts: message by language, with placeholders such as ``{id}``.
        remedies: remedy by language.
    """

    constraint: str
    severity: Severity
    texts: Texts
    remedies: Texts


@functools.cache
def catalogue() -> dict[str, Message]:
    """Return every message by its id, the local name of its IRI."""
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
    """Return every word that is a value of messages, by its id."""
    return {name: texts for name, node in _nodes().items() if (texts := node.texts[str(RDFS.label)])}


def texts(message: str, /, **values: object) -> Texts:
    """Fill in a message in all its languages.

    Args:
        message: its id.
        values: its placeholders. A value that differs by language is given as texts by language.

    Raises:
        KeyError: there is no such message, or a placeholder has no value.
    """
    return {
        language: text.format(**{name: _said(value, language) for name, value in values.items()})
        for language, text in catalogue()[message].texts.items()
    }


def result(
    message: str, /, *, pointer: str | None = None, focus: str | None = None, value: object = None, **values: object
) -> ValidationResult:
    """Make the result of a check.

    Example: ``result("J4", pointer="/claims/1/id", value="C1", id="C1", first="/claims/0/id")`` is a violation of J4,
    “The id C1 is already used at /claims/0/id.”

    Args:
        message: id of the message.
        pointer: JSON Pointer into the claims document.
        focus: IRI of the resource.
        value: the offending value.
        values: placeholders, as :func:`texts` takes them.

    Raises:
        KeyError: see :func:`texts`.
    """
    known = catalogue()[message]
    return ValidationResult(
        constraint=known.constraint,
        severity=known.severity,
        messages=texts(message, **values),
        focus=focus,
        pointer=pointer,
        value=None if value is None else str(value)[:500],
        remedies=known.remedies,
    )


def _said(value: object, language: str) -> object:
    return value[language] if isinstance(value, dict) else value


class _Node:
    """The properties of one individual: texts by language, and the one value of each other property."""

    def __init__(self) -> None:
        self.texts: dict[str, Texts] = defaultdict(dict)
        self._values: dict[str, str] = {}

    def take(self, triple: oxigraph.Triple) -> None:
        prop, found = triple.predicate.value, triple.object
        if isinstance(found, oxigraph.Literal) and found.language:
            self.texts[prop][found.language] = found.value
        elif isinstance(found, oxigraph.Literal | oxigraph.NamedNode):
            self._values[prop] = found.value

    def value(self, prop: str) -> str:
        return self._values.get(str(prop), "")


@functools.cache
def _nodes() -> dict[str, _Node]:
    found: dict[str, _Node] = defaultdict(_Node)
    for quad in oxigraph.parse(ontology.read("messages.ttl").encode(), "text/turtle"):
        if isinstance(quad.subject, oxigraph.NamedNode) and quad.subject.value.startswith(BASE):
            found[quad.subject.value.removeprefix(BASE)].take(quad.triple)
    return dict(found)
