"""IPC messages: round trips for any fragmentation of the bytes, and every error arrives as what it was raised as."""

from __future__ import annotations

import inspect
import json
import socket
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg import errors
from kg.errors import ClaimgraphError
from kg.gate.validation_report import Rejected, ValidationReport, ValidationResult
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
        assert [header["number"] for header, _ in ipc_messages.messages(ours)] == [0, 1, 2, 3, 4]
    sender.join(20)


def test_a_side_that_breaks_off_is_an_error_of_the_connection() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        ours.sendall(b"unread")
        theirs.close()
        with pytest.raises(ConnectionError):
            list(ipc_messages.messages(ours))


# ---- errors

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, ClaimgraphError)]
SPECIAL = {errors.NotAcceptable, errors.InsufficientScope, errors.UsingConflict}
"""Those with fields or messages of their own."""
HERE = {errors.Unauthorized, errors.TooManyRequests, errors.TooSlow, errors.Unreachable}
"""Those that only a web process raises; they never travel."""


def arrived(error: ClaimgraphError) -> ClaimgraphError:
    """Return what arrives of an error, as JSON, in another process."""
    return ipc_messages.decode_error(json.loads(json.dumps(ipc_messages.encode_error(error))))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in SPECIAL | HERE])
def test_an_error_arrives_as_what_it_was(kind: type[ClaimgraphError]) -> None:
    found = arrived(kind("Мова \ud800", remedy="Do it.", line=3, column=7))
    assert type(found) is kind
    assert (found.message, found.remedy, found.line, found.column) == ("Мова \ud800", "Do it.", 3, 7)


def test_one_that_makes_its_own_message() -> None:
    error = errors.UsingConflict(3, 7)
    found = arrived(error)
    assert type(found) is errors.UsingConflict
    assert (found.message, found.remedy, str(found)) == (error.message, error.remedy, str(error))


def test_one_that_is_derived_arrives_as_the_nearest_known() -> None:
    class Special(errors.MalformedText):
        pass

    assert type(arrived(Special("No."))) is errors.MalformedText


def test_those_with_fields_of_their_own() -> None:
    found = arrived(errors.NotAcceptable("graph"))
    assert isinstance(found, errors.NotAcceptable) and found.kind == "graph"
    scope = arrived(errors.InsufficientScope("No.", remedy="Ask.", scope="admin"))
    assert isinstance(scope, errors.InsufficientScope)
    assert (scope.message, scope.remedy, scope.scope) == ("No.", "Ask.", "admin")


def test_a_report_travels_with_its_rejection() -> None:
    result = ValidationResult(
        severity="Violation", constraint="http://e/shape", messages={"en": "No.", "uk": "Ні."}, focus="http://e/x"
    )
    found = arrived(Rejected(ValidationReport((result,), omitted=5)))
    assert isinstance(found, Rejected)
    assert (found.report.results, found.report.omitted) == ((result,), 5)


def test_an_unknown_one_is_a_bug() -> None:
    with pytest.raises(KeyError):
        ipc_messages.decode_error({"error": "Nonsense", "message": ""})
