"""Fill the README's generated parts from the code: ``python tests/docs.py`` writes them, a test compares them.

Every fenced ``sparql`` block that is followed by a ``text`` block gets the real output of the query over the seed
article, every such ``python`` block the real output of the program beside an export of it (unless a library that it
imports is not installed); the configuration table comes from :mod:`kg.config`, the data dictionary of exported tables
from :mod:`kg.export.table_schema`.
"""

from __future__ import annotations

import importlib.util
import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from kg import config
from kg.cli import terminal_output
from kg.export import table_files, table_schema
from kg.export.table_rows import TableReader
from kg.knowledge_graph import KnowledgeGraph
from kg.rdf.query_request_and_result import ResultFormats

ROOT = Path(__file__).resolve().parents[1]
_QUERY = re.compile(r"```sparql\n(?P<query>(?:(?!```).)*)```\n\n```text\n(?P<output>.*?)```", re.DOTALL)
_PROGRAM = re.compile(r"```python\n(?P<program>(?:(?!```).)*)```\n\n```text\n(?P<output>.*?)```", re.DOTALL)
_TABLES = re.compile(r"(?<=<!-- tables -->\n).*?(?=\n<!-- /tables -->)", re.DOTALL)
_CONFIG = re.compile(r"(?<=<!-- config -->\n).*?(?=\n<!-- /config -->)", re.DOTALL)


def output(graph: KnowledgeGraph, query: str) -> str:
    """Give the table that ``kg query`` prints."""
    answer = graph.store.query(query, ResultFormats())
    stream = io.StringIO()
    Console(file=stream, width=118, highlight=False).print(terminal_output.solutions(answer.content, graph.names.base))
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def fill(text: str) -> str:
    """Return the README with its generated parts made anew."""
    graph = KnowledgeGraph.open(config.Config(), in_memory=True)

    def answered(found: re.Match[str]) -> str:
        query = found["query"]
        return f"```sparql\n{query}```\n\n```text\n{output(graph, query)}```"

    with tempfile.TemporaryDirectory() as folder:
        reader = TableReader(graph.articles)
        table_files.write(reader, table_files.TableFileFormat.parquet, Path(folder, "tables"), lambda: None)
        table_files.write(reader, table_files.TableFileFormat.duckdb, Path(folder, "news.duckdb"), lambda: None)
        text = _PROGRAM.sub(lambda found: _printed(found, folder), text)
    text = _TABLES.sub(lambda _: f"\n{table_schema.dictionary()}\n", text)
    return _CONFIG.sub(lambda _: config.table(), _QUERY.sub(answered, text))


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
    readme = ROOT / "README.md"
    readme.write_text(fill(readme.read_text("utf-8")), "utf-8")
    sys.stdout.write("README.md filled\n")
