"""In-memory cache of the link graphs of one dataset, so that the cost of a change depends on its size alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from rdflib import OWL, RDF, SKOS, URIRef

from kg.iris import Names
from kg.links import links_as_rdf, outside_datasets
from kg.links.decision_log_state import DecisionLog, Judgement, LinkKey, LogEntry
from kg.links.links_as_rdf import LinksetExtent, PublishedLink, Triple
from kg.links.outside_datasets import OutsideDataset
from kg.rdf import oxigraph, rdflib_conversion
from kg.store.store_protocols import Reads

T = TypeVar("T", bound=Hashable)

_TYPE = oxigraph.NamedNode(str(RDF.type))
_RECORD = oxigraph.NamedNode(str(OWL.Axiom))


@dataclass
class GraphChange:
    """Affected triples of a graph before and after a change; other triples stay."""

    before: set[Triple] = field(default_factory=set)
    after: set[Triple] = field(default_factory=set)


class LinksGraphCache:
    """The published links and rejections of one dataset.

    Attributes:
        name: name of the dataset.
        entries: entries of both, by pair of entity and record.
        seen: number of the last commit for which the existence of the entities was checked.
    """

    def __init__(self, names: Names, dataset: OutsideDataset) -> None:
        """Start without links."""
        self.name = dataset.name
        self.entries: dict[LinkKey, LogEntry] = {}
        self.seen = -1
        self._names = names
        self._dataset = dataset
        # Counters, because several links can have the same triple: two identifiers may have one IRI, and two entities
        # may be linked to one thing. A triple is removed with the last link that has it.
        self._links: Counter[tuple[str, str, str]] = Counter()
        self._relations: Counter[str] = Counter()
        self._things: Counter[str] = Counter()
        self._days: Counter[str] = Counter()

    @classmethod
    def read(cls, store: Reads, log: DecisionLog, dataset: OutsideDataset) -> LinksGraphCache | None:
        """Restore the cache from the SSSOM records in the store; ``None`` if the log does not explain all of them.

        Args:
            store: the store with the link graphs.
            log: the log as it was when they were written.
            dataset: the dataset of the links.
        """
        made = cls(store.names, dataset)
        found = {graph: _records(store, graph) for graph in made._graphs()}
        accepted, rejected = (found[graph] for graph in made._graphs())
        for place, entry in log.held(dataset.name).items():
            records = rejected if entry.judgement is Judgement.negative else accepted
            record = store.names.link(place.dataset, place.identifier, place.subject)
            if record in records:
                records.discard(record)
                made._put(place, entry)
        explained = not accepted and not rejected and made._is_described(store)
        return made if explained else None

    def change(self, entries: Mapping[LinkKey, LogEntry | None]) -> dict[str, GraphChange]:
        """Replace the entries of some pairs (``None`` removes one), and return the changes by graph."""
        changes = {graph: GraphChange() for graph in self._graphs()}
        removed = [
            PublishedLink(self.entries[place], self._dataset, self._names) for place in entries if place in self.entries
        ]
        self._add_triples(removed, {graph: change.before for graph, change in changes.items()})
        for place, entry in entries.items():
            self._put(place, entry)
        added = [PublishedLink(entry, self._dataset, self._names) for entry in entries.values() if entry]
        self._add_triples(added, {graph: change.after for graph, change in changes.items()})
        changes[self._graphs()[0]].after.update(triple for link in removed for triple in self._still_stated(link))
        return changes

    def _graphs(self) -> tuple[str, str]:
        """Return the names of the graphs of accepted links and of rejections."""
        name = self._dataset.name
        return self._names.links_graph(name), self._names.rejected_graph(name)

    def _add_triples(self, links: list[PublishedLink], graphs: Mapping[str, set[Triple]]) -> None:
        """Add the triples of some links, and the current description of all, to the sets of their graphs."""
        accepted, rejected = (graphs[graph] for graph in self._graphs())
        accepted.update(self._description())
        for link in links:
            (rejected if link.rejected else accepted).update(link.triples())

    def _description(self) -> Iterator[Triple]:
        """Yield the VoID description of the accepted links, if there are any."""
        if self._links:
            predicates = frozenset(SKOS[relation] for relation in self._relations)
            extent = LinksetExtent(len(self._links), predicates, max(self._days))
            yield from links_as_rdf.description(self._names, self._dataset, extent)

    def _is_described(self, store: Reads) -> bool:
        """Return whether the store has the description of exactly these links."""
        linkset = URIRef(self._names.linkset(self._dataset.name))
        wanted = rdflib_conversion.from_rdflib(triple for triple in self._description() if triple[0] == linkset)
        found = store.match(oxigraph.NamedNode(str(linkset)), None, None, self._graphs()[0])
        return {quad.triple for quad in found} == oxigraph.canonical(wanted)

    def _still_stated(self, link: PublishedLink) -> Iterator[Triple]:
        """Yield the triples of a removed link, without its record, that another link still states."""
        if not link.rejected:
            name = self._name(link.entry)
            for triple in link.plain():
                if self._links[name] if triple[1] == link.predicate else self._things[name[2]]:
                    yield triple

    def _put(self, place: LinkKey, entry: LogEntry | None) -> None:
        """Replace the entry of a pair, and update the counters."""
        before = self.entries.pop(place, None)
        for changed, by in ((before, -1), (entry, 1)):
            if changed and changed.judgement is Judgement.positive:
                name = self._name(changed)
                _count(self._links, name, by)
                _count(self._relations, name[1], by)
                _count(self._things, name[2], by)
                _count(self._days, changed.time[:10], by)
        if entry:
            self.entries[place] = entry

    def _name(self, entry: LogEntry) -> tuple[str, str, str]:
        """Return a link without its record: IRI of the entity, relation, IRI of the thing."""
        return entry.key.subject, entry.relation, outside_datasets.iri(self._dataset, entry.key.identifier)


def _count(counts: Counter[T], of: T, by: int) -> None:
    """Change a count, and remove it at 0, so that the keys of a counter are the things that exist."""
    counts[of] += by
    if not counts[of]:
        del counts[of]


def _records(store: Reads, graph: str) -> set[str]:
    """Return the IRIs of the SSSOM records in a graph."""
    found = store.match(None, _TYPE, _RECORD, graph)
    return {quad.subject.value for quad in found if isinstance(quad.subject, oxigraph.NamedNode)}
