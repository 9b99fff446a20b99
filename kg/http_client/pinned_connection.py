"""HTTP/1.1 exchange of one request and response, over its own connection to a checked network address.

The connection goes to the address that was checked, while TLS and the Host header keep the name, so a second look-up
cannot lead elsewhere. Redirects are not followed; proxies and passwords of the environment are not read.

The protocol is `http.client` of the standard library, over sockets that enforce a deadline and a limit of bytes. With
httpcore2 2.16.2 and a network backend, this module has 165 lines of code instead of 158, and needs 0.59 ms of CPU for a
small response instead of 0.45, 7.2 ms instead of 5.2 for 8 MiB, and nine times as long for chunks of one byte.
"""

from __future__ import annotations

import http.client
import math
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kg import __version__
from kg.http_client.url import NormalUrl

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_CHUNK = 65536
_HEAD = 65536
"""Bytes allowed for header fields and chunk sizes, in addition to 9/8 of the largest body."""


class RequestFailed(Exception):
    """A request without a usable response; the text is a predicate that follows the name of the server."""


class DeadlinePassed(RequestFailed):
    """The response did not arrive in time."""


class ResponseTooLarge(RequestFailed):
    """The response is larger than the limit."""


class InvalidRequest(RequestFailed):
    """The request cannot be written as HTTP, for example because a header field holds a line break."""


@dataclass(frozen=True, slots=True)
class ConnectionBounds:
    """Limits of one request.

    Attributes:
        deadline: latest end of the response, in seconds of the monotonic clock.
        connect_seconds: longest wait for one network address to accept the connection.
        idle_seconds: longest wait for the next bytes.
        max_bytes: largest body, in bytes.
    """

    deadline: float = math.inf
    connect_seconds: float = 5
    idle_seconds: float = 60
    max_bytes: float = math.inf

    def wait(self, seconds: float) -> float:
        """Return ``seconds``, or the time left until the deadline if that is less.

        Computed before each read: a server that sends byte by byte must not stretch the deadline.

        Raises:
            TimeoutError: the deadline has passed.
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(seconds, left)


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """A request to send.

    Attributes:
        url: URL to send it to.
        headers: header fields in addition to Host, User-Agent, Accept-Encoding and Connection.
        body: form or document to send with POST; ``None`` sends GET.
    """

    url: NormalUrl
    headers: Mapping[str, str | bytes] = field(default_factory=dict)
    body: bytes | None = None


class IncomingResponse:
    """A response whose body has not been read yet.

    Attributes:
        status: status code.
        length: size of the body in bytes, or ``None`` if the server does not state it.
    """

    def __init__(self, response: http.client.HTTPResponse, limits: ConnectionBounds) -> None:
        self.status = response.status
        self.length = response.length
        self._response = response
        self._limits = limits

    def header(self, name: str) -> str:
        """Return the value of a header field; empty if it is absent, joined by commas if it occurs several times."""
        return self._response.getheader(name, "")

    def chunks(self, max_bytes: float = math.inf) -> Iterator[bytes]:
        """Yield the body in chunks as it arrives.

        Raises:
            RequestFailed: it is incomplete, exceeds a limit of the request, or has more than ``max_bytes``.
        """
        limit = min(self._limits.max_bytes, max_bytes)
        # A stated length over the limit is refused before anything is read.
        if (self.length or 0) > limit:
            raise _too_large(limit)
        size = 0
        while chunk := self._next():
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
            yield chunk
        if self.length is not None and size != self.length:
            raise RequestFailed("broke off its response")

    def _next(self) -> bytes:
        with _failures():
            return self._response.read(_CHUNK)

    def read(self, max_bytes: float = math.inf) -> bytes:
        """Return the whole body.

        Raises:
            RequestFailed: see :meth:`chunks`.
        """
        return b"".join(self.chunks(max_bytes))


@contextmanager
def exchange(
    request: OutgoingRequest, addresses: Callable[[], Iterable[str]], tls: ssl.SSLContext, limits: ConnectionBounds
) -> Iterator[IncomingResponse]:
    """Send a request to the first network address that accepts a connection, and yield the response.

    Args:
        request: the request.
        addresses: returns the network addresses of the host; it looks them up and refuses those that are not allowed.
        tls: see :func:`tls_context`.
        limits: limits of time and size.

    Raises:
        RequestFailed: no response arrives within the limits.
        Exception: any exception that ``addresses`` raises, unchanged.
    """
    url = request.url
    headers = {
        "Host": url.authority,
        "User-Agent": f"claimgraph/{__version__}",
        "Accept-Encoding": "identity",
        "Connection": "close",
        **request.headers,
    }
    connection = http.client.HTTPConnection(url.host, url.port)
    try:
        with _failures():
            connection.sock = _connect(url, addresses, tls, limits)
            try:
                connection.request("GET" if request.body is None else "POST", url.target, request.body, headers)
            except ValueError:
                raise InvalidRequest("cannot be sent this request, which is malformed") from None
            response = connection.getresponse()
        with response:
            # http.client would pass other codings (gzip, chunked) through undecoded.
            coding = response.getheader("Transfer-Encoding", "chunked")
            if coding.strip().lower() != "chunked":
                raise RequestFailed(f"sent Transfer-Encoding {coding[:40]}, which is refused")
            yield IncomingResponse(response, limits)
    finally:
        connection.close()


def tls_context() -> ssl.SSLContext:
    """Return a TLS context for :func:`exchange` that checks host names and certificates against the system's store."""
    context = ssl.create_default_context()
    context.sslsocket_class = _TLSSocket
    return context


def _connect(
    url: NormalUrl, addresses: Callable[[], Iterable[str]], tls: ssl.SSLContext, limits: ConnectionBounds
) -> socket.socket:
    """Return a socket that is connected to one of the addresses and enforces the limits.

    Raises:
        OSError: no address accepts a connection; the error of the last one.
    """
    raw = _reached(url.port, addresses(), limits)
    if url.scheme == "http":
        return raw.limited(limits)
    try:
        raw.settimeout(limits.wait(limits.idle_seconds))
        secured = tls.wrap_socket(raw, server_hostname=url.host)
    finally:
        raw.close()  # after success its descriptor belongs to the TLS socket, and this does nothing
    assert isinstance(secured, _TLSSocket)
    return secured.limited(limits)


def _reached(port: int, addresses: Iterable[str], limits: ConnectionBounds) -> _Socket:
    """Return a socket that is connected to the first address that accepts the connection."""
    problem = OSError("it has no address")
    for address in addresses:
        raw = _Socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        try:
            raw.settimeout(limits.wait(limits.connect_seconds))
            raw.connect((address, port))
        except OSError as error:
            raw.close()
            problem = error
        else:
            return raw
    raise problem


class _Limited(socket.socket):
    """A socket whose reads and writes enforce the limits of one request."""

    _limits = ConnectionBounds()
    _left = math.inf

    def limited(self, limits: ConnectionBounds) -> _Limited:
        """Set the limits, and return the socket."""
        self._limits = limits
        self._left = limits.max_bytes + limits.max_bytes // 8 + _HEAD
        return self

    def await_bytes(self) -> None:
        """Set the timeout of the next read or write to what the limits leave."""
        self.settimeout(self._limits.wait(self._limits.idle_seconds))

    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = None, flags: int = 0) -> int:
        self.await_bytes()
        count = super().recv_into(buffer, nbytes or 0, flags)  # 0 fills the buffer, with TLS too
        self._left -= count
        if self._left < 0:
            raise _too_large(self._limits.max_bytes)
        return count


class _Socket(_Limited):
    """A limited socket without TLS."""

    def sendall(self, data: ReadableBuffer, flags: int = 0) -> None:
        self.await_bytes()
        super().sendall(data, flags)


class _TLSSocket(_Limited, ssl.SSLSocket):
    """A limited socket with TLS; its inherited `sendall` calls `send` for each part."""

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        self.await_bytes()
        return super().send(data, flags)


@contextmanager
def _failures() -> Iterator[None]:
    """Convert network and protocol errors to :class:`RequestFailed`."""
    try:
        yield
    except TimeoutError:
        raise DeadlinePassed("did not respond in time") from None
    except ssl.SSLError as error:
        raise RequestFailed(f"does not offer trustworthy TLS: {error.reason}") from None
    except (http.client.HTTPException, ValueError):  # their text would quote the server
        raise RequestFailed("cannot be reached: it does not speak HTTP") from None
    except socket.gaierror:
        raise RequestFailed("cannot be reached: its name is not known") from None
    except OSError as error:
        reason = error.strerror or str(error) or "no connection"
        raise RequestFailed(f"cannot be reached: {reason.lower()}") from None


def _too_large(limit: float) -> ResponseTooLarge:
    return ResponseTooLarge(f"sent more than {limit} bytes")
