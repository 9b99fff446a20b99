"""Chromium, driven over the pipe of its DevTools protocol: pages are visited in sequence with one cache."""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CHROMIUM = shutil.which("chromium")

OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

_PATIENCE = 60.0
_FREE = 10
"""Descriptors from here on are not those that Chromium reads (3) and writes (4)."""


class Browser:
    """One tab of a browser."""

    def __init__(self, commands: int, messages: int) -> None:
        self._commands = commands
        self._messages = messages
        self._buffer = b""
        self._number = 0
        self._session = ""
        self._events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.send("Page.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result; events that arrive before it are queued."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            found = self._receive()
            if found.get("id") == self._number:
                assert "error" not in found, found
                result: dict[str, Any] = found["result"]
                return result
            self._events.append(found)

    def visit(self, url: str) -> None:
        """Go to a page and wait until it is loaded."""
        self._events.clear()
        assert "errorText" not in self.send("Page.navigate", url=url)
        self.wait_for_load()

    def wait_for_load(self) -> None:
        """Wait until a page is loaded that nobody has waited for."""
        while True:
            found = self._events.pop(0) if self._events else self._receive()
            if found.get("method") == "Page.loadEventFired":
                return

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page, as a user's own gesture."""
        found = self.send("Runtime.evaluate", expression=expression, returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._messages], [], [], _PATIENCE)
            assert ready, "Chromium says nothing"
            more = os.read(self._messages, 1 << 16)
            assert more, "Chromium has ended"
            self._buffer += more
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message


@contextmanager
def browser() -> Iterator[Browser]:
    """Start Chromium with an empty cache; afterwards it has ended."""
    assert CHROMIUM is not None
    (answers, write), (read, commands) = _pipe(), _pipe()
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        command = [CHROMIUM, *OPTIONS, "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"]
        command = ["bash", "-c", f'exec "$@" 3<&{read} 4>&{write}', "bash", *command]
        with subprocess.Popen(command, pass_fds=(read, write), stderr=subprocess.DEVNULL) as process:
            os.close(read)
            os.close(write)
            try:
                yield Browser(commands, answers)
            finally:
                os.close(commands)  # it ends by itself when nobody drives it
                os.close(answers)
                process.terminate()
                process.wait(20)


def _pipe() -> tuple[int, int]:
    """Make a pipe whose ends have high numbers."""
    ends = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _FREE) for end in ends)
    for end in ends:
        os.close(end)
    return high[0], high[1]
