"""What the types of each dataset are in PLOVER, the sixteen kinds of political event that all of them can be read as.

Only roots: the datasets agree on no more. The CAMEO roots follow the meanings in the published codebooks of CAMEO and
PLOVER; PLOVER has no place for mere statements (01) and appeals (02).
"""

from __future__ import annotations

import re

CAMEO: dict[str, str] = {
    "03": "AGREE",  # express intent to cooperate
    "04": "CONSULT",
    "05": "SUPPORT",  # diplomatic cooperation
    "06": "COOPERATE",  # material cooperation
    "07": "AID",
    "08": "CONCEDE",  # yield
    "09": "ACCUSE",  # investigate
    "10": "REQUEST",  # demand
    "11": "ACCUSE",  # disapprove
    "12": "REJECT",
    "13": "THREATEN",
    "14": "PROTEST",
    "15": "MOBILIZE",  # exhibit military posture
    "16": "SANCTION",  # reduce relations
    "17": "COERCE",
    "18": "ASSAULT",
    "19": "ASSAULT",  # fight
    "20": "ASSAULT",  # unconventional mass violence
}

ACLED: dict[str, str] = {
    "Battles": "ASSAULT",
    "Explosions/Remote violence": "ASSAULT",
    "Violence against civilians": "ASSAULT",
    "Protests": "PROTEST",
    "Riots": "PROTEST",
}

ACLED_SUB: dict[str, str] = {
    "Agreement": "AGREE",
    "Arrests": "COERCE",
    "Change to group/activity": "MOBILIZE",
    "Disrupted weapons use": "ASSAULT",
    "Headquarters or base established": "MOBILIZE",
    "Looting/property destruction": "ASSAULT",
    "Non-violent transfer of territory": "RETREAT",
}
"""Sub-events of “Strategic developments”, which have no type in common."""

UCDP: dict[str, str] = {
    "1": "ASSAULT",  # state-based
    "2": "ASSAULT",  # non-state
    "3": "ASSAULT",  # one-sided
}

ROOTS = frozenset({*CAMEO.values(), "RETREAT"})
"""All sixteen."""

COVERED: dict[str, frozenset[str]] = {
    "acled": frozenset({"ASSAULT", "PROTEST", "COERCE", "MOBILIZE", "AGREE", "RETREAT"}),
    "ucdp": frozenset({"ASSAULT"}),
    "gdelt": ROOTS,
}
"""What each dataset files at all: from the absence of another kind nothing follows."""


def root(notation: str) -> str:
    """Give the PLOVER root of a code of ours (``ASSAULT/drone``); empty where it has none."""
    found = re.split("[/ ]", notation, maxsplit=1)[0]
    return found if found in ROOTS else ""
