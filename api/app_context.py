"""What the handlers share: the graph, the settings, and the rule for work that may take long."""

from __future__ import annotations

import asyncio
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import Annotated, Generic, ParamSpec, TypeVar

import anyio
import anyio.to_thread
from fastapi import Depends, Request

from api.http import request_log_record, request_parsing
from kg.access.api_tokens import TokenRegistry
from kg.access.permissions import ANONYMOUS, Principal
from kg.access.restricted_store import RestrictedStore
from kg.config import Config
from kg.errors import MalformedText, TimedOut
from kg.knowledge_graph import KnowledgeGraph, ReadableGraph
from kg.processes.query_service import QueryCaller, QueryService
from kg.rdf.query_request_and_result import QueryDataset, QueryResult, ResultFormats
from kg.reconciliation.reconciliation_index import ReconciliationIndexes

P = ParamSpec("P")
T = TypeVar("T")

_CONCURRENT_QUERIES = 16
"""Users' queries that run at a time; fewer than the pool's 40 threads, so that other pages stay quick."""

H = TypeVar("H", bound=ReadableGraph)
G_co = TypeVar("G_co", bound=ReadableGraph, covariant=True)


@dataclass(frozen=True)
class AppContext(Generic[G_co]):
    """What a handler has to work with: a graph, as far as the caller may use it, and nothing that reaches past it.

    Attributes:
        graph: readable, writable, or the whole; its type says what the caller may do.
        indexes: what tables are matched against.
    """

    graph: G_co
    config: Config
    _endpoint: QueryService
    indexes: ReconciliationIndexes = field(default_factory=ReconciliationIndexes, kw_only=True)
    queries: anyio.CapacityLimiter = field(
        default_factory=lambda: anyio.CapacityLimiter(_CONCURRENT_QUERIES), kw_only=True
    )

    async def query(
        self, request: Request, text: str, choice: ResultFormats, dataset: QueryDataset | None = None
    ) -> QueryResult:
        """Answer a user's query as far as the caller may see, within the limits that all queries have.

        The parameters ``timeout`` and ``asOf`` of the request are heeded, and who it comes from.
        """
        dataset = dataset or QueryDataset()
        if isinstance(self.graph.store, RestrictedStore):
            dataset = await self.in_thread(self.graph.store.dataset, text, dataset)
        request_log_record.of(request.scope).query_hash = _hash(text)
        return await self._endpoint.query(text, choice, dataset, asker(request), as_of(request))

    async def in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run work of our own, which is short, off the event loop.

        ``work`` must evaluate *and* serialise: a live result may not cross threads.
        """
        return await anyio.to_thread.run_sync(partial(_contained, work, *args, **kwargs))

    async def query_in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a user's query or update, which may take long, off the event loop; only so many at a time."""
        return await anyio.to_thread.run_sync(partial(_contained, work, *args, **kwargs), limiter=self.queries)


@dataclass(frozen=True)
class AllServices(AppContext[KnowledgeGraph]):
    """One instance for the life of an application; for handlers that check the caller themselves or serve all alike.

    Attributes:
        restart: ends the process soon, so that another takes its place; ``None`` where none would.
    """

    tokens: TokenRegistry
    restart: Callable[[], None] | None = None

    @property
    def endpoint(self) -> QueryService:
        """What answers queries, and knows the whole store."""
        return self._endpoint

    def over(self, graph: H) -> AppContext[H]:
        """Return services that work on another graph, and on nothing else."""
        return AppContext(graph, self.config, self._endpoint, indexes=self.indexes, queries=self.queries)

    @contextmanager
    def reading(self, request: Request, principal: Principal) -> Iterator[AppContext[ReadableGraph]]:
        """Give services that read one snapshot by the readers, as far as the caller sees it, while the context lasts.

        They read within the limits of queries. A store in memory has no readers, and is read as it is.
        """
        with self.endpoint.session(partial(asker, request), as_of(request)) as session:
            graph = self.graph if session is None else ReadableGraph(session)
            yield self.over(graph.seen_by(principal))

    async def update(self, text: str, dataset: QueryDataset) -> None:
        """Run a user's update. One that takes too long cannot be ended but with its process, which then starts anew.

        Raises:
            TimedOut: nothing of the update stays, unless it was over at that very moment.
        """
        work = asyncio.create_task(self.query_in_thread(self.graph.store.update, text, dataset))
        seconds = self.config.queries.update_timeout
        await asyncio.wait({work}, timeout=seconds if self.restart else None)
        if self.restart and not work.done():
            self.restart()
            raise TimedOut(
                f"The update was given up after {seconds:g} s; it is stored whole or not at all.",
                remedy="Look which, then change less at a time, use `kg load`, or raise KG_UPDATE_TIMEOUT.",
            )
        await work


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


async def _gone(request: Request) -> None:
    """Return when the client has hung up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def asker(request: Request) -> QueryCaller:
    """Tell who sends a request and how long they want to wait.

    Raises:
        MalformedText: the parameter ``timeout`` is no number, or given twice.
    """
    timeout = request_parsing.single(request_parsing.query_parameters(request), "timeout")
    return QueryCaller(_name(request), _seconds(timeout), partial(_gone, request))


def as_of(request: Request) -> int | None:
    """Read the parameter ``asOf``.

    Raises:
        MalformedText: it is no number, or given twice, or written so that the cache has read it otherwise.
    """
    number = _number(request_parsing.single(request_parsing.query_parameters(request), "asOf"))
    if number is not None and request_log_record.of(request.scope).snapshot not in (None, number):
        raise MalformedText("asOf is written in another way than plainly.", remedy="Write asOf= and the digits.")
    return number


def _name(request: Request) -> str:
    """Tell by what the limits count: the token, or the address for those who have none."""
    principal = getattr(request.state, "principal", None)
    if isinstance(principal, Principal) and principal.name != ANONYMOUS:
        return principal.name
    return request.client.host if request.client else ""


def _hash(text: str) -> str:
    """Name a query's text in the log without telling it."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) or not float(text):
        raise MalformedText(f"timeout={text[:50]} is no number of seconds.", remedy="Give one, such as timeout=5.")
    return float(text)


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise MalformedText(
            f"asOf={text[:50]} is no number of a snapshot.", remedy="Take one from the header Claimgraph-Snapshot."
        )
    return int(text)


async def services(request: Request) -> AllServices:
    """Hand the application's services to a handler."""
    found = request.app.state.services
    assert isinstance(found, AllServices)
    return found


Shared = Annotated[AllServices, Depends(services)]
