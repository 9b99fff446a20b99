"""A real server on loopback, and a client that sends arbitrary bytes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn

from api.server import http_protocol
from api.server.connection_limit_settings import ConnectionLimits

Address = tuple[str, int]


@contextmanager
def serving(application: Any, limits: ConnectionLimits) -> Iterator[Address]:
    """Serve an application on a free port, as `kg serve` does."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        settings = uvicorn.Config(
            application,
            http=http_protocol.limited(limits),
            loop="uvloop",
            ws="none",
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(settings)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        address = listener.getsockname()
        thread.start()
        try:
            yield address
        finally:
            server.should_exit = True
            thread.join(60)
    assert not thread.is_alive()


@dataclass(frozen=True)
class Answer:
    """A response as read from the socket."""

    status: int
    headers: dict[str, str]
    body: bytes


def connect(address: Address, source: str = "") -> socket.socket:
    """Open a connection, from an address of its own if given; waiting for more than a minute fails the test."""
    return socket.create_connection(address, timeout=60, source_address=(source, 0) if source else None)


def receive(connection: socket.socket) -> bytes:
    """Read until the server closes."""
    found = []
    try:
        while data := connection.recv(65536):
            found.append(data)
    except ConnectionResetError:
        pass
    return b"".join(found)


def ask(address: Address, request: bytes) -> Answer:
    """Send bytes and read the one response after which the server closes."""
    with connect(address) as connection:
        connection.sendall(request)
        return parse(receive(connection))


def parse(data: bytes) -> Answer:
    """Parse the last response in some bytes."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    version, status, _ = first.split(" ", 2)
    assert version == "HTTP/1.1"
    headers: dict[str, str] = {}
    for line in lines:
        name, value = line.split(": ", 1)
        headers[name.lower()] = f"{headers[name.lower()]}, {value}" if name.lower() in headers else value
    return Answer(int(status), headers, body)
