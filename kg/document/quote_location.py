"""Location of quotes in a text: exact, or after one-to-one typographic folding; never approximate.

Offsets count Unicode code points from 0, half-open, like slices of Python strings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

_FOLDS = {
    "'": "\u2018\u2019\u201b\u02bc\u02b9\u2032\u0060\u00b4\uff07",
    '"': "\u00ab\u00bb\u201c\u201d\u201e\u201f\u2033\uff02",
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u00ad",
    " ": "\u00a0\u2007\u2009\u202f\u2002\u2003\u200a\u3000\t",
}
_FOLD = str.maketrans({char: plain for plain, chars in _FOLDS.items() for char in chars})
_ZERO_WIDTH = frozenset("\u200b\u200c\u200d\u2060\ufeff\u200e\u200f")
_LONGEST_FOR_NEAREST = 20_000
"""Code points of the text that are searched for the nearest words; the search takes quadratic time."""


@dataclass(frozen=True)
class QuoteSpan:
    """A half-open range ``[start, end)`` of a text, in code points."""

    start: int
    end: int

    def within(self, other: QuoteSpan) -> bool:
        """Return whether this span lies inside the other."""
        return other.start <= self.start and self.end <= other.end


class QuoteNotLocated(ValueError):
    """A quote that is missing from the text or ambiguous.

    Attributes:
        exact: the quoted words.
        found: the spans where they occur (empty, or more than one).
        nearest: the most similar words of the text, for a missing quote; empty if they were not searched or not found.
    """

    def __init__(self, exact: str, found: list[QuoteSpan], nearest: str = "") -> None:
        super().__init__(f"The quote occurs {len(found)} times in the text, not once.")
        self.exact = exact
        self.found = found
        self.nearest = nearest

    @property
    def difference(self) -> tuple[str, str] | None:
        """The first characters of the quote and of the nearest words that differ.

        Letters of two scripts, or two kinds of space, may look the same: Latin “A” (U+0041), Cyrillic “А” (U+0410).
        """
        pairs = zip(self.exact, self.nearest, strict=False)
        return next(((quoted, there) for quoted, there in pairs if quoted != there), None)


def locate(text: str, exact: str, within: QuoteSpan | None = None, *, nearest: bool = True) -> QuoteSpan:
    """Return the only place of a quote in a text.

    Args:
        text: the whole text.
        exact: the quoted words; not empty.
        within: the span to search; ``None`` for the whole text.
        nearest: whether to search for the most similar words if the quote is missing, which is slow.

    Raises:
        QuoteNotLocated: the quote is missing or occurs more than once.
    """
    region = within or QuoteSpan(0, len(text))
    found = list(_occurrences(text, exact, region)) or list(_folded_occurrences(text, exact, region))
    if len(found) == 1:
        return found[0]
    raise QuoteNotLocated(exact, found, _nearest(text, exact) if nearest and not found else "")


def _occurrences(text: str, exact: str, region: QuoteSpan) -> Iterator[QuoteSpan]:
    at = text.find(exact, region.start, region.end)
    while at >= 0:
        yield QuoteSpan(at, at + len(exact))
        at = text.find(exact, at + 1, region.end)


def _folded_occurrences(text: str, exact: str, region: QuoteSpan) -> Iterator[QuoteSpan]:
    r"""Yield the places of a quote with typographic variants treated as equal and zero-width characters ignored.

    Folding replaces one character by one, so an index into the folded text is an index into ``places``, which maps it
    back to the text. Example: “a\u200bb’c” folds to “ab'c” with ``places`` [0, 2, 3, 4].
    """
    places = [i for i in range(region.start, region.end) if text[i] not in _ZERO_WIDTH]
    folded = "".join(text[i] for i in places).translate(_FOLD)
    wanted = "".join(char for char in exact if char not in _ZERO_WIDTH).translate(_FOLD)
    if wanted:
        for span in _occurrences(folded, wanted, QuoteSpan(0, len(folded))):
            yield QuoteSpan(places[span.start], places[span.end - 1] + 1)


def _nearest(text: str, exact: str) -> str:
    """Return the words of the text around the longest substring shared with the quote; empty if it is below 3 letters.

    Example: the quote “Vladimir Putin” against “… said Wladimir Putin …” shares “ladimir Putin”; the stretch starts one
    code point before it, as the quote does, and is as long as the quote: “Wladimir Putin”.
    """
    sample = text[:_LONGEST_FOR_NEAREST]
    match = SequenceMatcher(None, sample, exact[:500], autojunk=False).find_longest_match()
    if match.size < 3:
        return ""
    start = max(0, match.a - match.b)
    return sample[start : start + len(exact)]
