"""What a query is asked with, and what answers it: plain values that cross threads and processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Origin of a part of an answer: one request to another endpoint.

    Attributes:
        endpoint: URL of the endpoint in its normal form, hence ASCII.
        retrieved: when the request was sent (UTC).
        rows: number of solutions; ``None`` if the request failed and SILENT hides that.
        cached: whether the response was fetched for an earlier request.
    """

    endpoint: str
    retrieved: datetime
    rows: int | None
    cached: bool


@dataclass(frozen=True)
class QueryResult:
    """A serialised query result.

    Attributes:
        content: the bytes to send.
        media_type: the format of ``content``.
        kind: ``"solutions"``, ``"boolean"`` or ``"graph"``.
        sources: requests to other endpoints that it contains; see :mod:`kg.federation.service_calls`.
    """

    content: bytes
    media_type: str
    kind: str
    sources: tuple[Retrieval, ...] = ()


@dataclass(frozen=True)
class ResultFormats:
    """The format to answer with, by kind of result; ``None`` where the client accepts none."""

    solutions: str | None = "application/sparql-results+json"
    boolean: str | None = "application/sparql-results+json"
    graph: str | None = "text/turtle"


@dataclass(frozen=True)
class QueryDataset:
    """What a request says of the data to work on (SPARQL 1.1 Protocol, clauses 2.1.4 and 2.2.3).

    Attributes:
        default_graphs, named_graphs: ``default-graph-uri`` and ``named-graph-uri`` (or their ``using-`` forms); both
            empty means the store's own dataset.
        base: the IRI against which relative IRIs are resolved; ``None`` takes the store's.
        prefixes: prefixes that the query need not declare.
        bindings: terms in N-Triples that variables stand for; a query of our own may have them, a user's has none.
    """

    default_graphs: Sequence[str] = ()
    named_graphs: Sequence[str] = ()
    base: str | None = None
    prefixes: Mapping[str, str] | None = None
    bindings: Mapping[str, str] | None = None
