"""Request and result of a query: plain values that can be sent to other threads and processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Origin of a part of a result: one request to a remote endpoint.

    Attributes:
        endpoint: normalised URL of the endpoint, hence ASCII.
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
        content: the serialised result.
        media_type: media type of ``content``.
        kind: ``"solutions"``, ``"boolean"`` or ``"graph"``.
        sources: requests to remote endpoints that contributed to it; see :mod:`kg.federation.service_and_load_calls`.
    """

    content: bytes
    media_type: str
    kind: str
    sources: tuple[Retrieval, ...] = ()


@dataclass(frozen=True)
class ResultFormats:
    """Media type of the response for each kind of result; ``None`` where the client accepts none."""

    solutions: str | None = "application/sparql-results+json"
    boolean: str | None = "application/sparql-results+json"
    graph: str | None = "text/turtle"


@dataclass(frozen=True)
class QueryDataset:
    """Dataset and context of a query or update (SPARQL 1.1 Protocol, clauses 2.1.4 and 2.2.3).

    Attributes:
        default_graphs, named_graphs: ``default-graph-uri`` and ``named-graph-uri`` (or their ``using-`` forms); both
            empty means the store's own dataset.
        base: base IRI for relative IRIs; ``None`` means the store's.
        prefixes: namespaces by prefix that the query need not declare.
        bindings: values of variables, as terms in N-Triples; for internal queries only.
    """

    default_graphs: Sequence[str] = ()
    named_graphs: Sequence[str] = ()
    base: str | None = None
    prefixes: Mapping[str, str] | None = None
    bindings: Mapping[str, str] | None = None
