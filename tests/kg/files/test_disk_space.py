"""Disk space: the threshold for a full disk, on a disk that is really full."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from kg.errors import StorageFull, StoreUnavailable
from kg.files import disk_space
from tests.cases import stores


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB."""
    with stores.small_disk(tmp_path / "disk", 2) as place:
        yield place


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "x"),
        OSError(errno.EDQUOT, "x"),
        OSError("IO error: No space left on device: While appending to file: /x/000009.log"),
        OSError("IO error: Disk quota exceeded"),
    ],
)
def test_what_says_that_it_is_full(error: OSError) -> None:
    assert disk_space.is_full(error)
    with pytest.raises(StorageFull, match="The disk is full") as caught, disk_space.writing():
        raise error
    assert "/x/" not in caught.value.message


@pytest.mark.parametrize(
    "error",
    [OSError(errno.EIO, "x"), OSError("IO error: While appending to file: /x/000009.log"), PermissionError(13, "No")],
)
def test_what_says_something_else(error: OSError) -> None:
    assert not disk_space.is_full(error)
    with (
        pytest.raises(StoreUnavailable, match=r"^The tokens cannot be written: ") as caught,
        disk_space.writing("The tokens"),
    ):
        raise error
    assert not isinstance(caught.value, StorageFull)
    assert "/x/" not in caught.value.message


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), disk_space.writing():
        raise KeyError
    with pytest.raises(StorageFull, match=r"^mine$"), disk_space.writing():
        raise StorageFull("mine")


def test_the_room_of_what_is_not_there_yet(small: Path) -> None:
    here, there = disk_space.free(small), disk_space.free(small / "a" / "b" / "c")
    assert here == there
    assert here <= 2 * disk_space.MIB
    stores.fill(small, leave=8192)
    assert 0 < disk_space.free(small / "a") <= 8192


def test_a_directory_that_is_named_from_here(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(small)
    assert disk_space.free(Path("a/b")) <= 2 * disk_space.MIB


def test_room_is_asked_for(small: Path) -> None:
    disk_space.require(small, disk_space.MIB)
    disk_space.require(small, disk_space.free(small))
    with pytest.raises(StorageFull, match="The disk is full: 2 MiB are free, and 3 MiB are needed"):
        disk_space.require(small, 2 * disk_space.MIB + 1)
    with pytest.raises(StorageFull, match="and 32 MiB are needed"):
        disk_space.require(small)
