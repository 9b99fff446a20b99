"""Request records: enough to monitor the server, and no secrets."""

from __future__ import annotations

from typing import Any

from api.http import request_log_record
from api.http.request_log_record import RequestLogRecord


def scope(**others: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "client": ("192.0.2.1", 5),
        **others,
    }


def test_the_path_is_as_it_was_sent() -> None:
    found = RequestLogRecord(scope(query_string=b"query=secret"), "id", "point")
    assert (found.method, found.path, found.client) == ("GET", b"/a%20b", "192.0.2.1")
    assert (found.identifier, found.kind, found.status) == ("id", "point", request_log_record.GONE)
    assert not any("secret" in str(getattr(found, name)) for name in RequestLogRecord.__slots__)


def test_a_server_may_tell_neither_raw_path_nor_client() -> None:
    found = RequestLogRecord(scope(raw_path=None, client=None), "id", "point")
    assert (found.path, found.client) == (b"/a b", "")


def test_there_is_no_room_for_anything_else() -> None:
    """So that no layer notes a query or a token by the way."""
    assert not hasattr(RequestLogRecord(scope(), "id", "point"), "__dict__")


def test_inner_layers_find_it_in_the_scope() -> None:
    noted = RequestLogRecord(scope(), "id", "point")
    assert request_log_record.of(scope(**{request_log_record.KEY: noted})) is noted
    stray = request_log_record.of(scope())
    assert (stray.identifier, stray.path) == ("", b"/a%20b")
