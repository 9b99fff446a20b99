"""Sandbox of a reader: no sockets, a memory limit, and no survival after its parent."""

from __future__ import annotations

import errno
import os
import platform
import signal
import socket
import struct
import subprocess
import sys
from typing import Any

import pytest

from kg.processes import process_confinement
from tests.processes import alive, wait_until

X86, ARM = 0xC000003E, 0xC00000B7
ALLOWED, REFUSED = 0x7FFF0000, 0x00050000 | errno.EACCES

_ATTEMPTS = """
import ctypes, errno, os, socket, subprocess, sys, tempfile
from kg.processes import process_confinement
before = socket.socketpair()
print(process_confinement.forbid_sockets())

def attempt(work):
    try:
        work()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "made"

print(attempt(lambda: socket.socket(socket.AF_INET)))
print(attempt(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)))
print(attempt(lambda: socket.socket(socket.AF_UNIX)))
print(attempt(socket.socketpair))
print(attempt(lambda: socket.create_connection(("127.0.0.1", int(sys.argv[1])))))
call = ctypes.CDLL(None, use_errno=True).syscall
for number in map(int, sys.argv[2:]):
    print(errno.errorcode[ctypes.get_errno()] if call(number, 2, 1, 0, 0) < 0 else "made")
before[0].sendall(b"what was open stays so")
print(before[1].recv(100).decode())
with tempfile.TemporaryFile() as file:
    print(attempt(lambda: file.write(b"x")))
child = "import socket\\ntry: socket.socket()\\nexcept OSError as error: print(error.strerror)"
print(subprocess.run([sys.executable, "-c", child], capture_output=True, text=True).stdout.strip())
"""


def python(code: str, *arguments: object) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_no_socket_can_be_made_in_any_way() -> None:
    calls = {"x86_64": (41, 53, 425, 41 | 0x40000000, 53 | 0x40000000), "aarch64": (198, 199, 425)}[platform.machine()]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        found = python(_ATTEMPTS, listener.getsockname()[1], *calls)
        with pytest.raises(TimeoutError):
            listener.accept()
    assert found[0] == "True"
    assert found[1 : 6 + len(calls)] == ["EACCES"] * (5 + len(calls))
    assert found[6 + len(calls) :] == ["what was open stays so", "made", os.strerror(errno.EACCES)]


def filtered(program: bytes, architecture: int, call: int) -> int:
    """Run a filter as the kernel does."""
    lines = [struct.unpack("HBBI", program[start : start + 8]) for start in range(0, len(program), 8)]
    place = loaded = 0
    while True:
        code, met, unmet, value = map(int, lines[place])
        place += 1
        if code == 0x20:
            loaded = {0: call, 4: architecture}[value]
        elif code == 0x15:
            place += met if loaded == value else unmet
        elif code == 0x35:
            place += met if loaded >= value else unmet
        else:
            assert code == 0x06
            return value


@pytest.mark.parametrize(("architecture", "calls"), process_confinement._SYSTEMS.values())
def test_the_filter_refuses_what_makes_sockets_and_nothing_else(architecture: int, calls: tuple[int, ...]) -> None:
    program = process_confinement._program(architecture, calls)
    refused = {call for call in range(1000) if filtered(program, architecture, call) != ALLOWED}
    assert refused == set(calls)
    assert {filtered(program, architecture, call) for call in calls} == {REFUSED}
    for foreign in (X86, ARM, 0x40000003, 0):  # 32-bit programs have other numbers for the same
        if foreign != architecture:
            assert {filtered(program, foreign, call) for call in range(1000)} == {REFUSED}
    assert {filtered(program, architecture, 0x40000000 + call) for call in range(1000)} == {REFUSED}


@pytest.mark.parametrize(("name", "value"), [("platform.machine", "riscv64"), ("sys.platform", "darwin")])
def test_elsewhere_it_says_that_it_cannot(name: str, value: str) -> None:
    code = f"import platform, socket, sys\nfrom kg.processes import process_confinement\n{name} = {{!r}}\n"
    code += "print(process_confinement.forbid_sockets())"
    code = code.format(value) if name == "sys.platform" else code.replace("= {!r}", f"= lambda: {value!r}")
    assert python(code + "\nsocket.socket().close()") == ["False"]


def test_memory_beyond_the_limit_is_not_given() -> None:
    code = """
import resource
from kg.processes import process_confinement
process_confinement.limit_memory(200 << 20)
print(len(bytearray(50 << 20)) >> 20)
try:
    bytearray(250 << 20)
except MemoryError:
    print("none")
for limit in (resource.RLIMIT_DATA, resource.RLIMIT_CORE):
    print(*resource.getrlimit(limit))
"""
    assert python(code) == ["50", "none", f"{200 << 20} {200 << 20}", "0 0"]


def started(code: str) -> tuple[subprocess.Popen[str], int]:
    """Start a process that starts another and prints its process id."""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_ends_with_its_parent(how: signal.Signals) -> None:
    child = "import os, signal, time\nfrom kg.processes import process_confinement\n"
    child += "process_confinement.end_with_parent(signal.SIGKILL)\nprint(os.getpid(), flush=True)\ntime.sleep(60)"
    parent, pid = started(f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])")
    with parent:
        assert alive(pid)
        parent.send_signal(how)
        parent.wait(60)
        wait_until(lambda: not alive(pid), "the child has ended")


def test_elsewhere_nothing_is_asked_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    def unexpected(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr("ctypes.CDLL", unexpected)
    process_confinement.end_with_parent(signal.SIGKILL)
