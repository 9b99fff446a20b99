"""Elements that :mod:`kg.sparql.rewriting.query_scanner` finds in a text, with their places."""

from __future__ import annotations

from dataclasses import dataclass, field

from kg.sparql.lexer import SparqlToken
from kg.sparql.text_edits import TextSpan


@dataclass(frozen=True, slots=True)
class PropertyPath:
    """A property path: an alternative (``|``), a sequence (``/``), an inverse (``^``), or any other as text (``=``)."""

    kind: str
    parts: tuple[PropertyPath, ...] = ()
    text: str = ""

    @property
    def counts_alternatives(self) -> bool:
        """Whether it has alternatives whose solutions count each (SPARQL 1.1 Query, section 18.4): not in ``*+?!``."""
        return self.kind == "|" or any(part.counts_alternatives for part in self.parts)


@dataclass(frozen=True, slots=True)
class PatternNode:
    """A term as text, or an anonymous node: with properties (``[ … ]``) or members (``( … )``)."""

    text: str = ""
    properties: tuple[PathAndObject, ...] = ()
    members: tuple[PatternNode, ...] = ()

    @property
    def counts_alternatives(self) -> bool:
        """Whether a path inside has alternatives that count."""
        inside: tuple[PatternNode | PathAndObject, ...] = (*self.properties, *self.members)
        return any(inner.counts_alternatives for inner in inside)


@dataclass(frozen=True, slots=True)
class PathAndObject:
    """A path and one object of it."""

    path: PropertyPath
    value: PatternNode

    @property
    def counts_alternatives(self) -> bool:
        """Whether the path, or one inside the object, has alternatives that count."""
        return self.path.counts_alternatives or self.value.counts_alternatives


@dataclass(frozen=True, slots=True)
class SubjectTriples:
    """The triples of one subject, with their place."""

    span: TextSpan
    subject: PatternNode
    properties: tuple[PathAndObject, ...]

    @property
    def counts_alternatives(self) -> bool:
        """Whether one of the paths has alternatives that count."""
        inside: tuple[PatternNode | PathAndObject, ...] = (self.subject, *self.properties)
        return any(inner.counts_alternatives for inner in inside)


@dataclass(frozen=True, slots=True)
class Star:
    """The ``*`` of SELECT or DESCRIBE; ``variables`` are those in scope, in order; ``outermost`` is the query's own."""

    span: TextSpan
    variables: dict[str, None]
    outermost: bool
    selects: bool


@dataclass(frozen=True, slots=True)
class ConcatCall:
    """A call of GROUP_CONCAT: the whole call, and its expression (without DISTINCT and separator)."""

    span: TextSpan
    expression: TextSpan
    distinct: bool


@dataclass(frozen=True, slots=True)
class OrderCondition:
    """An expression of ORDER BY, and the word before it: ``ASC``, ``DESC``, or none."""

    span: TextSpan
    direction: str


@dataclass(slots=True)
class ScannedText:
    """Everything that was found.

    Attributes:
        stars: each ``*`` for variables.
        orders: each condition of ORDER BY that may compare values of several types.
        triples: triples in patterns.
        labels: labels of blank nodes in patterns.
        concats: calls of GROUP_CONCAT.
        counts_rows: whether it has ``COUNT(DISTINCT *)``, which new variables would change.
        triple_terms: whether a pattern has triple terms, reifiers or annotations (SPARQL 1.2).
    """

    stars: list[Star] = field(default_factory=list)
    orders: list[OrderCondition] = field(default_factory=list)
    triples: list[SubjectTriples] = field(default_factory=list)
    labels: list[SparqlToken] = field(default_factory=list)
    concats: list[ConcatCall] = field(default_factory=list)
    counts_rows: bool = False
    triple_terms: bool = False
