"""Entity tag and content of the answer at every address, read in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from fastapi.testclient import TestClient

from tests import route_examples
from tests.applications import WRITER, application, settings

_TTL = {"Content-Type": "text/turtle"}
_OWN = "<urn:a> <urn:p> [ <urn:p> [ <urn:p> 1 ] ], [ <urn:q> ( 1 2 ) ] ."


def collected(folder: Path, seed: int) -> subprocess.Popen[str]:
    """Start a process that reads every address; its sets have the order that ``seed`` determines."""
    command = [sys.executable, "-m", "tests.tagged_answers", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONHASHSEED": str(seed)})


def make(folder: Path) -> None:
    """Make the store that is read: the seed article, and a graph with blank nodes."""
    with TestClient(application(settings(folder, bare=False, base_iri=route_examples.BASE))) as client:
        assert client.put("/graphs?graph=" + route_examples.OWN, content=_OWN, headers=_TTL | WRITER).is_success


def _answers(folder: Path) -> dict[str, list[str]]:
    """Return the tag and the hash of the content for each address and media type whose answer has a strong tag."""
    found = {}
    with TestClient(application(settings(folder, bare=False, base_iri=route_examples.BASE))) as client:
        for address, accept in route_examples.addresses():
            answer = client.get(address, headers={"Accept": accept})
            if answer.status_code == 200 and "ETag" in answer.headers:
                found[f"{address} {accept}"] = [answer.headers["ETag"], sha256(answer.content).hexdigest()]
    return found


if __name__ == "__main__":
    print(json.dumps(_answers(Path(sys.argv[1]))))
