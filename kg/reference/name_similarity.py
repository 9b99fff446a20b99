"""Similarity of two names, word by word and across scripts.

A Ukrainian text writes a foreign name by its sound («Джо Байден»); records write it by its spelling (Joe Biden). So
words are compared in Latin letters, and also by a consonant skeleton that merges letters of similar sound.

Example: «Байден» is transliterated as ``baiden``; ``baiden`` and ``biden`` share the skeleton ``PTN``, in which ``P``
stands for p and b, ``T`` for t and d. For persons, «Джо Байден» and “Joe Biden” have a similarity of 0.84.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache

from rapidfuzz.distance import JaroWinkler, Levenshtein

from kg.files import packaged_tsv_tables
from kg.reference.transliteration_to_latin import latin

# Rules of a skeleton: (pattern, class letter), applied in order, so that groups of letters come before single letters.
# Class letters are capitals and patterns are lower case, so no rule matches the output of another.
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
# Spelling conventions that read the same letters differently. A word has one skeleton for each: “johnson” is JNSN read
# as English, where j sounds like «дж» (dzh, also J), but NSN in conventions that read j as a vowel.
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
"""Similarity of words whose skeletons are equal but at most one letter long: «Мей», May."""

_DOUBLE = re.compile(r"(.)\1+")
_HARD = str.maketrans({"г": "ґ", "Г": "Ґ"})
"""Ukrainian г corresponds to g or h in other languages; mapping it to ґ gives one form to compare."""

_WESTERN = str.maketrans({"г": "ґ", "и": "і", "й": "і", "є": "е", "х": "h"})
"""Letters that Western spellings write otherwise than the transliteration: «Гельмут» is gelmut rather than helmut."""


@cache
def _equivalent_names() -> tuple[frozenset[str], ...]:
    """Return sets of equivalent given names whose spellings are too different to compare: Володимир, Wladimir."""
    return tuple(
        frozenset(row.cells[0].split())
        for row in packaged_tsv_tables.read("kg.reference", "given-names.tsv", ("names",))
    )


@cache
def _equivalents() -> Mapping[str, frozenset[str]]:
    """Map each given name to its set of equivalents; to the last set if it is in several (michael)."""
    return {name: names for names in _equivalent_names() for name in names}


@cache
def _particles() -> frozenset[str]:
    """Return the words that comparisons ignore, in Latin letters (al, bin, …)."""
    return frozenset(
        row.cells[0] for row in packaged_tsv_tables.read("kg.reference", "name-particles.tsv", ("particle",))
    )


def likeness(one: str, other: str, *, person: bool = False) -> float:
    """Return the similarity of two names, 0 to 1.

    Args:
        one: a name in the text.
        other: a name of a record.
        person: whether words may come in any order and be missing from either name, as patronymics and second names
            often are. Missing words and a surname that stands alone lower the similarity. Otherwise names with
            different numbers of words have a similarity of 0.
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
    """Return a Cyrillic name in a Western spelling («Гельмут Коль»: ``gelmut kol``); other names unchanged."""
    text = name.casefold().translate(_WESTERN)
    return latin(text.replace("дж", "ј").replace("кс", "x")) if text != name.casefold() else name


def search_spellings(name: str) -> list[str]:
    """Return spellings to search for a person: the name, its Western spelling, and variants of the given name.

    Example: «Володимир Зеленський», ``volodimir zelenskii``, ``vladimir zelenskyi``, ``wladimir zelenskyi``, …

    A trigram search only finds names that share letters with the text; :func:`likeness` then compares them closely.
    """
    words = latin(name.translate(_HARD)).split()
    equivalents = _equivalents().get(words[0], frozenset()) - {words[0]} if words else frozenset()
    others = [" ".join((given, *words[1:])) for given in sorted(equivalents)]
    return list(dict.fromkeys((name, respelt(name), *others)))


def _people(left: list[str], right: list[str]) -> float:
    """Pair each word of the shorter name with the most similar word of the longer, and return the combined similarity.

    Mean and minimum count equally, so that one unrelated word lowers the result more than it would in a mean. Each word
    of the longer name without a partner lowers it by 2 percent.
    """
    short, long = (left, right) if len(left) <= len(right) else (right, left)
    rest = list(long)
    scores = []
    for word in short:
        score, match = max((_word(word, other), other) for other in rest)
        scores.append(score)
        rest.remove(match)
    mean = sum(scores) / len(scores) * 0.5 + min(scores) * 0.5
    if len(short) == 1 and len(long) > 1:  # a surname alone, accepted only from the text: a record has the full name
        last = _word(short[0], long[-1])
        return 0.86 * last if last > 0.85 and short is left else 0.0
    return mean * (1 - 0.02 * len(rest))


def _words(name: str) -> list[str]:
    """Return the words of a name in Latin letters without particles, unless it consists of particles."""
    words, particles = latin(name.translate(_HARD)).split(), _particles()
    return [word for word in words if word not in particles] or words


@lru_cache(maxsize=16384)
def _word(one: str, other: str) -> float:
    """Return the similarity of two words in Latin letters, by spelling and by skeleton."""
    if one == other:
        return 1.0
    if (names := _equivalents().get(one)) is not None and names is _equivalents().get(other):
        return 0.98
    if min(len(one), len(other)) == 1:  # an initial
        return 0.9 if one[0] == other[0] else 0.0
    spelt = min(JaroWinkler.similarity(one, other), Levenshtein.normalized_similarity(one, other) + 0.15)
    sounds = max(_skeleton_similarity(a, b) for a in skeletons(one) for b in skeletons(other))
    # Equal skeletons suffice for 0.80 or more, whatever the vowels; else both spelling and sound have to agree.
    same = {1.0: 0.80 + 0.17 * spelt, _SHORT: _SHORT}.get(sounds, 0.0)
    return max(spelt * (0.55 + 0.45 * sounds), same)


def _skeleton_similarity(one: str, other: str) -> float:
    if min(len(one), len(other)) > 1:
        return Levenshtein.normalized_similarity(one, other)
    return _SHORT if one == other else 0.0


@lru_cache(maxsize=16384)
def skeletons(word: str) -> frozenset[str]:
    """Return the consonant skeletons of a word in Latin letters, one for each spelling convention.

    Examples: ``baiden`` and ``biden``: PTN; ``johnson``: JNSN, NSN; ``selenskyj``: SLNSK, SLNSKJ.
    """
    return frozenset(_skeleton(word, rules) for rules in _SKELETONS)


def _skeleton(word: str, rules: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    for pattern, letter in rules:
        word = pattern.sub(letter, word)
    return _DOUBLE.sub(r"\1", word.upper())
