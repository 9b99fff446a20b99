"""Outgoing connections are opened in `kg.http_client` and nowhere else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
HOME = ROOT / "kg" / "http_client"
OTHERS = [
    path
    for folder in ("ontology", "kg", "api")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not path.is_relative_to(HOME)
]
LIBRARIES = [
    "_socket",
    "socket",
    "ssl",
    "http.client",
    "urllib.request",
    "urllib3",
    "requests",
    "httpx",
    "httpx2",
    "httpcore",
    "httpcore2",
    "h11",
    "aiohttp",
    "websockets",
    "ftplib",
    "smtplib",
    "poplib",
    "imaplib",
    "telnetlib",
    "xmlrpc",
]
CALLS = {"connect_ex", "create_connection", "open_connection", "sock_connect", "urlopen", "urlretrieve"}

MAY_IMPORT_SOCKET = {
    "kg/processes/readers/reader_connection.py": "talks to a worker over a socket pair",
    "kg/processes/ipc_messages.py": "frames the messages on a socket pair",
    "api/server/http_protocol.py": "sets options of connections that clients have opened",
    "api/server/serve.py": "binds the socket that listens",
    "kg/processes/readers/reader_launcher.py": "passes sockets to readers over a socket pair",
    "kg/processes/readers/reader_launcher_process.py": "is the other end of it",
    "kg/processes/readers/reader_process.py": "is the other end of a socket pair",
    "kg/processes/query_and_write_service.py": "passes a connection to the writer on",
    "kg/processes/unix_socket_store.py": "connects to the server of a data directory, over a socket in it",
    "kg/processes/writer_connection.py": "is one end of a connection to the writer",
    "kg/processes/writer_process.py": "is the other end of it",
    "api/server/child_process.py": "makes the socket pair of the supervisor and a child",
    "api/server/connection_adoption.py": "receives connections that clients have opened",
    "api/server/connection_dispatch.py": "accepts the connections of clients",
    "api/server/supervisor_and_child_messages.py": "frames the messages on a socket pair, with descriptors",
    "api/server/process_supervisor.py": "keeps the listening socket and the socket pairs of its children",
    "api/server/server_programs.py": "is the other end of a socket pair of the supervisor",
    "api/server/signal_inbox.py": "waits for signals on a socket pair",
}
"""Modules outside the package that need sockets, each with the reason; none of them connects one over a network."""
CONNECTS_IN_THE_DATA_DIRECTORY = "kg/processes/unix_socket_store.py"
"""The only one of them that connects a socket."""


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> Iterator[str]:
    """Return the full names of all modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def libraries(path: Path) -> set[str]:
    return {library for library in LIBRARIES for it in imported(path) if f"{it}.".startswith(f"{library}.")}


def test_no_other_module_imports_a_network_library() -> None:
    found = {name(path): libraries(path) for path in OTHERS if libraries(path)}
    assert found == {module: {"socket"} for module in MAY_IMPORT_SOCKET}


@pytest.mark.parametrize("path", OTHERS, ids=name)
def test_no_other_module_connects(path: Path) -> None:
    calls = CALLS | {"connect"} if name(path) in MAY_IMPORT_SOCKET else CALLS
    if name(path) == CONNECTS_IN_THE_DATA_DIRECTORY:
        calls -= {"connect"}
        families = re.findall(r"\bsocket\(([^)]*)\)", path.read_text("utf-8"))
        assert families and set(families) == {"socket.AF_UNIX"}
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        assert not (isinstance(node, ast.Attribute) and node.attr in calls), f"{name(path)}:{node.lineno}"


def test_the_package_imports_neither_the_store_nor_sparql_nor_a_server() -> None:
    for path in HOME.glob("*.py"):
        ours = {it for it in imported(path) if it.split(".")[0] in ("kg", "api", "ontology")}
        assert all(
            it == "kg" or it.startswith(("kg.__version__", "kg.config", "kg.errors", "kg.http_client")) for it in ours
        )
        assert not {"fastapi", "starlette", "uvicorn", "http.server"} & set(imported(path))
