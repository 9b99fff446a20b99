"""Who may write: the holder of the bearer token (RFC 6750). Reading is open."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.services import Shared
from kg.errors import Forbidden

Credentials = Annotated[
    HTTPAuthorizationCredentials | None,
    Depends(HTTPBearer(auto_error=False, scheme_name="token", description="The token of KG_TOKEN.")),
]


def authenticate(given: Credentials, shared: Shared) -> None:
    """Let a write pass only with the token, before anything of its body is read.

    Raises:
        HTTPException: status 401, with the challenge that clause 3 of RFC 6750 asks for.
        Forbidden: the server has no token, so nobody may write.
    """
    token = shared.config.token
    if token is None:
        raise Forbidden(
            "Writing over HTTP is switched off: the server has no token.", remedy="Set KG_TOKEN and start it again."
        )
    if given is None or not given.credentials.strip():
        raise _refused("Writing needs a token: send “Authorization: Bearer …”.", 'Bearer realm="claimgraph"')
    if not hmac.compare_digest(given.credentials.strip().encode("latin-1"), token.encode()):
        raise _refused("The token is wrong.", 'Bearer realm="claimgraph", error="invalid_token"')


def _refused(detail: str, challenge: str) -> HTTPException:
    return HTTPException(401, detail, {"WWW-Authenticate": challenge})


Writer = Depends(authenticate)
"""Put into ``dependencies`` of a route that writes."""
