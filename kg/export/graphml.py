"""GraphML export of the network of entities and situations (nodes) and roles and relations (edges).

Gephi, yEd and networkx read the format.
"""

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
# Characters that XML 1.0 does not allow, not even escaped (clause 2.2).
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class GraphMLWriter:
    """Writer of a GraphML document, article by article.

    Attributes:
        nodes: number of nodes written.
        edges: number of edges written.
    """

    def __init__(self, reader: TableReader) -> None:
        self._reader = reader
        self._known: set[Value] = set()
        self._pending: list[Record] = []  # relations whose nodes are not all written yet
        self.nodes = self.edges = 0

    def pieces(self) -> Iterator[str]:
        """Yield the text of the document: the head, one piece per article, and the end."""
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
        for record in situation_records(article):
            yield from self._situation(record)
        for relation in article.records("relations"):
            if self._is_known(relation):
                yield self._relation(relation)
            else:  # a relation between claims, or with a node of an article that is not written yet
                self._pending.append(relation)

    def _is_known(self, relation: Record) -> bool:
        return relation["subject"] in self._known and relation["object"] in self._known

    def _relation(self, relation: Record) -> str:
        return self._edge(relation["subject"], relation["object"], relation["relation"], str(relation["article"]))

    def _situation(self, record: SituationRecord) -> Iterator[str]:
        yield from self._node(record.iri, {"kind": "situation", **record.situation})
        for part in (*record.participants, *record.places):
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


def _data(element: str, keys: dict[str, str], about: Record) -> str:
    found = ((name, about.get(name)) for name in keys)
    return "".join(
        f'<data key="{element}_{name}">{_written(value)}</data>' for name, value in found if value is not None
    )


def _written(value: Value) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return escape(_NO_XML.sub("", text), {"\r": "&#13;"})
