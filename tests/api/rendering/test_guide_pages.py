"""Pages of the guide as HTML."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt

from api.rendering.guide_pages import heading_id, page, sources


def test_ids_of_headings_are_unique() -> None:
    taken: set[str] = set()
    assert [heading_id(text, taken) for text in ("Limits", "Why `kg why`, and how?", "Limits", "Обмеження")] == [
        "limits",
        "why-kg-why-and-how",
        "limits-1",
        "обмеження",
    ]


def test_links_lead_to_pages_of_the_server() -> None:
    content = page("index", "/news").content
    assert '<a href="/news/guide/queries">' in content
    assert '<a href="/news/guide/linking#another-measure-for-the-names-of-people">' in content
    assert ".md" not in content
    assert '<a href="/guide/queries">' in page("index", "").content


@pytest.mark.parametrize("name", sources())
def test_a_page_is_whole(name: str) -> None:
    found = page(name, "")
    assert found.title
    assert found.content.startswith("<h1>")
    assert "<!--" not in found.content
    assert len(re.findall(r'<div class="wide">\s*<table>', found.content)) == found.content.count("<table>")
    ids = re.findall(r' id="([^"]*)"', found.content)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", sources())
def test_raw_html_is_only_comments(name: str) -> None:
    for token in MarkdownIt("commonmark").parse(sources()[name]):
        if token.type == "html_block":
            assert re.fullmatch(r"<!-- [^>]* -->\n?", token.content)
        assert [child.content for child in token.children or () if child.type == "html_inline"] == []
