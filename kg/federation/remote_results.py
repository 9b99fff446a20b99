"""Answers of other endpoints (SPARQL 1.1 Query Results JSON Format), read strictly and written as VALUES.

VALUES can hold no blank node.  One that comes from outside gets an IRI of its own (RDF 1.1 Concepts, clause 3.5:
skolemisation), the same throughout one answer and in no other: so ``isBlank()`` is false of it.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import NoReturn

from kg.rdf import oxigraph
from kg.sparql.lexer import TokenKind, tokens

_DIRECTIONS = ("ltr", "rtl")
_MAX_NESTING = 20


class BadRemoteResult(ValueError):
    """What came is no answer to a SELECT; the text says why."""


def as_values(content: bytes, variables: Collection[str], max_rows: int, skolem: str) -> tuple[str, int]:
    """Write solutions as a VALUES block of SPARQL, on one line, and count them.

    Args:
        content: SPARQL results in JSON.
        variables: the only ones that the answer may bind; it might else bind others of the query that asked.
        max_rows: how many solutions there may be.
        skolem: how the IRIs begin that blank nodes get; no other answer may use it.

    Raises:
        BadAnswer: it is something else, or has more solutions.
    """
    head, bindings = _parsed(content)
    names = _names(head, variables)
    if len(bindings) > max_rows:
        raise BadRemoteResult(f"it has more than {max_rows} solutions")
    writer = _ValuesWriter(skolem)
    rows = " ".join(f"({writer.row(names, binding)})" for binding in bindings)
    return f"VALUES ({' '.join('?' + name for name in names)}) {{ {rows} }}", len(bindings)


NO_SOLUTION_BUT_ONE = "VALUES () { () }"
"""What stands for a failed SERVICE SILENT: a single solution without bindings (Federated Query, clause 2.3)."""


def _parsed(content: bytes) -> tuple[object, list[object]]:
    """Take the JSON apart: the names of the variables, and the solutions."""
    try:
        # Not from bytes: json would guess UTF-16 and UTF-32 too.
        document = json.loads(content.decode("utf-8"), parse_constant=_refuse)
        head, results = document["head"], document["results"]
        names, bindings = head.get("vars", []), results["bindings"]
    except RecursionError:
        raise BadRemoteResult("it nests too deep") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadRemoteResult("it is no answer to a SELECT in SPARQL JSON") from None
    if not isinstance(bindings, list):
        raise BadRemoteResult("its solutions are no list")
    return names, bindings


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _names(head: object, variables: Collection[str]) -> list[str]:
    if not isinstance(head, list) or not all(isinstance(name, str) for name in head) or len(set(head)) < len(head):
        raise BadRemoteResult("its variables are no list of different names")
    for name in head:
        if name not in variables or [token.kind for token in tokens(f"?{name}")] != [TokenKind.VAR]:
            raise BadRemoteResult("it binds a variable that was not asked for")
    return head


class _ValuesWriter:
    """Writes the terms of one answer."""

    def __init__(self, skolem: str) -> None:
        self._skolem = skolem
        self._blank: dict[str, str] = {}

    def row(self, names: list[str], binding: object) -> str:
        if not isinstance(binding, dict) or not binding.keys() <= set(names):
            raise BadRemoteResult("a solution binds what the answer does not announce")
        return " ".join(self._term(binding[name], 0) if name in binding else "UNDEF" for name in names)

    def _term(self, term: object, depth: int) -> str:
        if not isinstance(term, dict) or depth > _MAX_NESTING:
            raise BadRemoteResult("a term in it is none")
        kind, value = term.get("type"), term.get("value")
        if kind == "triple" and isinstance(value, dict) and value.keys() == {"subject", "predicate", "object"}:
            return self._triple(value, depth)
        if not isinstance(value, str):
            raise BadRemoteResult("a term in it is none")
        try:
            return self._simple(kind, value, term)
        except ValueError:
            raise BadRemoteResult("a term in it is none") from None

    def _triple(self, value: dict[str, object], depth: int) -> str:
        subject, predicate = (self._term(value[part], depth + 1) for part in ("subject", "predicate"))
        if not (subject.startswith("<") and predicate.startswith("<")) or "<<" in subject + predicate:
            raise BadRemoteResult("a term in it is none")
        return f"<<( {subject} {predicate} {self._term(value['object'], depth + 1)} )>>"

    def _simple(self, kind: object, value: str, term: dict[str, object]) -> str:
        if kind == "uri":
            return str(oxigraph.NamedNode(value))
        if kind == "bnode":
            return self._blank.setdefault(value, f"<{self._skolem}{len(self._blank)}>")
        if kind not in ("literal", "typed-literal"):  # the latter in drafts of the format, and still sent by some
            raise ValueError(kind)
        language, datatype, direction = term.get("xml:lang"), term.get("datatype"), term.get("its:dir")
        if isinstance(language, str) and language:
            literal = str(oxigraph.Literal(value, language=language))
            return literal if direction is None else f"{literal}--{_DIRECTIONS[_DIRECTIONS.index(str(direction))]}"
        if language or direction is not None:
            raise ValueError(kind)
        if datatype is None:
            return str(oxigraph.Literal(value))
        if not isinstance(datatype, str) or datatype.endswith("angString"):
            raise ValueError(kind)
        return str(oxigraph.Literal(value, datatype=oxigraph.NamedNode(datatype)))
