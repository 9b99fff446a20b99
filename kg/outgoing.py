"""The one door outwards: what an allow-list names is asked, within limits of time and size, and nothing else is.

A name is looked up once; if any address that it has is not public, nothing is asked.  The connection goes to the
address that was checked, while TLS and the Host header keep the name, so a second look-up cannot lead elsewhere.
Redirects are not followed, proxies and passwords of the environment are not read, compressed answers are refused.
"""

from __future__ import annotations

import http.client
import io
import queue
import socket
import ssl
import threading
import time
import urllib.parse
import uuid
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from kg import __version__
from kg.allowlist import AllowList, Entry, IPAddress, Url, address_of, is_public
from kg.config import OutgoingSettings
from kg.errors import Forbidden, Unreachable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_STEP = 65536
_HEAD = 65536
_AT_ONCE = 4
_CONNECT_SECONDS = 5
_CACHED = 64
_CACHED_BYTES = 32 * 1024 * 1024
_RESULTS = "application/sparql-results+json"
_DOCUMENTS = (
    "text/turtle, application/n-triples, application/ld+json;q=0.9, application/rdf+xml;q=0.8, application/trig;q=0.5"
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer from outside.

    Attributes:
        content: its bytes.
        media_type: in small letters, without parameters; empty if the peer named none.
        retrieved: when it was asked for (UTC).
        cached: whether it was not asked for now.
        identity: a random text that no other answer has.
    """

    content: bytes = field(repr=False)
    media_type: str
    retrieved: datetime
    cached: bool = False
    identity: str = field(default_factory=lambda: uuid.uuid4().hex)


class Outgoing:
    """Asks what the allow-lists name. To be used from any thread; every call blocks, within its deadline.

    Attributes:
        settings: as given.
    """

    def __init__(self, settings: OutgoingSettings) -> None:
        """Read the allow-lists.

        Raises:
            BadInput: an entry is none.
        """
        self.settings = settings
        self._service = AllowList(settings.allow_service, "KG_ALLOW_SERVICE")
        self._load = AllowList(settings.allow_load, "KG_ALLOW_LOAD")
        self._cache = _Cache(settings.cache_seconds)
        self._lock = threading.Lock()
        self._slots: dict[Url, threading.BoundedSemaphore] = {}

    def __bool__(self) -> bool:
        """Whether anything may be asked at all."""
        return bool(len(self._service) or len(self._load))

    def allows_service(self, iri: str) -> bool:
        """Tell whether SERVICE may name ``iri``."""
        return self._service.find(iri) is not None

    def allows_load(self, iri: str) -> bool:
        """Tell whether LOAD may name ``iri``."""
        return self._load.find(iri) is not None

    def deadline(self) -> float:
        """Return when what is asked from now on for one request has to be there, on the monotonic clock."""
        return time.monotonic() + self.settings.seconds

    def ask(self, endpoint: str, query: str, deadline: float) -> Fetched:
        """Ask an endpoint a query (SPARQL 1.1 Protocol, clause 2.1.2), or take its answer from the cache.

        Raises:
            Forbidden: the endpoint is not in the list, or its name leads to an address that is not public.
            Unreachable: it gives no right answer within the limits.
        """
        entry = self._service.find(endpoint)
        if entry is None:
            raise _not_allowed(endpoint, self._service)
        key = (entry.url, query)
        if found := self._cache.get(key):
            return found
        body = urllib.parse.urlencode({"query": query}).encode()
        fetched = self._exchange(entry, "POST", body, deadline)
        if fetched.media_type not in (_RESULTS, "application/json"):
            raise Unreachable(f"{entry.name} answers in “{fetched.media_type[:80]}”, not in {_RESULTS}.")
        self._cache.put(key, fetched)
        return fetched

    def forget(self, endpoint: str, query: str) -> None:
        """Keep an answer no longer, for it turned out to be none."""
        if entry := self._service.find(endpoint):
            self._cache.drop((entry.url, query))

    def fetch(self, document: str, deadline: float) -> Fetched:
        """Get a document of RDF, each time anew.

        Raises:
            Forbidden: the document is not in the list, or its name leads to an address that is not public.
            Unreachable: it does not come within the limits.
        """
        entry = self._load.find(document)
        if entry is None:
            raise _not_allowed(document, self._load)
        return self._exchange(entry, "GET", None, deadline)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def _exchange(self, entry: Entry, method: str, body: bytes | None, deadline: float) -> Fetched:
        """Send one request and read the answer to its end."""
        retrieved = datetime.now(UTC)
        with self._slot(entry, deadline):
            try:
                with self._connected(entry, deadline) as connection:
                    headers = {"Accept": _DOCUMENTS if body is None else _RESULTS, "Connection": "close"}
                    headers["User-Agent"] = f"claimgraph/{__version__}"
                    if body is not None:
                        headers["Content-Type"] = "application/x-www-form-urlencoded"
                    connection.request(method, entry.url.target, body, headers)
                    with connection.getresponse() as response:
                        content = self._read(entry, response)
            except TimeoutError:
                raise Unreachable(
                    f"{entry.name} does not answer in time.", remedy="Ask it for less, or raise KG_OUTGOING_SECONDS."
                ) from None
            except ssl.SSLError as error:
                raise Unreachable(f"{entry.name} offers no TLS that can be trusted: {error.reason}.") from None
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise Unreachable(f"{entry.name} cannot be asked: {_reason(error)}.") from None
        media_type = (response.getheader("Content-Type") or "").partition(";")[0].strip().lower()
        return Fetched(content, media_type, retrieved)

    def _read(self, entry: Entry, response: http.client.HTTPResponse) -> bytes:
        status = response.status
        if 300 <= status < 400:
            raise Unreachable(
                f"{entry.name} redirects (status {status}); redirects are not followed.",
                remedy="Ask the operator to allow the address that it redirects to.",
            )
        if status != 200:
            raise Unreachable(f"{entry.name} answers with the status {status}.")
        for name, wanted in (("Content-Encoding", "identity"), ("Transfer-Encoding", "chunked")):
            given = response.getheader(name) or wanted
            if given.strip().lower() != wanted:
                raise Unreachable(f"{entry.name} sends {name} {given[:40]}, which is refused.")
        expected = response.length
        if (expected or 0) > self.settings.max_bytes:
            raise _too_big(entry, self.settings.max_bytes)
        pieces, size = [], 0
        while piece := response.read(_STEP):
            pieces.append(piece)
            size += len(piece)
            if size > self.settings.max_bytes:
                raise _too_big(entry, self.settings.max_bytes)
        if expected is not None and size != expected:
            raise Unreachable(f"{entry.name} breaks off its answer.")
        return b"".join(pieces)

    @contextmanager
    def _slot(self, entry: Entry, deadline: float) -> Iterator[None]:
        """Wait until fewer than a few requests to the same address are under way: a slow one must not take all."""
        with self._lock:
            slot = self._slots.setdefault(entry.url, threading.BoundedSemaphore(_AT_ONCE))
        if not slot.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise Unreachable(f"{entry.name} is being asked too much at a time.", remedy="Try again later.")
        try:
            yield
        finally:
            slot.release()

    @contextmanager
    def _connected(self, entry: Entry, deadline: float) -> Iterator[http.client.HTTPConnection]:
        """Connect to a checked address of an entry; what comes from it is bounded in time and size."""
        raw = self._connect(entry, deadline)
        try:
            if entry.url.scheme == "https":
                raw.settimeout(_left(deadline))
                raw = self._tls.wrap_socket(raw, server_hostname=entry.url.host)
            connection = http.client.HTTPConnection(entry.url.host, entry.url.port)
            connection.default_port = 443 if entry.url.scheme == "https" else 80  # decides what Host says
            connection.sock = _Socket(raw, deadline, entry, self.settings.max_bytes)
            connection.auto_open = 0
            yield connection
        finally:
            raw.close()

    def _connect(self, entry: Entry, deadline: float) -> socket.socket:
        problem: OSError = OSError("it has no address")
        for address in _addresses(entry, deadline):
            raw = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
            try:
                raw.settimeout(min(_CONNECT_SECONDS, _left(deadline)))
                raw.connect((str(address), entry.url.port))
                return raw
            except OSError as error:
                raw.close()
                problem = error
        raise problem


def _addresses(entry: Entry, deadline: float) -> list[IPAddress]:
    """Look up where to connect; a single address that is not public spoils them all."""
    if entry.pinned is not None:
        return [entry.pinned]
    found: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            rows = socket.getaddrinfo(entry.url.host, entry.url.port, type=socket.SOCK_STREAM)
            found.put([str(row[4][0]) for row in rows])
        except (OSError, UnicodeError) as error:
            found.put(error if isinstance(error, OSError) else OSError("its name is none"))

    # A resolver takes its own time and cannot be told to stop: it is waited for no longer than the deadline.
    threading.Thread(target=look_up, daemon=True).start()
    try:
        answer = found.get(timeout=_left(deadline))
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, OSError):
        raise answer
    addresses = [address_of(text) for text in dict.fromkeys(answer)]
    public = [address for address in addresses if address is not None and is_public(address)]
    if len(public) < len(addresses):
        raise Forbidden(
            f"{entry.name} leads to an address that is not public; nothing is asked.",
            remedy="Ask the operator to pin the address in the allow-list (…@address), if that is meant.",
        )
    return public


class _Socket:
    """What an HTTP connection needs of a socket, with one deadline and one limit of bytes for all that is read."""

    def __init__(self, raw: socket.socket, deadline: float, entry: Entry, max_bytes: int) -> None:
        self._raw, self._deadline = raw, deadline
        self._reader = _Reader(raw, deadline, entry, max_bytes)

    def sendall(self, data: bytes) -> None:
        self._raw.settimeout(_left(self._deadline))
        self._raw.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._reader)

    def close(self) -> None:
        """Do nothing: the answer may still be read; who made the socket closes it."""


class _Reader(io.RawIOBase):
    def __init__(self, raw: socket.socket, deadline: float, entry: Entry, max_bytes: int) -> None:
        self._raw, self._deadline, self._entry = raw, deadline, entry
        self._limit = max_bytes
        self._left = max_bytes + max_bytes // 8 + _HEAD  # headers, and the sizes of chunks, come on top

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._raw.settimeout(_left(self._deadline))  # anew each time: a peer that drips must not start the clock again
        count = self._raw.recv_into(buffer)
        self._left -= count
        if self._left < 0:
            raise _too_big(self._entry, self._limit)
        return count


class _Cache:
    """The newest answers, few in number and in bytes, each for a time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.RLock()
        self._kept: OrderedDict[tuple[Url, str], tuple[float, Fetched]] = OrderedDict()
        self._size = 0

    def get(self, key: tuple[Url, str]) -> Fetched | None:
        with self._lock:
            until, fetched = self._kept.get(key, (0.0, None))
            if fetched is None or until <= time.monotonic():
                return None
            self._kept.move_to_end(key)
            return replace(fetched, cached=True)

    def put(self, key: tuple[Url, str], fetched: Fetched) -> None:
        with self._lock:
            if self._seconds <= 0 or len(fetched.content) > _CACHED_BYTES:
                return
            self.drop(key)
            self._size += len(fetched.content)
            self._kept[key] = (time.monotonic() + self._seconds, fetched)
            while len(self._kept) > _CACHED or self._size > _CACHED_BYTES:
                self.drop(next(iter(self._kept)))

    def drop(self, key: tuple[Url, str]) -> None:
        with self._lock:
            _, old = self._kept.pop(key, (0.0, None))
            self._size -= len(old.content) if old else 0


def _left(deadline: float) -> float:
    """Return the seconds that are left.

    Raises:
        TimeoutError: none are.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _reason(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    if isinstance(error, OSError):
        return (error.strerror or str(error) or "no connection").lower()
    return "it does not speak HTTP"


def _too_big(entry: Entry, limit: int) -> Unreachable:
    remedy = "Ask it for less, or raise KG_OUTGOING_MAX_BYTES."
    return Unreachable(f"{entry.name} sends more than {limit} bytes.", remedy=remedy)


def _not_allowed(iri: str, allowed: AllowList) -> Forbidden:
    return Forbidden(
        f"<{iri[:200]}> is not among the addresses that this server may ask.",
        remedy=f"Ask its operator to add it to {allowed.setting}.",
    )
