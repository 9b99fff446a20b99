"""Union default graph: the SPARQL Update operations that keep it equal to the union of the named graphs.

A triple is in the union as long as at least one named graph holds it. A ``bare`` store has no union: its default graph
is independent of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kg.iris import Names
from kg.rdf import oxigraph
from kg.store.store_protocols import Triples


def insert(graphs: Iterable[tuple[str | None, Iterable[oxigraph.Triple]]], *, bare: bool) -> str:
    """Return an INSERT DATA that adds triples to graphs (``None``: the default graph) and to the union."""
    blocks = []
    for name, items in graphs:
        text = _text(items)
        blocks.append(text if name is None else f"GRAPH <{name}> {{\n{text}}}\n{'' if bare else text}")
    return "INSERT DATA {\n" + "".join(blocks) + "}"


def unlink(graph: str, others: str) -> str:
    """Return a DELETE that removes from the union the triples of ``graph`` that no other graph holds.

    ``others`` is a SPARQL condition on ``?other``, the graphs whose triples stay in the union.
    """
    return (
        f"DELETE {{ ?s ?p ?o }} WHERE {{ GRAPH <{graph}> {{ ?s ?p ?o }} "
        f"FILTER NOT EXISTS {{ GRAPH ?other {{ ?s ?p ?o }} FILTER({others}) }} }}"
    )


def replacement(graphs: Mapping[str, set[oxigraph.Triple] | None], *, bare: bool) -> list[str]:
    """Return the operations that replace whole graphs, and update the union accordingly; ``None`` drops a graph."""
    listed = ", ".join(f"<{name}>" for name in graphs)
    # A triple stays in the union only if a graph that is not replaced holds it; the new content is added last.
    steps = [] if bare else [unlink(name, f"?other NOT IN ({listed})") for name in graphs]
    steps += [f"DROP SILENT GRAPH <{name}>" for name in graphs]
    filled = {name: items for name, items in graphs.items() if items is not None}
    steps += [f"CREATE SILENT GRAPH <{name}>" for name in filled]
    return [*steps, insert(filled.items(), bare=bare)]


def follow(update: str, written: Iterable[str], names: Names, *, unknown: bool) -> str:
    """Return a user's update with the operations that update the union after it, in the same transaction.

    ``INSERT DATA { GRAPH <urn:g> { … } }`` becomes, with names and the filter shortened::

        COPY SILENT <urn:g> TO <shadow/0> ;
        INSERT DATA { GRAPH <urn:g> { … } } ;
        DELETE { ?s ?p ?o } WHERE { GRAPH <shadow/0> { ?s ?p ?o } FILTER NOT EXISTS { GRAPH ?other { … } } } ;
        DROP SILENT GRAPH <shadow/0> ;
        INSERT { ?s ?p ?o } WHERE { GRAPH <urn:g> { ?s ?p ?o } }

    The shadow graph is a copy of the graph before the update. The union loses the triples of the shadow that no other
    graph holds afterwards, and receives all triples that the graph then holds.

    Args:
        update: the update, which writes user graphs only.
        written: the existing graphs that it may write.
        names: IRIs of the dataset.
        unknown: whether only its solutions name the graphs that it writes (variables, ``DROP ALL``): then ``written``
            are all user graphs, and the union also receives those that the update creates.
    """
    shadows = {graph: f"{names.shadow_prefix}{i}" for i, graph in enumerate(sorted(written))}
    before = [f"COPY SILENT <{graph}> TO <{shadow}>" for graph, shadow in shadows.items()]
    not_shadow = f'!STRSTARTS(STR(?other), "{names.shadow_prefix}")'
    after = [unlink(shadow, not_shadow) for shadow in shadows.values()]
    after += [f"DROP SILENT GRAPH <{shadow}>" for shadow in shadows.values()]
    after += [f"INSERT {{ ?s ?p ?o }} WHERE {{ GRAPH <{graph}> {{ ?s ?p ?o }} }}" for graph in shadows]
    if unknown:
        users = f'FILTER(!REGEX(STR(?g), "{names.managed_pattern}"))'
        after.append(f"INSERT {{ ?s ?p ?o }} WHERE {{ GRAPH ?g {{ ?s ?p ?o }} {users} }}")
    return " ;\n".join([*before, update + "\n", *after])


def change(store: oxigraph.Engine, removed: Triples, added: Triples, *, bare: bool) -> list[str]:
    """Return the operations that remove and add triples in graphs, and update the union accordingly.

    A triple that is both removed and added stays; a graph that becomes empty is dropped; without any change the list is
    empty. The triples must be as the engine stores them, and those to remove without blank nodes. The caller must
    prevent other writes until the operations have run.

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
    found = oxigraph.matching(store, triple.subject, triple.predicate, triple.object, None)
    homes = (oxigraph.graph_of(quad) for quad in found if isinstance(quad.graph_name, oxigraph.NamedNode))
    return any(triple not in gone.get(name, ()) for name in homes)


def _within(store: oxigraph.Engine, name: str, items: set[oxigraph.Triple]) -> bool:
    """Return whether a graph holds no triples other than ``items``."""
    return all(quad.triple in items for quad in oxigraph.matching(store, None, None, None, oxigraph.NamedNode(name)))


def _text(triples: Iterable[oxigraph.Triple]) -> str:
    return oxigraph.serialize(triples, "application/n-triples").decode()
