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

from kg.claims import Claim, Document, Entity, Mention, Part, Quote, Situation, Time
from kg.errors import MalformedText
from kg.mapping import sha256
from kg.quotes import QuoteNotLocated, Span, locate
from kg.report import Result
from kg.slots import slots_of, walk
from kg.times import bounds

_MISSES_SHOWN = 20
_REMEDIES = {
    "J2": {
        "en": "Correct the field; `kg schema` prints the contract.",
        "uk": "Виправте поле; `kg schema` друкує опис формату.",
    },
    "J3": {
        "en": "Add the missing item to its list, or correct the id.",
        "uk": "Додайте відсутній елемент до його списку або виправте ідентифікатор.",
    },
    "J4": {
        "en": "Give every item an id of its own.",
        "uk": "Дайте кожному елементу власний ідентифікатор.",
    },
    "J5": {
        "en": "Send a document with less nesting.",
        "uk": "Надішліть документ із меншою вкладеністю.",
    },
    "J7": {
        "en": "Add the label, so that questions and pages in that language show it.",
        "uk": "Додайте назву, щоб її показували запитання й сторінки цією мовою.",
    },
    "J6": {
        "en": "If it is the same, give it the same class and label; if not, choose another id.",
        "uk": "Якщо це те саме, дайте йому той самий клас і назву; якщо ні, виберіть інший ідентифікатор.",
    },
    "A2": {
        "en": "Hash the very text that is sent (UTF-8, SHA-256), or leave sha256 out.",
        "uk": "Обчисліть хеш саме надісланого тексту (UTF-8, SHA-256) або не вказуйте sha256.",
    },
    "A4": {
        "en": "Give segments that follow each other without overlap, each with a start before its end.",
        "uk": "Вкажіть сегменти, що йдуть один за одним без перетинів, кожен із початком перед кінцем.",
    },
    "A3": {
        "en": "Copy the words from the text as they stand; for words that occur more than once give start and end, or "
        "segment.",
        "uk": "Скопіюйте слова з тексту дослівно; для слів, що трапляються кілька разів, вкажіть start і end або "
        "segment.",
    },
    "B2": {
        "en": "Give the claim either `affirms` or `denies`, and only one of them.",
        "uk": "Вкажіть у твердженні або `affirms`, або `denies`, і лише щось одне.",
    },
}


def shared_entities(document: Document, stored: Callable[[str], Entity | None]) -> Iterator[Result]:
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
            en = f"The id {entity.id} stands in another article for “{name}” ({known.type})."
            uk = f"В іншій статті ідентифікатор {entity.id} позначає «{name}» ({known.type})."
            found = problem("J6", f"/entities/{i}", en, uk, entity.id)
            yield found.model_copy(update={"severity": "Warning"})


def problem(constraint: str, pointer: str, en: str, uk: str, value: object = None) -> Result:
    """Make a violation that was found in the document."""
    return Result(
        constraint=constraint,
        severity="Violation",
        messages={"en": en, "uk": uk},
        pointer=pointer,
        value=None if value is None else str(value)[:500],
        remedies=_REMEDIES[constraint],
    )


def read(data: bytes) -> tuple[Document | None, list[Result]]:
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


def _formal(item: Any) -> Result:
    """Turn one of pydantic's findings into a result, with a JSON Pointer."""
    message = str(item["msg"]).removeprefix("Value error, ")
    if item["type"] == "json_invalid":
        if "recursion" in message:
            uk = "Документ вкладено надто глибоко."
            return problem("J5", "", "The document is nested too deeply.", uk)
        found = re.search(r"line (\d+) column (\d+)", message)
        line, column = (int(found[1]), int(found[2])) if found else (None, None)
        raise MalformedText(message, remedy="Send well-formed JSON.", line=line, column=column)
    pointer = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in item["loc"])
    value = item.get("input")
    shown = value if isinstance(value, str | int | float) else None
    return problem("J2", pointer, f"{message}.", f"Поле {pointer or '/'} не відповідає формату документа.", shown)


def resolve(document: Document) -> tuple[Document, list[Result]]:
    """Locate every quote and check what a schema cannot.

    Returns:
        A copy with located quotes and filled bounds (a quote that could not be located has no offsets), and every
        problem found.
    """
    document = document.model_copy(deep=True)
    found = [*_identifiers(document), *_references(document), *_hash(document), *_segments(document)]
    locator = _Locator(document)
    for pointer, part in walk(document):
        found += _part(locator, pointer, part)
    return document, [*found, *_languages(document)]


def _part(locator: _Locator, pointer: str, part: Part) -> Iterator[Result]:
    if isinstance(part, Mention):
        yield from locator.check(pointer, part)
        if part.name is not None and part.start is not None and part.end is not None:
            yield from locator.check(f"{pointer}/name", part.name, Span(part.start, part.end))
            if part.name.start is None:
                part.name = None  # reported once; the walk shall not look for it in the whole text
    elif isinstance(part, Quote):
        yield from locator.check(pointer, part)
    elif isinstance(part, Time):
        _fill_bounds(part)
    elif isinstance(part, Claim) and (part.affirms is None) == (part.denies is None):
        en = f"Claim {part.id} must affirm or deny exactly one situation."
        yield problem(
            "B2", pointer, en, f"Твердження {part.id} має підтверджувати або заперечувати рівно одну ситуацію."
        )


def _hash(document: Document) -> Iterator[Result]:
    article = document.article
    if article.sha256 is not None and article.sha256 != sha256(article.text):
        en = f"The hash is not that of the text, which is {sha256(article.text)}."
        yield problem("A2", "/article/sha256", en, "Хеш не відповідає тексту.", article.sha256)


def _segments(document: Document) -> Iterator[Result]:
    for i, segment in enumerate(document.segments):
        if not segment.start < segment.end <= len(document.article.text):
            en = f"Segment {segment.id} ({segment.start}–{segment.end}) does not lie in the text."
            yield problem("A4", f"/segments/{i}", en, f"Сегмент {segment.id} лежить поза текстом.")
    placed = sorted(enumerate(document.segments), key=lambda item: item[1].start)
    for (_, one), (i, other) in pairwise(placed):
        if other.start < one.end:
            en = f"Segment {other.id} begins at {other.start}, before segment {one.id} ends at {one.end}."
            yield problem("A4", f"/segments/{i}", en, f"Сегмент {other.id} перетинається з сегментом {one.id}.")


def _identifiers(document: Document) -> Iterator[Result]:
    """Entities share one space of ids; everything else in the article another."""
    seen: dict[tuple[bool, str], str] = {}
    for name in ("entities", "segments", "times", "situations", "claims", "relations", "quantities"):
        for i, part in enumerate(getattr(document, name)):
            pointer = f"/{name}/{i}/id"
            first = seen.setdefault((name == "entities", part.id), pointer)
            if first != pointer:
                en = f"The id {part.id} is taken already, at {first}."
                yield problem("J4", pointer, en, f"Ідентифікатор {part.id} уже використано в {first}.", part.id)


def _references(document: Document) -> Iterator[Result]:
    """Report every reference that leads nowhere."""
    known: dict[str, set[str]] = defaultdict(set)
    for name in ("entities", "segments", "times", "situations", "claims"):
        known[name] = {part.id for part in getattr(document, name)}
    anything = set().union(*known.values())
    for pointer, part in walk(document):
        for slot in slots_of(type(part)):
            if slot.ref is None and slot.key != "quantifies":
                continue
            allowed = known[slot.ref] if slot.ref else anything
            value = getattr(part, slot.field)
            for i, identifier in enumerate(value if slot.many else [value]):
                if identifier is not None and identifier not in allowed:
                    place = f"{pointer}/{slot.key}/{i}" if slot.many else f"{pointer}/{slot.key}"
                    where = slot.ref or "the document"
                    en = f"There is no {identifier} in {where}."
                    yield problem("J3", place, en, f"{identifier} немає в {where}.", identifier)


class _Locator:
    """Finds the quotes of one document; it looks for nearest words only a few times, as that is slow."""

    def __init__(self, document: Document) -> None:
        self.text = document.article.text
        self.segments = {segment.id: Span(segment.start, segment.end) for segment in document.segments}
        self.misses = 0

    def check(self, pointer: str, quote: Quote, within: Span | None = None) -> Iterator[Result]:
        """Locate a quote, or check where it says that it stands; ``within`` is where it has to lie."""
        text = self.text
        if quote.start is not None and quote.end is None:
            quote.end = quote.start + len(quote.exact)
        if quote.start is not None and quote.end is not None:
            inside = within is None or Span(quote.start, quote.end).within(within)
            there = text[quote.start : quote.end]
            if there == quote.exact and inside:
                return
            en = f"The words at {quote.start}–{quote.end} are “{there[:120]}”, not “{quote.exact[:120]}”."
            uk = f"На місці {quote.start}–{quote.end} стоїть «{there[:120]}», а не «{quote.exact[:120]}»."
            if there == quote.exact:
                en = f"“{quote.exact[:120]}” at {quote.start}–{quote.end} does not lie inside its mention."
                uk = f"«{quote.exact[:120]}» на місці {quote.start}–{quote.end} лежить поза своєю згадкою."
            quote.start = quote.end = None
            yield problem("A3", pointer, en, uk, quote.exact)
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

    def _missing(self, pointer: str, quote: Quote, region: Span | None, error: QuoteNotLocated) -> Result:
        """Report a quote that stands nowhere, or too often; and where else it is, if it has to be in a region."""
        if region is None or error.found:
            uk = "Цитату знайдено в кількох місцях тексту." if error.found else "Цитати немає в тексті."
            uk += f" Найближче: «{error.nearest}»." if error.nearest else ""
            return problem("A3", pointer, str(error), uk, quote.exact)
        en = f"“{quote.exact[:120]}” is not between {region.start} and {region.end}, where it has to be"
        uk = f"«{quote.exact[:120]}» немає між {region.start} і {region.end}, де ці слова мають бути."
        try:
            span = locate(self.text, quote.exact, nearest=self.misses < _MISSES_SHOWN)
        except QuoteNotLocated as elsewhere:
            return problem("A3", pointer, f"{en}. {elsewhere}", uk, quote.exact)
        return problem("A3", pointer, f"{en}; it stands at {span.start}–{span.end}.", uk, quote.exact)


def _languages(document: Document) -> Iterator[Result]:
    """Warn where labels lack English or Ukrainian: the questions show both, and leave out what has neither."""
    labelled: list[Entity | Situation] = [*document.entities, *document.situations]
    for language in ("en", "uk"):
        lacking = [part.id for part in labelled if language not in part.label]
        if lacking:
            shown = ", ".join(lacking[:5]) + ("…" if len(lacking) > 5 else "")
            en = f"{len(lacking)} labels are not given in “{language}”: {shown}."
            found = problem("J7", "", en, f"Немає {len(lacking)} назв мовою «{language}»: {shown}.")
            yield found.model_copy(update={"severity": "Warning"})


def _fill_bounds(time: Time) -> None:
    """Take missing bounds from the EDTF string; whether it can be read is for constraint F4 to say."""
    try:
        low, high = bounds(time.edtf)
    except ValueError:
        return
    time.not_before = time.not_before or low
    time.not_after = time.not_after or high
