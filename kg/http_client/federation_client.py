"""Client for SPARQL endpoints and RDF documents: only URLs on the allow-lists, with limits of time, size and number.

A name is looked up once; if any of its addresses is not public, no request is sent. Compressed responses are refused,
so that a small response cannot become a large one.
"""

from __future__ import annotations

import math
import threading
import time
import urllib.parse
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING

from cachetools import TTLCache

from kg.config import OutgoingSettings
from kg.errors import Forbidden, Unreachable
from kg.http_client.allowlist import AllowedAddress, AllowList
from kg.http_client.pinned_connection import (
    ConnectionBounds,
    DeadlinePassed,
    IncomingResponse,
    OutgoingRequest,
    RequestFailed,
    ResponseTooLarge,
    exchange,
    tls_context,
)
from kg.http_client.private_address_guard import address_of, is_public, look_up
from kg.http_client.url import NormalUrl

if TYPE_CHECKING:
    import ssl

_MAX_CONCURRENT = 4
"""Requests to the same URL at a time."""

_CONNECT_SECONDS = 5
_MAX_CACHED = 64
_CACHED_BYTES = 32 * 1024 * 1024
_RESULTS = "application/sparql-results+json"
_DOCUMENTS = (
    "text/turtle, application/n-triples, application/ld+json;q=0.9, application/rdf+xml;q=0.8, application/trig;q=0.5"
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A response from another server.

    Attributes:
        content: its body.
        media_type: in lower case, without parameters; empty if the server names none.
        retrieved: when the request was sent (UTC).
        cached: whether it comes from the cache.
        identity: a random id, unique to this response.
    """

    content: bytes = field(repr=False)
    media_type: str
    retrieved: datetime
    cached: bool = False
    identity: str = field(default_factory=lambda: uuid.uuid4().hex)


class FederationClient:
    """Client for the URLs on the allow-lists. Safe to use from any thread; a call blocks until its deadline at most.

    Attributes:
        settings: as given.
    """

    def __init__(self, settings: OutgoingSettings) -> None:
        """Parse the allow-lists.

        Raises:
            BadInput: an entry is malformed.
        """
        self.settings = settings
        self._service = AllowList(settings.allow_service, "KG_ALLOW_SERVICE")
        self._load = AllowList(settings.allow_load, "KG_ALLOW_LOAD")
        self._cache = _Cache(settings.cache_seconds)
        self._lock = threading.Lock()
        self._slots: dict[NormalUrl, threading.BoundedSemaphore] = {}

    def __bool__(self) -> bool:
        """Return whether any URL is allowed at all."""
        return bool(len(self._service) or len(self._load))

    def allows_service(self, iri: str) -> bool:
        """Return whether SERVICE may name ``iri``."""
        return self._service.find(iri) is not None

    def allows_load(self, iri: str) -> bool:
        """Return whether LOAD may name ``iri``."""
        return self._load.find(iri) is not None

    def deadline(self) -> float:
        """Return the deadline of a user request that begins now, on the monotonic clock."""
        return time.monotonic() + self.settings.seconds

    def ask(self, endpoint: str, query: str, deadline: float) -> Fetched:
        """Return the response of an endpoint to a query (SPARQL 1.1 Protocol, clause 2.1.2), possibly from the cache.

        Raises:
            Forbidden: the endpoint is not on the allow-list, or its name leads to an address that is not public.
            Unreachable: it sends no valid response within the limits and the deadline (see :meth:`deadline`).
        """
        entry = self._service.find(endpoint)
        if entry is None:
            raise _not_allowed(endpoint, self._service)
        # Keyed by the URL of the entry: two names that map to one URL share their responses.
        key = (entry.url, query)
        if found := self._cache.get(key):
            return found
        headers = {"Accept": _RESULTS, "Content-Type": "application/x-www-form-urlencoded"}
        body = urllib.parse.urlencode({"query": query}).encode()
        fetched = self._fetch(entry, OutgoingRequest(entry.url, headers, body), deadline)
        if fetched.media_type not in (_RESULTS, "application/json"):
            raise Unreachable(f"{entry.name} responded with “{fetched.media_type[:80]}” instead of {_RESULTS}.")
        self._cache.put(key, fetched)
        return fetched

    def forget(self, endpoint: str, query: str) -> None:
        """Remove a response from the cache, because it turned out to be invalid."""
        if entry := self._service.find(endpoint):
            self._cache.drop((entry.url, query))

    def fetch(self, document: str, deadline: float) -> Fetched:
        """Fetch an RDF document; it is never cached.

        Args:
            document: IRI that the update names.
            deadline: on the monotonic clock; see :meth:`deadline`.

        Raises:
            Forbidden: the document is not on the allow-list, or its name leads to an address that is not public.
            Unreachable: it does not arrive within the limits.
        """
        entry = self._load.find(document)
        if entry is None:
            raise _not_allowed(document, self._load)
        return self._fetch(entry, OutgoingRequest(entry.url, {"Accept": _DOCUMENTS}), deadline)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return tls_context()

    def _fetch(self, entry: AllowedAddress, request: OutgoingRequest, deadline: float) -> Fetched:
        """Send a request and read its response to the end."""
        retrieved = datetime.now(UTC)
        limits = ConnectionBounds(deadline, _CONNECT_SECONDS, math.inf, self.settings.max_bytes)
        with self._slot(entry, deadline):
            try:
                with exchange(request, partial(_addresses, entry, limits), self._tls, limits) as response:
                    _check(entry, response)
                    content = response.read()
            except RequestFailed as error:
                raise Unreachable(f"{entry.name} {error}.", remedy=_REMEDIES.get(type(error), "")) from None
        return Fetched(content, response.header("Content-Type").partition(";")[0].strip().lower(), retrieved)

    @contextmanager
    def _slot(self, entry: AllowedAddress, deadline: float) -> Iterator[None]:
        """Wait for one of :data:`_MAX_CONCURRENT` slots of a URL, so that a slow server cannot occupy all threads.

        Raises:
            Unreachable: no slot becomes free until the deadline.
        """
        with self._lock:
            slot = self._slots.setdefault(entry.url, threading.BoundedSemaphore(_MAX_CONCURRENT))
        if not slot.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise Unreachable(f"{entry.name} already has too many requests in progress.", remedy="Try again later.")
        try:
            yield
        finally:
            slot.release()


_REMEDIES: dict[type[RequestFailed], str] = {
    DeadlinePassed: "Request less data from it, or raise KG_OUTGOING_SECONDS.",
    ResponseTooLarge: "Request less data from it, or raise KG_OUTGOING_MAX_BYTES.",
}


def _check(entry: AllowedAddress, response: IncomingResponse) -> None:
    """Check status and encoding of a response.

    Raises:
        Unreachable: it is a redirect, an error, or compressed.
    """
    status = response.status
    if 300 <= status < 400:
        raise Unreachable(
            f"{entry.name} redirects (status {status}); redirects are not followed.",
            remedy="Ask the operator to allow the address that it redirects to.",
        )
    if status != 200:
        raise Unreachable(f"{entry.name} responded with status {status}.")
    encoding = response.header("Content-Encoding")
    if encoding.strip().lower() not in ("", "identity"):
        raise Unreachable(f"{entry.name} sends Content-Encoding {encoding[:40]}, which is refused.")


def _addresses(entry: AllowedAddress, limits: ConnectionBounds) -> list[str]:
    """Return the network addresses to connect to; if one of several is not public, none may be used.

    Raises:
        Forbidden: an address is not public.
        TimeoutError, OSError: the name is not resolved.
    """
    if entry.pinned is not None:
        return [str(entry.pinned)]
    found = look_up(entry.url.host, entry.url.port, limits.wait(math.inf))
    # One private address is enough to refuse: which one is used would be up to the name server.
    for text in found:
        address = address_of(text)
        if address is None or not is_public(address):
            raise Forbidden(
                f"{entry.name} leads to an address that is not public; no request is sent.",
                remedy="Ask the operator to pin the address in the allow-list (…@address), if this is intended.",
            )
    return found


class _Cache:
    """Cache of the most recently used responses, limited in number, bytes and age; thread-safe."""

    def __init__(self, seconds: float) -> None:
        self._lock = threading.Lock()
        # Each entry counts as at least 1/64 of the size, so that one limit bounds both the bytes and the number.
        self._responses: TTLCache[tuple[NormalUrl, str], Fetched] = TTLCache(
            _CACHED_BYTES, max(0.0, seconds), getsizeof=lambda it: max(len(it.content), _CACHED_BYTES // _MAX_CACHED)
        )

    def get(self, key: tuple[NormalUrl, str]) -> Fetched | None:
        with self._lock:
            found = self._responses.get(key)
        return replace(found, cached=True) if found else None

    def put(self, key: tuple[NormalUrl, str], fetched: Fetched) -> None:
        with self._lock:
            if len(fetched.content) <= _CACHED_BYTES:
                self._responses[key] = fetched

    def drop(self, key: tuple[NormalUrl, str]) -> None:
        with self._lock:
            self._responses.pop(key, None)


def _not_allowed(iri: str, allowed: AllowList) -> Forbidden:
    """Return the error for an IRI that is not on an allow-list."""
    return Forbidden(
        f"<{iri[:200]}> is not among the addresses that this server may send requests to.",
        remedy=f"Ask its operator to add it to {allowed.setting}.",
    )
