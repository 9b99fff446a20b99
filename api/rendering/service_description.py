"""The description of the SPARQL service (SPARQL 1.1 Service Description), true at the moment it is asked for."""

from __future__ import annotations

from collections.abc import Mapping

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


def describe(endpoint: str, default: int | None, named: Mapping[str, int]) -> str:
    """Write the description as Turtle.

    Args:
        endpoint: the address under which the service was asked.
        default: triples of the default graph; ``None`` where it is the union of the named graphs, which nobody counts.
        named: triples of each named graph.
    """
    features = ["sd:EmptyGraphs"] if default is not None else ["sd:EmptyGraphs", "sd:UnionDefaultGraph"]
    size = "" if default is None else f" ; void:triples {default}"
    prefixes = "".join(f"@prefix {prefix}: <{iri}> .\n" for prefix, iri in PREFIXES.items())
    # Every node has a name, so that the same state of the store is always described in the same words.
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
<#dataset> a sd:Dataset ; sd:defaultGraph <#default> .
<#default> a sd:Graph, void:Dataset{size} .
{listed}"""
