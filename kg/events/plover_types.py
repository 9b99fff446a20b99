"""Mapping of each dataset's event types to PLOVER, sixteen kinds of political event that are common to all of them.

Only roots are mapped, as the datasets do not agree on finer types. The CAMEO roots follow the meanings in the published
codebooks of CAMEO and PLOVER; PLOVER has no type for mere statements (01) and appeals (02).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Literal, get_args

from kg.files import packaged_tsv_tables

Scheme = Literal["cameo", "acled", "acled-strategic", "ucdp"]
"""Lists of codes; ``acled-strategic`` holds the sub-events of “Strategic developments”, which have no common type."""


@cache
def _tables() -> Mapping[str, Mapping[str, str]]:
    """Return the PLOVER root of each code, by scheme."""
    found: dict[str, dict[str, str]] = {scheme: {} for scheme in get_args(Scheme)}
    for row in packaged_tsv_tables.read("kg.events", "plover.tsv", ("scheme", "code", "meaning", "plover")):
        scheme, code, _, plover = row.cells
        if scheme not in found or code in found[scheme]:
            raise packaged_tsv_tables.DamagedTable(
                f"{row.place}: {scheme} is not a known scheme, or {code} occurs twice."
            )
        found[scheme][code] = plover
    return found


def roots_of(scheme: Scheme) -> Mapping[str, str]:
    """Return the PLOVER root of each code of a scheme: ``roots_of("cameo")["19"]`` is ``ASSAULT``."""
    return _tables()[scheme]


@cache
def roots() -> frozenset[str]:
    """Return all sixteen roots."""
    # RETREAT is the only root that no CAMEO code maps to.
    return frozenset({*roots_of("cameo").values(), "RETREAT"})


@cache
def covered(form: str) -> frozenset[str]:
    """Return the roots that a dataset records at all; the absence of an event of another kind proves nothing.

    Args:
        form: ``acled``, ``ucdp`` or ``gdelt``.
    """
    if form == "gdelt":
        return roots()
    schemes: tuple[Scheme, ...] = ("acled", "acled-strategic") if form == "acled" else ("ucdp",)
    return frozenset(root for scheme in schemes for root in roots_of(scheme).values())


def root(notation: str) -> str:
    """Return the PLOVER root of a code in the vocabulary (``ASSAULT/drone`` → ``ASSAULT``); empty if it has none."""
    found = re.split("[/ ]", notation, maxsplit=1)[0]
    return found if found in roots() else ""
