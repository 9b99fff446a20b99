"""Names of Ukrainian texts in the nominative: «Башара Асада» is said of Башар Асад.

The dictionary is an optional extra. Which form a word stands in is often not certain, so that several nominatives are
given; that one of them is a name in the reference data decides, and not the grammar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice, product
from typing import Any, Protocol

MISSING = (
    "Names are compared as the text inflects them, for the dictionary is not installed: "
    "pip install '.[lemmas]' in the clone."
)
"""What to say where the extra is missing."""

_CASES = ("nomn", "gent", "datv", "accs", "ablt", "loct", "voct")
_WORDS = re.compile(r"([\s\-–]+)")
_CYRILLIC = re.compile(r"[а-яґєії]", re.IGNORECASE)
_MOST = 24
"""Nominatives of one name that are tried; real ones have one to six."""


class _Tag(Protocol):
    POS: str | None
    case: str | None
    number: str | None
    gender: str | None

    def __contains__(self, grammeme: str) -> bool: ...


class _Parse(Protocol):
    word: str
    tag: _Tag

    def inflect(self, grammemes: set[str]) -> _Parse | None: ...


class Lemmas:
    """Knows the forms of Ukrainian words."""

    def __init__(self, analyzer: Any) -> None:
        self._parse = lru_cache(maxsize=8192)(lambda word: tuple(analyzer.parse(word)))

    @classmethod
    def load(cls) -> Lemmas | None:
        """Load the dictionary (0.1 s, 30 MB); ``None`` where the extra is missing."""
        try:
            import pymorphy3  # noqa: PLC0415 - optional, and it takes time to load
        except ImportError:
            return None
        try:
            return cls(pymorphy3.MorphAnalyzer(lang="uk"))
        except ValueError:  # the program without the dictionary
            return None

    def nominatives(self, text: str, *, person: bool = False) -> list[str]:
        """Give what a name may be in the nominative, without the name as it stands.

        Args:
            text: a name, alone.
            person: all its words stand in one case, as given name and surname do; else what follows the head noun
                («Рада безпеки») may stay as it is.
        """
        if not _CYRILLIC.search(text):
            return []
        pieces = _WORDS.split(text.strip())
        words, gaps = pieces[::2], [*pieces[1::2], ""]
        found: dict[str, None] = {}
        for case in _CASES:
            for chosen in self._readings(words, gaps, case, person=person):
                name = "".join(f"{_cased(new, old)}{gap}" for new, old, gap in zip(chosen, words, gaps, strict=True))
                found[name] = None
        found.pop(text.strip(), None)
        return list(found)[:_MOST]

    def is_named(self, text: str) -> bool:
        """Tell whether a word after a common noun names it («місто Сочі») and not what it is of («столиці Сирії»).

        A name that stands beside its noun is in the nominative when the noun is, or is not inflected at all.
        """
        word = _WORDS.split(text.strip())[0]
        if not _CYRILLIC.search(word):
            return True
        readings = self._parse(word.lower())
        return any(p.tag.POS == "NOUN" and p.tag.case == "nomn" and p.tag.number != "plur" for p in readings)

    def _readings(self, words: list[str], gaps: list[str], case: str, *, person: bool) -> Iterator[tuple[str, ...]]:
        """Give the ways to read the words as a name that stands in a case, each word in the nominative."""
        for gender in ("masc", "femn", "neut", "plur"):
            options: list[list[str]] = []
            headed = False
            for word, gap in zip(words, gaps, strict=True):
                forms = self._forms(word.lower(), case, gender)
                if headed:  # what follows the head may be of it, or stand beside it in a case of its own
                    options.append([*forms, word] if person else [word, *forms])
                elif forms:
                    options.append(forms)
                    headed = person or any(p.tag.POS == "NOUN" and p.tag.case == case for p in self._known(word))
                elif not _CYRILLIC.search(word) or gap in ("-", "–"):
                    options.append([word])  # Нью-Йорк
                else:
                    break
            if len(options) == len(words):
                yield from islice(product(*options), _MOST)

    def _known(self, word: str) -> tuple[_Parse, ...]:
        return self._parse(word.lower())

    def _forms(self, word: str, case: str, gender: str) -> list[str]:
        """Give the nominatives of a word that may stand in a case, as a noun or adjective of a gender (or plural)."""
        found: dict[str, None] = {}
        for parse in self._parse(word):
            tag = parse.tag
            if tag.POS not in ("NOUN", "ADJF") or tag.case != case:
                continue
            if (tag.number == "plur") != (gender == "plur") or (gender != "plur" and tag.gender not in (gender, None)):
                continue
            form = parse.inflect({"nomn"} if tag.number == "plur" or tag.gender is None else {"nomn", tag.gender})
            if form is not None:
                found[form.word] = None
        return list(found)


def _cased(new: str, old: str) -> str:
    """Write a form with the capitals of the word that it comes from."""
    if old.isupper() and len(old) > 1:
        return new.upper()
    return new[:1].upper() + new[1:] if old[:1].isupper() else new
