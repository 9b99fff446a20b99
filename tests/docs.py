"""Fill the README's generated parts from the code: ``python tests/docs.py`` writes them, a test compares them.

Every fenced ``sparql`` block that is followed by a ``text`` block gets the real output of the query over the seed
article; the configuration table comes from :mod:`kg.config`.
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console

from kg import config, console, engine
from kg.graph import KnowledgeGraph

ROOT = Path(__file__).resolve().parents[1]
_QUERY = re.compile(r"```sparql\n(?P<query>.*?)```\n\n```text\n(?P<output>.*?)```", re.DOTALL)
_CONFIG = re.compile(r"(?<=<!-- config -->\n).*?(?=\n<!-- /config -->)", re.DOTALL)


def output(graph: KnowledgeGraph, query: str) -> str:
    """Give the table that ``kg query`` prints."""
    answer = graph.store.query(query, engine.Choice())
    stream = io.StringIO()
    Console(file=stream, width=118, highlight=False).print(console.solutions(answer.content, graph.names.base))
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def fill(text: str) -> str:
    """Return the README with its generated parts made anew."""
    graph = KnowledgeGraph.open(config.Config(), in_memory=True)

    def answered(found: re.Match[str]) -> str:
        query = found["query"]
        return f"```sparql\n{query}```\n\n```text\n{output(graph, query)}```"

    return _CONFIG.sub(lambda _: config.table(), _QUERY.sub(answered, text))


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(fill(readme.read_text("utf-8")), "utf-8")
    sys.stdout.write("README.md filled\n")
