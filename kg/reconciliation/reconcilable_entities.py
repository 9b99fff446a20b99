"""What tables of others may be matched against: the entities of the graph, with their classes, links and counts.

What a caller may not see of the dataset is not read, so that an index of it can be shown to whoever sees the same.
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
"""Entities that one index may hold; each takes some kilobytes of memory."""

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
    """A class of things, by its local name in the vocabulary.

    Attributes:
        name: ``Person``, …
        labels: by language.
        broader: the classes that it is a part of, one step up.
    """

    name: str
    labels: Mapping[str, str]
    broader: tuple[str, ...] = ()

    @property
    def iri(self) -> str:
        """The class."""
        return CG + self.name

    def label(self, language: str) -> str:
        """What to call it before a person."""
        return self.labels.get(language) or self.labels.get("en") or self.name


@dataclass(frozen=True, slots=True)
class ReconcilableEntity:
    """One entity that rows may be matched with.

    Attributes:
        entity: what the graph says of it.
        types: local names of its classes, the narrowest first.
        links: identifiers in outside datasets, by the names of these.
        mentions, articles: how many passages denote it, in how many articles.
    """

    entity: EntityProfile
    types: tuple[str, ...]
    links: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    mentions: int = 0
    articles: int = 0

    @property
    def iri(self) -> str:
        """Its IRI, by which SPARQL knows it, too."""
        return self.entity.iri

    def named(self, language: str) -> RecordName:
        """Give its name in a language, else its first label, else words that denote it."""
        return next((name for name in self.entity.labels if name.language == language), None) or next(
            iter(self.entity.labels), RecordName(self.entity.label)
        )

    def label(self, language: str) -> str:
        """What to call it before a person."""
        return self.named(language).text


def read(store: Reads) -> tuple[list[ReconcilableEntity], dict[str, EntityType]]:
    """Read all entities, sorted by IRI, and the classes that they may have.

    Raises:
        ResultTooLarge: there are more than :data:`MOST`.
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
    """Count the claims about situations in which each of some entities takes part."""
    values = " ".join(f"<{iri}>" for iri in iris if oxigraph.is_iri(iri))
    rows = store.rows(_HEAD + _CLAIMS % values) if values else []
    return {_text(row["e"]): _number(row["n"]) for row in rows if "e" in row}


def _refuse_too_many(rows: list[dict[str, oxigraph.Term]]) -> None:
    if (number := _number(rows[0]["n"])) > MOST:
        raise ResultTooLarge(
            f"There are {number:,} entities, and tables are matched against {MOST:,} at most.",
            remedy="Use a token that is limited to some graphs (kg token create --graph).",
        )


def _types(store: Reads) -> dict[str, EntityType]:
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
    """Order classes by how many of the others they are a part of, and add those that they are a part of."""
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
    """Read the accepted links of the linksets that the caller sees."""
    names, found = store.names, defaultdict[str, dict[str, set[str]]](lambda: defaultdict(set))
    prefix = names.links_graph("")
    for row in store.rows(_HEAD + _LINKS % prefix):
        name = _text(row["g"]).removeprefix(prefix)
        if (identifier := _identifier(name, _text(row["other"]), names)) is not None:
            found[_text(row["e"])][name].add(identifier)
    return found


def _identifier(name: str, iri: str, names: Names) -> str | None:
    """Take the identifier out of the IRI of a thing of a dataset."""
    try:
        start, _, end = outside_datasets.find(name, names, (name,)).iri.partition("{}")
    except ClaimgraphError:  # log/… and rejected/… are no datasets
        return None
    if iri.startswith(start) and iri.endswith(end):
        return unquote(iri.removeprefix(start).removesuffix(end))
    return iri


def _text(term: oxigraph.Term | None) -> str:
    return term.value if isinstance(term, oxigraph.Literal | oxigraph.NamedNode) else ""


def _number(term: oxigraph.Term) -> int:
    return int(_text(term) or 0)
