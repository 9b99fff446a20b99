"""The log of links in the store and the graphs that follow from it: read once, written at the cost of what changes.

The log is a graph in which each entry is an activity (PROV-O) with its content as JSON (``rdf:value``). Nothing but a
ledger writes it or the graphs of links, so that what a ledger has read once stays so, and only entries with a higher
number are new. What is published follows from the log and from which entities there are; that is looked at anew after
an article was written, for the datasets that a step touches.
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
from kg.links import linksets, outside_datasets
from kg.links.decision_log import HELD, DecisionLog, LinkKey, LogEntry, read
from kg.links.links_graph_cache import LinksGraphCache
from kg.links.outside_datasets import OutsideDataset
from kg.rdf import oxigraph, rdflib_conversion
from kg.store.store import Store

_TYPE = oxigraph.NamedNode(str(RDF.type))
_VALUE = oxigraph.NamedNode(str(RDF.value))
_JSON = oxigraph.NamedNode(str(RDF.JSON))
_TIME = oxigraph.NamedNode(str(XSD.dateTime))
_ACTIVITY = oxigraph.NamedNode(PROV + "Activity")
_ENDED = oxigraph.NamedNode(PROV + "endedAtTime")
_VERSION = oxigraph.NamedNode(PAV + "version")
_FORM = oxigraph.Literal(linksets.FORM)


@dataclass
class _LinkTransaction:
    """What one transaction takes out of graphs and puts into them."""

    removed: dict[str, set[oxigraph.Triple]] = field(default_factory=dict)
    added: dict[str, set[oxigraph.Triple]] = field(default_factory=dict)

    def put(self, graph: str, before: set[oxigraph.Triple], after: set[oxigraph.Triple]) -> None:
        """Change some of what a graph holds."""
        self.removed[graph], self.added[graph] = before - after, after - before

    def follow(self, graph: str, wanted: Collection[linksets.Triple], stored: set[oxigraph.Triple]) -> None:
        """Put what is wanted in place of what is stored, once it was checked.

        Raises:
            Rejected: it breaks a constraint.
        """
        self.put(graph, stored, oxigraph.canonical(linksets.check(wanted, stored)))


class LinksRepository:
    """The log of one store. May be used from any thread."""

    def __init__(self, store: Store) -> None:
        """Keep the log of a store; nothing is read yet."""
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
        """Give the log as it is now; it is others', too, so take entries up in a copy.

        Raises:
            StoreUnavailable: an entry of it is damaged.
        """
        with self._lock:
            version = self._store.version  # before the entries, so that none is missed that comes meanwhile
            if version != self._read_at:
                found = self._later() if self._log.entries else self._all()
                if found:
                    self._log = self._log.copy()
                    for entry in found:
                        self._log.take(entry)
                self._read_at = version
            return self._log

    def _all(self) -> list[LogEntry]:
        found = self._store.match(None, _VALUE, None, self._names.decisions_graph)
        return sorted(_entries(found), key=lambda entry: entry.number)

    def _later(self) -> list[LogEntry]:
        """Read the entries that are not known yet: one transaction's come together, and no number is left out."""
        made: list[LogEntry] = []
        number = self._log.next
        while found := self._entry(number):
            made += found
            number += 1
        return made

    def _entry(self, number: int) -> list[LogEntry]:
        node = oxigraph.NamedNode(self._names.decision(number))
        return _entries(self._store.match(node, _VALUE, None, self._names.decisions_graph))

    # ---- what follows

    def present(self, iri: str) -> bool:
        """Tell whether some article speaks of an entity."""
        found = self._store.match(oxigraph.NamedNode(iri), _TYPE, None)
        return any(self._names.article_of(oxigraph.graph_of(quad)) is not None for quad in found)

    def write(self, log: DecisionLog, made: Sequence[LogEntry], touched: Iterable[str]) -> None:
        """Write new entries, and the links of every dataset that they touch, all or nothing.

        Whoever calls this holds the store (see :meth:`kg.store.store.Store.exclusive`) since the log was read.

        Example: the log says that entity/a is wikidata:Q1, and the new entry that it is not. One transaction then

        - adds the entry to ``…/graph/links/log/decisions``, three triples,
        - removes the link with its record from ``…/graph/links/wikidata``, and, as it was the last one, the description
          of the links to Wikidata,
        - adds the record of the rejection to ``…/graph/links/rejected/wikidata``.

        If no article speaks of entity/a any more when the next entry about Wikidata is written, that step also removes
        the record of the rejection, although no entry says so.

        Args:
            log: with the new entries; it is the ledger's from now on.
            made: the new entries.
            touched: names of datasets.

        Raises:
            Rejected: a link breaks a constraint.
        """
        before, published = self.log(), self._known()
        form = self._form()
        current = [triple.object for triple in form] == [_FORM]
        step = _LinkTransaction()
        if made or (log.entries and not current):
            step.put(self._names.decisions_graph, form, oxigraph.canonical(self._logged(made)))
        # Links in a form of before are not to be trusted in any dataset: then all of them are set whole.
        for name in sorted(touched if current else {*touched, *log.datasets()}):
            dataset = outside_datasets.find(name, self._names, log.datasets())
            state = published.get(name) or (LinksGraphCache.read(self._store, before, dataset) if current else None)
            if state is None:
                self._renew(step, log, dataset)
            else:
                published[name] = state
                self._advance(step, log, state, {entry.key for entry in made if entry.key.dataset == name})
        self._store.change(step.removed, step.added)
        self._published, self._published_at = published, self._store.version
        with self._lock:
            self._log, self._read_at = log, self._store.version

    def _advance(self, step: _LinkTransaction, log: DecisionLog, state: LinksGraphCache, decided: set[LinkKey]) -> None:
        """Change the graphs of a dataset where its links follow from the log no longer.

        Args:
            step: takes the changes up.
            log: with the new entries.
            state: what is published of the dataset; it is as after the step then.
            decided: pairs that the new entries decide about.
        """
        places = set(decided)
        if self._store.written(self._names.article_graph("")) > state.seen:
            # An entity may have come or gone with an article, so every pair of the dataset is looked at.
            places.update(state.entries, log.held(state.name))
        for graph, change in state.change(self._wanted(state, log, places)).items():
            if change.before != change.after:
                step.follow(graph, change.after, oxigraph.canonical(rdflib_conversion.from_rdflib(change.before)))
        state.seen = self._store.version

    def _renew(self, step: _LinkTransaction, log: DecisionLog, dataset: OutsideDataset) -> None:
        """Set the graphs of a dataset whole, as what they hold is not what the log told before."""
        made = linksets.graphs(log, self._names, dataset, functools.cache(self.present))
        for graph, triples in made.items():
            step.follow(graph, triples or (), set(self._store.triples(graph)))

    def _known(self) -> dict[str, LinksGraphCache]:
        """Take out what is known of what is published: a step that fails half-way leaves nothing, and all is well."""
        published, self._published = self._published, {}
        return published if self._store.written(self._names.links_graph("")) <= self._published_at else {}

    def _wanted(
        self, state: LinksGraphCache, log: DecisionLog, places: Iterable[LinkKey]
    ) -> dict[LinkKey, LogEntry | None]:
        """Tell what is to be published of some pairs, where that is not what is."""
        present = functools.cache(self.present)
        wanted: dict[LinkKey, LogEntry | None] = {}
        for place in places:
            before, entry = state.entries.get(place), log.standing(place)
            if entry and not (entry.judgement in HELD and present(place.subject)):
                entry = None
            if (before and before.number) != (entry and entry.number):
                wanted[place] = entry
        return wanted

    def _form(self) -> set[oxigraph.Triple]:
        """Read in which form the graphs of links were written; before there was more than one, nothing said so."""
        found = self._store.match(self._node, _VERSION, None, self._names.decisions_graph)
        return {quad.triple for quad in found}

    def _logged(self, made: Iterable[LogEntry]) -> list[oxigraph.Triple]:
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
    """Read entries of the log.

    Raises:
        StoreUnavailable: one is damaged.
    """
    try:
        return [read(quad.object.value) for quad in found if isinstance(quad.object, oxigraph.Literal)]
    except (ValueError, KeyError, TypeError):
        raise StoreUnavailable("The log of links is damaged.", remedy="Restore a backup.") from None
