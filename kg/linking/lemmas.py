"""Nominatives of names in Ukrainian texts: «Башара Асада» is a form of «Башар Асад».

The dictionary is an optional extra. The form of a word is often ambiguous, so all possible nominatives are returned;
the reference data decides between them, not the grammar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice, product
from typing import Any, Protocol

MISSING = (
    "Names are compared in their inflected forms, because the dictionary is not installed: "
    "pip install '.[lemmas]' in the clone."
)
"""Notice for users without the extra."""

_CASES = ("nomn", "gent", "datv", "accs", "ablt", "loct", "voct")
_WORDS = re.compile(r"([\s\-–]+)")
_CYRILLIC = re.compile(r"[а-яґєії]", re.IGNORECASE)
_MOST = 24
"""Maximum number of nominatives of one name; real names have one to six."""


class _Tag(Protocol):
    """Grammemes of a form, as pymorphy3 has them."""

    POS: str | None
    case: str | None
    number: str | None
    gender: str | None

    def __contains__(self, grammeme: str) -> bool: ...


class _Parse(Protocol):
    """One reading of a word, as pymorphy3 has it."""

    word: str
    tag: _Tag

    def inflect(self, grammemes: set[str]) -> _Parse | None: ...


class Lemmas:
    """Forms of Ukrainian words, from the dictionary of pymorphy3."""

    def __init__(self, analyzer: Any) -> None:
        self._parse = lru_cache(maxsize=8192)(lambda word: tuple(analyzer.parse(word)))

    @classmethod
    def load(cls) -> Lemmas | None:
        """Load the dictionary (0.1 s, 30 MB); return ``None`` if the extra is not installed."""
        try:
            import pymorphy3  # noqa: PLC0415 - optional, and slow to load
        except ImportError:
            return None
        try:
            return cls(pymorphy3.MorphAnalyzer(lang="uk"))
        except ValueError:  # pymorphy3 is installed without the dictionary
            return None

    def nominatives(self, text: str, *, person: bool = False) -> list[str]:
        """Return the possible nominatives of a name, except the name itself.

        Example: «Башара Асада» as the name of a person may be «Башар Асад».

        Args:
            text: a name without other words.
            person: whether all its words are in the same case, as given name and surname are; otherwise words after
                the head noun may stay unchanged («Ради безпеки»: «Рада безпеки»).
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
        """Return whether a word after a common noun is its name («місто Сочі»), not a genitive («столиці Сирії»).

        A name in apposition to its noun is in the nominative, or is not inflected at all.
        """
        word = _WORDS.split(text.strip())[0]
        if not _CYRILLIC.search(word):
            return True
        readings = self._parse(word.lower())
        return any(p.tag.POS == "NOUN" and p.tag.case == "nomn" and p.tag.number != "plur" for p in readings)

    def _readings(self, words: list[str], gaps: list[str], case: str, *, person: bool) -> Iterator[tuple[str, ...]]:
        """Yield readings of the words as a name in one case, with each word in the nominative.

        ``gaps`` are the spaces and hyphens between the words. The head noun and its adjectives share the case; for
        ``person`` see :meth:`nominatives`.
        """
        for gender in ("masc", "femn", "neut", "plur"):
            options: list[list[str]] = []
            headed = False
            for word, gap in zip(words, gaps, strict=True):
                forms = self._forms(word.lower(), case, gender)
                if headed:  # words after the head agree with it, or are a complement in a case of their own
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
        """Return the readings of a word in any capitalisation."""
        return self._parse(word.lower())

    def _forms(self, word: str, case: str, gender: str) -> list[str]:
        """Return the nominatives of a word that may be a noun or adjective in a case and gender (or plural)."""
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
    """Return a form with the capitals of the original word."""
    if old.isupper() and len(old) > 1:
        return new.upper()
    return new[:1].upper() + new[1:] if old[:1].isupper() else new
