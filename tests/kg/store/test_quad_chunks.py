"""Chunks of quads: their length, the graph of those without one, and the names that are refused."""

from __future__ import annotations

import pytest

from kg.errors import BadInput
from kg.rdf import oxigraph
from kg.store.quad_chunks import chunks

HOME = "urn:home"


def test_quads_without_a_graph_are_put_into_the_given_one() -> None:
    quads = oxigraph.parse(b"<urn:a> <urn:p> <urn:b> .\n<urn:a> <urn:p> <urn:b> <urn:g> .", "application/n-quads")
    (chunk,) = chunks(quads, HOME)
    assert [oxigraph.graph_of(quad) for quad in chunk] == [HOME, "urn:g"]


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (1, [1]), (50_000, [50_000]), (50_001, [50_000, 1])])
def test_a_chunk_has_a_largest_size(count: int, sizes: list[int]) -> None:
    node = oxigraph.NamedNode("urn:x")
    assert [len(chunk) for chunk in chunks((oxigraph.Quad(node, node, node) for _ in range(count)), HOME)] == sizes


def test_a_blank_node_names_no_graph() -> None:
    quads = oxigraph.parse(b"<urn:a> <urn:p> <urn:b> _:g .", "application/n-quads")
    with pytest.raises(BadInput, match="named by a blank node"):
        list(chunks(quads, HOME))
