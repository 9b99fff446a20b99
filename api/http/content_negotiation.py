"""Content negotiation: the media type that a client prefers by its ``Accept`` header (RFC 9110, clause 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

# One that is not closed lasts to the end: otherwise each of its marks would be tried as the beginning of another one,
# which takes quadratic time.
_QUOTED = r'"(?:\\.|[^"\\])*+(?:"|\\?\Z)'
# Elements are separated by commas and their parts by semicolons, but not within quoted strings.
_ITEM = re.compile(rf'(?:[^,"]|{_QUOTED})++', re.DOTALL)
_PART = re.compile(rf'(?:[^;"]|{_QUOTED})++', re.DOTALL)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

_MAX_RANGES = 100
"""Elements of an ``Accept`` header that are parsed; parsing 12,000 takes a third of a second."""


@dataclass(frozen=True)
class MediaRange:
    """One element of an ``Accept`` header.

    Attributes:
        kind, subtype: type and subtype in lower case; ``*`` matches all.
        parameters: parameters except the weight; names in lower case.
        quality: the weight, from 0 (not acceptable) to 1.
    """

    kind: str
    subtype: str
    parameters: tuple[tuple[str, str], ...]
    quality: float

    def precision(self, offer: str) -> int:
        """Return how precisely this range matches an offer.

        0: not at all; 1: ``*/*``; 2: ``type/*``; 3: the type with other parameters; 4: the type itself. Offers have the
        charset UTF-8 and no other variants, so a range with other parameters matches less precisely than a bare one.
        """
        kind, _, subtype = offer.partition("/")
        if self.kind == "*" and self.subtype == "*":
            return 1
        if self.kind != kind or self.subtype not in ("*", subtype):
            return 0
        if self.subtype == "*":
            return 2
        return 4 if all(pair == ("charset", "utf-8") for pair in self.parameters) else 3


def parse_accept(header: str) -> list[MediaRange]:
    """Parse the first 100 ranges of an ``Accept`` header; malformed elements are ignored."""
    ranges = (_media_range(item[0]) for item in islice(_ITEM.finditer(header), _MAX_RANGES))
    return [found for found in ranges if found is not None]


def best(header: str | None, offers: Sequence[str]) -> str | None:
    """Return the offer that the client prefers, or ``None`` if it accepts none of them (status 406).

    Each offer has the weight of the most precise range that matches it; of equal weights, the earlier offer wins. A
    header that is absent or has only malformed elements accepts everything.

    >>> best("text/*;q=0.5, text/turtle", ["application/trig", "text/csv", "text/turtle"])
    'text/turtle'
    """
    ranges = parse_accept(header or "")
    if not ranges:
        return offers[0]
    weight, offer = max(((_weight(ranges, offer), offer) for offer in offers), key=lambda pair: pair[0])
    return offer if weight > 0 else None


def _weight(ranges: Sequence[MediaRange], offer: str) -> float:
    """Return the weight of an offer, from 0 (not acceptable) to 1."""
    matching = [(found.precision(offer), found.quality) for found in ranges if found.precision(offer)]
    return max(matching, default=(0, 0.0))[1]


def _media_range(item: str) -> MediaRange | None:
    """Parse one element such as ``text/*;q=0.5``; return ``None`` if it is malformed."""
    name, *rest = [part.strip() for part in _PART.findall(item)] or [""]
    name = "*/*" if name == "*" else name.lower()  # Java's URLConnection sends a single star
    kind, slash, subtype = name.partition("/")
    if not (slash and _TOKEN.fullmatch(kind) and _TOKEN.fullmatch(subtype)) or (kind == "*" and subtype != "*"):
        return None
    parameters = {}
    for part in rest:
        key, _, value = part.partition("=")
        parameters[key.strip().lower()] = re.sub(r"\\(.)", r"\1", value.strip().strip('"'))
    quality = _quality(parameters.pop("q", "1"))
    if quality is None:
        return None
    if "charset" in parameters:
        parameters["charset"] = parameters["charset"].lower()
    return MediaRange(kind, subtype, tuple(sorted(parameters.items())), quality)


def _quality(text: str) -> float | None:
    """Parse a weight from 0 to 1, with any number of decimals; return ``None`` if it is malformed."""
    return float(text) if re.fullmatch(r"0?\.\d+|0|1(\.0*)?|0\.", text) else None
