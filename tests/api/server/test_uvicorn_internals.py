"""Internals of uvicorn that :mod:`api.server.http_protocol` uses exist in the installed version.

A failure here means that uvicorn has changed inside: read its new ``httptools_impl.py`` next to
:mod:`api.server.http_protocol` before the upper bound of uvicorn in pyproject.toml is raised.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware, _TrustedHosts
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from api.server import http_protocol

METHODS = {
    "_unset_keepalive_if_required": [],
    "connection_lost": ["exc"],
    "connection_made": ["transport"],
    "data_received": ["data"],
    "on_headers_complete": [],
    "on_message_begin": [],
    "on_message_complete": [],
    "pause_writing": [],
    "resume_writing": [],
    "send_400_response": ["msg"],
    "timeout_keep_alive_handler": [],
}
"""Methods that are overridden, called, or both, with their parameters."""

ATTRIBUTES = {
    "app",
    "client",
    "connections",
    "cycle",
    "flow",
    "headers",
    "loop",
    "parser",
    "pipeline",
    "scope",
    "server_state",
    "transport",
    "url",
}
CYCLE = {
    "disconnected",
    "keep_alive",
    "message_event",
    "more_body",
    "response_complete",
    "response_started",
    "scope",
    "transport",
    "waiting_for_100_continue",
}
SETTINGS = {
    "access_log",
    "http",
    "lifespan",
    "log_config",
    "server_header",
    "timeout_graceful_shutdown",
    "ws",
}


class Transport(asyncio.Transport):
    """A transport that accepts everything and sends nothing."""

    def write(self, data: Any) -> None:
        pass

    def close(self) -> None:
        pass

    def is_closing(self) -> bool:
        return False


def after_a_request() -> HttpToolsProtocol:
    """Return an unmodified uvicorn protocol that has just started to respond."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def main() -> HttpToolsProtocol:
        config = uvicorn.Config(application, log_config=None)
        protocol = HttpToolsProtocol(config, ServerState(), {})
        protocol.connection_made(Transport())
        protocol.data_received(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert not protocol.cycle.response_started, "the application starts before the cycle's transport is replaced"
        await asyncio.gather(*protocol.tasks)
        assert protocol.cycle.response_complete
        protocol._unset_keepalive_if_required()
        return protocol

    return asyncio.run(main())


@pytest.mark.parametrize(("name", "parameters"), METHODS.items())
def test_methods(name: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(HttpToolsProtocol, name)).parameters) == ["self", *parameters]


def test_attributes() -> None:
    protocol = after_a_request()
    assert [name for name in sorted(ATTRIBUTES) if not hasattr(protocol, name)] == []
    assert isinstance(protocol.cycle, RequestResponseCycle)
    assert [name for name in sorted(CYCLE) if not hasattr(protocol.cycle, name)] == []
    assert protocol.cycle.scope is protocol.scope
    assert isinstance(protocol.cycle.message_event, asyncio.Event)
    assert isinstance(protocol.connections, set)
    assert protocol.connections is protocol.server_state.connections
    assert isinstance(protocol.server_state.default_headers, list)
    assert isinstance(protocol.url, bytes)
    assert protocol.headers == [(b"host", b"x")]
    assert hasattr(protocol.pipeline, "clear")
    assert protocol.flow.read_paused is False


def test_a_protocol_is_made_as_uvicorn_makes_one() -> None:
    """The same call as in ``Server.startup``."""
    assert list(inspect.signature(HttpToolsProtocol).parameters) == ["config", "server_state", "app_state", "_loop"]
    source = inspect.getsource(uvicorn.Server.startup)
    for part in ("config=config", "server_state=self.server_state", "app_state=self.lifespan.state"):
        assert part in source


def test_trusted_proxies() -> None:
    config = uvicorn.Config("none:none", log_config=None)
    assert "_TrustedHosts(trusted_hosts)" in inspect.getsource(ProxyHeadersMiddleware)
    assert "trusted_hosts=self.forwarded_allow_ips" in inspect.getsource(type(config).load)
    assert "127.0.0.1" in _TrustedHosts(config.forwarded_allow_ips)
    assert http_protocol.trusted_proxies()("127.0.0.1")
    assert not http_protocol.trusted_proxies()("127.0.1.1")


def test_the_server() -> None:
    assert set(inspect.signature(uvicorn.Config).parameters) >= SETTINGS
    assert list(inspect.signature(uvicorn.Server.startup).parameters) == ["self", "sockets"]
    assert inspect.iscoroutinefunction(uvicorn.Server.startup)
    server = uvicorn.Server(uvicorn.Config("none:none", log_config=None))
    assert (server.started, server.should_exit, server._captured_signals) == (False, False, [])
    assert "self._captured_signals" in inspect.getsource(uvicorn.Server.capture_signals)


def test_everything_that_is_used_is_checked_here() -> None:
    """The lists above are all that the module takes from the classes of uvicorn."""
    tree = ast.parse(Path(http_protocol.__file__).read_text("utf-8"))
    found = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "LimitedHttpProtocol")
    own = {name for name in vars(http_protocol.LimitedHttpProtocol) if name not in METHODS and name not in ATTRIBUTES}
    own |= set(http_protocol.LimitedHttpProtocol.__annotations__) - ATTRIBUTES
    used, of_cycle = set(), set()
    for node in ast.walk(found):
        if isinstance(node, ast.FunctionDef) and hasattr(HttpToolsProtocol, node.name):
            used.add(node.name)
        if not isinstance(node, ast.Attribute):
            continue
        holder = ast.unparse(node.value)
        if holder in ("self", "super()", "other", "victim"):
            used.add(node.attr)
        elif holder.rpartition(".")[2] == "cycle":
            of_cycle.add(node.attr)
    assert used - own == METHODS.keys() | ATTRIBUTES
    assert of_cycle == CYCLE
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    settings = [node for node in calls if ast.unparse(node.func) == "uvicorn.Config"]
    assert {word.arg for call in settings for word in call.keywords} == SETTINGS
