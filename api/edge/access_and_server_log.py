"""Access log and log of the server's own messages, one line for each, on standard error.

A line is formatted when its request ends, and written by a separate thread in batches. So a slow reader of the log
never delays requests; if it is too slow, lines are dropped and counted. The text of a query, tokens and the headers
that carry them are never written. Strings are written as JSON strings, so that no line can be forged.

:class:`logging.handlers.QueueListener` would write each line separately, block at the end on a reader that has stopped
reading, and need a log record for each request, which costs more than its line.
"""

from __future__ import annotations

import logging
import os
import queue
import select
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii as quoted
from typing import Final, Literal, Protocol, TextIO

from api.http.request_log_record import RequestLogRecord

Mode = Literal["json", "text", "off"]

_CAPACITY: Final = 50_000
"""Largest number of waiting lines; 25,000 requests a second fill this in two seconds."""

_PAUSE: Final = 0.05
"""Seconds between two writes, each of many lines."""

_LONGEST_PATH: Final = 300
"""Characters of a path that are written at most."""


def mode(setting: str | None, *, terminal: bool) -> Mode:
    """Return the form of the log: as set, or else text on a terminal and JSON elsewhere."""
    match setting:
        case "json" | "text" | "off":
            return setting
        case _:
            return "text" if terminal else "json"


class LogWriter:
    """Writer of lines to a file descriptor, in its own thread, so that the caller never waits.

    Attributes:
        dropped: number of lines lost so far because they were not read in time.
    """

    def __init__(self, descriptor: int) -> None:
        self.dropped = 0
        self._descriptor = descriptor
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()  # None marks the end
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Enqueue one line, which ends with a line feed."""
        if self._lines.qsize() >= _CAPACITY:
            self.dropped += 1
        else:
            self._lines.put(line)

    def close(self, seconds: float = 2.0) -> None:
        """Write the remaining lines, but wait at most ``seconds`` for a slow reader."""
        self._lines.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        """Write lines in batches until the end mark."""
        ended = False
        while not ended:
            lines = [self._lines.get()]
            time.sleep(_PAUSE)  # more lines arrive meanwhile, and one write serves all
            lines += [self._lines.get_nowait() for _ in range(self._lines.qsize())]
            ended = None in lines
            self._flush([line for line in lines if line is not None])

    def _flush(self, lines: list[str]) -> None:
        """Write lines; if the descriptor is closed on the other side, count them as dropped."""
        data = memoryview("".join(lines).encode("utf-8", "backslashreplace"))
        while data:
            try:
                data = data[os.write(self._descriptor, data[: _whole_lines(data)]) :]
            except BlockingIOError:  # a pipe in non-blocking mode is full
                time.sleep(_PAUSE)
            except OSError:  # the reader is gone
                self.dropped += len(lines)
                return


def _whole_lines(data: memoryview) -> int:
    """Return the number of bytes to write at once: whole lines, so that those of other processes never interrupt one.

    A pipe takes up to PIPE_BUF bytes as one piece (POSIX, write()). A longer line is written alone.
    """
    if len(data) <= select.PIPE_BUF:
        return len(data)
    end = bytes(data[: select.PIPE_BUF]).rfind(b"\n") + 1
    return end or bytes(data).find(b"\n") + 1


@contextmanager
def logging_to(stream: TextIO, setting: str | None, observer: RequestObserver) -> Iterator[None]:
    """Log requests and the server's messages to a stream while the context lasts.

    Args:
        stream: a file with a descriptor; if no form is set, it depends on whether this is a terminal.
        setting: see :func:`mode`.
        observer: receives the access log.
    """
    form = mode(setting, terminal=stream.isatty())
    writer = LogWriter(stream.fileno())
    logging.basicConfig(handlers=[MessageHandler(writer, form)], level=logging.WARNING)
    if form != "off":
        observer.log = RequestLog(writer, form)
    try:
        yield
    finally:
        writer.close()


class RequestObserver(Protocol):
    """Holder of the access log; :class:`api.edge.edge_middleware.AccessObserver` is one."""

    log: RequestLog | None


class RequestLog:
    """Access log: one line for each request."""

    def __init__(self, writer: LogWriter, form: Literal["json", "text"]) -> None:
        self.writer = writer
        self._line = _json if form == "json" else _text

    def add(self, exchange: RequestLogRecord, seconds: float) -> None:
        """Log one request that took ``seconds``."""
        self.writer.write(self._line(now(), exchange, seconds * 1000))


def now() -> str:
    """Return the current time in UTC with milliseconds (RFC 3339)."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(moment: str, exchange: RequestLogRecord, milliseconds: float) -> str:
    """Return the line of a request as a JSON object; formatted by hand, which is faster than ``json.dumps``."""
    path = exchange.path.decode("latin-1")
    if len(path) > _LONGEST_PATH:
        path = path[:_LONGEST_PATH] + "…"
    known = f',"route":{quoted(exchange.route)}' if exchange.route else ""
    if exchange.cache:
        known += f',"cache":"{exchange.cache}"'
    if exchange.snapshot is not None:
        known += f',"snapshot":{exchange.snapshot}'
    if exchange.query_hash:
        known += f',"query":"{exchange.query_hash}"'
    if exchange.principal:
        known += f',"principal":{quoted(exchange.principal)}'
    return (
        f'{{"time":"{moment}","level":"info","event":"request","method":{quoted(exchange.method)},'
        f'"path":{quoted(path)},"status":{exchange.status},"ms":{milliseconds:.3f},"bytes":{exchange.sent},'
        f'"request":"{exchange.identifier}","client":{quoted(exchange.client)}{known}}}\n'
    )


def _text(moment: str, exchange: RequestLogRecord, milliseconds: float) -> str:
    """Return the line of a request for people.

    ``2026-01-02T03:04:05.678Z 200      1.2 ms       512 B  GET /sparql  client=127.0.0.1 request=5f2c-000001``
    """
    path = quoted(exchange.path.decode("latin-1")[:_LONGEST_PATH])[1:-1]
    known = "".join(
        f" {name}={value}"
        for name, value in (
            ("cache", exchange.cache),
            ("snapshot", exchange.snapshot),
            ("query", exchange.query_hash),
            ("principal", quoted(exchange.principal) if exchange.principal else ""),
        )
        if value not in ("", None)
    )
    method = quoted(exchange.method)[1:-1]
    return (
        f"{moment} {exchange.status} {milliseconds:8.1f} ms {exchange.sent:9d} B  {method} {path}  "
        f"client={quoted(exchange.client)[1:-1]} request={exchange.identifier}{known}\n"
    )


class MessageHandler(logging.Handler):
    """Handler of the standard ``logging`` that writes each message as one line, with a stack as a list of places.

    The message of an exception is left out, as it may quote what a user sent.
    """

    def __init__(self, writer: LogWriter, form: Mode = "json") -> None:
        super().__init__(logging.WARNING)
        self._writer = writer
        self._form = form

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message."""
        message, error = record.getMessage().strip(), record.exc_info[1] if record.exc_info else None
        if self._form != "json":
            line = f"{now()} {record.levelname} {record.name}: {quoted(message)[1:-1]}"
            if error is not None:
                line += f" ({type(error).__name__} at {_stack(error)})"
            self._writer.write(line + "\n")
            return
        line = (
            f'{{"time":"{now()}","level":"{record.levelname.lower()}","event":"message",'
            f'"logger":{quoted(record.name)},"message":{quoted(message)}'
        )
        if error is not None:
            line += f',"error":{quoted(type(error).__name__)},"stack":{quoted(_stack(error))}'
        self._writer.write(line + "}\n")


def _stack(error: BaseException) -> str:
    """Return the stack of an exception as ``module.function:line > module.function:line``."""
    steps = traceback.walk_tb(error.__traceback__)
    return " > ".join(f"{step.f_globals.get('__name__', '?')}.{step.f_code.co_name}:{line}" for step, line in steps)
