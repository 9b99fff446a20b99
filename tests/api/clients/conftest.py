"""A server on loopback for clients that people use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from api.app import create_app
from api.server.connection_limit_settings import ConnectionLimits
from kg.knowledge_graph import KnowledgeGraph
from tests.configs import configured
from tests.serving import serving

TOKEN = "a token for tests"


@dataclass(frozen=True)
class Endpoint:
    """A bare server.

    Attributes:
        base: address of its root, without a slash.
        token: token that may write.
    """

    base: str
    token: str = TOKEN

    @property
    def sparql(self) -> str:
        return f"{self.base}/sparql"

    @property
    def update(self) -> str:
        return f"{self.base}/update"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    """A server whose default graph holds one triple, and the graph <http://x/g> another."""
    settings = configured(token=TOKEN, bare=True)
    graph = KnowledgeGraph.open(settings, in_memory=True)
    graph.store.update(
        'INSERT DATA { <http://x/s> <http://x/p> "ї"@uk . GRAPH <http://x/g> { <http://x/n> <http://x/p> 1 } }'
    )
    with serving(create_app(graph, settings), ConnectionLimits()) as (host, port):
        yield Endpoint(f"http://{host}:{port}")
