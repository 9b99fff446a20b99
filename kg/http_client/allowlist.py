"""Allow-lists of URLs: exact entries written by the operator, and no others.

An entry is a URL as SPARQL text names it, compared as a whole after normalisation; prefixes and patterns do not exist.
The request is sent to the URL of the entry, never to text from a query. An entry may map its name to another URL (a
mirror), and may pin the network address::

    https://query.wikidata.org/sparql
    http://dbpedia.org/sparql=https://mirror.example.org/dbpedia/sparql
    https://graph.example.org/sparql@10.0.0.5
    http://127.0.0.1:9999/sparql

Network addresses that are not public are refused, unless the entry names that very address: as its host, or after @.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kg.errors import BadInput
from kg.http_client.private_address_guard import IPAddress, address_of
from kg.http_client.url import NormalUrl, normal

_MAPPED = re.compile(r"=(?=[Hh][Tt][Tt][Pp][Ss]?://)")


@dataclass(frozen=True, slots=True)
class AllowedAddress:
    """One entry of an allow-list.

    Attributes:
        name: URL that a query has to name.
        url: URL that the request goes to.
        pinned: network address to connect to without a look-up; only a pinned address may be private. An IP address as
            host of the URL is pinned, too.
    """

    name: NormalUrl
    url: NormalUrl
    pinned: IPAddress | None


class AllowList:
    """Allow-list of one setting."""

    def __init__(self, text: str, setting: str) -> None:
        """Parse entries separated by white space; errors name the ``setting`` that they come from.

        Raises:
            BadInput: an entry is malformed, or a name occurs twice.
        """
        self.setting = setting
        self._entries: dict[NormalUrl, AllowedAddress] = {}
        for part in text.split():
            entry = _entry(part)
            if entry is None:
                raise BadInput(
                    f"{setting}: “{part}” is not a URL that can be allowed.",
                    remedy="Write http(s)://host[:port]/path, without user name, fragment or wildcards; "
                    "append =http(s)://… to use a mirror instead, or @ and an IP address to pin the connection.",
                )
            if entry.name in self._entries:
                raise BadInput(f"{setting}: {entry.name} occurs twice.", remedy="Remove one of the two.")
            self._entries[entry.name] = entry

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, iri: str) -> AllowedAddress | None:
        """Return the entry that an IRI names, if there is one."""
        url = normal(iri)
        return self._entries.get(url) if url else None


def _entry(text: str) -> AllowedAddress | None:
    """Parse ``NAME[=URL][@ADDRESS]``; return ``None`` if it is malformed."""
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
    return AllowedAddress(name, url, pinned or address_of(url.host))
