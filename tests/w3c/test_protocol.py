"""W3C suites of SPARQL 1.1 Protocol, Graph Store Protocol and Service Description, against `kg serve --bare`."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUITES = Path(os.environ.get("CLAIMGRAPH_SUITES") or ROOT.parent / "shared" / "suites")
RUNNER = SUITES / "runners" / "protocol_suite.py"

EXPECTED = {"protocol": 34, "gsp": 9, "gsp-direct": 5, "sd": 3}

pytestmark = pytest.mark.skipif(
    not RUNNER.is_file(), reason=f"The W3C suites are not at {SUITES}; set CLAIMGRAPH_SUITES to their folder."
)


@pytest.fixture(scope="module")
def token() -> str:
    return secrets.token_urlsafe(16)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, token: str) -> Iterator[str]:
    """An empty bare server on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    data = tmp_path_factory.mktemp("bare")
    command = [
        sys.executable,
        "-c",
        "from kg.cli.main import main; main()",
        "serve",
        "--bare",
        "--port",
        str(port),
        "--data",
        str(data),
    ]
    found = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, "KG_TOKEN": token}) as server:
        try:
            wait_for(found, server)
            yield found
        finally:
            server.terminate()


def wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert server.poll() is None, "the server ended before it answered"
        try:
            with urllib.request.urlopen(f"{address}/sparql", timeout=5) as answer:
                assert answer.status == 200
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail("the server did not start within 30 seconds")


@pytest.mark.parametrize("suite", EXPECTED)
def test_suite(suite: str, address: str, token: str, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    where = ["--query", f"{address}/sparql", "--update", f"{address}/update", "--gsp", f"{address}/graphs"]
    how = ["--suite", suite, "--json", str(report), "--auth", f"Bearer {token}"]
    command = [sys.executable, str(RUNNER), *where, *how]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert report.is_file(), run.stderr
    tests = json.loads(report.read_text("utf-8"))[suite]
    failed = {test["name"]: test["error"] for test in tests if test["error"]}
    assert failed == {}
    assert len(tests) == EXPECTED[suite]
