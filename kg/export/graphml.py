"""A network: entities and situations as nodes, roles and relations as edges, in GraphML for Gephi, yEd or networkx."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from kg.export.situation_records import Record, SituationRecord, situation_records
from kg.export.table_rows import ArticleRows, TableReader
from kg.export.table_schema import Value

_NODE = {
    "kind": "string",
    "type": "string",
    "label": "string",
    "article": "string",
    "modality": "string",
    "reported_fact": "boolean",
    "edtf": "string",
    "not_before": "string",
    "not_after": "string",
}
_EDGE = {"role": "string", "article": "string"}
# What XML 1.0 cannot hold, not even escaped.
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class GraphMLWriter:
    """Writes nodes and edges article by article, and counts them."""

    def __init__(self, reader: TableReader) -> None:
        self._reader = reader
        self._known: set[Value] = set()
        self._pending: list[Record] = []
        self.nodes = self.edges = 0

    def pieces(self) -> Iterator[str]:
        """Give the text of the document, in pieces of one article."""
        keys = [("node", *item) for item in _NODE.items()] + [("edge", *item) for item in _EDGE.items()]
        yield (
            '<?xml version="1.0" encoding="UTF-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n'
            + "".join(f'<key id="{f}_{n}" for="{f}" attr.name="{n}" attr.type="{t}"/>\n' for f, n, t in keys)
            + '<graph id="claimgraph" edgedefault="directed">\n'
        )
        for identifier in self._reader.articles:
            yield "".join(self._article(self._reader.of_article(identifier)))
        yield "".join(self._relation(relation) for relation in self._pending if self._is_known(relation))
        yield "</graph>\n</graphml>\n"

    def _article(self, article: ArticleRows) -> Iterator[str]:
        for happening in situation_records(article):
            yield from self._happening(happening)
        for relation in article.records("relations"):
            if self._is_known(relation):
                yield self._relation(relation)
            else:  # between claims, or to an article that comes later
                self._pending.append(relation)

    def _is_known(self, relation: Record) -> bool:
        return relation["subject"] in self._known and relation["object"] in self._known

    def _relation(self, relation: Record) -> str:
        return self._edge(relation["subject"], relation["object"], relation["relation"], str(relation["article"]))

    def _happening(self, happening: SituationRecord) -> Iterator[str]:
        yield from self._node(happening.iri, {"kind": "situation", **happening.situation})
        for part in (*happening.participants, *happening.places):
            yield from self._node(part["entity"], {"kind": "entity", "type": part["type"], "label": part["label"]})
            yield self._edge(part["situation"], part["entity"], part["role"], str(part["article"]))

    def _node(self, iri: Value, about: Record) -> Iterator[str]:
        if iri not in self._known:
            self._known.add(iri)
            self.nodes += 1
            yield f"<node id={quoteattr(str(iri))}>{_data('node', _NODE, about)}</node>\n"

    def _edge(self, source: Value, target: Value, role: Value, article: str) -> str:
        about: Record = {"role": role, "article": article}
        ends = f"source={quoteattr(str(source))} target={quoteattr(str(target))}"
        self.edges += 1
        return f'<edge id="e{self.edges}" {ends}>{_data("edge", _EDGE, about)}</edge>\n'


def _data(what: str, keys: dict[str, str], about: Record) -> str:
    found = ((name, about.get(name)) for name in keys)
    return "".join(f'<data key="{what}_{name}">{_written(value)}</data>' for name, value in found if value is not None)


def _written(value: Value) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return escape(_NO_XML.sub("", text), {"\r": "&#13;"})
