"""Interrupted restore: its leftovers are not mistaken for an empty data directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from kg.errors import StoreUnavailable
from kg.store.interrupted_restore_check import left_over, refuse
from kg.store.store import Store, StoreOptions
from tests.cases import stores


def test_nothing_is_left_as_a_rule(tmp_path: Path) -> None:
    for data in (tmp_path / "nowhere", stores.plain(tmp_path / "data")):
        assert left_over(data) is None
        refuse(data, tmp_path / "missing")


def test_it_is_found_beside_the_directory_or_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / ".before-restore").mkdir()
    assert left_over(tmp_path / "data") == tmp_path / "data" / ".before-restore"
    (tmp_path / "data.before-restore").mkdir()
    assert left_over(tmp_path / "data") == tmp_path / "data.before-restore"
    monkeypatch.chdir(tmp_path / "data")
    assert left_over(Path()) == tmp_path / "data.before-restore"


def test_no_new_store_is_made_meanwhile(tmp_path: Path) -> None:
    data = stores.plain(tmp_path / "data", "old")
    data.rename(tmp_path / "data.before-restore")
    with pytest.raises(StoreUnavailable, match=r"data\.before-restore holds the previous store") as caught:
        Store(StoreOptions(data, bare=True))
    assert "Move the content of data.before-restore back into data" in caught.value.remedy
    assert not data.exists()
    (tmp_path / "data.before-restore").rename(data)
    assert Store(StoreOptions(data, bare=True)).graphs() == ["urn:old"]


@pytest.mark.parametrize("name", ["claimgraph.json", "store"])
def test_half_a_store_is_not_opened(name: str, tmp_path: Path) -> None:
    data = stores.plain(tmp_path / "data", "old")
    (data / ".before-restore").mkdir()
    (data / name).rename(data / ".before-restore" / name)
    with pytest.raises(StoreUnavailable, match="A restore was interrupted"):
        Store(StoreOptions(data, bare=True))
    (data / ".before-restore" / name).rename(data / name)
    assert Store(StoreOptions(data, bare=True)).graphs() == ["urn:old"]  # it is whole, whatever else is left
