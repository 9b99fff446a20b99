"""Terms of RDF as a page shows them: short, with a name, leading to where they are explained."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from kg.iris import CG, CODE, PREFIXES, XSD, Names
from kg.rdf import oxigraph

_ROWS_SHOWN = 1000


@dataclass(frozen=True)
class TermCell:
    """One term as it is shown.

    Attributes:
        text: a name or the short form of an IRI, or the value of a literal.
        href: where it leads, if anywhere.
        title: the IRI in full, or the datatype.
        language: of a literal.
    """

    text: str
    href: str | None = None
    title: str | None = None
    language: str | None = None


@dataclass(frozen=True)
class TermTable:
    """Solutions of a query; ``total`` may be more than the rows that are shown."""

    columns: list[str]
    rows: list[list[TermCell | None]]
    total: int


@dataclass(frozen=True)
class TermRenderer:
    """Makes cells.

    Attributes:
        names: the IRIs of this dataset.
        root: path of the application, in front of every link into it.
        bare: whether there are no pages of resources to lead to.
        labels: names for IRIs.
    """

    names: Names
    root: str
    bare: bool
    labels: dict[oxigraph.Term, str] = field(default_factory=dict)

    def term(self, term: oxigraph.Term) -> TermCell:
        """Show a term of the store."""
        if isinstance(term, oxigraph.NamedNode):
            label = self.labels.get(term)
            shown = self.iri(term.value)
            return replace(shown, text=label) if label else shown
        if isinstance(term, oxigraph.Literal):
            plain = term.language is not None or term.datatype.value == f"{XSD}string"
            return TermCell(term.value, language=term.language, title=None if plain else term.datatype.value)
        return TermCell(str(term))

    def iri(self, iri: str) -> TermCell:
        """Show an IRI in short form; one that the graph describes leads to its page here, another to its own."""
        ours = iri.removeprefix(self.names.base) if iri.startswith(self.names.base) else ""
        if ours.startswith(("entity/", "article/", "graph/")) and not self.bare:
            return TermCell(ours, href=f"{self.root}/{ours}", title=iri)
        if iri.startswith((CG, CODE)) and not self.bare:
            return TermCell(_shorten(iri), href=f"{self.root}/describe?iri={quote(iri, safe='')}", title=iri)
        return TermCell(_shorten(iri), href=iri if iri.startswith(("http://", "https://")) else None, title=iri)

    def table(self, results: bytes) -> TermTable:
        """Make a table of SPARQL results in JSON."""
        data = json.loads(results)
        columns = data["head"]["vars"]
        bindings = data["results"]["bindings"]
        rows = [[self._json(row[name]) if name in row else None for name in columns] for row in bindings[:_ROWS_SHOWN]]
        return TermTable(columns, rows, len(bindings))

    def _json(self, term: dict[str, Any]) -> TermCell:
        value = term["value"]
        if term["type"] == "uri":
            return self.iri(value)
        if term["type"] == "literal":
            return TermCell(value, language=term.get("xml:lang"), title=term.get("datatype"))
        return TermCell(f"_:{value}" if term["type"] == "bnode" else json.dumps(value, ensure_ascii=False))


def _shorten(iri: str) -> str:
    for prefix, namespace in PREFIXES.items():
        local = iri.removeprefix(namespace)
        if local != iri and local and not set(local) & set("/#?"):
            return f"{prefix}:{local}"
    return iri
