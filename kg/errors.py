"""Exceptions that a user can cause and fix; each names the thing, the place and the remedy, none a stack or a path.

::

    ClaimgraphError
    ├── BadInput                what the user sent cannot be read
    │   ├── MalformedText       not UTF-8, or JSON / RDF / SPARQL that does not parse (line, column)
    │   ├── UsingConflict       the dataset of an update is named in the request and in the text
    │   └── UnsupportedFormat   a media type or file ending that we do not know
    ├── Rejected                a document or article graph breaks constraints (kg.gate.validation_report; has a report)
    ├── Inconsistent            the facts of an article contradict the vocabulary (kg.gate.owl_reasoner)
    ├── NotFound                no such article, claim, question, graph
    ├── Ambiguous               a short name that fits more than one thing
    ├── Unauthorized            no token where one is needed, or one that is not valid
    ├── Forbidden               a managed graph, SERVICE, LOAD
    │   └── InsufficientScope   a valid token without the scope that is needed
    ├── TooLarge                over a limit (bytes, nesting)
    ├── TooSlow                 a request whose body did not arrive in time
    ├── ResultTooLarge          the result of a query is over a limit (rows, bytes)
    ├── TimedOut                a query ran longer than it may
    ├── Busy                    too many concurrent queries
    │   └── TooManyRequests     … of one client
    ├── ReaderLost              the process that answered a query has ended
    ├── NotAcceptable           a result of this kind has none of the formats that the client accepts
    ├── Unreachable             another endpoint fails, or is too slow, or returns too much
    └── StoreUnavailable        the store is held by another process, or is not a store
        ├── StoreInUse          another process holds it
        └── StorageFull         no space is left on its disk

Errors that never leave the module that catches them stay there and are not part of the tree: ``GraphForbidden``
(``kg.sparql.static_analysis``, becomes ``Forbidden``), ``Unexpected`` (``kg.sparql.token_cursor``, becomes
``MalformedText``), ``BadAnswer`` (``kg.federation.remote_results``, becomes ``Unreachable``), ``QuoteNotLocated``
(``kg.document.quote_location``, becomes a result of the report), ``Failed`` (``kg.events.ibis_engine``, becomes
``BadInput``). ``ShaclError`` (``kg.gate.shacl_engine``) means that the shapes of the product itself are broken, which
no user can cause or mend.
"""

from __future__ import annotations

from typing import ClassVar


class ClaimgraphError(Exception):
    """Anything that a user can cause and mend.

    Args:
        message: one sentence that names the thing.
        remedy: what to do about it; may be empty.
        line: 1-based line in the text that was sent, if there is one.
        column: 1-based column (code points), if there is one.

    Attributes:
        exit_code: of a command that ends with it.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, *, remedy: str = "", line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.line = line
        self.column = column


class BadInput(ClaimgraphError):
    """What was sent cannot be read."""


class MalformedText(BadInput):
    """Text that does not parse; carries line and column where the parser gives them."""


class UsingConflict(BadInput):
    """The dataset of an update stands both in the protocol and in the text (SPARQL 1.1 Protocol, clause 2.2.3)."""

    def __init__(self, line: int, column: int) -> None:
        super().__init__(
            "The request gives using-graph-uri or using-named-graph-uri, and the update has USING or WITH "
            f"(operation at line {line}, column {column}).",
            remedy="Name the dataset in one of the two.",
        )


class UnsupportedFormat(BadInput):
    """A media type or file ending that is not known here."""


class NotFound(ClaimgraphError):
    """The thing asked for is not in the store."""

    exit_code = 3


class Ambiguous(ClaimgraphError):
    """A short name that fits several things; the message lists them."""


class Forbidden(ClaimgraphError):
    """An operation that is refused to everybody: managed graphs, SERVICE, LOAD."""


class Unauthorized(ClaimgraphError):
    """The caller has to show who it is: no token where one is needed, or one that is wrong, revoked or expired.

    Attributes:
        invalid: whether a token was shown.
    """

    def __init__(self, message: str, *, remedy: str = "", invalid: bool = False) -> None:
        super().__init__(message, remedy=remedy)
        self.invalid = invalid


class InsufficientScope(Forbidden):
    """A valid token that does not reach so far.

    Attributes:
        scope: what would reach.
    """

    def __init__(self, message: str, *, remedy: str = "", scope: str = "write") -> None:
        super().__init__(message, remedy=remedy)
        self.scope = scope


class TooLarge(ClaimgraphError):
    """Input over a limit; the message names the limit and its setting."""


class TooSlow(ClaimgraphError):
    """A request that did not come whole within its time; the message names the limit and its setting."""


class ResultTooLarge(ClaimgraphError):
    """The answer of a query is over a limit; nothing of it is given."""


class TimedOut(ClaimgraphError):
    """A query ran longer than it may, and was ended."""


class Busy(ClaimgraphError):
    """More queries are asked at a time than the server takes on; later it may."""


class TooManyRequests(Busy):
    """One client asks more queries at a time than it may."""


class ReaderLost(ClaimgraphError):
    """The process that was answering a query has ended: too little memory for it, or it was killed."""


class NotAcceptable(ClaimgraphError):
    """The client accepts none of the formats that this kind of answer has.

    Args:
        kind: of the answer: ``"solutions"``, ``"boolean"`` or ``"graph"``.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(
            "The answer cannot be given in any of the formats that the request accepts.",
            remedy="Accept one of the media types that /docs lists for this address, or */*.",
        )
        self.kind = kind


class Unreachable(ClaimgraphError):
    """Another endpoint that a request names (SERVICE, LOAD) gives no answer that can be used."""


class StoreUnavailable(ClaimgraphError):
    """The store cannot be opened."""

    exit_code = 4


class StoreInUse(StoreUnavailable):
    """Another process, or this one, has opened the store for writing."""


class StorageFull(StoreUnavailable):
    """No space is left on the disk; reading goes on."""
