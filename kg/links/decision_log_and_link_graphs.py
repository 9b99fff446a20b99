"""Repository of the link log and the link graphs in the store, with cached reads and incremental writes.

The log is a graph in which each entry is an activity (PROV-O) with its content as JSON (``rdf:value``). Only
repositories write it and the link graphs, so cached entries stay valid, and only entries with higher numbers are new.
The link graphs follow from the log and from the entities that articles mention; after an article was written, the
existence of entities is checked again for the datasets of a write.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from json import dumps

from rdflib import RDF, XSD

from kg.errors import StoreUnavailable
from kg.iris import PAV, PROV
from kg.links import links_as_rdf, outside_datasets
from kg.links.decision_log_state import HELD, DecisionLog, LinkKey, LogEntry, read
from kg.links.incremental_link_graphs import LinksGraphCache
from kg.links.outside_datasets import OutsideDataset
from kg.rdf import oxigraph, rdflib_conversion
from kg.store.store_protocols import Dataset

_TYPE = oxigraph.NamedNode(str(RDF.type))
_VALUE = oxigraph.NamedNode(str(RDF.value))
_JSON = oxigraph.NamedNode(str(RDF.JSON))
_TIME = oxigraph.NamedNode(str(XSD.dateTime))
_ACTIVITY = oxigraph.NamedNode(PROV + "Activity")
_ENDED = oxigraph.NamedNode(PROV + "endedAtTime")
_VERSION = oxigraph.NamedNode(PAV + "version")
_FORM = oxigraph.Literal(links_as_rdf.FORM)


@dataclass
class _LinkTransaction:
    """Triples that one transaction removes from and adds to graphs.

    Attributes:
        removed, added: triples by graph.
    """

    removed: dict[str, set[oxigraph.Triple]] = field(default_factory=dict)
    added: dict[str, set[oxigraph.Triple]] = field(default_factory=dict)

    def put(self, graph: str, before: set[oxigraph.Triple], after: set[oxigraph.Triple]) -> None:
        """Replace some triples of a graph."""
        self.removed[graph], self.added[graph] = before - after, after - before

    def follow(self, graph: str, wanted: Collection[links_as_rdf.Triple], stored: set[oxigraph.Triple]) -> None:
        """Check the wanted triples of a link graph, and replace the stored ones by them.

        Raises:
            Rejected: they break a constraint.
        """
        self.put(graph, stored, oxigraph.canonical(links_as_rdf.check(wanted, stored)))


class DecisionLogAndLinkGraphs:
    """Link log and link graphs of one store. Thread-safe."""

    def __init__(self, store: Dataset) -> None:
        """Prepare for a store; the log is read on first use."""
        self._store = store
        self._names = store.names
        self._node = oxigraph.NamedNode(self._names.linkset("log"))
        self._lock = threading.Lock()
        self._log = DecisionLog()
        self._read_at = 0
        self._published: dict[str, LinksGraphCache] = {}
        self._published_at = 0

    # ---- the log

    def log(self) -> DecisionLog:
        """Return the current log. It is shared: add entries to a copy only.

        Raises:
            StoreUnavailable: an entry is damaged.
        """
        with self._lock:
            version = self._store.version  # read before the entries, so that later ones are not missed
            if version != self._read_at:
                found = self._read_new() if self._log.entries else self._read_all()
                if found:
                    self._log = self._log.copy()
                    for entry in found:
                        self._log.add(entry)
                self._read_at = version
            return self._log

    def _read_all(self) -> list[LogEntry]:
        found = self._store.match(None, _VALUE, None, self._names.decisions_graph)
        return sorted(_entries(found), key=lambda entry: entry.number)

    def _read_new(self) -> list[LogEntry]:
        """Read entries after the last known one; numbers have no gaps, so the first missing one ends the log."""
        made: list[LogEntry] = []
        number = self._log.next
        while found := self._entry(number):
            made += found
            number += 1
        return made

    def _entry(self, number: int) -> list[LogEntry]:
        node = oxigraph.NamedNode(self._names.decision(number))
        return _entries(self._store.match(node, _VALUE, None, self._names.decisions_graph))

    # ---- the link graphs

    def present(self, iri: str) -> bool:
        """Return whether any article mentions an entity."""
        found = self._store.match(oxigraph.NamedNode(iri), _TYPE, None)
        return any(self._names.article_of(oxigraph.graph_of(quad)) is not None for quad in found)

    def write(self, log: DecisionLog, made: Sequence[LogEntry], touched: Iterable[str]) -> None:
        """Write new entries and the links of the affected datasets in one transaction.

        The caller must have read the log under the lock (:meth:`kg.store.store_protocols.Dataset.exclusive`).

        Example: entity/a is linked to wikidata:Q1, and the new entry rejects the link. The transaction

        - adds the entry to ``…/graph/links/log/decisions``, three triples,
        - removes the link with its record from ``…/graph/links/wikidata``, and, as it was the last one, the description
          of the links to Wikidata,
        - adds the record of the rejection to ``…/graph/links/rejected/wikidata``.

        If no article mentions entity/a any longer at the next write for Wikidata, that write also removes the record of
        the rejection, although no entry requests it.

        Args:
            log: the log with the new entries; the repository owns it from now on.
            made: the new entries.
            touched: names of the affected datasets.

        Raises:
            Rejected: a link breaks a constraint.
        """
        before, published = self.log(), self._taken_caches()
        form = self._form()
        current = [triple.object for triple in form] == [_FORM]
        changes = _LinkTransaction()
        if made or (log.entries and not current):
            changes.put(self._names.decisions_graph, form, oxigraph.canonical(self._logged(made)))
        # Link graphs in an older form are rewritten as a whole, in all datasets.
        for name in sorted(touched if current else {*touched, *log.datasets()}):
            dataset = outside_datasets.find(name, self._names, log.datasets())
            cache = published.get(name) or (LinksGraphCache.read(self._store, before, dataset) if current else None)
            if cache is None:
                self._rewrite(changes, log, dataset)
            else:
                published[name] = cache
                self._update(changes, log, cache, {entry.key for entry in made if entry.key.dataset == name})
        self._store.change(changes.removed, changes.added)
        self._published, self._published_at = published, self._store.version
        with self._lock:
            self._log, self._read_at = log, self._store.version

    def _update(
        self, changes: _LinkTransaction, log: DecisionLog, cache: LinksGraphCache, decided: set[LinkKey]
    ) -> None:
        """Update the graphs of a dataset where they no longer follow from the log.

        Args:
            changes: collects the changes.
            log: the log with the new entries.
            cache: the published links of the dataset; updated as well.
            decided: pairs of the new entries.
        """
        # Only these pairs can have changed, unless an article was written since the cache was updated.
        places = set(decided)
        if self._store.written(self._names.article_graph("")) > cache.seen:
            # An article may have added or removed entities, so every pair of the dataset is checked.
            places.update(cache.entries, log.held(cache.name))
        for graph, change in cache.change(self._wanted(cache, log, places)).items():
            if change.before != change.after:
                changes.follow(graph, change.after, oxigraph.canonical(rdflib_conversion.from_rdflib(change.before)))
        cache.seen = self._store.version

    def _rewrite(self, changes: _LinkTransaction, log: DecisionLog, dataset: OutsideDataset) -> None:
        """Rewrite the graphs of a dataset as a whole, because the earlier log does not explain their content."""
        made = links_as_rdf.graphs(log, self._names, dataset, functools.cache(self.present))
        for graph, triples in made.items():
            changes.follow(graph, triples or (), set(self._store.triples(graph)))

    def _taken_caches(self) -> dict[str, LinksGraphCache]:
        """Return the caches, and forget them until the write succeeds: a failed one may leave them half-updated.

        Caches are dropped if anything else has written a link graph since.
        """
        published, self._published = self._published, {}
        return published if self._store.written(self._names.links_graph("")) <= self._published_at else {}

    def _wanted(
        self, cache: LinksGraphCache, log: DecisionLog, places: Iterable[LinkKey]
    ) -> dict[LinkKey, LogEntry | None]:
        """Return the entries to publish for some pairs (``None``: remove), only where they differ from the cache."""
        present = functools.cache(self.present)
        wanted: dict[LinkKey, LogEntry | None] = {}
        for place in places:
            before, entry = cache.entries.get(place), log.standing(place)
            if entry and not (entry.judgement in HELD and present(place.subject)):
                entry = None
            if (before and before.number) != (entry and entry.number):
                wanted[place] = entry
        return wanted

    def _form(self) -> set[oxigraph.Triple]:
        """Return the triples that state the form of the link graphs; none in stores older than the statement."""
        found = self._store.match(self._node, _VERSION, None, self._names.decisions_graph)
        return {quad.triple for quad in found}

    def _logged(self, made: Iterable[LogEntry]) -> list[oxigraph.Triple]:
        """Return the triples of entries, and of the form of the link graphs."""
        triples = [oxigraph.Triple(self._node, _VERSION, _FORM)]
        for entry in made:
            node = oxigraph.NamedNode(self._names.decision(entry.number))
            text = dumps(entry.to_json(), ensure_ascii=False, sort_keys=True)
            triples += [
                oxigraph.Triple(node, _TYPE, _ACTIVITY),
                oxigraph.Triple(node, _ENDED, oxigraph.Literal(entry.time, datatype=_TIME)),
                oxigraph.Triple(node, _VALUE, oxigraph.Literal(text, datatype=_JSON)),
            ]
        return triples


def _entries(found: Iterable[oxigraph.Quad]) -> list[LogEntry]:
    """Parse entries of the log.

    Raises:
        StoreUnavailable: one is damaged.
    """
    try:
        return [read(quad.object.value) for quad in found if isinstance(quad.object, oxigraph.Literal)]
    except (ValueError, KeyError, TypeError):
        raise StoreUnavailable("The log of links is damaged.", remedy="Restore a backup.") from None
