"""Results of remote endpoints (SPARQL 1.1 Query Results JSON Format), strictly validated and converted to VALUES.

VALUES cannot contain blank nodes. Each blank node of a result becomes an IRI (skolemisation: RDF 1.1 Concepts, clause
3.5), the same within one result and different in every other. Consequently ``isBlank()`` is false for it.
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
    """A response that is not a valid result of a SELECT; the text completes "The result cannot be used: …"."""


def as_values(content: bytes, variables: Collection[str], max_rows: int, skolem: str) -> tuple[str, int]:
    """Return the solutions of SPARQL results in JSON as a VALUES block on one line, and their number.

    Example: a solution that binds ``?a`` to ``<urn:x>`` and leaves ``?b`` unbound becomes
    ``VALUES (?a ?b) { (<urn:x> UNDEF) }``.

    Args:
        content: the results.
        variables: the variables of the pattern sent; any other could bind a variable elsewhere in the query.
        max_rows: maximum number of solutions.
        skolem: prefix of the IRIs for blank nodes; must be unique to this result.

    Raises:
        BadRemoteResult: the content is invalid, has another variable, or too many solutions.
    """
    head, bindings = _parsed(content)
    names = _names(head, variables)
    if len(bindings) > max_rows:
        raise BadRemoteResult(f"it has more than {max_rows} solutions")
    writer = _ValuesWriter(skolem)
    rows = " ".join(f"({writer.row(names, binding)})" for binding in bindings)
    return f"VALUES ({' '.join('?' + name for name in names)}) {{ {rows} }}", len(bindings)


EMPTY_SOLUTION = "VALUES () { () }"
"""Result of a failed SERVICE SILENT: one solution without bindings (SPARQL 1.1 Federated Query, clause 2.3)."""


def _parsed(content: bytes) -> tuple[object, list[object]]:
    """Return the variables and the solutions of the JSON document, both not yet validated."""
    try:
        # Decoded here, since json also accepts UTF-16 and UTF-32 in bytes.
        document = json.loads(content.decode("utf-8"), parse_constant=_refuse)
        head, results = document["head"], document["results"]
        names, bindings = head.get("vars", []), results["bindings"]
    except RecursionError:
        raise BadRemoteResult("it is nested too deeply") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadRemoteResult("it is not a result of SELECT in SPARQL JSON") from None
    if not isinstance(bindings, list):
        raise BadRemoteResult("its solutions are not a list")
    return names, bindings


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _names(head: object, variables: Collection[str]) -> list[str]:
    """Return the variables of the result if they are valid and expected."""
    if not isinstance(head, list) or not all(isinstance(name, str) for name in head) or len(set(head)) < len(head):
        raise BadRemoteResult("its variables are not a list of distinct names")
    # A name must be a single token: ``a) { } #`` would break out of the VALUES block.
    for name in head:
        if name not in variables or [token.kind for token in tokens(f"?{name}")] != [TokenKind.VAR]:
            raise BadRemoteResult("it binds a variable that the pattern does not have")
    return head


class _ValuesWriter:
    """Writer of the solutions of one result, with one numbering of its blank nodes."""

    def __init__(self, skolem: str) -> None:
        self._skolem = skolem
        self._blank: dict[str, str] = {}

    def row(self, names: list[str], binding: object) -> str:
        """Return the terms of one solution, separated by spaces, with UNDEF for unbound variables."""
        if not isinstance(binding, dict) or not binding.keys() <= set(names):
            raise BadRemoteResult("a solution binds a variable that its head does not list")
        return " ".join(self._term(binding[name], 0) if name in binding else "UNDEF" for name in names)

    def _term(self, term: object, depth: int) -> str:
        if not isinstance(term, dict) or depth > _MAX_NESTING:
            raise BadRemoteResult("it contains an invalid term")
        kind, value = term.get("type"), term.get("value")
        if kind == "triple" and isinstance(value, dict) and value.keys() == {"subject", "predicate", "object"}:
            return self._triple(value, depth)
        if not isinstance(value, str):
            raise BadRemoteResult("it contains an invalid term")
        try:
            return self._simple(kind, value, term)
        except ValueError:
            raise BadRemoteResult("it contains an invalid term") from None

    def _triple(self, value: dict[str, object], depth: int) -> str:
        subject, predicate = (self._term(value[part], depth + 1) for part in ("subject", "predicate"))
        # The subject must be an IRI: VALUES allows no blank nodes, literals or triples there.
        if not (subject.startswith("<") and predicate.startswith("<")) or "<<" in subject + predicate:
            raise BadRemoteResult("it contains an invalid term")
        return f"<<( {subject} {predicate} {self._term(value['object'], depth + 1)} )>>"

    def _simple(self, kind: object, value: str, term: dict[str, object]) -> str:
        if kind == "uri":
            return str(oxigraph.NamedNode(value))
        if kind == "bnode":
            return self._blank.setdefault(value, f"<{self._skolem}{len(self._blank)}>")
        if kind not in ("literal", "typed-literal"):  # the latter from drafts of the format, still in use
            raise ValueError(kind)
        language, datatype, direction = term.get("xml:lang"), term.get("datatype"), term.get("its:dir")
        if isinstance(language, str) and language:
            literal = str(oxigraph.Literal(value, language=language))
            return literal if direction is None else f"{literal}--{_DIRECTIONS[_DIRECTIONS.index(str(direction))]}"
        if language or direction is not None:
            raise ValueError(kind)
        if datatype is None:
            return str(oxigraph.Literal(value))
        # rdf:langString and rdf:dirLangString require a language tag.
        if not isinstance(datatype, str) or datatype.endswith("angString"):
            raise ValueError(kind)
        return str(oxigraph.Literal(value, datatype=oxigraph.NamedNode(datatype)))
