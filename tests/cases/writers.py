"""A client that writes continuously and records which writes were acknowledged."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kg.rdf import oxigraph
from tests.processes import Server

_LEFT, _RIGHT = "urn:left", "urn:right"


class Writer:
    """Writer of consecutive numbers, each in two triples of one transaction, so that a partial commit would be visible.

    Attributes:
        acknowledged: how many were.
        wrong: the statuses of those that were not.
    """

    def __init__(self) -> None:
        self.acknowledged = 0
        self.wrong: list[int] = []
        self.over = threading.Event()

    def write(self, server: Server) -> int:
        """Write the next number, and return the status of the response."""
        number = self.acknowledged
        status = server.update(
            f"INSERT DATA {{ GRAPH <urn:l> {{ <urn:n{number}> <{_LEFT}> {number} }} "
            f"GRAPH <urn:r> {{ <urn:n{number}> <{_RIGHT}> {number} }} }}"
        ).status
        if status == 204:
            self.acknowledged += 1
        return status

    def _run(self, server: Server) -> None:
        while not self.over.is_set():
            if (status := self.write(server)) != 204:
                self.wrong.append(status)

    @contextmanager
    def writing(self, server: Server) -> Iterator[Writer]:
        """Write until the context ends."""
        thread = threading.Thread(target=self._run, args=(server,))
        thread.start()
        try:
            yield self
        finally:
            self.over.set()
            thread.join(60)
        assert not thread.is_alive()
        assert self.wrong == []


def held(data: Path) -> int:
    """Count the numbers in a store that nobody holds; fail if one is there by half, or one before the last is not."""
    store = oxigraph.open_snapshot(data / "store")
    sides = []
    for graph, predicate in (("urn:l", _LEFT), ("urn:r", _RIGHT)):
        found = store.quads_for_pattern(None, oxigraph.NamedNode(predicate), None, oxigraph.NamedNode(graph))
        sides.append(sorted(int(quad.object.value) for quad in found if isinstance(quad.object, oxigraph.Literal)))
    assert sides[0] == sides[1]
    assert sides[0] == list(range(len(sides[0])))
    return len(sides[0])
