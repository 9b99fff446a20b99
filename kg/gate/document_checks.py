"""Checks of the claims document itself, before it is mapped to a graph.

They cover its references (J3, J4, C8), the hash of its text (A2), its quotes (A3), its segments (A4), the polarity of
its claims (B2), the languages of its labels (J7) and, compared with the stored articles, its entities (J6). All
problems are collected; no check stops at the first one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise

from kg.document.document_model import (
    Claim,
    Document,
    DocumentPart,
    Entity,
    Mention,
    Quote,
    Relation,
    Situation,
    Time,
)
from kg.document.document_rdf_conversion import sha256
from kg.document.property_map import properties_of, walk
from kg.document.quote_location import QuoteNotLocated, QuoteSpan, locate
from kg.gate import claims_json_reading, python_check_messages
from kg.gate.edtf_and_weekday_checks import bounds, cut_at_year_end, readings
from kg.gate.literal_and_self_relation_checks import IRREFLEXIVE, REFLEXIVE_RELATION
from kg.gate.validation_report import Texts, ValidationResult

_NEAREST_SEARCHES = 20
"""Missing quotes of one document for which the nearest words are searched, which is slow."""

_LONGEST_SHOWN = 120
"""Characters of a quote that a message shows."""


def shared_entities(document: Document, stored: Callable[[str], Entity | None]) -> Iterator[ValidationResult]:
    """Yield a warning for each entity whose id another article uses for an entity of another class or name (J6).

    An id denotes the same thing in every article; a second name would double the rows of every query that shows names.

    Args:
        document: the document.
        stored: returns an entity by id as other articles describe it, or ``None``.
    """
    for i, entity in enumerate(document.entities):
        known = stored(entity.id)
        if known is None:
            continue
        names = {language: known.label[language] for language in known.label if language in entity.label}
        if known.type != entity.type or any(entity.label[language] != name for language, name in names.items()):
            name = next(iter(names.values()), entity.id)
            yield python_check_messages.result(
                "J6", pointer=f"/entities/{i}", value=entity.id, id=entity.id, name=name, kind=known.type
            )


def resolve(document: Document, *, stored: bool = False) -> tuple[Document, list[ValidationResult]]:
    """Locate all quotes, fill in the bounds of times, and check what a schema cannot express.

    Args:
        document: the document.
        stored: whether an earlier version has stored it; see :func:`kg.gate.claims_json_reading.read`.

    Returns:
        A copy of the document in which quotes have offsets, except those that could not be located; and the problems.
    """
    document = document.model_copy(deep=True)
    found = [*_identifiers(document), *_references(document), *_hash(document), *_segments(document)]
    locator = _QuoteLocator(document)
    found += claims_json_reading.kept(_reflexive(document)) if stored else _reflexive(document)
    for pointer, part in walk(document):
        if stored and isinstance(part, Time):
            found += _repair_season(pointer, part)
        found += _part(locator, pointer, part)
    return document, [*found, *_languages(document)]


def _part(locator: _QuoteLocator, pointer: str, part: DocumentPart) -> Iterator[ValidationResult]:
    if isinstance(part, Mention):
        yield from locator.check(pointer, part)
        if part.name is not None and part.start is not None and part.end is not None:
            yield from locator.check(f"{pointer}/name", part.name, QuoteSpan(part.start, part.end))
            if part.name.start is None:
                part.name = None  # it is reported already; the walk must not search the whole text for it
    elif isinstance(part, Quote):
        yield from locator.check(pointer, part)
    elif isinstance(part, Time):
        _fill_bounds(part)
    elif isinstance(part, Claim) and (part.affirms is None) == (part.denies is None):
        yield python_check_messages.result("B2", pointer=pointer, id=part.id)


def _hash(document: Document) -> Iterator[ValidationResult]:
    article = document.article
    if article.sha256 is not None and article.sha256 != (found := sha256(article.text)):
        yield python_check_messages.result("A2", pointer="/article/sha256", value=article.sha256, hash=found)


def _segments(document: Document) -> Iterator[ValidationResult]:
    for i, segment in enumerate(document.segments):
        if not segment.start < segment.end <= len(document.article.text):
            start, end = segment.start, segment.end
            yield python_check_messages.result(
                "A4-outside", pointer=f"/segments/{i}", id=segment.id, start=start, end=end
            )
    placed = sorted(enumerate(document.segments), key=lambda item: item[1].start)
    for (_, one), (i, other) in pairwise(placed):
        if other.start < one.end:
            yield python_check_messages.result(
                "A4-overlap", pointer=f"/segments/{i}", id=other.id, start=other.start, other=one.id, end=one.end
            )


def _identifiers(document: Document) -> Iterator[ValidationResult]:
    """Yield a problem for each id that is used twice (J4).

    Entities have one space of ids, which all articles share; all other parts of the article have another.
    """
    seen: dict[tuple[bool, str], str] = {}
    for name in ("entities", "segments", "times", "situations", "claims", "relations", "quantities"):
        for i, part in enumerate(getattr(document, name)):
            pointer = f"/{name}/{i}/id"
            first = seen.setdefault((name == "entities", part.id), pointer)
            if first != pointer:
                yield python_check_messages.result("J4", pointer=pointer, value=part.id, id=part.id, first=first)


def _references(document: Document) -> Iterator[ValidationResult]:
    """Yield a problem for each reference to a part that does not exist (J3)."""
    known: dict[str, set[str]] = defaultdict(set)
    for name in ("entities", "segments", "times", "situations", "claims"):
        known[name] = {part.id for part in getattr(document, name)}
    anything = set().union(*known.values())
    for pointer, part in walk(document):
        for field_property in properties_of(type(part)):
            if field_property.ref is None and field_property.key != "quantifies":
                continue
            allowed = known[field_property.ref] if field_property.ref else anything
            value = getattr(part, field_property.field)
            for i, identifier in enumerate(value if field_property.many else [value]):
                if identifier is not None and identifier not in allowed:
                    place = (
                        f"{pointer}/{field_property.key}/{i}"
                        if field_property.many
                        else f"{pointer}/{field_property.key}"
                    )
                    yield _dangling(place, identifier, field_property.ref)


def _reflexive(document: Document) -> Iterator[ValidationResult]:
    """Yield a problem for each part that refers to itself by a property that cannot be reflexive (C8).

    Properties whose circles of any length are reported (C3, C4, B9, G1) are not among them.
    """
    for pointer, part in walk(document):
        if isinstance(part, Relation):
            for i, target in enumerate(part.target):
                if target == part.source and part.type != REFLEXIVE_RELATION:
                    place = f"{pointer}/to/{i}"
                    yield python_check_messages.result("C8", pointer=place, value=target, id=target, relation=part.type)
            continue
        for field_property in properties_of(type(part)):
            if field_property.property not in IRREFLEXIVE or not isinstance(part, Situation | Time | Claim):
                continue
            value = getattr(part, field_property.field)
            for i, identifier in enumerate(value if field_property.many else [value]):
                if identifier == part.id:
                    key = field_property.key
                    place = f"{pointer}/{key}/{i}" if field_property.many else f"{pointer}/{key}"
                    yield python_check_messages.result("C8", pointer=place, value=part.id, id=part.id, relation=key)


def _dangling(pointer: str, identifier: str, listed: str | None) -> ValidationResult:
    if listed:
        return python_check_messages.result("J3-list", pointer=pointer, value=identifier, id=identifier, list=listed)
    return python_check_messages.result("J3-document", pointer=pointer, value=identifier, id=identifier)


class _QuoteLocator:
    """Locator of the quotes of one document.

    It searches for nearest words only a limited number of times, as that is slow.
    """

    def __init__(self, document: Document) -> None:
        self.text = document.article.text
        self.segments = {segment.id: QuoteSpan(segment.start, segment.end) for segment in document.segments}
        self.misses = 0

    def check(self, pointer: str, quote: Quote, within: QuoteSpan | None = None) -> Iterator[ValidationResult]:
        """Locate a quote without offsets, or check the offsets of one that has them.

        Args:
            pointer: JSON Pointer of the quote.
            quote: the quote; its offsets are set, or removed if it cannot be located.
            within: the span that it must lie in.
        """
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
            span = locate(text, quote.exact, region, nearest=region is None and self.misses < _NEAREST_SEARCHES)
        except QuoteNotLocated as error:
            self.misses += 1
            quote.start = quote.end = None
            yield self._missing(pointer, quote, region, error)
            return
        quote.start, quote.end, quote.exact = span.start, span.end, text[span.start : span.end]

    def _misplaced(self, pointer: str, quote: Quote, there: str) -> ValidationResult:
        """Return the problem of a quote whose words are not at its offsets, or that lies outside its mention."""
        exact, start, end = quote.exact[:_LONGEST_SHOWN], quote.start, quote.end
        if there == quote.exact:
            return python_check_messages.result(
                "A3-outside", pointer=pointer, value=quote.exact, exact=exact, start=start, end=end
            )
        return python_check_messages.result(
            "A3-words",
            pointer=pointer,
            value=quote.exact,
            exact=exact,
            start=start,
            end=end,
            there=there[:_LONGEST_SHOWN],
        )

    def _missing(
        self, pointer: str, quote: Quote, region: QuoteSpan | None, error: QuoteNotLocated
    ) -> ValidationResult:
        """Return the problem of a quote that was not located, with its place outside the region if it has one."""
        if region is None or error.found:
            return _unlocated(pointer, error)
        exact, start, end = quote.exact[:_LONGEST_SHOWN], region.start, region.end
        try:
            span = locate(self.text, quote.exact, nearest=self.misses < _NEAREST_SEARCHES)
        except QuoteNotLocated as again:
            elsewhere = _unlocated(pointer, again).messages
            return python_check_messages.result(
                "A3-region", pointer=pointer, value=quote.exact, exact=exact, start=start, end=end, elsewhere=elsewhere
            )
        there = f"{span.start}–{span.end}"
        return python_check_messages.result(
            "A3-moved", pointer=pointer, value=quote.exact, exact=exact, start=start, end=end, there=there
        )


def _unlocated(pointer: str, error: QuoteNotLocated) -> ValidationResult:
    """Return the problem of a quote that the whole text does not contain exactly once."""
    exact, nearest = _short(error.exact), _short(error.nearest)
    if error.found:
        places = ", ".join(f"{s.start}–{s.end}" for s in error.found[:5]) + ("…" if len(error.found) > 5 else "")
        return python_check_messages.result(
            "A3-several", pointer=pointer, value=error.exact, exact=exact, count=len(error.found), places=places
        )
    if not nearest:
        return python_check_messages.result("A3-missing", pointer=pointer, value=error.exact, exact=exact)
    if error.difference is None:
        return python_check_messages.result(
            "A3-nearest", pointer=pointer, value=error.exact, exact=exact, nearest=nearest
        )
    quoted, there = map(_character, error.difference)
    return python_check_messages.result(
        "A3-differs", pointer=pointer, value=error.exact, exact=exact, nearest=nearest, there=there, quoted=quoted
    )


def _character(char: str) -> Texts:
    """Return a character with its code point, such as “А” U+0410; a space or control character by code point alone."""
    code = f"U+{ord(char):04X}"
    if not char.isprintable() or char.isspace():
        return {"en": code, "uk": code}
    return {"en": f"“{char}” {code}", "uk": f"«{char}» {code}"}


def _short(text: str) -> str:
    """Return a text on one line, cut to the length that messages show."""
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST_SHOWN else flat[: _LONGEST_SHOWN - 3] + "…"


def _languages(document: Document) -> Iterator[ValidationResult]:
    """Yield a warning for each language, English or Ukrainian, in which labels are missing (J7).

    The competency questions show labels in both languages and omit resources without one.
    """
    labelled: list[Entity | Situation] = [*document.entities, *document.situations]
    for language in ("en", "uk"):
        lacking = [part.id for part in labelled if language not in part.label]
        if lacking:
            shown = ", ".join(lacking[:5]) + ("…" if len(lacking) > 5 else "")
            yield python_check_messages.result("J7", pointer="", language=language, count=len(lacking), ids=shown)


def _repair_season(pointer: str, time: Time) -> Iterator[ValidationResult]:
    """Correct the bounds of a winter that version 1 ended with the year, and yield a warning (F5)."""
    try:
        if not cut_at_year_end(time.edtf, time.not_before, time.not_after):
            return
    except ValueError:
        return
    time.not_before, time.not_after = bounds(time.edtf)
    yield python_check_messages.result(
        "F5", pointer=pointer, value=time.edtf, edtf=time.edtf, low=time.not_before, high=time.not_after
    )


def _fill_bounds(time: Time) -> None:
    """Fill in missing bounds from the EDTF string; constraint F4 reports a string that does not parse."""
    try:
        found = readings(time.edtf)
    except ValueError:
        return
    # One bound that is stated tells which of several winters is meant.
    stated = [r for r in found if r[0] == time.not_before or r[1] == time.not_after]
    low, high = (stated or found)[0]
    time.not_before = time.not_before or low
    time.not_after = time.not_after or high
