"""nginx before a server, configured as the guide advises, once as it stands and once with connections that are kept."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.peers import Peer, Server, free_port

WAYS = ("nginx", "nginx, keepalive")
"""The guide's block as it stands, and with an upstream whose connections are kept open."""

_NGINX = """
daemon off;
worker_processes auto;
pid nginx.pid;
{user}
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    upstream kept {{ server 127.0.0.1:{port}; keepalive 64; }}
    server {{ listen 127.0.0.1:{plain}; {plain_block} }}
    server {{ listen 127.0.0.1:{kept}; {kept_block} }}
}}
"""
_PASS = re.compile(r"proxy_pass\s+http://[^;]*;")


def program() -> str:
    """Return the path of nginx, which Debian installs outside the path of most users."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin") or "nginx"


def proxy_block(guide: Path) -> str:
    """Read the configuration of nginx that the guide shows.

    Raises:
        RuntimeError: there is none.
    """
    text = guide.read_text("utf-8") if guide.exists() else ""
    found = re.search(r"^```nginx\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    if not found or not _PASS.search(found[1]):
        raise RuntimeError(f"{guide} has no ```nginx block with a proxy_pass; name a page that has one with --guide.")
    return found[1]


@contextlib.contextmanager
def proxied(port: int, block: str, folder: Path) -> Iterator[dict[str, int]]:
    """Run nginx before the server of a port; yield the port of each way.

    Args:
        block: what :func:`proxy_block` read.
        folder: for all files of nginx.

    Raises:
        RuntimeError: nginx does not start; the message names its log.
    """
    folder.mkdir(exist_ok=True)
    plain, kept = free_port(), free_port()
    text = _NGINX.format(
        user="user root;" if os.geteuid() == 0 else "",  # its workers write to a folder that only we may enter
        port=port,
        plain=plain,
        kept=kept,
        plain_block=_PASS.sub(f"proxy_pass http://127.0.0.1:{port};", block),
        kept_block=_PASS.sub('proxy_pass http://kept; proxy_set_header Connection "";', block),
    )
    (folder / "nginx.conf").write_text(text, "utf-8")
    command = [program(), "-p", f"{folder}/", "-c", "nginx.conf", "-e", "stderr"]
    with (folder / "nginx.log").open("wb") as log:
        server = Server(Peer("nginx", "nginx"), subprocess.Popen(command, stdout=log, stderr=log), plain)
    try:
        if not all(_listens(one) for one in (plain, kept)):
            raise RuntimeError(f"nginx did not start; see {folder}/nginx.log.")
        yield dict(zip(WAYS, (plain, kept), strict=True))
    finally:
        server.stop()


def _listens(port: int, limit: float = 10.0) -> bool:
    end = time.perf_counter() + limit
    while time.perf_counter() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        time.sleep(0.01)
    return False
