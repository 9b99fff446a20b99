"""Atomic output: files are written whole or not at all, and overwrite nothing unless requested."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kg.errors import BadInput
from kg.files.atomic_output import appearing

MEMBERS = ("a.csv", "b.csv")


def folder(target: Path, content: str, *, overwrite: bool = False) -> None:
    with appearing(target, overwrite=overwrite, members=MEMBERS) as part:
        part.mkdir()
        (part / "a.csv").write_text(content)


def names(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "x"
    with appearing(target) as part:
        part.write_text("half")
        assert not target.exists()
        part.write_text("whole")
    assert target.read_text() == "whole"
    assert names(tmp_path) == ["x"]


def fail(target: Path, failure: BaseException) -> None:
    with appearing(target, overwrite=True) as part:
        part.write_text("half")
        raise failure


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), ValueError()])
def test_nothing_is_left_of_what_fails(tmp_path: Path, failure: BaseException) -> None:
    with pytest.raises(type(failure)):
        fail(tmp_path / "x", failure)
    (tmp_path / "y").write_text("old")
    with pytest.raises(type(failure)):
        fail(tmp_path / "y", failure)
    assert names(tmp_path) == ["y"]
    assert (tmp_path / "y").read_text() == "old"


def test_what_is_there_is_replaced_only_by_force(tmp_path: Path) -> None:
    folder(tmp_path / "t", "1")
    with pytest.raises(BadInput, match="exists already"):
        folder(tmp_path / "t", "2")
    folder(tmp_path / "t", "3", overwrite=True)
    assert (tmp_path / "t" / "a.csv").read_text() == "3"
    assert names(tmp_path) == ["t"]
    (tmp_path / "f").write_text("1")
    with pytest.raises(BadInput, match="exists already"), appearing(tmp_path / "f"):
        pass
    with appearing(tmp_path / "f", overwrite=True) as part:
        part.write_text("2")
    assert (tmp_path / "f").read_text() == "2"


def test_an_empty_folder_may_be_there(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    folder(tmp_path / "t", "1")
    assert names(tmp_path / "t") == ["a.csv"]


def test_not_even_force_removes_what_is_others(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "diary.txt").touch()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "home")
    for name, match in (("home", "diary.txt"), ("file", "is a file"), ("link", "is a file")):
        with pytest.raises(BadInput, match=match):
            folder(tmp_path / name, "1", overwrite=True)
    with pytest.raises(BadInput, match="is a folder"), appearing(tmp_path / "home", overwrite=True):
        pass
    assert names(tmp_path) == ["file", "home", "link"]
    assert names(tmp_path / "home") == ["diary.txt"]


@pytest.mark.parametrize("target", ["/", ".", "nowhere/x"])
def test_a_place_where_nothing_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="cannot be written"), appearing(Path(target)):
        raise AssertionError


def test_the_system_may_refuse(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be written: No such file"), appearing(tmp_path / "x") as part:
        (part / "deeper").touch()
    assert names(tmp_path) == []


def test_others_may_read_what_is_written(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        folder(tmp_path / "t", "1")
    finally:
        os.umask(mask)
    assert (tmp_path / "t").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "t" / "a.csv").stat().st_mode & 0o777 == 0o644
