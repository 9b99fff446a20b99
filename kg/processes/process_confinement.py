"""Sandbox of reader processes: a memory limit and no network, set before the first query is read.

A query is checked before it runs, so that it cannot call another endpoint. If one slips through, the operating system
refuses the socket.
"""

from __future__ import annotations

import ctypes
import platform
import resource
import signal
import struct
import sys

_PR_SET_NAME = 15
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_PR_SET_PDEATHSIG = 1
_SECCOMP_MODE_FILTER = 2
_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000 | 13  # SECCOMP_RET_ERRNO, EACCES

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
"""Instructions of classic BPF: load a word, jump if equal, jump if greater or equal, return."""

_X32 = 0x40000000
_SYSTEMS = {
    # machine: (audit architecture, (socket, socketpair, io_uring_setup)); a ring opens sockets without a system call
    "x86_64": (0xC000003E, (41, 53, 425)),
    "aarch64": (0xC00000B7, (198, 199, 425)),
}


def confine(memory: int) -> None:
    """Restrict this process to what a reader needs, and let it end with its parent; ``memory`` is in bytes."""
    for number in (signal.SIGINT, signal.SIGTERM):  # for the server, which ends its readers when it has finished
        signal.signal(number, signal.SIG_IGN)
    end_with_parent(signal.SIGKILL)
    limit_memory(memory)
    forbid_sockets()


def limit_memory(size: int) -> None:
    """Limit the data of this process to ``size`` bytes; allocations beyond it fail (setrlimit(2)). It dumps no core."""
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def end_with_parent(number: int) -> None:
    """Request that this process receives a signal when its parent ends (prctl(2)); do nothing except on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def set_process_name(name: str) -> None:
    """Set the name that `ps` and `top` show, of at most 15 bytes (prctl(2)); do nothing except on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)


def forbid_sockets() -> bool:
    """Forbid this process to open sockets, irrevocably (seccomp(2)).

    Returns:
        Whether the system supports it (Linux on x86-64 and arm64 does).
    """
    known = _SYSTEMS.get(platform.machine())
    if sys.platform != "linux" or known is None:
        return False
    architecture, calls = known
    program = _program(architecture, calls)
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.create_string_buffer(header), 0, 0) == 0)


def _program(architecture: int, calls: tuple[int, ...]) -> bytes:
    """Assemble the BPF filter: refuse ``calls``, all calls of another architecture, and the x32 numbers.

    An instruction is (operation, jump if true, jump if false, operand). Jumps count from the next instruction; 4 and 0
    are the offsets of architecture and call number in ``struct seccomp_data``. For two calls::

        load architecture; not equal: refuse
        load number; at least _X32: refuse
        equal to calls[0]: refuse
        equal to calls[1]: refuse
        allow
        refuse
    """
    tests = len(calls) + 1
    lines = [(_LOAD, 0, 0, 4), (_EQUAL, 0, tests + 2, architecture), (_LOAD, 0, 0, 0), (_AT_LEAST, tests, 0, _X32)]
    lines += [(_EQUAL, tests - 1 - number, 0, call) for number, call in enumerate(calls)]
    lines += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    return b"".join(struct.pack("HBBI", *line) for line in lines)
