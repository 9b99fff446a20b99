"""Who may do what: the caller of a request, the graphs that it sees, and the dataset that its queries are asked of.

A caller whose graphs are limited sees a dataset of its own: its named graphs are those that the limit lets through,
and its default graph is their union. It is never told of another graph, not even that there is one.
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
from kg.sparql import static_analysis

Scope = Literal["read", "write", "admin"]

SCOPES: tuple[Scope, ...] = ("read", "write", "admin")
"""What may be granted; each includes those before it."""

NOWHERE = "urn:uuid:ffffffff-ffff-ffff-ffff-ffffffffffff"
"""Names no graph (the Max UUID of RFC 9562): a request that lists no graph at all is asked of the whole store."""

_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\x00-\x20<>\"{}|\\^`]*")


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of a request.

    Attributes:
        name: of its token; ``anonymous`` without one.
        scopes: what it may do, each scope with those that it includes; empty for nothing.
        graphs: the graphs that it may read (exact IRIs, or prefixes that end in ``*``); ``None`` for all.
    """

    name: str
    scopes: tuple[Scope, ...]
    graphs: tuple[str, ...] | None = None

    def require(self, scope: Scope) -> None:
        """Let the caller pass if it has a scope.

        Raises:
            Unauthorized: it has shown no token, and needs one.
            InsufficientScope: its token does not reach so far.
        """
        if scope in self.scopes:
            return
        if self.name == ANONYMOUS:
            raise Unauthorized(
                f"{_DOING[scope]} needs a token: send “Authorization: Bearer …”.",
                remedy="Use the token that the server was started with (KG_TOKEN), or one of `kg token create`.",
            )
        raise InsufficientScope(
            f"{_DOING[scope]} needs the scope {scope}, which the token “{self.name}” does not have.",
            remedy=f"Use a token with the scope {scope}.",
            scope=scope,
        )


ANONYMOUS = "anonymous"
"""The name of callers without a token."""

_DOING: dict[Scope, str] = {"read": "Reading", "write": "Writing", "admin": "Administration"}


def scopes_up_to(scope: Scope) -> tuple[Scope, ...]:
    """List a scope with those that it includes.

    >>> scopes_up_to("write")
    ('read', 'write')
    """
    return SCOPES[: SCOPES.index(scope) + 1]


def anonymous(public: str) -> Principal:
    """Make the caller without a token.

    Args:
        public: ``*`` for all graphs, ``none`` for no reading at all, else graph IRIs or prefixes with ``*``, apart by
            white space.

    Raises:
        BadInput: one of them is neither.
    """
    if public.strip() == "none":
        return Principal(ANONYMOUS, (), ())
    return Principal(ANONYMOUS, ("read",), check_graphs(public.split()))


def check_graphs(graphs: Collection[str]) -> tuple[str, ...] | None:
    """Check the graphs of a limit: absolute IRIs, or the beginning of some and ``*``; ``*`` alone is no limit.

    Returns:
        The limit, or ``None`` where there is none.

    Raises:
        BadInput: one of them is neither.
    """
    for graph in graphs:
        right = _PREFIX.fullmatch(graph[:-1]) if graph.endswith("*") and graph != "*" else oxigraph.is_iri(graph)
        if not right and graph != "*":
            raise BadInput(
                f"“{graph}” names no graph.",
                remedy="Give the IRI of a graph in full, or the beginning of IRIs (from their scheme on) and *.",
            )
    return None if "*" in graphs else tuple(dict.fromkeys(graphs))


@dataclass(frozen=True, slots=True)
class GraphLimit:
    """Which graphs of a dataset a limited caller may read, and which of them write.

    What follows from an article is visible with the article, and only with it. Ontology and reference facts say
    nothing of any article: everybody sees them.

    Attributes:
        graphs: exact IRIs, or prefixes that end in ``*``.
        names: the IRIs of the dataset.
        bare: whether the dataset has no graphs of a special meaning.
    """

    graphs: tuple[str, ...]
    names: Names
    bare: bool = False

    def sees(self, graph: str) -> bool:
        """Tell whether a graph may be read."""
        shared = (self.names.ontology_graph, self.names.reference_graph)
        return (not self.bare and graph in shared) or self.covers(graph)

    def covers(self, graph: str) -> bool:
        """Tell whether a graph is within the limit itself; if so, it may also be written."""
        names = self.names
        if not self.bare:
            if graph.startswith(names.shadow_prefix):
                return False
            article = graph.removeprefix(names.inferred_graph(""))
            graph = graph if article == graph else names.article_graph(article)
        return any(graph.startswith(it[:-1]) if it.endswith("*") else graph == it for it in self.graphs)


def restricted(
    dataset: QueryDataset, query: static_analysis.QueryAnalysis, visible: Sequence[str], *, union: bool = True
) -> QueryDataset:
    """Give the dataset that a limited caller's query is asked of: what it names, as far as that is visible.

    The graphs are always listed, so that the engine looks at these and at no FROM of the text. A triple that stands in
    several of them matches several times in the default graph, for the engine has no union of some graphs as a set.

    Args:
        dataset: what the request says; it goes before what the text says (SPARQL 1.1 Protocol, clause 2.1.4).
        query: the text as it was read, with the same base.
        visible: the graphs that the caller sees.
        union: whether the default graph of a request that names none is all of ``visible``; else it is empty.
    """
    default, named = dataset.default_graphs, dataset.named_graphs
    if not default and not named:
        default, named = query.default_graphs, query.named_graphs
        if not query.has_dataset:
            default, named = visible if union else (), visible
    seen = frozenset(visible)
    return replace(
        dataset,
        default_graphs=[graph for graph in default if graph in seen] or [NOWHERE],
        named_graphs=[graph for graph in named if graph in seen],
    )
