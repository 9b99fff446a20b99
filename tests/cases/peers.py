"""Other servers on the loopback interface: well-behaved and harmful ones."""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from kg.rdf import oxigraph, oxigraph_queries
from kg.rdf.query_request_and_result import QueryDataset, ResultFormats

CERTIFICATE = Path(__file__).with_name("tls") / "peer.pem"
"""A certificate for data.example that nobody but these tests trusts, and its key."""

RESULTS = "application/sparql-results+json"


@dataclass(frozen=True)
class Asked:
    """A received request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def query(self) -> str:
        """The query of a form."""
        return urllib.parse.parse_qs(self.body.decode())["query"][0]


@dataclass(frozen=True)
class Reply:
    """A response to send; a Content-Length is added."""

    body: bytes = b""
    media_type: str | None = "text/turtle"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Peer:
    """A running server."""

    address: str
    asked: list[Asked] = field(default_factory=list)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.address.rpartition(":")[2])


@contextmanager
def serving(answer: Callable[[Asked], Reply], *, tls: bool = False) -> Iterator[Peer]:
    """Run a server whose responses a function makes."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            return

        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            asked = Asked(self.command, self.path, dict(self.headers), self.rfile.read(size))
            peer.asked.append(asked)
            reply = answer(asked)
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            if reply.media_type is not None:
                self.send_header("Content-Type", reply.media_type)
            self.end_headers()
            # The client may close the connection early, for example when a stated length exceeds its limit.
            with suppress(OSError):
                self.wfile.write(reply.body)

        do_POST = do_GET  # noqa: N815 - the name that the library looks for

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            return  # some tests disconnect on purpose

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        peer = Peer(f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.002})
        thread.start()
        try:
            yield peer
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def saying(talk: Callable[[socket.socket], None]) -> Iterator[Peer]:
    """Run a server that accepts one connection at a time, reads a request, and sends arbitrary bytes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    _read_request(connection)
                    peer.asked.append(Asked("?", "?", {}, b""))
                    talk(connection)

        peer = Peer(f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield peer
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _read_request(connection: socket.socket) -> None:
    """Read a request to its end: closing while some of it is unread would reset the connection."""
    request = b""
    while not (end := re.search(rb"\r\n\r\n", request)):
        if not (piece := connection.recv(65536)):
            return
        request += piece
    size = re.search(rb"(?i)content-length: (\d+)", request)
    left = int(size[1]) - (len(request) - end.end()) if size else 0
    while left > 0 and (piece := connection.recv(left)):
        left -= len(piece)


def endpoint(turtle: str) -> Callable[[Asked], Reply]:
    """Run queries over some triples, as a SPARQL endpoint does."""
    store = oxigraph.open_store(None)
    store.extend(oxigraph.parse(turtle.encode(), "text/turtle", "http://example.org/"))

    def answer(asked: Asked) -> Reply:
        found = oxigraph_queries.query(store, asked.query, ResultFormats(), QueryDataset())
        return Reply(found.content, found.media_type)

    return answer


def solutions(variables: list[str], *rows: Mapping[str, object]) -> Reply:
    """Return the response to a SELECT."""
    document = {"head": {"vars": variables}, "results": {"bindings": rows}}
    return Reply(json.dumps(document).encode(), RESULTS)
