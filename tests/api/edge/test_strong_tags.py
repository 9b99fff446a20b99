"""A strong entity tag stands for one content, byte for byte, in every process that serves the same snapshot."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests import route_examples
from tests.tagged_answers import collected, make


def test_two_processes_send_the_same_content_under_the_same_tag(tmp_path: Path) -> None:
    """Two copies of a store, whose processes hash texts differently and make different blank nodes."""
    make(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    with collected(tmp_path / "one", 1) as first, collected(tmp_path / "two", 2) as second:
        one, two = (json.loads(process.communicate()[0]) for process in (first, second))
    assert one.keys() == two.keys()
    assert len(one) > len(list(route_examples.addresses())) / 3
    assert {address: tag for address, (tag, _) in one.items()} == {address: tag for address, (tag, _) in two.items()}
    assert [address for address in one if one[address] != two[address]] == []
