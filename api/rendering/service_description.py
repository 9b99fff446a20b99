"""SPARQL 1.1 Service Description of the endpoints, built from the current state of the store."""

from __future__ import annotations

from collections.abc import Mapping

from kg.iris import RDFS

PREFIXES = {
    "rdfs": RDFS,
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


def describe(endpoint: str, update: str, default: int | None, named: Mapping[str, int]) -> str:
    """Return the description as Turtle.

    Args:
        endpoint: the URL that the request was sent to; it takes updates, too.
        update: the URL that takes updates only.
        default: number of triples in the default graph; ``None`` where it is the union of the named graphs, whose size
            only a full scan could determine.
        named: number of triples in each named graph, by IRI.
    """
    features = ["sd:EmptyGraphs"] if default is not None else ["sd:EmptyGraphs", "sd:UnionDefaultGraph"]
    size = "" if default is None else f" ; void:triples {default}"
    prefixes = "".join(f"@prefix {prefix}: <{iri}> .\n" for prefix, iri in PREFIXES.items())
    # Every node has an IRI in place of a blank node, so that the same state always yields the same bytes (entity tags).
    listed = "".join(
        f"<#dataset> sd:namedGraph <#named-{i}> .\n"
        f"<#named-{i}> a sd:NamedGraph ; sd:name <{name}> ; sd:graph <#graph-{i}> .\n"
        f"<#graph-{i}> a sd:Graph, void:Dataset ; void:triples {count} .\n"
        for i, (name, count) in enumerate(named.items(), start=1)
    )
    return f"""{prefixes}
<#service> a sd:Service ;
  sd:endpoint <{endpoint}> ;
  sd:supportedLanguage sd:SPARQL11Query, sd:SPARQL11Update ;
  sd:feature {", ".join(features)} ;
  sd:resultFormat {", ".join(f"formats:{name}" for name in _RESULT_FORMATS)} ;
  sd:inputFormat {", ".join(f"formats:{name}" for name in _INPUT_FORMATS)} ;
  sd:defaultDataset <#dataset> .
<#update> a sd:Service ;
  rdfs:comment "Updates are sent by POST to this endpoint or to the one for queries, with a token."@en ;
  sd:endpoint <{update}> ;
  sd:supportedLanguage sd:SPARQL11Update ;
  sd:inputFormat {", ".join(f"formats:{name}" for name in _INPUT_FORMATS)} ;
  sd:defaultDataset <#dataset> .
<#dataset> a sd:Dataset ; sd:defaultGraph <#default> .
<#default> a sd:Graph, void:Dataset{size} .
{listed}"""
