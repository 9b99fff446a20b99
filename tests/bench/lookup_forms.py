"""Forms in which clients send lookups: how the text is written, by which method, and with a token or without."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from tests.bench.peers import Peer
from tests.bench.web_processes import FORM, TOKEN

TEXTS = {
    "full IRI": "SELECT ?p ?o WHERE {{ <{base}{name}> ?p ?o }} LIMIT __N__",
    "prefixed name": "PREFIX e: <{base}>\nSELECT ?p ?o WHERE {{ e:{name} ?p ?o }} LIMIT __N__",
    "comment": "# lookup __N__ of a thing\nSELECT ?p ?o WHERE {{ <{base}{name}> ?p ?o }} LIMIT __N__",
}
"""Each has another IRI and another limit at each use, so that no cache can answer."""
METHODS = ("GET", "POST")
_SIMPLE = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class LookupForm:
    """A form of lookups."""

    text: str
    method: str
    token: bool

    @property
    def without_token(self) -> LookupForm:
        """The form that the native server, which has no tokens, is measured with."""
        return LookupForm(self.text, self.method, token=False)

    @property
    def headers(self) -> dict[str, str]:
        """Header fields of its requests."""
        token = {"Authorization": f"Bearer {TOKEN}"} if self.token else {}
        return token | (FORM if self.method == "POST" else {})

    def __str__(self) -> str:
        return f"{self.text} / {self.method} / {'token' if self.token else '–'}"

    def requests(self, peer: Peer, subjects: Iterable[str]) -> list[str]:
        """Return the lines of :class:`tests.bench.client.Wrk` for these subjects."""
        found = []
        for iri in subjects:
            base, slash, name = iri.rpartition("/")
            query = TEXTS[self.text].format(base=base + slash, name=name)
            if not _SIMPLE.fullmatch(name):
                continue
            encoded = quote(query, safe="")
            post = f"{peer.path.partition('?')[0]}\t\tquery={encoded}"
            found.append(post if self.method == "POST" else f"{peer.path}query={encoded}")
        return found


def forms(*, everything: bool) -> Iterator[LookupForm]:
    """Return all twelve forms, or six of them that have each two properties together once or more."""
    for (row, text), (column, method) in itertools.product(enumerate(TEXTS), enumerate(METHODS)):
        for token in (False, True):
            if everything or token == bool((row + column) % 2):
                yield LookupForm(text, method, token)


def plan(clients: Sequence[int], ways: Sequence[str], *, everything: bool) -> Iterator[tuple[str, LookupForm, int]]:
    """Return what is measured: way, form and number of clients; one client sends the first form only."""
    for way, count in itertools.product(ways, clients):
        for number, form in enumerate(forms(everything=everything)):
            if everything or count > 1 or (number == 0 and way == ways[0]):
                yield way, form, count
