"""Supervisor with toy programs: connections are spread, what is killed is replaced, a signal stops all of it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api.server.process_supervisor import SupervisorLimits, web_process_count
from kg.config import HttpSettings
from tests.processes import alive, children, wait_until
from tests.serving import parse, receive

CLOSE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Toy:
    """A running toy server."""

    process: subprocess.Popen[str]
    port: int
    log: Path

    def connect(self, address: str = "127.0.0.1") -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60, source_address=(address, 0))

    def ask(self, path: str = "/", connection: http.client.HTTPConnection | None = None) -> dict[str, Any]:
        """Ask, on a connection of its own unless one is given; the status is added to the answer."""
        own = connection or self.connect()
        try:
            own.request("GET", path)
            answer = own.getresponse()
            found: dict[str, Any] = json.loads(answer.read())
        finally:
            if connection is None:
                own.close()
        return {"status": answer.status, **found}

    def asks(self, path: str = "/") -> dict[str, Any]:
        """Ask; a connection that is lost counts as status 0."""
        try:
            return self.ask(path)
        except (OSError, http.client.HTTPException):
            return {"status": 0}

    def webs(self) -> dict[int, int]:
        """Return the web processes by index, as connections that are open together see them."""
        with ExitStack() as stack:
            connections = [self.connect() for _ in range(8)]
            for connection in connections:
                stack.callback(connection.close)
            answers = [self.ask("/", connection) for connection in connections]
        return {answer["index"]: answer["pid"] for answer in answers}

    def webs_or_none(self) -> dict[int, int]:
        """Return the web processes, or none if a connection was lost."""
        try:
            return self.webs()
        except (OSError, http.client.HTTPException):
            return {}

    def writer(self) -> int:
        answer = self.asks("/writer")
        return int(answer["writer"].split()[0]) if answer["status"] == 200 else 0

    def said(self) -> str:
        return self.log.read_text("utf-8")


def start(folder: Path, **options: Any) -> tuple[subprocess.Popen[str], Path]:
    log = folder / "log"
    with log.open("w", encoding="utf-8") as file:
        command = [sys.executable, "-m", "tests.api.server.toy_server", json.dumps({"folder": str(folder)} | options)]
        process = subprocess.Popen(command, stdout=file, stderr=file, text=True)
    return process, log


@contextmanager
def toy(folder: Path, **options: Any) -> Iterator[Toy]:
    """Run a toy server; afterwards none of its processes is left."""
    process, log = start(folder, **options)
    pids = []
    try:
        wait_until(lambda: "port " in log.read_text("utf-8") or process.poll() is not None, "it serves")
        found = re.search(r"port (\d+)", log.read_text("utf-8"))
        assert found, log.read_text("utf-8")
        yield Toy(process, int(found[1]), log)
    finally:
        pids = children(process.pid) if process.poll() is None else []
        process.kill()
        process.wait(60)
        wait_until(lambda: not any(alive(pid) for pid in pids), "its children end with it")


def ended(folder: Path, **options: Any) -> tuple[int, str]:
    """Run a toy server that ends by itself; return its exit code and what it said."""
    process, log = start(folder, **options)
    try:
        return process.wait(60), log.read_text("utf-8")
    finally:
        process.kill()
        process.wait()


# ---- connections


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_connections_are_spread_evenly(tmp_path: Path, loop: str) -> None:
    with toy(tmp_path, webs=2, loop=loop) as server, ExitStack() as stack:
        connections = [server.connect() for _ in range(8)]
        for connection in connections:
            stack.callback(connection.close)
            connection.connect()  # all of them before the first request
        assert Counter(server.ask("/", connection)["index"] for connection in connections) == {0: 4, 1: 4}
        assert server.ask("/", connections[0])["index"] == server.ask("/", connections[0])["index"]


def test_each_in_turn_has_a_client_that_connects_again_and_again(tmp_path: Path) -> None:
    with toy(tmp_path, webs=3) as server:
        assert Counter(server.ask()["index"] for _ in range(9)).keys() == {0, 1, 2}


def test_closed_connections_are_not_counted(tmp_path: Path) -> None:
    """Else the process whose clients have left would get none for a long time."""
    with toy(tmp_path, webs=2) as server, ExitStack() as stack:
        connections = [server.connect() for _ in range(8)]
        by_index: dict[int, list[http.client.HTTPConnection]] = {0: [], 1: []}
        for connection in connections:
            stack.callback(connection.close)
            by_index[server.ask("/", connection)["index"]].append(connection)
        for connection in by_index[1]:
            connection.close()
        wait_until(lambda: all(server.ask()["index"] == 1 for _ in range(3)), "it is known that they are closed")


def test_a_thousand_connections_leave_no_descriptor(tmp_path: Path) -> None:
    with toy(tmp_path, webs=2) as server:
        for number in range(1000):
            with socket.create_connection(("127.0.0.1", server.port), 60) as connection:
                if number % 2:
                    connection.sendall(CLOSE)
                    receive(connection)
        settled(server)


def test_children_have_no_descriptor_of_each_other(tmp_path: Path) -> None:
    """A new process, forked while others run, has no more than one of the first."""
    with toy(tmp_path, webs=2) as server:
        for _ in range(2):
            for pid in server.webs().values():
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: server.webs_or_none().keys() == {0, 1}, "all are back", 30)
            settled(server)
            os.kill(server.writer(), signal.SIGKILL)
            wait_until(lambda: server.writer() > 0, "so is the writer", 30)
            settled(server)


def settled(server: Toy) -> None:
    """Wait until no process has a socket but those that it needs all the time."""
    webs = server.webs()
    needed = {
        server.process.pid: 4 + len(webs),  # it listens; two for signals; one to each child
        **dict.fromkeys(webs.values(), 4),  # to the supervisor, to the writer; two of the event loop
        server.writer(): 1 + len(webs),  # to the supervisor and each web process
    }
    wait_until(lambda: {pid: sockets(pid) for pid in needed} == needed, "none is left open", 30)


def sockets(pid: int) -> int:
    """Return the number of sockets that a process has open."""
    found = 0
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found += str(path.readlink()).startswith("socket:")
    return found


def test_connections_of_one_address_are_limited(tmp_path: Path) -> None:
    with toy(tmp_path, webs=2, connections_per_client=6) as server, ExitStack() as stack:
        held = [server.connect("127.0.1.1") for _ in range(6)]
        for connection in held:
            stack.callback(connection.close)
            assert server.ask("/", connection)["status"] == 200
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", server.port), 60, ("127.0.1.1", 0)) as late:
                late.sendall(CLOSE)
                answer = parse(receive(late))
            assert answer.status == 429
            assert answer.headers["retry-after"] == "1"
            assert answer.headers["content-type"] == "application/problem+json"
            assert {"date", "connection", "x-content-type-options"} <= answer.headers.keys()
            assert "KG_MAX_CONNECTIONS_PER_CLIENT" in json.loads(answer.body)["remedy"]
        other = server.connect("127.0.1.2")
        assert server.ask("/", other)["status"] == 200
        trusted = [server.connect() for _ in range(20)]
        for connection in trusted:
            stack.callback(connection.close)
            assert server.ask("/", connection)["status"] == 200
        other.close()
        held[0].close()
        wait_until(lambda: allowed(server, "127.0.1.1"), "there is room for another")
        wait_until(lambda: refusals(server) >= 3, "the refusals are counted in a web process")


def allowed(server: Toy, address: str) -> bool:
    connection = server.connect(address)
    try:
        return bool(server.ask("/", connection)["status"] == 200)
    except (OSError, http.client.HTTPException, KeyError):
        return False
    finally:
        connection.close()


def refusals(server: Toy) -> int:
    return sum(
        found["refused"].get("connections of client", 0)
        for found in {answer["index"]: answer for answer in (server.ask("/refused") for _ in range(4))}.values()
    )


def test_refused_clients_that_never_leave_are_dropped(tmp_path: Path) -> None:
    with toy(tmp_path, connections_per_client=1) as server, ExitStack() as stack:
        held = server.connect("127.0.1.1")
        stack.callback(held.close)
        assert server.ask("/", held)["status"] == 200
        before = sockets(server.process.pid)
        for _ in range(300):
            late = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 60, ("127.0.1.1", 0)))
            late.sendall(b"x")
        assert server.ask()["status"] == 200
        wait_until(lambda: sockets(server.process.pid) == before, "none of them is open any more", 30)


def test_stalled_bodies_take_no_web_process(tmp_path: Path) -> None:
    """They come from a trusted proxy, which is not limited, and are more than all processes may have connections."""
    head = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nASK"
    with toy(tmp_path, webs=2, connections=10) as server, ExitStack() as stack:
        for _ in range(30):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 60)).sendall(head)
        wait_until(lambda: all(server.asks()["status"] == 200 for _ in range(10)), "others are answered by both", 30)


# ---- kills


def test_a_killed_web_process_is_replaced_and_the_others_go_on(tmp_path: Path) -> None:
    with toy(tmp_path, webs=2) as server, ExitStack() as stack:
        before = server.webs()
        connections = [server.connect() for _ in range(8)]
        held = {}
        for connection in connections:
            stack.callback(connection.close)
            held[server.ask("/", connection)["index"]] = connection
        os.kill(before[0], signal.SIGKILL)
        assert server.ask("/", held[1])["pid"] == before[1]
        with pytest.raises((OSError, http.client.HTTPException)):
            server.ask("/", held[0])
        wait_until(lambda: server.webs_or_none().keys() == {0, 1}, "it is back")
        after = server.webs()
        assert after[1] == before[1]
        assert after[0] != before[0]
        assert server.writer() > 0
        wait_until(
            lambda: Counter(server.asks("/writer")["status"] for _ in range(4)) == {200: 4}, "both ask the writer"
        )
        assert "web process 0 was terminated by signal 9; it restarts in 0.1 s" in server.said()
        assert server.said().count("port") == 1


def test_a_killed_writer_is_replaced_and_reading_goes_on(tmp_path: Path) -> None:
    with toy(tmp_path, webs=2) as server:
        webs, seen = server.webs(), set()
        for _ in range(3):
            writer = server.writer()
            seen.add(writer)
            os.kill(writer, signal.SIGKILL)
            for _ in range(20):
                assert server.ask()["status"] == 200
            wait_until(lambda: server.writer() not in (0, *seen), "another one answers")
            wait_until(lambda: all(server.asks("/writer")["status"] == 200 for _ in range(4)), "to both")
        assert len(seen) == 3
        assert server.webs() == webs
        assert server.said().count("the writer was terminated by signal 9; it restarts in 0.1 s") == 3


def test_all_are_killed_again_and_again(tmp_path: Path) -> None:
    """At any moment, also while they start; the supervisor goes on."""
    with toy(tmp_path, webs=2) as server:
        for number in range(30):
            for pid in children(server.process.pid)[: 1 + number % 3]:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.02 * (number % 4))
        assert server.process.poll() is None
        wait_until(lambda: server.webs_or_none().keys() == {0, 1}, "all are back")
        wait_until(lambda: all(server.asks("/writer")["status"] == 200 for _ in range(4)), "and the writer")
        settled(server)


def test_all_end_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    with toy(tmp_path, webs=2) as server:
        pids = children(server.process.pid)
        assert len(pids) == 3
        server.process.kill()
        wait_until(lambda: not any(alive(pid) for pid in pids), "all have ended")


def test_a_web_process_that_hangs_is_replaced(tmp_path: Path) -> None:
    with toy(tmp_path, webs=2, silence_seconds=2) as server, ExitStack() as stack:
        hanging = server.connect()
        stack.callback(hanging.close)
        before = server.webs()
        hanging.request("GET", "/hang")
        wait_until(lambda: server.webs_or_none().keys() == {0, 1} and server.webs_or_none() != before, "it is replaced")
        assert "has been silent for" in server.said()


def test_no_connections_wait_for_a_web_process_that_is_stopped(tmp_path: Path) -> None:
    """As soon as it has been silent for a while, the other one gets them all."""
    with toy(tmp_path, webs=2, silence_seconds=600) as server:
        stopped = server.webs()[0]
        os.kill(stopped, signal.SIGSTOP)
        time.sleep(4)
        assert {server.ask()["index"] for _ in range(20)} == {1}
        os.kill(stopped, signal.SIGCONT)
        wait_until(lambda: server.webs_or_none().keys() == {0, 1}, "it is used again")


def test_connections_wait_while_there_is_no_web_process(tmp_path: Path) -> None:
    with toy(tmp_path, webs=1) as server:
        os.kill(server.webs()[0], signal.SIGKILL)
        answers = [server.asks()["status"] for _ in range(3)]
        assert answers[1:] == [200, 200]  # the first one may have been handed to the process that was killed


# ---- the start


@pytest.mark.parametrize("code", [0, 1, 3, 77])
@pytest.mark.parametrize("who", ["writer_fails", "web1_fails"])
def test_who_ends_by_itself_before_the_server_serves_ends_the_server(tmp_path: Path, who: str, code: int) -> None:
    returned, said = ended(tmp_path, **{who: [code]})
    assert returned == code
    assert "port" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize("who", ["writer", "web0"])
def test_who_is_killed_before_it_serves_is_started_again(tmp_path: Path, who: str) -> None:
    with toy(tmp_path, **{f"{who}_fails": [-signal.SIGSEGV, -signal.SIGSEGV]}) as server:
        assert server.ask()["status"] == 200
        assert [f"by signal 11; it restarts in {pause} s" in server.said() for pause in ("0.2", "0.4")] == [True] * 2


def test_who_fails_later_is_waited_for_longer_each_time(tmp_path: Path) -> None:
    """Else a child that fails at once would be started in an endless hurry; the server goes on without it."""
    with toy(tmp_path, webs=2, writer_fails=[None, 3, -signal.SIGKILL, 3]) as server:
        os.kill(server.writer(), signal.SIGKILL)
        for _ in range(10):
            assert server.ask()["status"] == 200
        wait_until(lambda: server.writer() > 0, "there is one that does not fail")
        said = [line for line in server.said().splitlines() if line.startswith("the writer ")]
    assert said == [
        "the writer was terminated by signal 9; it restarts in 0.1 s",
        "the writer ended with exit code 3; it restarts in 0.2 s",
        "the writer was terminated by signal 9; it restarts in 0.4 s",
        "the writer ended with exit code 3; it restarts in 0.8 s",
    ]


# ---- the end


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_ends_all_of_them(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with toy(tmp_path, webs=2) as server:
        pids = children(server.process.pid)
        with closing(server.connect()) as connection:
            connection.request("GET", "/slow?2")
            time.sleep(0.3)
            server.process.send_signal(number)
            wait_until(lambda: refused_to_connect(server.port), "nobody else can connect")
            assert connection.getresponse().status == 200
        assert server.process.wait(60) == code
        assert not any(alive(pid) for pid in pids)
        assert sorted(server.said().splitlines()[-3:]) == ["web 0 returned", "web 1 returned", "writer finished"]
        assert server.said().splitlines()[-1] == "writer finished"


def refused_to_connect(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # it was in the queue of the socket when that was closed
        return False
    return False


def test_a_writer_that_fails_at_the_end_gives_its_exit_code(tmp_path: Path) -> None:
    with toy(tmp_path, writer_ends=4) as server:
        server.process.terminate()
        assert server.process.wait(60) == 4


def test_a_second_signal_hastens(tmp_path: Path) -> None:
    with toy(tmp_path, grace=600, shutdown_seconds=600) as server:
        connection = server.connect()
        connection.request("GET", "/slow?600")
        time.sleep(0.3)
        server.process.terminate()
        time.sleep(1)
        assert server.process.poll() is None
        server.process.terminate()
        assert server.process.wait(60) == 0
        connection.close()


def test_a_signal_to_every_process_is_no_more_than_one(tmp_path: Path) -> None:
    """As systemd sends it: the writer must not end before the web processes."""
    with toy(tmp_path, webs=2) as server:
        connection = server.connect()
        connection.request("GET", "/slow?2")
        time.sleep(0.3)
        for pid in (server.process.pid, *children(server.process.pid)):
            os.kill(pid, signal.SIGTERM)
        assert connection.getresponse().status == 200
        assert server.process.wait(60) == 0
        assert server.said().splitlines()[-1] == "writer finished"


def test_a_web_process_that_does_not_end_is_killed(tmp_path: Path) -> None:
    with toy(tmp_path, webs=2, shutdown_seconds=1) as server:
        connection = server.connect()
        connection.request("GET", "/hang")
        time.sleep(0.5)
        server.process.terminate()
        assert server.process.wait(60) == 0
        connection.close()


def test_a_signal_while_nothing_serves_yet(tmp_path: Path) -> None:
    process, log = start(tmp_path, writer_fails=[-signal.SIGKILL] * 1000)
    try:
        wait_until(lambda: "restarts in 0.8 s" in log.read_text("utf-8"), "it has started some times")
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def test_children_are_in_groups_of_their_own(tmp_path: Path) -> None:
    """So that Ctrl-C on a terminal reaches them once, through the supervisor."""
    with toy(tmp_path) as server:
        for pid in children(server.process.pid):
            assert os.getpgid(pid) == pid


# ---- settings


def test_limits_come_from_the_settings() -> None:
    settings = HttpSettings(max_connections_per_client=7, shutdown_seconds=9)
    found = SupervisorLimits.of(settings, lambda address: address == "x")
    assert (found.connections_per_client, found.shutdown_seconds, found.trusted("x")) == (7, 9, True)


def test_the_number_of_web_processes() -> None:
    assert web_process_count(HttpSettings(web_processes=5)) == 5
    assert web_process_count(HttpSettings()) == len(os.sched_getaffinity(0))
