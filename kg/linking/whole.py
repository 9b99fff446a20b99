"""The linker over a whole graph, with the reference store that lies beside it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from kg.graph import KnowledgeGraph
from kg.linking.proposals import Proposal
from kg.linking.review import Lookup


def opened(data: Path) -> Lookup:
    raise NotImplementedError


def proposals(graph: KnowledgeGraph, data: Path) -> Iterable[Proposal]:
    raise NotImplementedError
