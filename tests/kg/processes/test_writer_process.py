"""Writer process: one request at a time, and every acknowledged write in a published snapshot."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kg import errors
from kg.knowledge_graph import KnowledgeGraph
from kg.processes import ipc_messages, unix_socket_store
from kg.processes.writer_process import LastWords, WriterChannels, WriterProcess
from kg.rdf import oxigraph
from kg.rdf.query_request_and_result import QueryDataset
from kg.store.prepared_writes_and_conflicts import GraphContent, PreparedWrite
from kg.store.snapshots import EndOfWriter, NewestNumber, last_number
from tests.applications import settings

LATER = 1e12
UPDATE = vars(QueryDataset())
ONE = [quad.triple for quad in oxigraph.parse_as_is(b"<urn:a> <urn:p> <urn:b> .")]


@pytest.fixture
def writer(tmp_path: Path) -> WriterProcess:
    config = settings(tmp_path)
    return WriterProcess(KnowledgeGraph.open(config), config, NewestNumber())


def update(writer: WriterProcess, text: str, expires: float = LATER) -> dict[str, Any]:
    return writer.handle({"update": UPDATE, "expires": expires}, text.encode())


# ---- requests


def test_a_start_publishes_a_snapshot(writer: WriterProcess, tmp_path: Path) -> None:
    assert writer._newest.number == last_number(tmp_path) == writer._store.version


def test_an_update_and_a_prepared_write(writer: WriterProcess) -> None:
    assert update(writer, "INSERT DATA { <urn:a> <urn:p> 1 }") == {"outcome": "replaced"}
    write, content = PreparedWrite("replace", (GraphContent.of("urn:g", ONE),)).pack()
    assert writer.handle({"write": write, "expires": LATER}, content) == {"outcome": "created"}
    assert writer._store.count(None) == 1 and writer._store.triples("urn:g") == ONE


def test_an_error_of_the_update_is_told(writer: WriterProcess) -> None:
    found = ipc_messages.decode_error(update(writer, "INSERT DATA {\n <urn:a> }"))
    assert isinstance(found, errors.MalformedText) and found.line == 2


def test_an_outdated_write_is_told(writer: WriterProcess) -> None:
    header, content = PreparedWrite("replace", (GraphContent.of("urn:g", ONE),), -1, frozenset({"urn:a"})).pack()
    assert writer.handle({"write": header, "expires": LATER}, content) == {"outdated": True}


def test_what_has_waited_too_long_is_not_begun(writer: WriterProcess) -> None:
    found = ipc_messages.decode_error(update(writer, "INSERT DATA { <urn:a> <urn:p> 1 }", time.monotonic() - 1))
    assert isinstance(found, errors.Busy)
    assert writer._store.count(None) == 0


def test_news_name_what_was_written(writer: WriterProcess) -> None:
    before = writer._newest.number
    header, content = PreparedWrite("replace", (GraphContent.of("urn:g", ONE),)).pack()
    writer.handle({"write": header, "expires": LATER}, content)
    assert writer.publish() == {"published": before + 1, "before": before, "graphs": ["urn:g"], "users": False}
    update(writer, "INSERT DATA { <urn:a> <urn:p> 1 }")
    assert writer.publish()["users"] is True
    assert writer._newest.number == before + 2
    assert writer.publish()["graphs"] == []  # nothing new


# ---- connections


class Client:
    """A connection to a writer, as a web process has it."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        channel.settimeout(60)
        self._messages = ipc_messages.messages(channel)

    def send(self, identifier: int, text: str) -> None:
        header = {"id": identifier, "expires": LATER, "update": UPDATE}
        self.channel.sendall(ipc_messages.pack(header, text.encode()))

    def heard(self) -> dict[str, Any]:
        return next(self._messages)[0]

    def is_disconnected(self) -> bool:
        """Return whether the writer closes the connection, after messages perhaps; a timeout means that it does not."""
        try:
            for _ in self._messages:
                pass
        except TimeoutError:
            return False
        except ConnectionResetError:
            pass
        return True

    def reply(self) -> dict[str, Any]:
        """Return the next message that is a reply."""
        while "id" not in (found := self.heard()):
            pass
        return found


@pytest.fixture
def clients(writer: WriterProcess, tmp_path: Path) -> Iterator[list[Client]]:
    """Three clients; the third comes as a command does, by the socket in the data directory."""
    control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    found = []
    with unix_socket_store.listen(tmp_path) as listener, control, theirs:
        serving = threading.Thread(target=WriterChannels(writer, theirs, listener).serve)
        for _ in range(2):
            ours, its = socket.socketpair()
            its.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # room for a few messages
            with its:
                socket.send_fds(control, [b"W"], [its.fileno()])
            found.append(Client(ours))
        command = socket.socket(socket.AF_UNIX)
        command.connect(str(tmp_path / unix_socket_store.SOCKET))
        found.append(Client(command))
        serving.start()
        yield found
        control.close()
        serving.join(60)
        assert not serving.is_alive()
        for client in found:
            client.channel.close()


def test_a_reply_comes_after_everybody_has_the_news(writer: WriterProcess, clients: list[Client]) -> None:
    first, second, command = clients
    first.send(7, "INSERT DATA { <urn:a> <urn:p> 1 }")
    assert first.heard() == {"begun": 7}
    news = first.heard()
    assert news["published"] == writer._newest.number
    assert first.heard() == {"id": 7, "outcome": "replaced"}
    assert second.heard() == news == command.heard()


def test_requests_are_carried_out_one_after_the_other(writer: WriterProcess, clients: list[Client]) -> None:
    for number in range(30):
        clients[number % 3].send(number, f"INSERT DATA {{ <urn:a> <urn:p> {number} }}")
    for number in range(30):
        assert clients[number % 3].reply() == {"id": number, "outcome": "replaced"}
    assert writer._store.count(None) == 30


def test_a_client_that_goes_away_disturbs_nobody(clients: list[Client]) -> None:
    clients[0].send(1, "INSERT DATA { <urn:a> <urn:p> 1 }")
    clients[0].channel.close()
    clients[1].channel.sendall(b"\0\0\0\x05half")
    clients[1].channel.close()
    clients[2].send(2, "INSERT DATA { <urn:a> <urn:p> 2 }")
    assert clients[2].reply()["outcome"] == "replaced"


def test_who_does_not_read_keeps_nobody_waiting_and_misses_nothing(clients: list[Client]) -> None:
    """A web process may be stopped for a while: the writer does not wait for it, and sends it the news later."""
    for number in range(40):
        clients[0].send(number, f"INSERT DATA {{ <urn:a> <urn:p> {number} }}")
        assert clients[0].reply() == {"id": number, "outcome": "replaced"}
    news = [clients[1].heard()["published"] for _ in range(40)]
    assert news == sorted(set(news))


@pytest.mark.parametrize(
    "sent",
    [
        b"garbage" * 10,
        ipc_messages.pack({}),
        ipc_messages.pack({"id": 1}),
        b"\0\0\0\x04" + bytes(8) + b"null",
        b"\0\0\0\x04" + bytes(8) + b"nope",
        b"\0\0\0\x01" + bytes(8) + b"\xff",
        b"\0\1\0\0" + bytes(8) + b"[" * 65536,
    ],
    ids=range(7),
)
def test_who_sends_no_request_is_disconnected(clients: list[Client], sent: bytes) -> None:
    clients[2].channel.sendall(sent)
    clients[0].send(1, "INSERT DATA { <urn:a> <urn:p> 1 }")
    assert clients[0].reply()["outcome"] == "replaced"
    if sent != b"garbage" * 10:  # the length that this begins with is still awaited
        assert clients[2].is_disconnected()


def test_a_write_that_no_snapshot_can_hold_is_not_acknowledged(
    writer: WriterProcess, clients: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> int:
        path.mkdir()
        raise errors.StorageFull("No space is left on the disk.")

    before = writer._newest.number
    with monkeypatch.context() as patched:
        patched.setattr(writer._store, "checkpoint", full)
        clients[0].send(1, "INSERT DATA { <urn:a> <urn:p> 1 }")
        found = clients[0].reply()
        assert found.pop("id") == 1
        assert isinstance(ipc_messages.decode_error(found), errors.StorageFull)
        assert writer._newest.number == before
    clients[1].send(2, "INSERT DATA { <urn:a> <urn:p> 2 }")
    assert clients[1].reply() == {"id": 2, "outcome": "replaced"}
    assert writer._newest.number == before + 2


# ---- last words


@pytest.mark.parametrize(
    ("words", "end"),
    [
        (b"", EndOfWriter.killed),
        (b"memory allocation of 99 bytes failed\n", EndOfWriter.memory),
        (b"thread '<unnamed>' panicked at src/sort.rs:1:2:\n", EndOfWriter.fault),
    ],
)
def test_why_a_writer_has_ended_is_read_once(words: bytes, end: EndOfWriter) -> None:
    last = LastWords()
    os.write(last.descriptor, words)
    assert last.take() == end
    assert last.take() == EndOfWriter.killed
    assert json.dumps(end)
