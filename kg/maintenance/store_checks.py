"""Checks of a store for ``kg doctor``: the engine, the consistency of the graphs, and the articles against the gate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from kg.errors import ClaimgraphError, StorageFull
from kg.gate.gate import shared_gate
from kg.iris import Names
from kg.maintenance import backup
from kg.rdf import oxigraph, oxigraph_queries
from kg.rdf.rdflib_conversion import to_graph, to_rdflib
from kg.store import directory_metadata
from kg.store.directory_metadata import FILE as META
from kg.store.snapshots import FOLDER as SNAPSHOTS

_EXACT = 2_000_000
"""Quads up to which the union is compared triple by triple even without ``--full`` (about 6 s per million)."""

_DISTINCT = (
    "SELECT (COUNT(*) AS ?n) WHERE { SELECT DISTINCT ?s ?p ?o WHERE { GRAPH ?g { ?s ?p ?o } FILTER(isIRI(?g)) } }"
)
_UNION = "SELECT (COUNT(*) AS ?n) WHERE { ?s ?p ?o }"
_LOST = "SELECT (COUNT(*) AS ?n) WHERE { GRAPH ?g { ?s ?p ?o } FILTER(isIRI(?g)) FILTER NOT EXISTS { ?s ?p ?o } }"
_STALE = "SELECT (COUNT(*) AS ?n) WHERE { ?s ?p ?o FILTER NOT EXISTS { GRAPH ?g { ?s ?p ?o } FILTER(isIRI(?g)) } }"
_UNNAMED = "SELECT (COUNT(*) AS ?n) WHERE { GRAPH ?g { ?s ?p ?o } FILTER(isBlank(?g)) }"
_REMOVE_UNNAMED = (
    "Run the update `DELETE { GRAPH ?g { ?s ?p ?o } } WHERE { GRAPH ?g { ?s ?p ?o } FILTER(isBlank(?g)) }`."
)
_REBUILD = "Restore a backup, or load its `kg export --format nquads` into a new store; report this as a bug."


class StoreCheck(NamedTuple):
    """Result of one check of the store.

    Attributes:
        check: name of the check.
        fault: whether the result is a fault.
        what: description of the result.
        remedy: advice; empty if there is no fault.
    """

    check: str
    fault: bool
    what: str
    remedy: str = ""


def check_store(data: Path, *, full: bool = False) -> list[StoreCheck]:
    """Check a copy of the store, which a server may be using.

    A ``full`` check reads every statement and checks every article with the gate.
    """
    found: list[StoreCheck] = []
    try:
        known = directory_metadata.read(data / META)
        found.append(StoreCheck("description", False, f"{META} states the base {known['base']}."))
        with _copy(data) as directory:
            copy = oxigraph.open_snapshot(directory)
            found += _engine(copy, full=full)
            if not known["bare"]:
                found += _graphs(copy, Names(str(known["base"])), full=full)
            del copy
    except ClaimgraphError as error:
        found.append(StoreCheck("engine", True, error.message, error.remedy))
    except (OSError, RuntimeError):
        found.append(
            StoreCheck("engine", True, "A file of the engine is damaged.", "Restore a backup; check the disk.")
        )
    return found


@contextmanager
def _copy(data: Path) -> Iterator[Path]:
    """Yield a directory with an immutable copy of the engine's files; if the disk is full, an existing one."""
    try:
        with backup.checkpoint(data) as place:
            yield place / "store"
    except StorageFull:
        yield newest_snapshot(data) or data / "store"


def newest_snapshot(data: Path) -> Path | None:
    """Return the directory of the newest snapshot; ``None`` if there is none."""
    number = backup.newest_snapshot_number(data)
    return None if number is None else data / SNAPSHOTS / str(number)


def _engine(copy: oxigraph.Engine, *, full: bool) -> Iterator[StoreCheck]:
    graphs = sum(1 for _ in copy.named_graphs())
    if full and (differences := _count_index_differences(copy)):
        yield StoreCheck("engine", True, f"The indexes of the engine differ in {differences} places.", _REBUILD)
    else:
        how = "every quad was read" if full else "--full reads every quad"
        yield StoreCheck("engine", False, f"It opens, with {len(copy)} quads in {graphs} named graphs ({how}).")
    if count := _count(copy, _UNNAMED):  # earlier versions let an update make them
        what = f"{count} quads are in graphs named by blank nodes, which only queries can see."
        yield StoreCheck("graph names", True, what, _REMOVE_UNNAMED)


def _count_index_differences(copy: oxigraph.Engine) -> int:
    """Read every index and return the number of quads that one index has and another lacks.

    The engine chooses the index by the terms of a pattern that are bound: each pattern below forces another index. It
    also verifies the checksum of each block that it reads.
    """
    pairs, differences = set(), 0
    for quad in copy:
        subject, predicate, thing, graph = quad
        pairs.add((predicate, graph))
        patterns = ((subject, None, thing, graph), (subject, predicate, thing, None), (subject, None, thing, None))
        differences += any(not [*copy.quads_for_pattern(*pattern)] for pattern in patterns)
    for graph_known in (True, False):
        wanted = {(predicate, graph if graph_known else None) for predicate, graph in pairs}
        found = sum(1 for predicate, graph in wanted for _ in copy.quads_for_pattern(None, predicate, None, graph))
        differences += abs(found - len(copy))
    return differences


def _graphs(copy: oxigraph.Engine, names: Names, *, full: bool) -> Iterator[StoreCheck]:
    named = {graph.value for graph in copy.named_graphs() if isinstance(graph, oxigraph.NamedNode)}
    yield from _article_graphs(named, names)
    left = sorted(graph for graph in named if graph.startswith(names.shadow_prefix))
    if left:
        yield StoreCheck("scratch graphs", True, f"{len(left)} were not removed, such as <{left[0]}>.", _REBUILD)
    else:
        yield StoreCheck("scratch graphs", False, "All were removed.")
    yield _union(copy, exact=full or len(copy) <= _EXACT)
    if full:
        yield from _articles(copy, sorted(named), names)


def _article_graphs(named: set[str], names: Names) -> Iterator[StoreCheck]:
    check = "article graphs"
    prefixes = names.article_graph(""), names.inferred_graph("")
    articles, inferred = ({g.removeprefix(p) for g in named if g.startswith(p)} for p in prefixes)
    if missing := sorted(articles - inferred):
        remedy = "Send the article again (`kg add`)."
        yield StoreCheck(check, True, f"The inferred graph is missing for: {_first_few(missing)}.", remedy)
    if orphaned := sorted(inferred - articles):
        remedy = "Send the article again (`kg add`), then remove it (`kg remove`) if it is not wanted."
        yield StoreCheck(check, True, f"There are inferred graphs of missing articles: {_first_few(orphaned)}.", remedy)
    if names.ontology_graph not in named:
        yield StoreCheck(
            check, True, "The vocabulary is missing.", "Start `kg serve`, or run `kg info`, which loads it."
        )
    if articles == inferred and names.ontology_graph in named:
        yield StoreCheck(check, False, f"All {len(articles)} have their inferred graphs; the vocabulary is present.")


def _union(copy: oxigraph.Engine, *, exact: bool) -> StoreCheck:
    """Compare the stored default graph with the union of all named graphs (see :mod:`kg.store.store`)."""
    there, wanted = _count(copy, _UNION), _count(copy, _DISTINCT)
    lost, stale = (_count(copy, _LOST), _count(copy, _STALE)) if exact else (0, 0)
    if there == wanted and not lost and not stale:
        how = "compared triple by triple" if exact else "compared by number; --full compares each"
        return StoreCheck("union graph", False, f"{there} triples, as in the union of all named graphs ({how}).")
    what = f"The default graph has {there} triples, the union of the others {wanted}: {lost} missing, {stale} stale."
    return StoreCheck("union graph", True, what, _REBUILD)


def _count(copy: oxigraph.Engine, text: str) -> int:
    (row,) = oxigraph_queries.rows(copy, text)
    return int(str(to_rdflib(row["n"])))


def _articles(copy: oxigraph.Engine, named: list[str], names: Names) -> Iterator[StoreCheck]:
    gate, refused, count = shared_gate(), [], 0
    for graph in named:
        article = names.article_of(graph)
        if article is None:
            continue
        count += 1
        quads = copy.quads_for_pattern(None, None, None, oxigraph.NamedNode(graph))
        report = gate.check_graph(to_graph(quad.triple for quad in quads))
        if not report.conforms:
            refused.append(f"{article} ({', '.join(sorted({result.constraint for result in report.violations}))})")
    if refused:
        remedy = "Run `kg export --format claims` and `kg validate` for each; correct it and send it again."
        what = f"{len(refused)} of {count} do not pass the gate: {_first_few(refused)}."
        yield StoreCheck("articles", True, what, remedy)
    else:
        yield StoreCheck("articles", False, f"All {count} pass the gate.")


def _first_few(names: list[str]) -> str:
    """Return the first five names and the number of the others: ``a, b, c, d, e and 2 more``."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
