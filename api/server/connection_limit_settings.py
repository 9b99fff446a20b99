"""Limits of the connections of a server process: sizes, times and number, from the settings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from kg.config import HttpSettings

_FIELDS_BYTES = 48 * 1024
"""Bytes for all header fields together, in addition to the URL."""


@dataclass(frozen=True)
class ConnectionLimits:
    """Limits of connections.

    Attributes:
        url_bytes: longest URL of a request.
        head_seconds: time for the head of a request, from the opening of the connection or its first byte.
        connections: largest number of connections; idle ones, then stalled ones, are closed to make room for new ones.
        stall_seconds: interval at which slow reading of a response is checked.
        body_stall_seconds: time without progress after which the body of a request counts as stalled.
        refused: counter of refusals, by reason.
    """

    url_bytes: int = 16384
    head_seconds: float = 10
    connections: int = 500
    stall_seconds: float = 30
    body_stall_seconds: float = 5
    refused: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, settings: HttpSettings, refused: Counter[str], processes: int = 1) -> ConnectionLimits:
        """Return the limits in the settings, for one of so many processes that share the connections.

        ``refused`` is the counter that the metrics report.
        """
        share = -(-settings.max_connections // processes)
        return cls(settings.max_url_bytes, settings.header_timeout, share, refused=refused)

    @property
    def head_bytes(self) -> int:
        """Longest head of a request in bytes: its URL and all header fields."""
        return self.url_bytes + _FIELDS_BYTES
