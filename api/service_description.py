"""The description of the SPARQL service (SPARQL 1.1 Service Description), true at the moment it is asked for."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from kg import engine
from kg.store import Store

PREFIXES = {
    "sd": "http://www.w3.org/ns/sparql-service-description#",
    "void": "http://rdfs.org/ns/void#",
    "formats": "http://www.w3.org/ns/formats/",
}

_RESULT_FORMATS = (
    "SPARQL_Results_JSON",
    "SPARQL_Results_XML",
    "SPARQL_Results_CSV",
    "SPARQL_Results_TSV",
    "Turtle",
    "N-Triples",
    "JSON-LD",
    "RDF_XML",
    "TriG",
    "N-Quads",
)
_INPUT_FORMATS = ("Turtle", "N-Triples", "JSON-LD", "RDF_XML", "TriG", "N-Quads", "N3")

_PER_GRAPH = "SELECT ?g (COUNT(*) AS ?n) WHERE { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g"


@dataclass
class GraphCounts:
    """Triples of the default graph and of each named graph, counted again only after a commit."""

    store: Store
    _known: tuple[int, tuple[int, dict[str, int]]] = field(default=(-1, (0, {})))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self) -> tuple[int, dict[str, int]]:
        """Give the size of the default graph, and of each named graph by its IRI, sorted."""
        with self._lock:  # many who ask after a commit wait for one count
            version, counts = self._known
            now = self.store.version  # read before counting: a commit in between is counted again next time
            if version != now:
                named = dict.fromkeys(self.store.graphs(), 0)
                for row in self.store.rows(_PER_GRAPH):
                    assert isinstance(row["g"], engine.NamedNode)
                    named[row["g"].value] = _number(row["n"])
                counts = self.store.count(None), named
                self._known = now, counts
            return counts


def _number(term: engine.Term) -> int:
    assert isinstance(term, engine.Literal)
    return int(term.value)


def describe(endpoint: str, bare: bool, counts: tuple[int, dict[str, int]]) -> str:
    """Write the description as Turtle.

    Args:
        endpoint: the address under which the service was asked.
        bare: whether the default graph is a graph of its own (else it is the union of the named graphs).
        counts: what :meth:`GraphCounts.read` gives.
    """
    default, named = counts
    features = ["sd:EmptyGraphs"] if bare else ["sd:EmptyGraphs", "sd:UnionDefaultGraph"]
    prefixes = "".join(f"@prefix {prefix}: <{iri}> .\n" for prefix, iri in PREFIXES.items())
    # Every node has a name, so that the same state of the store is always described in the same words.
    listed = "".join(
        f"<#dataset> sd:namedGraph <#named-{i}> .\n"
        f"<#named-{i}> a sd:NamedGraph ; sd:name <{name}> ; sd:graph <#graph-{i}> .\n"
        f"<#graph-{i}> a sd:Graph, void:Dataset ; void:triples {size} .\n"
        for i, (name, size) in enumerate(named.items(), start=1)
    )
    return f"""{prefixes}
<#service> a sd:Service ;
  sd:endpoint <{endpoint}> ;
  sd:supportedLanguage sd:SPARQL11Query, sd:SPARQL11Update ;
  sd:feature {", ".join(features)} ;
  sd:resultFormat {", ".join(f"formats:{name}" for name in _RESULT_FORMATS)} ;
  sd:inputFormat {", ".join(f"formats:{name}" for name in _INPUT_FORMATS)} ;
  sd:defaultDataset <#dataset> .
<#dataset> a sd:Dataset ; sd:defaultGraph <#default> .
<#default> a sd:Graph, void:Dataset ; void:triples {default} .
{listed}"""
