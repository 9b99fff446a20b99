r"""Plain queries, which are nearly all: their form and their harmlessness, by regular expressions instead of the lexer.

A query is *plain* if its tokens can be told without context and without splitting words: no escapes, no triple quotes,
no quoted triples, no FROM, keywords in full, prefixed names whose prefixes are declared, and ``<`` either at the start
of an IRI or before a space. Then:

- It calls nothing: neither the word ``service`` is in it nor an escape that could hide it.
- It is well formed for :class:`kg.sparql.query_and_update_analysis.QueryAnalysis`, or the engine refuses it too, so
  that its parser can be left to decide.

Here are also bounds on the depth of any text, from the numbers of certain characters in it.

Every other text is left to the lexer. So an error here costs time, never safety: an answer is that of the lexer, which
the tests compare, and no answer is no refusal. The time is linear: where no token fits, the rest is one match.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from kg.sparql.lexer import KEYWORDS, VARIABLE

_FORMS = frozenset(("SELECT", "ASK", "CONSTRUCT", "DESCRIBE"))
_KEYWORDS = KEYWORDS - {"SERVICE", "LOAD", "PREFIX", "BASE", "VERSION", "FROM"}
# As they are usually spelled, for one operation on sets. The empty string is the match at the end of the text.
_USUAL = {spelled for word in _KEYWORDS for spelled in (word, word.lower(), word.capitalize())} | {"a", ""}

# Marks that open a bracket or may be unary, and all operators and separators.
_NESTING = b"([{!+-"
_CHAINING = _NESTING + b"|&*/^.;,~"
# What terms begin or end with that have no space between them, as in ``(<a><b>?c"d":e _:f[])``.
_TERMS = b"<>?$\"':_@)]}#"

_SPACE = r"[ \t\r\n]"
_NAME = r"[A-Za-z][A-Za-z0-9_\-]*+"
# Where a plain token ends, lest the lexer read on: not ``10`` in ``10e5``, not ``ex:a`` in ``ex:a..b``.
_END = r"(?![A-Za-z0-9_:%\\\-]|[^\x00-\x7F])"
_LOCAL = r"[A-Za-z0-9_][A-Za-z0-9_\-]*+(?!\.*+[A-Za-z0-9_:%\\\-]|\.*+[^\x00-\x7F])"
_EMPTY_LOCAL = r"(?![A-Za-z0-9_:%\\\-.]|[^\x00-\x7F])"
# If the engine could read ``?a <x> ?b`` as two comparisons, the text between the signs would be code. But an operand
# of a comparison is no comparison, so between the two signs there must be ``&&``, ``||``, a comma or a bracket, or
# ``#`` or a quote must hide the second. Only IRIs with ``://`` may contain those here, which is no code, since an
# operand stands between two slashes.
_IRI = r"""<(?:[A-Za-z][A-Za-z0-9+.\-]*+://[^<>"{}|^`\\\x00-\x20]*+|[A-Za-z0-9_.~:/%+\-]*+)>"""
# An absolute IRI that remains one with any plain local name behind it: not ``http://e:80``, not ``urn:%4``.
_NAMESPACE = (
    r"[A-Za-z][A-Za-z0-9+.\-]*+:(?://[A-Za-z0-9.\-]++(?::[0-9]++)?+/|(?!//))"
    r"[A-Za-z0-9._~/:=,;+\-]*+(?:\?[A-Za-z0-9._~/:=,;+?&\-]*+)?+(?:\#[A-Za-z0-9._~/:=,;+\-]*+)?+"
)

# Tokens up to the next word or prefix, and that. Alternatives begin with a character or a class, which the matcher
# tries without a call. In the group, ``.++`` takes the rest of a text that is not plain: no keyword and no prefix.
_NEXT_WORD = re.compile(
    rf"""(?:
        {_SPACE}{_SPACE}*+
        | {VARIABLE}
        | [{{}}()\[\];,./*+=>^!\-]
        | {_IRI}
        | "[^"\\\r\n]++" | ""(?!")
        | '[^'\\\r\n]++' | ''(?!')
        | \#[^\r\n]*+
        | <=?(?={_SPACE})
        | \|\|?+ | && | \?
        | [0-9][0-9]*+(?:\.[0-9]++)?+(?!\.){_END}
        | @[A-Za-z]++(?:-[A-Za-z0-9]++)*+{_END}
        | _:{_LOCAL}
    )*+
    (
        (?:{_NAME})?+:(?:(?={_LOCAL})|{_EMPTY_LOCAL})
        | [A-Za-z][A-Za-z0-9_]*+(?!\.){_END}
        | .++
        | \Z
    )
    (?:(?<=:){_LOCAL})?+""",
    re.VERBOSE | re.DOTALL,
)
_DECLARATION = re.compile(
    rf"{_SPACE}++|#[^\r\n]*+|(?ai:PREFIX){_SPACE}++((?:{_NAME})?+:){_SPACE}*+<{_NAMESPACE}>|(?ai:BASE){_SPACE}*+{_IRI}"
)
_PROLOGUE = re.compile(rf"(?:{_DECLARATION.pattern})*+")


def nesting_bound(text: str) -> int:
    """Return an upper bound on :func:`kg.sparql.lexer.nesting`: the number of marks that may nest, anywhere."""
    return _count(text, _NESTING) + text.count("<<")


def height_bound(text: str) -> int:
    """Return an upper bound on :func:`kg.sparql.lexer.height`: the number of marks that chain, and of terms.

    In a collection terms follow one another without a mark. Each but the first has white space before it, or one of
    :data:`_TERMS` in it or at the end of the term before it, or is TRUE or FALSE or a number right behind those.
    """
    lower = text.lower()
    words = len(text.split()) + 2 * (lower.count("true") + lower.count("false"))
    return _count(text, _CHAINING + _TERMS) + words


def _count(text: str, characters: bytes) -> int:
    """Return how many characters of ``text`` are among these ASCII characters."""
    data = text.encode("utf-8", "surrogatepass")
    return len(data) - len(data.translate(None, characters))


def plain_form(text: str, prefixes: Mapping[str, str] | None = None) -> str:
    """Return the form of a plain query (SELECT, ASK, CONSTRUCT or DESCRIBE), or an empty string for any other text.

    Args:
        text: the query.
        prefixes: namespaces by prefix that the query need not declare.

    >>> plain_form("PREFIX e: <http://e/> select ?o { e:a ?p ?o }")
    'SELECT'
    >>> plain_form("ASK { SERVICE <http://e/> {} }")
    ''
    """
    if "service" in text.lower() or "<<" in text:
        return ""
    prologue = _PROLOGUE.match(text)
    assert prologue is not None, "the pattern also matches nothing"
    start = prologue.end()
    words: list[str] = _NEXT_WORD.findall(text, start)
    unusual = set(words).difference(_USUAL, _DECLARATION.findall(prologue.group()))
    if unusual and not all(_is_known(word, prefixes or {}) for word in unusual):
        return ""
    form = words[0].upper()
    return form if form in _FORMS and text.startswith(words[0], start) else ""


def _is_known(word: str, prefixes: Mapping[str, str]) -> bool:
    """Return whether a word is a keyword in an unusual spelling, or a prefix that need not be declared."""
    if word.endswith(":"):
        return re.fullmatch(_NAMESPACE, prefixes.get(word[:-1], "")) is not None
    return word.isascii() and word.upper() in _KEYWORDS
