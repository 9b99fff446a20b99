"""Types of every dataset in PLOVER."""

from __future__ import annotations

import re

import pytest

from kg.events import plover
from tests.cases import events

TABLE = events.SHARED / "plover" / "CAMEO2PLOVER-2021.txt"


def test_sixteen_roots() -> None:
    assert len(plover.ROOTS) == 16
    tables = (plover.CAMEO, plover.ACLED, plover.ACLED_SUB, plover.UCDP)
    assert {value for table in tables for value in table.values()} <= plover.ROOTS
    assert all(kinds <= plover.ROOTS for kinds in plover.COVERED.values())


@pytest.mark.skipif(not TABLE.exists(), reason="the published table is not here")
def test_the_roots_of_cameo_are_as_published() -> None:
    published = dict(re.findall(r"^(\d\d): *([A-Z]+)", TABLE.read_text("utf-8"), re.MULTILINE))
    assert {code: published[code] for code in plover.CAMEO if code != "08"} == {
        code: root for code, root in plover.CAMEO.items() if code != "08"
    }
    assert re.search(r"^08: CONCEDE", TABLE.read_text("utf-8"), re.MULTILINE)  # it stands there as RETREAT, too


@pytest.mark.parametrize(
    ("code", "root"), [("ASSAULT/drone", "ASSAULT"), ("AID (context: asylum)", "AID"), ("quad: x", "")]
)
def test_roots_of_our_codes(code: str, root: str) -> None:
    assert plover.root(code) == root
