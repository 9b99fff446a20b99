"""Dispatch of client connections: the supervisor accepts them, counts them for each client, and hands them over.

Each goes to the web process with the fewest open ones. A listening socket that the web processes shared would not share
the load: in a quarter of our measurements one process took all connections of a client that opened eight at once.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import selectors
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate

from api.server import supervisor_and_child_messages as handover
from api.server.child_process import ChildProcess
from api.server.early_refusal_responses import TOO_MANY_OF_CLIENT

_BACKLOG = 2048
"""Connections that may wait to be accepted; the system may allow fewer."""

_AT_ONCE = 32
"""Connections that are accepted in one turn of the loop."""

_LINGER = 2.0
"""Seconds in which a refused client may go on sending, so that it can read the response before the reset."""

_LINGERING = 128
"""Largest number of refused connections that are still open; the oldest is closed for another."""

_DISCARDED_BYTES = 1024 * 1024
"""Bytes that a refused client may go on sending."""

_HARD_OF_HEARING = 3.0
"""Seconds of silence after which a web process gets no connections as long as another is heard."""

_EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_EXHAUSTED_PAUSE = 0.5
"""Seconds without accepting after the system has run out of descriptors or memory."""


@dataclass
class WebProcess:
    """A web process and its open connections.

    Attributes:
        child: the process.
        index: its place among the web processes.
        clients: client of each open connection, by ticket; an empty name for one that is not limited.
        newest: ticket of its newest connection.
    """

    child: ChildProcess
    index: int
    clients: dict[int, str] = field(default_factory=dict)
    newest: int = -1


@dataclass
class _RefusedConnection:
    """A connection that stays open until its client has read the refusal.

    Attributes:
        until: when it is closed.
        left: bytes that the client may still send.
    """

    socket: socket.socket
    until: float
    left: int = _DISCARDED_BYTES


class ConnectionDispatch:
    """Accepts connections and hands each over to a web process, or refuses it."""

    def __init__(
        self, listener: socket.socket, webs: Sequence[WebProcess], limit: int, trusted: Callable[[str], bool]
    ) -> None:
        """Dispatch the connections of a listening socket.

        Args:
            listener: listening socket.
            webs: all web processes.
            limit: largest number of connections of one client.
            trusted: whether an address is a trusted proxy's, whose connections are those of many clients.
        """
        self._listener = listener
        self._webs = webs
        self._limit = limit
        self._trusted = trusted
        self._counts: Counter[str] = Counter()
        self._ticket = 0
        self._waiting: tuple[socket.socket, str] | None = None  # accepted, and no web process can take it
        self._resume = 0.0  # no connection is accepted before
        self._refused = 0  # not reported yet
        self._lingering: deque[_RefusedConnection] = deque()
        listener.setblocking(False)
        listener.listen(_BACKLOG)

    @property
    def is_accepting(self) -> bool:
        """Whether another connection could be handed over."""
        some_ready = any(web.child.ready for web in self._webs)
        return some_ready and self._waiting is None and time.monotonic() >= self._resume

    @property
    def is_waiting(self) -> bool:
        """Whether a connection waits for a web process that can take it."""
        return self._waiting is not None

    def accept(self, selector: selectors.BaseSelector) -> None:
        """Accept the connections that have arrived, up to a number, as long as there are web processes for them."""
        for _ in range(_AT_ONCE):
            try:
                connection, address = self._listener.accept()
            except OSError as error:  # also if the client has left already
                if error.errno in _EXHAUSTED:
                    self._resume = time.monotonic() + _EXHAUSTED_PAUSE
                return
            client = "" if self._trusted(str(address[0])) else client_of(str(address[0]))
            if client and self._counts[client] >= self._limit:
                self._refuse(connection, selector)
            elif not self._hand_over(connection, client):
                self._waiting = connection, client
                return

    def retry(self) -> None:
        """Hand over the connection that waits, if a web process can take it now."""
        if self._waiting is not None and self._hand_over(*self._waiting):
            self._waiting = None

    def _hand_over(self, connection: socket.socket, client: str) -> bool:
        """Hand a connection over to the web process that has the fewest; return false if none can take it."""
        for web in sorted(filter(lambda web: web.child.ready, self._webs), key=_by_load):
            if web.child.send(handover.CONNECTION, self._ticket, sock=connection):
                web.clients[self._ticket] = client
                web.newest = self._ticket
                self._ticket += 1
                self._counts[client] += 1
                connection.close()
                return True
        return False

    def closed(self, web: WebProcess, tickets: Sequence[int]) -> None:
        """Forget connections that a web process has closed."""
        for ticket in tickets:
            client = web.clients.pop(ticket, None)
            if client is not None:
                self._counts[client] -= 1
                if not self._counts[client]:
                    del self._counts[client]

    def forget(self, web: WebProcess) -> None:
        """Forget all connections of a web process that has ended."""
        self.closed(web, tuple(web.clients))

    # ---- refusing

    def _refuse(self, connection: socket.socket, selector: selectors.BaseSelector) -> None:
        """Send a refusal, and wait for the client to close; never block for it."""
        self._refused += 1
        connection.setblocking(False)
        try:
            connection.send(TOO_MANY_OF_CLIENT.response([(b"date", formatdate(usegmt=True).encode())]))
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            connection.close()
            return
        if len(self._lingering) >= _LINGERING:
            self._drop(self._lingering.popleft(), selector)
        refused = _RefusedConnection(connection, time.monotonic() + _LINGER)
        self._lingering.append(refused)
        selector.register(connection, selectors.EVENT_READ, lambda _events: self._discard(refused, selector))

    def _discard(self, refused: _RefusedConnection, selector: selectors.BaseSelector) -> None:
        """Discard what a refused client sends; close when it does, or when it has sent too much."""
        try:
            size = len(refused.socket.recv(65536))
        except BlockingIOError:
            return
        except OSError:
            size = 0
        refused.left -= size
        if not size or refused.left < 0:
            self._drop(refused, selector)

    @staticmethod
    def _drop(refused: _RefusedConnection, selector: selectors.BaseSelector) -> None:
        with contextlib.suppress(KeyError, ValueError):  # it is closed already
            selector.unregister(refused.socket)
        refused.socket.close()

    def tick(self, selector: selectors.BaseSelector) -> None:
        """Close refused connections that have had their time, and report the number of refusals to be counted."""
        while self._lingering and self._lingering[0].until <= time.monotonic():
            self._drop(self._lingering.popleft(), selector)
        if self._refused and any(
            web.child.send(handover.REFUSED, self._refused) for web in self._webs if web.child.ready
        ):
            self._refused = 0

    def stop_accepting(self) -> None:
        """Close the listening socket, and the connection that no web process has taken."""
        if self._waiting is not None:
            self._waiting[0].close()
            self._waiting = None
        self._listener.close()

    def close(self) -> None:
        """Close all connections that are not handed over, and the listening socket."""
        self.stop_accepting()
        while self._lingering:
            self._lingering.pop().socket.close()


def client_of(address: str) -> str:
    """Return the client that an address stands for: itself, or for IPv6 its network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address) or parsed.is_loopback:
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.IPv6Address(int(parsed) >> 64 << 64))


def _by_load(web: WebProcess) -> tuple[bool, int, int]:
    """Return the sort key of a web process: those that are heard, those with few connections, then all in turn."""
    return time.monotonic() - web.child.heard > _HARD_OF_HEARING, len(web.clients), web.newest
