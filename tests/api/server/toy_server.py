"""Small server under the supervisor, for its tests: a writer that echoes, and web processes with a tiny application.

Run as a program with the number of web processes and overrides of :class:`SupervisorLimits` and the toys, as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from api.server import supervisor_and_child_messages as handover
from api.server.connection_adoption import ConnectionAdoption
from api.server.connection_limit_settings import ConnectionLimits
from api.server.http_protocol import LimitedServer
from api.server.process_supervisor import Programs, SupervisorLimits, supervise

OPTIONS: dict[str, Any] = json.loads(sys.argv[1]) if __name__ == "__main__" else {}


def writer(control: socket.socket) -> None:
    """Answer every line with the process id and the line, until the control socket ends."""
    fail("writer")
    selector = selectors.DefaultSelector()
    selector.register(control, selectors.EVENT_READ)
    handover.send(control, handover.READY)
    while True:
        for key, _ in selector.select():
            if key.fileobj is control:
                try:
                    message = handover.receive(control)
                except EOFError:
                    print("writer finished", flush=True)
                    sys.exit(OPTIONS.get("writer_ends", 0))
                if message and message.descriptor is not None:
                    selector.register(socket.socket(fileno=message.descriptor), selectors.EVENT_READ)
            elif isinstance(key.fileobj, socket.socket):
                line = key.fileobj.recv(1000)
                if line:
                    key.fileobj.send(b"%d %b" % (os.getpid(), line))
                else:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()


def fail(what: str) -> None:
    """End as the options say: with these exit codes (or minus signals) one after the other, ``None`` for going on."""
    counter = Path(OPTIONS["folder"], what)
    starts = len(counter.read_text()) if counter.exists() else 0
    counter.write_text("x" * (starts + 1))
    code = dict(enumerate(OPTIONS.get(f"{what}_fails", ()))).get(starts)
    if code is not None and code < 0:
        os.kill(os.getpid(), -code)
    elif code is not None:
        sys.exit(code)


class Web:
    """Application of one web process."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.refused: Counter[str] = Counter()
        self.writer: socket.socket | None = None
        self.asking = asyncio.Lock()

    def writer_changed(self, sock: socket.socket) -> None:
        if self.writer is not None:
            with contextlib.suppress(OSError):
                self.writer.shutdown(socket.SHUT_RDWR)  # who waits for an answer is told
            asyncio.get_running_loop().call_later(1, self.writer.close)
        sock.setblocking(False)
        self.writer = sock

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        status = 200
        body: dict[str, Any] = {"pid": os.getpid(), "index": self.index}
        if scope["path"] == "/writer":
            status, answer = await self.ask()
            body["writer"] = answer
        elif scope["path"] == "/slow":
            await asyncio.sleep(float(scope["query_string"] or 1))
        elif scope["path"] == "/hang":
            time.sleep(600)  # the event loop hangs
        elif scope["path"] == "/refused":
            body["refused"] = dict(self.refused)
        elif scope["path"] == "/body":
            while (await receive()).get("more_body"):
                pass
        data = json.dumps(body).encode()
        headers = [(b"content-length", b"%d" % len(data))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": data})

    async def ask(self) -> tuple[int, str]:
        """Ask the writer."""
        loop = asyncio.get_running_loop()
        if self.writer is None:
            return 503, "none"
        try:
            async with self.asking:
                writer = self.writer
                await loop.sock_sendall(writer, b"hello")
                answer = await loop.sock_recv(writer, 1000)
        except OSError:
            return 503, "gone"
        return (200, answer.decode()) if answer else (503, "ended")


async def lifespan(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def web(control: socket.socket, index: int) -> None:
    fail(f"web{index}")
    application = Web(index)
    adoption = ConnectionAdoption(control, application.writer_changed, application.refused)
    limits = ConnectionLimits(
        refused=application.refused, connections=OPTIONS.get("connections", 500), body_stall_seconds=0.2
    )
    server = LimitedServer(application, limits, OPTIONS.get("grace", 30), adoption=adoption)
    server.config.loop = OPTIONS.get("loop", "uvloop")
    server.run_adopting()
    print(f"web {index} returned", flush=True)


def main() -> int:
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    port = listener.getsockname()[1]
    names = ("connections_per_client", "shutdown_seconds", "silence_seconds")
    limits = SupervisorLimits(
        lambda address: address in OPTIONS.get("trusted", ("127.0.0.1",)),
        **{name: OPTIONS[name] for name in names if name in OPTIONS},
    )
    programs = Programs(writer, web, lambda: print(f"port {port}", flush=True))
    return supervise(listener, programs, OPTIONS.get("webs", 2), limits)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
