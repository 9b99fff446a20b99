"""Messages between the supervisor and its children: what is sent arrives whole, with its descriptor, or not at all."""

from __future__ import annotations

import os
import socket

import pytest

from api.server import supervisor_and_child_messages as handover


def test_messages_arrive_as_they_were_sent() -> None:
    ours, theirs = handover.control_pair()
    with ours, theirs:
        assert handover.receive(theirs) is None
        assert handover.send(ours, handover.READY)
        assert handover.send(ours, handover.CLOSED, *range(handover.NUMBERS))
        assert handover.send(ours, handover.CLOSED, 2**64 - 1)
        assert handover.receive(theirs) == (handover.READY, (), None)
        assert handover.receive(theirs) == (handover.CLOSED, tuple(range(handover.NUMBERS)), None)
        assert handover.receive(theirs) == (handover.CLOSED, (2**64 - 1,), None)
        assert handover.receive(theirs) is None


def test_a_descriptor_is_copied() -> None:
    ours, theirs = handover.control_pair()
    one, other = socket.socketpair()
    with ours, theirs, one:
        assert handover.send(ours, handover.CONNECTION, 7, descriptor=other.fileno())
        other.close()
        message = handover.receive(theirs)
        assert message is not None and message.descriptor is not None
        assert not os.get_inheritable(message.descriptor)
        with socket.socket(fileno=message.descriptor) as copy:
            copy.sendall(b"x")
            assert one.recv(10) == b"x"


def test_what_is_discarded_is_closed() -> None:
    ours, theirs = handover.control_pair()
    one, other = socket.socketpair()
    with ours, theirs, one:
        handover.send(ours, handover.CONNECTION, 7, descriptor=other.fileno())
        other.close()
        message = handover.receive(theirs)
        assert message is not None
        message.discard()
        assert one.recv(10) == b""


def test_a_full_socket_takes_no_more() -> None:
    ours, theirs = handover.control_pair()
    with ours, theirs:
        sent = 0
        while handover.send(ours, handover.ALIVE):
            sent += 1
        received = 0
        while handover.receive(theirs) is not None:
            received += 1
        assert sent == received > 50
        assert handover.send(ours, handover.ALIVE)


def test_the_end() -> None:
    ours, theirs = handover.control_pair()
    with theirs:
        assert handover.send(ours, handover.ALIVE)
        ours.close()
        assert handover.receive(theirs) == (handover.ALIVE, (), None)
        for _ in range(2):
            with pytest.raises(EOFError):
                handover.receive(theirs)
        with pytest.raises(OSError):
            handover.send(theirs, handover.ALIVE)


def test_the_end_with_unread_messages() -> None:
    """As when the other process is killed."""
    ours, theirs = handover.control_pair()
    with theirs:
        handover.send(theirs, handover.ALIVE)
        ours.close()
        with pytest.raises(EOFError):
            handover.receive(theirs)
