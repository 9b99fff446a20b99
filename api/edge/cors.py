"""CORS: the origins whose pages may call the API from a browser (Fetch Standard); none unless set.

The Reconciliation API is the exception that its specification demands. If anything may be read without a token, pages
of all origins may call this API for public data. The other exception are documents that are the same on every server,
such as the JSON-LD context.

Browser credentials (cookies, client certificates) are never allowed. A page that may write sends its token in the
Authorization header, and only from a listed origin.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kg.errors import BadInput

Headers = tuple[tuple[bytes, bytes], ...]

_ORIGIN = re.compile(r"https?://(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(?::[1-9][0-9]{0,4})?")
_EXPOSED = (
    b"access-control-expose-headers",
    b"Accept-Ranges, Claimgraph-Snapshot, Claimgraph-Sources, Content-Range, ETag, Link, Location, Retry-After, "
    b"WWW-Authenticate, X-Request-ID",
)
_VARY = (b"vary", b"Origin")
_MAX_AGE = (b"access-control-max-age", b"600")
_READ = (
    (b"access-control-allow-methods", b"GET, HEAD, POST"),
    (
        b"access-control-allow-headers",
        b"Accept, Content-Encoding, Content-Type, If-None-Match, If-Range, Range, X-Request-ID",
    ),
)
_WRITE = (
    (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, DELETE"),
    (
        b"access-control-allow-headers",
        b"Accept, Authorization, Content-Encoding, Content-Type, If-Match, If-None-Match, If-Range, Range, "
        b"X-Request-ID",
    ),
)


@dataclass(frozen=True)
class CorsPolicy:
    """Origins that may call the API, each with its prepared response headers.

    Attributes:
        origins: listed origins with their headers; if there are any, responses vary by origin.
        anyone: whether pages of all origins may read, without a token.
        otherwise: headers for other origins and for requests without one.
    """

    origins: dict[bytes, Headers]
    anyone: bool
    otherwise: Headers

    @classmethod
    def parse(cls, text: str | None) -> CorsPolicy:
        """Parse the setting: exact origins separated by spaces, or ``*``; ``None`` allows no origin.

        Raises:
            BadInput: an entry is not an origin, or ``*`` is not alone.
        """
        listed = (text or "").split()
        if listed == ["*"]:
            return cls({}, anyone=True, otherwise=(_allow(b"*"), _EXPOSED))
        for origin in listed:
            if not _ORIGIN.fullmatch(origin):
                raise BadInput(
                    f"KG_CORS_ORIGINS: “{origin}” is not an origin.",
                    remedy="List origins such as https://example.org (no path, lower case), or set * alone.",
                )
        origins: dict[bytes, Headers] = {
            origin.encode(): (_allow(origin.encode()), _EXPOSED, _VARY) for origin in listed
        }
        # With listed origins, even responses without CORS headers vary by origin, or a shared cache would mix them up.
        return cls(origins, anyone=False, otherwise=(_VARY,) if origins else ())

    def with_public_reads(self) -> CorsPolicy:
        """Return this policy extended so that pages of all origins may read, without a token."""
        return CorsPolicy(self.origins, True, (_allow(b"*"), _EXPOSED, *((_VARY,) if self.origins else ())))

    def headers(self, origin: bytes | None) -> Headers:
        """Return the CORS headers of a response to a request from ``origin``."""
        return self.origins.get(origin, self.otherwise) if origin else self.otherwise

    def preflight(self, origin: bytes | None) -> Headers | None:
        """Return the further headers of a preflight response, or ``None`` if the origin may not call."""
        if origin in self.origins:
            return (*_WRITE, _MAX_AGE)
        return (*_READ, _MAX_AGE) if self.anyone and origin else None


def _allow(origin: bytes) -> tuple[bytes, bytes]:
    return (b"access-control-allow-origin", origin)
