"""Content codings of responses (RFC 9110, clause 8.4): which one a client accepts, encoding, and entity tags.

The compressed form of a response is another representation, so it has a tag of its own: ``"5f-1a-9b"`` becomes
``"5f-1a-9b-gzip"``. The same content always yields the same bytes, as the tag is strong.
"""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Final

SMALLEST: Final = 2048
"""Bytes below which a body is sent as it is: a packet holds it anyway."""

_FAST_FROM = 1024 * 1024
"""Bytes from which speed counts more than size: half of the time for a tenth more bytes."""

_GZIP = 16 + zlib.MAX_WBITS

_PLAIN_TYPES = re.compile(
    rb"text/.*|[^/]+/[^;]*\+(?:json|xml)|application/(?:json|xml|n-triples|n-quads|trig|sparql-query|sparql-update)"
)
_ELEMENT = re.compile(r"\s*([A-Za-z0-9!#$%&'*+.^_`|~-]+)\s*(?:;\s*[qQ]\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?")


def _gzip(data: bytes) -> bytes:
    """Return gzip without a time in its header."""
    packer = zlib.compressobj(6 if len(data) < _FAST_FROM else 3, zlib.DEFLATED, _GZIP)
    return packer.compress(data) + packer.flush()


_CODERS: dict[str, Callable[[bytes], bytes]] = {"gzip": _gzip}

if sys.version_info >= (3, 14):
    from compression import zstd

    _CODERS = {"zstd": zstd.compress, **_CODERS}

CODINGS: Final = tuple(_CODERS)
"""Content codings that are available, in order of preference."""


@lru_cache(maxsize=256)
def choose(accepted: str) -> str | None:
    """Return the coding that a client prefers by its ``Accept-Encoding``; ``None`` for the content as it is.

    >>> choose("br, gzip;q=0.8"), choose("gzip;q=0, identity"), choose("identity, gzip;q=0.5")
    ('gzip', None, None)
    """
    weights: dict[str, float] = {}
    for item in accepted.split(","):
        if found := _ELEMENT.fullmatch(item):
            weights[found[1].lower().removeprefix("x-")] = float(found[2] or 1)
    rest = weights.get("*", 0.0)
    best = max(CODINGS, key=lambda coding: weights.get(coding, rest))
    weight = weights.get(best, rest)
    return best if weight > 0 and weight >= weights.get("identity", 0.0) else None


def is_compressible(content_type: bytes) -> bool:
    """Return whether a media type is one of text, which compression makes several times smaller."""
    return _PLAIN_TYPES.match(content_type.lower()) is not None


def encode(data: bytes, coding: str) -> bytes:
    """Return the content in a coding."""
    return _CODERS[coding](data)


def tag_of(tag: bytes, coding: str) -> bytes:
    """Return the entity tag of the content in a coding, from that of the content as it is."""
    return tag[:-1] + b"-" + coding.encode() + b'"'


def without_coding(condition: bytes, coding: str) -> bytes:
    """Return an ``If-None-Match`` with the tags of a coding replaced by those of the content as it is."""
    return condition.replace(b"-" + coding.encode() + b'"', b'"')
