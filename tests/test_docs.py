"""README and guide tell what is true: outputs, settings, commands, paths, files, modules and links."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from api.app import create_app
from kg import config
from kg.knowledge_graph import KnowledgeGraph
from tests import command_reference
from tests.configs import configured
from tests.docs import GUIDE, PAGES, README, ROOT, fill

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


@each_page
def test_generated_parts_are_fresh(page: Path) -> None:
    text = page.read_text("utf-8")
    assert fill(text) == text, "run python -m tests.docs"


@pytest.mark.parametrize(
    ("page", "part"),
    [("configuration", "settings"), ("command-line", "commands"), ("exports", "tables"), ("internals", "layers")],
)
def test_what_is_generated_is_there(page: str, part: str) -> None:
    text = (GUIDE / f"{page}.md").read_text("utf-8")
    assert f"<!-- {part} -->\n\n" in text
    assert f"\n\n<!-- /{part} -->" in text


def test_every_command_and_setting_is_named() -> None:
    commands, settings = ((GUIDE / f"{name}.md").read_text("utf-8") for name in ("command-line", "configuration"))
    assert {"kg serve", "kg token create"} < set(command_reference.names())
    assert [name for name in command_reference.names() if name != "kg" and f"# `{name}`" not in commands] == []
    assert [row.name for row in config.variables() if f"| `{row.name}` |" not in settings] == []


@each_page
def test_commands_in_sentences_exist(page: Path) -> None:
    """Blocks of commands are run by ``tests/test_guide.py``; this is for `kg …` in a sentence or a table."""
    known = command_reference.options()
    for code in re.findall(r"`(?:[A-Z_]+=\S* )?(kg [^`]+)`", page.read_text("utf-8")):
        words = re.sub(r"[\[\]]", "", code).split()
        depth = max((n for n in (2, 3) if " ".join(words[:n]) in known), default=0)
        assert depth or words[1].isupper(), code
        assert not depth or {word for word in words if word.startswith("-")} <= known[" ".join(words[:depth])], code


def test_every_path_is_named() -> None:
    application = create_app(KnowledgeGraph.open(config.Config(), in_memory=True), configured(token="t"))
    page = (GUIDE / "http.md").read_text("utf-8")
    named = {"/" + path.split("/")[1] for path in application.openapi()["paths"]} - {"/"}
    assert [path for path in sorted(named) if f"`{path}" not in page] == []


def test_the_readme_is_short() -> None:
    assert len(README.read_text("utf-8").splitlines()) <= 200


def test_the_two_commands_are_one_line_each() -> None:
    blocks = re.findall(r"```sh\n(python3 -m venv[^`]*)```", README.read_text("utf-8"))
    assert len(blocks) == 2
    assert all(block.count("\n") == 1 for block in blocks)


@each_page
def test_modules_and_files_are_there(page: Path) -> None:
    text = page.read_text("utf-8")
    modules = set(re.findall(r"(?<![\w/.#])(?:kg|api|ontology)(?:\.[a-z_0-9]+)+", text))
    assert [name for name in modules if importlib.util.find_spec(name) is None] == []
    files = set(re.findall(r"`((?:tests|kg|api|ontology|\.ci|\.github)/[\w./-]+)", text))
    assert [name for name in files if not (ROOT / name).exists()] == []


@each_page
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", page.read_text("utf-8"))
    local = [link for link in links if not link.startswith("https://")]
    assert [link for link in local if not (page.parent / link).is_file()] == []
    assert page == README or [link for link in local if "/" in link] == [], "a page links to pages only"


def test_every_page_is_listed() -> None:
    index, readme = (GUIDE / "index.md").read_text("utf-8"), README.read_text("utf-8")
    for page in GUIDE.glob("*.md"):
        if page.stem != "index":
            assert f"]({page.name})" in index
            assert f"](api/guide/en/{page.name})" in readme


def test_examples_name_no_package_that_is_not_ours() -> None:
    files = [*PAGES, *(ROOT / "kg").rglob("*.py"), *(ROOT / "api").rglob("*.py"), ROOT / ".github" / "CONTRIBUTING.md"]
    for path in files:
        assert not re.search(r"pip install ['\"]?claimgraph|claimgraph\[", path.read_text("utf-8")), path


@pytest.mark.parametrize("name", ["uv.lock", "requirements.txt"])
def test_the_lock_names_no_registry(name: str) -> None:
    assert not (ROOT / name).exists()
    assert re.fullmatch(r"([A-Za-z0-9_.-]+==[A-Za-z0-9.]+\n)+", (ROOT / "constraints.txt").read_text("utf-8"))
