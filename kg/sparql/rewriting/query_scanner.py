"""Scanner of a query or a group pattern: what is in scope, how rows are ordered, and triples with alternative paths.

It reads as much of the grammar as :mod:`kg.sparql.rewriting.engine_rewriting` needs, from tokens, and keeps their
places. What it does not expect raises :exc:`UnexpectedToken`; the text then stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kg.sparql.cursor_with_iri_resolution import UnexpectedToken
from kg.sparql.lexer import TokenKind
from kg.sparql.rewriting.scanned_elements import (
    ConcatCall,
    OrderCondition,
    PathAndObject,
    PatternNode,
    PropertyPath,
    ScannedText,
    Star,
    SubjectTriples,
)
from kg.sparql.rewriting.scanner_base import END, TokenReader
from kg.sparql.text_edits import TextSpan

_TERMS = (TokenKind.VAR, TokenKind.IRIREF, TokenKind.PNAME, TokenKind.BNODE, TokenKind.NUMBER)
_AFTER_ORDER = ("LIMIT", "OFFSET", "VALUES", "}", "")
_NAMES = (TokenKind.IRIREF, TokenKind.PNAME)

Scope = dict[str, None]


class PatternScanner(TokenReader):
    """One pass over a text, or a part of it."""

    def __init__(self, text: str, span: TextSpan | None = None) -> None:
        """Read the tokens of ``text`` in ``span``; all of it by default."""
        super().__init__(text, span)
        self.found = ScannedText()

    # ---- queries

    def query(self) -> ScannedText:
        """Scan a whole query.

        Raises:
            UnexpectedToken: something is not as this scanner knows it.
        """
        while not self._at("SELECT", "ASK", "CONSTRUCT", "DESCRIBE"):
            self._take()
        if self._at("SELECT"):
            self._select(outermost=True)
        else:
            self._other_form()
        if self._token is not END:
            raise UnexpectedToken
        return self.found

    def group(self) -> ScannedText:
        """Scan a text that is one group pattern, as of an update.

        Raises:
            UnexpectedToken: something is not as this scanner knows it.
        """
        self._group({})
        return self.found

    def _other_form(self) -> None:
        """Scan ASK, CONSTRUCT or DESCRIBE."""
        form, star, scope = self._take().text.upper(), None, Scope()
        if form == "CONSTRUCT" and self._at("{"):
            self._skip_block()
        elif form == "CONSTRUCT":  # the short form, whose pattern is a template
            self._dataset()
            self._accept("WHERE")
            self._skip_block()
            self._modifiers(scope, frozenset())
            return
        if form == "DESCRIBE":
            if self._at("*"):
                star = self._take()
            while self._token.kind in _TERMS:
                self._take()
        self._dataset()
        if self._accept("WHERE") or self._at("{"):
            self._group(scope)
        self._modifiers(scope, frozenset())
        if star:
            self.found.stars.append(Star(TextSpan(star.start, star.end), scope, outermost=True, selects=False))

    def _select(self, *, outermost: bool) -> Scope:
        """Scan SELECT up to the end of the query or subquery, and return the variables that it projects."""
        self._expect("SELECT")
        self._accept("DISTINCT") or self._accept("REDUCED")
        star, projected, uniform = None, Scope(), set[str]()
        if self._at("*"):
            star = self._take()
        while not self._at("WHERE", "FROM", "{"):
            if self._token.kind is TokenKind.VAR:
                projected[self._take().text[1:]] = None
                continue
            start = self._next
            name = self._brackets()
            projected[name] = None
            if self._is_uniform(start + 1, self._next - 3):
                uniform.add(name)
        self._dataset()
        self._accept("WHERE")
        scope = Scope()
        self._group(scope)
        self._modifiers(scope, frozenset(uniform))
        if star is None:
            return projected
        self.found.stars.append(Star(TextSpan(star.start, star.end), scope, outermost, selects=True))
        return scope

    def _dataset(self) -> None:
        while self._accept("FROM"):
            self._accept("NAMED")
            self._take()

    def _modifiers(self, scope: Scope, uniform: frozenset[str]) -> None:
        """Scan GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET and VALUES."""
        while not self._at("}", ""):
            if self._accept("ORDER"):
                self._expect("BY")
                while not self._at(*_AFTER_ORDER):
                    self._condition(uniform)
            elif self._accept("VALUES"):
                self._values(scope)
            elif self._at("("):
                self._brackets()
            elif self._at("{"):
                self._group({})
            else:
                self._take()

    def _condition(self, uniform: frozenset[str]) -> None:
        """Scan one condition of ORDER BY."""
        direction = self._take().text if self._at("ASC", "DESC") else ""
        first = self._next
        start = self._token.start
        if self._token.kind is TokenKind.VAR:
            if self._take().text[1:] in uniform:
                return
        elif self._accept("NOT", "EXISTS"):
            self._accept("EXISTS")
            self._group({})
            return
        else:
            while not self._at("("):
                self._take()
            self._brackets()
        if not self._is_uniform(first, self._next):
            self.found.orders.append(OrderCondition(TextSpan(start, self._last.end), direction))

    # ---- expressions

    def _brackets(self) -> str:
        """Scan an expression in round brackets; return the name after AS at its end, if it has one."""
        self._expect("(")
        name = ""
        while not self._at(")"):
            if self._at("("):
                self._brackets()
            elif self._at("{"):
                self._group({})
            elif self._at("GROUP_CONCAT"):
                self._concat()
            elif self._at("*") and self._last.text.upper() == "DISTINCT":
                self.found.counts_rows = True
                self._take()
            elif self._accept("AS"):
                name = self._take().text[1:]
            else:
                self._take()
        self._take()
        return name

    def _concat(self) -> None:
        """Scan a call of GROUP_CONCAT."""
        start = self._take().start
        self._expect("(")
        distinct = self._accept("DISTINCT")
        first = self._token.start
        while not self._at(")", ";"):
            if self._at("("):
                self._brackets()
            elif self._at("{"):
                self._group({})
            else:
                self._take()
        expression = TextSpan(first, self._last.end)
        while not self._at(")"):
            self._take()
        self.found.concats.append(ConcatCall(TextSpan(start, self._take().end), expression, distinct))

    def _values(self, scope: Scope) -> None:
        while not self._at("{"):
            token = self._take()
            if token.kind is TokenKind.VAR:
                scope[token.text[1:]] = None
        self._skip_block()

    # ---- patterns

    def _group(self, scope: Scope) -> None:
        """Scan a group pattern, and add the variables that it binds to ``scope``."""
        self._expect("{")
        if self._at("SELECT"):
            scope.update(self._select(outermost=False))
        while not self._accept("}"):
            self._element(scope)

    def _element(self, scope: Scope) -> None:
        """Scan one element of a group pattern."""
        if self._at("{"):
            self._group(scope)
        elif self._accept("OPTIONAL", "UNION", "LATERAL", "."):
            pass
        elif self._accept("MINUS"):
            self._group({})
        elif self._accept("GRAPH", "SERVICE"):
            self._accept("SILENT")
            self._term(scope)
        elif self._accept("FILTER"):
            while not self._at("(", "{"):
                self._take()
            if self._at("("):
                self._brackets()
            else:
                self._group({})
        elif self._accept("BIND"):
            scope[self._brackets()] = None
        elif self._accept("VALUES"):
            self._values(scope)
        else:
            self._triples(scope)

    def _triples(self, scope: Scope) -> None:
        start = self._token.start
        subject = self._node(scope)
        properties = tuple(self._properties(scope)) if not self._at(".", "}") else ()
        self.found.triples.append(SubjectTriples(TextSpan(start, self._last.end), subject, properties))

    def _properties(self, scope: Scope) -> Iterator[PathAndObject]:
        """Scan a list of paths and objects."""
        while True:
            path = PropertyPath("=", (), self._term(scope)) if self._token.kind is TokenKind.VAR else self._path()
            yield PathAndObject(path, self._object(scope))
            while self._accept(","):
                yield PathAndObject(path, self._object(scope))
            if not self._at(";"):
                return
            while self._accept(";"):
                pass
            if self._at(".", "]", "}", "|}") or (self._token.kind is TokenKind.WORD and self._token.text != "a"):
                return

    def _object(self, scope: Scope) -> PatternNode:
        """Scan an object, and what is said of its triple."""
        found = self._node(scope)
        self._annotations(scope)
        return found

    def _node(self, scope: Scope) -> PatternNode:
        """Scan a subject or an object."""
        if self._accept("["):
            properties = () if self._at("]") else tuple(self._properties(scope))
            self._expect("]")
            return PatternNode("", properties)
        if self._accept("("):
            members = []
            while not self._accept(")"):
                members.append(self._node(scope))
            return PatternNode("", (), tuple(members)) if members else PatternNode("()")
        return PatternNode(self._term(scope))

    def _term(self, scope: Scope) -> str:
        """Scan a term and return its text."""
        token = self._take()
        if token.kind is TokenKind.VAR:
            scope[token.text[1:]] = None
        elif token.kind is TokenKind.BNODE:
            self.found.labels.append(token)
        elif token.kind is TokenKind.STRING:
            if self._token.kind is TokenKind.LANGTAG or (self._accept("^^") and self._token.kind in _NAMES):
                self._take()
        elif token.text in ("+", "-"):
            self._take()
        elif token.text == "<<":
            self._triple_term(scope)
        elif token.kind not in _TERMS and token.text.upper() not in ("TRUE", "FALSE"):
            raise UnexpectedToken
        return self._text[token.start : self._last.end]

    def _triple_term(self, scope: Scope) -> None:
        """Scan the rest of a triple term, ``<<( … )>>``, or of a reified triple, ``<< … ~ … >>``."""
        self.found.triple_terms = True
        bracket = self._accept("(")
        self._node(scope)
        if not self._accept("A"):
            self._term(scope)
        self._node(scope)
        self._reifier(scope)
        if bracket:
            self._expect(")")
        self._expect(">>")

    def _reifier(self, scope: Scope) -> None:
        """Scan a reifier, ``~ ex:r``, if there is one."""
        if self._accept("~"):
            self.found.triple_terms = True
            if self._token.kind in _TERMS or self._at("["):
                self._node(scope)

    def _annotations(self, scope: Scope) -> None:
        """Scan the reifiers and annotations of a triple, ``~ ex:r {| ex:p 1 |}``."""
        while self._at("~", "{|"):
            self._reifier(scope)
            if self._accept("{|"):
                self.found.triple_terms = True
                for _ in self._properties(scope):
                    pass
                self._expect("|}")

    # ---- paths

    def _path(self) -> PropertyPath:
        return self._chain("|", lambda: self._chain("/", self._step))

    def _chain(self, mark: str, read: Callable[[], PropertyPath]) -> PropertyPath:
        parts = [read()]
        while self._accept(mark):
            parts.append(read())
        return PropertyPath(mark, tuple(parts)) if len(parts) > 1 else parts[0]

    def _step(self) -> PropertyPath:
        """Scan a step of a sequence."""
        if self._accept("^"):
            return PropertyPath("^", (self._step(),))
        start = self._token.start
        path = None
        if self._accept("("):
            path = self._path()
            self._expect(")")
        elif self._accept("!"):
            self._negated()
        elif self._token.kind in _NAMES or self._token.text == "a":
            self._take()
        else:
            raise UnexpectedToken
        if self._accept("*", "+", "?") or path is None:
            return PropertyPath("=", (), self._text[start : self._last.end])
        return path

    def _negated(self) -> None:
        """Skip what a negated set excludes."""
        if not self._accept("("):
            self._accept("^")
            self._take()
            return
        while not self._accept(")"):
            self._take()
