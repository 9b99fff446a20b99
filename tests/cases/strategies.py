"""Strategies for texts in which offsets are hard to count, and for small claims documents over them."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any

from hypothesis import strategies as st

from kg.document import document_model
from kg.document.document_model import Document, DocumentPart
from kg.document.property_map import FieldProperty, properties_of
from ontology import terms

Content = dict[str, Any]

LETTERS = "аіїєґІЄҐ aez19.,:-–—'’ʼ\"«»“”"
HARD = [
    "\r\n",  # two code points, one line
    "и\u0306",  # a letter and a combining mark, equal to й
    "й",
    "\U0001f680",  # outside the basic plane: two UTF-16 units
    "\U0001f1fa\U0001f1e6",
    "\u200d",
    "\u00a0",
    "\ufeff",
    "\t",
    "\x0b",
    "\x1b",
    "\x85",
    "\u2028",
    "\\",
    "{}",
    "<&>",
]


def texts(min_size: int = 1, max_size: int = 60) -> st.SearchStrategy[str]:
    """Draw a text of letters, quotation marks and everything else that complicates offsets."""
    pieces = st.one_of(
        st.sampled_from(LETTERS), st.sampled_from(HARD), st.characters(codec="utf-8", exclude_characters="\0")
    )
    return st.lists(pieces, min_size=min_size, max_size=max_size).map("".join)


def labels() -> st.SearchStrategy[dict[str, str]]:
    """Draw a label in one or more languages."""
    return st.dictionaries(st.sampled_from(["en", "uk", "sr-latn", "zh-hant-tw"]), texts(max_size=4), min_size=1)


def quote(text: str, start: int, end: int) -> Content:
    """Draw a quote of a text."""
    return {"exact": text[start:end], "start": start, "end": end}


class _Drawing:
    """Generator of the parts of one document."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.text = draw(texts(min_size=6))
        counts = {name: draw(st.integers(1, 3)) for name in ("entities", "times", "situations", "claims", "segments")}
        self.ids = {name: [f"{name[:2]}{i}" for i in range(count)] for name, count in counts.items()}

    def quotes(self, most: int = 2) -> list[Content]:
        places = st.integers(0, len(self.text) - 1).flatmap(
            lambda start: st.tuples(st.just(start), st.integers(start + 1, len(self.text)))
        )
        return [
            quote(self.text, *place) for place in self.draw(st.lists(places, min_size=1, max_size=most, unique=True))
        ]

    def mentions(self) -> list[Content]:
        """Draw mentions; one passage has one name for all its mentions, since the name belongs to the passage."""
        mentions = self.quotes()
        for mention in mentions:
            if mention["end"] - mention["start"] > 4:
                mention["name"] = quote(self.text, mention["start"] + 1, mention["end"] - 1)
        return mentions

    def segments(self) -> list[Content]:
        cuts = st.lists(st.integers(0, len(self.text)), min_size=2, max_size=4, unique=True).map(sorted)
        places = self.draw(cuts)
        sections = st.sampled_from(list(terms.Section))
        pairs = zip(self.ids["segments"], places, places[1:], strict=False)
        return [{"id": i, "section": self.draw(sections), "start": start, "end": end} for i, start, end in pairs]

    def part(self, part: type[DocumentPart], identifier: str) -> Content:
        """Draw every required field, and some of the others."""
        content = {"id": identifier}
        for slot in properties_of(part):
            field = part.model_fields[slot.field]
            if slot.field != "id" and (field.is_required() or self.draw(st.booleans())):
                content[slot.key] = self.value(part, slot)
        return content

    def value(self, part: type[DocumentPart], slot: FieldProperty) -> Any:
        draw = self.draw
        if slot.field == "mentions":
            return self.mentions()
        if slot.quote:
            return self.quotes()
        if slot.field == "quantifies":
            known = [name for key in ("entities", "times", "situations") for name in self.ids[key]]
            return draw(st.lists(st.sampled_from(known), unique=True))
        if slot.ref and slot.many:
            return draw(st.lists(st.sampled_from(self.ids[slot.ref]), unique=True, min_size=1))
        if slot.ref:
            return draw(st.sampled_from(self.ids[slot.ref]))
        return draw(_value(part, slot))


_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "label": labels(),
    "size": st.integers(1, 10**6),
    "duration": st.sampled_from(["P2D", "PT1H", "P1Y2M3DT4H5M6.7S", "P60D"]),
    "edtf": st.sampled_from(["2024-12-08", "[2024-12-01..2024-12-06]", "2024-1X"]),
    "probability": st.sampled_from([Decimal(0), Decimal("0.5"), Decimal(1), Decimal("0.0000001")]),
    "extraction_confidence": st.sampled_from([Decimal("1.0"), Decimal("0.25")]),
    "language": st.just("uk"),
    "url": st.sampled_from(["https://news.example/2024/a?b=c&d#e", "http://новини.example/стаття"]),
    "licence": st.just("https://creativecommons.org/licenses/by/4.0/"),
    "published": st.dates(),
    "not_before": st.dates(),
    "not_after": st.dates(),
}


def _value(part: type[DocumentPart], slot: FieldProperty) -> st.SearchStrategy[Any]:
    if slot.field in _VALUES:
        return _VALUES[slot.field]
    if issubclass(slot.kind, StrEnum):
        return st.sampled_from(list(slot.kind))
    if slot.kind is bool:
        return st.just(True)
    assert slot.kind is str, (part, slot)
    return texts(max_size=6)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Draw a document with located quotes and valid references."""
    drawing = _Drawing(draw)
    article = drawing.part(document_model.Article, "a1") | {"text": drawing.text}
    article.pop("sha256", None)
    content: Content = {"article": article, "segments": drawing.segments()}
    lists: dict[str, type[DocumentPart]] = {
        "entities": document_model.Entity,
        "times": document_model.Time,
        "situations": document_model.Situation,
        "claims": document_model.Claim,
    }
    for name, part in lists.items():
        content[name] = [drawing.part(part, identifier) for identifier in drawing.ids[name]]
    content["relations"] = [drawing.part(document_model.Relation, "r0")]
    content["quantities"] = [drawing.part(document_model.Quantity, "q0")]
    return Document.model_validate(content)
