"""Durable writes: small files that have their old or new content whole, also on a disk that is really full."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from kg.files import disk_space, durable_writes
from tests.cases import stores


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB."""
    with stores.small_disk(tmp_path / "disk", 2) as place:
        yield place


def test_a_small_file_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    for content in (b"one", b"", b"another " * 1000):
        durable_writes.write_whole(file, content)
        assert file.read_bytes() == content
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_finds_no_room_stays_as_it_was(small: Path) -> None:
    file = small / "x.json"
    durable_writes.write_whole(file, b"before")
    filling = stores.fill(small)
    with pytest.raises(OSError) as caught:
        durable_writes.write_whole(file, b"after " * 1000)
    assert disk_space.is_full(caught.value)
    assert file.read_bytes() == b"before"
    assert sorted(small.iterdir()) == sorted([file, filling])


def test_a_file_that_cannot_be_put_in_place_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "content").touch()
    with pytest.raises(OSError):
        durable_writes.write_whole(tmp_path / "x", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_files_and_directories_are_brought_onto_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was renamed is there after the power fails only if it was synced before, and its directory after."""
    synced: list[str] = []

    def fsync(handle: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{handle}").readlink()))

    monkeypatch.setattr(os, "fsync", fsync)
    durable_writes.write_whole(tmp_path / "x", b"content")
    durable_writes.sync(tmp_path / "x")
    part, *rest = synced
    assert part.startswith(f"{tmp_path}/.x.")
    assert rest == [str(tmp_path), str(tmp_path / "x")]
