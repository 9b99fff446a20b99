"""Permissions: the caller of a request, its scopes, the graphs that it may read, and the dataset of its queries.

A caller whose graphs are limited sees a separate dataset: its named graphs are those within the limit, and its default
graph is their union. No response reveals any other graph, not even that it exists.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from kg.errors import BadInput, InsufficientScope, Unauthorized
from kg.iris import Names
from kg.rdf import oxigraph
from kg.rdf.query_request_and_result import QueryDataset
from kg.sparql import query_and_update_analysis

Scope = Literal["read", "write", "admin"]

SCOPES: tuple[Scope, ...] = ("read", "write", "admin")
"""Scopes of tokens, in ascending order; each includes those before it."""

NOWHERE = "urn:uuid:ffffffff-ffff-ffff-ffff-ffffffffffff"
"""IRI of a graph that never exists (the Max UUID of RFC 9562).

It stands for an empty list of graphs, which the engine would read as the whole store.
"""

_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\x00-\x20<>\"{}|\\^`]*")


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of a request.

    Attributes:
        name: name of its token; ``anonymous`` without one.
        scopes: its scopes, including the lower ones; empty if it may do nothing.
        graphs: graphs that it may read (exact IRIs, or prefixes that end in ``*``); ``None`` for all.
    """

    name: str
    scopes: tuple[Scope, ...]
    graphs: tuple[str, ...] | None = None

    def require(self, scope: Scope) -> None:
        """Check that the caller has a scope.

        Raises:
            Unauthorized: the scope is missing, and the request had no token.
            InsufficientScope: the scope is missing from the token.
        """
        if scope in self.scopes:
            return
        if self.name == ANONYMOUS:
            raise Unauthorized(
                f"{_DOING[scope]} needs a token: send “Authorization: Bearer …”.",
                remedy="Use the token of the server (KG_TOKEN), or one created by `kg token create`.",
            )
        raise InsufficientScope(
            f"{_DOING[scope]} needs the scope {scope}, which the token “{self.name}” does not have.",
            remedy=f"Use a token with the scope {scope}.",
            scope=scope,
        )


ANONYMOUS = "anonymous"
"""Name of callers without a token."""

_DOING: dict[Scope, str] = {"read": "Reading", "write": "Writing", "admin": "Administration"}


def scopes_up_to(scope: Scope) -> tuple[Scope, ...]:
    """Return a scope and those that it includes.

    >>> scopes_up_to("write")
    ('read', 'write')
    """
    return SCOPES[: SCOPES.index(scope) + 1]


def anonymous(public: str) -> Principal:
    """Return the caller without a token.

    Args:
        public: ``*`` for all graphs, ``none`` for no access, otherwise IRIs of graphs, or prefixes that end in ``*``,
            separated by white space.

    Raises:
        BadInput: an entry is neither an IRI nor a prefix.
    """
    if public.strip() == "none":
        return Principal(ANONYMOUS, (), ())
    return Principal(ANONYMOUS, ("read",), check_graphs(public.split()))


def check_graphs(graphs: Collection[str]) -> tuple[str, ...] | None:
    """Check the graphs of a limit: absolute IRIs, or prefixes that end in ``*``.

    Returns:
        The graphs without duplicates, or ``None`` (no limit) if one of them is ``*`` alone.

    Raises:
        BadInput: an entry is neither an IRI nor a prefix.
    """
    for graph in graphs:
        valid = _PREFIX.fullmatch(graph[:-1]) if graph.endswith("*") and graph != "*" else oxigraph.is_iri(graph)
        if not valid and graph != "*":
            raise BadInput(
                f"“{graph}” is neither the IRI of a graph nor a prefix.",
                remedy="Use the full IRI of a graph, or the beginning of IRIs (with the scheme) followed by *.",
            )
    return None if "*" in graphs else tuple(dict.fromkeys(graphs))


@dataclass(frozen=True, slots=True)
class GraphLimit:
    """Limit on the graphs that a caller may read and write.

    An inferred graph is visible exactly if its article graph is. The graphs of the ontology and of reference facts,
    which depend on no article, are visible to every caller.

    Attributes:
        graphs: exact IRIs, or prefixes that end in ``*``.
        names: IRIs of the dataset.
        bare: whether the dataset has no managed graphs.
    """

    graphs: tuple[str, ...]
    names: Names
    bare: bool = False

    def can_read(self, graph: str) -> bool:
        """Return whether the caller may read a graph."""
        shared = (self.names.ontology_graph, self.names.reference_graph)
        return (not self.bare and graph in shared) or self.can_write(graph)

    def can_write(self, graph: str) -> bool:
        """Return whether the caller may write a graph, if it has the scope: only graphs within the limit itself."""
        names = self.names
        if not self.bare:
            if graph.startswith(names.shadow_prefix):
                return False
            # The limit of an inferred graph is that of its article graph.
            article = graph.removeprefix(names.inferred_graph(""))
            graph = graph if article == graph else names.article_graph(article)
        return any(graph.startswith(it[:-1]) if it.endswith("*") else graph == it for it in self.graphs)


def restricted(
    dataset: QueryDataset, query: query_and_update_analysis.QueryAnalysis, visible: Sequence[str], *, union: bool = True
) -> QueryDataset:
    """Return the dataset of a limited caller's query: the graphs that it names, as far as they are visible.

    The graphs are always listed explicitly, so that the engine ignores FROM in the text. A triple in several of them
    matches several times in the default graph: the engine merges listed graphs as a bag, not as a set.

    Example: if ``urn:a`` and ``urn:b`` are visible, a query with ``FROM <urn:a> FROM <urn:c>`` reads ``urn:a`` only,
    and one without FROM reads the union of both, with both as named graphs.

    Args:
        dataset: the dataset of the request, which overrides that of the text (SPARQL 1.1 Protocol, clause 2.1.4).
        query: analysis of the text, with the same base.
        visible: the graphs that the caller may read.
        union: whether the default graph is the union of ``visible`` if the request names no graphs; otherwise it is
            empty.
    """
    default, named = dataset.default_graphs, dataset.named_graphs
    if not default and not named:
        default, named = query.default_graphs, query.named_graphs
        if not query.has_dataset:  # neither the request nor the text names graphs
            default, named = visible if union else (), visible
    seen = frozenset(visible)
    # Without NOWHERE two empty lists would mean the whole store.
    return replace(
        dataset,
        default_graphs=[graph for graph in default if graph in seen] or [NOWHERE],
        named_graphs=[graph for graph in named if graph in seen],
    )
