"""Restore killed at any moment: either the old store or the new one is complete."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kg.access.api_tokens import TokenFile, TokenGrant
from kg.errors import BadInput, StoreUnavailable
from kg.maintenance import backup, doctor
from kg.maintenance.restore import restore
from kg.store.interrupted_restore_check import left_over
from kg.store.store import Store, StoreOptions
from tests.cases import stores
from tests.processes import PYTHON, wait_until

_TIMES = 15


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an old store in ``old``, and a backup of a new one that is larger."""
    place = tmp_path_factory.mktemp("killed")
    backup.backup(stores.broad(place / "new", 3000), place / "new.tar")
    TokenFile(stores.plain(place / "old", "old")).create("mine", TokenGrant())
    return place


def check(data: Path, place: Path) -> str:
    """Find the old store or the new one, whole; return which, or "half" if the old one has to be put back by hand."""
    left = left_over(data)
    tokens = [path for path in (data, left) if path and (path / "tokens.json").exists()]
    assert [TokenFile(path).tokens() for path in tokens] == [TokenFile(place / "old").tokens()]
    if left is None:
        assert tokens == [data]
    else:
        told = doctor.diagnose(doctor.installation(data, {}))[0]
        assert (told.check, told.verdict) == ("data directory", "failed")
        assert str(left) in told.what
        with pytest.raises(BadInput, match="interrupted"):
            restore(place / "new.tar", data, replace=True)
    if (data / "claimgraph.json").exists() and (data / "store").exists():
        held = stores.quads(data)
        if held != stores.quads(place / "old"):
            assert held == stores.quads(place / "new")
            return "new"
        return "old"
    assert left
    for bare in (True, False):  # no new store is created there
        with pytest.raises(StoreUnavailable):
            Store(StoreOptions(data, bare=bare))
    # The remedy that the doctor names: move the old files back by hand.
    data.mkdir(exist_ok=True)
    for path in left.iterdir():
        if (data / path.name).is_dir():
            shutil.rmtree(data / path.name)
        path.rename(data / path.name)
    left.rmdir()
    assert check(data, place) == "old"
    return "half"


def test_at_random_moments(place: Path, tmp_path: Path) -> None:
    chance = random.Random(5)
    found: list[str] = []
    killed = 0
    for turn in range(_TIMES):
        data = tmp_path / str(turn) / "data"
        shutil.copytree(place / "old", data)
        command = [*PYTHON, "restore", str(place / "new.tar"), "--data", str(data), "--replace"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            if turn:  # the first run is killed before it has begun
                wait_until(lambda: process.poll() is not None or any(data.parent.glob(".data.restore-*")), "it begins")  # noqa: B023
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(chance.uniform(0, 0.1))
            process.kill()
        assert process.returncode in (0, -signal.SIGKILL)
        killed += process.returncode != 0
        found.append(check(data, place))
        if turn % 5 == 0 and not left_over(data):
            restore(place / "new.tar", data, replace=True)
            assert sorted(path.name for path in data.parent.iterdir()) == ["data"]
            assert check(data, place) == "new"
    assert killed
    assert found[0] == "old"


_STEPS = """
import json, os, shutil, sys
from pathlib import Path
from kg.files import durable_writes
from kg.maintenance import restore

place, inside = Path(sys.argv[1]), sys.argv[2] == "inside"
Path.is_mount = lambda path: inside and path.name == "data"
rename, rmtree, sync = Path.rename, shutil.rmtree, durable_writes.sync
left = 0


def step():
    global left
    if left == 0:
        os._exit(9)
    left -= 1


def stepped(work):
    def stepping(path, *more, **options):
        step()
        return work(path, *more, **options)
    return stepping


def torn(path, **options):
    # A directory is removed file by file, so a process may end in the middle.
    for name in ("claimgraph.json", "store/CURRENT"):
        if (path / name).exists():
            step()
            (path / name).unlink()
    step()
    rmtree(path, **options)


Path.rename, shutil.rmtree = stepped(rename), torn
durable_writes.sync = lambda path: (step() if path.is_dir() else None, sync(path))
number, code = 0, 9
while code == 9:
    data = place / str(number) / "data"
    shutil.copytree(place / "old", data)
    left, child = number, os.fork()
    if child == 0:
        restore.restore(place / "new.tar", data, replace=True)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    number += 1
print(json.dumps([code, number]))
"""


@pytest.mark.parametrize("where", ["beside", "inside"])
def test_before_each_step(where: str, place: Path, tmp_path: Path) -> None:
    """The renamings are too short to be met by chance; in a mount point there are more of them."""
    for name in ("old", "new", "new.tar"):
        (tmp_path / name).symlink_to(place / name)
    command = [sys.executable, "-c", _STEPS, str(tmp_path), where]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    code, count = json.loads(result.stdout)
    assert code == 0, result.stderr
    found = [check(tmp_path / str(number) / "data", place) for number in range(count)]
    assert found[0] == "old"
    assert found[-1] == "new"
    order = {"old": 0, "half": 1, "new": 2}
    assert [order[one] for one in found] == sorted(order[one] for one in found)
    assert "half" in found
