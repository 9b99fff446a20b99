"""Exceptions that a user can cause and fix: each names the thing, the place and the remedy, never a stack or a path.

::

    ClaimgraphError
    ├── BadInput                input that cannot be read
    │   ├── MalformedText       not UTF-8, or JSON / RDF / SPARQL that does not parse (line, column)
    │   ├── UsingConflict       an update whose dataset is named both in the request and in the text
    │   └── UnsupportedFormat   an unknown media type or file ending
    ├── Rejected                a document or article graph that breaks constraints (kg.gate.validation_report)
    ├── Inconsistent            facts that contradict the vocabulary (kg.gate.owl_closure_and_contradictions)
    ├── NotFound                an unknown article, claim, question, graph, …
    ├── Ambiguous               a short name that matches several things
    ├── Unauthorized            a missing or invalid token
    ├── Forbidden               an operation that is refused to everybody (managed graphs, SERVICE, LOAD)
    │   └── InsufficientScope   a valid token without the required scope
    ├── TooLarge                input over a limit (bytes, nesting)
    ├── TooSlow                 a request that did not arrive in time
    ├── ResultTooLarge          a query result over a limit (rows, bytes)
    ├── TimedOut                a query over its time limit
    ├── Busy                    too many concurrent queries
    │   └── TooManyRequests     too many concurrent queries of one client
    ├── ReaderLost              a query whose reader process was terminated
    ├── NotAcceptable           a result that has none of the formats that the client accepts
    ├── Unwritable              a result with content that its format cannot represent
    ├── Unreachable             a remote endpoint that fails, is too slow, or returns too much
    └── StoreUnavailable        a store that cannot be opened or written
        ├── StoreInUse          a store that another process has open
        └── StorageFull         no space left on the disk

Errors that their own package catches are declared there and are not part of the tree: ``GraphForbidden`` (in
``kg.sparql.rewriting.update_dataset_and_confinement``, becomes ``Forbidden``), ``UnexpectedToken``
(``kg.sparql.cursor_with_iri_resolution``, becomes ``MalformedText``), ``BadRemoteResult``
(``kg.federation.remote_results_as_values``, becomes ``Unreachable``), ``QuoteNotLocated``
(``kg.document.quote_location``, becomes a result of the report), ``EngineFailed``
(``kg.events.table_engines``, becomes ``BadInput``). ``ShaclError`` (``kg.gate.shacl_engine``) means that the
shipped shapes themselves are broken, which no user can cause or fix.
"""

from __future__ import annotations

from typing import ClassVar


class ClaimgraphError(Exception):
    """Base class of errors a user can cause and fix.

    Args:
        message: one sentence that names the thing.
        remedy: one sentence on how to fix it; may be empty.
        line: 1-based line in the submitted text, if known.
        column: 1-based column in code points, if known.

    Attributes:
        exit_code: exit code of a command that fails with the error.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, *, remedy: str = "", line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.line = line
        self.column = column


class BadInput(ClaimgraphError):
    """Input that cannot be read."""


class MalformedText(BadInput):
    """Text that does not parse, with line and column where the parser reports them."""


class UsingConflict(BadInput):
    """An update whose dataset is named in both request parameters and text (SPARQL 1.1 Protocol, clause 2.2.3)."""

    def __init__(self, line: int, column: int) -> None:
        super().__init__(
            "The request has using-graph-uri or using-named-graph-uri, and the update has USING or WITH "
            f"(operation at line {line}, column {column}).",
            remedy="Name the dataset in only one of the two.",
        )


class UnsupportedFormat(BadInput):
    """A media type or file ending that is not supported."""


class NotFound(ClaimgraphError):
    """The requested thing is not in the store."""

    exit_code = 3


class Ambiguous(ClaimgraphError):
    """A short name that matches several things; the message lists them."""


class Forbidden(ClaimgraphError):
    """An operation that is refused to everybody: managed graphs, SERVICE, LOAD."""


class Unauthorized(ClaimgraphError):
    """The caller must authenticate: the token is missing, wrong, revoked or expired.

    Attributes:
        invalid: whether the request had a token.
    """

    def __init__(self, message: str, *, remedy: str = "", invalid: bool = False) -> None:
        super().__init__(message, remedy=remedy)
        self.invalid = invalid


class InsufficientScope(Forbidden):
    """A valid token without the required scope.

    Attributes:
        scope: the scope that the operation requires.
    """

    def __init__(self, message: str, *, remedy: str = "", scope: str = "write") -> None:
        super().__init__(message, remedy=remedy)
        self.scope = scope


class TooLarge(ClaimgraphError):
    """Input over a limit; the message names the limit and its setting."""


class TooSlow(ClaimgraphError):
    """A request that did not arrive completely in time; the message names the limit and its setting."""


class ResultTooLarge(ClaimgraphError):
    """A query result over a limit; no part of it is sent."""


class TimedOut(ClaimgraphError):
    """A query that was aborted at its time limit."""


class Busy(ClaimgraphError):
    """Too many concurrent queries on the server; a retry may succeed."""


class TooManyRequests(Busy):
    """Too many concurrent queries of one client."""


class ReaderLost(ClaimgraphError):
    """The reader process of a query was terminated: it ran out of memory, or was killed."""


class NotAcceptable(ClaimgraphError):
    """The client accepts none of the formats of this kind of result.

    Args:
        kind: kind of the result: ``"solutions"``, ``"boolean"`` or ``"graph"``.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(
            "The result is not available in any format that the request accepts.",
            remedy="Accept one of the media types that /docs lists for this address, or */*.",
        )
        self.kind = kind


class Unwritable(ClaimgraphError):
    """A result with content that its format cannot represent, such as a control character in XML."""


class Unreachable(ClaimgraphError):
    """A remote endpoint that a request names (SERVICE, LOAD) returned no usable response."""


class StoreUnavailable(ClaimgraphError):
    """The store cannot be opened or written."""

    exit_code = 4


class StoreInUse(StoreUnavailable):
    """The store is already open for writing, in this process or another."""


class StorageFull(StoreUnavailable):
    """No space left on the disk; reads still work."""
