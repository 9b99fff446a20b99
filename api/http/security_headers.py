"""Headers that every answer carries, whichever layer gives it."""

from __future__ import annotations

from typing import Final

SECURITY: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
"""A browser takes the media type as it is told, and tells other sites nothing of where it comes from."""

DATA_POLICY: Final = (
    b"content-security-policy",
    b"default-src 'none'; frame-ancestors 'none'; sandbox",
)
"""For answers that are no pages of ours: an RDF/XML document, which a browser shows, may hold scripts and forms."""

SAME_ORIGIN: Final = (b"cross-origin-resource-policy", b"same-origin")
CROSS_ORIGIN: Final = (b"cross-origin-resource-policy", b"cross-origin")
"""Whether pages of other sites may embed an answer without asking; they may when any site may read it (CORS)."""
