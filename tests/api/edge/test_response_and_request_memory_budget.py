"""Memory budget of bodies: one limit for all bodies in flight, a share for each client, complete release."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.edge.edge_middleware import AccessObserver, EdgeMiddleware, EdgeSettings
from api.edge.response_and_request_memory_budget import PIECE, BodyMemoryBudget, Reservation, pieces
from api.server.connection_limit_settings import ConnectionLimits
from tests.applications import application, observer_of, settings
from tests.processes import wait_until
from tests.serving import Address, ask, connect, serving

SIZE = 100_000_000


def test_one_client_gets_a_quarter() -> None:
    outbox = BodyMemoryBudget(1000)
    assert outbox.reserve("a", 200) is Reservation.GRANTED
    assert outbox.reserve("a", 51) is Reservation.CLIENT_FULL
    assert outbox.reserve("a", 50) is Reservation.GRANTED
    assert outbox.reserve("b", 250) is Reservation.GRANTED
    assert outbox.waiting == 500


def test_all_have_one_budget() -> None:
    outbox = BodyMemoryBudget(1000)
    for name in "abcd":
        assert outbox.reserve(name, 250) is Reservation.GRANTED
    assert outbox.reserve("e", 1) is Reservation.ALL_FULL
    outbox.release("a", 250)
    assert outbox.reserve("e", 250) is Reservation.GRANTED
    assert outbox.reserve("f", 1) is Reservation.ALL_FULL


def test_one_answer_alone_always_fits() -> None:
    outbox = BodyMemoryBudget(1000)
    assert outbox.reserve("a", 5000) is Reservation.GRANTED
    assert outbox.reserve("b", 1) is Reservation.ALL_FULL
    outbox.release("a", 5000)
    assert outbox.reserve("b", 5000) is Reservation.GRANTED


def test_what_is_refused_takes_nothing() -> None:
    outbox = BodyMemoryBudget(1000)
    outbox.reserve("a", 250)
    assert outbox.reserve("a", 900) is Reservation.CLIENT_FULL
    outbox.release("a", 250)
    assert outbox.waiting == 0
    assert outbox.reserve("a", 1000) is Reservation.GRANTED


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 7])
def test_pieces_make_the_whole(size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    found = list(pieces(body[:size]))
    assert b"".join(piece for piece, _ in found) == body[:size]
    assert all(len(piece) <= PIECE for piece, _ in found)
    assert [more for _, more in found] == [True] * (len(found) - 1) + [False] * bool(found)


# ---- at the edge


def edge(blocks: int, size: int, budget: int) -> EdgeMiddleware:
    """Return the edge of an application that responds with some blocks."""

    async def inner(scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(blocks):
            await send({"type": "http.response.body", "body": b"x" * size, "more_body": number < blocks - 1})

    config = settings(Path("unused"), max_sending_bytes=budget)
    return EdgeMiddleware(inner, EdgeSettings.of(config, "http://testserver/"), AccessObserver())


def stalled(address: Address) -> socket.socket:
    """Send a request and read nothing of the response."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(20)
    connection.connect(address)
    connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    return connection


GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def test_an_answer_that_nobody_takes_holds_its_room_until_its_client_is_gone() -> None:
    app = edge(1, SIZE, 4 * SIZE)
    with serving(app, ConnectionLimits()) as address:
        waiting = stalled(address)
        wait_until(lambda: app.send_budget.waiting == SIZE, "the answer waits")
        refused = ask(address, GET)
        assert refused.status == 429
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["content-type"] == "application/problem+json"
        waiting.close()
        wait_until(lambda: app.send_budget.waiting == 0, "the room is given back")
        whole = ask(address, GET)
        assert (whole.status, len(whole.body) >= SIZE) == (200, True)
    assert app.send_budget.waiting == 0


def test_a_long_stream_takes_the_room_of_one_block() -> None:
    """A backup may be larger than all memory; while it is sent, others get their answers."""
    app = edge(40, 4 * PIECE, 8 * PIECE)
    with serving(app, ConnectionLimits()) as address, connect(address) as reader:
        reader.sendall(GET)
        size, most = 0, 0
        while data := reader.recv(65536):
            size, most = size + len(data), max(most, app.send_budget.waiting)
    assert size > 160 * PIECE
    assert most <= 4 * PIECE
    assert app.send_budget.waiting == 0


def test_what_has_begun_is_not_refused_nor_counted_wrong() -> None:
    app = edge(3, 2 * PIECE, 4 * PIECE)
    assert app.send_budget.reserve("127.0.0.1", 1) is Reservation.GRANTED  # another answer of this client is on its way
    with serving(app, ConnectionLimits()) as address:
        assert ask(address, GET).status == 429  # before it begins
        app.send_budget.release("127.0.0.1", 1)
        assert ask(address, GET).status == 200
    assert app.send_budget.waiting == 0


def test_an_answer_over_the_budget_is_given_where_it_is_alone(tmp_path: Path) -> None:
    config = settings(tmp_path, max_sending_bytes=1 << 20)
    app = application(config)
    assert observer_of(app).metrics.requests == {}
    with serving(app, ConnectionLimits.of(config.http, observer_of(app).metrics.refused)) as address:
        query = f"/sparql?query=SELECT(%22{'x' * 9000}%22AS%3Fx)%7BVALUES%3Fn%7B{'+1' * 1000}%7D%7D"
        request = f"GET {query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        whole = ask(address, request)
    assert (whole.status, len(whole.body) > 8_000_000) == (200, True)
    assert ("query", 2) in observer_of(app).metrics.requests


# ---- bodies of requests


def test_bodies_in_memory_are_limited(tmp_path: Path) -> None:
    """Large bodies that stall before their end would fill the memory; a quarter of the limit is for one client."""
    app = application(settings(tmp_path, max_body_bytes=100_000))
    with TestClient(app) as client:
        edge = app.middleware_stack
        assert isinstance(edge, EdgeMiddleware)
        body, type_ = "SELECT * {} #" + "x" * 50_000, {"Content-Type": "application/sparql-query"}
        for client_bytes, all_bytes, status in ((0, 0, 200), (160_000, 0, 429), (1000, 790_000, 503), (0, 0, 200)):
            assert edge.body_budget.reserve("testclient", client_bytes) is Reservation.GRANTED
            edge.body_budget.waiting += all_bytes
            assert client.post("/sparql", content=body, headers=type_).status_code == status
            edge.body_budget.release("testclient", client_bytes)
            edge.body_budget.waiting -= all_bytes
        assert edge.body_budget.waiting == 0
