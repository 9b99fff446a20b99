"""Which addresses outside may be asked: exact entries written by the operator, and no others.

An entry is an address as SPARQL text names it, compared whole after normalising: never a prefix, never a pattern.  What
is asked in the end is the address of the entry, not the text of a request.  An entry may send its name elsewhere (a
mirror), and may pin the network address::

    https://query.wikidata.org/sparql
    http://dbpedia.org/sparql=https://mirror.example.org/dbpedia/sparql
    https://graph.example.org/sparql@10.0.0.5
    http://127.0.0.1:9999/sparql

Network addresses that are not public are refused, unless the entry names that very address: as its host, or after @.
"""

from __future__ import annotations

import ipaddress
import re
import urllib.parse
from dataclasses import dataclass
from typing import NamedTuple

from kg.errors import BadInput

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_\-]{0,61}[A-Za-z0-9_])?"
_URL = re.compile(
    rf"(?P<scheme>[Hh][Tt][Tt][Pp][Ss]?)://(?P<host>\[[0-9A-Fa-f:.]+\]|{_LABEL}(?:\.{_LABEL})*)(?::(?P<port>[0-9]{{1,5}}))?"
    r"(?P<path>/(?:[^\x00-\x20<>\"{}|\\^`?#%\x7f]|%[0-9A-Fa-f]{2})*)?"
    r"(?P<query>\?(?:[^\x00-\x20<>\"{}|\\^`#%\x7f]|%[0-9A-Fa-f]{2})*)?"
)
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_MAPPED = re.compile(r"=(?=[Hh][Tt][Tt][Pp][Ss]?://)")
_PORTS = {"http": 80, "https": 443}
_SAFE = "%!$&'()*+,;=:@/?[]~"

# Written out, for what Python's ipaddress holds for global differs from version to version (and it lets NAT64 pass).
_PUBLIC_6 = ipaddress.IPv6Network("2000::/3")
_CLOSED_6 = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, among them Teredo, which holds an IPv4 address
        "2001:db8::/32",
        "2002::/16",  # 6to4, which holds one too
        "3fff::/20",
    )
)
_CLOSED_4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)


class Url(NamedTuple):
    """An http(s) address in its normal form; ``target`` is path and query, ``host`` bare of brackets."""

    scheme: str
    host: str
    port: int
    target: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.target}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an allow-list.

    Attributes:
        name: what a request has to name.
        url: what is asked then.
        pinned: the network address to connect to, if it is not to be looked up: it alone may be a private one.
    """

    name: Url
    url: Url
    pinned: IPAddress | None


class AllowList:
    """The entries of one setting."""

    def __init__(self, text: str, setting: str) -> None:
        """Read entries with white space between them; ``setting`` is what to call them in an error.

        Raises:
            BadInput: one of them is no entry, or a name stands there twice.
        """
        self.setting = setting
        self._entries: dict[Url, Entry] = {}
        for part in text.split():
            entry = _entry(part)
            if entry is None:
                raise BadInput(
                    f"{setting}: “{part}” is no address that can be allowed.",
                    remedy="Write http(s)://host[:port]/path, without user name, fragment or wildcards; "
                    "=http(s)://… after it asks a mirror instead, @ and an IP address pins where to connect.",
                )
            if entry.name in self._entries:
                raise BadInput(f"{setting}: {entry.name} stands there twice.", remedy="Leave one of the two out.")
            self._entries[entry.name] = entry

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, iri: str) -> Entry | None:
        """Return the entry that an IRI names, if there is one."""
        url = normal(iri)
        return self._entries.get(url) if url else None


def _entry(text: str) -> Entry | None:
    head, at, tail = text.rpartition("@")
    pinned = address_of(tail.removeprefix("[").removesuffix("]")) if at else None
    if pinned is not None and "/" not in head.partition("://")[2]:
        return None  # http://name@10.0.0.1 looks like a user name
    text = head if pinned is not None else text
    # In a query string, an address after = is a parameter.
    mapped = _MAPPED.search(text.partition("?")[0])
    name = normal(text[: mapped.start()] if mapped else text)
    url = normal(text[mapped.end() :]) if mapped else name
    if name is None or url is None:
        return None
    return Entry(name, url, pinned or address_of(url.host))


def normal(iri: str) -> Url | None:
    """Bring an http(s) IRI into its normal form (RFC 3986, clause 6.2.2), or return ``None`` if it is no plain one.

    Not plain are, among others, user names, fragments, and hosts that a resolver might take for an address in disguise
    (``2130706433``, ``0x7f.1``, ``0177.0.0.1``). Dot segments and a dot after the host stay: with them it is another
    address.
    """
    match = _URL.fullmatch(iri)
    if match is None:
        return None
    scheme, host = match["scheme"].lower(), match["host"].lower()
    port = int(match["port"]) if match["port"] else _PORTS[scheme]
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
    return Url(scheme, host, port, _ESCAPE.sub(_unescaped, target))


def _unescaped(match: re.Match[str]) -> str:
    character = chr(int(match.group()[1:], 16))
    plain = character.isascii() and (character.isalnum() or character in "-._~")
    return character if plain else match.group().upper()


def address_of(text: str) -> IPAddress | None:
    """Read an IP address in its usual form; ``None`` for anything else (and for one with a zone)."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return None if "%" in text else address


def is_public(address: IPAddress) -> bool:
    """Tell whether an address lies in the open Internet, and is no other one in disguise.

    Private, shared (CGNAT), loopback, link-local, multicast, reserved and documentation addresses do not; nor does any
    IPv6 form that holds an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo).
    """
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _CLOSED_4)
    return address in _PUBLIC_6 and not any(address in network for network in _CLOSED_6)
