"""Whether the packages that are installed are those that this one asks for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata
from itertools import zip_longest

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*\(?([^;)]*)\)?\s*(?:;(.*))?")
_BOUND = re.compile(r"(<=|>=|<|>|==|!=)\s*([0-9][0-9.]*)")

_TESTS: dict[str, Callable[[int], bool]] = {
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
    "==": lambda order: order == 0,
    "!=": lambda order: order != 0,
}


def unmet(required: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Tell which requirements are not met.

    Args:
        required: as a package states them (PEP 508); of markers only those of extras are understood, and left out.

    Yields:
        Name, version that is installed (empty: none), and bounds.
    """
    for text in required:
        match = _REQUIREMENT.match(text)
        if match is None or "extra" in (match[3] or ""):
            continue
        name, bounds = match[1], match[2].strip()
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            if not match[3]:  # one with a marker may not be needed here
                yield name, "", bounds
            continue
        if not all(_TESTS[sign](_order(found, bound)) for sign, bound in _BOUND.findall(bounds)):
            yield name, found, bounds


def _order(found: str, bound: str) -> int:
    """Compare the numbers of two releases: below 0, 0 or above."""
    ours, theirs = ([int(part) for part in re.findall(r"\d+", text.split("+")[0])[:4]] for text in (found, bound))
    for one, other in zip_longest(ours, theirs, fillvalue=0):
        if one != other:
            return one - other
    return 0
