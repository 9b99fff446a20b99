"""What `kg doctor` asks of a store: that its graphs fit together and that its articles still pass the gate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from kg.errors import ClaimgraphError, StorageFull
from kg.gate.gate import shared_gate
from kg.iris import Names
from kg.maintenance import backup
from kg.rdf import oxigraph
from kg.rdf.rdflib_conversion import to_graph, to_rdflib
from kg.store import directory_metadata
from kg.store.directory_metadata import FILE as META
from kg.store.snapshots import FOLDER as SNAPSHOTS

_EXACT = 2_000_000
"""Quads up to which the union is compared triple by triple without being asked to (some 6 s a million)."""

_DISTINCT = "SELECT (COUNT(*) AS ?n) WHERE { SELECT DISTINCT ?s ?p ?o WHERE { GRAPH ?g { ?s ?p ?o } } }"
_UNION = "SELECT (COUNT(*) AS ?n) WHERE { ?s ?p ?o }"
_LOST = "SELECT (COUNT(*) AS ?n) WHERE { GRAPH ?g { ?s ?p ?o } FILTER NOT EXISTS { ?s ?p ?o } }"
_STALE = "SELECT (COUNT(*) AS ?n) WHERE { ?s ?p ?o FILTER NOT EXISTS { GRAPH ?g { ?s ?p ?o } } }"
_REBUILD = "Restore a backup, or load `kg export --format nquads` of it into a new store; report this as a fault."


class StoreCheck(NamedTuple):
    """What one question to the store found: its name, whether that is a fault, what, and what to do."""

    check: str
    fault: bool
    what: str
    remedy: str = ""


def check_store(data: Path, *, full: bool = False) -> list[StoreCheck]:
    """Examine a copy of the store; a server may go on meanwhile.

    Args:
        data: the data directory.
        full: read every statement, and pass every article through the gate again.
    """
    found: list[StoreCheck] = []
    try:
        known = directory_metadata.read(data / META)
        found.append(StoreCheck("description", False, f"{META} names the base {known['base']}."))
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
    """Give a directory that nobody changes; without room for one, what is there already."""
    try:
        with backup.checkpoint(data) as place:
            yield place / "store"
    except StorageFull:
        yield newest_snapshot(data) or data / "store"


def newest_snapshot(data: Path) -> Path | None:
    """Name the directory of the newest snapshot."""
    number = backup.newest(data)
    return None if number is None else data / SNAPSHOTS / str(number)


def _engine(copy: oxigraph.Engine, *, full: bool) -> Iterator[StoreCheck]:
    graphs = sum(1 for _ in copy.named_graphs())
    if full and (odd := _odd(copy)):
        yield StoreCheck("engine", True, f"The indexes of the engine differ in {odd} places.", _REBUILD)
    else:
        how = "were read" if full else "are there"
        yield StoreCheck("engine", False, f"It opens; {len(copy)} quads in {graphs} named graphs {how}.")


def _odd(copy: oxigraph.Engine) -> int:
    """Read every index, and count where one lacks what another has; each block that is read has its sum checked."""
    pairs, odd = set(), 0
    for quad in copy:
        subject, predicate, thing, graph = quad
        pairs.add((predicate, graph))
        patterns = ((subject, None, thing, graph), (subject, predicate, thing, None), (subject, None, thing, None))
        odd += any(not [*copy.quads_for_pattern(*pattern)] for pattern in patterns)
    for graph_known in (True, False):
        wanted = {(predicate, graph if graph_known else None) for predicate, graph in pairs}
        found = sum(1 for predicate, graph in wanted for _ in copy.quads_for_pattern(None, predicate, None, graph))
        odd += abs(found - len(copy))
    return odd


def _graphs(copy: oxigraph.Engine, names: Names, *, full: bool) -> Iterator[StoreCheck]:
    named = {graph.value for graph in copy.named_graphs() if isinstance(graph, oxigraph.NamedNode)}
    yield from _pairs(named, names)
    left = sorted(graph for graph in named if graph.startswith(names.shadow_prefix))
    if left:
        yield StoreCheck("scratch graphs", True, f"{len(left)} are left over, such as <{left[0]}>.", _REBUILD)
    else:
        yield StoreCheck("scratch graphs", False, "None is left over.")
    yield _union(copy, exact=full or len(copy) <= _EXACT)
    if full:
        yield from _articles(copy, sorted(named), names)


def _pairs(named: set[str], names: Names) -> Iterator[StoreCheck]:
    check = "article graphs"
    prefixes = names.article_graph(""), names.inferred_graph("")
    told, inferred = ({g.removeprefix(p) for g in named if g.startswith(p)} for p in prefixes)
    if odd := sorted(told - inferred):
        remedy = "Send the article again (`kg add`)."
        yield StoreCheck(check, True, f"What follows from it is missing for: {_some(odd)}.", remedy)
    if odd := sorted(inferred - told):
        remedy = "Send the article again (`kg add`), then remove it (`kg remove`) if it is not wanted."
        yield StoreCheck(check, True, f"Something follows from articles that are not there: {_some(odd)}.", remedy)
    if names.ontology_graph not in named:
        yield StoreCheck(
            check, True, "The vocabulary is missing.", "Start `kg serve`, or run `kg info`, which loads it."
        )
    if told == inferred and names.ontology_graph in named:
        yield StoreCheck(check, False, f"Each of {len(told)} has its inferred graph; the vocabulary is there.")


def _union(copy: oxigraph.Engine, *, exact: bool) -> StoreCheck:
    """Compare the default graph with the union of all others (see :mod:`kg.store.store`)."""
    there, wanted = _count(copy, _UNION), _count(copy, _DISTINCT)
    lost, stale = (_count(copy, _LOST), _count(copy, _STALE)) if exact else (0, 0)
    if there == wanted and not lost and not stale:
        how = "triple by triple" if exact else "by number; --full compares each"
        return StoreCheck("union graph", False, f"{there} triples, as in all named graphs together ({how}).")
    what = f"The default graph has {there} triples, all others together {wanted}; {lost} are lost and {stale} stale."
    return StoreCheck("union graph", True, what, _REBUILD)


def _count(copy: oxigraph.Engine, text: str) -> int:
    (row,) = oxigraph.rows(copy, text)
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
        remedy = "See `kg export --format claims` and `kg validate` of each; mend it and send it again."
        yield StoreCheck("articles", True, f"The gate refuses {len(refused)} of {count} now: {_some(refused)}.", remedy)
    else:
        yield StoreCheck("articles", False, f"All {count} pass the gate.")


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
