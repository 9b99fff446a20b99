"""What the handlers share: the graph, the settings, and the rule for work that may take long."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, ParamSpec, TypeVar

import anyio
import anyio.to_thread
from fastapi import Depends, Request

from api.service_description import GraphCounts
from kg.config import Config
from kg.graph import KnowledgeGraph

P = ParamSpec("P")
T = TypeVar("T")

_CONCURRENT_QUERIES = 16
"""Users' queries that run at a time; fewer than the pool's 40 threads, so that other pages stay quick."""


@dataclass(frozen=True)
class Services:
    """One instance for the life of an application."""

    graph: KnowledgeGraph
    config: Config
    counts: GraphCounts
    queries: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(_CONCURRENT_QUERIES))

    async def in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run work of our own, which is short, off the event loop.

        ``work`` must evaluate *and* serialise: a live result may not cross threads.
        """
        return await anyio.to_thread.run_sync(partial(_contained, work, *args, **kwargs))

    async def query_in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a user's query or update, which may take long, off the event loop; only so many at a time."""
        return await anyio.to_thread.run_sync(partial(_contained, work, *args, **kwargs), limiter=self.queries)


def _contained(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do ``work``; an error that leaves the thread must not carry a live result along in the frames of its stack."""
    try:
        return work(*args, **kwargs)
    except Exception as error:
        found: BaseException | None = error
        while found is not None:
            traceback.clear_frames(found.__traceback__)
            found = found.__cause__ or found.__context__
        raise


def services(request: Request) -> Services:
    """Hand the application's services to a handler."""
    found = request.app.state.services
    assert isinstance(found, Services)
    return found


Shared = Annotated[Services, Depends(services)]
