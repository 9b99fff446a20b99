"""HTML cells for RDF terms: a short text, and a link to the page that describes the term."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from kg.iris import CG, CODE, PREFIXES, XSD, Names
from kg.rdf import oxigraph


@dataclass(frozen=True)
class TermCell:
    """One RDF term as displayed in a table cell.

    Attributes:
        text: the label or short form of an IRI, or the value of a literal.
        href: the target of the link; ``None`` without a link.
        title: the full IRI, or the datatype of a literal other than plain text.
        language: the language tag of a literal, or ``None``.
    """

    text: str
    href: str | None = None
    title: str | None = None
    language: str | None = None


@dataclass(frozen=True)
class TermTable:
    """Query solutions as cells; ``total`` counts all rows, of which ``rows`` may be only the first."""

    columns: list[str]
    rows: list[list[TermCell | None]]
    total: int


@dataclass(frozen=True)
class TermRenderer:
    """Renderer of RDF terms as table cells.

    Attributes:
        names: the IRI scheme of this dataset.
        root: the path that the application is mounted at, prepended to every internal link.
        bare: whether the server has no resource pages to link to.
        labels: display names of IRIs.
    """

    names: Names
    root: str
    bare: bool
    labels: dict[oxigraph.Term, str] = field(default_factory=dict)

    def term(self, term: oxigraph.Term) -> TermCell:
        """Return the cell for a term from the store."""
        if isinstance(term, oxigraph.NamedNode):
            label = self.labels.get(term)
            shown = self.iri(term.value)
            return replace(shown, text=label) if label else shown
        if isinstance(term, oxigraph.Literal):
            plain = term.language is not None or term.datatype.value == f"{XSD}string"
            return TermCell(term.value, language=term.language, title=None if plain else term.datatype.value)
        return TermCell(str(term))

    def iri(self, iri: str) -> TermCell:
        """Return the cell for an IRI in short form.

        An IRI of this dataset or of the vocabulary links to its page on this server, any other to its own address:
        ``http://127.0.0.1:8000/entity/putin`` becomes ``entity/putin`` with a link to ``/entity/putin``.
        """
        local = iri.removeprefix(self.names.base) if iri.startswith(self.names.base) else ""
        if local.startswith(("entity/", "article/", "graph/")) and not self.bare:
            return TermCell(local, href=f"{self.root}/{local}", title=iri)
        if iri.startswith((CG, CODE)) and not self.bare:
            return TermCell(_shorten(iri), href=f"{self.root}/describe?iri={quote(iri, safe='')}", title=iri)
        return TermCell(_shorten(iri), href=iri if iri.startswith(("http://", "https://")) else None, title=iri)

    def table(self, results: bytes) -> TermTable:
        """Return the table for SPARQL results in the form :data:`kg.rdf.spreadsheet_and_page_results.FIRST_ROWS`."""
        data = json.loads(results)
        columns = data["head"]["vars"]
        bindings = data["results"]["bindings"]
        rows = [[self._json(row[name]) if name in row else None for name in columns] for row in bindings]
        return TermTable(columns, rows, data["total"])

    def _json(self, term: dict[str, Any]) -> TermCell:
        value = term["value"]
        if term["type"] == "uri":
            return self.iri(value)
        if term["type"] == "literal":
            return TermCell(value, language=term.get("xml:lang"), title=term.get("datatype"))
        return TermCell(f"_:{value}" if term["type"] == "bnode" else json.dumps(value, ensure_ascii=False))


def _shorten(iri: str) -> str:
    """Return an IRI with a known prefix (``cg:Claim``), or unchanged if the rest is not a simple local name."""
    for prefix, namespace in PREFIXES.items():
        local = iri.removeprefix(namespace)
        if local != iri and local and not set(local) & set("/#?"):
            return f"{prefix}:{local}"
    return iri
