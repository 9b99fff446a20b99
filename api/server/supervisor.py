"""Supervisor: parent process that starts a new server process whenever the last one was killed or crashed.

Every commit is on disk, so the new process continues where the last one ended.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import mmap
import os
import signal
import sys
import time
from dataclasses import dataclass
from types import FrameType

from kg.processes import sandbox

_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_PAUSE = 0.1
"""Seconds before a killed process is replaced; doubled each time that one ends before it serves."""

_LONGEST_PAUSE = 10.0

_log = logging.getLogger("claimgraph.server")


@dataclass(frozen=True)
class ServerTurn:
    """Run of one server process.

    Attributes:
        again: whether it replaces an earlier process.
    """

    again: bool
    _mark: mmap.mmap

    def serves(self) -> None:
        """Report to the parent that this process serves, so that it is replaced at once if it is killed."""
        self._mark[0] = 1


def stay_up() -> ServerTurn:
    """Fork, and return in the child process; fork again whenever the child was killed.

    The parent forwards signals, and exits with the exit code of the child. It must not hold anything that a child
    cannot share: call this before the store is opened and any thread is started, but after all modules are loaded. Then
    a child starts quickly, and runs the same program even if another version has been installed meanwhile.

    Returns:
        The run of the child. The parent never returns.
    """
    gc.collect()
    gc.freeze()  # so that a child shares the memory of all loaded modules
    again, pause = False, _PAUSE
    mark = mmap.mmap(-1, 1)  # shared with the child: 1 once it serves
    while True:
        parent, mark[0] = os.getpid(), 0
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)  # so that Ctrl-C comes once, from the parent
            sandbox.end_with_parent(signal.SIGTERM)
            if os.getppid() != parent:  # it ended before the signal was requested
                sys.exit(1)
            return ServerTurn(again, mark)
        code = _wait(child)
        if -code == signal.SIGTERM:
            sys.exit(0)  # stopped on request
        if code >= 0 or -code in _FORWARDED:
            sys.exit(code if code >= 0 else 128 - code)
        pause = _PAUSE if mark[0] else min(pause * 2, _LONGEST_PAUSE)
        _log.error("the server was terminated by signal %d; it restarts in %.1f s", -code, pause)
        time.sleep(pause)
        again = True


def _wait(child: int) -> int:
    """Wait for a child and forward signals to it; return its exit code, or minus the signal that terminated it.

    If it is killed after a signal was forwarded, the result is that signal: with SIGTERM and then SIGKILL, -15.
    """
    forwarded: list[int] = []

    def forward(number: int, _frame: FrameType | None) -> None:
        forwarded.append(number)
        with contextlib.suppress(ProcessLookupError):  # the child has just ended
            os.kill(child, number)

    before = {number: signal.signal(number, forward) for number in _FORWARDED}
    try:
        _, status = os.waitpid(child, 0)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    code = os.waitstatus_to_exitcode(status)
    return -forwarded[-1] if code < 0 and forwarded else code
