"""Static analysis of SPARQL requests from their text, without the engine.

:class:`QueryAnalysis` has the form of a query and its calls of SERVICE; :class:`UpdateAnalysis` has the operations of
an update and the graphs that each writes.

Text that does not follow the grammar is ``malformed`` and must be refused, since the engine accepts more than the
grammar: it has no lexer and splits a name that fits nowhere, so that ``{ SERVICEex:x {} }`` calls a service and
``GRAPHex:g {}`` writes a graph. Every request must be analysed here before the engine sees it, even if only to check
its syntax on an empty store: SERVICE and LOAD would send requests there too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from kg.sparql.checks_without_lexer import plain_form
from kg.sparql.cursor_with_iri_resolution import TokenCursor, UnexpectedToken
from kg.sparql.lexer import Position
from kg.sparql.text_edits import TextSpan
from kg.sparql.update_operations import UpdateOperation, read_operation


@dataclass(frozen=True, slots=True)
class QueryAnalysis:
    """Analysis of a query.

    Attributes:
        form: SELECT, ASK, CONSTRUCT or DESCRIBE; empty for anything else.
        default_graphs, named_graphs: the absolute IRIs of FROM, and of FROM NAMED.
        services: positions of SERVICE; also of the malformed place, if the text contains that word anywhere.
        malformed: position where the text stops following the grammar, or ``None``.
    """

    form: str
    default_graphs: tuple[str, ...]
    named_graphs: tuple[str, ...]
    services: tuple[Position, ...]
    malformed: Position | None

    @property
    def has_dataset(self) -> bool:
        """Whether the query has a FROM or FROM NAMED clause."""
        return bool(self.default_graphs or self.named_graphs)

    @classmethod
    def quick(cls, text: str, base: str, prefixes: Mapping[str, str] | None = None) -> Self:
        """Return the analysis of ``text``, without the lexer if it is plain (:mod:`kg.sparql.checks_without_lexer`).

        A plain text may be malformed nevertheless, but then the engine refuses it too.
        """
        form = plain_form(text, prefixes)
        return cls(form, (), (), (), None) if form else cls.parse(text, base, prefixes)

    @classmethod
    def parse(cls, text: str, base: str, prefixes: Mapping[str, str] | None = None) -> Self:
        """Return the analysis of ``text``, in which ``prefixes`` need not be declared. Never raises."""
        cursor = TokenCursor(text, base, prefixes)
        form, default, named = "", list[str](), list[str]()
        try:
            cursor.prologue()
        except UnexpectedToken:
            cursor.reject()
        if cursor.at("SELECT", "ASK", "CONSTRUCT", "DESCRIBE"):
            form = cursor.token.text.upper()
        else:
            cursor.reject()
        # FROM counts outside curly brackets only; everything else is skipped, and the cursor records the calls in it.
        while not cursor.ended:
            if not (cursor.braces == 0 and cursor.accept("FROM")):
                cursor.take()
                continue
            graphs = named if cursor.accept("NAMED") else default
            try:
                graphs.append(cursor.iri())
            except UnexpectedToken:
                cursor.reject()
        services = (*cursor.services, *cursor.possible_calls("SERVICE"))
        return cls(form, tuple(default), tuple(named), services, cursor.malformed)


@dataclass(frozen=True, slots=True)
class UpdateAnalysis:
    """Analysis of an update.

    Attributes:
        text: the text of the update.
        operations: its operations in order; if the text is malformed, the last one has the kind ``""``.
        malformed: position where the text stops following the grammar, or ``None``.
    """

    text: str = field(repr=False)
    operations: tuple[UpdateOperation, ...]
    malformed: Position | None

    @classmethod
    def parse(cls, text: str, base: str) -> Self:
        """Return the analysis of ``text``. Never raises.

        PREFIX and BASE may precede each operation (grammar rule 29), not only the first.
        """
        cursor = TokenCursor(text, base)
        operations: list[UpdateOperation] = []
        try:
            cursor.prologue()
            while not cursor.ended:
                operations.append(read_operation(cursor))
                if not cursor.accept(";"):
                    break
                cursor.prologue()
        except UnexpectedToken:
            cursor.reject()
        if not cursor.ended:
            cursor.reject()
        # Whatever follows a fault becomes one last operation without a kind, so that SERVICE is found there too.
        called, start = len(cursor.services), cursor.token.start
        while not cursor.ended:
            cursor.take()
        if cursor.malformed:
            services = (*cursor.services[called:], *cursor.possible_calls("SERVICE", "LOAD"))
            operations.append(UpdateOperation("", TextSpan(start, len(text)), cursor.malformed, services=services))
        return cls(text, tuple(operations), cursor.malformed)

    @property
    def services(self) -> tuple[Position, ...]:
        """Positions of SERVICE, and of the malformed place, where a call may be hidden."""
        return tuple(position for operation in self.operations for position in operation.services)
