"""Services for request handlers: the graph, the settings, queries, and threads for work that may take long."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
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
from kg.errors import MalformedText
from kg.knowledge_graph import ReadableGraph, WholeGraph
from kg.processes.query_and_write_service import QueryCaller, QueryService
from kg.processes.validation_and_write_preparation import Task, TaskResult
from kg.rdf.query_request_and_result import QueryDataset, QueryResult, ResultFormats
from kg.rdf.results_kept_in_thread import contained
from kg.reconciliation.reconciliation_index import ReconciliationIndexes

P = ParamSpec("P")
T = TypeVar("T")

_CONCURRENT_QUERIES = 16
"""Queries and updates of users in threads at a time; fewer than the 40 threads, so that other pages stay responsive."""

H = TypeVar("H", bound=ReadableGraph)
G_co = TypeVar("G_co", bound=ReadableGraph, covariant=True)


@dataclass(frozen=True)
class AppContext(Generic[G_co]):
    """Services of one request: the graph as far as the caller may use it, and nothing beyond.

    Attributes:
        graph: readable, writable or complete graph; its type determines what the handler can do.
        config: all settings.
        indexes: indexes for reconciliation.
        queries: limiter for :meth:`query_in_thread`.
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
        """Evaluate a user's query on the graphs that the caller may read, within the limits of all queries.

        The parameters ``timeout`` and ``asOf`` of the request apply, and the limits of its sender.

        Raises:
            ClaimgraphError: see :meth:`kg.processes.query_and_write_service.QueryService.query`.
        """
        request_log_record.of(request.scope).query_hash = _hash(text)
        caller = replace(query_caller(request), limit=self._limit)
        return await self._endpoint.query(text, choice, dataset or QueryDataset(), caller, as_of(request))

    @property
    def _limit(self) -> tuple[str, ...] | None:
        """The graphs that the caller may use; ``None`` for all."""
        return self.graph.store.limit if isinstance(self.graph.store, RestrictedStore) else None

    async def task(self, request: Request, name: str, arguments: Mapping[str, object], data: bytes) -> TaskResult:
        """Run a task on what the client sent (:mod:`kg.processes.validation_and_write_preparation`); it writes nothing.

        Raises:
            ClaimgraphError: see :meth:`kg.processes.query_and_write_service.QueryService.task`.
        """
        return await self._endpoint.task(Task(name, arguments, data, self._limit), query_caller(request))

    async def write(self, request: Request, name: str, arguments: Mapping[str, object], data: bytes) -> TaskResult:
        """Prepare a write by a task, on the graphs that the caller may use, and commit it.

        Raises:
            ClaimgraphError: see :meth:`kg.processes.query_and_write_service.QueryService.write`.
        """
        return await self._endpoint.write(Task(name, arguments, data, self._limit), query_caller(request))

    async def in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run short internal work in a thread.

        ``work`` must evaluate *and* serialise: the engine's lazy results may not cross threads.
        """
        return await anyio.to_thread.run_sync(partial(contained, work, *args, **kwargs))

    async def query_in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a user's query or update, which may take long, in one of a limited number of threads."""
        return await anyio.to_thread.run_sync(partial(contained, work, *args, **kwargs), limiter=self.queries)


@dataclass(frozen=True)
class AllServices(AppContext[WholeGraph]):
    """Services of the whole application, for handlers that check the caller themselves or serve all callers alike.

    Attributes:
        tokens: all tokens.
    """

    tokens: TokenRegistry

    @property
    def endpoint(self) -> QueryService:
        """Query service over the whole store."""
        return self._endpoint

    def over(self, graph: H) -> AppContext[H]:
        """Return services for another graph, and for nothing else."""
        return AppContext(graph, self.config, self._endpoint, indexes=self.indexes, queries=self.queries)

    @contextmanager
    def reading(self, request: Request, principal: Principal) -> Iterator[AppContext[ReadableGraph]]:
        """Yield services that read one snapshot, restricted to the graphs of the caller, while the context lasts.

        Reader processes read it, within the limits of queries. A store in memory has no readers, and is read directly.
        """
        with self.endpoint.session(partial(query_caller, request), as_of(request)) as session:
            graph = self.graph if session is None else ReadableGraph(session)
            yield self.over(graph.seen_by(principal))


async def _gone(request: Request) -> None:
    """Return when the client has disconnected."""
    # Parts of the body may still arrive; they are read and ignored.
    while (await request.receive())["type"] != "http.disconnect":
        pass


def query_caller(request: Request) -> QueryCaller:
    """Return the sender of a request, with the time limit of its parameter ``timeout``.

    Raises:
        MalformedText: ``timeout`` is not a number, or occurs twice.
    """
    timeout = request_parsing.single(request_parsing.query_parameters(request), "timeout")
    return QueryCaller(_name(request), _seconds(timeout), partial(_gone, request))


def as_of(request: Request) -> int | None:
    """Return the snapshot number in the parameter ``asOf``, or ``None``.

    Raises:
        MalformedText: it is not a number, occurs twice, or is encoded (``as%4Ff=7``) so that the cache did not see it.
    """
    # The cache has recorded the snapshot that it saw in the URL, and would store the response under that number.
    number = _number(request_parsing.single(request_parsing.query_parameters(request), "asOf"))
    if number is not None and request_log_record.of(request.scope).snapshot not in (None, number):
        raise MalformedText("The parameter asOf is percent-encoded.", remedy="Write asOf= and plain digits.")
    return number


def _name(request: Request) -> str:
    """Return the name by which limits are counted: that of the token, or else the network address."""
    principal = getattr(request.state, "principal", None)
    if isinstance(principal, Principal) and principal.name != ANONYMOUS:
        return principal.name
    return request.client.host if request.client else ""


def _hash(text: str) -> str:
    """Return a hash that identifies a query in the log without its text."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _seconds(text: str | None) -> float | None:
    """Parse a number of seconds; 0 means no limit of the client's own, as in other query services.

    Raises:
        MalformedText: it is malformed.
    """
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        raise MalformedText(
            f"`timeout={text[:50]}` is not a number of seconds.", remedy="Write one, such as timeout=5."
        )
    return float(text) or None


def _number(text: str | None) -> int | None:
    """Parse the number of a snapshot.

    Raises:
        MalformedText: it is malformed.
    """
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise MalformedText(
            f"`asOf={text[:50]}` is not the number of a snapshot.",
            remedy="Use one from the header Claimgraph-Snapshot.",
        )
    return int(text)


async def services(request: Request) -> AllServices:
    """Return the services of the application, as a dependency of a handler."""
    found = request.app.state.services
    assert isinstance(found, AllServices)
    return found


Shared = Annotated[AllServices, Depends(services)]
"""Parameter of a handler that needs the services of the whole application."""
