"""Texts of queries and of what looks like queries, to compare analyses: ``python -m tests.query_texts NUMBER SEED``.

The sources are the W3C suites where they are at hand, the pages of the guide, the README and the competency questions,
and expressions in which ``<`` may open an IRI or compare. Each text is spliced and changed at random, by a seed.
"""

from __future__ import annotations

import os
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kg.errors import BadInput, MalformedText
from kg.rdf import oxigraph, oxigraph_queries
from kg.rdf.query_request_and_result import QueryDataset, ResultFormats
from kg.sparql.checks_without_lexer import height_bound, nesting_bound, plain_form
from kg.sparql.lexer import tokens
from kg.sparql.query_and_update_analysis import QueryAnalysis
from kg.sparql.text_depth import height, nesting

ROOT = Path(__file__).resolve().parents[1]
SUITES = Path(os.environ.get("CLAIMGRAPH_SUITES") or ROOT.parent / "shared" / "suites")
BASE = "http://e/x/"
PREFIXES = {"e": "http://e/", "given": "urn:given:", "port": "http://e:80", "GRAPHe": "urn:"}

_SPARQL = re.compile(r"```sparql\n(.*?)```", re.DOTALL)
_HEADS = (
    "",
    "PREFIX e: <http://e/> ",
    "PREFIX u: <urn:> PREFIX : <http://e/#>\n",
    "BASE <x> ",
    "prefix filtere:<urn:>",
    "# c\nPREFIX e: <y> ",
    "PREFIX e: <urn:%4> ",
    "PREFIX notin: <urn:x> ",
    "PREFIX a.b: <urn:x> ",
    "PREFIX e: <http://e:8> ",
    "PREFIX e:<urn:x>#\nBASE<http://e/>",
    "PREFIX é: <urn:x> ",
)
_FRAMES = (
    "ASK {{ VALUES (?a ?b) {{ (1 2) }} FILTER({}) }}",
    "SELECT ({} AS ?x) {{ ?a ?p ?b }}",
    "SELECT * {{ ?a ?p ?b }} ORDER BY ({})",
    "SELECT * {{ ?a ?p ?b . FILTER EXISTS {{ ?a ?p ?b FILTER({}) }} }}",
    "SELECT * {{ ?a ?p {} }}",
    "DESCRIBE {}",
    "SELECT * {{ BIND({} AS ?x) }}",
    "SELECT ?a {{ ?a ?p ?b }} GROUP BY ?a HAVING ({})",
    "ASK {{ FILTER e:f({}) }}",
    "CONSTRUCT {{ ?a ?p {} }} {{ ?a ?p ?b }}",
    "SELECT (GROUP_CONCAT({}; SEPARATOR=' ') AS ?x) {{}}",
    "ASK {{ ?a {} ?b }}",
    "SELECT * FROM {} {{ ?a ?p ?b }}",
    "ASK {{ FILTER(?a IN ({})) }}",
    "{{ {} }}",
    "ASK {{ ?a {} ?b .\n# <\n }} LIMIT 1",
)
_WORDS = r"""
< <= << > >= >> <u:x> <x> <> <#x> <u:x#y> <http://x/#y> <http://x/'y> <http://x,y(z)> <u:b&&?c> <?b&&?c> <1>
<e:b/e:c> <http://b&&e:c> <=x> <true> ?a ?b $c ?é ? $ e:a e: :a u:a.b e:a.b.c e:a. e:a..b e:%41 e:%4 e:é e:a-
e:a:b given:a port:1 port:a GRAPHe:g FILTERe:f nope:a a A true false trueIN NOT IN NOTIN EXISTS AS DISTINCT FROM
NAMED FROMe:g SERVICE service SERVICEe:x PREFIX BASE VERSION LOAD SELECT select Select sElect SELECTx ASK WHERE
UNION OPTIONAL MINUS GRAPH FILTER BIND VALUES UNDEF LIMIT LIMIT10 10OFFSET STR( REGEX( sameTerm( COUNT(*) NOW()
RAND() BNODE() EXISTS{ 1 10 1.5 1. .5 1e5 1.5e 1.5.5 1a -1 +1 'x' "x" '' "" "a""b" ' " "<" '<u:x>' "é" "#"
"x"@en @en-GB @en--ltr @en_x ^^ e:t ^ ^^<u:x> || | && & ! != = + - * / , ; . ( ) { } [ ] {| |} ~ _:a _:a.b _:
_:é # ſ ſelect ﬁlter é <é> <http://é/> %41
"""
_PIECES = (
    *_WORDS.split(),
    '"""',
    "'''",
    "e:\\-a",
    '"\\n"',
    "# c\n",
    "#\n",
    "#>\n",
    "\n",
    " ",
    "\t",
    "\r",
    "\r\n",
    "\x00",
    "\xa0",
    "\\",
    "\\u0041",
    "\\u0053ERVICE",
    "\ud800",
    "\ufeff",
)
_CASES = (str.upper, str.lower, str.title, str.swapcase)


@cache
def sources() -> tuple[str, ...]:
    """Return the texts that are changed, always in the same order."""
    pages = [ROOT / "README.md", *sorted((ROOT / "api/guide/en").glob("*.md"))]
    found = [text for page in pages for text in _SPARQL.findall(page.read_text("utf-8"))]
    queries = [*sorted((ROOT / "ontology/questions").glob("*.rq")), *sorted(SUITES.glob("data/**/*.rq"))]
    return tuple(found + [path.read_text("utf-8", "replace") for path in queries])


def texts(seed: int) -> Iterator[str]:
    """Yield texts without end."""
    chance = random.Random(seed)
    kept = [text for text in sources() if len(text) < 1500]
    pieces = [[token.text for token in tokens(text)] for text in kept]
    while True:
        kind = chance.random()
        if kind < 0.4:
            yield _changed(chance, _Grammar(chance).query(), chance.choice((0, 0, 0, 1)))
            continue
        if kind < 0.7:
            yield _changed(chance, _built(chance), chance.choice((0, 0, 0, 1)))
            continue
        number = chance.randrange(len(kept))
        if chance.random() < 0.3:
            gap = chance.choice((" ", "", "\n", "#\n"))
            parts = _spliced(chance, pieces[number], chance.choice(pieces))
            yield gap.join(parts)
        else:
            yield _changed(chance, kept[number], chance.choice((0, 1, 1, 1, 2, 3)))


def _built(chance: random.Random) -> str:
    """Return an expression or the like in a frame."""
    gap = chance.choice((" ", " ", "", "\n"))
    operands = ("?a", "?b", "1", "e:a", "u:a", "'x'", "<u:x>", "<http://x/>", "(1)", "true", "STR(?a)")
    parts = []
    for _ in range(chance.randrange(1, 7)):
        parts.append(chance.choice(operands) if chance.random() < 0.5 else chance.choice(_PIECES))
    return chance.choice(_HEADS) + chance.choice(_FRAMES).format(gap.join(parts))


class _Grammar:
    """Generator of queries by the grammar, whose tokens stand close together or are parted by space or comments.

    The engine accepts most of them. It reads ``FILTERe:f(1)`` as FILTER and ``e:f``, and ``?a<1#>`` and a line feed as
    a comparison and a comment, where the lexer finds a fault.
    """

    _IRIS = (
        "<u:x>",
        "<x>",
        "<e:a>",
        "<http://x/#y>",
        "<http://x/'y>",
        "<http://x/y,z(z)&&?a>",
        "<u:x#y>",
        "<u:a,?b>",
        "<e:a&&?b>",
        "<1#>",
        "<?a&&(?b)>",
    )
    _NAMES = (
        "e:boolean",
        "e:integer",
        ":a",
        "e:a",
        "e:a.b",
        "e:a.b.c",
        "e:a.b.e:c ?p ?o",
        "e:%41",
        "e:a-b",
        "e:",
        "FILTERe:a",
    )
    _ATOMS = (
        "?a",
        "?b",
        "1",
        "1.5",
        "1e1",
        ".5",
        "true",
        "'x'",
        '"x>"',
        '"é"@en',
        "'<'",
        "''",
        "'#'",
        "NOW()",
        "'1'^^e:a",
    )
    _SIGNS = (
        "<",
        ">",
        "<=",
        ">=",
        "=",
        "!=",
        "<",
        "< ",
        "> ",
        "+",
        "-",
        "*",
        "/",
        "&&",
        "||",
        "<1#>\n&&",
        "<e:a&&?b>",
        "<'x>'||",
    )
    _SPECIAL = frozenset(
        ("e:%41", "e:a.b.c", "e:a.b", "1e1", ".5", "<x#y>", "<u:x#y>", "<u:a,?b>", "<e:a&&?b>", "<?a&&(?b)>", "NOTIN")
    )

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._gaps = chance.choice(((" ",), (" ", ""), ("", "", " ", "\n"), (" ", "#\n", "#>\n", "#'\n", "")))
        self._plain = chance.random() < 0.7

    def _one(self, *choices: str) -> str:
        found = self._chance.choice(choices)
        return self._one(*choices) if self._plain and found in self._SPECIAL else found

    def _join(self, *parts: str) -> str:
        return "".join(part + self._chance.choice(self._gaps) for part in parts)

    def _term(self) -> str:
        return self._one(self._one(*self._IRIS), self._one(*self._NAMES), self._one(*self._ATOMS[:6]), "[]", "_:b")

    def expression(self, depth: int) -> str:
        """Return an expression."""
        if depth <= 0 or self._chance.random() < 0.3:
            return self._one(
                self._one(*self._ATOMS), self._one(*self._ATOMS), self._one(*self._IRIS), self._one(*self._NAMES)
            )
        inner = [self.expression(depth - 1) for _ in range(2)]
        return self._chance.choice(
            (
                lambda: self._join(inner[0], self._one(*self._SIGNS), inner[1]),
                lambda: self._join("(", inner[0], ")"),
                lambda: self._join(self._one("!", "-", "+"), inner[0]),
                lambda: self._join(self._one("STR", "str", "isIRI", *self._NAMES, *self._IRIS), "(", inner[0], ")"),
                lambda: self._join(inner[0], self._one("IN", "NOT IN", "NOTIN"), "(", inner[1], ",", self._term(), ")"),
                lambda: self._join(self._one("EXISTS", "NOT EXISTS"), self.group(depth - 1)),
            )
        )()

    def group(self, depth: int) -> str:
        """Return a group graph pattern."""
        parts = [self._element(depth) for _ in range(self._chance.randrange(1, 4))]
        return self._join("{", *parts, "}")

    def _triple(self) -> str:
        verb = self._one("?p", "a", self._one(*self._NAMES), self._one(*self._IRIS), "(e:a|^e:b)/e:c*")
        return self._join(self._one("?a", "?b", "e:a", "<x>"), verb, self._term(), ".")

    def _element(self, depth: int) -> str:
        if depth <= 0 or self._chance.random() < 0.3:
            return self._triple()
        return self._chance.choice(
            (
                self._triple,
                lambda: self._join("FILTER", "(", self.expression(depth), ")"),
                lambda: self._join("FILTER", "(", self.expression(depth), ")"),
                lambda: self._join(
                    self._one("FILTER", "filter"), self._one(*self._NAMES), "(", self.expression(1), ")"
                ),
                lambda: self._join(self._one("OPTIONAL", "MINUS", "GRAPHe:g", "GRAPH e:g"), self.group(depth - 1)),
                lambda: self._join(self.group(depth - 1), "UNION", self.group(depth - 1)),
                lambda: self._join("BIND", "(", self.expression(depth), "AS", f"?v{self._chance.randrange(99)}", ")"),
                lambda: self._join("VALUES", "(", "?a", "?b", ")", "{", "(", self._one(*self._IRIS), "1", ")", "}"),
                lambda: self._join("{", "SELECT", "*", self.group(depth - 1), "}"),
            )
        )()

    def query(self) -> str:
        """Return a query."""
        prefixes = self._one(
            "", "", "", "PREFIX FILTERe: <urn:x> ", "PREFIX ae: <urn:x> PREFIX b: <http://e> ", "BASE <urn:x>"
        )
        head = f"{prefixes}PREFIX e: <http://www.w3.org/2001/XMLSchema#> PREFIX : <urn:> "
        form = self._one(
            "ASK",
            "SELECT *",
            f"SELECT ({self.expression(2)} AS ?x)",
            "SELECT ?a",
            "CONSTRUCT {?a ?b ?c}",
            "DESCRIBE ?a",
        )
        tail = self._one(
            "", "", f"ORDER BY ({self.expression(2)})", f"GROUP BY ?a HAVING ({self.expression(2)})", "LIMIT 1 OFFSET 1"
        )
        if tail.startswith("GROUP"):
            form = "SELECT ?a"
        return head + self._join(form, self._one("", "WHERE"), self.group(3), tail)


def _changed(chance: random.Random, text: str, number: int) -> str:
    """Return a text after a number of changes of a few characters."""
    for _ in range(number):
        start = chance.randrange(len(text) + 1)
        end = min(len(text), start + chance.choice((0, 0, 1, 1, 3, 10)))
        part = chance.choice(
            (chance.choice(_PIECES), "", " ", text[start:end] * 2, chance.choice(_CASES)(text[start:end]))
        )
        text = text[:start] + part + text[end:]
    return text


def _spliced(chance: random.Random, first: list[str], second: list[str]) -> list[str]:
    """Return some tokens of one text, followed by some of another, or with some of them inside."""
    start, end = sorted(chance.randrange(len(first) + 1) for _ in range(2))
    other = chance.randrange(len(second) + 1)
    return [
        *first[:start],
        *second[other : other + chance.randrange(6)],
        *first[end if chance.random() < 0.3 else start :],
    ]


_RISKY = re.compile(r"service|load|\\", re.IGNORECASE)
"""What might make the engine send a request."""


@dataclass
class Comparison:
    """Comparison of the fast analysis with that of the lexer; ``seen`` counts its outcomes."""

    store: oxigraph.Engine
    seen: Counter[str]

    def compare(self, text: str, prefixes: dict[str, str]) -> None:
        """Assert that the fast analysis of a text decides like the lexer, or leaves it to that or to the engine."""
        assert nesting(text) <= nesting_bound(text), text
        assert height(text) <= height_bound(text), text
        form = plain_form(text, prefixes)
        parsed = QueryAnalysis.parse(text, BASE, prefixes)
        if not form:
            hidden = parsed.malformed and not _RISKY.search(text) and not self.refused(text, prefixes)
            self.seen["refused by the lexer only" if hidden else "left to the lexer"] += 1
            return
        assert parsed.form == form, text
        assert not parsed.services, text
        assert not parsed.has_dataset, text
        self.seen["refused by both" if parsed.malformed else "plain"] += 1
        assert not parsed.malformed or self.refused(text, prefixes), text

    def refused(self, text: str, prefixes: dict[str, str]) -> bool:
        """Return whether the engine finds a syntax error in a text."""
        try:
            oxigraph_queries.query(self.store, text, ResultFormats(), QueryDataset(base=BASE, prefixes=prefixes))
        except MalformedText:
            return True
        except BadInput:
            return False
        return False


def compare(number: int, seed: int) -> Counter[str]:
    """Compare the analyses of a number of texts, and return the numbers of outcomes."""
    comparison = Comparison(oxigraph.open_store(None), Counter())
    for index, text in zip(range(number), texts(seed), strict=False):
        comparison.compare(text, PREFIXES if index % 2 else {})
    return comparison.seen


if __name__ == "__main__":
    print(dict(compare(int(sys.argv[1]), int(sys.argv[2]))))
