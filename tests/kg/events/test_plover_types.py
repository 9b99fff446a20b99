"""PLOVER types for the event types of every dataset."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from kg.events import plover_types
from tests.cases import events

TABLE = events.SHARED / "plover" / "CAMEO2PLOVER-2021.txt"


def test_sixteen_roots() -> None:
    assert len(plover_types.roots()) == 16
    tables = [plover_types.roots_of(scheme) for scheme in get_args(plover_types.Scheme)]
    assert all(tables)
    assert {value for table in tables for value in table.values()} <= plover_types.roots()
    assert (
        plover_types.covered("ucdp")
        < plover_types.covered("acled")
        < plover_types.covered("gdelt")
        == plover_types.roots()
    )


@pytest.mark.skipif(not TABLE.exists(), reason="the published table is not here")
def test_the_roots_of_cameo_are_as_published() -> None:
    published = dict(re.findall(r"^(\d\d): *([A-Z]+)", TABLE.read_text("utf-8"), re.MULTILINE))
    assert {code: published[code] for code in plover_types.roots_of("cameo") if code != "08"} == {
        code: root for code, root in plover_types.roots_of("cameo").items() if code != "08"
    }
    assert re.search(r"^08: CONCEDE", TABLE.read_text("utf-8"), re.MULTILINE)  # it stands there as RETREAT, too


@pytest.mark.parametrize(
    ("code", "root"), [("ASSAULT/drone", "ASSAULT"), ("AID (context: asylum)", "AID"), ("quad: x", "")]
)
def test_roots_of_our_codes(code: str, root: str) -> None:
    assert plover_types.root(code) == root
