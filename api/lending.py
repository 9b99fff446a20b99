"""Which connections are worth lending to a lane (:mod:`kg.lane`): those that ask one quick query after another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from fastapi import Request
from starlette.types import Scope

from api import cache, formats, requests
from api.exchange import Exchange
from api.routers import sparql
from kg import headers
from kg.access import Principal
from kg.endpoint import Endpoint
from kg.http_limits import CONNECTION, LimitedProtocol
from kg.lanes import Served
from kg.quick import Terms

Headers = Sequence[tuple[bytes, bytes]]

_QUICK: Final = 0.005
"""Seconds of processor time; a query that took longer was none."""
_SMALL: Final = 100_000
"""Bytes of an answer."""

_START = re.compile(rb"GET [^?\s]+\?query=")
_UNUSUAL = frozenset((b"authorization", b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"range"))
"""Fields of a request that the server must see each time."""
_CHANGING = frozenset(
    (b"etag", b"content-length", b"content-type", b"claimgraph-snapshot", b"x-request-id", headers.DATA_POLICY[0])
)
"""Fields of an answer that are not the same each time."""


class Lender:
    """Looks at each answer that was given, and lends its connection when it is time."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def consider(self, scope: Scope, exchange: Exchange, answered: Headers) -> None:
        """Look at a request that has been answered with those header fields."""
        connection, lanes = scope.get(CONNECTION), self._endpoint.lanes
        if lanes is None or not isinstance(connection, LimitedProtocol):
            return
        if connection.one_more(alike=_is_quick(exchange)):
            terms = _terms(scope, exchange, answered, connection.request)
            if terms is not None:
                connection.lend(lanes, terms)


def _is_quick(exchange: Exchange) -> bool:
    fits = exchange.kind == "query" and exchange.method == "GET" and exchange.snapshot is not None
    good = exchange.status in (200, 304) and not exchange.principal
    return fits and good and exchange.sent <= _SMALL and exchange.spent < _QUICK


def _terms(scope: Scope, exchange: Exchange, answered: Headers, request: bytes) -> Terms | None:
    """Write down what the next requests will have in common with this one, and their answers with its answer."""
    start = _START.match(request)
    principal = scope.get("state", {}).get("principal")
    reads_all = isinstance(principal, Principal) and principal.graphs is None and "read" in principal.scopes
    given = dict(scope["headers"])
    odd = len(given) < len(scope["headers"]) or not _UNUSUAL.isdisjoint(given)
    if start is None or not reads_all or odd or (b"cache-control", b"no-store") in answered:
        return None
    asked = Request(scope)
    wanted = formats.wanted(asked.headers.get("accept"), None)
    names = {"solutions": wanted.results, "boolean": wanted.boolean, "graph": wanted.graph}
    head, tail = _around(request.partition(b"\r\n")[2], given.get(b"if-none-match"))
    named = b"x-request-id" in given and given[b"x-request-id"] == exchange.identifier.encode()
    return Terms(
        start=start.group(),
        head=head,
        tail=tail,
        base=requests.address(asked),
        choice=vars(sparql.choice(wanted)),
        types={kind: formats.content_type(name) for kind, name in names.items() if name not in (None, formats.HTML)},
        fields=b"".join(b"%b: %b\r\n" % pair for pair in answered if pair[0] not in _CHANGING),
        asker=cache.asker(scope, b""),
        identifier=exchange.identifier if named else "",
        client=exchange.client,
    )


def _around(fields: bytes, condition: bytes | None) -> tuple[bytes, bytes]:
    """Cut header fields at the value of If-None-Match, if there is one."""
    if condition is None:
        return fields, b""
    if fields.count(condition) > 1 or not condition:
        return fields, b"\r\n"  # no request will fit
    head, _, tail = fields.partition(condition)
    return head, tail


def exchange_of(served: Served) -> Exchange:
    """Note what a lane has answered as the server notes its own requests."""
    scope = {"client": (served.client, 0), "method": "GET", "path": served.path}
    noted = Exchange(scope, served.identifier, "query")
    noted.route, noted.status, noted.sent = "/sparql", served.status, served.sent
    noted.cache, noted.snapshot, noted.query_hash = served.cache, served.snapshot, served.query_hash
    return noted
