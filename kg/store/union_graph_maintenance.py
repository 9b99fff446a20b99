"""Union default graph: the SPARQL Update operations that keep it equal to the union of the named graphs.

A triple is in the union as long as at least one named graph holds it. A ``bare`` store has no union: its default graph
is independent of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kg.rdf import oxigraph

Triples = Mapping[str, set[oxigraph.Triple]]
"""Triples by graph name."""


def insert(graphs: Iterable[tuple[str | None, Iterable[oxigraph.Triple]]], *, bare: bool) -> str:
    """Return an INSERT DATA that adds triples to graphs (``None``: the default graph) and to the union."""
    blocks = []
    for name, items in graphs:
        text = _text(items)
        blocks.append(text if name is None else f"GRAPH <{name}> {{\n{text}}}\n{'' if bare else text}")
    return "INSERT DATA {\n" + "".join(blocks) + "}"


def unlink(graph: str, others: str) -> str:
    """Return a DELETE that removes from the union the triples of ``graph`` that no other graph holds.

    Args:
        graph: IRI of the graph.
        others: SPARQL condition on ``?other``, the graphs whose triples stay in the union.
    """
    return (
        f"DELETE {{ ?s ?p ?o }} WHERE {{ GRAPH <{graph}> {{ ?s ?p ?o }} "
        f"FILTER NOT EXISTS {{ GRAPH ?other {{ ?s ?p ?o }} FILTER({others}) }} }}"
    )


def change(store: oxigraph.Engine, removed: Triples, added: Triples, *, bare: bool) -> list[str]:
    """Return the operations that remove and add triples in graphs, and update the union accordingly.

    A triple that is both removed and added stays; a graph that becomes empty is dropped; without any change the list is
    empty. The caller must prevent other writes until the operations have run.

    Args:
        store: the engine, for the current content.
        removed: triples to remove, as the engine stores them and without blank nodes.
        added: triples to add, as the engine stores them.
        bare: whether there is no union.

    Example: ``urn:one`` holds ``s p "1"`` and ``s p "2"``, ``urn:two`` holds ``s p "2"``. Removing both triples from
    ``urn:one`` and adding ``s p "3"`` to ``urn:two`` takes three operations; ``"2"`` stays in the union, since
    ``urn:two`` still holds it::

        DELETE DATA { GRAPH <urn:one> { <s> <p> "1" . <s> <p> "2" . }  <s> <p> "1" . }
        INSERT DATA { GRAPH <urn:two> { <s> <p> "3" . }  <s> <p> "3" . }
        DROP SILENT GRAPH <urn:one>
    """
    # What really goes: a triple that is both removed and added stays.
    gone = {name: items - added.get(name, set()) for name, items in removed.items()}
    if not any((*gone.values(), *added.values())):
        return []
    # Triples that no graph will hold, and therefore leave the union.
    lone = [] if bare else [triple for triple in set().union(*gone.values()) if not _stays(store, triple, gone)]
    blocks = [f"GRAPH <{name}> {{\n{_text(items)}}}\n" for name, items in gone.items()]
    emptied = [name for name in gone if not added.get(name) and _within(store, name, gone[name])]
    return [
        "DELETE DATA {\n" + "".join(blocks) + _text(lone) + "}",
        insert(added.items(), bare=bare),
        *(f"DROP SILENT GRAPH <{name}>" for name in emptied),
    ]


def _stays(store: oxigraph.Engine, triple: oxigraph.Triple, gone: Triples) -> bool:
    """Return whether any graph still holds a triple after the removals in ``gone``."""
    found = store.quads_for_pattern(triple.subject, triple.predicate, triple.object, None)
    homes = (oxigraph.graph_of(quad) for quad in found if isinstance(quad.graph_name, oxigraph.NamedNode))
    return any(triple not in gone.get(name, ()) for name in homes)


def _within(store: oxigraph.Engine, name: str, items: set[oxigraph.Triple]) -> bool:
    """Return whether a graph holds no triples other than ``items``."""
    return all(quad.triple in items for quad in store.quads_for_pattern(None, None, None, oxigraph.NamedNode(name)))


def _text(triples: Iterable[oxigraph.Triple]) -> str:
    return oxigraph.serialize(triples, "application/n-triples").decode()
