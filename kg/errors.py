"""The one tree of errors. Each names the thing, the place and the remedy; none carries a stack or a path.

::

    ClaimgraphError
    ├── BadInput                what the user sent cannot be read
    │   ├── MalformedText       not UTF-8, or JSON / RDF / SPARQL that does not parse (line, column)
    │   └── UnsupportedFormat   a media type or file ending that we do not know
    ├── Rejected                a claims document or article graph breaks constraints (carries a Report)
    ├── NotFound                no such article, claim, question, graph
    ├── Ambiguous               a short name that fits more than one thing
    ├── Forbidden               a managed graph, SERVICE, LOAD
    ├── TooLarge                over a limit (bytes, nesting)
    └── StoreUnavailable        the store is held by another process, or is not a store
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kg.report import Report


class ClaimgraphError(Exception):
    """Anything that a user can cause and mend.

    Args:
        message: one sentence that names the thing.
        remedy: what to do about it; may be empty.
        line: 1-based line in the text that was sent, if there is one.
        column: 1-based column (code points), if there is one.
    """

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


class UnsupportedFormat(BadInput):
    """A media type or file ending that is not known here."""


class Rejected(ClaimgraphError):
    """A claims document or an article graph that the gate refuses.

    Args:
        report: every problem found, with pointers, ids and remedies.
    """

    def __init__(self, report: Report) -> None:
        count = len(report.violations)
        super().__init__(
            f"{count} problem{'s' if count != 1 else ''} found; nothing was stored.",
            remedy="Mend each problem listed and send the document again.",
        )
        self.report = report


class NotFound(ClaimgraphError):
    """The thing asked for is not in the store."""


class Ambiguous(ClaimgraphError):
    """A short name that fits several things; the message lists them."""


class Forbidden(ClaimgraphError):
    """An operation that is refused to everybody: managed graphs, SERVICE, LOAD."""


class TooLarge(ClaimgraphError):
    """Input over a limit; the message names the limit and its setting."""


class StoreUnavailable(ClaimgraphError):
    """The store cannot be opened."""
