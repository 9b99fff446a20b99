"""Pages of the guide: the Markdown files of the package, rendered as HTML.

The pages in ``api/guide/en`` are also read as files on a code host. There a link leads to ``queries.md``; on the server
it leads to ``/guide/queries``. Raw HTML in a page is dropped: it is only comments, which mark generated parts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

INDEX: Final = "index"
"""The page that lists the others."""

_FOLDER: Final = Path(__file__).resolve().parents[1] / "guide" / "en"
_PAGE_LINK: Final = re.compile(r"(?P<page>[a-z-]+)\.md(?P<fragment>#.*)?")


@dataclass(frozen=True)
class GuidePage:
    """A page of the guide.

    Attributes:
        title: the text of its first heading.
        content: its HTML.
    """

    title: str
    content: str


@cache
def sources() -> Mapping[str, str]:
    """Return the Markdown of every page, by name."""
    return {path.stem: path.read_text("utf-8") for path in sorted(_FOLDER.glob("*.md"))}


@lru_cache(maxsize=64)
def page(name: str, root: str) -> GuidePage:
    """Render a page.

    Args:
        name: one of :func:`sources`.
        root: the path that the application is mounted at, or an empty string.
    """
    tokens = _markdown().parse(sources()[name])
    _identify_headings(tokens)
    for token in tokens:
        for child in token.children or ():
            if child.type == "link_open":
                child.attrs["href"] = _target(str(child.attrs["href"]), root)
    title = next(after.content for token, after in pairwise(tokens) if token.type == "heading_open")
    return GuidePage(title, _markdown().renderer.render(_framed(tokens), _markdown().options, {}))


def page_path(name: str) -> str:
    """Return the path of a page below the root of the application."""
    return "/guide/" if name == INDEX else f"/guide/{name}"


def heading_id(text: str, taken: set[str]) -> str:
    """Return the id of a heading by the rule of code hosts, and add it to ``taken``, the ids already used.

    >>> heading_id("Backup and `kg restore`", set())
    'backup-and-kg-restore'
    """
    base = re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-")
    found, number = base, 0
    while found in taken:
        number += 1
        found = f"{base}-{number}"
    taken.add(found)
    return found


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table")


def _target(link: str, root: str) -> str:
    """Return the target of a link on the server: ``queries.md#joins`` becomes ``/guide/queries#joins``."""
    found = _PAGE_LINK.fullmatch(link)
    return f"{root}{page_path(found['page'])}{found['fragment'] or ''}" if found else link


def _identify_headings(tokens: Sequence[Token]) -> None:
    """Set the ids of the headings below the title, so that links can address them."""
    taken: set[str] = set()
    for token, after in pairwise(tokens):
        if token.type == "heading_open" and token.tag != "h1":
            token.attrs["id"] = heading_id(after.content, taken)


def _framed(tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens with each table in a scrolling container, and without HTML comments."""
    found: list[Token] = []
    for token in tokens:
        if token.type == "table_open":
            found.append(Token("wide_open", "div", 1, attrs={"class": "wide"}, block=True))
        if token.type != "html_block":
            found.append(token)
        if token.type == "table_close":
            found.append(Token("wide_close", "div", -1, block=True))
    return found
