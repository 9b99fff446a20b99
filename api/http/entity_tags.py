"""Entity tags (RFC 9110, clause 8.8.3), computed from the snapshot and the request alone."""

from __future__ import annotations

from hashlib import blake2b


def entity_tag(store: str, number: int, variant: bytes, target: bytes) -> bytes:
    """Return the strong entity tag of a response, such as ``"5f2c-1a-9b…"``.

    Args:
        store: identity of the store.
        number: number of the snapshot.
        variant: everything else that selects the response: relevant header fields, and the graphs the caller may read.
        target: path and query of the URL.
    """
    digest = blake2b(variant + target, digest_size=12).hexdigest()
    return f'"{store}-{number:x}-{digest}"'.encode()
