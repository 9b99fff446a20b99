"""What the store holds of the links to one dataset, kept in memory, so that a change costs what it changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from rdflib import OWL, RDF, SKOS, URIRef

from kg.iris import Names
from kg.links import linksets, outside_datasets
from kg.links.decision_log import DecisionLog, Judgement, LinkKey, LogEntry
from kg.links.linksets import LinksetExtent, PublishedLink, Triple
from kg.links.outside_datasets import OutsideDataset
from kg.rdf import oxigraph, rdflib_conversion
from kg.store.store_protocols import Reads

T = TypeVar("T", bound=Hashable)

_TYPE = oxigraph.NamedNode(str(RDF.type))
_RECORD = oxigraph.NamedNode(str(OWL.Axiom))


@dataclass
class GraphChange:
    """What a graph holds of what changes, before and after; the rest of the graph stays."""

    before: set[Triple] = field(default_factory=set)
    after: set[Triple] = field(default_factory=set)


class LinksGraphCache:
    """The links to one dataset that are published, and what is rejected.

    Attributes:
        name: of the dataset.
        entries: both, by what they decide about.
        seen: the number of the commit up to which is known which entities there are.
    """

    def __init__(self, names: Names, dataset: OutsideDataset) -> None:
        """Start with nothing."""
        self.name = dataset.name
        self.entries: dict[LinkKey, LogEntry] = {}
        self.seen = -1
        self._names = names
        self._dataset = dataset
        # Two identifiers may name one thing, and two entities be linked to one: then both records say the same.
        self._links: Counter[tuple[str, str, str]] = Counter()
        self._relations: Counter[str] = Counter()
        self._things: Counter[str] = Counter()
        self._days: Counter[str] = Counter()

    @classmethod
    def read(cls, store: Reads, log: DecisionLog, dataset: OutsideDataset) -> LinksGraphCache | None:
        """Learn what is published from the records in the store; ``None`` where the log does not explain all of it.

        Args:
            store: where they are.
            log: as it was when they were written.
            dataset: to which the links lead.
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
        """Publish other entries (``None``: none) about some pairs, and give what changes, by the names of graphs."""
        changes = {graph: GraphChange() for graph in self._graphs()}
        gone = [
            PublishedLink(self.entries[place], self._dataset, self._names) for place in entries if place in self.entries
        ]
        self._tell(gone, {graph: change.before for graph, change in changes.items()})
        for place, entry in entries.items():
            self._put(place, entry)
        come = [PublishedLink(entry, self._dataset, self._names) for entry in entries.values() if entry]
        self._tell(come, {graph: change.after for graph, change in changes.items()})
        changes[self._graphs()[0]].after.update(triple for link in gone for triple in self._said_still(link))
        return changes

    def _graphs(self) -> tuple[str, str]:
        name = self._dataset.name
        return self._names.links_graph(name), self._names.rejected_graph(name)

    def _tell(self, links: list[PublishedLink], graphs: Mapping[str, set[Triple]]) -> None:
        """Add what some of the links that are published now, and the description of all, say in each graph."""
        accepted, rejected = (graphs[graph] for graph in self._graphs())
        accepted.update(self._description())
        for link in links:
            (rejected if link.rejected else accepted).update(link.triples())

    def _description(self) -> Iterator[Triple]:
        if self._links:
            predicates = frozenset(SKOS[relation] for relation in self._relations)
            extent = LinksetExtent(len(self._links), predicates, max(self._days))
            yield from linksets.description(self._names, self._dataset, extent)

    def _is_described(self, store: Reads) -> bool:
        """Tell whether the store has the description of just these links."""
        linkset = URIRef(self._names.linkset(self._dataset.name))
        wanted = rdflib_conversion.from_rdflib(triple for triple in self._description() if triple[0] == linkset)
        found = store.match(oxigraph.NamedNode(str(linkset)), None, None, self._graphs()[0])
        return {quad.triple for quad in found} == oxigraph.canonical(wanted)

    def _said_still(self, link: PublishedLink) -> Iterator[Triple]:
        """Give what a link that went has said beside its record, if another says it, too."""
        if not link.rejected:
            name = self._name(link.entry)
            for triple in link.plain():
                if self._links[name] if triple[1] == link.predicate else self._things[name[2]]:
                    yield triple

    def _put(self, place: LinkKey, entry: LogEntry | None) -> None:
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
        """Name a link as people see it: entity, relation, thing."""
        return entry.key.subject, entry.relation, outside_datasets.iri(self._dataset, entry.key.identifier)


def _count(counts: Counter[T], of: T, by: int) -> None:
    counts[of] += by
    if not counts[of]:
        del counts[of]


def _records(store: Reads, graph: str) -> set[str]:
    """Name the records in a graph."""
    found = store.match(None, _TYPE, _RECORD, graph)
    return {quad.subject.value for quad in found if isinstance(quad.subject, oxigraph.NamedNode)}
