"""The default graph as the union of the named graphs: the steps of SPARQL Update that keep it so.

A triple is in the union as long as one graph holds it. In a ``bare`` store the default graph is one among others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kg.rdf import oxigraph

Triples = Mapping[str, set[oxigraph.Triple]]
"""Triples by the names of their graphs."""


def insert(graphs: Iterable[tuple[str | None, Iterable[oxigraph.Triple]]], *, bare: bool) -> str:
    """Put triples into graphs (``None``: the default graph) and into the union."""
    blocks = []
    for name, items in graphs:
        text = _text(items)
        blocks.append(text if name is None else f"GRAPH <{name}> {{\n{text}}}\n{'' if bare else text}")
    return "INSERT DATA {\n" + "".join(blocks) + "}"


def unlink(graph: str, others: str) -> str:
    """Take out of the union what stands in ``graph`` and in no graph that meets ``others``."""
    return (
        f"DELETE {{ ?s ?p ?o }} WHERE {{ GRAPH <{graph}> {{ ?s ?p ?o }} "
        f"FILTER NOT EXISTS {{ GRAPH ?other {{ ?s ?p ?o }} FILTER({others}) }} }}"
    )


def change(store: oxigraph.Engine, removed: Triples, added: Triples, *, bare: bool) -> list[str]:
    """Take triples out of graphs, and out of the union those that no graph holds then; put others in.

    All are as the engine has them, those that go without blank nodes. What is both removed and added stays; a graph
    that nothing is left of is dropped. No steps are given if there is nothing to do. Nobody may write meanwhile.

    Example: ``urn:one`` holds ``s p "1"`` and ``s p "2"``, ``urn:two`` holds ``s p "2"``. To remove both triples from
    ``urn:one`` and add ``s p "3"`` to ``urn:two`` gives three steps; ``"2"`` stays in the union, as a graph holds it::

        DELETE DATA { GRAPH <urn:one> { <s> <p> "1" . <s> <p> "2" . }  <s> <p> "1" . }
        INSERT DATA { GRAPH <urn:two> { <s> <p> "3" . }  <s> <p> "3" . }
        DROP SILENT GRAPH <urn:one>
    """
    gone = {name: items - added.get(name, set()) for name, items in removed.items()}
    if not any((*gone.values(), *added.values())):
        return []
    lone = [] if bare else [triple for triple in set().union(*gone.values()) if not _stays(store, triple, gone)]
    blocks = [f"GRAPH <{name}> {{\n{_text(items)}}}\n" for name, items in gone.items()]
    emptied = [name for name in gone if not added.get(name) and _within(store, name, gone[name])]
    return [
        "DELETE DATA {\n" + "".join(blocks) + _text(lone) + "}",
        insert(added.items(), bare=bare),
        *(f"DROP SILENT GRAPH <{name}>" for name in emptied),
    ]


def _stays(store: oxigraph.Engine, triple: oxigraph.Triple, gone: Triples) -> bool:
    """Tell whether some graph holds a triple still when others have lost it."""
    found = store.quads_for_pattern(triple.subject, triple.predicate, triple.object, None)
    homes = (oxigraph.graph_of(quad) for quad in found if isinstance(quad.graph_name, oxigraph.NamedNode))
    return any(triple not in gone.get(name, ()) for name in homes)


def _within(store: oxigraph.Engine, name: str, items: set[oxigraph.Triple]) -> bool:
    """Tell whether a graph holds nothing else."""
    return all(quad.triple in items for quad in store.quads_for_pattern(None, None, None, oxigraph.NamedNode(name)))


def _text(triples: Iterable[oxigraph.Triple]) -> str:
    return oxigraph.serialize(triples, "application/n-triples").decode()
