"""Clients of Node, against a server: `fetch-sparql-endpoint` and `sparql-http-client`, as `node --test` runs them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.api.clients.conftest import Endpoint

HERE = Path(__file__).parent / "node"
NODE = shutil.which("node")

pytestmark = [
    pytest.mark.skipif(NODE is None, reason="Node is not installed."),
    pytest.mark.skipif(
        not (HERE / "node_modules").is_dir(),
        reason="The packages are not installed: npm ci --ignore-scripts --prefix tests/api/clients/node",
    ),
]


@pytest.mark.parametrize("client", ["fetch-sparql-endpoint", "sparql-http-client"])
def test_client(endpoint: Endpoint, client: str) -> None:
    assert NODE is not None
    addresses = {"SPARQL": endpoint.sparql, "UPDATE": endpoint.update, "GRAPHS": f"{endpoint.base}/graphs"}
    run = subprocess.run(
        [NODE, "--test", f"{client}.test.mjs"],
        cwd=HERE,
        env={**os.environ, **addresses, "TOKEN": endpoint.token},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "# fail 0" in run.stdout or "ℹ fail 0" in run.stdout, "no test was run"
