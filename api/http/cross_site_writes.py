"""Writes that a page of another site sends through a visitor's browser, with credentials that the browser adds itself.

A browser adds Basic credentials and cookies to every request to a host, whichever page causes it; a bearer token is
only sent by a program that knows it. This server asks for neither, but a proxy in front of it may.
"""

from __future__ import annotations

from collections.abc import Collection

from fastapi import Request

from kg.errors import Forbidden

_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
_OWN_SITES = frozenset(("same-origin", "none"))
"""Values of ``Sec-Fetch-Site`` for this origin's own pages, and for what a visitor does without a page (an address)."""


def refuse(request: Request, trusted: Collection[str]) -> None:
    """Refuse a write with Basic credentials or a cookie that a page of another origin has caused.

    Args:
        request: the request.
        trusted: origins whose pages may write; that of the request itself always may.

    Raises:
        Forbidden: ``Origin`` or ``Sec-Fetch-Site`` names another origin.
    """
    if request.method not in _SAFE and _added_by_browser(request) and _from_elsewhere(request, trusted):
        raise Forbidden(
            "A page of another site has sent this write, with credentials that the browser adds by itself.",
            remedy="Send “Authorization: Bearer …” and no cookie, or list the page's origin in KG_CORS_ORIGINS.",
        )


def _added_by_browser(request: Request) -> bool:
    basic = request.headers.get("authorization", "").partition(" ")[0].lower() == "basic"
    return basic or "cookie" in request.headers


def _from_elsewhere(request: Request, trusted: Collection[str]) -> bool:
    """Return whether a browser says that a page of an origin not trusted has caused a request; programs say nothing."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if origin in trusted:
        return False
    if site is not None and site not in _OWN_SITES:
        return True
    if origin == "null":
        # Forms of the own pages send it, as their Referrer-Policy is no-referrer. Browsers add Sec-Fetch-Site only on
        # https and localhost; elsewhere the form of a page is known by the token in it, in place of the header.
        return site is None and "authorization" in request.headers
    # Schemes are not compared: a proxy that ends TLS need not tell its own.
    return origin is not None and origin.partition("://")[2].lower() != request.headers.get("host", "").lower()
