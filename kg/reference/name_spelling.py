"""Spellings under which names meet: one form for all typography, and one in Latin letters over scripts.

Neither is for people to read. What is the same thing here need not be the same thing in the world: a match of keys is a
reason to look, and :mod:`kg.reference.reference_store` tells which of the two forms matched.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_SILENT = "'\"`´‘’‚‛“”„‟«»‹›ʼʹʺʻʽˈ′″＇＂՚׳״."
"""Apostrophes, quotation marks and full stops: some write them in a name, some do not, and never as a space."""

_DROPPED = re.compile(
    f"[{re.escape(_SILENT)}"
    "\u0300-\u036f"  # combining marks that stand alone after composition: stress (Ки́їв), the dot of a folded İ
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"  # Hebrew points
    "\u0640\u064b-\u065f\u0670"  # Arabic tatweel and vowel signs
    "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"  # soft hyphens, joiners, directions
)
_BETWEEN = re.compile(r"[\W_]+")
_ACCENTS = re.compile("[\u0300-\u036f]")
_BASIC = re.compile(r"[a-z0-9 ]*")

_LETTERS = str.maketrans(
    dict(zip("абвдезклмнопрстуф", "abvdezklmnoprstuf", strict=True))
    | {"ж": "zh", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ь": "", "ъ": "", "ґ": "g", "і": "i"}
    | {"ы": "y", "э": "e", "ў": "u", "ђ": "dj", "ј": "j", "љ": "lj", "њ": "nj", "ћ": "c", "џ": "dz", "ѕ": "dz"}
)
_UKRAINIAN = str.maketrans({"г": "h", "и": "y", "ё": "io", "є": "ie", "ї": "i", "й": "i", "ю": "iu", "я": "ia"})
_RUSSIAN = str.maketrans({"г": "g", "и": "i", "ё": "e", "є": "e", "ї": "i", "й": "y", "ю": "yu", "я": "ya"})
_INITIAL = re.compile(r"\b[єїйюя]")
_INITIALS = {"є": "ye", "ї": "yi", "й": "y", "ю": "yu", "я": "ya"}
_IS_RUSSIAN = re.compile("[ыэъё]")
_OTHERS = str.maketrans({"ø": "o", "đ": "d", "ð": "d", "ł": "l", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i", "ħ": "h"})


def key(text: str) -> str:
    """Fold case, width, typography and spaces, and nothing that tells one name from another in the same script.

    ``Кам’янець-Подільський`` and ``КАМ'ЯНЕЦЬ – ПОДІЛЬСЬКИЙ`` give ``камянець подільський``. A key is its own key.
    """
    if text.isascii():
        return _BETWEEN.sub(" ", _DROPPED.sub("", text.lower())).strip()
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return _spaced(_DROPPED.sub("", folded))


def _spaced(text: str) -> str:
    """Put one space for each run of what is neither letter, digit nor vowel sign."""
    kept = (c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in text)
    return " ".join("".join(kept).split())


@lru_cache(maxsize=4096)
def latin(text: str) -> str:
    """Write the key of a name in plain Latin letters: Cyrillic transliterated, accents dropped, other scripts left.

    Ukrainian follows the resolution of the Cabinet no. 55 of 2010, Russian what passports and agencies write; a name
    counts as Russian if it has a letter that Ukrainian lacks. ``latin(key(text)) == latin(text)``.
    """
    found = key(text)
    if _BASIC.fullmatch(found):
        return found
    if _IS_RUSSIAN.search(found):
        found = found.translate(_RUSSIAN)
    else:
        found = _INITIAL.sub(lambda match: _INITIALS[match[0]], found.replace("зг", "zgh")).translate(_UKRAINIAN)
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", found.translate(_LETTERS).translate(_OTHERS)))
    return unicodedata.normalize("NFC", plain)


def trigrams(key: str) -> list[str]:
    """List the distinct runs of three characters of a key, in order, with a space put before and after it."""
    padded = f" {key} "
    return list(dict.fromkeys(padded[at : at + 3] for at in range(len(padded) - 2)))
