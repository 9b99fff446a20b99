"""Cursor over the tokens of a SPARQL request, and resolution of IRIs against its prefixes and base."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kg.sparql.lexer import LineIndex, Position, SparqlToken, TokenKind, tokens

_UCHAR = re.compile(r"\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_PARTS = re.compile(r"([^:/?#]+:)?(//[^/?#]*)?([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL)
_PCHAR = r"[A-Za-z0-9\-._~!$&'()*+,;=\u00A0-\uD7FF\uF900-\uFDCF\uFDF0-\uFFEF\U00010000-\U000EFFFD]|%[0-9A-Fa-f]{2}"
_IRI = re.compile(
    rf"{_SCHEME.pattern}(?://(?:(?:{_PCHAR}|:)*+@)?(?:\[[^\]]*\]|(?:{_PCHAR})*+)(?::[0-9]*+)?(?![^/?#])|(?!//))"
    rf"(?:{_PCHAR}|[:@/])*+(?:\?(?:{_PCHAR}|[:@/?\uE000-\uF8FF])*+)?(?:#(?:{_PCHAR}|[:@/?])*+)?"
)
# Keywords that a name can follow; after any other token the engine splits a name such as ``SERVICEex:x``.
_BEFORE_NAME = ("GRAPH", "SERVICE", "SILENT")
_ESCAPED = re.compile(r"\\.")
_TWO_DOTS = re.compile(r"\.[^.]+\.+[^.]")


class UnexpectedToken(Exception):
    """The current token does not follow the grammar."""


class TokenCursor:
    """A cursor over the tokens of one text.

    Attributes:
        token: the current token, not consumed yet; at the end an empty one.
        last: the token consumed last.
        braces: number of open curly brackets.
        services: positions of SERVICE so far.
        malformed: first position where the text does not follow the grammar, or ``None``.
    """

    def __init__(self, text: str, base: str, prefixes: Mapping[str, str] | None = None) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._end = SparqlToken(TokenKind.UNKNOWN, "", len(text), len(text))
        self._lines = LineIndex(text)
        self._base = base
        self._prefixes = dict(prefixes or {})
        self._readable_names: set[str] = set()
        self._before = self.last = self._end
        self.token = next(self._tokens, self._end)
        self.braces = 0
        self.services: list[Position] = []
        self.malformed: Position | None = None

    @property
    def ended(self) -> bool:
        """Whether all tokens have been consumed."""
        return self.token is self._end

    @property
    def position(self) -> Position:
        """Position of the current token."""
        return self._lines.at(self.token.start)

    def reject(self) -> None:
        """Record that the text is malformed here, unless an earlier place is recorded."""
        self.malformed = self.malformed or self.position

    def possible_calls(self, *words: str) -> tuple[Position, ...]:
        """Return the malformed position if the text contains one of ``words`` anywhere, else nothing.

        From that position on, the engine may read a call (SERVICE, LOAD) that this cursor does not.
        """
        text = self._text.upper() if self.malformed else ""
        return (self.malformed,) if self.malformed and any(word in text for word in words) else ()

    def at(self, *words: str) -> bool:
        """Return whether the current token is one of these keywords (in capitals) or punctuation marks."""
        return _is(self.token, *words)

    def accept(self, *words: str) -> bool:
        """Consume the current token if it is one of these keywords or marks; return whether it was."""
        found = self.at(*words)
        if found:
            self.take()
        return found

    def expect(self, *words: str) -> SparqlToken:
        """Consume and return the current token, which must be one of these keywords or marks.

        Raises:
            UnexpectedToken: it is another.
        """
        if not self.at(*words):
            raise UnexpectedToken
        return self.take()

    def take(self) -> SparqlToken:
        """Consume and return the current token, and record brackets, calls and malformed names."""
        kind, text = self.token.kind, self.token.text
        if kind is TokenKind.PUNCTUATION:
            self.braces += (text == "{") - (text == "}")
            # The engine splits a name that fits nowhere: it reads ``SERVICEex:x {`` as SERVICE and ``ex:x {``.
            if (
                text == "{"
                and self.braces > 1
                and _is_cut(self.last, "SERVICE")
                and not _is(self._before, *_BEFORE_NAME)
            ):
                self.services.append(self._lines.at(self.last.start))
        elif kind is TokenKind.WORD:
            if text.upper() == "SERVICE":
                self.services.append(self.position)
        elif kind is TokenKind.UNKNOWN or (kind is TokenKind.PNAME and not self._readable(text)):
            self.reject()
        return self._advance()

    def iri(self, *cuts: str) -> str:
        """Consume an IRI or prefixed name and return it as an absolute IRI.

        Args:
            cuts: keywords that are also allowed here. The engine tries them first and splits a name that begins with
                one, such as ``SILENTex:a``; so such a name is rejected.

        Raises:
            UnexpectedToken: the current token is something else, or a name with an unknown prefix.
        """
        token = self.token
        if any(_is_cut(token, keyword) for keyword in cuts):
            raise UnexpectedToken
        if token.kind is TokenKind.IRIREF:
            value: str | None = resolve(self._base, _unescape(token.text[1:-1]))
        else:
            value = self._expand(token.text) if token.kind is TokenKind.PNAME else None
        if value is None:
            raise UnexpectedToken
        self.take()
        return value

    def prologue(self) -> None:
        """Consume declarations (BASE, PREFIX, and VERSION of SPARQL 1.2), which apply from here on.

        Raises:
            UnexpectedToken: a declaration is incomplete.
        """
        while self.at("BASE", "PREFIX", "VERSION"):
            word, name = self.take().text.upper(), ""
            if word == "PREFIX":
                if self.token.kind is not TokenKind.PNAME or self.token.text.find(":") != len(self.token.text) - 1:
                    raise UnexpectedToken
                name = self._advance().text[:-1]  # not by take(), which rejects a prefix that is not declared yet
            if self.token.kind is not (TokenKind.STRING if word == "VERSION" else TokenKind.IRIREF):
                raise UnexpectedToken
            if word == "PREFIX":
                self._prefixes[name] = self.iri()
                self._readable_names.clear()  # they may have another meaning now
            elif word == "BASE":
                self._base = self.iri()  # itself resolved against the base before it
            else:
                self.take()

    def _advance(self) -> SparqlToken:
        self._before, self.last = self.last, self.token
        self.token = next(self._tokens, self._end)
        return self.last

    def _expand(self, name: str) -> str | None:
        """Return the IRI of a prefixed name, or ``None`` if its prefix is not declared."""
        prefix, _, local = name.partition(":")
        namespace = self._prefixes.get(prefix)
        return None if namespace is None else namespace + local.replace("\\", "")

    def _readable(self, name: str) -> bool:
        """Return whether the engine reads a prefixed name as one name.

        It splits a name whose prefix is not declared or whose IRI is invalid, and one with dots in two places, such as
        ``ex:a.b.c``, although the grammar allows that.
        """
        if name not in self._readable_names:
            value = self._expand(name)
            if value is None or not is_absolute(value) or _TWO_DOTS.search(_ESCAPED.sub("_", name.partition(":")[2])):
                return False
            self._readable_names.add(name)
        return True


def is_absolute(iri: str) -> bool:
    """Return whether ``iri`` is an absolute IRI by the grammar of RFC 3987."""
    return _IRI.fullmatch(iri) is not None


def resolve(base: str, reference: str) -> str:
    """Return an IRI reference resolved against a base, by RFC 3986, section 5.2 (strict), as the engine does it.

    The engine departs from 5.2.2 in one way: it retains dot segments in an absolute IRI, in the base and after ``//``.
    Without a base the reference is returned unchanged.

    >>> resolve("http://a/b/c/d", "../g")
    'http://a/b/g'
    """
    if _SCHEME.match(reference) or not base:
        return reference
    scheme, authority, path, query, _ = _split(base)
    if reference.startswith("//"):
        return scheme + reference
    _, _, relative, own_query, own_fragment = _split(reference)
    if not relative:
        return scheme + authority + path + (own_query or query) + own_fragment
    root = "/" if authority else ""
    if relative.startswith("/"):
        path, relative = "/", relative[1:]
    else:
        path = _parent(path, root)
    segments = relative.split("/")
    for number, segment in enumerate(segments, 1):
        # The path is built segment by segment; after ``.`` and ``..`` it is cut back at once.
        path += segment
        if path.endswith("/.."):
            path = _parent(path[:-3], root)
        elif path.endswith("/.") or path == ".":
            path = path[:-1]
        elif path == "..":
            path = ""
        elif number < len(segments):
            path += "/"
    return scheme + authority + path + own_query + own_fragment


def _is(token: SparqlToken, *words: str) -> bool:
    return token.kind in (TokenKind.WORD, TokenKind.PUNCTUATION) and token.text.upper() in words


def _is_cut(token: SparqlToken, keyword: str) -> bool:
    """Return whether a prefixed name begins with a keyword, such as ``SERVICEex:x``."""
    return token.kind is TokenKind.PNAME and token.text.upper().startswith(keyword)


def _split(iri: str) -> tuple[str, str, str, str, str]:
    """Return scheme, authority, path, query and fragment, each with its delimiter (``http:``, ``//a``, ``?q``)."""
    match = _PARTS.fullmatch(iri)
    scheme, authority, path, query, fragment = match.groups("") if match else ("", "", iri, "", "")
    return scheme, authority, path, query, fragment


def _parent(path: str, root: str) -> str:
    """Return ``path`` up to and including its last slash, or ``root`` if it has none."""
    return path[: path.rindex("/") + 1] if "/" in path else root


def _unescape(iri: str) -> str:
    r"""Return an IRI with its ``\u`` and ``\U`` escapes replaced."""
    return _UCHAR.sub(lambda match: chr(int(match[1] or match[2], 16)), iri)
