"""Comparison of the packages that are installed with those that a package requires."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import metadata

from packaging.requirements import Requirement


def unmet(required: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Find the requirements that are not met.

    Args:
        required: as a package states them (PEP 508); those of extras, and those for other systems, are left out.

    Yields:
        Name, version that is installed (empty: none), and bounds.
    """
    for text in required:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        bounds = str(requirement.specifier)
        try:
            found = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            yield requirement.name, "", bounds
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            yield requirement.name, found, bounds
