"""Child process of the supervisor: one program that is forked again, after a pause, whenever it has ended."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from api.server import supervisor_and_child_messages as handover
from api.server.signal_inbox import Handler, restore
from kg.processes import process_confinement

_PAUSE = 0.1
"""Seconds before a child is replaced; doubled each time that one ends before it is ready."""

_LONGEST_PAUSE = 10.0

_IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_log = logging.getLogger("claimgraph.server")


class _Unsent(NamedTuple):
    """Message that found no room in the control socket."""

    kind: bytes
    numbers: tuple[int, ...]
    sock: socket.socket


class ChildProcess:
    """One child of the supervisor, through all its restarts.

    Attributes:
        name: how messages call it.
        pid: its process; ``None`` while there is none.
        control: the supervisor's end of its control socket; ``None`` if either end is closed.
        ready: whether it has reported that it serves, and can be sent messages.
        served: whether its present or last process has been ready.
        heard: when it was last heard of (or started).
        due: when it is to be started; ``None`` if it runs, or is to run no more.
        kill_at: when it is killed if it has not ended.
    """

    def __init__(self, name: str, program: Callable[[socket.socket], None], *, protected: bool = False) -> None:
        """Prepare a child, which is not started yet.

        Args:
            name: how messages call it.
            program: what it runs.
            protected: whether it ignores signals to stop, because it is told by the end of its control socket. (A
                manager of services may send them to all processes, while others still need this one.)
        """
        self.name = name
        self.pid: int | None = None
        self.control: socket.socket | None = None
        self.ready = False
        self.heard = 0.0
        self.due: float | None = None
        self.kill_at: float | None = None
        self.served = False
        self._program = program
        self._protected = protected
        self._pause = _PAUSE
        self._unsent: deque[_Unsent] = deque()

    @property
    def _short_name(self) -> str:
        """Name that `ps` and `top` show, such as ``kg writer``."""
        return f"kg {self.name.removeprefix('the ').replace(' process', '')}"

    @property
    def has_unsent(self) -> bool:
        """Whether messages wait for room in the control socket."""
        return bool(self._unsent)

    def fork(self, handlers: dict[int, Handler]) -> Callable[[], None] | None:
        """Start a process; return ``None`` in the supervisor, and in the child the program that it has to run.

        No signal arrives between the fork and the moment when the child has the ``handlers`` of a process of its own:
        one for the child would otherwise be taken for one for the supervisor.

        Raises:
            OSError: the system has no room for another process.
        """
        own, theirs = handover.control_pair()
        supervisor = os.getpid()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, handlers)
        try:
            pid = os.fork()
            if pid == 0:
                own.close()
                _become_child(supervisor, handlers, protected=self._protected)
                process_confinement.set_process_name(self._short_name)
                return lambda: self._program(theirs)
        except OSError:
            own.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            if os.getpid() == supervisor:
                theirs.close()
        self.pid, self.control, self.heard = pid, own, time.monotonic()
        self.ready = self.served = False
        self.due = self.kill_at = None
        return None

    def send(self, kind: bytes, *numbers: int, sock: socket.socket | None = None) -> bool:
        """Send a message if there is room for it behind those that wait; return whether it was sent."""
        if self.control is None or self._unsent:
            return False
        try:
            return handover.send(self.control, kind, *numbers, descriptor=None if sock is None else sock.fileno())
        except OSError:  # it has just ended, which is noticed elsewhere
            return False

    def deliver(self, kind: bytes, *numbers: int, sock: socket.socket) -> None:
        """Send a message with a socket, which is then closed here; keep it until there is room."""
        if self.control is not None and not self.send(kind, *numbers, sock=sock):
            self._unsent.append(_Unsent(kind, numbers, sock))
        else:
            sock.close()

    def flush(self) -> None:
        """Send the messages that wait, as far as there is room."""
        waiting, self._unsent = self._unsent, deque()
        for kind, numbers, sock in waiting:
            self.deliver(kind, *numbers, sock=sock)

    def send_signal(self, number: int) -> None:
        """Send a signal, if there is a process."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def close_control(self) -> None:
        """Close the control socket and forget the messages that wait."""
        if self.control is not None:
            handover.close_quietly(self.control)
            self.control = None
        while self._unsent:
            self._unsent.pop().sock.close()

    def ended(self) -> None:
        """Note that the process has ended."""
        self._pause = _PAUSE if self.served else min(self._pause * 2, _LONGEST_PAUSE)
        self.pid, self.ready, self.kill_at = None, False, None

    def restart_later(self, reason: str) -> None:
        """Plan the next start, after a pause, and log why."""
        self.due = time.monotonic() + self._pause
        _log.error("%s %s; it restarts in %.1f s", self.name, reason, self._pause)


def reason_of(code: int) -> str:
    """Return the end of the sentence "the writer …" for an exit code, or for minus a signal."""
    return f"was terminated by signal {-code}" if code < 0 else f"ended with exit code {code}"


def _become_child(supervisor: int, handlers: dict[int, Handler], *, protected: bool) -> None:
    """Take leave of the supervisor's handlers and process group, and end with it."""
    signal.set_wakeup_fd(-1)
    restore(handlers)
    for number in _IGNORED if protected else ():
        signal.signal(number, signal.SIG_IGN)
    os.setpgid(0, 0)  # so that Ctrl-C comes once, through the supervisor
    process_confinement.end_with_parent(signal.SIGKILL if protected else signal.SIGTERM)
    if os.getppid() != supervisor:  # it ended before the signal was requested
        sys.exit(1)
