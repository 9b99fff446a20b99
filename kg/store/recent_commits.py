"""History of commits: their numbers, and what each of the last ones changed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

_REMEMBERED = 256
"""Commits that are remembered, for writes that were prepared before them."""


@dataclass(frozen=True)
class Commit:
    """Record of one commit, by which others learn whether what they read before it still holds.

    Attributes:
        number: number of the commit.
        graphs: named graphs that it wrote, as far as they are known.
        properties: what it changed in managed graphs; see :func:`property_key`.
        users: whether it may have written any user graph.
    """

    number: int
    graphs: frozenset[str]
    properties: frozenset[str] = frozenset()
    users: bool = False


class CommitHistory:
    """Numbers of the commits of one store, and records of the last ones.

    Attributes:
        number: number of the last commit.
    """

    def __init__(self, number: int) -> None:
        """Begin after the commit with that number; none is remembered."""
        self.number = number
        self._commits: deque[Commit] = deque(maxlen=_REMEMBERED)

    def add(self, commit: Commit) -> None:
        """Number and remember a commit."""
        self.number += 1
        self._commits.append(replace(commit, number=self.number))

    def since(self, number: int) -> list[Commit] | None:
        """Return the commits after the one with that number, oldest first; ``None`` if not all are remembered."""
        found = [commit for commit in self._commits if commit.number > number]
        return found if len(found) == self.number - number else None

    def continue_from(self, managed: int) -> None:
        """Record that the commits after that number, up to the last one, changed no managed graph."""
        first = max(managed + 1, self.number - _REMEMBERED + 1)
        self._commits.extend(Commit(number, frozenset(), users=True) for number in range(first, self.number + 1))


def property_key(subject: str, predicate: str | None) -> str:
    """Return the name of a property of a subject, or of all its properties (``None``), in records of changes."""
    return f"{subject} {predicate or ''}"
