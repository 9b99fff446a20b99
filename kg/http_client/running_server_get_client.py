"""Client of the command line for a running Claimgraph server, with a bearer token.

The user of the command names the server, so its address may be private or loopback. The token is for that server
alone: redirects are refused and no proxy is used.
"""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from kg.errors import BadInput, ClaimgraphError, Forbidden, StoreUnavailable
from kg.http_client.pinned_connection import (
    ConnectionBounds,
    IncomingResponse,
    InvalidRequest,
    OutgoingRequest,
    RequestFailed,
    exchange,
    tls_context,
)
from kg.http_client.private_address_guard import look_up
from kg.http_client.url import PORTS, NormalUrl

_LIMITS = ConnectionBounds(connect_seconds=60, idle_seconds=60)
_PROBLEM_BYTES = 100_000
"""Largest problem document that is read."""


@dataclass(frozen=True)
class RunningServer:
    """A server whose URL the user of a command has named.

    Attributes:
        url: its base URL.
        token: bearer token to send, if there is one.
    """

    url: str
    token: str | None = None

    @contextmanager
    def get(self, path: str) -> Iterator[IncomingResponse]:
        """Send a GET request for a path below the base URL (``/admin/backup``), and return a response of status 200.

        Raises:
            BadInput: the URL is not one of a server, or the token cannot be sent.
            Forbidden: the token is not sufficient.
            StoreUnavailable: the server does not respond, or responds with an error.
        """
        url = _below(self.url, path)
        headers = {"Authorization": f"Bearer {self.token}".encode()} if self.token else {}
        try:
            with exchange(OutgoingRequest(url, headers), lambda: _addresses(url), tls_context(), _LIMITS) as response:
                if response.status != 200:
                    raise _refusal(response)
                yield response
        except InvalidRequest:
            raise BadInput(
                f"No request can be sent to “{self.url}”.", remedy="Check the address and the token."
            ) from None
        except RequestFailed as error:
            raise StoreUnavailable(f"{self.url} {error}.", remedy="Check the address.") from None


def _below(base: str, path: str) -> NormalUrl:
    """Return the URL of a path below the base URL of a server.

    Raises:
        BadInput: the base URL is malformed.
    """
    # KeyError: another scheme. ValueError: brackets without an address, a bad port, a host that IDNA cannot encode.
    with suppress(KeyError, ValueError):
        parts = urllib.parse.urlsplit(base)
        host = (parts.hostname or "").encode("idna").decode()
        port = PORTS[parts.scheme] if parts.port is None else parts.port
        if re.fullmatch(r"[!-~]+", host) and not (parts.username or parts.query or parts.fragment):
            return NormalUrl(parts.scheme, host, port, urllib.parse.quote(parts.path.rstrip("/"), safe="/%") + path)
    raise BadInput(f"“{base}” is not an address of a server.", remedy="Write it as http(s)://host[:port]/.")


def _addresses(url: NormalUrl) -> list[str]:
    """Return the network addresses of the host of a URL."""
    return look_up(url.host, url.port, _LIMITS.wait(_LIMITS.connect_seconds))


def _refusal(response: IncomingResponse) -> ClaimgraphError:
    """Return the error that the problem details of a response describe (RFC 9457)."""
    detail, remedy = f"The server responded with status {response.status}.", ""
    with suppress(RequestFailed, ValueError, KeyError, TypeError, RecursionError):
        problem = json.loads(response.read(_PROBLEM_BYTES))
        detail, remedy = str(problem["detail"]), str(problem.get("remedy", ""))
    if response.status in (401, 403):
        return Forbidden(detail, remedy=remedy or "Set KG_TOKEN to a token of scope admin.")
    return StoreUnavailable(detail, remedy=remedy or "Check the address, and that the server runs this version.")
