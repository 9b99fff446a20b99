"""Entities of the graph that rows of a table can be matched with, with classes, links and counts.

Only graphs that the caller may read are read, so that an index can be shared by callers with the same permissions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from kg.errors import ClaimgraphError, ResultTooLarge
from kg.iris import CG, RDFS, SKOS, Names
from kg.linking import entity_profiles
from kg.linking.entity_profiles import EntityProfile
from kg.links import outside_datasets
from kg.rdf import oxigraph
from kg.reference.records import RecordName
from kg.store.store_protocols import Reads

MOST = 300_000
"""Maximum number of entities in one index; each uses some kilobytes of memory."""

_HEAD = f"PREFIX cg: <{CG}> PREFIX rdfs: <{RDFS}> PREFIX skos: <{SKOS}>\n"
_TYPES = """SELECT ?type ?label ?super WHERE { GRAPH <%s> {
  VALUES ?type { cg:Agent cg:Artefact cg:Country cg:Group cg:Organization cg:Outlet cg:Person cg:Place cg:Polity }
  ?type rdfs:label ?label . OPTIONAL { ?type rdfs:subClassOf ?super } } }"""
_ITS_TYPES = "SELECT DISTINCT ?e ?type WHERE { VALUES ?type { %s } ?e a ?type }"
_HOW_MANY = "SELECT (COUNT(DISTINCT ?e) AS ?n) WHERE { VALUES ?type { %s } ?e a ?type }"
_COUNTS = """SELECT ?e (COUNT(DISTINCT ?passage) AS ?mentions) (COUNT(DISTINCT ?article) AS ?articles) WHERE {
  ?passage cg:denotes ?e ; cg:inArticle ?article } GROUP BY ?e"""
_LINKS = "SELECT DISTINCT ?e ?g ?other WHERE { GRAPH ?g { ?e skos:exactMatch ?other } FILTER STRSTARTS(STR(?g), '%s') }"
_CLAIMS = """SELECT ?e (COUNT(DISTINCT ?claim) AS ?n) WHERE {
  VALUES ?e { %s } ?situation cg:participant ?e . ?claim cg:affirms|cg:denies ?situation } GROUP BY ?e"""


@dataclass(frozen=True, slots=True)
class EntityType:
    """A class of the vocabulary.

    Attributes:
        name: its local name (``Person``).
        labels: labels by language.
        broader: local names of its direct superclasses.
    """

    name: str
    labels: Mapping[str, str]
    broader: tuple[str, ...] = ()

    @property
    def iri(self) -> str:
        """IRI of the class."""
        return CG + self.name

    def label(self, language: str) -> str:
        """Return the label in a language, else in English, else the local name."""
        return self.labels.get(language) or self.labels.get("en") or self.name


@dataclass(frozen=True, slots=True)
class ReconcilableEntity:
    """One entity that rows can be matched with.

    Attributes:
        entity: its profile.
        types: local names of its classes, narrowest first.
        links: identifiers in outside datasets, by dataset.
        mentions: number of passages that denote it.
        articles: number of articles that mention it.
    """

    entity: EntityProfile
    types: tuple[str, ...]
    links: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    mentions: int = 0
    articles: int = 0

    @property
    def iri(self) -> str:
        """IRI of the entity in the graph."""
        return self.entity.iri

    def named(self, language: str) -> RecordName:
        """Return its name in a language, else its first label, else words that denote it."""
        return next((name for name in self.entity.labels if name.language == language), None) or next(
            iter(self.entity.labels), RecordName(self.entity.label)
        )

    def label(self, language: str) -> str:
        """Return the text of :meth:`named`."""
        return self.named(language).text


def read(store: Reads) -> tuple[list[ReconcilableEntity], dict[str, EntityType]]:
    """Return all entities sorted by IRI, and their possible classes by local name.

    Raises:
        ResultTooLarge: there are more than :data:`MOST` entities.
    """
    types = _types(store)
    wanted = " ".join(f"cg:{name}" for name in types)
    if not types:
        return [], {}
    _refuse_too_many(store.rows(_HEAD + _HOW_MANY % wanted))
    classes: dict[str, set[str]] = defaultdict(set)
    for row in store.rows(_HEAD + _ITS_TYPES % wanted):
        classes[_text(row["e"])].add(_text(row["type"]).removeprefix(CG))
    counts = {
        _text(r["e"]): (_number(r["mentions"]), _number(r["articles"])) for r in store.rows(_HEAD + _COUNTS) if "e" in r
    }
    links = _links(store)
    items = []
    for entity in entity_profiles.read_alone(store):
        found = _narrowest_first(classes[entity.iri], types)
        linked: dict[str, tuple[str, ...]] = {name: (value,) for name, value in entity.identifiers.items()}
        for name, values in links[entity.iri].items():
            linked[name] = tuple(dict.fromkeys((*linked.get(name, ()), *sorted(values))))
        items.append(ReconcilableEntity(entity, found, linked, *counts.get(entity.iri, (0, 0))))
    return items, types


def claims(store: Reads, iris: list[str]) -> dict[str, int]:
    """Return the number of claims about situations in which each of some entities participates."""
    values = " ".join(f"<{iri}>" for iri in iris if oxigraph.is_iri(iri))
    rows = store.rows(_HEAD + _CLAIMS % values) if values else []
    return {_text(row["e"]): _number(row["n"]) for row in rows if "e" in row}


def _refuse_too_many(rows: list[dict[str, oxigraph.Term]]) -> None:
    if (number := _number(rows[0]["n"])) > MOST:
        raise ResultTooLarge(
            f"There are {number:,} entities; the limit for matching tables is {MOST:,}.",
            remedy="Use a token that is limited to some graphs (kg token create --graph).",
        )


def _types(store: Reads) -> dict[str, EntityType]:
    """Return the classes that entities may have, from the graph of the vocabulary."""
    labels: dict[str, dict[str, str]] = defaultdict(dict)
    broader: dict[str, dict[str, None]] = defaultdict(dict)
    for row in store.rows(_HEAD + _TYPES % store.names.ontology_graph):
        name, label, above = _text(row["type"]).removeprefix(CG), row["label"], _text(row.get("super"))
        if isinstance(label, oxigraph.Literal):
            labels[name][label.language or ""] = label.value
        if above.startswith(CG):
            broader[name][above.removeprefix(CG)] = None
    return {
        name: EntityType(name, labels[name], tuple(x for x in broader[name] if x in labels)) for name in sorted(labels)
    }


def _narrowest_first(found: set[str], types: Mapping[str, EntityType]) -> tuple[str, ...]:
    """Return classes and all their superclasses, those with the most superclasses first."""
    # Example: Organization is a subclass of Agent; {Organization} becomes (Organization, Agent).
    above: dict[str, set[str]] = {}
    for name in found:
        above[name], todo = set(), [name]
        while todo:
            new = [wide for wide in types[todo.pop()].broader if wide not in above[name]]
            above[name].update(new)
            todo += new
    everything = {*found, *(wide for wides in above.values() for wide in wides)}
    return tuple(sorted(everything, key=lambda name: (-len(above.get(name, ())), name)))


def _links(store: Reads) -> dict[str, dict[str, set[str]]]:
    """Return the accepted links in the linksets that the caller may read: entity, dataset, identifiers."""
    names, found = store.names, defaultdict[str, dict[str, set[str]]](lambda: defaultdict(set))
    prefix = names.links_graph("")
    for row in store.rows(_HEAD + _LINKS % prefix):
        name = _text(row["g"]).removeprefix(prefix)
        if (identifier := _identifier(name, _text(row["other"]), names)) is not None:
            found[_text(row["e"])][name].add(identifier)
    return found


def _identifier(name: str, iri: str, names: Names) -> str | None:
    """Return the identifier in the IRI of a thing; ``None`` if ``name`` is not a dataset.

    Example: ``Q212`` for ``http://www.wikidata.org/entity/Q212``; other IRIs are their own identifiers.
    """
    try:
        start, _, end = outside_datasets.find(name, names, (name,)).iri.partition("{}")
    except ClaimgraphError:  # the graphs log/… and rejected/…
        return None
    if iri.startswith(start) and iri.endswith(end):
        return unquote(iri.removeprefix(start).removesuffix(end))
    return iri


def _text(term: oxigraph.Term | None) -> str:
    return term.value if isinstance(term, oxigraph.Literal | oxigraph.NamedNode) else ""


def _number(term: oxigraph.Term) -> int:
    return int(_text(term) or 0)
