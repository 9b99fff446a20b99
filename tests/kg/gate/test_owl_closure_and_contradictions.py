"""OWL reasoner: the closure is that of OWL 2 RL, and every inferred triple has a derivation."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence

import owlrl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from rdflib import OWL, RDF, RDFS, BNode, Graph, Literal, URIRef
from rdflib.collection import Collection
from rdflib.term import Node

from kg.articles.statement_explanations import shorten
from kg.document.document_model import Document
from kg.document.document_rdf_conversion import to_graph
from kg.errors import TooLarge
from kg.gate.gate import shared_gate, vocabulary
from kg.gate.owl_closure_and_contradictions import (
    ERROR,
    Atom,
    Closure,
    Derivation,
    Reasoner,
    Triple,
    compile_rules,
    reference_closure,
)
from kg.iris import CODE
from kg.rdf.rdflib_conversion import cg
from tests.cases.graphs import NAMES, SEED, small_graph

AXIOMS = {
    "cg:accordingTo": ["cg:affirmedBy ∘ cg:attributedTo ⊑ cg:accordingTo"],
    "cg:actor": ["cg:reporter ⊑ cg:actor"],
    "cg:affirmedBy": ["cg:affirms ≡ cg:affirmedBy⁻"],
    "cg:after": ["cg:before ≡ cg:after⁻"],
    "cg:attributedTo": ["cg:originatesIn ∘ cg:reporter ⊑ cg:attributedTo"],
    "cg:before": ["cg:before is transitive", "cg:before ≡ cg:after⁻"],
    "cg:causes": ["cg:causedBy ≡ cg:causes⁻"],
    "cg:conflictsWith": ["cg:conflictsWith is symmetric"],
    "cg:contentOf": ["cg:hasContent ≡ cg:contentOf⁻"],
    "cg:deniedBy": ["cg:denies ≡ cg:deniedBy⁻"],
    "cg:hasContent": ["cg:affirms ⊑ cg:hasContent", "cg:denies ⊑ cg:hasContent"],
    "cg:hasResponse": ["cg:respondsTo ≡ cg:hasResponse⁻"],
    "cg:indirectlyCausedBy": ["cg:causedBy ⊑ cg:indirectlyCausedBy"],
    "cg:mentionedIn": ["cg:contentOf ∘ cg:quotedIn ∘ cg:inArticle ⊑ cg:mentionedIn"],
    "cg:occurredWithin": ["cg:occurredWithin ∘ cg:within ⊑ cg:occurredWithin", "cg:place ⊑ cg:occurredWithin"],
    "cg:participant": [
        "cg:actor ⊑ cg:participant",
        "cg:affected ⊑ cg:participant",
        "cg:recipient ⊑ cg:participant",
        "cg:subject ⊑ cg:participant",
    ],
    "cg:participatesIn": ["cg:participant ≡ cg:participatesIn⁻"],
    "cg:passedThrough": ["cg:originatesIn ∘ cg:relayedByTransitively ∘ cg:reporter ⊑ cg:passedThrough"],
    "cg:relayedBy": ["cg:relayedBy ≡ cg:relays⁻"],
    "cg:relayedByTransitively": ["cg:relayedBy ⊑ cg:relayedByTransitively", "cg:relayedByTransitively is transitive"],
    "cg:relaysTransitively": ["cg:relays ⊑ cg:relaysTransitively", "cg:relaysTransitively is transitive"],
    "cg:responseToRequestOf": ["cg:respondsTo ∘ cg:actor ⊑ cg:responseToRequestOf"],
    "cg:sameIncidentAs": ["cg:sameIncidentAs is symmetric", "cg:sameIncidentAs is transitive"],
    "cg:within": ["cg:within is transitive"],
    "gaf:denotes": ["cg:denotes ⊑ gaf:denotes"],
    "prov:wasAttributedTo": ["cg:attributedTo ⊑ prov:wasAttributedTo"],
    "a cg:AffirmedSituation": ["∃cg:affirmedBy.cg:Claim ⊑ cg:AffirmedSituation"],
    "a cg:RefusedRequest": ["cg:Request ⊓ ∃cg:hasResponse.cg:Refusal ⊑ cg:RefusedRequest"],
    "a cg:ReportedFact": ["∃cg:affirmedBy.cg:Claim ⊓ (cg:modality = code:actual) ⊑ cg:ReportedFact"],
    "a cg:Polity": ["cg:Country ⊑ cg:Polity"],
    "a cg:Place": ["cg:Country ⊑ cg:Place"],
    "a cg:Organization": ["cg:Outlet ⊑ cg:Organization"],
    "a cg:Situation": ["cg:Event ⊑ cg:Situation", "cg:State ⊑ cg:Situation"],
    "a schema:NewsArticle": ["cg:Article ⊑ schema:NewsArticle"],
}
"""What gives each kind of triple that is inferred from the seed (of the plain classes, some)."""


@pytest.fixture(scope="module")
def ontology() -> Graph:
    return vocabulary()


@pytest.fixture(scope="module")
def reasoner() -> Reasoner:
    return shared_gate().reasoner


@pytest.fixture(scope="module")
def facts() -> Graph:
    return to_graph(Document.model_validate_json(SEED), NAMES).graph


@pytest.fixture(scope="module")
def closure(reasoner: Reasoner, facts: Graph) -> Closure:
    return reasoner.close(facts)


def kind(triple: Triple) -> str:
    _, p, o = triple
    name = f"a {shorten(o)}" if p == RDF.type else shorten(p)
    return name.replace("http://groundedannotationframework.org/gaf#", "gaf:")


@pytest.mark.slow
def test_the_closure_of_the_seed_is_the_reference_closure(ontology: Graph, facts: Graph, closure: Closure) -> None:
    assert set(closure.derivations) == reference_closure(ontology, facts)
    assert closure.clashes == ()


def test_nothing_asserted_is_inferred_again(facts: Graph, closure: Closure) -> None:
    assert not closure.derivations.keys() & set(facts)


@pytest.mark.parametrize("name", AXIOMS)
def test_which_axiom_gives_which_triples(name: str, closure: Closure) -> None:
    axioms = {d.rule.axiom for triple, d in closure.derivations.items() if kind(triple) == name}
    assert axioms == set(AXIOMS[name])


def test_the_table_names_every_kind_of_triple(closure: Closure) -> None:
    inferred = {kind(triple): derivation.rule.name for triple, derivation in closure.derivations.items()}
    assert {name for name, rule in inferred.items() if rule != "cax-sco"} <= AXIOMS.keys() <= inferred.keys()


def bind(atom: Atom, triple: Triple, binding: dict[str, object]) -> None:
    for term, node in zip(atom, triple, strict=True):
        if type(term) is str:
            assert binding.setdefault(term, node) == node
        else:
            assert term == node


def test_each_derivation_is_an_instance_of_its_rule(closure: Closure) -> None:
    for triple, derivation in closure.derivations.items():
        binding: dict[str, object] = {}
        assert derivation.rule.head is not None
        for atom, premise in zip(derivation.rule.body, derivation.premises, strict=True):
            bind(atom, premise, binding)
        bind(derivation.rule.head, triple, binding)


def test_premises_are_asserted_or_derived_earlier(facts: Graph, closure: Closure) -> None:
    known = set(facts)
    for triple, derivation in closure.derivations.items():
        assert known.issuperset(derivation.premises)
        known.add(triple)


def test_a_closure_is_closed(reasoner: Reasoner, facts: Graph, closure: Closure) -> None:
    assert reasoner.close([*facts, *closure.derivations]).derivations == {}


def clashing(clash: Derivation) -> tuple[str, frozenset[str]]:
    nodes, classes = {str(premise[0]) for premise in clash.premises}, {str(premise[2]) for premise in clash.premises}
    assert len(nodes) == 1
    return nodes.pop(), frozenset(classes)


def reference_clashes(ontology: Graph, facts: Graph) -> set[tuple[str, frozenset[str]]]:
    both = ontology + facts
    owlrl.DeductiveClosure(owlrl.OWLRL_Semantics).expand(both)
    texts = [str(text) for text in both.objects(None, ERROR)]
    found = [re.fullmatch(r"Disjoint classes (\S+) and (\S+) have a common individual (\S+)", text) for text in texts]
    assert all(found)
    return {(match[3], frozenset((match[1], match[2]))) for match in found if match}


def test_both_engines_find_the_same_clashes(ontology: Graph, reasoner: Reasoner) -> None:
    classes = ["Person", "Outlet", "Group", "Country", "Death", "Claim", "Mention", "Article", "TimeSpan", "Place"]
    facts = Graph()
    for one, other in itertools.combinations(classes, 2):
        node = URIRef(f"https://news.example/{one}-{other}")
        facts.add((node, RDF.type, cg(one)))
        facts.add((node, RDF.type, cg(other)))
    found = {clashing(clash) for clash in reasoner.close(facts).clashes}
    assert found == reference_clashes(ontology, facts)
    peaceful = {"Country-Place", "Outlet-Place", "Group-Place", "Article-Place"}
    pairs = {f"{one}-{other}" for one, other in itertools.combinations(classes, 2)}
    assert {node.rpartition("/")[2] for node, _ in found} == pairs - peaceful


def test_a_clash_names_its_axiom_and_its_premises(reasoner: Reasoner) -> None:
    node = URIRef("https://news.example/entity/x")
    facts = [*small_graph(), (node, RDF.type, cg("Person")), (node, RDF.type, cg("Outlet"))]
    (clash,) = reasoner.close(facts).clashes
    assert clash.rule.axiom == "cg:Organization and cg:Person are disjoint"
    assert set(clash.premises) == {(node, RDF.type, cg("Person")), (node, RDF.type, cg("Organization"))}


def test_nothing_is_said_of_literals(reasoner: Reasoner) -> None:
    node = URIRef("https://news.example/x")
    derived = reasoner.close([(node, cg("actor"), Literal("somebody"))]).derivations
    assert list(derived) == [(node, cg("participant"), Literal("somebody"))]


def test_an_axiom_that_is_not_understood_is_refused() -> None:
    text = """
    PREFIX owl: <http://www.w3.org/2002/07/owl#> PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
    [] a owl:Class ; owl:complementOf owl:Nothing ; rdfs:subClassOf owl:Thing .
    """
    with pytest.raises(ValueError, match="unsupported class expression"):
        compile_rules(Graph().parse(data=text, format="turtle"))


def vocabulary_triples() -> st.SearchStrategy[list[tuple[int, URIRef, int | URIRef]]]:
    """Draw small graphs over a few nodes, with terms that the rules use and some that they do not."""
    atoms = [atom for rule in shared_gate().reasoner.rules for atom in rule.body]
    used = sorted({URIRef(str(atom[1])) for atom in atoms} - {RDF.type})
    properties = [*used, cg("quotedIn"), cg("topic")]
    classes = sorted({atom[2] for atom in atoms if atom[1] == RDF.type and isinstance(atom[2], URIRef)})
    node = st.integers(0, 3)
    link = st.tuples(node, st.sampled_from(properties), node)
    member = st.tuples(node, st.just(RDF.type), st.sampled_from(classes))
    actual = st.tuples(
        node, st.just(cg("modality")), st.sampled_from([URIRef(CODE + "actual"), URIRef(CODE + "possible")])
    )
    return st.lists(st.one_of(link, link, member, actual), min_size=1, max_size=8)


@pytest.mark.slow
# The reference takes seconds, whatever the size: so each run closes many graphs at once, which have no node in common.
@settings(max_examples=4, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(data=st.data())
def test_closures_of_random_graphs_are_the_reference_closures(data: st.DataObject, ontology: Graph) -> None:
    graphs = data.draw(st.lists(vocabulary_triples(), min_size=40, max_size=60))
    facts = Graph()
    for i, triples in enumerate(graphs):
        nodes = [URIRef(f"https://news.example/{i}/{j}") for j in range(4)]
        for s, p, o in triples:
            facts.add((nodes[s], p, o if isinstance(o, URIRef) else nodes[o]))
    closure = shared_gate().reasoner.close(facts)
    assert set(closure.derivations) == reference_closure(ontology, facts)
    assert {clashing(clash) for clash in closure.clashes} == reference_clashes(ontology, facts)


CLASSES = [URIRef(f"urn:class:{letter}") for letter in "ABCDE"]
PROPERTIES = [URIRef(f"urn:property:{letter}") for letter in "pqrst"]
NODES = [URIRef(f"urn:node:{number}") for number in range(4)]
Maker = Callable[[Graph], Node]
"""Function that adds a class expression to a graph, and returns its node."""


def restriction(prop: URIRef, kind: URIRef, filler: Maker) -> Maker:
    def make(g: Graph) -> Node:
        node = BNode()
        g.add((node, RDF.type, OWL.Restriction))
        g.add((node, OWL.onProperty, prop))
        g.add((node, kind, filler(g)))
        return node

    return make


def intersection(parts: Sequence[Maker]) -> Maker:
    def make(g: Graph) -> Node:
        node, first = BNode(), BNode()
        Collection(g, first, [part(g) for part in parts])
        g.add((node, RDF.type, OWL.Class))
        g.add((node, OWL.intersectionOf, first))
        return node

    return make


def named(node: Node) -> Maker:
    return lambda _g: node


def expressions() -> st.SearchStrategy[Maker]:
    """Draw class expressions of every kind that the compiler accepts, in each other."""
    prop = st.sampled_from(PROPERTIES)
    value = st.builds(restriction, prop, st.just(OWL.hasValue), st.sampled_from(NODES).map(named))
    anything = st.builds(restriction, prop, st.just(OWL.someValuesFrom), st.just(named(OWL.Thing)))

    def larger(smaller: st.SearchStrategy[Maker]) -> st.SearchStrategy[Maker]:
        some = st.builds(restriction, prop, st.just(OWL.someValuesFrom), smaller)
        return some | st.builds(intersection, st.lists(smaller, min_size=2, max_size=3))

    return st.recursive(st.sampled_from(CLASSES).map(named) | value | anything, larger, max_leaves=4)


def axioms() -> st.SearchStrategy[Callable[[Graph], object]]:
    """Draw axioms of every kind that the compiler accepts."""
    prop, kind = st.sampled_from(PROPERTIES), st.sampled_from(CLASSES)
    # No property is both transitive and made by a chain, which OWL 2 forbids.
    simple = st.sampled_from(PROPERTIES[:3])
    return st.one_of(
        st.builds(lambda sub, sup: lambda g: g.add((sub(g), RDFS.subClassOf, sup)), expressions(), kind),
        st.builds(lambda p, q: lambda g: g.add((p, RDFS.subPropertyOf, q)), prop, prop),
        st.builds(lambda p, q: lambda g: g.add((p, OWL.inverseOf, q)), prop, prop),
        st.builds(lambda p: lambda g: g.add((p, RDF.type, OWL.SymmetricProperty)), prop),
        st.builds(lambda p: lambda g: g.add((p, RDF.type, OWL.TransitiveProperty)), simple),
        st.builds(chain, st.lists(prop, min_size=2, max_size=3), st.sampled_from(PROPERTIES[3:])),
        st.builds(disjoint, st.lists(kind, min_size=2, max_size=3, unique=True)),
    )


def chain(steps: Sequence[Node], prop: URIRef) -> Callable[[Graph], object]:
    def add(g: Graph) -> None:
        first = BNode()
        Collection(g, first, list(steps))
        g.add((prop, OWL.propertyChainAxiom, first))

    return add


def disjoint(classes: Sequence[Node]) -> Callable[[Graph], object]:
    def add(g: Graph) -> None:
        group, first = BNode(), BNode()
        Collection(g, first, list(classes))
        g.add((group, RDF.type, OWL.AllDisjointClasses))
        g.add((group, OWL.members, first))

    return add


@pytest.mark.slow
@settings(max_examples=60, deadline=None, phases=(Phase.explicit, Phase.generate, Phase.shrink))
@given(
    adding=st.lists(axioms(), min_size=1, max_size=6),
    facts=st.lists(
        st.tuples(st.sampled_from(NODES), st.sampled_from(PROPERTIES), st.sampled_from(NODES))
        | st.tuples(st.sampled_from(NODES), st.just(RDF.type), st.sampled_from(CLASSES)),
        min_size=1,
        max_size=8,
    ),
)
def test_closures_by_random_axioms_are_the_reference_closures(
    adding: list[Callable[[Graph], object]], facts: list[Triple]
) -> None:
    tbox, abox = Graph(), Graph()
    for add in adding:
        add(tbox)
    for fact in facts:
        abox.add(fact)
    closure = Reasoner(tbox).close(abox)
    assert set(closure.derivations) == reference_closure(tbox, abox)
    assert {clashing(clash) for clash in closure.clashes} == reference_clashes(tbox, abox)


def test_two_existentials_in_one_intersection_may_have_different_fillers() -> None:
    p, q, (a, b, c) = PROPERTIES[0], PROPERTIES[1], NODES[:3]
    both = intersection(
        [
            restriction(p, OWL.someValuesFrom, named(CLASSES[0])),
            restriction(q, OWL.someValuesFrom, named(CLASSES[1])),
        ]
    )
    tbox = Graph()
    tbox.add((both(tbox), RDFS.subClassOf, CLASSES[2]))
    facts = [(a, p, b), (b, RDF.type, CLASSES[0]), (a, q, c), (c, RDF.type, CLASSES[1])]
    assert list(Reasoner(tbox).close(facts).derivations) == [(a, RDF.type, CLASSES[2])]
    assert not Reasoner(tbox).close(facts[:3]).derivations


def test_everything_in_a_class_is_refused() -> None:
    tbox = Graph()
    tbox.add((OWL.Thing, RDFS.subClassOf, CLASSES[0]))
    with pytest.raises(ValueError, match="everything would be in urn:class:A"):
        compile_rules(tbox)


def test_a_closure_that_grows_without_measure_is_refused() -> None:
    acts = [URIRef(f"urn:act:{i}") for i in range(150)]
    facts = [(one, cg("relays"), other) for one in acts for other in acts]
    with pytest.raises(TooLarge, match="steps to derive"):
        shared_gate().reasoner.close(facts)
