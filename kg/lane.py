"""A lane: a process that answers the quick queries of connections lent to it, from reading the request to sending.

Most of what a lookup costs is passing it on: parsing HTTP, routing, crossing to a reader and back. A client that sends
one after another is therefore served by a process that does nothing else. The server keeps every such connection open
as well and lends it only as long as requests are alike: the same header fields, another query. The lane looks at what
has come without taking it, and takes it only when it has the answer. So whatever is not a plain quick success (another
header, an error, a large answer, a slow query) is given back and left to the server, as is everything when the lane is
killed: nothing is lost, and no client notices.

It is started by :mod:`kg.lanes` as ``python -m kg.lane DESCRIPTOR BOARD SETTINGS``.
"""

from __future__ import annotations

import contextlib
import gc
import json
import mmap
import os
import secrets
import select
import socket
import sys
import time
from email.utils import formatdate
from itertools import count
from typing import Any

from kg import frames, sandbox
from kg.quick import Answers, NotQuick, Terms

BOARD_SIZE = 4096
NUMBER, RUNNING, TAKEN = 0, 1, 2
"""Words of the board, which server and lane share.

``NUMBER`` is that of the newest snapshot. ``RUNNING`` is 0, or tells a request: its running number times 2^16, and the
connection. ``TAKEN`` is what ``RUNNING`` says from when the request was taken until its answer is sent.
"""

MESSAGE = 1 << 17
"""Bytes of the longest message between the two."""

_HEAD = 1 << 16
"""Bytes of a request's head that are looked at."""
_SLOW = 0.01
"""Seconds of processor time; a connection whose query takes longer is given back."""
_IDLE = 1.0
"""Seconds after which a connection that sends nothing is given back."""
_REPORT = 0.2
"""Seconds between two reports of what was answered."""
_REPORT_AT = 256
"""Requests that are reported at once at the latest."""


class _Connection:
    """A connection while it is here."""

    __slots__ = ("number", "seen", "served", "socket", "terms")

    def __init__(self, number: int, descriptor: int, terms: Terms) -> None:
        self.number = number
        self.socket = socket.socket(fileno=descriptor)
        self.terms = terms
        self.seen = time.monotonic()
        self.served = 0


class Lane:
    """Serves the connections that are here, one request at a time."""

    def __init__(self, channel: socket.socket, board: memoryview, settings: dict[str, Any]) -> None:
        self._channel = channel
        self._board = board
        self._answers = Answers(settings)
        self._here: dict[int, _Connection] = {}
        self._poll = select.epoll()
        self._poll.register(channel, select.EPOLLIN)
        self._requests = count(1)
        self._stem = secrets.token_hex(4)
        self._served: list[tuple[object, ...]] = []
        self._reported = 0.0
        self._second = 0
        self._date = b""

    def run(self) -> None:
        """Serve until the server goes."""
        control = self._channel.fileno()
        self._channel.send(frames.pack({"log": []}))
        while True:
            ready = self._poll.poll(_REPORT if self._here or self._served else None)
            for descriptor, _ in sorted(ready, key=lambda pair: pair[0] != control):  # what the server says comes first
                if descriptor == control:
                    if not self._listen():
                        return
                elif (connection := self._here.get(descriptor)) is not None:
                    self._serve(connection)
            self._look_around()

    def _listen(self) -> bool:
        """Take one message of the server; tell whether it is still there."""
        data, descriptors, _, _ = socket.recv_fds(self._channel, MESSAGE, 1)
        told = frames.Unpacker().feed(data)
        if told is None:
            return False
        header = told[0]
        if "lend" in header:
            connection = _Connection(header["lend"], descriptors[0], Terms.unpack(header["terms"]))
            self._here[connection.socket.fileno()] = connection
            self._poll.register(connection.socket, select.EPOLLIN | select.EPOLLRDHUP)
        elif "recall" in header:
            for connection in [found for found in self._here.values() if found.number == header["recall"]]:
                self._give_back(connection)
        else:
            self._answers.learn(header["number"], header["path"])
        return True

    def _serve(self, connection: _Connection) -> None:
        """Answer what a connection has sent, or give it back with that."""
        number = self._board[NUMBER]
        while not self._answers.knows(number):
            if not self._listen():
                sys.exit(0)
        mark = next(self._requests) << 16 | connection.number
        self._board[RUNNING] = mark
        begun = time.perf_counter()
        try:
            request = _peek(connection.socket)
            self._answers.open(number)
            cpu = time.thread_time()
            found, said = self._answers.answer(connection.terms, request)
            quick = time.thread_time() - cpu < _SLOW
        except MemoryError:
            os.abort()
        except Exception:  # noqa: BLE001 - the server meets it again, and says what it is
            self._board[RUNNING] = 0
            self._give_back(connection)
            return
        identifier = connection.terms.identifier or f"{self._stem}-{mark >> 16:06x}"
        head = b"%b%bx-request-id: %b\r\n\r\n" % (found.head, self._now(), identifier.encode())
        self._board[TAKEN] = mark
        rest = _send(connection.socket, head + found.body, len(request))
        self._board[RUNNING] = 0
        seconds = time.perf_counter() - begun
        path = connection.terms.start[4:].partition(b"?")[0].decode("latin-1")
        about = (said, found.status, seconds, len(found.body), number, found.query_hash)
        self._served.append((*about, identifier, connection.terms.client, path))
        connection.seen = time.monotonic()
        connection.served += 1
        if rest or not quick:
            self._give_back(connection, rest)

    def _now(self) -> bytes:
        second = int(time.time())
        if second != self._second:
            self._second, self._date = second, b"date: %b\r\n" % formatdate(second, usegmt=True).encode()
        return self._date

    def _give_back(self, connection: _Connection, rest: bytes = b"") -> None:
        del self._here[connection.socket.fileno()]
        self._poll.unregister(connection.socket)
        connection.socket.close()
        self._channel.send(frames.pack({"back": connection.number, "served": connection.served}, rest))

    def _look_around(self) -> None:
        """Report what was answered, and give back what has been idle."""
        now = time.monotonic()
        if now - self._reported < _REPORT and len(self._served) < _REPORT_AT:
            return
        self._reported = now
        if self._served:
            self._channel.send(frames.pack({"log": self._served}))
            self._served = []
        for connection in [found for found in self._here.values() if now - found.seen > _IDLE]:
            self._give_back(connection)


def _peek(channel: socket.socket) -> bytes:
    """Look at the head of the request that has come, without taking it.

    Raises:
        NotQuick: it has not come whole, or the client has hung up.
        OSError: the connection is broken.
    """
    data = channel.recv(_HEAD, socket.MSG_PEEK)
    end = data.find(b"\r\n\r\n")
    if end < 0:
        raise NotQuick
    return data[: end + 4]


def _send(channel: socket.socket, answer: bytes, size: int) -> bytes:
    """Take a request of so many bytes, and send its answer; give what the connection does not take now."""
    try:
        channel.recv(size)
        sent = channel.send(answer)
    except BlockingIOError:
        sent = 0
    except OSError:  # the client has gone, as the server finds out
        return b""
    return answer[sent:]


def main(descriptor: int, board: int, settings: dict[str, Any]) -> None:
    """Serve until the server goes."""
    channel = socket.socket(fileno=descriptor)
    sandbox.confine(settings["memory"])
    with mmap.mmap(board, BOARD_SIZE) as shared:
        lane = Lane(channel, memoryview(shared).cast("Q"), settings)
        gc.freeze()
        with contextlib.suppress(ConnectionError):  # the server has gone
            lane.run()
        os._exit(0)  # without taking the board apart, which is still looked at


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]))
