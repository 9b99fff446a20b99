"""Host field of a request: exactly one in HTTP/1.1, and a valid one (RFC 9112, clause 3.2).

A proxy in front may take another of two Host fields than the server does, and then cache the answer for the wrong host.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_NAME = rb"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+"
_HOST = re.compile(rb"(?:" + _NAME + rb"|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")


def names_one_host(fields: Iterable[tuple[bytes, bytes]], version: str) -> bool:
    """Return whether a request names its host once; HTTP/1.0 may name none.

    Args:
        fields: header fields, names in lower case.
        version: version of HTTP, such as ``1.1``.
    """
    hosts = [value for name, value in fields if name == b"host"]
    if not hosts:
        return version == "1.0"
    return len(hosts) == 1 and _is_host(hosts[0])


@lru_cache(maxsize=256)
def _is_host(value: bytes) -> bool:
    """Return whether a value is a host, with or without a port; an empty one names nothing (RFC 9110, 4.2.1)."""
    return _HOST.fullmatch(value) is not None
