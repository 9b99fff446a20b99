"""Reader process: evaluates queries and runs tasks on snapshots, and can be killed at any moment without harm.

It is forked by :mod:`kg.processes.readers.reader_launcher_process`. It opens no socket, writes no file, and runs one
query at a time.
"""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import traceback
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from kg.access.restricted_store import RestrictedStore
from kg.errors import ClaimgraphError
from kg.iris import Names
from kg.processes import ipc_messages, process_confinement, validation_and_write_preparation
from kg.rdf import oxigraph
from kg.rdf.query_request_and_result import QueryDataset, ResultFormats
from kg.rdf.result_limits import ResultLimits
from kg.sparql.checked_query_evaluation import NestingLimits, QueryEvaluator
from kg.store.engine_view import EngineView
from kg.store.prepared_writes_and_conflicts import WriteRecorder
from kg.store.snapshots import Snapshot

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
        self._view = lru_cache(_OPEN_SNAPSHOTS)(self._limited)

    def handle(self, message: dict[str, Any], content: bytes = b"") -> bytes:
        """Return the response to one message: open its snapshot, and run its query or its task if it has one."""
        try:
            if "text" in message:
                return self._query(message)
            if "task" in message:
                return self._task(message, content)
            return self._ready(message["snapshot"])
        except ClaimgraphError as error:
            return ipc_messages.pack(ipc_messages.encode_error(error))
        except MemoryError:  # the engine aborts the process when it runs out of memory; do the same for Python
            os.abort()
        except Exception as error:  # noqa: BLE001 - the server logs it
            # The message of the exception is left out, because it may quote the query.
            trace = "".join([*traceback.format_tb(error.__traceback__), type(error).__name__])
            return ipc_messages.pack({"error": "Fault", "trace": trace})

    def _query(self, message: dict[str, Any]) -> bytes:
        """Return the result of a query, on the graphs that its sender may read."""
        path, text = message["snapshot"], message["text"]
        choice, request = ResultFormats(**message["choice"]), QueryDataset(**message["request"])
        if (limit := message.get("limit")) is not None:
            # In here, because it parses the text, which may take long.
            request = self._view(path, message["base"], bare=message["bare"], limit=tuple(limit)).dataset(text, request)
        found = self._evaluator.evaluate(self._snapshot(path), text, choice, request)
        return self._pack({"media_type": found.media_type, "kind": found.kind}, found.content)

    def _limited(self, path: str, base: str, limit: tuple[str, ...], *, bare: bool) -> RestrictedStore:
        """Return the part of a snapshot that a limited caller may read; it finds the visible graphs once."""
        return RestrictedStore(EngineView(self._snapshot(path), Names(base), "", bare=bare), limit)

    def _task(self, message: dict[str, Any], content: bytes) -> bytes:
        """Return the result of a task."""
        engine, names = self._snapshot(message["snapshot"]), Names(message["base"])
        recorder = WriteRecorder(engine, names, message["number"], bare=message["bare"])
        limit = message["limit"]
        task = validation_and_write_preparation.Task(
            message["task"], message["arguments"], content, None if limit is None else tuple(limit)
        )
        about = {"media_type": "application/octet-stream", "kind": "task"}
        return self._pack(about, validation_and_write_preparation.run_packed(task, recorder))

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


def query_message(
    snapshot: Path, text: str, choice: ResultFormats, request: QueryDataset, limit: Mapping[str, Any] | None = None
) -> bytes:
    """Return the message that requests a query.

    ``limit`` has, for a limited sender, the keys ``limit`` (its graphs), and ``base`` and ``bare`` of the dataset.
    """
    header = {"snapshot": str(snapshot), "text": text, "choice": vars(choice), "request": vars(request)}
    return ipc_messages.pack({**header, **limit} if limit else header)


def task_message(snapshot: Snapshot, task: validation_and_write_preparation.Task, base: str, *, bare: bool) -> bytes:
    """Return the message that requests a task; ``base`` and ``bare`` describe the dataset."""
    header = {
        "snapshot": str(snapshot.path),
        "number": snapshot.number,
        "task": task.name,
        "arguments": task.arguments,
        "limit": task.limit,
        "base": base,
        "bare": bare,
    }
    return ipc_messages.pack(header, task.data)


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
    process_confinement.confine(settings["memory"])
    reader = ReaderProcess(settings, shared)
    gc.freeze()  # what lives by now lives for ever, so collections need not visit it
    with contextlib.suppress(ConnectionError):  # the server has gone
        for header, content in ipc_messages.messages(channel):
            channel.sendall(reader.handle(header, content))
