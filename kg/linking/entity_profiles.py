"""Profiles of linkable entities in the graph: names, places, offices, dates, and entities mentioned nearby.

This module only reads the dataset; :mod:`kg.linking.linker` searches for records.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from kg.iris import CG, OWL, RDFS, SKOS
from kg.rdf import oxigraph
from kg.reference.records import RecordKind, RecordName
from kg.store.store_protocols import Reads

_KINDS: Mapping[str, tuple[RecordKind, ...]] = {
    "Country": (RecordKind.country,),
    "Person": (RecordKind.person,),
    "Outlet": (RecordKind.organisation,),
    "Organization": (RecordKind.organisation,),
    "Polity": (RecordKind.organisation,),
    "Place": (RecordKind.settlement, RecordKind.region, RecordKind.water, RecordKind.other),
    "Group": (RecordKind.organisation,),
    "Agent": (RecordKind.person, RecordKind.organisation),
    "Artefact": (RecordKind.other,),
}
"""Possible kinds of the instances of a class, most likely first; of several classes the first one counts."""

_IDENTIFIERS = {
    "http://www.wikidata.org/entity/": "wikidata",
    "https://www.wikidata.org/wiki/": "wikidata",
    "https://sws.geonames.org/": "geonames",
    "http://sws.geonames.org/": "geonames",
    "https://www.geonames.org/": "geonames",
    "https://www.opensanctions.org/entities/": "opensanctions",
}

# In the queries, the first %s restricts ?e to one entity (or is empty), the second one ?class to the classes above.
_HEAD = f"PREFIX cg: <{CG}> PREFIX rdfs: <{RDFS}> PREFIX owl: <{OWL}> PREFIX skos: <{SKOS}>\n"
_CLASSES = "VALUES ?class { " + " ".join(f"cg:{name}" for name in _KINDS) + " }"
_TYPES = "SELECT DISTINCT ?e ?class { %s %s ?e a ?class }"
_LABELS = "SELECT DISTINCT ?e ?label { %s %s ?e a ?class ; rdfs:label ?label }"
_MENTIONS = """SELECT DISTINCT ?e ?article ?segment ?exact ?name ?start { %s
  ?passage cg:denotes ?e ; cg:exact ?exact ; cg:inArticle ?article ; cg:start ?start .
  OPTIONAL { ?passage cg:inSegment ?segment } OPTIONAL { ?passage cg:namePart/cg:exact ?name }
} ORDER BY ?article ?start"""
_FORMS = """SELECT DISTINCT ?e ?exact ?name {
  ?passage cg:denotes ?e ; cg:exact ?exact . OPTIONAL { ?passage cg:namePart/cg:exact ?name } }"""
_WITHIN = "SELECT DISTINCT ?e ?place { %s ?e cg:within+ ?place FILTER (?place != ?e) }"
_NATIONS = "SELECT DISTINCT ?e ?place { %s ?s a cg:Nationality ; cg:subject ?e ; cg:object ?place }"
_OFFICES = """SELECT DISTINCT ?e ?title ?of ?former ?from ?until { %s
  ?s a cg:OfficeHolding ; cg:subject ?e ; cg:roleName ?title .
  OPTIONAL { ?s cg:object ?of } OPTIONAL { ?s cg:former ?former }
  OPTIONAL { ?s cg:startTime/cg:notBefore ?from } OPTIONAL { ?s cg:endTime/cg:notAfter ?until }
} ORDER BY ?e ?title ?of"""
_DATES = """SELECT ?e (MIN(?day) AS ?from) (MAX(?day) AS ?until) { %s
  { ?s ?role ?e ; ?when ?time . ?time cg:notBefore|cg:notAfter ?day }
  UNION { ?passage cg:denotes ?e ; cg:inArticle/<http://purl.org/dc/terms/issued> ?day }
} GROUP BY ?e"""
# Links of the store itself are excluded, so that the linker does not confirm its own results.
_SAME = """SELECT DISTINCT ?e ?other { %s %s ?e a ?class
  GRAPH ?g { ?e owl:sameAs|skos:exactMatch ?other }
  FILTER (isIRI(?other) && !CONTAINS(STR(?g), "/graph/links/")) }"""


@dataclass(frozen=True, slots=True)
class Office:
    """An office that a person holds or held according to the graph.

    Attributes:
        title: title in the words of the text.
        of: IRI of the organisation or place of the office; empty if unknown.
        former: whether it is stated as a former office.
        start, end: first and last day (ISO 8601); empty if unknown.
    """

    title: str
    of: str = ""
    former: bool = False
    start: str = ""
    end: str = ""


@dataclass(frozen=True, slots=True)
class NameForm:
    """Words that denote an entity: the whole passage, and only the name where the document marks it."""

    exact: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class EntityProfile:
    """One entity with its context in the graph; other entities are referred to by IRI.

    Attributes:
        iri: its IRI.
        kinds: kinds of records that it may be, most likely first.
        labels: its names in all languages.
        forms: distinct words that denote it, in the order of the text.
        within: places that contain it, directly or not.
        nations: places or polities of its nationality.
        offices: offices that it holds or held.
        near: entities mentioned in the same sentences, those of the most sentences first.
        together: entities mentioned in the same articles.
        dates: first and last day (ISO 8601) of its situations and articles; empty if unknown.
        identifiers: identifiers in outside datasets that the graph states, by dataset.
        point: latitude and longitude in degrees.
    """

    iri: str
    kinds: tuple[RecordKind, ...]
    labels: tuple[RecordName, ...] = ()
    forms: tuple[NameForm, ...] = ()
    within: tuple[str, ...] = ()
    nations: tuple[str, ...] = ()
    offices: tuple[Office, ...] = ()
    near: tuple[str, ...] = ()
    together: tuple[str, ...] = ()
    dates: tuple[str, str] = ("", "")
    identifiers: Mapping[str, str] = field(default_factory=dict)
    point: tuple[float, float] | None = None

    @property
    def label(self) -> str:
        """Name to display: its first label, else its first form, else its IRI."""
        return self.labels[0].text if self.labels else self.forms[0].exact if self.forms else self.iri


def read(store: Reads, only: str | None = None) -> list[EntityProfile]:
    """Return the profiles of all linkable entities, sorted by IRI.

    Args:
        store: the dataset; graphs that it does not show to the caller are not read.
        only: IRI of the only entity to return.
    """
    reader = _ProfileReader(store, only)
    passages = _MentionIndex(reader.mentions())
    return [
        replace(
            entity,
            forms=tuple(passages.forms[entity.iri]),
            near=tuple(passages.near(entity.iri)),
            together=tuple(passages.together(entity.iri)),
        )
        for entity in reader.entities()
    ]


def read_alone(store: Reads) -> list[EntityProfile]:
    """Return the same profiles without ``near`` and ``together``, and with sorted forms; much faster."""
    reader = _ProfileReader(store, None)
    forms = reader.forms()
    return [
        replace(entity, forms=tuple(sorted(forms[entity.iri], key=lambda form: (form.exact, form.name))))
        for entity in reader.entities()
    ]


class _ProfileReader:
    """Queries for the attributes of all entities, or of a single one."""

    def __init__(self, store: Reads, only: str | None) -> None:
        self._store = store
        self._values = f"VALUES ?e {{ <{only}> }}" if only and oxigraph.is_iri(only) else ""

    def _rows(self, pattern: str) -> list[dict[str, oxigraph.Term]]:
        return self._store.rows(_HEAD + pattern % ((self._values, _CLASSES)[: pattern.count("%s")]))

    def entities(self) -> list[EntityProfile]:
        """Return the profiles sorted by IRI, without forms and without entities mentioned nearby."""
        kinds, labels, same = self.kinds(), self.labels(), self.identifiers()
        within, nations = self.places(_WITHIN), self.places(_NATIONS)
        offices, dates = self.offices(), self.dates()
        return [
            EntityProfile(
                iri,
                kinds[iri],
                labels=tuple(labels[iri]),
                within=tuple(within[iri]),
                nations=tuple(nations[iri]),
                offices=tuple(offices[iri]),
                dates=dates.get(iri, ("", "")),
                identifiers=same[iri],
            )
            for iri in sorted(kinds)
        ]

    def kinds(self) -> dict[str, tuple[RecordKind, ...]]:
        """Return the possible kinds of each entity."""
        found: dict[str, set[str]] = defaultdict(set)
        for row in self._rows(_TYPES):
            found[_text(row["e"])].add(_text(row["class"]).removeprefix(CG))
        return {iri: next(kinds for name, kinds in _KINDS.items() if name in classes) for iri, classes in found.items()}

    def mentions(self) -> list[dict[str, oxigraph.Term]]:
        """Return the mentions in all articles of the entities, including mentions of other entities."""
        # For one entity: all mentions in the articles that mention it, so that `near` and `together` are complete.
        narrow = self._values.replace("?e", "?it") + " ?mine cg:denotes ?it ; cg:inArticle ?article ."
        return self._store.rows(_HEAD + _MENTIONS % (narrow if self._values else ""))

    def forms(self) -> dict[str, set[NameForm]]:
        """Return the distinct words that denote each entity."""
        found: dict[str, set[NameForm]] = defaultdict(set)
        for row in self._store.rows(_HEAD + _FORMS):
            found[_text(row["e"])].add(NameForm(_text(row["exact"]), _text(row.get("name"))))
        return found

    def labels(self) -> dict[str, list[RecordName]]:
        """Return the labels of each entity; Ukrainian first, as the language of most texts, then by language."""
        found: dict[str, list[RecordName]] = defaultdict(list)
        for row in self._rows(_LABELS):
            literal = row["label"]
            if isinstance(literal, oxigraph.Literal):
                found[_text(row["e"])].append(RecordName(literal.value, literal.language or "", label=True))
        for names in found.values():
            names.sort(key=lambda name: (name.language != "uk", name.language, name.text))
        return found

    def places(self, pattern: str) -> dict[str, list[str]]:
        """Return the sorted IRIs of ``?place`` for each entity."""
        found: dict[str, list[str]] = defaultdict(list)
        for row in self._rows(pattern):
            found[_text(row["e"])].append(_text(row["place"]))
        return defaultdict(list, {iri: sorted(places) for iri, places in found.items()})

    def offices(self) -> dict[str, list[Office]]:
        """Return the offices of each person, sorted by title."""
        found: dict[str, list[Office]] = defaultdict(list)
        for row in self._rows(_OFFICES):
            of, former, start, end = (_text(row.get(name)) for name in ("of", "former", "from", "until"))
            found[_text(row["e"])].append(Office(_text(row["title"]), of, former == "true", start, end))
        return found

    def dates(self) -> dict[str, tuple[str, str]]:
        """Return the first and last day of each entity."""
        return {_text(r["e"]): (_text(r.get("from")), _text(r.get("until"))) for r in self._rows(_DATES) if "e" in r}

    def identifiers(self) -> dict[str, dict[str, str]]:
        """Return the stated identifiers of each entity by dataset, except those of published links."""
        found: dict[str, dict[str, str]] = defaultdict(dict)
        for row in self._rows(_SAME):
            other = _text(row["other"])
            for prefix, dataset in _IDENTIFIERS.items():
                if other.startswith(prefix):
                    found[_text(row["e"])][dataset] = other.removeprefix(prefix).split("/")[0]
        return found


class _MentionIndex:
    """Words that denote each entity, and entities mentioned in the same sentences and articles.

    Attributes:
        forms: words by IRI, in the order of the text.
    """

    def __init__(self, rows: Iterable[Mapping[str, oxigraph.Term]]) -> None:
        forms: dict[str, dict[NameForm, None]] = defaultdict(dict)
        self._members: dict[str, dict[str, None]] = defaultdict(dict)
        self._segments: dict[str, dict[str, None]] = defaultdict(dict)
        self._articles: dict[str, dict[str, None]] = defaultdict(dict)
        for row in rows:
            iri, article, segment = (_text(row.get(name)) for name in ("e", "article", "segment"))
            forms[iri][NameForm(_text(row["exact"]), _text(row.get("name")))] = None
            self._articles[iri][article] = None
            self._members[article][iri] = None
            if segment:
                self._segments[iri][segment] = None
                self._members[segment][iri] = None
        self.forms: dict[str, list[NameForm]] = defaultdict(list, {iri: list(found) for iri, found in forms.items()})

    def near(self, iri: str) -> list[str]:
        """Return the entities mentioned in the same sentences, those of the most sentences first."""
        counts: dict[str, int] = defaultdict(int)
        for segment in self._segments.get(iri, ()):
            for other in self._members[segment]:
                counts[other] += other != iri
        return sorted((other for other, count in counts.items() if count), key=lambda other: (-counts[other], other))

    def together(self, iri: str) -> list[str]:
        """Return the entities mentioned in the same articles, sorted by IRI."""
        return sorted({o for article in self._articles.get(iri, ()) for o in self._members[article] if o != iri})


def _text(term: oxigraph.Term | None) -> str:
    return term.value if isinstance(term, oxigraph.Literal | oxigraph.NamedNode) else ""
