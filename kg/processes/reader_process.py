"""A reader: a process that answers queries from snapshots, and can be killed at any moment without harm.

It is started by :mod:`kg.processes.reader_pool` as ``python -m kg.processes.reader_process DESCRIPTOR SHARED
SETTINGS``, opens no socket, writes no file, and answers one query at a time.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import socket
import sys
import traceback
from functools import lru_cache
from pathlib import Path
from typing import Any

from kg.errors import ClaimgraphError, NotAcceptable
from kg.processes import ipc_messages, sandbox
from kg.rdf import oxigraph
from kg.rdf.query_request_and_result import QueryDataset, ResultFormats
from kg.rdf.result_limits import ResultLimits
from kg.sparql.query_evaluator import NestingLimits, QueryEvaluator

_OPEN_SNAPSHOTS = 2

LARGE = 1 << 18
"""Bytes of content from which on it goes through shared memory."""


class ReaderProcess:
    """Holds the snapshots that were read last open, and answers."""

    def __init__(self, settings: dict[str, int], shared: int = -1) -> None:
        """Read within the settings; ``shared`` is the descriptor of memory that the server sees too, -1 without any."""
        self._shared = shared
        self._evaluator = QueryEvaluator(
            NestingLimits(settings["nesting"], settings["height"]), ResultLimits(settings["rows"], settings["size"])
        )
        self._snapshot = lru_cache(_OPEN_SNAPSHOTS)(_opened)

    def handle(self, message: dict[str, Any]) -> bytes:
        """Answer one message: open a snapshot, and ask it a query if there is one."""
        try:
            if "text" not in message:
                return self._ready(message["snapshot"])
            store = self._snapshot(message["snapshot"])
            choice, request = ResultFormats(**message["choice"]), QueryDataset(**message["request"])
            found = self._evaluator.answer(store, message["text"], choice, request)
            about = {"media_type": found.media_type, "kind": found.kind}
            return self._pack(about, found.content)
        except NotAcceptable as error:
            return ipc_messages.pack({"error": "NotAcceptable", "kind": error.kind})
        except ClaimgraphError as error:
            told = {"message": error.message, "remedy": error.remedy, "line": error.line, "column": error.column}
            return ipc_messages.pack({"error": type(error).__name__, **told})
        except MemoryError:  # the engine ends the process itself when it runs out; so it is the same everywhere
            os.abort()
        except Exception as error:  # noqa: BLE001 - told to the server, which logs it
            # Without the message, which may quote the query.
            trace = "".join([*traceback.format_tb(error.__traceback__), type(error).__name__])
            return ipc_messages.pack({"error": "Fault", "trace": trace})

    def _pack(self, about: dict[str, Any], content: bytes) -> bytes:
        """Write an answer; a large one into the shared memory, for a socket takes it in small pieces, and much time."""
        if self._shared < 0 or len(content) < LARGE:
            return ipc_messages.pack(about, content)
        left = memoryview(content)
        while left:
            left = left[os.pwrite(self._shared, left, len(content) - len(left)) :]
        return ipc_messages.pack({**about, "shared": len(content)})

    def _ready(self, path: str) -> bytes:
        """Open a snapshot ahead; should it be gone already, the next query names a newer one."""
        with contextlib.suppress(Exception):  # an error here would be taken for the answer of the next query
            self._snapshot(path)
        return ipc_messages.pack({"opened": path})


def _opened(path: str) -> oxigraph.Engine:
    return oxigraph.open_snapshot(Path(path))


def message(snapshot: Path, text: str, choice: ResultFormats, request: QueryDataset) -> bytes:
    """Write the message that asks a query."""
    return ipc_messages.pack(
        {"snapshot": str(snapshot), "text": text, "choice": vars(choice), "request": vars(request)}
    )


def opening(snapshot: Path) -> bytes:
    """Write the message that has a snapshot opened ahead of the next query."""
    return ipc_messages.pack({"snapshot": str(snapshot)})


def main(descriptor: int, shared: int, settings: dict[str, int]) -> None:
    """Answer until the other side goes."""
    channel = socket.socket(fileno=descriptor)
    sandbox.confine(settings["memory"])
    reader = ReaderProcess(settings, shared)
    gc.freeze()
    with contextlib.suppress(ConnectionError):  # the server has gone
        for asked in ipc_messages.messages(channel):
            channel.sendall(reader.handle(asked))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]))
