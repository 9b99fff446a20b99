"""Keeps a server up: should its process be killed, or fall, another takes its place and finds every commit on disk."""

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
"""Seconds before a process that was ended is replaced; doubled each time that one ends before it serves."""
_LONGEST_PAUSE = 10.0

_log = logging.getLogger("claimgraph.server")


@dataclass(frozen=True)
class ServerTurn:
    """A child's turn at serving.

    Attributes:
        again: whether it takes the place of another.
    """

    again: bool
    _mark: mmap.mmap

    def serves(self) -> None:
        """Let the parent know that this child serves, so that the next one need not wait should it be killed."""
        self._mark[0] = 1


def stay_up() -> ServerTurn:
    """Go on in a child process, and in a new one whenever the last was killed.

    The parent passes signals on, and ends as the child ends. It must hold nothing that a child cannot share: call this
    before the store is opened and before any thread is started, but after all modules are loaded, so that a child
    starts quickly, and runs the same program even where another version has been installed meanwhile.

    Returns:
        In the child: its turn. The parent never returns.
    """
    gc.collect()
    gc.freeze()  # so that a child shares the memory of what is loaded by now
    again, pause = False, _PAUSE
    mark = mmap.mmap(-1, 1)  # of both processes
    while True:
        parent, mark[0] = os.getpid(), 0
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)  # so that Ctrl-C comes once, from the parent
            sandbox.end_with_parent(signal.SIGTERM)
            if os.getppid() != parent:
                sys.exit(1)
            return ServerTurn(again, mark)
        code = _wait(child)
        if -code == signal.SIGTERM:
            sys.exit(0)  # it was asked to end, and has
        if code >= 0 or -code in _FORWARDED:
            sys.exit(code if code >= 0 else 128 - code)
        pause = _PAUSE if mark[0] else min(pause * 2, _LONGEST_PAUSE)
        _log.error("the server was ended by signal %d; it starts again in %.1f s", -code, pause)
        time.sleep(pause)
        again = True


def _wait(child: int) -> int:
    """Wait for a child, and pass signals on to it; tell its exit code, or minus the signal that ended it.

    Should it be killed after a signal was passed on, that one counts.
    """
    passed: list[int] = []

    def forward(number: int, _frame: FrameType | None) -> None:
        passed.append(number)
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.kill(child, number)

    before = {number: signal.signal(number, forward) for number in _FORWARDED}
    try:
        _, status = os.waitpid(child, 0)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    code = os.waitstatus_to_exitcode(status)
    return -passed[-1] if code < 0 and passed else code
