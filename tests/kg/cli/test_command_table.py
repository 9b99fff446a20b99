"""The table of commands: true to the commands, light to read, and open to other packages."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from kg.cli.command_table import GROUP, CommandEntry
from kg.cli.main import CommandGroup, LazyCommand
from tests.processes import PYTHON

ENTRIES = {name: entry for point in metadata.entry_points(group=GROUP) for name, entry in point.load().items()}


@pytest.mark.parametrize("name", ENTRIES)
def test_the_summary_is_that_of_the_command(name: str) -> None:
    help_text = LazyCommand(name, ENTRIES[name]).load().help
    assert " ".join(str(help_text).split("\n\n")[0].split()) == ENTRIES[name].summary


def test_serve_comes_from_the_package_above() -> None:
    assert ENTRIES["serve"].target.startswith("api.")
    assert {"add", "query", "token"} < CommandGroup(name="kg").commands.keys()


def test_help_and_completion_load_no_command() -> None:
    program = (
        "import sys\nfrom kg.cli.main import main\n"
        "try: main()\n"
        "finally: print(*sorted({name.split('.')[0] for name in sys.modules} & "
        "{'rdflib', 'pyoxigraph', 'pyshacl', 'owlrl', 'fastapi', 'uvicorn'}), file=sys.stderr)"
    )
    helped = subprocess.run([sys.executable, "-c", program, "--help"], capture_output=True, text=True, check=True)
    assert "validate" in helped.stdout and helped.stderr.strip() == ""
    completing = os.environ | {"_KG_COMPLETE": "complete_bash", "COMP_WORDS": "kg va", "COMP_CWORD": "1"}
    program = program.replace("main()\nfinally", "sys.argv[0] = 'kg'; main()\nfinally")
    completed = subprocess.run(
        [sys.executable, "-c", program], env=completing, capture_output=True, text=True, check=False
    )
    assert completed.stdout.split() == ["validate"] and completed.stderr.strip() == ""


def test_another_package_adds_a_command(tmp_path: Path) -> None:
    (tmp_path / "newsroom.py").write_text(
        "from kg.cli.command_table import CommandEntry\n"
        "TABLE = {'greet': CommandEntry('newsroom_commands:greet', 'Greet a newsroom.')}\n",
        "utf-8",
    )
    (tmp_path / "newsroom_commands.py").write_text(
        "def greet(name: str) -> None:\n    '''Greet a newsroom.'''\n    print('Hello,', name)\n", "utf-8"
    )
    info = tmp_path / "newsroom-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: newsroom\nVersion: 1.0\n", "utf-8")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nnewsroom = newsroom:TABLE\n", "utf-8")
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    helped = subprocess.run([*PYTHON, "--help"], env=environ, capture_output=True, text=True, check=True)
    assert "Greet a newsroom." in helped.stdout
    greeted = subprocess.run([*PYTHON, "greet", "desk"], env=environ, capture_output=True, text=True, check=True)
    assert greeted.stdout == "Hello, desk\n"


def test_a_table_that_cannot_be_loaded_takes_only_its_own_commands(tmp_path: Path) -> None:
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n", "utf-8")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nbroken = no_such_module:TABLE\n", "utf-8")
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    helped = subprocess.run([*PYTHON, "schema"], env=environ, capture_output=True, text=True, check=True)
    assert helped.stdout.startswith("{")
    assert "broken" in helped.stderr and "no_such_module" in helped.stderr


def test_entries_are_values() -> None:
    assert CommandEntry("a:b", "C.") == CommandEntry("a:b", "C.")
