"""Messages between the supervisor and its child processes: a kind, numbers, and at most one descriptor.

They travel on a *control socket*, one for each child: a pair of Unix sockets that keep the boundaries of messages.

==================  =================  =========================================================  =================
kind                sent by            numbers                                                    descriptor
==================  =================  =========================================================  =================
``READY``           writer, web        none                                                       none
``ALIVE``           web                none                                                       none
``CLOSED``          web                tickets of client connections that are closed              none
``CONNECTION``      supervisor to web  ticket of a client connection                              the connection
``WRITER``          supervisor to web  index of the web process                                   socket to the
                    and to writer                                                                 other process
``REFUSED``         supervisor to web  client connections that the supervisor has refused since   none
                                       the last message of this kind, to be counted
==================  =================  =========================================================  =================
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
from typing import NamedTuple

READY = b"R"
ALIVE = b"H"
CLOSED = b"E"
CONNECTION = b"C"
WRITER = b"W"
REFUSED = b"N"

NUMBERS = 500
"""Largest number of numbers in a message."""

_BYTES = 1 + 8 * NUMBERS
_INT = struct.Struct("i")
_FULL = frozenset((errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.ETOOMANYREFS))
"""Errors of sendmsg(2) that pass: the socket, the system or the table of descriptors in transit is full."""


class ControlMessage(NamedTuple):
    """Message that was received; whoever receives a descriptor has to close it."""

    kind: bytes
    numbers: tuple[int, ...]
    descriptor: int | None

    def discard(self) -> None:
        """Close the descriptor, if there is one."""
        if self.descriptor is not None:
            os.close(self.descriptor)


def control_pair() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a new control socket; neither of them blocks."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setblocking(False)
    return ends


def send(control: socket.socket, kind: bytes, *numbers: int, descriptor: int | None = None) -> bool:
    """Send a message; return false if there is no room for it at present.

    The descriptor is copied, so that the sender can close its own at once.

    Raises:
        OSError: the other process has closed its end.
    """
    data = kind + struct.pack(f"<{len(numbers)}Q", *numbers)
    try:
        socket.send_fds(control, [data], () if descriptor is None else (descriptor,))
    except OSError as error:
        if error.errno in _FULL:
            return False
        raise
    return True


def receive(control: socket.socket) -> ControlMessage | None:
    """Return the next message; ``None`` if none is waiting.

    A descriptor is lost if this process has too many of them (recvmsg(2)): a message may have none
    that should have one.

    Raises:
        EOFError: the other process has closed its end.
    """
    try:
        # not socket.recv_fds, which forgets the flags
        data, ancillary, _, _ = control.recvmsg(_BYTES, socket.CMSG_SPACE(_INT.size), socket.MSG_CMSG_CLOEXEC)
    except BlockingIOError:
        return None
    except OSError:  # it was killed while messages to it were waiting
        data, ancillary = b"", []
    if not data:
        raise EOFError("The control socket is closed.")
    size = (len(data) - 1) // 8
    numbers = struct.unpack_from(f"<{size}Q", data, 1)
    descriptors = [_INT.unpack_from(found)[0] for *_, found in ancillary if len(found) >= _INT.size]
    return ControlMessage(data[:1], numbers, descriptors[0] if descriptors else None)


def close_quietly(sock: socket.socket) -> None:
    """Close a socket whose other end may have failed already."""
    with contextlib.suppress(OSError):
        sock.close()
