"""Messages between the processes of a server: a JSON header and raw content, preceded by the lengths of both.

A message is ``!IQ`` (length of the header, length of the content, in bytes), the header in UTF-8, and the content.
An error that a user can fix is a header, and arrives as what it was raised as.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from typing import Any

from kg import errors
from kg.errors import ClaimgraphError

_LENGTHS = struct.Struct("!IQ")


def pack(header: dict[str, Any], content: bytes = b"") -> bytes:
    """Return one message as bytes."""
    # A query may hold half of a surrogate pair, which strict UTF-8 refuses; the reader reports it as a malformed text.
    head = json.dumps(header, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return b"".join((_LENGTHS.pack(len(head), len(content)), head, content))


class MessageUnpacker:
    """Parser of a byte stream into messages."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._wanted = _LENGTHS.size
        self._header: dict[str, Any] | None = None

    def feed(self, data: bytes) -> tuple[dict[str, Any], bytes] | None:
        """Add bytes (possibly none), and return the next complete message as header and content, or ``None``.

        Chunks are joined only once enough bytes are there, so that content of a hundred MiB is not copied for each.
        """
        if data:
            self._parts.append(data)
            self._size += len(data)
        if self._size < self._wanted:
            return None
        whole = b"".join(self._parts)
        if self._header is None:  # waiting for the lengths, or for the header
            head, content = _LENGTHS.unpack_from(whole)
            start = _LENGTHS.size + head
            if len(whole) < start:
                self._restart(whole, start)
                return None
            self._header = json.loads(whole[_LENGTHS.size : start].decode("utf-8", "surrogatepass"))
            whole = whole[start:]
            self._restart(whole, content)
            if len(whole) < content:
                return None
        found = self._header, whole[: self._wanted]
        self._header = None
        self._restart(whole[self._wanted :], _LENGTHS.size)
        return found

    def _restart(self, rest: bytes, wanted: int) -> None:
        """Go on with ``rest``; nothing is parsed until there are ``wanted`` bytes."""
        self._parts, self._size, self._wanted = [rest], len(rest), wanted


def messages(channel: socket.socket) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Yield incoming messages, each as header and content, until the other side closes the connection."""
    unpacker = MessageUnpacker()
    while data := channel.recv(1 << 16):
        found = unpacker.feed(data)
        while found:
            yield found
            found = unpacker.feed(b"")


_KINDS: dict[str, type[ClaimgraphError]] = {
    kind.__name__: kind
    for kind in (
        ClaimgraphError,
        errors.BadInput,
        errors.MalformedText,
        errors.UnsupportedFormat,
        errors.UsingConflict,
        errors.NotFound,
        errors.Ambiguous,
        errors.Forbidden,
        errors.TooLarge,
        errors.ResultTooLarge,
        errors.Unwritable,
        errors.TimedOut,
        errors.Busy,
        errors.ReaderLost,
        errors.StoreUnavailable,
        errors.StoreInUse,
        errors.StorageFull,
    )
}
"""Errors whose fields are those of :class:`ClaimgraphError`; of any other, the nearest of its classes is sent."""


def encode_error(error: ClaimgraphError) -> dict[str, Any]:
    """Return an error as a JSON object."""
    fields = {"message": error.message, "remedy": error.remedy, "line": error.line, "column": error.column}
    match type(error).__name__, error:
        case "NotAcceptable", errors.NotAcceptable(kind=kind):
            return {"error": "NotAcceptable", "kind": kind}
        case "InsufficientScope", errors.InsufficientScope(scope=scope):
            return {"error": "InsufficientScope", "message": error.message, "remedy": error.remedy, "scope": scope}
        case "Rejected", _:
            return {"error": "Rejected", "report": error.report.to_json()}  # type: ignore[attr-defined] # known by name
    kind = next(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in _KINDS)
    return {"error": kind, **fields}


def decode_error(header: dict[str, Any]) -> ClaimgraphError:
    """Return the error that :func:`encode_error` has encoded.

    Raises:
        KeyError: it is not one of the known errors, which is a bug.
    """
    name, fields = header["error"], {key: value for key, value in header.items() if key != "error"}
    match name:
        case "NotAcceptable":
            return errors.NotAcceptable(fields["kind"])
        case "InsufficientScope":
            return errors.InsufficientScope(fields.pop("message"), **fields)
        case "Rejected":
            # Imported here, because readers that only answer queries have no use for the modules of the gate.
            from kg.gate.validation_report import Rejected, ValidationReport  # noqa: PLC0415

            return Rejected(ValidationReport.from_json(fields["report"]))
    kind = _KINDS[name]
    found = kind.__new__(kind)
    ClaimgraphError.__init__(found, fields.pop("message"), **fields)  # as some make their own messages
    return found
