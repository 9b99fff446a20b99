"""Reader process: evaluates queries on snapshots, and can be killed at any moment without harm.

It is started by :mod:`kg.processes.reader_connection` as ``python -m kg.processes.reader_process DESCRIPTOR SHARED
SETTINGS``. It opens no socket, writes no file, and runs one query at a time.
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
"""Smallest content in bytes that is sent through shared memory."""


class ReaderProcess:
    """Handler of the server's messages; it holds the last two snapshots open."""

    def __init__(self, settings: dict[str, int], shared: int = -1) -> None:
        """Evaluate within limits; ``shared`` is the descriptor of memory shared with the server, or -1 for none.

        Args:
            settings: ``nesting`` and ``height`` of queries, ``rows`` and ``size`` (bytes) of results.
            shared: see above.
        """
        self._shared = shared
        self._evaluator = QueryEvaluator(
            NestingLimits(settings["nesting"], settings["height"]), ResultLimits(settings["rows"], settings["size"])
        )
        self._snapshot = lru_cache(_OPEN_SNAPSHOTS)(_opened)

    def handle(self, message: dict[str, Any]) -> bytes:
        """Return the response to one message: open its snapshot, and evaluate its query if it has one."""
        try:
            if "text" not in message:
                return self._ready(message["snapshot"])
            store = self._snapshot(message["snapshot"])
            choice, request = ResultFormats(**message["choice"]), QueryDataset(**message["request"])
            found = self._evaluator.evaluate(store, message["text"], choice, request)
            about = {"media_type": found.media_type, "kind": found.kind}
            return self._pack(about, found.content)
        except NotAcceptable as error:
            return ipc_messages.pack({"error": "NotAcceptable", "kind": error.kind})
        except ClaimgraphError as error:
            fields = {"message": error.message, "remedy": error.remedy, "line": error.line, "column": error.column}
            return ipc_messages.pack({"error": type(error).__name__, **fields})
        except MemoryError:  # the engine aborts the process when it runs out of memory; do the same for Python
            os.abort()
        except Exception as error:  # noqa: BLE001 - the server logs it
            # The message of the exception is left out, because it may quote the query.
            trace = "".join([*traceback.format_tb(error.__traceback__), type(error).__name__])
            return ipc_messages.pack({"error": "Fault", "trace": trace})

    def _pack(self, about: dict[str, Any], content: bytes) -> bytes:
        """Return the message of a result; a large content is written to shared memory, as a socket is much slower."""
        if self._shared < 0 or len(content) < LARGE:
            return ipc_messages.pack(about, content)
        left = memoryview(content)
        while left:
            left = left[os.pwrite(self._shared, left, len(content) - len(left)) :]
        return ipc_messages.pack({**about, "shared": len(content)})

    def _ready(self, path: str) -> bytes:
        """Open a snapshot before the next query. If it is gone already, the next query names a newer one."""
        with contextlib.suppress(Exception):  # an error message would be mistaken for the result of the next query
            self._snapshot(path)
        return ipc_messages.pack({"opened": path})


def _opened(path: str) -> oxigraph.Engine:
    return oxigraph.open_snapshot(Path(path))


def message(snapshot: Path, text: str, choice: ResultFormats, request: QueryDataset) -> bytes:
    """Return the message that requests a query."""
    return ipc_messages.pack(
        {"snapshot": str(snapshot), "text": text, "choice": vars(choice), "request": vars(request)}
    )


def opening(snapshot: Path) -> bytes:
    """Return the message that opens a snapshot before the next query."""
    return ipc_messages.pack({"snapshot": str(snapshot)})


def main(descriptor: int, shared: int, settings: dict[str, int]) -> None:
    """Handle messages until the server closes the connection.

    Args:
        descriptor: descriptor of the connected socket.
        shared: see :class:`ReaderProcess`.
        settings: see :class:`ReaderProcess`; ``memory`` is the limit in bytes.
    """
    channel = socket.socket(fileno=descriptor)
    sandbox.confine(settings["memory"])
    reader = ReaderProcess(settings, shared)
    gc.freeze()  # objects of the imported modules live for ever, so collections need not visit them
    with contextlib.suppress(ConnectionError):  # the server has gone
        for request in ipc_messages.messages(channel):
            channel.sendall(reader.handle(request))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]))
