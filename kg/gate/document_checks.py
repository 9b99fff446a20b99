"""What is checked on the claims document itself, before there is a graph.

Its form (J2–J5), its text hash (A2), its quotes (A3), its segments (A4), the polarity of its claims (B2), the languages
of its labels (J7), and beside the articles that are stored, its entities (J6). Every problem is collected; none stops
the search for the next.
"""

from __future__ import annotations

import codecs
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from pydantic import ValidationError

from kg.document.document_model import Claim, Document, DocumentPart, Entity, Mention, Quote, Situation, Time
from kg.document.property_map import properties_of, walk
from kg.document.quote_location import QuoteNotLocated, QuoteSpan, locate
from kg.document.rdf_mapping import sha256
from kg.errors import MalformedText
from kg.gate import constraint_messages
from kg.gate.date_checks import bounds
from kg.gate.validation_report import Texts, ValidationResult

_MISSES_SHOWN = 20
_NAMED = 120
"""Characters of a quote that a message shows."""


def shared_entities(document: Document, stored: Callable[[str], Entity | None]) -> Iterator[ValidationResult]:
    """Warn where an entity's id is taken, in another article, by something of another class or name (J6).

    An id means the same thing in every article; a second name would double the rows of every query that shows names.

    Args:
        stored: gives an entity as other articles describe it, if any does.
    """
    for i, entity in enumerate(document.entities):
        known = stored(entity.id)
        if known is None:
            continue
        names = {language: known.label[language] for language in known.label if language in entity.label}
        if known.type != entity.type or any(entity.label[language] != name for language, name in names.items()):
            name = next(iter(names.values()), entity.id)
            yield constraint_messages.result(
                "J6", pointer=f"/entities/{i}", value=entity.id, id=entity.id, name=name, kind=known.type
            )


def read(data: bytes) -> tuple[Document | None, list[ValidationResult]]:
    """Read a claims document.

    Returns:
        The document, or ``None`` with every problem of its form.

    Raises:
        MalformedText: not UTF-8, or not JSON.
    """
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise MalformedText(
            f"The document is not UTF-8: byte {error.start} cannot be read.", remedy="Save it as UTF-8."
        ) from None
    try:
        return Document.model_validate_json(data.removeprefix(codecs.BOM_UTF8)), []
    except ValidationError as error:
        return None, [_formal(item) for item in error.errors(include_url=False)]


def _formal(item: Any) -> ValidationResult:
    """Turn one of pydantic's findings into a result, with a JSON Pointer."""
    message = str(item["msg"]).removeprefix("Value error, ")
    if item["type"] == "json_invalid":
        if "recursion" in message:
            return constraint_messages.result("J5", pointer="")
        found = re.search(r"line (\d+) column (\d+)", message)
        line, column = (int(found[1]), int(found[2])) if found else (None, None)
        raise MalformedText(message, remedy="Send well-formed JSON.", line=line, column=column)
    pointer = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in item["loc"])
    value = item.get("input")
    shown = value if isinstance(value, str | int | float) else None
    return constraint_messages.result("J2", pointer=pointer, value=shown, reason=message)


def resolve(document: Document) -> tuple[Document, list[ValidationResult]]:
    """Locate every quote and check what a schema cannot.

    Returns:
        A copy with located quotes and filled bounds (a quote that could not be located has no offsets), and every
        problem found.
    """
    document = document.model_copy(deep=True)
    found = [*_identifiers(document), *_references(document), *_hash(document), *_segments(document)]
    locator = _QuoteLocator(document)
    for pointer, part in walk(document):
        found += _part(locator, pointer, part)
    return document, [*found, *_languages(document)]


def _part(locator: _QuoteLocator, pointer: str, part: DocumentPart) -> Iterator[ValidationResult]:
    if isinstance(part, Mention):
        yield from locator.check(pointer, part)
        if part.name is not None and part.start is not None and part.end is not None:
            yield from locator.check(f"{pointer}/name", part.name, QuoteSpan(part.start, part.end))
            if part.name.start is None:
                part.name = None  # reported once; the walk shall not look for it in the whole text
    elif isinstance(part, Quote):
        yield from locator.check(pointer, part)
    elif isinstance(part, Time):
        _fill_bounds(part)
    elif isinstance(part, Claim) and (part.affirms is None) == (part.denies is None):
        yield constraint_messages.result("B2", pointer=pointer, id=part.id)


def _hash(document: Document) -> Iterator[ValidationResult]:
    article = document.article
    if article.sha256 is not None and article.sha256 != (found := sha256(article.text)):
        yield constraint_messages.result("A2", pointer="/article/sha256", value=article.sha256, hash=found)


def _segments(document: Document) -> Iterator[ValidationResult]:
    for i, segment in enumerate(document.segments):
        if not segment.start < segment.end <= len(document.article.text):
            start, end = segment.start, segment.end
            yield constraint_messages.result(
                "A4-outside", pointer=f"/segments/{i}", id=segment.id, start=start, end=end
            )
    placed = sorted(enumerate(document.segments), key=lambda item: item[1].start)
    for (_, one), (i, other) in pairwise(placed):
        if other.start < one.end:
            yield constraint_messages.result(
                "A4-overlap", pointer=f"/segments/{i}", id=other.id, start=other.start, other=one.id, end=one.end
            )


def _identifiers(document: Document) -> Iterator[ValidationResult]:
    """Entities share one space of ids; everything else in the article another."""
    seen: dict[tuple[bool, str], str] = {}
    for name in ("entities", "segments", "times", "situations", "claims", "relations", "quantities"):
        for i, part in enumerate(getattr(document, name)):
            pointer = f"/{name}/{i}/id"
            first = seen.setdefault((name == "entities", part.id), pointer)
            if first != pointer:
                yield constraint_messages.result("J4", pointer=pointer, value=part.id, id=part.id, first=first)


def _references(document: Document) -> Iterator[ValidationResult]:
    """Report every reference that leads nowhere."""
    known: dict[str, set[str]] = defaultdict(set)
    for name in ("entities", "segments", "times", "situations", "claims"):
        known[name] = {part.id for part in getattr(document, name)}
    anything = set().union(*known.values())
    for pointer, part in walk(document):
        for slot in properties_of(type(part)):
            if slot.ref is None and slot.key != "quantifies":
                continue
            allowed = known[slot.ref] if slot.ref else anything
            value = getattr(part, slot.field)
            for i, identifier in enumerate(value if slot.many else [value]):
                if identifier is not None and identifier not in allowed:
                    place = f"{pointer}/{slot.key}/{i}" if slot.many else f"{pointer}/{slot.key}"
                    yield _dangling(place, identifier, slot.ref)


def _dangling(pointer: str, identifier: str, listed: str | None) -> ValidationResult:
    if listed:
        return constraint_messages.result("J3-list", pointer=pointer, value=identifier, id=identifier, list=listed)
    return constraint_messages.result("J3-document", pointer=pointer, value=identifier, id=identifier)


class _QuoteLocator:
    """Finds the quotes of one document; it looks for nearest words only a few times, as that is slow."""

    def __init__(self, document: Document) -> None:
        self.text = document.article.text
        self.segments = {segment.id: QuoteSpan(segment.start, segment.end) for segment in document.segments}
        self.misses = 0

    def check(self, pointer: str, quote: Quote, within: QuoteSpan | None = None) -> Iterator[ValidationResult]:
        """Locate a quote, or check where it says that it stands; ``within`` is where it has to lie."""
        text = self.text
        if quote.start is not None and quote.end is None:
            quote.end = quote.start + len(quote.exact)
        if quote.start is not None and quote.end is not None:
            inside = within is None or QuoteSpan(quote.start, quote.end).within(within)
            there = text[quote.start : quote.end]
            if there == quote.exact and inside:
                return
            found = self._misplaced(pointer, quote, there)
            quote.start = quote.end = None
            yield found
            return
        region = within or self.segments.get(quote.segment or "")
        try:
            span = locate(text, quote.exact, region, nearest=region is None and self.misses < _MISSES_SHOWN)
        except QuoteNotLocated as error:
            self.misses += 1
            quote.start = quote.end = None
            yield self._missing(pointer, quote, region, error)
            return
        quote.start, quote.end, quote.exact = span.start, span.end, text[span.start : span.end]

    def _misplaced(self, pointer: str, quote: Quote, there: str) -> ValidationResult:
        """Report a quote that does not stand at its offsets, or does so outside its mention."""
        exact, start, end = quote.exact[:_NAMED], quote.start, quote.end
        if there == quote.exact:
            return constraint_messages.result(
                "A3-outside", pointer=pointer, value=quote.exact, exact=exact, start=start, end=end
            )
        return constraint_messages.result(
            "A3-words", pointer=pointer, value=quote.exact, exact=exact, start=start, end=end, there=there[:_NAMED]
        )

    def _missing(
        self, pointer: str, quote: Quote, region: QuoteSpan | None, error: QuoteNotLocated
    ) -> ValidationResult:
        """Report a quote that stands nowhere, or too often; and where else it is, if it has to be in a region."""
        if region is None or error.found:
            return _unlocated(pointer, error)
        exact, start, end = quote.exact[:_NAMED], region.start, region.end
        try:
            span = locate(self.text, quote.exact, nearest=self.misses < _MISSES_SHOWN)
        except QuoteNotLocated as again:
            elsewhere = _unlocated(pointer, again).messages
            return constraint_messages.result(
                "A3-region", pointer=pointer, value=quote.exact, exact=exact, start=start, end=end, elsewhere=elsewhere
            )
        there = f"{span.start}–{span.end}"
        return constraint_messages.result(
            "A3-moved", pointer=pointer, value=quote.exact, exact=exact, start=start, end=end, there=there
        )


def _unlocated(pointer: str, error: QuoteNotLocated) -> ValidationResult:
    """Report a quote that the whole text does not have just once."""
    exact, nearest = _short(error.exact), _short(error.nearest)
    if error.found:
        places = ", ".join(f"{s.start}–{s.end}" for s in error.found[:5]) + ("…" if len(error.found) > 5 else "")
        return constraint_messages.result(
            "A3-several", pointer=pointer, value=error.exact, exact=exact, count=len(error.found), places=places
        )
    if not nearest:
        return constraint_messages.result("A3-missing", pointer=pointer, value=error.exact, exact=exact)
    if error.difference is None:
        return constraint_messages.result(
            "A3-nearest", pointer=pointer, value=error.exact, exact=exact, nearest=nearest
        )
    quoted, there = map(_character, error.difference)
    return constraint_messages.result(
        "A3-differs", pointer=pointer, value=error.exact, exact=exact, nearest=nearest, there=there, quoted=quoted
    )


def _character(char: str) -> Texts:
    code = f"U+{ord(char):04X}"
    if not char.isprintable() or char.isspace():
        return {"en": code, "uk": code}
    return {"en": f"“{char}” {code}", "uk": f"«{char}» {code}"}


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _NAMED else flat[: _NAMED - 3] + "…"


def _languages(document: Document) -> Iterator[ValidationResult]:
    """Warn where labels lack English or Ukrainian: the questions show both, and leave out what has neither."""
    labelled: list[Entity | Situation] = [*document.entities, *document.situations]
    for language in ("en", "uk"):
        lacking = [part.id for part in labelled if language not in part.label]
        if lacking:
            shown = ", ".join(lacking[:5]) + ("…" if len(lacking) > 5 else "")
            yield constraint_messages.result("J7", pointer="", language=language, count=len(lacking), ids=shown)


def _fill_bounds(time: Time) -> None:
    """Take missing bounds from the EDTF string; whether it can be read is for constraint F4 to say."""
    try:
        low, high = bounds(time.edtf)
    except ValueError:
        return
    time.not_before = time.not_before or low
    time.not_after = time.not_after or high
