"""How alike two names are, word by word and over scripts.

A Ukrainian text writes a foreign name as it is heard («Джо Байден»); records write it as it is spelt (Joe Biden). So
words are compared in Latin letters, and also by their consonants, in classes of which spellings do not keep apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache

from rapidfuzz.distance import JaroWinkler, Levenshtein

from kg.files import tsv_tables
from kg.reference.name_spelling import latin

_FIRST = ((r"tsch|tch|dzh|dz|zh|sh", "J"), (r"ph|f", "F"), (r"th", "T"), (r"ck|kh|q|x(?=[aeiou])|ks", "K"))
_LAST = (
    (r"ts|tz|s|z", "S"),
    (r"c|x", "K"),
    (r"[hw](?=[^aeiouy]|$)", ""),
    (r"[vw]", "V"),
    (r"[gh]", "H"),
    (r"[td]", "T"),
    (r"[pb]", "P"),
    (r"[aeiouyj]", ""),
)
_HABITS = (
    ((r"sch|ch|cz|sz|j|g(?=[eiy])", "J"), (r"c(?=[eiy])", "S")),  # English and French
    ((r"sch|sz|cz|rz", "J"), (r"ch", "K"), (r"ci|c", "S"), (r"ie?(?=[aou])", "")),  # German, Polish, Slovak
    ((r"sch|ch|c(?=[ei]|$)|j", "J"),),  # Turkish; South Slavic without its accents
    ((r"s(?=[iy])|sh|ch", "J"), (r"x", "S"), (r"ng$", "n")),  # Lithuanian without its accents; pinyin
)
_SKELETONS = tuple(
    tuple((re.compile(pattern), letter) for pattern, letter in (*_FIRST[:1], *habit, *_FIRST[1:], *_LAST))
    for habit in _HABITS
)
_SHORT = 0.8
"""Likeness of words that have one consonant, or none, and the same: Мей, May."""

_DOUBLE = re.compile(r"(.)\1+")
_HARD = str.maketrans({"г": "ґ", "Г": "Ґ"})
"""What Ukrainian writes with г others write with g or h; here they count as one."""

_WESTERN = str.maketrans({"г": "ґ", "и": "і", "й": "і", "є": "е", "х": "h"})


@cache
def _given() -> tuple[frozenset[str], ...]:
    """Return the sets of given names that are one: those that East Slavic texts and others write too differently."""
    return tuple(
        frozenset(row.cells[0].split()) for row in tsv_tables.read("kg.reference", "given-names.tsv", ("names",))
    )


@cache
def _kin() -> Mapping[str, frozenset[str]]:
    """Return for each given name the set that it belongs to; the last, if it is in several (michael)."""
    return {name: names for names in _given() for name in names}


@cache
def _particles() -> frozenset[str]:
    """Return the words of names that are left out of comparisons."""
    return frozenset(row.cells[0] for row in tsv_tables.read("kg.reference", "name-particles.tsv", ("particle",)))


def likeness(one: str, other: str, *, person: bool = False) -> float:
    """Compare two names, 0 to 1.

    Args:
        one: a name as the text has it.
        other: a name of a record.
        person: words may stand in any order, and be left out of either: patronymics, second names. One that stands for
            several counts for less.
    """
    left, right = _words(one), _words(other)
    if not left or not right:
        return 0.0
    if not person:
        if len(left) != len(right):
            return 0.0
        return min(_word(a, b) for a, b in zip(left, right, strict=True))
    return _people(left, right)


def respelt(name: str) -> str:
    """Write a Cyrillic name in Latin letters as a Western language may have it; others stay as they are."""
    text = name.casefold().translate(_WESTERN)
    return latin(text.replace("дж", "ј").replace("кс", "x")) if text != name.casefold() else name


def searched(name: str) -> list[str]:
    """Give the spellings by which to look a person up: as it stands, as the West has it, and with the given name's kin.

    What a search by letters must find has letters in common with one of them; :func:`likeness` then compares.
    """
    words = latin(name.translate(_HARD)).split()
    kin = [_kin()[words[0]] - {words[0]}] if words and words[0] in _kin() else []
    others = [" ".join((given, *words[1:])) for names in kin for given in sorted(names)]
    return list(dict.fromkeys((name, respelt(name), *others)))


def _people(left: list[str], right: list[str]) -> float:
    """Pair each word of the shorter name with its likest of the longer."""
    short, long = (left, right) if len(left) <= len(right) else (right, left)
    rest = list(long)
    scores = []
    for word in short:
        score, match = max((_word(word, other), other) for other in rest)
        scores.append(score)
        rest.remove(match)
    mean = sum(scores) / len(scores) * 0.5 + min(scores) * 0.5
    if len(short) == 1 and len(long) > 1:  # a surname alone
        last = _word(short[0], long[-1])
        return 0.86 * last if last > 0.85 and short is left else 0.0
    return mean * (1 - 0.02 * len(rest))


def _words(name: str) -> list[str]:
    words, particles = latin(name.translate(_HARD)).split(), _particles()
    return [word for word in words if word not in particles] or words


@lru_cache(maxsize=16384)
def _word(one: str, other: str) -> float:
    """Compare two words in Latin letters."""
    if one == other:
        return 1.0
    if (kin := _kin().get(one)) is not None and kin is _kin().get(other):
        return 0.98
    if min(len(one), len(other)) == 1:
        return 0.9 if one[0] == other[0] else 0.0
    spelt = min(JaroWinkler.similarity(one, other), Levenshtein.normalized_similarity(one, other) + 0.15)
    heard = max(_heard(a, b) for a in skeletons(one) for b in skeletons(other))
    same = {1.0: 0.80 + 0.17 * spelt, _SHORT: _SHORT}.get(heard, 0.0)
    return max(spelt * (0.55 + 0.45 * heard), same)


def _heard(one: str, other: str) -> float:
    if min(len(one), len(other)) > 1:
        return Levenshtein.normalized_similarity(one, other)
    return _SHORT if one == other else 0.0


@lru_cache(maxsize=16384)
def skeletons(word: str) -> frozenset[str]:
    """Give the consonants of a word in Latin letters, in classes: as several languages would have them read."""
    return frozenset(_skeleton(word, rules) for rules in _SKELETONS)


def _skeleton(word: str, rules: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    for pattern, letter in rules:
        word = pattern.sub(letter, word)
    return _DOUBLE.sub(r"\1", word.upper())
