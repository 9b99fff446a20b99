"""Launcher process: it has imported the modules of readers, and forks one in milliseconds.

:mod:`kg.processes.readers.reader_launcher` starts it with a descriptor and a kind as arguments. It handles nothing that
a client sends, so that no client can end it.

An interpreter of its own would cost each reader a fifth of a second of CPU, on a busy machine a second in all. Clients
would wait for it whenever a query was killed.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import json
import os
import select
import signal
import socket
import sys

from kg.processes import process_confinement, validation_and_write_preparation
from kg.processes.readers import reader_process

FOR_QUERIES = "queries"
"""Kind of readers that answer queries, and run a task if need be."""

FOR_TASKS = "tasks"
"""Kind of readers that validate and prepare writes: the modules of the gate are imported, too."""


class ForkServer:
    """Handler of requests for readers.

    A request is a JSON object of settings with two descriptors (see :func:`.reader_process.main`). Its response is
    ``{"pid": …}``, or ``{"errno": …}`` if the system cannot start another process. When a reader has ended,
    ``{"pid": …, "code": …}`` is sent, with the number of a signal as a negative code.
    """

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._readers = set[int]()
        # A signal only wakes the loop: a handler might run just before a system call that then waits for ever.
        self._woken, self._waking = socket.socketpair()
        for end in (self._woken, self._waking):
            end.setblocking(False)

    def serve(self) -> None:
        """Handle requests until the server closes the connection; then end all readers."""
        with self._woken, self._waking:
            signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
            signal.set_wakeup_fd(self._waking.fileno(), warn_on_full_buffer=False)
            with contextlib.suppress(ConnectionError):
                while all(map(self._handle, select.select([self._channel, self._woken], [], [])[0])):
                    pass
            signal.set_wakeup_fd(-1)
        for pid in self._readers:
            os.kill(pid, signal.SIGKILL)  # it has not been waited for, so that no other process has its number
        for pid in self._readers:
            os.waitpid(pid, 0)

    def _handle(self, source: socket.socket) -> bool:
        """Handle a request, or the ends of readers; return whether there may be more."""
        if source is self._woken:
            self._woken.recv(4096)
            self._report_ended()
            return True
        content, descriptors, _, _ = socket.recv_fds(self._channel, 1 << 16, 2)
        if content:
            self._launch(json.loads(content), descriptors)
        return bool(content)

    def _launch(self, settings: dict[str, int], descriptors: list[int]) -> None:
        try:
            pid = os.fork()
        except OSError as error:
            self._send({"errno": error.errno or errno.EAGAIN})
        else:
            if pid == 0:
                self._become_reader(settings, descriptors)
            self._readers.add(pid)
            self._send({"pid": pid})
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _become_reader(self, settings: dict[str, int], descriptors: list[int]) -> None:
        """Run a reader in this process, which has just been forked, and end it."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for end in (self._channel, self._woken, self._waking):
                end.close()
            process_confinement.set_process_name("kg reader")
            reader_process.main(descriptors[0], descriptors[1], settings)
            code = 0
        finally:
            os._exit(code)  # nothing of the launcher may run in its child

    def _report_ended(self) -> None:
        for reader in list(self._readers):
            pid, status = os.waitpid(reader, os.WNOHANG)
            if pid:
                self._readers.remove(pid)
                self._send({"pid": pid, "code": os.waitstatus_to_exitcode(status)})

    def _send(self, message: dict[str, int]) -> None:
        with contextlib.suppress(ConnectionError):  # the end of the connection is noticed by `serve`
            self._channel.send(json.dumps(message).encode())


def main(descriptor: int, kind: str) -> None:
    """Fork readers until the server closes the connection.

    Args:
        descriptor: descriptor of the connected socket, of the type ``SOCK_SEQPACKET``.
        kind: :data:`FOR_QUERIES` or :data:`FOR_TASKS`.
    """
    for number in (signal.SIGINT, signal.SIGTERM):  # for the server, which ends its readers when it has finished
        signal.signal(number, signal.SIG_IGN)
    process_confinement.end_with_parent(signal.SIGKILL)
    process_confinement.set_process_name("kg launcher")
    if kind == FOR_TASKS:
        validation_and_write_preparation.import_all()
    gc.collect()
    gc.freeze()  # memory of the imported modules is shared with the readers as long as no collection visits it
    ForkServer(socket.socket(fileno=descriptor)).serve()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
