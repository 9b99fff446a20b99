"""Content negotiation by ``Accept`` (RFC 9110, clause 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_QUOTED = r'"(?:\\.|[^"\\])*"'
_ITEM = re.compile(rf'(?:[^,"]|{_QUOTED})+')
_PART = re.compile(rf'(?:[^;"]|{_QUOTED})+')
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True)
class MediaRange:
    """One element of an ``Accept`` header.

    Attributes:
        kind, subtype: lower case; ``*`` matches all.
        parameters: what follows, but for the weight; names in lower case.
        quality: the weight, 0 (never) to 1.
    """

    kind: str
    subtype: str
    parameters: tuple[tuple[str, str], ...]
    quality: float

    def precision(self, offer: str) -> int:
        """Tell how closely this range fits an offer: 0 not at all, then ``*/*``, ``type/*``, and the type itself.

        We offer UTF-8 and no other variants, so a range with any other parameter fits more loosely than a bare one.
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
    """Read the ranges of an ``Accept`` header; elements that cannot be read are left out."""
    ranges = (_media_range(item) for item in _ITEM.findall(header))
    return [found for found in ranges if found is not None]


def best(header: str | None, offers: Sequence[str]) -> str | None:
    """Choose the offer that the client prefers, or ``None`` when it takes none (status 406).

    Each offer gets the weight of the most precise range that fits it; equal weights go to the earlier offer. A header
    that is absent or holds nothing that can be read accepts everything.

    >>> best("text/*;q=0.5, text/turtle", ["application/trig", "text/csv", "text/turtle"])
    'text/turtle'
    """
    ranges = parse_accept(header or "")
    if not ranges:
        return offers[0]
    weight, offer = max(((_weight(ranges, offer), offer) for offer in offers), key=lambda pair: pair[0])
    return offer if weight > 0 else None


def _weight(ranges: Sequence[MediaRange], offer: str) -> float:
    fitting = [(found.precision(offer), found.quality) for found in ranges if found.precision(offer)]
    return max(fitting, default=(0, 0.0))[1]


def _media_range(item: str) -> MediaRange | None:
    name, *rest = [part.strip() for part in _PART.findall(item)] or [""]
    name = "*/*" if name == "*" else name.lower()  # Java's URLConnection sends a lone star
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
    return float(text) if re.fullmatch(r"0?\.\d+|0|1(\.0*)?|0\.", text) else None
