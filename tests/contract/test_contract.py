"""The contract with users matches its snapshots; README.md describes how to change it on purpose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.contract import inside, outside, record

REMEDY = "see tests/contract/README.md"


@pytest.fixture(scope="module")
def server_parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return outside.everything(tmp_path_factory.mktemp("outside"))


def differences(now: Any, kept: Any, place: str = "") -> list[str]:
    """List the places where two documents differ, and how."""
    if isinstance(now, dict) and isinstance(kept, dict):
        names = sorted({*now, *kept})
        return [line for name in names for line in _compared(now, kept, name, f"{place}/{name}")]
    if isinstance(now, list) and isinstance(kept, list) and len(now) == len(kept):
        return [
            line for at, pair in enumerate(zip(now, kept, strict=True)) for line in differences(*pair, f"{place}/{at}")
        ]
    return [] if now == kept else [f"{place}: {now!r}, was {kept!r}"]


def _compared(now: dict[str, Any], kept: dict[str, Any], name: str, place: str) -> list[str]:
    if name not in now:
        return [f"{place}: gone"]
    if name not in kept:
        return [f"{place}: new"]
    return differences(now[name], kept[name], place)


def same(now: Any, part: str) -> None:
    found = differences(record.plain(now), record.kept(part))
    assert not found, "\n".join([f"{part} differs from its snapshot ({REMEDY}):", *found])


def test_settings() -> None:
    same(inside.settings(), "settings")


@pytest.mark.parametrize("value", ["0", "2", "-1"])
def test_a_setting_that_is_gone_may_still_be_set(tmp_path: Path, value: str) -> None:
    assert inside.run(tmp_path / "data", "token", "list", KG_LANES=value).returncode == 0


def test_commands() -> None:
    same(inside.commands(), "commands")


def test_schema(tmp_path: Path) -> None:
    same(inside.schema(tmp_path), "schema")


def test_exit_codes(tmp_path: Path) -> None:
    same(inside.exit_codes(tmp_path), "exit_codes")


@pytest.mark.parametrize("part", record.OUTSIDE)
def test_server(server_parts: dict[str, Any], part: str) -> None:
    same(server_parts[part], part)


def test_every_part_is_compared() -> None:
    assert {file.stem for file in record.FOLDER.glob("*.json")} == {*record.INSIDE, *record.OUTSIDE}


def test_differences_are_found() -> None:
    kept = {"a": [1, {"b": 2}], "gone": 0}
    assert differences(kept, kept) == []
    assert differences({"a": [1, {"b": 3}], "more": 0}, kept) == ["/a/1/b: 3, was 2", "/gone: gone", "/more: new"]
    assert differences({"a": [1]}, {"a": [1, 2]}) == ["/a: [1], was [1, 2]"]
