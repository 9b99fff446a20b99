"""Writer process: owns the store, and does nothing but commit prepared writes and run updates, one at a time.

Each write ends with a snapshot, whose number is published before the write is acknowledged. So every process of the
server sees an acknowledged write. A write that takes too long, or too much memory, ends the process; everything that
was acknowledged is on disk, and its successor continues from there.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any

from kg.config import Config
from kg.errors import Busy, ClaimgraphError
from kg.knowledge_graph import KnowledgeGraph
from kg.processes import ipc_messages, process_confinement, unix_socket_store
from kg.rdf.query_request_and_result import QueryDataset
from kg.store.prepared_writes_and_conflicts import Outdated, PreparedWrite
from kg.store.snapshots import EndOfWriter, NewestNumber, Snapshots

_MOST_UNSENT = 16 * 1024 * 1024
"""Bytes that may wait for a process to read them, some hundred thousand messages; then its connection is closed."""

_WORDS = 4096
"""Bytes of what the engine printed that are searched for the reason."""

_log = logging.getLogger("claimgraph.writer")

_PRUNE_SECONDS = 5.0
"""Seconds between two attempts to remove old snapshots, which readers may have been using at the last write."""


class WriterProcess:
    """Handler of requests to write, over the open store."""

    def __init__(self, graph: KnowledgeGraph, config: Config, newest: NewestNumber) -> None:
        """Publish the first snapshot of an open graph in the memory ``newest``."""
        assert graph.store.directory, "a store in memory needs no writer"
        self._store = graph.store
        self._newest = newest
        self._seconds = config.queries.update_timeout
        self._snapshots = Snapshots(graph.store.directory, config.store.snapshots)
        if newest.number == self._store.version - 1 and not newest.unpublished:
            # No update makes a prepared write outdated, nor does one that has ended the process.
            self._store.continues(newest.managed)
        self.publish()

    def publish(self) -> dict[str, Any]:
        """Publish a snapshot of the store if there were commits, and return the message for the other processes."""
        before = self._newest.number
        snapshot = self._snapshots.take(self._store.checkpoint)
        commits = self._store.commits_since(before) if before else None
        if commits is None or any(commit.properties for commit in commits):
            self._newest.managed = snapshot.number
        self._newest.publish(snapshot)
        self._newest.unpublished = False
        graphs = None if commits is None else sorted(set().union(*(commit.graphs for commit in commits)))
        users = commits is None or any(commit.users for commit in commits)
        return {"published": snapshot.number, "before": before, "graphs": graphs, "users": users}

    def prune(self) -> None:
        """Remove old snapshots that are no longer in use."""
        self._snapshots.prune()

    def handle(self, request: Mapping[str, Any], content: bytes) -> dict[str, Any]:
        """Carry out one request and return the reply; ``expires`` is the latest start, by the monotonic clock."""
        try:
            if time.monotonic() > request["expires"]:
                raise Busy("Other writes took too long, so this one was not begun.", remedy="Retry in a moment.")
            with _alarm(self._seconds):
                return self._write(request, content)
        except Outdated:
            self._newest.unpublished = False
            return {"outdated": True}
        except ClaimgraphError as error:
            return ipc_messages.encode_error(error)
        except MemoryError:  # the engine aborts the process when it runs out of memory; do the same for Python
            os.write(2, b"memory allocation failed")
            os.abort()

    def _write(self, request: Mapping[str, Any], content: bytes) -> dict[str, Any]:
        """Commit a prepared write, or run an update."""
        if "update" in request:
            text = content.decode("utf-8", "surrogatepass")
            self._store.update(text, QueryDataset(**request["update"]))
            return {"outcome": "replaced"}
        self._newest.unpublished = True
        return {"outcome": PreparedWrite.unpack(request["write"], content).commit(self._store)}


class _NoRequest(Exception):
    """Something else than a request was received."""


class WriterChannels:
    """Connections to the processes that send requests, and the loop that serves them one request at a time."""

    def __init__(self, writer: WriterProcess, control: socket.socket, listener: socket.socket) -> None:
        """Serve the connections that arrive over ``control``, from the supervisor, and those to ``listener``."""
        self._writer = writer
        self._control = control
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        for source in (control, listener):
            self._selector.register(source, selectors.EVENT_READ)
        self._unpackers: dict[socket.socket, ipc_messages.MessageUnpacker] = {}
        self._unsent: dict[socket.socket, bytearray] = {}

    def add(self, channel: socket.socket) -> None:
        """Serve one more connection."""
        channel.setblocking(False)
        self._unpackers[channel] = ipc_messages.MessageUnpacker()
        self._unsent[channel] = bytearray()
        self._selector.register(channel, selectors.EVENT_READ)

    def serve(self) -> None:
        """Serve until the supervisor closes its end of the control socket."""
        pruned = time.monotonic()
        while self._selector.get_map():
            for key, events in self._selector.select(_PRUNE_SECONDS):
                connection = key.fileobj
                assert isinstance(connection, socket.socket)
                if connection is self._control:
                    self._receive_connection(connection)
                elif connection is self._listener:
                    with contextlib.suppress(OSError):
                        self.add(connection.accept()[0])
                elif connection in self._unpackers:
                    self._serve(connection, events)
            if time.monotonic() - pruned > _PRUNE_SECONDS:
                self._writer.prune()
                pruned = time.monotonic()

    def _receive_connection(self, control: socket.socket) -> None:
        """Receive a connection from the supervisor; at its end, stop."""
        try:
            data, descriptors, _, _ = socket.recv_fds(control, 64, 1, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        for descriptor in descriptors:
            self.add(socket.socket(fileno=descriptor))
        if not data:
            self._selector.unregister(control)
            self._selector.unregister(self._listener)
            for channel in list(self._unpackers):
                self._drop(channel)

    def _serve(self, channel: socket.socket, events: int) -> None:
        """Send what waits, and read a part of a request; whoever sends anything else is disconnected."""
        if events & selectors.EVENT_WRITE:
            self._flush(channel)
        if events & selectors.EVENT_READ and channel in self._unpackers:
            try:
                self._receive(channel)
            except _NoRequest:
                self._drop(channel)

    def _receive(self, channel: socket.socket) -> None:
        """Read a part of a request, and carry out the request if it is complete.

        Raises:
            _NoRequest: it is malformed.
        """
        try:
            data = channel.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(channel)
        while channel in self._unpackers and (found := self._next(channel, data)):
            self._carry_out(channel, *found)
            data = b""

    def _next(self, channel: socket.socket, data: bytes) -> tuple[dict[str, Any], bytes] | None:
        """Return the next complete request.

        Raises:
            _NoRequest: it is malformed.
        """
        try:
            found = self._unpackers[channel].feed(data)
        except (ValueError, RecursionError):
            raise _NoRequest from None
        if found and not (isinstance(found[0], dict) and {"id", "expires"} <= found[0].keys()):
            raise _NoRequest
        return found

    def _carry_out(self, channel: socket.socket, request: dict[str, Any], content: bytes) -> None:
        self._send(channel, {"begun": request["id"]})
        reply = self._writer.handle(request, content)
        if "outcome" in reply or "error" in reply:  # also after an error, as a load may have stored a part
            news = self._published(reply)
            for other in list(self._unpackers):
                self._send(other, news)
        self._send(channel, {"id": request["id"], **reply})

    def _published(self, reply: dict[str, Any]) -> dict[str, Any]:
        """Publish a snapshot; if that fails, the reply becomes the error."""
        try:
            return self._writer.publish()
        except ClaimgraphError as error:
            if "error" not in reply:
                reply.clear()
                reply.update(ipc_messages.encode_error(error))
            return {}

    def _send(self, channel: socket.socket, message: dict[str, Any]) -> None:
        """Send a message, as soon as the process reads; a stopped one must not keep the writer waiting."""
        if channel not in self._unpackers or not message:
            return
        self._unsent[channel] += ipc_messages.pack(message)
        self._flush(channel)
        if len(self._unsent.get(channel, b"")) > _MOST_UNSENT:
            self._drop(channel)

    def _flush(self, channel: socket.socket) -> None:
        """Send what waits for a process, as far as there is room."""
        unsent = self._unsent[channel]
        try:
            while unsent:
                del unsent[: channel.send(unsent)]
        except BlockingIOError:
            pass
        except OSError:  # the process has ended
            self._drop(channel)
            return
        self._selector.modify(channel, selectors.EVENT_READ | (selectors.EVENT_WRITE if unsent else 0))

    def _drop(self, channel: socket.socket) -> None:
        self._selector.unregister(channel)
        del self._unpackers[channel], self._unsent[channel]
        channel.close()


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """End the process by SIGALRM if the block takes longer: nothing else interrupts the engine."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


class LastWords:
    """What the engine prints when it aborts the process, kept in memory for the next writer.

    An abort looks the same from outside, whether the memory was not sufficient or the engine has a fault.
    """

    def __init__(self) -> None:
        """Make the memory, which every writer inherits."""
        self.descriptor = os.memfd_create("last words of the writer")

    def take(self) -> EndOfWriter:
        """Return why the writer before this one has ended, and forget it."""
        words = os.pread(self.descriptor, _WORDS, 0)
        os.ftruncate(self.descriptor, 0)
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        if b"memory allocation" in words or b"bad_alloc" in words:  # of Rust, of C++
            return EndOfWriter.memory
        return EndOfWriter.fault if b"panicked" in words else EndOfWriter.killed


def confine(memory: int) -> None:
    """Restrict this process: a memory limit in bytes, the default action of the alarm, signals left to its parent."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # it ends when its control socket is closed
        signal.signal(number, signal.SIG_IGN)
    process_confinement.limit_memory(memory)


def run(control: socket.socket, config: Config, newest: NewestNumber, words: LastWords) -> None:
    """Open the store, report that it is ready, and serve until the supervisor closes ``control``.

    Raises:
        StoreUnavailable: the store cannot be opened.
    """
    newest.writer_ended(words.take())
    confine(config.queries.max_writer_memory)
    graph = KnowledgeGraph.open(config)
    if not newest.number:  # a successor of a killed writer must be back soon
        graph.store.check_readable()
    writer = WriterProcess(graph, config, newest)
    os.dup2(words.descriptor, 2)  # only now, as errors at the start are for the operator
    with unix_socket_store.listen(config.store.data_dir) as listener:
        channels = WriterChannels(writer, control, listener)
        control.send(b"R")
        try:
            channels.serve()
        except Exception:
            _log.exception("the writer failed, and its successor continues")  # nobody reads what it prints
            raise
    (config.store.data_dir / unix_socket_store.SOCKET).unlink(missing_ok=True)
