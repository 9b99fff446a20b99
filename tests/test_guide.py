"""README and guide: every command and query in them runs with the stated result, and generated parts are current."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests import docs
from tests.cases import events
from tests.contract import inside
from tests.guide_commands import Block, Reader, blocks

ELSEWHERE = {
    ".venv/bin/pytest": "these are the tests",
    "tests/bench/": "takes minutes",
    "tests.bench.": "takes minutes, or needs a corpus",
    "tests.faults.": "takes minutes",
    "SERVICE <https://query.wikidata.org/sparql>": "tests/api/test_federation_wikidata.py has an endpoint to ask",
    "# Which records of Wikidata": "tests/api/test_federation_wikidata.py has the links",
}
"""What a block holds that is not run here, and why."""


def _article() -> bytes:
    document = json.loads(inside._DOCUMENT)
    document["article"]["id"] = "my-article"
    return json.dumps(document).encode()


def _person() -> bytes:
    """Return an entity of Wikidata as far as a link needs it."""
    human = {"value": {"entity-type": "item", "id": "Q5"}, "type": "wikibase-entityid"}
    snak = {"snaktype": "value", "property": "P31", "datavalue": human, "datatype": "wikibase-item"}
    entity = {
        "type": "item",
        "id": "Q7747",
        "labels": {"en": {"language": "en", "value": "Vladimir Putin"}},
        "claims": {"P31": [{"mainsnak": snak, "type": "statement", "rank": "normal"}]},
    }
    return json.dumps({"entities": {"Q7747": entity}}).encode()


INPUTS: Mapping[str, Callable[[], bytes]] = {
    "my-article.json": _article,
    "Q7747.json": _person,
    "ged.csv": events.NEWER.read_bytes,
    "other.json": lambda: events.article("2014-06-14"),
}
"""Files that the reader of a page has, by name."""


def to_run(page: Path) -> list[Block]:
    """List the blocks of a page that are run here: queries and programs of :mod:`tests.docs` are run there."""
    text = page.read_text("utf-8")
    filled = [found["query"] for found in docs.QUERY.finditer(text)]
    return [
        block
        for block in blocks(text)
        if (block.language in ("sh", "sparql") or block.file)
        and block.text not in filled
        and not any(words in block.text for words in ELSEWHERE)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in docs.PAGES if to_run(page)], ids=lambda page: page.stem)
def test_commands_and_queries(page: Path, tmp_path: Path) -> None:
    text = page.read_text("utf-8")
    if "ged.csv" in text and not events.NEWER.exists():
        pytest.skip("the slice of UCDP GED is not here")
    for name, content in INPUTS.items():
        if name in text or (name, page.stem) == ("other.json", "events"):
            (tmp_path / name).write_bytes(content())
    with Reader(tmp_path) as reader:
        if page != docs.README:
            reader.run("kg init")  # whose first command makes the store
        if page.stem == "events":
            reader.run("kg add other.json")
        for block in to_run(page):
            reader.follow(block)


@pytest.mark.parametrize("page", docs.PAGES, ids=lambda page: page.stem)
def test_every_program_and_every_file_can_be_had(page: Path) -> None:
    """A program is run by :mod:`tests.docs`, which fills in what it prints."""
    text = page.read_text("utf-8")
    programs = [block.text for block in blocks(text) if block.language == "python"]
    assert programs == [found["program"] for found in docs.PROGRAM.finditer(text)]
