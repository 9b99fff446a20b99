"""Supervisor: a killed server is restarted on the same port; one that exits by itself or on request is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes import WRITER, alive, children, running, wait_until

_SCRIPT = """
import logging, os, signal, sys, time
from api.server import supervisor
logging.basicConfig(format="%(message)s")
turn = supervisor.stay_up()
"""


@contextmanager
def supervised(then: str) -> Iterator[subprocess.Popen[str]]:
    """Run a script whose supervised child continues with ``then``."""
    command = [sys.executable, "-u", "-c", _SCRIPT + then]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(then: str) -> subprocess.CompletedProcess[str]:
    """Run a script that ends by itself."""
    command = [sys.executable, "-u", "-c", _SCRIPT + then]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def catches(process: subprocess.Popen[str], number: int) -> bool:
    """Return whether a process has installed a handler for a signal."""
    status = Path(f"/proc/{process.pid}/status").read_text("utf-8")
    return bool(int(status.partition("SigCgt:")[2].split()[0], 16) >> (number - 1) & 1)


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().rstrip("\n")


# ---- the server


def test_a_killed_server_is_replaced_and_has_every_write(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        seen = []
        for number in range(3):
            pid = server.writer()
            assert pid
            seen.append(pid)
            assert server.update(f"INSERT DATA {{ <urn:a> <urn:n> {number} }}").status == 204
            os.kill(pid, signal.SIGKILL)
            server.wait()
            rows = server.query("SELECT ?n { <urn:a> <urn:n> ?n } ORDER BY ?n").body.split()[1:]
            assert rows == [str(n).encode() for n in range(number + 1)]
        assert len(set(seen)) == 3
        assert server.process.poll() is None
        assert server.log.read_text("utf-8").count("was terminated by signal 9; it restarts in 0.1 s") == 3
        assert not any(alive(pid) for pid in seen)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_parent_ends_all_of_them(number: signal.Signals, tmp_path: Path) -> None:
    with running(tmp_path, "--bare") as server:
        pids = [server.process.pid, *filter(None, [server.writer()]), *server.readers()]
        assert len(pids) > 3
        server.process.send_signal(number)
        assert server.process.wait(60) in (0, 130, 128 + number)
        wait_until(lambda: not any(alive(pid) for pid in pids), "all have ended")
        assert "restarts in" not in server.log.read_text("utf-8")
        with pytest.raises(OSError):
            server.ask("GET", "/")


def test_a_parent_that_is_killed_takes_the_server_along(tmp_path: Path) -> None:
    with running(tmp_path, "--bare") as server:
        pids = [*filter(None, [server.writer()]), *server.readers()]
        server.process.kill()
        wait_until(lambda: not any(alive(pid) for pid in pids), "all have ended")


def test_an_update_that_takes_too_long_ends_the_server_and_another_takes_its_place(tmp_path: Path) -> None:
    text = b"INSERT { <urn:x> <urn:y> ?n } WHERE { SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } }"
    headers = WRITER | {"Content-Type": "application/sparql-update"}
    with running(tmp_path, KG_UPDATE_TIMEOUT="1") as server:
        first = server.writer()
        assert server.ask("POST", "/update", text, headers).status in (503, 504)
        wait_until(lambda: server.writer() not in (None, first) and server.answers(), "another serves")
        assert server.query("SELECT * { <urn:x> ?p ?o }").body.count(b"\r\n") == 1  # the head alone


# ---- the supervisor by itself


@pytest.mark.parametrize("code", [0, 1, 3, 77])
def test_a_child_that_ends_by_itself_is_not_replaced(code: int) -> None:
    result = ended(f"print('turn'); sys.exit({code})")
    assert (result.returncode, result.stdout, result.stderr) == (code, "turn\n", "")


def test_a_child_that_fails_is_not_replaced() -> None:
    result = ended("print('turn'); raise KeyError")
    assert (result.returncode, result.stdout) == (1, "turn\n")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS])
def test_a_child_that_falls_is_replaced(number: signal.Signals) -> None:
    result = ended(f"print(turn.again)\nif not turn.again: os.kill(os.getpid(), {int(number)})\ntime.sleep(0.01)")
    assert (result.returncode, result.stdout) == (0, "False\nTrue\n")
    assert f"terminated by signal {int(number)}" in result.stderr


def test_one_that_never_serves_is_waited_for_longer_each_time() -> None:
    """Else a server that falls at once would be started in an endless hurry; one that has served is replaced soon."""
    with supervised("print('up')\nos.kill(os.getpid(), signal.SIGKILL)") as process:
        assert [line(process) for _ in range(4)] == ["up"] * 4
        process.kill()
        assert process.stderr
        said = process.stderr.read()
    assert [f"restarts in {pause} s" in said for pause in ("0.2", "0.4", "0.8")] == [True] * 3
    with supervised("print('up'); turn.serves()\nos.kill(os.getpid(), signal.SIGKILL)") as process:
        assert [line(process) for _ in range(4)] == ["up"] * 4
        process.kill()
        assert process.stderr
        said = process.stderr.read()
    assert said.count("restarts in 0.1 s") >= 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_are_passed_on(number: signal.Signals) -> None:
    then = f"signal.signal({int(number)}, lambda *_: sys.exit(7))\nprint('up')\ntime.sleep(60)"
    with supervised(then) as process:
        assert line(process) == "up"
        wait_until(lambda: catches(process, number), "signals are passed on")
        process.send_signal(number)
        assert process.wait(60) == 7


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_child_that_ends_by_a_signal_that_was_passed_on_is_not_replaced(number: signal.Signals, code: int) -> None:
    then = "signal.signal(signal.SIGINT, signal.SIG_DFL)\nprint('up')\ntime.sleep(60)"
    with supervised(then) as process:
        assert line(process) == "up"
        wait_until(lambda: catches(process, number), "signals are passed on")
        process.send_signal(number)
        assert process.wait(60) == code


def test_a_child_that_is_killed_because_it_does_not_end_is_not_replaced() -> None:
    with supervised(
        "signal.signal(signal.SIGTERM, lambda *_: print('asked'))\nprint('up')\nwhile 1: time.sleep(9)"
    ) as process:
        assert line(process) == "up"
        wait_until(lambda: catches(process, signal.SIGTERM), "signals are passed on")
        process.terminate()
        assert line(process) == "asked"
        (child,) = children(process.pid)
        os.kill(child, signal.SIGKILL)
        assert process.wait(60) == 0


def test_the_child_is_in_a_group_of_its_own() -> None:
    """So that Ctrl-C on a terminal reaches it once, by its parent."""
    with supervised("print(os.getpgid(0) == os.getpid())\ntime.sleep(60)") as process:
        assert line(process) == "True"
        (child,) = children(process.pid)
        process.kill()
        wait_until(lambda: not alive(child), "the child ends with its parent")


def test_a_signal_between_two_children_ends_the_parent() -> None:
    assert any(_code_between_two_children(turns) == -signal.SIGTERM for turns in (4, 6, 8))


def _code_between_two_children(turns: int) -> int:
    """Send a signal in the pause after so many children: 0.8, 3.2 or 10 s, which a slow machine may miss."""
    with supervised("print('up')\nos.kill(os.getpid(), signal.SIGKILL)") as process:
        for _ in range(turns):
            line(process)
        wait_until(lambda: not any(alive(child) for child in children(process.pid)), "there is no child")
        time.sleep(0.2)  # its parent has noticed
        process.terminate()
        return process.wait(60)
