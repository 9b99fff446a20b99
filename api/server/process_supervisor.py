"""Supervisor: parent of the writer and the web processes. It replaces those that end, and hands over all connections.

It has no event loop of asyncio, no thread and no store, so that it may fork at any time, and it parses nothing that a
client sends. Every commit is on disk, so that a new writer continues where the last one ended.

Life of a server::

    writer starts -> READY -> web processes start -> all READY -> announced
    SIGTERM -> listening socket closed -> SIGTERM to the web processes, which finish their requests
            -> all have ended -> control socket of the writer closed -> it finishes and ends

Between the writer and each web process runs a socket of their own, which is made anew when either of them starts: a
``WRITER`` message brings one end to each.
"""

from __future__ import annotations

import functools
import gc
import logging
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from api.server import supervisor_and_child_messages as handover
from api.server.child_process import ChildProcess, reason_of
from api.server.connection_dispatch import ConnectionDispatch, WebProcess
from api.server.signal_inbox import Handler, SignalInbox
from kg.config import HttpSettings

_log = logging.getLogger("claimgraph.server")

_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_HANDLED = (*_STOPPING, signal.SIGCHLD)
_TICK = 1.0
"""Longest time between two looks at what is due."""

_GRACE = 5.0
"""Seconds in addition to ``shutdown_seconds`` after which a web process that stops is killed."""

_HASTE = 2.0
"""Seconds that the writer gets to end after a second signal."""

_USELESS = 10.0
"""Seconds after which a process is killed that has closed its control socket and does not end."""

_STARTING = 10
"""Factor on ``silence_seconds`` for a web process that is not ready yet."""


@dataclass(frozen=True)
class Programs:
    """Programs of the child processes.

    Attributes:
        writer: runs in the writer; its argument is the control socket, at whose end it finishes and returns.
        web: runs in a web process, with its control socket and its index.
        announce: called in the supervisor, once, when the writer and all web processes serve.
    """

    writer: Callable[[socket.socket], None]
    web: Callable[[socket.socket, int], None]
    announce: Callable[[], None]


@dataclass(frozen=True)
class SupervisorLimits:
    """Limits of the supervisor.

    Attributes:
        trusted: whether an address is a trusted proxy's, whose connections are not limited.
        connections_per_client: largest number of connections of one address.
        shutdown_seconds: time for requests in progress to finish after a signal to stop.
        silence_seconds: time after which a web process of which nothing is heard is killed and replaced.
    """

    trusted: Callable[[str], bool]
    connections_per_client: int = 100
    shutdown_seconds: float = 30
    silence_seconds: float = 30

    @classmethod
    def of(cls, settings: HttpSettings, trusted: Callable[[str], bool]) -> SupervisorLimits:
        """Return the limits in the settings."""
        return cls(trusted, settings.max_connections_per_client, settings.shutdown_seconds)


def web_process_count(settings: HttpSettings) -> int:
    """Return the number of web processes: the setting, or the number of processors that this process may use."""
    if settings.web_processes:
        return settings.web_processes
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def supervise(listener: socket.socket, programs: Programs, webs: int, limits: SupervisorLimits) -> int:
    """Run the writer and web processes until a signal; replace those that end.

    It forks: call it before any thread is started and after all modules are loaded. Then a child starts quickly, and
    runs the same program even if another version has been installed meanwhile.

    Returns:
        The exit code: in the supervisor 0 after SIGTERM, 128 and its number after another signal, or the code of a
        child that ended by itself before the server was announced. In a child 0, when its program has returned.
        An exception of the program leaves from here in the child.
    """
    gc.collect()
    gc.freeze()  # so that a child shares the memory of all loaded modules
    with SignalInbox(_HANDLED) as signals:
        found = Supervisor(listener, programs, webs, limits).run(signals)
    if isinstance(found, int):
        return found
    found()
    return 0


def _run_web(programs: Programs, index: int, control: socket.socket) -> None:
    """Run the program of a web process."""
    programs.web(control, index)


class Supervisor:
    """Loop of the supervisor."""

    def __init__(self, listener: socket.socket, programs: Programs, webs: int, limits: SupervisorLimits) -> None:
        self._listener = listener
        self._programs = programs
        self._limits = limits
        self._writer = ChildProcess("the writer", programs.writer, protected=True)
        self._webs = [
            WebProcess(ChildProcess(f"web process {index}", functools.partial(_run_web, programs, index)), index)
            for index in range(webs)
        ]
        self._dispatch = ConnectionDispatch(listener, self._webs, limits.connections_per_client, limits.trusted)
        self._selector: selectors.BaseSelector = selectors.DefaultSelector()
        self._registered: dict[ChildProcess, tuple[socket.socket, int]] = {}
        self._accepts = False
        self._announced = False
        self._stop: int | None = None  # the first signal
        self._code: int | None = None  # of a child that ended the server

    @property
    def _children(self) -> list[ChildProcess]:
        return [self._writer, *(web.child for web in self._webs)]

    def _webs_of(self, child: ChildProcess) -> list[WebProcess]:
        """Return the web process that is this child; nothing for the writer."""
        return [web for web in self._webs if web.child is child]

    @property
    def _is_stopping(self) -> bool:
        return self._stop is not None or self._code is not None

    def run(self, signals: SignalInbox) -> int | Callable[[], None]:
        """Run until all children have ended; return the exit code, or in a child the program that it has to run."""
        self._selector.register(signals.sock, selectors.EVENT_READ, lambda _events: self._signalled(signals.take()))
        self._writer.due = time.monotonic()
        supervisor = os.getpid()
        try:
            while not self._has_ended():
                program = self._start_due(signals.handlers)
                if program is not None:
                    return program
                self._turn()
        finally:
            # In a child this closes the copies of what belongs to the supervisor. Nothing is unregistered: the
            # selector of the supervisor is the same object of the system.
            self._close(kill=os.getpid() == supervisor)
        return self._exit_code()

    def _exit_code(self) -> int:
        if self._code is not None:
            return self._code
        return 0 if self._stop == signal.SIGTERM else 128 + (self._stop or 0)

    def _has_ended(self) -> bool:
        return self._is_stopping and all(child.pid is None for child in self._children)

    def _close(self, *, kill: bool) -> None:
        """Close everything; children that are left, after a failure of the supervisor itself, are killed."""
        for child in self._children:
            if kill:
                child.send_signal(signal.SIGKILL)
            child.close_control()
        self._dispatch.close()
        self._selector.close()

    # ---- the loop

    def _turn(self) -> None:
        """Wait for something to happen, and handle it; then what is due."""
        self._register()
        for key, events in self._selector.select(self._patience()):
            key.data(events)
        self._reap()
        self._dispatch.tick(self._selector)
        self._end_the_late()
        if self._is_stopping:
            self._end_writer()

    def _patience(self) -> float:
        """Return the seconds until the next child is to be started or killed, or else a moment."""
        times = [child.due if child.pid is None else child.kill_at for child in self._children]
        now = time.monotonic()
        return max(0.0, min([_TICK, *(moment - now for moment in times if moment is not None)]))

    def _register(self) -> None:
        """Watch the control sockets and the listening socket for what can be done now."""
        for child in self._children:
            self._watch(child)
        accepts = not self._is_stopping and self._dispatch.is_accepting
        if accepts and not self._accepts:
            self._selector.register(
                self._listener, selectors.EVENT_READ, lambda _events: self._dispatch.accept(self._selector)
            )
        elif self._accepts and not accepts:
            self._selector.unregister(self._listener)
        self._accepts = accepts

    def _watch(self, child: ChildProcess) -> None:
        """Watch a control socket for reading, and for writing if something waits."""
        if child.control is None:
            return
        writes = child.has_unsent or (self._dispatch.is_waiting and child.ready and child is not self._writer)
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if writes else 0)
        before = self._registered.get(child)
        if before is None:
            self._selector.register(child.control, events, functools.partial(self._controlled, child))
        elif before[1] != events:
            self._selector.modify(child.control, events, functools.partial(self._controlled, child))
        self._registered[child] = child.control, events

    def _disconnect(self, child: ChildProcess) -> None:
        """Close the control socket of a child."""
        registered = self._registered.pop(child, None)
        if registered is not None:
            self._selector.unregister(registered[0])
        child.close_control()

    # ---- starting

    def _start_due(self, handlers: dict[int, Handler]) -> Callable[[], None] | None:
        """Start the children that are due; return ``None``, or in a child its program."""
        for child in self._children:
            if child.due is None or child.due > time.monotonic():
                continue
            try:
                program = child.fork(handlers)
            except OSError as error:
                child.served = False
                child.ended()
                child.restart_later(f"cannot start ({error.strerror})")
                continue
            if program is not None:
                return program
            if self._writer.ready:
                for web in self._webs_of(child):
                    self._connect(web)
        return None

    def _connect(self, web: WebProcess) -> None:
        """Connect a web process and the writer."""
        try:
            ends = socket.socketpair()
        except OSError:  # no descriptors: another process tries again
            web.child.send_signal(signal.SIGKILL)
            return
        for child, end in zip((self._writer, web.child), ends, strict=True):
            child.deliver(handover.WRITER, web.index, sock=end)

    def _became_ready(self, child: ChildProcess) -> None:
        """Start or connect the web processes when the writer is ready; announce the server when all are."""
        child.ready = child.served = True
        if child is self._writer:
            for web in self._webs:
                if web.child.pid is not None:
                    self._connect(web)
                elif web.child.due is None and not self._is_stopping:
                    web.child.due = time.monotonic()
        if not self._announced and not self._is_stopping and all(each.ready for each in self._children):
            self._announced = True
            self._programs.announce()

    # ---- messages

    def _controlled(self, child: ChildProcess, events: int) -> None:
        """Read the messages of a child, and send what waits for room."""
        if events & selectors.EVENT_WRITE:
            child.flush()
            self._dispatch.retry()
        while child.control is not None:
            try:
                message = handover.receive(child.control)
            except EOFError:
                self._disconnect(child)
                child.ready = False
                child.kill_at = child.kill_at or time.monotonic() + _USELESS
                return
            if message is None:
                return
            self._received(child, message)

    def _received(self, child: ChildProcess, message: handover.ControlMessage) -> None:
        message.discard()  # no child has to send any
        child.heard = time.monotonic()
        if message.kind == handover.READY and not child.ready:
            self._became_ready(child)
        elif message.kind == handover.CLOSED:
            for web in self._webs_of(child):
                self._dispatch.closed(web, message.numbers)

    # ---- ending

    def _reap(self) -> None:
        """Take note of the children that have ended; as process 1 of a container it also inherits others'."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for child in self._children:
                if child.pid == pid:
                    self._ended(child, os.waitstatus_to_exitcode(status))

    def _ended(self, child: ChildProcess, code: int) -> None:
        """Replace a child that has ended, unless the server stops, or has not even started."""
        self._disconnect(child)
        child.ended()
        for web in self._webs_of(child):
            self._dispatch.forget(web)
        if self._is_stopping:
            if child is self._writer and code > 0 and self._code is None:
                self._code = code
        elif code >= 0 and not self._announced:
            self._code = code
            self._begin_stopping()
        else:
            child.restart_later(reason_of(code))

    def _end_the_late(self) -> None:
        """Kill processes that have not ended in time, and web processes of which nothing is heard."""
        now = time.monotonic()
        for child in self._children:
            if child.pid is not None and child.kill_at is not None and now >= child.kill_at:
                child.kill_at = None
                child.send_signal(signal.SIGKILL)
        for web in self._webs:
            patience = self._limits.silence_seconds * (1 if web.child.ready else _STARTING)
            if web.child.pid is not None and now - web.child.heard > patience:
                _log.error("%s has been silent for %.0f s and is killed", web.child.name, now - web.child.heard)
                web.child.heard = now
                web.child.send_signal(signal.SIGKILL)

    # ---- stopping

    def _signalled(self, numbers: bytes) -> None:
        """Handle the signals that have arrived: the first one stops the server, another one hastens that."""
        for number in numbers:
            if number == signal.SIGCHLD:
                continue
            if self._is_stopping:
                self._hasten()
            else:
                self._stop = number
                self._begin_stopping()

    def _begin_stopping(self) -> None:
        """Stop accepting, and let the web processes finish their requests; a writer that is not ready has none."""
        self._register()  # the listening socket is watched no longer
        self._dispatch.stop_accepting()
        deadline = time.monotonic() + self._limits.shutdown_seconds + _GRACE
        for child in self._children:
            child.due = None
        for web in self._webs:
            web.child.kill_at = deadline
            web.child.send_signal(signal.SIGTERM)
        if not self._writer.ready:
            self._writer.send_signal(signal.SIGKILL)

    def _end_writer(self) -> None:
        """Let the writer finish when there is no web process any more."""
        if self._writer.control is not None and all(web.child.pid is None for web in self._webs):
            self._disconnect(self._writer)
            self._writer.kill_at = time.monotonic() + self._limits.shutdown_seconds

    def _hasten(self) -> None:
        """End the web processes now, and the writer soon."""
        for web in self._webs:
            web.child.send_signal(signal.SIGKILL)
        self._disconnect(self._writer)
        self._writer.kill_at = time.monotonic() + _HASTE
