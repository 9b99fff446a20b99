"""Entity tags (RFC 9110, clause 8.8.3): what was read, what was asked, and nothing else."""

from __future__ import annotations

from hashlib import blake2b


def entity_tag(store: str, number: int, asker: bytes, target: bytes) -> bytes:
    """Make the strong tag of an answer.

    Args:
        store: the identity of the store.
        number: of the snapshot.
        asker: what the answer depends on beside its address: the header fields that count, and what the asker may see.
        target: path and query part of the address.
    """
    digest = blake2b(asker + target, digest_size=12).hexdigest()
    return f'"{store}-{number:x}-{digest}"'.encode()
