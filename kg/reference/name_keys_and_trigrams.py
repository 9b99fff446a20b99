"""Normalised spellings of names for lookup: a key without typography, and a form in Latin letters for all scripts.

Neither is for display. Equal keys do not prove that two things are the same, but make one a candidate for the other;
:mod:`kg.reference.reference_store` reports which of the two forms matched.
"""

from __future__ import annotations

import re
import unicodedata

_SILENT = "'\"`´‘’‚‛“”„‟«»‹›ʼʹʺʻʽˈ′″＇＂՚׳״."
"""Apostrophes, quotation marks and full stops: optional in a name, and never replaced by a space."""

_DROPPED = re.compile(
    f"[{re.escape(_SILENT)}"
    "\u0300-\u036f"  # combining marks that stand alone after composition: stress (Ки́їв), the dot of a folded İ
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"  # Hebrew points
    "\u0640\u064b-\u065f\u0670"  # Arabic tatweel and vowel signs
    "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"  # soft hyphens, joiners, directions
)
_BETWEEN = re.compile(r"[\W_]+")


def key(text: str) -> str:
    """Return a text with case, width, typography and spaces folded; letters stay distinct within a script.

    The key of ``Кам’янець-Подільський`` and of ``КАМ'ЯНЕЦЬ – ПОДІЛЬСЬКИЙ`` is ``камянець подільський``. The function is
    idempotent: ``key(key(text)) == key(text)``.
    """
    if text.isascii():
        return _BETWEEN.sub(" ", _DROPPED.sub("", text.lower())).strip()
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return _spaced(_DROPPED.sub("", folded))


def _spaced(text: str) -> str:
    """Replace each run of characters other than letters, digits and combining marks by one space."""
    spaced = (c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in text)
    return " ".join("".join(spaced).split())


def trigrams(key: str) -> list[str]:
    """Return the distinct trigrams of a key in order, padded with a space on both sides.

    Example: ``київ`` has the trigrams ``" ки"``, ``"киї"``, ``"иїв"`` and ``"їв "``.
    """
    padded = f" {key} "
    return list(dict.fromkeys(padded[at : at + 3] for at in range(len(padded) - 2)))
