"""Which web pages may call the API from a browser (CORS, Fetch Standard). Nobody's, unless a setting says so.

The Reconciliation API is the exception that its specification demands: where anything may be read without a token, any
page may ask there, and only there, for what everybody may read.

Credentials of the browser (cookies, client certificates) are never allowed: a page that may write sends its token in
the Authorization header itself, and only from an origin that is named.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kg.errors import BadInput

Headers = tuple[tuple[bytes, bytes], ...]

_ORIGIN = re.compile(r"https?://(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(?::[1-9][0-9]{0,4})?")
_EXPOSED = (
    b"access-control-expose-headers",
    b"Claimgraph-Snapshot, Claimgraph-Sources, ETag, Location, Retry-After, WWW-Authenticate, X-Request-ID",
)
_VARY = (b"vary", b"Origin")
_MAX_AGE = (b"access-control-max-age", b"600")
_READ = (
    (b"access-control-allow-methods", b"GET, HEAD, POST"),
    (b"access-control-allow-headers", b"Accept, Content-Type, If-None-Match, X-Request-ID"),
)
_WRITE = (
    (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, DELETE"),
    (b"access-control-allow-headers", b"Accept, Authorization, Content-Type, If-Match, If-None-Match, X-Request-ID"),
)


@dataclass(frozen=True)
class CorsPolicy:
    """The origins that may call the API, with the headers for each made beforehand.

    Attributes:
        origins: exact origins; with them the answer depends on the origin that asks.
        anyone: any page may read, and none may send a token.
        otherwise: what an answer carries for an origin that is not listed, or for none.
    """

    origins: dict[bytes, Headers]
    anyone: bool
    otherwise: Headers

    @classmethod
    def parse(cls, text: str | None) -> CorsPolicy:
        """Read the setting: exact origins with spaces between, or ``*``; ``None`` allows nobody.

        Raises:
            BadInput: something that is no origin, or ``*`` beside others.
        """
        listed = (text or "").split()
        if listed == ["*"]:
            return cls({}, anyone=True, otherwise=(_allow(b"*"), _EXPOSED))
        for origin in listed:
            if not _ORIGIN.fullmatch(origin):
                raise BadInput(
                    f"KG_CORS_ORIGINS: “{origin}” is not an origin.",
                    remedy="List origins such as https://example.org (no path, lower case), or give * alone.",
                )
        origins: dict[bytes, Headers] = {
            origin.encode(): (_allow(origin.encode()), _EXPOSED, _VARY) for origin in listed
        }
        return cls(origins, anyone=False, otherwise=(_VARY,) if origins else ())

    def opened(self) -> CorsPolicy:
        """Give the same, with which any page may read besides, without a token."""
        return CorsPolicy(self.origins, True, (_allow(b"*"), _EXPOSED, *((_VARY,) if self.origins else ())))

    def headers(self, origin: bytes | None) -> Headers:
        """Give the headers of an answer to a request that came from ``origin``."""
        return self.origins.get(origin, self.otherwise) if origin else self.otherwise

    def preflight(self, origin: bytes | None) -> Headers | None:
        """Give what an answer to a preflight adds, or ``None`` where the origin may not call."""
        if origin in self.origins:
            return (*_WRITE, _MAX_AGE)
        return (*_READ, _MAX_AGE) if self.anyone and origin else None


def _allow(origin: bytes) -> tuple[bytes, bytes]:
    return (b"access-control-allow-origin", origin)
