"""Temporary files: removed after use, or by the next process if the owner was killed."""

from __future__ import annotations

import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from kg.files import temporary_files

Make = Callable[[Path, str], AbstractContextManager[Path]]

_HOLDER = """
import sys, time
from pathlib import Path
from kg.files import temporary_files
with getattr(temporary_files, sys.argv[1])(Path(sys.argv[2]), ".part-") as path:
    if path.is_dir():
        (path / "inner").mkdir()
        (path / "inner" / "file").write_text("half")
    print(path, flush=True)
    time.sleep(60)
"""


@pytest.fixture(params=["directory", "file"])
def make(request: pytest.FixtureRequest) -> Make:
    found: Make = getattr(temporary_files, request.param)
    return found


@contextmanager
def holder(make: Make, parent: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Let another process hold a temporary directory or file."""
    command = [sys.executable, "-c", _HOLDER, make.__name__, str(parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process, Path(process.stdout.readline().rstrip("\n"))
        finally:
            process.kill()


def test_it_is_there_and_then_it_is_not(make: Make, tmp_path: Path) -> None:
    with make(tmp_path, ".part-") as path:
        assert path.parent == tmp_path
        assert path.name.startswith(".part-")
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert list(tmp_path.iterdir()) == []


def test_it_goes_away_with_an_error_too(make: Make, tmp_path: Path) -> None:
    with pytest.raises(KeyError), make(tmp_path, ".part-") as path:  # noqa: PT012 - an error within is the point
        if path.is_dir():
            (path / "content").write_text("x", "utf-8")
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_what_was_renamed_stays(make: Make, tmp_path: Path) -> None:
    with make(tmp_path, ".part-") as path:
        path.rename(tmp_path / "kept")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_several_at_a_time_are_apart(make: Make, tmp_path: Path) -> None:
    with make(tmp_path, ".part-") as one, make(tmp_path, ".part-") as other:
        assert one != other
        assert one.exists()
        assert other.exists()


def test_what_a_killed_process_left_is_removed_by_the_next(make: Make, tmp_path: Path) -> None:
    with holder(make, tmp_path) as (process, left):
        process.kill()
        process.wait(60)
        assert left.exists()
        with make(tmp_path, ".part-") as path:
            assert list(tmp_path.iterdir()) == [path]


def test_what_another_process_holds_is_left_to_it(make: Make, tmp_path: Path) -> None:
    with holder(make, tmp_path) as (_, held):
        with make(tmp_path, ".part-"):
            assert held.exists()
        assert list(tmp_path.iterdir()) == [held]


def test_only_its_own_prefix_is_swept(make: Make, tmp_path: Path) -> None:
    others = ["other", ".par", "x.part-", ".partx-"]
    for name in others:
        (tmp_path / name).write_text("x", "utf-8")
    (tmp_path / ".part-left").write_text("x", "utf-8")
    with make(tmp_path, ".part-"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)


def test_a_prefix_is_no_pattern(make: Make, tmp_path: Path) -> None:
    (tmp_path / "a1left").write_text("x", "utf-8")
    (tmp_path / "[a]*left").write_text("x", "utf-8")
    with make(tmp_path, "[a]*"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["a1left"]


def test_a_link_is_not_followed(make: Make, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_text("kept", "utf-8")
    (tmp_path / ".part-directory").symlink_to(tmp_path / "elsewhere")
    (tmp_path / ".part-file").symlink_to(tmp_path / "elsewhere" / "file")
    with make(tmp_path, ".part-"):
        pass
    assert (tmp_path / "elsewhere" / "file").read_text("utf-8") == "kept"


def test_many_threads_do_not_sweep_each_others(make: Make, tmp_path: Path) -> None:
    lost: list[Path] = []

    def work() -> None:
        for _ in range(50):
            with make(tmp_path, ".part-") as path:
                if not path.exists():
                    lost.append(path)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lost == []
    assert list(tmp_path.iterdir()) == []
