"""Normal form of http(s) URLs, in which two URLs can be compared as a whole."""

from __future__ import annotations

import re
import urllib.parse
from typing import NamedTuple

from kg.http_client.private_address_guard import address_of

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_\-]{0,61}[A-Za-z0-9_])?"
_URL = re.compile(
    rf"(?P<scheme>[Hh][Tt][Tt][Pp][Ss]?)://(?P<host>\[[0-9A-Fa-f:.]+\]|{_LABEL}(?:\.{_LABEL})*)(?::(?P<port>[0-9]{{1,5}}))?"
    r"(?P<path>/(?:[^\x00-\x20<>\"{}|\\^`?#%\x7f]|%[0-9A-Fa-f]{2})*)?"
    r"(?P<query>\?(?:[^\x00-\x20<>\"{}|\\^`#%\x7f]|%[0-9A-Fa-f]{2})*)?"
)
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
PORTS = {"http": 80, "https": 443}
"""Default ports by scheme."""

_SAFE = "%!$&'()*+,;=:@/?[]~"


class NormalUrl(NamedTuple):
    """An http(s) URL in its normal form; ``target`` is path and query, ``host`` has no brackets (IPv6)."""

    scheme: str
    host: str
    port: int
    target: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"

    @property
    def authority(self) -> str:
        """Host and port as the Host header names them, without the default port of the scheme."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def normal(iri: str) -> NormalUrl | None:
    """Return the normal form of an http(s) IRI (RFC 3986, clause 6.2.2), or ``None`` if it is not a plain one.

    ``HTTP://A.org:80/%7Eb`` becomes ``http://a.org/~b``. Not plain are, among others, user names, fragments, and hosts
    that a resolver might read as an IP address (``2130706433``, ``0x7f.1``, ``0177.0.0.1``). Dot segments and a dot
    after the host are retained: the URL without them is a different one.
    """
    match = _URL.fullmatch(iri)
    if match is None:
        return None
    scheme, host = match["scheme"].lower(), match["host"].lower()
    port = int(match["port"]) if match["port"] else PORTS[scheme]
    # A host whose last label is a number is an address (WHATWG URL Standard, clause 3.5), and must be a proper one.
    if host.startswith("[") or _NUMBER.fullmatch(host.rpartition(".")[2]):
        address = address_of(host.strip("[]"))
        if address is None or (address.version == 6) != host.startswith("["):
            return None
        host = str(address)
    if not 0 < port < 65536 or len(host) > 253:
        return None
    try:
        target = urllib.parse.quote((match["path"] or "/") + (match["query"] or ""), safe=_SAFE)
    except UnicodeEncodeError:  # half of a surrogate pair
        return None
    return NormalUrl(scheme, host, port, _ESCAPE.sub(_unescaped, target))


def _unescaped(match: re.Match[str]) -> str:
    """Return an escape decoded if it stands for an unreserved character (``%7E`` → ``~``), else in upper case."""
    character = chr(int(match.group()[1:], 16))
    plain = character.isascii() and (character.isalnum() or character in "-._~")
    return character if plain else match.group().upper()
