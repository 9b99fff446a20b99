"""What is done to every request and every answer."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Edge:
    """Serves under the base's path, answers HEAD like GET, and adds the headers that every answer carries.

    A base such as ``https://example.org/news/`` needs no setting for its path: a request under ``/news`` is served
    whether a proxy in front has taken that prefix off or not.
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        """Wrap ``app``; ``prefix`` is the path of the base IRI without its last slash."""
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        head = scope["method"] == "HEAD"
        inner = {**scope, "method": "GET"} if head else dict(scope)
        if self._prefix and (scope["path"] + "/").startswith(self._prefix + "/"):
            inner["root_path"] = self._prefix

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Referrer-Policy", "no-referrer")
            elif head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app(inner, receive, answer)
