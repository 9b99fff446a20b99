"""Reader process: one response for each message, whatever happens, and exit when the connection closes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kg.processes import ipc_messages
from kg.processes.readers import reader_process
from kg.processes.readers.reader_process import ReaderProcess
from kg.rdf.query_request_and_result import QueryDataset, ResultFormats
from tests.cases.readers import COUNT, COUNTED, CSV, HUNGRY, LARGE, MEMORY, RUNAWAY, SIZE, asked, made, snapshot
from tests.processes import alive, wait_until

SETTINGS = {"nesting": 100, "height": 1000, "rows": 10**6, "size": 10**7, "memory": MEMORY}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return snapshot(tmp_path_factory.mktemp("worker"))


def read(message: bytes) -> tuple[dict[str, Any], bytes]:
    found = ipc_messages.MessageUnpacker().feed(message)
    assert found
    return found


def handled(reader: ReaderProcess, message: bytes) -> tuple[dict[str, Any], bytes]:
    return read(reader.handle(*read(message)))


class Process:
    """A reader process and the server's end of its connection."""

    def __init__(self, channel: socket.socket, process: subprocess.Popen[bytes]) -> None:
        self.channel, self.process = channel, process

    def ask(self, message: bytes) -> tuple[dict[str, Any], bytes] | None:
        """Send a message and return the response; ``None`` if the process exits instead."""
        self.channel.sendall(message)
        unpacker = ipc_messages.MessageUnpacker()
        while data := self.channel.recv(1 << 18):
            if found := unpacker.feed(data):
                return found
        return None


READER = """
import json, sys
from kg.processes.readers import reader_process
reader_process.main(int(sys.argv[1]), -1, json.loads(sys.argv[2]))
"""


@contextmanager
def running(**settings: int) -> Iterator[Process]:
    ours, theirs = socket.socketpair()
    ours.settimeout(30)
    with theirs:
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                READER,
                str(theirs.fileno()),
                json.dumps(SETTINGS | settings),
            ],
            pass_fds=[theirs.fileno()],
            stderr=subprocess.DEVNULL,
        )
    with process, ours:
        try:
            yield Process(ours, process)
        finally:
            process.kill()


# ---- what it says


def test_an_answer_says_what_it_is(path: Path) -> None:
    reader = ReaderProcess(SETTINGS)
    header, content = handled(reader, asked(path, COUNT))
    assert (header, content) == ({"media_type": "text/csv", "kind": "solutions"}, COUNTED)
    header, content = handled(reader, asked(path, "DESCRIBE <urn:s1>"))
    assert (header, content[:6]) == ({"media_type": "text/turtle", "kind": "graph"}, b"@prefi")


def test_the_request_is_heeded(path: Path) -> None:
    request = QueryDataset(("urn:g",), ("urn:h",), "http://e/", {"p": "urn:"})
    for text, expected in (("ASK { ?s ?p ?o }", b"false"), ("ASK { FILTER(STR(<x>) = 'http://e/x') }", b"true")):
        assert expected in handled(ReaderProcess(SETTINGS), reader_process.query_message(path, text, CSV, request))[1]
    text = "ASK FROM <urn:none> { FILTER(p:x = <urn:x>) }"
    assert b"true" in handled(ReaderProcess(SETTINGS), reader_process.query_message(path, text, CSV, request))[1]


def test_the_graphs_of_a_limited_sender_are_determined_in_the_reader(path: Path) -> None:
    """A web process would analyse the text, which may take seconds, for everybody to wait."""
    limit = {"limit": ("urn:other",), "base": "http://e/", "bare": True}
    for text in (COUNT, "SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } }", COUNT.replace("{", "FROM <urn:g> {", 1)):
        message = reader_process.query_message(path, text, CSV, QueryDataset(), limit)
        assert handled(ReaderProcess(SETTINGS), message)[1].split() == [b"n", b"0"]
    many = f"SELECT (COUNT(*) AS ?n) {{ VALUES ?v {{ {'1 ' * 100_000} }} }}"
    message = reader_process.query_message(path, many, CSV, QueryDataset(), limit)
    assert handled(ReaderProcess(SETTINGS), message)[1].split() == [b"n", b"100000"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("SELECT", "MalformedText"),
        ("ASK { SERVICE <http://127.0.0.1:9/> {} }", "Forbidden"),
        ("ASK " + "{" * 101 + "}" * 101, "TooLarge"),
        ("SELECT * { ?s ?p ?o }", "ResultTooLarge"),
        ("ASK { FILTER(<urn:none>(1)) }", "BadInput"),
        ('SELECT ("\\u0001" AS ?o) {}', "Unwritable"),
        ("CONSTRUCT { <urn:s> <urn:1> 1 } {}", "Unwritable"),
    ],
)
def test_an_error_says_what_it_is(path: Path, text: str, name: str) -> None:
    choice = ResultFormats(solutions="application/sparql-results+xml", graph="application/rdf+xml")
    header, content = handled(ReaderProcess(SETTINGS | {"rows": 5}), asked(path, text, choice))
    assert (header.pop("error"), content) == (name, b"")
    told = ipc_messages.decode_error({"error": name, **header})
    assert type(told).__name__ == name and told.message


def test_every_error_of_a_query_can_be_told(path: Path) -> None:
    header, _ = handled(ReaderProcess(SETTINGS), asked(path, "ASK {}", ResultFormats(boolean=None)))
    assert header == {"error": "NotAcceptable", "kind": "boolean"}
    header, _ = handled(ReaderProcess(SETTINGS), asked(path.with_name("none"), "ASK {}"))
    assert header["error"] == "StoreUnavailable" and str(path.parent) not in json.dumps(header)


def test_a_fault_of_ours_is_told_too(path: Path) -> None:
    header = read(ReaderProcess(SETTINGS).handle({"snapshot": str(path), "text": 5}))[0]
    assert header["error"] == "Fault"
    assert "in handle" in header["trace"]
    assert header["trace"].endswith("Error")  # without its message, which may quote a query


def test_settings_are_limits_of_their_own(path: Path) -> None:
    for setting, text in (("nesting", "ASK {{{{}}}}"), ("height", "ASK { ?s ?p 1, 2, 3, 4, 5 }")):
        assert "error" not in handled(ReaderProcess(SETTINGS), asked(path, text))[0]
        assert handled(ReaderProcess(SETTINGS | {setting: 3}), asked(path, text))[0]["error"] == "TooLarge"
    for setting, least in (("rows", SIZE), ("size", 30_000)):
        text = "SELECT * { ?s ?p ?o }"
        assert "error" not in handled(ReaderProcess(SETTINGS | {setting: least}), asked(path, text, CSV))[0]
        assert handled(ReaderProcess(SETTINGS | {setting: SIZE - 1}), asked(path, text))[0]["error"] == "ResultTooLarge"


# ---- snapshots


def test_a_snapshot_is_opened_ahead_and_stays_open(path: Path, tmp_path: Path) -> None:
    reader = ReaderProcess(SETTINGS)
    store = made(tmp_path / "data", 5)
    paths = [tmp_path / str(number) for number in range(3)]
    for one in paths:
        store.checkpoint(one)
        assert handled(reader, reader_process.opening(one)) == ({"opened": str(one)}, b"")
    opened = reader._snapshot.cache_info
    assert opened()[1:] == (3, 2, 2)  # three were opened, two are open: more would keep removed files on the disk
    for one in (paths[1], paths[2], paths[1]):
        handled(reader, asked(one, COUNT))
    assert opened()[1:] == (3, 2, 2)
    handled(reader, reader_process.opening(paths[0]))
    handled(reader, asked(paths[1], COUNT))
    assert opened()[1:] == (4, 2, 2)  # the one that was read last stays


def test_a_snapshot_that_is_gone_stops_no_reader(path: Path) -> None:
    reader = ReaderProcess(SETTINGS)
    gone = path.with_name("gone")
    assert handled(reader, reader_process.opening(gone)) == ({"opened": str(gone)}, b"")
    assert handled(reader, asked(path, COUNT))[1] == COUNTED


def test_nothing_is_written_into_a_snapshot(path: Path) -> None:
    before = {file.name: file.stat().st_mtime_ns for file in path.iterdir()}
    with running() as reader:
        found = reader.ask(asked(path, COUNT))
        assert found and found[1] == COUNTED
        assert reader.ask(asked(path, "INSERT DATA { <urn:a> <urn:b> 1 }")) is not None
    assert {file.name: file.stat().st_mtime_ns for file in path.iterdir()} == before


# ---- the process


def test_it_answers_until_the_other_side_goes(path: Path) -> None:
    with running() as reader:
        messages = asked(path, "SELECT"), asked(path, COUNT), reader_process.opening(path), asked(path, COUNT)
        found = [answer[1] for answer in map(reader.ask, messages) if answer]
        assert found == [b"", COUNTED, b"", COUNTED]
        reader.channel.close()
        assert reader.process.wait(60) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_that_are_meant_for_the_server_do_not_end_it(path: Path, number: signal.Signals) -> None:
    """A service manager and a terminal send them to all processes; answers in flight are to be finished."""
    with running() as reader:
        assert reader.ask(asked(path, COUNT))
        reader.process.send_signal(number)
        found = reader.ask(asked(path, COUNT))
        assert found and found[1] == COUNTED


def test_what_needs_too_much_memory_ends_it(path: Path) -> None:
    with running() as reader:
        assert reader.ask(asked(path, HUNGRY)) is None
        assert reader.process.wait(60) == -signal.SIGABRT


def test_python_s_own_want_of_memory_ends_it_alike(path: Path) -> None:
    """The answer itself is the most of it: bytes in Python's hands, not the engine's."""
    with running(size=10**10, rows=10**9) as reader:
        assert reader.ask(asked(path, LARGE)) is None
        assert reader.process.wait(60) == -signal.SIGABRT


def test_it_can_open_no_socket(path: Path) -> None:
    """Should a call of another endpoint ever slip through, the system refuses it: here the check is left out."""
    code = """
import sys
from kg.processes.readers import reader_process
from kg.sparql import request_policy
request_policy.refuse_service = lambda places: None
reader_process.main(int(sys.argv[1]), -1, __import__("json").loads(sys.argv[2]))
"""
    ours, theirs = socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as listener, ours, theirs:
        listener.settimeout(0.2)
        ours.settimeout(30)
        command = [sys.executable, "-c", code, str(theirs.fileno()), json.dumps(SETTINGS)]
        with subprocess.Popen(command, pass_fds=[theirs.fileno()], stderr=subprocess.DEVNULL) as process:
            theirs.close()
            text = f"SELECT * {{ SERVICE <http://127.0.0.1:{listener.getsockname()[1]}/> {{ ?s ?p ?o }} }}"
            found = Process(ours, process).ask(asked(path, text))
            assert found and "error" in found[0]
            with pytest.raises(TimeoutError):
                listener.accept()
            process.kill()


def test_it_ends_with_the_server_in_the_middle_of_a_query(path: Path) -> None:
    code = """
import json, socket, subprocess, sys, time
ours, theirs = socket.socketpair()
command = [sys.executable, "-c", sys.argv[4], str(theirs.fileno()), sys.argv[1]]
process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
print(process.pid, flush=True)
ours.sendall(bytes.fromhex(sys.argv[2]))
print(len(ours.recv(100)), flush=True)
ours.sendall(bytes.fromhex(sys.argv[3]))
time.sleep(60)
"""
    messages = reader_process.opening(path).hex(), asked(path, RUNAWAY).hex()
    command = [sys.executable, "-c", code, json.dumps(SETTINGS), *messages, READER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        pid = int(server.stdout.readline())
        try:
            assert server.stdout.readline()
            busy = _ticks(pid)
            wait_until(lambda: _ticks(pid) > busy + 20, "the query is running")
            server.kill()
            server.wait(60)
            wait_until(lambda: not alive(pid), "the reader has ended")
        finally:
            server.kill()


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(") ")[2].split()
    assert os.sysconf("SC_CLK_TCK") == 100
    return int(fields[11]) + int(fields[12])
