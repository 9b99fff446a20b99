"""IPC messages: round trips for any fragmentation of the bytes."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.processes import ipc_messages

headers = st.dictionaries(
    st.text(max_size=5),
    st.none() | st.booleans() | st.integers() | st.text(st.characters(), max_size=20) | st.lists(st.integers()),
    max_size=4,
)
messages = st.tuples(headers, st.binary(max_size=200))


@given(sent=st.lists(messages, max_size=5), data=st.data())
def test_a_round_trip_in_pieces_of_any_size(sent: list[tuple[dict[str, Any], bytes]], data: st.DataObject) -> None:
    stream = b"".join(ipc_messages.pack(*message) for message in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    unpacker, found = ipc_messages.MessageUnpacker(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        message = unpacker.feed(stream[start:end])
        while message:
            found.append(message)
            message = unpacker.feed(b"")
    assert found == sent


def test_byte_by_byte_a_message_comes_with_its_last_byte() -> None:
    stream = ipc_messages.pack({"text": "ї\ud800\0"}, b"\0\xff" * 10)
    unpacker = ipc_messages.MessageUnpacker()
    found = [unpacker.feed(bytes([byte])) for byte in stream]
    assert found == [None] * (len(stream) - 1) + [({"text": "ї\ud800\0"}, b"\0\xff" * 10)]
    assert unpacker.feed(b"") is None


def test_content_may_look_like_a_message() -> None:
    inner = ipc_messages.pack({"inner": True}, b"x")
    unpacker = ipc_messages.MessageUnpacker()
    assert unpacker.feed(ipc_messages.pack({"outer": True}, inner)) == ({"outer": True}, inner)
    assert unpacker.feed(b"") is None


def test_messages_come_until_the_other_side_goes() -> None:
    ours, theirs = socket.socketpair()
    whole = [ipc_messages.pack({"number": number}, b"x" * number * 100_000) for number in range(5)]

    def send() -> None:
        with theirs:
            theirs.sendall(b"".join(whole) + ipc_messages.pack({"number": "half"})[:-1])

    sender = threading.Thread(target=send)
    sender.start()
    with ours:
        assert [header["number"] for header in ipc_messages.messages(ours)] == [0, 1, 2, 3, 4]
    sender.join(20)


def test_a_side_that_breaks_off_is_an_error_of_the_connection() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        ours.sendall(b"unread")
        theirs.close()
        with pytest.raises(ConnectionError):
            list(ipc_messages.messages(ours))
