"""Mapping between a claims document and its article graph in RDF: two pure functions driven by the property map.

The graph has no blank nodes and depends only on the document and the base IRI, so the same input always produces the
same graph. Quotes must be located beforehand (see :mod:`kg.gate.document_checks`); those without offsets are left out.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from rdflib import RDF, RDFS, XSD, Graph, Literal, URIRef
from rdflib.namespace import DCTERMS

from kg.document import document_model
from kg.document.document_model import Document, DocumentPart, Quote
from kg.document.property_map import FieldProperty, properties_of
from kg.iris import CG, CODE, Names
from kg.rdf.rdflib_conversion import cg
from ontology import terms

_LISTS: tuple[tuple[str, type[DocumentPart]], ...] = (
    ("times", document_model.Time),
    ("situations", document_model.Situation),
    ("claims", document_model.Claim),
    ("relations", document_model.Relation),
    ("quantities", document_model.Quantity),
)
_TYPES: dict[type, URIRef] = {bool: XSD.boolean, int: XSD.integer, Decimal: XSD.decimal, date: XSD.date}
_DURATION = URIRef(CG + "duration")


@dataclass
class Mapped:
    """An article graph, with the place in the document that each resource comes from.

    Attributes:
        graph: the article graph.
        pointers: JSON Pointer of the part of the document, by IRI of the resource.
    """

    graph: Graph
    pointers: dict[str, str] = field(default_factory=dict)


def to_graph(document: Document, names: Names) -> Mapped:
    """Return the article graph of a document."""
    return _GraphBuilder(document, names).run()


class _GraphBuilder:
    """Builder of the article graph of one document."""

    def __init__(self, document: Document, names: Names) -> None:
        self.document = document
        self.names = names
        self.id = document.article.id
        self.article = URIRef(names.article(self.id))
        self.out = Mapped(Graph())
        self.segments = sorted(document.segments, key=lambda s: s.start)
        self.starts = [segment.start for segment in self.segments]
        self.entities = {entity.id for entity in document.entities}

    def run(self) -> Mapped:
        """Build the graph."""
        self._add_article()
        self._add_segments()
        for i, entity in enumerate(self.document.entities):
            node = URIRef(self.names.entity(entity.id))
            self._add_part(node, entity, f"/entities/{i}", cg(entity.type))
            self._add_mentions(node, entity.mentions, f"/entities/{i}/mentions")
        for name, kind in _LISTS:
            for i, part in enumerate(getattr(self.document, name)):
                node = self._local(part.id)
                self._add_part(node, part, f"/{name}/{i}", cg(kind.mapped_to or part.type))
        for claim in self.document.claims:  # queries can then name a claim by its id, without the base IRI
            self._add(self._local(claim.id), DCTERMS.identifier, Literal(claim.id))
        for quantity in self.document.quantities:
            for identifier in quantity.quantifies:
                self._add(self._local(quantity.id), cg("quantifies"), self._any_resource(identifier))
        return self.out

    def _add_segments(self) -> None:
        for number, segment in enumerate(self.segments, start=1):
            node = self._add_passage(segment.start, segment.end)
            self._add(node, RDF.type, cg("Segment"))
            self._add(node, cg("segmentNumber"), Literal(number))
            self._add(node, DCTERMS.identifier, Literal(segment.id))
        # A passage may come from several parts; the first one that refers to it is its place in the document.
        for i, segment in enumerate(self.document.segments):
            self.out.pointers.setdefault(self.names.passage(self.id, segment.start, segment.end), f"/segments/{i}")

    def _add_article(self) -> None:
        article = self.document.article
        self._add_part(self.article, article, "/article", cg("Article"))
        if article.sha256 is None:
            self._add(self.article, cg("sha256"), Literal(sha256(article.text)))

    def _add_part(self, node: URIRef, part: DocumentPart, pointer: str, kind: URIRef) -> None:
        self.out.pointers[str(node)] = pointer
        self._add(node, RDF.type, kind)
        for field_property in properties_of(type(part)):
            if field_property.property:
                self._add_field(node, part, field_property, pointer)

    def _add_field(self, node: URIRef, part: DocumentPart, field_property: FieldProperty, pointer: str) -> None:
        value = getattr(part, field_property.field)
        prop = URIRef(field_property.property)
        if value is None:
            return
        if isinstance(value, dict):
            for language, text in value.items():
                self._add(node, prop, Literal(text, lang=language))
            return
        for i, item in enumerate(value if field_property.many else [value]):
            place = f"{pointer}/{field_property.key}/{i}" if field_property.many else f"{pointer}/{field_property.key}"
            if isinstance(item, Quote):
                self._add_quote(node, prop, item, place)
            elif field_property.ref:
                self._add(node, prop, self._resource(field_property.ref, item))
            else:
                self._add(node, prop, self._value(field_property, item))

    def _value(self, field_property: FieldProperty, item: Any) -> URIRef | Literal:
        if field_property.code:
            return URIRef(CODE + item)
        if field_property.property in (str(DCTERMS.source), str(DCTERMS.license)):
            return URIRef(item)
        if field_property.property == str(RDFS.comment):
            return Literal(item, lang="en")
        if field_property.property == str(_DURATION):
            return Literal(item, datatype=XSD.duration, normalize=False)  # rdflib would rewrite PT24H as P1D
        return Literal(item, datatype=_TYPES.get(type(item)))

    def _add_quote(self, node: URIRef, prop: URIRef, quote: Quote, pointer: str) -> URIRef | None:
        if quote.start is None or quote.end is None:
            return None
        passage = self._add_passage(quote.start, quote.end, quote.exact)
        self.out.pointers.setdefault(str(passage), pointer)
        self._add(node, prop, passage)
        return passage

    def _add_mentions(self, node: URIRef, mentions: Iterable[document_model.Mention], pointer: str) -> None:
        for i, mention in enumerate(mentions):
            if mention.start is None or mention.end is None:
                continue
            passage = self._add_passage(mention.start, mention.end, mention.exact)
            self.out.pointers.setdefault(str(passage), f"{pointer}/{i}")
            self._add(passage, RDF.type, cg("Mention"))
            self._add(passage, cg("denotes"), node)
            if mention.name is not None:
                self._add_quote(passage, cg("namePart"), mention.name, f"{pointer}/{i}/name")

    def _add_passage(self, start: int, end: int, exact: str | None = None) -> URIRef:
        """Add a passage, with the section and, if it lies within one segment, the segment that it belongs to."""
        node = URIRef(self.names.passage(self.id, start, end))
        self._add(node, RDF.type, cg("Passage"))
        self._add(node, cg("inArticle"), self.article)
        self._add(node, cg("start"), Literal(start))
        self._add(node, cg("end"), Literal(end))
        self._add(node, cg("exact"), Literal(self.document.article.text[start:end] if exact is None else exact))
        at = bisect_right(self.starts, start) - 1  # the last segment that starts at or before the passage
        if at >= 0 and start < self.segments[at].end:
            segment = self.segments[at]
            self._add(node, cg("section"), URIRef(CODE + segment.section))
            if end <= segment.end:
                home = self.names.passage(self.id, segment.start, segment.end)
                self._add(node, cg("inSegment"), URIRef(home))
        return node

    def _resource(self, kind: str, identifier: str) -> URIRef:
        return URIRef(self.names.entity(identifier)) if kind == "entities" else self._local(identifier)

    def _any_resource(self, identifier: str) -> URIRef:
        return self._resource("entities" if identifier in self.entities else "", identifier)

    def _local(self, identifier: str) -> URIRef:
        return URIRef(self.names.local(self.id, identifier))

    def _add(self, s: URIRef, p: URIRef, o: URIRef | Literal) -> None:
        self.out.graph.add((s, p, o))


def sha256(text: str) -> str:
    """Return the value of ``cg:sha256`` for a text: SHA-256 of its UTF-8 bytes, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def from_graph(graph: Graph, identifier: str, names: Names) -> Document:
    """Return the claims document of an article graph.

    Quotes and segments are in the order of the text, other parts in the order of their ids (C2 before C10).

    Args:
        graph: the article graph.
        identifier: id of the article.
        names: IRIs under the base of the store.
    """
    return _DocumentBuilder(graph, identifier, names).run()


class _DocumentBuilder:
    """Builder of the document of one article graph."""

    def __init__(self, graph: Graph, identifier: str, names: Names) -> None:
        self.graph = graph
        self.id = identifier
        self.prefix = names.local(identifier, "")
        self.entities = names.entity("")
        self.article = URIRef(names.article(identifier))

    def run(self) -> Document:
        """Build the document."""
        content: dict[str, Any] = {"article": {"id": self.id} | self._fields(self.article, document_model.Article)}
        content["segments"] = [self._segment(node) for node in self.graph.subjects(RDF.type, cg("Segment"))]
        content["segments"].sort(key=lambda s: s["start"])
        entities = {s for s in self.graph.subjects(RDF.type) if str(s).startswith(self.entities)}
        content["entities"] = self._sorted(self._entity(node) for node in entities)
        for name, part in _LISTS:
            kinds = [cg(part.mapped_to)] if part.mapped_to else [cg(kind) for kind in terms.SituationClass]
            nodes = {s for kind in kinds for s in self.graph.subjects(RDF.type, kind)}
            content[name] = self._sorted(self._local_part(node, part) for node in nodes)
        return Document.model_validate(content)

    @staticmethod
    def _sorted(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        # Numbered ids by number: C2 is shorter than C10. Other ids come first, in alphabetical order.
        return sorted(items, key=lambda item: (len(item["id"]) if item["id"][1:].isdigit() else 0, item["id"]))

    def _local_part(self, node: Any, part: type[DocumentPart]) -> dict[str, Any]:
        content = {"id": str(node).removeprefix(self.prefix)} | self._fields(node, part)
        if part is document_model.Situation:
            content["type"] = str(self.graph.value(node, RDF.type)).removeprefix(CG)
        if part is document_model.Quantity:
            content["quantifies"] = sorted(self._id(o) for o in self.graph.objects(node, cg("quantifies")))
        return content

    def _entity(self, node: Any) -> dict[str, Any]:
        content = {"id": self._id(node), "type": str(self.graph.value(node, RDF.type)).removeprefix(CG)}
        mentions = [self._mention(passage) for passage in self.graph.subjects(cg("denotes"), node)]
        return content | self._fields(node, document_model.Entity) | {"mentions": sorted(mentions, key=_offsets)}

    def _mention(self, node: Any) -> dict[str, Any]:
        name = self.graph.value(node, cg("namePart"))
        return self._quote(node) | ({} if name is None else {"name": self._quote(name)})

    def _quote(self, node: Any) -> dict[str, Any]:
        return {key: self.graph.value(node, cg(key)).toPython() for key in ("exact", "start", "end")}

    def _segment(self, node: Any) -> dict[str, Any]:
        section = str(self.graph.value(node, cg("section"))).removeprefix(CODE)
        quote = self._quote(node)
        return {
            "id": str(self.graph.value(node, DCTERMS.identifier)),
            "section": section,
            "start": quote["start"],
            "end": quote["end"],
        }

    def _fields(self, node: Any, part: type[DocumentPart]) -> dict[str, Any]:
        content: dict[str, Any] = {}
        for field_property in properties_of(part):
            values = list(self.graph.objects(node, URIRef(field_property.property))) if field_property.property else []
            if not values:
                continue
            if field_property.kind is dict:
                texts = {str(v.language): str(v) for v in values if isinstance(v, Literal)}
                content[field_property.key] = dict(sorted(texts.items()))
            elif field_property.quote:
                content[field_property.key] = sorted((self._quote(v) for v in values), key=_offsets)
            else:
                items = sorted(self._value(field_property, v) for v in values)
                content[field_property.key] = items if field_property.many else items[0]
        return content

    def _value(self, field_property: FieldProperty, value: Any) -> Any:
        if field_property.ref:
            return self._id(value)
        if field_property.code:
            return str(value).removeprefix(CODE)
        return value.toPython() if isinstance(value, Literal) and field_property.kind in (bool, int) else str(value)

    def _id(self, node: Any) -> str:
        return str(node).removeprefix(self.entities).removeprefix(self.prefix)


def _offsets(quote: dict[str, Any]) -> tuple[int, int]:
    return quote["start"], quote["end"]
