"""The README tells what is true: outputs, settings, commands, paths and modules."""

from __future__ import annotations

import re

import pytest
from typer.main import get_command

from api.app import create_app
from kg import config
from kg.cli import main
from kg.knowledge_graph import KnowledgeGraph
from tests.configs import configured
from tests.docs import ROOT, fill

README = (ROOT / "README.md").read_text("utf-8")


def test_outputs_and_settings_are_fresh() -> None:
    assert fill(README) == README, "run python -m tests.docs"


def test_every_command_is_named() -> None:
    commands = get_command(main.app).commands  # type: ignore[attr-defined]
    assert [name for name in commands if f"`kg {name}`" not in README] == []


def test_every_path_is_named() -> None:
    application = create_app(KnowledgeGraph.open(config.Config(), in_memory=True), configured(token="t"))
    paths = {re.sub(r"\{(\w+):path\}", r"{\1}", path) for path in application.openapi()["paths"]}
    named = {"/" + path.split("/")[1] for path in paths} - {"/"}
    assert [path for path in sorted(named) if f"{path}" not in README] == []


def test_the_two_commands_are_one_line_each() -> None:
    blocks = re.findall(r"```sh\n(python3 -m venv[^`]*)```", README)
    assert len(blocks) == 2
    assert all(block.count("\n") == 1 for block in blocks)


@pytest.mark.parametrize("name", ["uv.lock", "requirements.txt"])
def test_the_lock_names_no_registry(name: str) -> None:
    assert not (ROOT / name).exists()
    assert re.fullmatch(r"([A-Za-z0-9_.-]+==[A-Za-z0-9.]+\n)+", (ROOT / "constraints.txt").read_text("utf-8"))
