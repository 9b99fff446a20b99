"""Security headers of every response, whichever layer sends it."""

from __future__ import annotations

from typing import Final

SECURITY: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
"""Browsers must not guess another media type, and send no Referer to other sites."""

DATA_POLICY: Final = (
    b"content-security-policy",
    b"default-src 'none'; frame-ancestors 'none'; sandbox",
)
"""Policy for all responses but the application's pages: RDF/XML, which browsers render, may hold scripts and forms."""

SAME_ORIGIN: Final = (b"cross-origin-resource-policy", b"same-origin")
CROSS_ORIGIN: Final = (b"cross-origin-resource-policy", b"cross-origin")
"""Whether pages of other sites may embed a response without CORS; they may if any site may read it anyway."""
