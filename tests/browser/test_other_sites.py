"""Writes that a page of another site sends in a real browser, which adds the password that a visitor once typed."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx2
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.app import create_app
from api.server.connection_limit_settings import ConnectionLimits
from kg.knowledge_graph import KnowledgeGraph
from tests.browser.devtools import CHROMIUM, browser
from tests.configs import configured
from tests.serving import serving

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed.")

TOKEN = "kg-token-for-tests"
FORM = """
(() => {
  const form = document.createElement('form'), field = document.createElement('input')
  Object.assign(form, { method: 'post', action: '%s' })
  Object.assign(field, { name: 'update', value: 'INSERT DATA { <http://x/%s> <http://x/p> 1 }' })
  form.append(field)
  document.body.append(form)
  form.submit()
})()
"""
"""Sends an update by a form, as any page can."""


@dataclass
class AskingProxy:
    """Proxy in front of the server that asks a browser for a password, and notes what it sent with each POST."""

    app: ASGIApp
    posted: list[tuple[dict[str, str], int]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        if "authorization" not in headers:
            asking = PlainTextResponse("?", 401, {"WWW-Authenticate": 'Basic realm="proxy"'})
            await asking(scope, receive, send)
            return

        async def noting(message: Message) -> None:
            if scope["method"] == "POST" and message["type"] == "http.response.start":
                self.posted.append((headers, message["status"]))
            await send(message)

        await self.app(scope, receive, noting)


class OtherSite(http.server.BaseHTTPRequestHandler):
    """A page without any policy."""

    def do_GET(self) -> None:
        body = b"<!doctype html><title>Elsewhere</title><body>Win a prize!"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def other_site() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), OtherSite) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://localhost:{server.server_address[1]}/"  # another site than 127.0.0.1
        finally:
            server.shutdown()
            thread.join(60)


def wait_until(arrived: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not arrived():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_page_of_another_site_cannot_use_the_password_that_the_browser_adds() -> None:
    settings = configured(token=TOKEN, bare=True)
    proxy = AskingProxy(create_app(KnowledgeGraph.open(settings, in_memory=True), settings))
    with serving(proxy, ConnectionLimits()) as (host, port), other_site() as elsewhere, browser() as tab:
        here = f"http://{host}:{port}/sparql"

        def stored(name: str) -> bool:
            ask = {"query": f"ASK {{ <http://x/{name}> ?p ?o }}"}
            return bool(httpx2.get(here, params=ask, auth=("x", TOKEN)).json()["boolean"])

        tab.visit(f"http://visitor:{TOKEN}@{host}:{port}/sparql")  # the browser keeps the password
        tab.evaluate(FORM % (here, "own"))
        wait_until(lambda: len(proxy.posted) == 1)
        wait_until(lambda: stored("own"))

        tab.visit(elsewhere)
        tab.evaluate(FORM % (here, "foreign"))
        tab.wait_for_load()
        wait_until(lambda: len(proxy.posted) == 2)
        assert "A page of another site" in tab.evaluate("document.body.innerText")
        assert not stored("foreign")

    (own, allowed), (foreign, refused) = proxy.posted
    assert (allowed, refused) == (204, 403)
    assert own["authorization"] == foreign["authorization"]
    assert foreign["authorization"].startswith("Basic ")
    assert (own["sec-fetch-site"], foreign["sec-fetch-site"]) == ("same-origin", "cross-site")
