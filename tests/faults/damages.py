"""Damages of a data directory, and the reading commands run on it in one child process that may abort or hang."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

META = "claimgraph.json"

COMMANDS = (
    ("query", "SELECT * { GRAPH ?g { ?s ?p ?o } }", "--format", "csv"),
    ("query", "CONSTRUCT WHERE { ?s ?p ?o }", "--format", "turtle"),
    ("why", "seed/C22"),
    ("doctor", "--full"),
)
"""Commands that read and print, and can share a process."""

COUNTING = (
    ("info",),
    ("query", "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"),
    ("query", "SELECT ?p (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } } GROUP BY ?p"),
)
"""Commands with aggregates, which the engine never ends on some damaged blocks: each needs a process of its own."""

_CHILD = """
import gc, json, sys
from tests.cases import stores
found = []
for command in json.loads(sys.argv[2]):
    result = stores.kg_here(*command, KG_DATA_DIR=sys.argv[1])
    found.append([result.returncode, result.stdout[-500:], result.stderr])
    gc.collect()  # so that no failed command holds the store
print(json.dumps(found))
"""

Damage = Callable[[Path], None]


@dataclass(frozen=True)
class Outcome:
    """Exit code and texts of one command."""

    command: str
    code: int
    out: str
    err: str


def read_everything(data: Path, seconds: float = 300) -> list[Outcome]:
    """Run every reading command on a data directory; an abort or a hang fails."""
    files = [("backup",), ("export", "--format", "nquads", "--out"), ("export", "seed", "--format", "claims", "--out")]
    commands = [*COMMANDS, *((*words, f"{data}.{number}") for number, words in enumerate(files))]
    clean = {k: v for k, v in os.environ.items() if not k.startswith("KG_")}
    ran = subprocess.run(
        [sys.executable, "-c", _CHILD, str(data), json.dumps(commands)],
        env=clean,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return [Outcome(" ".join(command), *found) for command, found in zip(commands, json.loads(ran.stdout), strict=True)]


def _write(name: str, content: bytes) -> Damage:
    def damage(data: Path) -> None:
        (data / name).write_bytes(content)

    return damage


def _described(known: dict[str, object], **changes: object) -> Damage:
    return _write(META, json.dumps(known | changes).encode())


def of_description(known: dict[str, object]) -> Iterator[tuple[str, Damage]]:
    """Yield damages of the metadata file by name."""
    contents = {
        "empty": b"",
        "zeros": bytes(64),
        "list": b"[]",
        "null": b"null",
        "number": b"9" * 10_000,
        "deep": b"[" * 200_000,
        "only a format": b'{"format": 99}',
        "half": json.dumps(known).encode()[:20],
        "not UTF-8": b'{"base": "\xff"}',
    }
    yield from ((f"description: {name}", _write(META, content)) for name, content in contents.items())
    bases = ("javascript:x", "http://e.org", "http://x y/", "", 5, None, "\ud800", "http://\ud800/", "http://e.org/>/")
    yield from ((f"description: base {base!a}", _described(known, base=base)) for base in bases)
    yield "description: later format", _described(known, format=99)
    yield "description: bare", _described(known, bare="no")
    yield "description: ready", _described(known, ready=[])
    yield "description: id", _described(known, id={"x": 1})


def _each(pattern: str, change: Callable[[Path], None]) -> Damage:
    def damage(data: Path) -> None:
        for file in (data / "store").glob(pattern):
            change(file)

    return damage


def _flipped(at: float) -> Callable[[Path], None]:
    def change(file: Path) -> None:
        content = bytearray(file.read_bytes())
        if content:
            content[min(len(content) - 1, int(len(content) * at))] ^= 0xFF
            file.write_bytes(content)

    return change


def _halved(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def _emptied(file: Path) -> None:
    os.truncate(file, 0)


def of_engine(tables: list[str]) -> Iterator[tuple[str, Damage]]:
    """Yield damages of the engine's files by name; ``tables`` names its SST files, of which each has one column."""
    for table in tables:
        yield f"flipped byte in {table}", _each(table, _flipped(0.5))
    changes = {"first byte": _flipped(0), "middle byte": _flipped(0.5), "last byte": _flipped(1), "half": _halved}
    changes |= {"nothing": _emptied, "gone": Path.unlink}
    for kind in ("*.sst", "MANIFEST-*", "CURRENT", "*.log", "OPTIONS-*"):
        for name, change in changes.items():
            yield f"{kind}: {name}", _each(kind, change)
    yield "store is a file", _file_instead
    yield "store is gone", lambda data: shutil.rmtree(data / "store")


def _file_instead(data: Path) -> None:
    shutil.rmtree(data / "store")
    (data / "store").write_bytes(b"x")
