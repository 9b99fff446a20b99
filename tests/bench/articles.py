"""Generator of articles from the template: deterministic for a seed and number, in constant memory."""

from __future__ import annotations

import datetime
import hashlib
import itertools
import random
import re
from collections import defaultdict
from dataclasses import dataclass

from tests.bench.template import SEED, Slot, Template, pieces

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_SYLLABLES = (
    ("ba", "ба"), ("be", "бе"), ("bo", "бо"), ("da", "да"), ("do", "до"), ("du", "ду"), ("ga", "ґа"), ("ge", "ґе"),
    ("ka", "ка"), ("ko", "ко"), ("la", "ла"), ("le", "ле"), ("li", "лі"), ("ma", "ма"), ("me", "ме"), ("mi", "мі"),
    ("na", "на"), ("ne", "не"), ("ni", "ні"), ("no", "но"), ("pa", "па"), ("ra", "ра"), ("re", "ре"), ("ri", "рі"),
    ("ro", "ро"), ("ru", "ру"), ("sa", "са"), ("se", "се"), ("so", "со"), ("ta", "та"), ("te", "те"), ("to", "то"),
    ("tu", "ту"), ("va", "ва"), ("ve", "ве"), ("vi", "ві"), ("za", "за"),
)  # fmt: skip
_HEADING = 120
"""Longest text, in characters, that is put before that of the seed article so that offsets differ."""


@dataclass(frozen=True)
class Article:
    """One article, as N-Triples without the final dot.

    Attributes:
        identifier: its id.
        asserted, inferred: what speaks of this article, and so stands nowhere else.
        asserted_shared, inferred_shared: what may stand in other articles, too.
        reference: reference facts that it relies on.
        parts: local names of its claims and situations.
        entities: slugs.
    """

    identifier: str
    asserted: list[str]
    inferred: list[str]
    asserted_shared: list[str]
    inferred_shared: list[str]
    reference: list[str]
    parts: list[str]
    entities: list[str]


class Author:
    """Generator of articles from the template.

    The entities of an article are drawn with probabilities of 1/rank (Zipf's law) from a population of each class that
    grows with the corpus: a few are in many articles, most in one or two. The entities of the seed article have the
    first ranks.
    """

    def __init__(self, template: Template, seed: int, articles: int) -> None:
        self.template = template
        self.seed = seed
        self.pools: dict[str, list[list[str]]] = defaultdict(list)
        for group in template.groups:
            self.pools[template.entities[group[0]] if len(group) == 1 else group[0]].append(group)
        self.sizes = {name: max(200, articles * len(groups) // 2) for name, groups in self.pools.items()}
        self.words: dict[tuple[int, bool], list[str]] = defaultdict(list)
        self.texts = {slot.value: list(pieces(slot.value)) for slot in template.slots if slot.kind in ("text", "words")}
        for piece, word in itertools.chain.from_iterable(self.texts.values()):
            if word and piece not in self.words[len(piece), piece.isascii()]:
                self.words[len(piece), piece.isascii()].append(piece)
        self.known = {(s.about, s.key): s.value for s in template.slots if s.kind == "property"}
        self.parts = sorted({*template.users} - {""})

    def write(self, number: int) -> Article:
        """Write the article with this number."""
        rng = random.Random(f"{self.seed}/{number}")
        identifier = f"n{number:07d}"
        cast = self._cast(rng)
        values = self._values(rng, identifier, cast)
        left_out = self._left_out(rng)
        template = self.template
        kept = bytearray(b"\1") * (len(template.asserted) + len(template.inferred))
        for part in left_out:
            for place in template.users[part]:
                kept[place] = 0
        graphs: list[list[str]] = [[], [], [], []]
        for start, lines in ((0, template.asserted), (1, template.inferred)):
            offset = len(template.asserted) * start
            for line in itertools.compress(lines, memoryview(kept)[offset:]):
                graphs[start if line.named else start + 2].append(line.render(values))
        reference = [line.render(values) for line in template.reference]
        parts = [part for part in self.parts if part not in left_out]
        entities = [slug for slug, _, _ in cast.values()]
        return Article(identifier, graphs[0], graphs[1], graphs[2], graphs[3], reference, parts, entities)

    def _cast(self, rng: random.Random) -> dict[str, tuple[str, str, int]]:
        """Choose a replacement for each entity: its slug, the slug it resembles, and its rank."""
        cast = {}
        for pool, groups in self.pools.items():
            taken: set[int] = set()
            for group in groups:
                rank = int(self.sizes[pool] ** rng.random()) - 1
                while rank in taken:
                    rank = int(self.sizes[pool] ** rng.random()) - 1
                taken.add(rank)
                for slug in group:
                    if rank < len(groups):
                        name = groups[rank][0] if len(group) == 1 else slug
                        cast[slug] = (name, name, -1)
                    else:
                        stem = pool.rpartition("#")[2].lower() if len(group) == 1 else slug
                        cast[slug] = (f"{stem}-{rank}", slug, rank)
        return cast

    def _left_out(self, rng: random.Random) -> set[str]:
        share = rng.uniform(0, 0.7)
        return {part for parts in self.template.loose if rng.random() < share for part in parts}

    def _values(self, rng: random.Random, identifier: str, cast: dict[str, tuple[str, str, int]]) -> list[str]:
        heading = "".join(rng.choices("абвгдеєжзиіїклмнопрстуфхцчшщьюя   ", k=rng.randrange(_HEADING)))
        text = heading + next(self._worded(rng, slot.value) for slot in self.template.slots if slot.kind == "text")
        page = _Page(identifier, text, len(heading), datetime.timedelta(days=rng.randrange(-3650, 365)))
        return [self._value(rng, slot, page, cast) for slot in self.template.slots]

    def _value(self, rng: random.Random, slot: Slot, page: _Page, cast: dict[str, tuple[str, str, int]]) -> str:
        match slot.kind:
            case "article":
                return page.identifier
            case "entity":
                return cast[slot.value][0]
            case "passage" | "offset" | "exact":
                return page.place(slot)
            case "property":
                return _escaped(self._property(slot, *cast[slot.about]))
            case "class":
                siblings = self.template.siblings[slot.value]
                return slot.value if rng.random() < 0.5 else rng.choice(siblings)
            case "words":
                return _escaped(self._worded(rng, slot.value))
            case "dates":
                return _DATE.sub(lambda m: str(datetime.date.fromisoformat(m[0]) + page.later), slot.value)
            case "confidence":
                return f"0.{rng.randrange(5, 10)}" if rng.random() < 0.7 else "1"
            case "sha256":
                return hashlib.sha256(page.text.encode()).hexdigest()
            case _:
                return _escaped(page.text)

    def _property(self, slot: Slot, slug: str, like: str, rank: int) -> str:
        if rank < 0:
            return self.known.get((slug, slot.key), slot.value)
        cyrillic, words = slot.key.endswith("@uk"), []
        for salt in (1, 11):
            rest = rank * 7919 * salt + len(like) + 37**2  # at least three syllables
            word = ""
            while rest:
                rest, at = divmod(rest, len(_SYLLABLES))
                word += _SYLLABLES[at][cyrillic]
            words.append(word.capitalize())
        return " ".join(words)

    def _worded(self, rng: random.Random, text: str) -> str:
        """Exchange most words for others of the same length, so that offsets stay correct."""
        rand = rng.random
        out = []
        for piece, word in self.texts[text]:
            if word and rand() < 0.7:
                pool = self.words[len(piece), piece.isascii()]
                out.append(pool[int(rand() * len(pool))])
            else:
                out.append(piece)
        return "".join(out)


@dataclass(frozen=True)
class _Page:
    identifier: str
    text: str
    moved: int
    later: datetime.timedelta

    def place(self, slot: Slot) -> str:
        start, end = (int(offset) + self.moved for offset in slot.about.split(","))
        if slot.kind == "exact":
            return _escaped(self.text[start:end])
        if slot.kind == "passage":
            return f"{start},{end}"
        return str(int(slot.value) + self.moved)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")


def original(template: Template) -> Article:
    """Return the seed article itself."""
    triples = template.original
    parts = sorted({*template.users} - {""})
    return Article(
        SEED, triples["asserted"], triples["inferred"], [], [], triples["reference"], parts, list(template.entities)
    )
