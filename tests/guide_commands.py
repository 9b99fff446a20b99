"""Run the commands and queries of a page as its reader does, from top to bottom, over one store in one folder.

Commands are run by bash as they stand, with `kg` and `.venv/bin/kg` in front of everything that is installed. Only what
would install something or go on for ever is another thing here: `pip install` and `python3 -m venv` do nothing, and
`kg serve` ends once the server is up. Before the first command that asks `http://127.0.0.1:8000`, a server starts over
a copy of the store, so that it and later commands do not fight for one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from markdown_it import MarkdownIt

from tests.processes import TOKEN, serving

ROOT = Path(__file__).resolve().parents[1]
LOCAL = "http://127.0.0.1:8000"

_KG = f"""#!{sys.executable}
import sys, tempfile
sys.path.insert(0, {str(ROOT)!r})
if sys.argv[1:2] == ["serve"]:
    import os, pathlib
    from tests.processes import serving
    settings = {{name: value for name, value in os.environ.items() if name.startswith("KG_ALLOW")}}
    with tempfile.TemporaryDirectory() as folder, serving(pathlib.Path(folder), *sys.argv[2:], **settings):
        pass
else:
    from kg.cli.main import main
    main()
"""
_NOTHING = "#!/bin/sh\nexit 0\n"
_PYTHON = f'#!/bin/sh\n[ "$1 $2" = "-m venv" ] || exec {sys.executable} "$@"\n'


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        language: first word of its info string.
        file: second word: the file that the reader is to have with this content.
        text: its content.
        answer: content of the `text` block that follows it, with nothing but a comment between.
    """

    language: str
    file: str
    text: str
    answer: str | None


def blocks(page: str) -> list[Block]:
    """List the fenced blocks of a page, but for those that are the answer of another."""
    tokens = [token for token in MarkdownIt("commonmark").parse(page) if token.type != "html_block"]
    found: list[Block] = []
    for at, token in enumerate(tokens):
        language, _, file = token.info.partition(" ")
        if token.type != "fence" or (language == "text" and at and tokens[at - 1].type == "fence"):
            continue
        after = tokens[at + 1] if at + 1 < len(tokens) else None
        answer = after.content if after and after.type == "fence" and after.info == "text" else None
        found.append(Block(language, file, token.content, answer))
    return found


def plain(text: str) -> list[str]:
    """Return lines as they are compared: the width of columns depends on rows that a page leaves out."""
    return [re.sub(r"[ ━]+", " ", line).strip() for line in text.splitlines()]


class Reader:
    """Somebody who follows a page in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "claimgraph-data"
        self._stack = ExitStack()
        self._server = ""
        programs = folder / ".venv" / "bin"
        programs.mkdir(parents=True)
        for name, text in (("kg", _KG), ("pip", _NOTHING), ("python3", _PYTHON)):
            (programs / name).write_text(text, "utf-8")
            (programs / name).chmod(0o755)
        (folder / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n", "utf-8")
        clean = {name: value for name, value in os.environ.items() if not name.startswith("KG_")}
        paths = {"PATH": f"{programs}:{clean['PATH']}", "CURL_HOME": str(folder)}
        self._environ = clean | paths | {"KG_TOKEN": TOKEN}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def follow(self, block: Block) -> None:
        """Do what a block says; it must succeed, and print its answer if it has one."""
        if block.file:
            (self._folder / block.file).write_text(block.text, "utf-8")
        elif block.language == "sh":
            self._compare(block, self.run(block.text))
        elif block.language == "sparql":
            (self._folder / "query.rq").write_text(block.text, "utf-8")
            self._compare(block, self.run("kg query query.rq"))

    def run(self, commands: str) -> str:
        """Run commands and return what they print."""
        if LOCAL in commands:
            commands = commands.replace(LOCAL, self._server or self._serve())
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=self._folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=600,
            check=False,
        )
        assert ended.returncode == 0, f"{commands}{ended.stdout}{ended.stderr}"
        return ended.stdout

    def _serve(self) -> str:
        copy = self._folder / "served"
        if self._data.exists():
            shutil.copytree(self._data, copy)
        _, said = self._stack.enter_context(serving(copy, KG_TOKEN=TOKEN, KG_LOG="off"))
        address = re.search(r"listens on (http://[^/]+)/", said)
        assert address
        self._server = address[1]
        return self._server

    @staticmethod
    def _compare(block: Block, printed: str) -> None:
        if block.answer is not None:
            lines = plain(printed)
            assert [line for line in plain(block.answer) if line not in lines] == [], printed
