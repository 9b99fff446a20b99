"""Fill the generated parts of README and guide: ``python -m tests.docs`` writes them, a test compares them.

Every fenced ``sparql`` block that is followed by a ``text`` block gets the real output of the query over the seed
article, every such ``python`` block the real output of the program next to an export of it (unless a library that it
imports is not installed). Settings, commands, the data dictionary of exported tables and the layers of packages come
from where they are declared. A text block after a comment (``its answer``) is left alone: it needs more than the seed
article, and another test compares it.
"""

from __future__ import annotations

import importlib.util
import io
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from rich.console import Console

from kg import config
from kg.cli import tables_and_trees
from kg.export import table_files, table_schema
from kg.export.table_rows import TableReader
from kg.knowledge_graph import KnowledgeGraph
from kg.rdf.query_request_and_result import ResultFormats
from tests import command_reference

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
GUIDE = ROOT / "api" / "guide" / "en"
PAGES = (README, *sorted(GUIDE.glob("*.md")))

QUERY = re.compile(r"```sparql\n(?P<query>(?:(?!```).)*)```\n\n```text\n(?P<output>.*?)```", re.DOTALL)
PROGRAM = re.compile(r"```python\n(?P<program>(?:(?!```).)*)```\n\n```text\n(?P<output>.*?)```", re.DOTALL)
_PART = re.compile(r"<!-- (?P<name>\w+) -->\n.*?<!-- /(?P=name) -->", re.DOTALL)


def _layers() -> str:
    """Render the layers of packages, the topmost first."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    inside = {contract["containers"][0]: contract["layers"] for contract in contracts if "containers" in contract}
    lines = [
        f"{name if at == 0 else '':4}  {layer.replace(' | ', ', ')}"
        for name, layers in inside.items()
        for at, layer in enumerate(layers)
    ]
    return "\n".join(["```", *lines, "```"])


_PARTS: Mapping[str, Callable[[], str]] = {
    "settings": config.table,
    "commands": command_reference.reference,
    "tables": table_schema.dictionary,
    "layers": _layers,
}


def output(content: bytes, base: str) -> str:
    """Return the table that ``kg query`` prints for solutions in JSON."""
    stream = io.StringIO()
    Console(file=stream, width=118, highlight=False).print(tables_and_trees.solutions(content, base))
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def fill(text: str) -> str:
    """Return a page with its generated parts written again."""
    text = _PART.sub(_part, QUERY.sub(_answered, text))
    if not PROGRAM.search(text):
        return text
    with tempfile.TemporaryDirectory() as folder:
        reader = TableReader(_seed().articles)
        table_files.write(reader, table_files.TableFileFormat.parquet, Path(folder, "tables"), lambda: None)
        table_files.write(reader, table_files.TableFileFormat.duckdb, Path(folder, "news.duckdb"), lambda: None)
        return PROGRAM.sub(lambda found: _printed(found, folder), text)


@cache
def _seed() -> KnowledgeGraph:
    return KnowledgeGraph.open(config.Config(), in_memory=True)


def _part(found: re.Match[str]) -> str:
    return f"<!-- {found['name']} -->\n\n{_PARTS[found['name']]()}\n\n<!-- /{found['name']} -->"


def _answered(found: re.Match[str]) -> str:
    query = found["query"]
    answer = _seed().store.query(query, ResultFormats())
    return f"```sparql\n{query}```\n\n```text\n{output(answer.content, _seed().names.base)}```"


def _printed(found: re.Match[str], folder: str) -> str:
    """Run a program beside the tables, unless it needs what is not installed."""
    program = found["program"]
    if any(importlib.util.find_spec(name) is None for name in re.findall(r"^import (\w+)", program, re.MULTILINE)):
        return found[0]
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, encoding="utf-8", check=True, timeout=120
    )
    told = "".join(f"{line.rstrip()}\n" for line in ended.stdout.rstrip().splitlines())
    return f"```python\n{program}```\n\n```text\n{told}```"


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(fill(page.read_text("utf-8")), "utf-8")
    sys.stdout.write(f"{len(PAGES)} pages filled\n")
