"""Template of the seed article: its fixed parts, its slots, and how the slots vary between articles.

The template is the graph that the product itself makes of the seed article, its closure, and the reference facts that
the closure needs. An article of the corpus is that template with other entities, words, dates, classes and
numbers, and without a random part of its claims. Every derived triple remains correct, because

- an event class is only exchanged for another one with the same direct superclasses,
- nested places are exchanged together, as one group,
- a claim is only omitted together with its situations and all triples of either, and only if no other claim and no
  other situation refers to them.

An article generated in this way need not pass the gate (someone may detain nobody); it only serves queries.
"""

from __future__ import annotations

import operator
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import pyoxigraph as ox

from kg.iris import CG, RDF, RDFS, SKOS, XSD, Names
from kg.knowledge_graph import KnowledgeGraph
from tests.configs import configured

BASE = "http://127.0.0.1:8000/"
SEED = "seed"
NAMES = Names(BASE)
_TYPE, _SUBCLASS = RDF + "type", RDFS + "subClassOf"
_PASSAGE = re.compile(r"char=(\d+),(\d+)$")
_WORDED = {RDFS + "label", RDFS + "comment", SKOS + "prefLabel"}
_PARTS = {CG + name for name in ("Claim", "Relation", "Quantity")}
_CONTENT = {CG + "affirms", CG + "denies"}


@dataclass(frozen=True)
class Slot:
    """A place in the template that varies.

    Attributes:
        kind: ``article``, ``entity``, ``passage``, ``class``, ``offset``, ``exact``, ``words``, ``dates``,
            ``confidence``, ``text``, ``sha256`` or ``property`` (a literal of an entity).
        value: what stands there in the seed article (a literal's text, an entity's slug, a class).
        about: the entity's slug, or start and end of the passage, where that matters.
        key: predicate and language of a literal of an entity.
    """

    kind: str
    value: str = ""
    about: str = ""
    key: str = ""


@dataclass(frozen=True)
class Line:
    """One triple of the template.

    Attributes:
        pattern: N-Triples without the final dot, with ``%s`` for each slot.
        pick: selects the values of its slots from the values of all slots.
        named: whether it refers to the article (and so cannot occur in another one).
    """

    pattern: str
    pick: Callable[[list[str]], object]
    named: bool

    def render(self, values: list[str]) -> str:
        """Fill in the slots."""
        return self.pattern % self.pick(values)


@dataclass
class Template:
    """The template, as described in the module.

    Attributes:
        slots: what varies; the values of an article are a list in this order.
        asserted, inferred, reference: the triples of the three graphs.
        original: the same graphs of the seed article as they are, as N-Triples without the dot.
        ontology: likewise.
        entities: class of each entity.
        groups: entities that are exchanged together.
        siblings: classes that may stand for one another.
        loose: what can be left out together: a claim with what it speaks of, or a relation or a quantity.
        users: numbers of the lines (asserted, then inferred) that name a part or a situation.
    """

    slots: list[Slot] = field(default_factory=list)
    asserted: list[Line] = field(default_factory=list)
    inferred: list[Line] = field(default_factory=list)
    reference: list[Line] = field(default_factory=list)
    original: dict[str, list[str]] = field(default_factory=dict)
    entities: dict[str, str] = field(default_factory=dict)
    groups: list[list[str]] = field(default_factory=list)
    siblings: dict[str, list[str]] = field(default_factory=dict)
    loose: list[set[str]] = field(default_factory=list)
    users: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))


def make() -> Template:
    """Make the template from the seed article as the product stores it."""
    graph = KnowledgeGraph.open(configured(base_iri=BASE), in_memory=True)
    graphs: dict[str, list[ox.Quad]] = defaultdict(list)
    for quad in graph.store.quads():
        assert isinstance(quad.graph_name, ox.NamedNode)
        graphs[quad.graph_name.value].append(quad)
    return _Maker(graphs).run()


class _Maker:
    def __init__(self, graphs: dict[str, list[ox.Quad]]) -> None:
        order = (NAMES.article_graph(SEED), NAMES.inferred_graph(SEED), NAMES.reference_graph, NAMES.ontology_graph)
        self.asserted, self.inferred, self.reference, self.ontology = (sorted(graphs[g], key=str) for g in order)
        self.out = Template()
        self.numbers: dict[Slot, int] = {}
        self.contents: dict[str, set[str]] = defaultdict(set)
        """The situation of each claim; relations and quantities have no entry."""

    def run(self) -> Template:
        out = self.out
        self.slot(Slot("article"))
        for name in ("asserted", "inferred", "reference", "ontology"):
            out.original[name] = [f"{q.subject} {q.predicate} {q.object}" for q in getattr(self, name)]
        for quad in self.asserted:
            self.note(quad)
        self.group([*self.asserted, *self.inferred, *self.reference])
        self.out.loose = self.loose()
        self.out.siblings = _siblings(self.ontology)
        out.asserted = [self.line(quad) for quad in self.asserted]
        out.inferred = [self.line(quad) for quad in self.inferred]
        out.reference = [self.line(quad) for quad in self.reference if _slug(quad.subject)]
        for number, quad in enumerate([*self.asserted, *self.inferred]):
            for part in {_local(quad.subject), _local(quad.object)} - {""}:
                out.users[part].append(number)
        return out

    def slot(self, slot: Slot) -> int:
        if slot not in self.numbers:
            self.numbers[slot] = len(self.out.slots)
            self.out.slots.append(slot)
        return self.numbers[slot]

    def note(self, quad: ox.Quad) -> None:
        """Record entities and the claims that can be omitted."""
        if quad.predicate.value == _TYPE and isinstance(quad.object, ox.NamedNode):
            kind = quad.object.value
            if _slug(quad.subject):
                self.out.entities[_slug(quad.subject)] = kind
            elif kind in _PARTS:
                self.contents.setdefault(_local(quad.subject), set())
        if quad.predicate.value in _CONTENT:
            self.contents[_local(quad.subject)].add(_local(quad.object))

    def group(self, quads: Iterable[ox.Quad]) -> None:
        """Group entities that a triple joins directly."""
        home = {slug: slug for slug in self.out.entities}
        for quad in quads:
            one, other = _slug(quad.subject), _slug(quad.object)
            if one in home and other in home:
                old, new = sorted((home[one], home[other]), reverse=True)
                home = {slug: new if root == old else root for slug, root in home.items()}
        members: dict[str, list[str]] = defaultdict(list)
        for slug, root in sorted(home.items()):
            members[root].append(slug)
        self.out.groups = sorted(members.values())

    def loose(self) -> list[set[str]]:
        """Find out what can be left out without a consequence for the rest."""
        near: dict[str, set[str]] = defaultdict(set)
        for quad in self.asserted:
            one, other = _local(quad.subject), _local(quad.object)
            if one and other:
                near[one].add(other)
                near[other].add(one)
        minor = {part for part, about in self.contents.items() if not about}
        found = [{part} for part in sorted(minor)]
        for claim, about in sorted(self.contents.items()):
            if about and all(near[content] - minor <= {claim} for content in about):
                found.append({claim, *about, *(part for content in about for part in near[content] & minor)})
        return found

    def line(self, quad: ox.Quad) -> Line:
        found: list[int] = []
        terms = [self.node(quad.subject, found), str(quad.predicate).replace("%", "%%"), self.object(quad, found)]
        pick: Callable[[list[str]], object] = operator.itemgetter(*found) if found else lambda _: ()
        return Line(" ".join(terms), pick, named=0 in found)

    def node(self, term: object, found: list[int]) -> str:
        assert isinstance(term, ox.NamedNode)
        article = NAMES.article(SEED)
        if slug := _slug(term):
            found.append(self.slot(Slot("entity", slug)))
            return f"<{NAMES.entity('')}%s>"
        if term.value != article and not term.value.startswith(article + "/"):
            return str(term).replace("%", "%%")
        found.append(0)
        rest = term.value.removeprefix(article)
        if passage := _PASSAGE.search(rest):
            found.append(self.slot(Slot("passage", about=f"{passage[1]},{passage[2]}")))
            return f"<{NAMES.article('')}%s/char=%s>"
        return f"<{NAMES.article('')}%s{rest.replace('%', '%%')}>"

    def object(self, quad: ox.Quad, found: list[int]) -> str:
        term, predicate = quad.object, quad.predicate.value
        if isinstance(term, ox.NamedNode):
            if predicate == _TYPE and term.value in self.out.siblings and _local(quad.subject):
                found.append(self.slot(Slot("class", term.value, about=_local(quad.subject))))
                return "<%s>"
            return self.node(term, found)
        assert isinstance(term, ox.Literal)
        slot = _literal_slot(quad, term)
        if slot is None:
            return str(term).replace("%", "%%")
        found.append(self.slot(slot))
        kind = f"@{term.language}" if term.language else f"^^{term.datatype}"
        return '"%s"' + ("" if kind.endswith("#string>") else kind)


def _literal_slot(quad: ox.Quad, term: ox.Literal) -> Slot | None:
    predicate = quad.predicate.value
    if slug := _slug(quad.subject):
        if predicate in _WORDED:
            return Slot("property", term.value, slug, f"{predicate}@{term.language}")
        return None
    name = predicate.removeprefix(CG)
    if name in ("start", "end", "exact"):
        place = _PASSAGE.search(str(quad.subject).strip("<>"))
        assert place
        return Slot("exact" if name == "exact" else "offset", term.value, f"{place[1]},{place[2]}")
    if name in ("text", "sha256"):
        return Slot(name, term.value)
    if name == "extractionConfidence":
        return Slot("confidence", term.value, about=_local(quad.subject))
    if name == "edtf" or term.datatype.value == XSD + "date":
        return Slot("dates", term.value)
    return Slot("words", term.value) if predicate in _WORDED else None


def _slug(term: object) -> str:
    """Return the slug of an entity, or ``None``."""
    prefix = NAMES.entity("")
    return term.value.removeprefix(prefix) if isinstance(term, ox.NamedNode) and term.value.startswith(prefix) else ""


def _local(term: object) -> str:
    """Return the local name of a part of the article that is not a passage, or ``None``."""
    prefix = NAMES.local(SEED, "")
    if not isinstance(term, ox.NamedNode) or not term.value.startswith(prefix) or _PASSAGE.search(term.value):
        return ""
    return term.value.removeprefix(prefix)


def _siblings(ontology: Iterable[ox.Quad]) -> dict[str, list[str]]:
    """Find the kinds of event that have no kinds of their own and the same direct superclasses as another one.

    States are left as they are: each kind has properties of its own.
    """
    parents: dict[str, set[str]] = defaultdict(set)
    for quad in ontology:
        if quad.predicate.value == _SUBCLASS and isinstance(quad.subject, ox.NamedNode):
            parents[quad.subject.value].add(str(quad.object).strip("<>"))
    events, todo = set[str](), {CG + "Event"}
    while todo:
        events |= todo
        todo = {name for name, above in parents.items() if above & todo} - events
    inner = {name for above in parents.values() for name in above}
    alike: dict[frozenset[str], list[str]] = defaultdict(list)
    for name in sorted(events - inner):
        alike[frozenset(parents[name])].append(name)
    return {name: names for names in alike.values() if len(names) > 1 for name in names}


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Split a text into words and separators, each marked as one or the other."""
    for number, piece in enumerate(re.split(r"([^\W\d_]{3,})", text)):
        if piece:
            yield piece, number % 2 == 1
