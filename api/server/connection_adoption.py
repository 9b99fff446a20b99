"""Web process's side of the handing over: messages from the supervisor, read on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections import Counter
from collections.abc import Callable

from api.server import supervisor_and_child_messages as handover
from api.server.early_refusal_responses import TOO_MANY_OF_CLIENT

_HEARTBEAT = 1.0
"""Seconds between two signs of life."""

_AT_ONCE = 64
"""Messages that are read in one turn of the event loop."""

NewProtocol = Callable[[Callable[[], None]], asyncio.Protocol]
"""Makes the protocol of one connection; the argument has to be called when the connection is lost."""


class ConnectionAdoption:
    """Adopts the connections that the supervisor hands over, and reports which of them are closed.

    It also sends the sign of life of the event loop: a process that does not send it any more is replaced.
    """

    _loop: asyncio.AbstractEventLoop
    _new_protocol: NewProtocol
    _orphaned: Callable[[], None]

    def __init__(
        self, control: socket.socket, writer_changed: Callable[[socket.socket], None], refused: Counter[str]
    ) -> None:
        """Prepare; nothing is read before :meth:`start`.

        Args:
            control: this process's end of its control socket.
            writer_changed: called on the event loop with a socket to a writer that has started; the one before is of
                no use any more.
            refused: counter of refusals by reason, to which those of the supervisor are added.
        """
        self._control = control
        self._writer_changed = writer_changed
        self._refused = refused
        self._open: set[int] = set()  # tickets
        self._closed: list[int] = []  # tickets that are not reported yet
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False
        self._reporting = False  # whether a report is planned

    def start(self, new_protocol: NewProtocol, orphaned: Callable[[], None]) -> None:
        """Report that this process is ready, and read messages from now on.

        Args:
            new_protocol: makes the protocol of each connection.
            orphaned: called when the supervisor has ended.
        """
        self._loop = asyncio.get_running_loop()
        self._new_protocol, self._orphaned = new_protocol, orphaned
        self._control.setblocking(False)
        self._loop.add_reader(self._control.fileno(), self._read)
        self._send(handover.READY)
        self._beat()

    async def stop(self) -> None:
        """Take no more connections; close those that are on their way, and return when all others are served."""
        self._stopped = True
        self._read()
        await asyncio.gather(*self._tasks)

    def _read(self) -> None:
        """Handle the messages that have arrived."""
        for _ in range(_AT_ONCE):
            try:
                message = handover.receive(self._control)
            except EOFError:
                self._loop.remove_reader(self._control.fileno())
                self._orphaned()
                return
            if message is None:
                return
            self._received(message)

    def _received(self, message: handover.ControlMessage) -> None:
        if message.kind == handover.CONNECTION:
            (ticket,) = message.numbers
            self._open.add(ticket)
            if message.descriptor is None or self._stopped:
                message.discard()
                self._lost(ticket)
                return
            task = self._loop.create_task(self._adopt(ticket, message.descriptor))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif message.kind == handover.WRITER and message.descriptor is not None:
            self._writer_changed(socket.socket(fileno=message.descriptor))
        else:
            message.discard()
            if message.kind == handover.REFUSED:
                self._refused[TOO_MANY_OF_CLIENT.reason] += sum(message.numbers)

    async def _adopt(self, ticket: int, descriptor: int) -> None:
        """Serve a connection from now on."""
        try:
            connection = socket.socket(fileno=descriptor)
        except OSError:  # the client has gone, so that the system does not know the kind of socket any more
            os.close(descriptor)
            self._lost(ticket)
            return
        connection.setblocking(False)
        try:
            await self._loop.connect_accepted_socket(lambda: self._new_protocol(lambda: self._lost(ticket)), connection)
        except OSError:
            connection.close()
            self._lost(ticket)

    def _lost(self, ticket: int) -> None:
        """Note that a connection is closed, and report it together with others in the next turn of the event loop."""
        if ticket in self._open:
            self._open.discard(ticket)
            self._closed.append(ticket)
            if not self._reporting:
                self._reporting = True
                self._loop.call_soon(self._report)

    def _report(self) -> None:
        """Report closed connections; what finds no room now is sent with a later sign of life."""
        self._reporting = False
        while self._closed:
            if not self._send(handover.CLOSED, *self._closed[: handover.NUMBERS]):
                return
            del self._closed[: handover.NUMBERS]

    def _beat(self) -> None:
        """Send a sign of life, now and from time to time."""
        self._send(handover.ALIVE)
        self._report()
        self._loop.call_later(_HEARTBEAT, self._beat)

    def _send(self, kind: bytes, *numbers: int) -> bool:
        """Send a message; return whether it was sent."""
        with contextlib.suppress(OSError):  # the supervisor has ended, which is noticed elsewhere
            return handover.send(self._control, kind, *numbers)
        return False
