"""The pages in a real browser: they render, without a script, and ask for nothing outside."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed.")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environ = {**os.environ, "KG_TOKEN": "t", "KG_DATA_DIR": str(tmp_path_factory.mktemp("data"))}
    command = [sys.executable, "-c", "from kg.cli import main; main()", "serve", "--port", str(port)]
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) as server:
        try:
            yield wait_for(f"http://127.0.0.1:{port}/")
        finally:
            server.terminate()


def wait_for(address: str) -> str:
    for _ in range(150):
        try:
            with urllib.request.urlopen(address, timeout=5):
                return address
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the server did not start")


def render(url: str, profile: Path) -> str:
    assert CHROMIUM is not None
    options = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    options += " --disable-component-update --disable-sync --virtual-time-budget=5000"
    command = [CHROMIUM, *options.split(), f"--user-data-dir={profile}", "--dump-dom", url]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", ["Claimgraph", "Хто відмовив, а хто просто не відповів?"]),
        ("docs", ["/articles", "/sparql"]),
        ("review", ["Links that wait for a person", "Decided last"]),
        ("questions/14", ["він відмовив йому у підтримці", "Володимир Путін"]),
        ("entity/putin", ["Vladimir Putin", "Володимир Путін"]),
        ("article/seed/C22", ["за кілька днів до цього Путін припинив відповідати на дзвінки Асада"]),
    ],
)
def test_a_page_renders(address: str, path: str, words: list[str], tmp_path: Path) -> None:
    page = render(address + path, tmp_path)
    assert [word for word in words if word not in page] == []
    assert "<script" not in page
    loaded = re.findall(r"(?:src|<link[^>]*href)=\"([^\"]+)\"", page)
    assert [source for source in loaded if source.startswith(("http", "//")) and not source.startswith(address)] == []
