"""Inbox of the signals of a process: bytes on a socket, so that a loop waits for them as for everything else."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType

Handler = Callable[[int, FrameType | None], object] | int | None
"""What :func:`signal.signal` returns."""


class SignalInbox:
    """Receives signals between entry and exit.

    A child that is forked meanwhile leaves it, too; it has to put back the ``handlers`` first.

    Attributes:
        sock: readable when a signal has arrived.
        handlers: handlers before the entry.
    """

    def __init__(self, numbers: Sequence[int]) -> None:
        """Prepare for signals of these numbers."""
        self._numbers = numbers
        self._process = os.getpid()
        self._wakeup = -1
        self.handlers: dict[int, Handler] = {}
        self.sock, self._outbox = socket.socketpair()
        self.sock.setblocking(False)
        self._outbox.setblocking(False)  # a full one drops signals rather than stopping the process

    def __enter__(self) -> SignalInbox:
        self._wakeup = signal.set_wakeup_fd(self._outbox.fileno(), warn_on_full_buffer=False)
        self.handlers = {number: signal.signal(number, _nothing) for number in self._numbers}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if os.getpid() == self._process:
            restore(self.handlers)
            signal.set_wakeup_fd(self._wakeup)
        self.sock.close()
        self._outbox.close()

    def take(self) -> bytes:
        """Return the numbers of the signals that have arrived, one byte each."""
        try:
            return self.sock.recv(1000)
        except BlockingIOError:
            return b""


def restore(handlers: dict[int, Handler]) -> None:
    """Put handlers back; one that was not installed by Python becomes the default one."""
    for number, handler in handlers.items():
        signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _nothing(_number: int, _frame: object) -> None:
    """Handle a signal in Python, so that its number is written to the wake-up descriptor."""
