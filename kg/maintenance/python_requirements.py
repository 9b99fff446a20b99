"""Comparison of installed Python packages with the requirements of a package."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import metadata

from packaging.requirements import Requirement


def unmet(required: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Yield the requirements that are not met.

    Args:
        required: requirements in the syntax of PEP 508; those of extras and of other systems are ignored.

    Yields:
        Name of the package, installed version (empty if it is missing), and required versions.
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
