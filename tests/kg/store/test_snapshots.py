"""Snapshots: complete, numbered in increasing order, and retained while any process uses them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kg.errors import NotFound
from kg.rdf import oxigraph, oxigraph_queries
from kg.store.snapshots import (
    FOLDER,
    EndOfWriter,
    HeldSnapshots,
    NewestNumber,
    Snapshot,
    Snapshots,
    last_number,
    numbers,
)
from kg.store.store import Store, StoreOptions
from tests.cases.readers import made


def names(data: Path) -> set[str]:
    return {path.name for path in (data / FOLDER).iterdir()}


def rows(path: Path) -> int:
    (row,) = oxigraph_queries.rows(oxigraph.open_snapshot(path), "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }")
    assert isinstance(row["n"], oxigraph.Literal)
    return int(row["n"].value)


def commit(store: Store, number: int) -> None:
    store.update(f"INSERT DATA {{ <urn:more> <urn:p> {number} }}")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return made(tmp_path, 3)


def empty(number: int) -> Callable[[Path], int]:
    """Make copies that hold nothing: enough where nobody reads them."""

    def make(path: Path) -> int:
        path.mkdir()
        return number

    return make


def reading(data: Path) -> HeldSnapshots:
    """Read the snapshots of a directory, the newest of which is the one with the highest number."""
    return HeldSnapshots(data, lambda: last_number(data))


# ---- taking


def test_each_holds_what_was_committed_before_it(tmp_path: Path, store: Store) -> None:
    kept = Snapshots(tmp_path, 5)
    taken = [kept.take(store.checkpoint)]
    for number in range(3):
        commit(store, number)
        taken.append(kept.take(store.checkpoint))
    commit(store, 3)
    assert [rows(one.path) for one in taken] == [3, 4, 5, 6]
    assert [one.number for one in taken] == [2, 3, 4, 5] == numbers(tmp_path)
    assert reading(tmp_path).newest() == taken[-1]
    assert names(tmp_path) == {"2", "3", "4", "5"}
    assert [one.taken for one in taken] == sorted(one.taken for one in taken)


def test_it_appears_only_when_it_is_whole(tmp_path: Path, store: Store) -> None:
    kept = Snapshots(tmp_path, 5)
    first = kept.take(store.checkpoint)
    seen: list[object] = []

    def make(path: Path) -> int:
        number = store.checkpoint(path)
        seen.append((reading(tmp_path).newest(), numbers(tmp_path), last_number(tmp_path), path.name.isdecimal()))
        return number

    commit(store, 1)
    kept.take(make)
    assert seen == [(first, [first.number], first.number, False)]


@pytest.mark.parametrize("left", ["", "unfinished", "unfinished/part"])
def test_one_that_fails_leaves_room_for_the_next(tmp_path: Path, store: Store, left: str) -> None:
    """The disk may be full for a while: a directory that is there would then fail every later checkpoint."""
    kept = Snapshots(tmp_path, 5)

    def fail(path: Path) -> int:
        assert path.name == "unfinished"
        (path.parent / left).mkdir(parents=True, exist_ok=True)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        kept.take(fail)
    assert numbers(tmp_path) == []
    with pytest.raises(NotFound, match="no snapshot yet"):
        reading(tmp_path).newest()
    assert rows(kept.take(store.checkpoint).path) == 3


def test_leftovers_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from kg.store.snapshots import Snapshots
from kg.store.store import Store, StoreOptions
store = Store(StoreOptions(Path(sys.argv[1]), bare=True))
kept = Snapshots(Path(sys.argv[1]), 2)
kept.take(store.checkpoint)
def make(path):
    store.checkpoint(path)
    os.kill(os.getpid(), signal.SIGKILL)
kept.take(make)
"""
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=60, check=False).returncode == -9
    assert len(names(tmp_path)) == 2
    kept = Snapshots(tmp_path, 2)
    assert names(tmp_path) == {"1"}
    assert numbers(tmp_path) == [1]
    again = Store(StoreOptions(tmp_path, bare=True))
    assert kept.take(again.checkpoint).number == 2


# ---- numbers


def test_numbers_never_go_back(tmp_path: Path) -> None:
    """Each start gets a number that no start before it can have shown, whatever was committed but not published."""
    seen = []
    for start in range(3):
        store = Store(StoreOptions(tmp_path, bare=True))
        kept = Snapshots(tmp_path, 1)
        seen.append(kept.take(store.checkpoint).number)
        for number in range(start):
            commit(store, number)
            seen.append(kept.take(store.checkpoint).number)
        commit(store, 100 + start)
        del store
    assert seen == sorted(set(seen))


def test_copies_of_an_earlier_start_are_found(tmp_path: Path, store: Store) -> None:
    before = Snapshots(tmp_path, 3)
    taken = before.take(store.checkpoint)
    (tmp_path / FOLDER / "notes").mkdir()
    Snapshots(tmp_path, 3)
    found = reading(tmp_path)
    assert found.numbers == [taken.number]
    with found.held(taken.number) as snapshot:
        assert (snapshot.path, rows(snapshot.path)) == (taken.path, 3)


def test_the_newest_is_found_by_number_not_by_name(tmp_path: Path) -> None:
    kept = Snapshots(tmp_path, 20)
    for number in range(8, 12):
        kept.take(empty(number))
    assert (reading(tmp_path).newest().number, numbers(tmp_path), last_number(tmp_path)) == (11, [8, 9, 10, 11], 11)


def test_there_is_no_number_yet(tmp_path: Path) -> None:
    assert last_number(tmp_path) == 0
    Snapshots(tmp_path, 1)
    assert last_number(tmp_path) == 0


# ---- as of


def test_a_past_one_and_one_that_is_gone(tmp_path: Path, store: Store) -> None:
    kept = Snapshots(tmp_path, 2)
    for number in range(3):
        kept.take(store.checkpoint)
        commit(store, number)
    held = reading(tmp_path)
    with held.held(3) as past, held.held() as newest:
        assert (rows(past.path), rows(newest.path), newest.number) == (4, 5, 4)
    for number in (2, 5, 0):
        with pytest.raises(NotFound, match=f"Snapshot {number} is not available; the newest is 4"), held.held(number):
            pass


# ---- pruning


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_as_many_are_kept_as_wanted(tmp_path: Path, keep: int) -> None:
    kept = Snapshots(tmp_path, keep)
    for number in range(1, 7):
        kept.take(empty(number))
        assert numbers(tmp_path) == list(range(max(1, number - keep + 1), number + 1))
        assert names(tmp_path) == {str(one) for one in numbers(tmp_path)}


def test_fewer_are_kept_after_a_start_with_another_setting(tmp_path: Path) -> None:
    for number in range(1, 21):
        Snapshots(tmp_path, 30).take(empty(number))
    assert numbers(tmp_path) == list(range(1, 21))  # a directory lists them in any order
    kept = Snapshots(tmp_path, 2)
    kept.take(empty(21))
    assert names(tmp_path) == {"20", "21"}


def test_one_that_is_read_stays_until_its_last_reader_has_finished(tmp_path: Path, store: Store) -> None:
    kept, users = Snapshots(tmp_path, 1), reading(tmp_path)
    first = kept.take(store.checkpoint)
    with users.held(first.number) as held:
        with users.held(first.number):
            commit(store, 1)
            kept.take(store.checkpoint)
            assert names(tmp_path) == {"2", "3"}
        kept.prune()
        assert names(tmp_path) == {"2", "3"}
        assert rows(held.path) == 3
        commit(store, 2)
        kept.take(store.checkpoint)
        assert names(tmp_path) == {"2", "4"}
    assert not users._held  # else it would grow with each snapshot
    kept.prune()
    assert names(tmp_path) == {"4"}


def test_it_is_let_go_when_the_reading_fails(tmp_path: Path) -> None:
    kept, users = Snapshots(tmp_path, 1), reading(tmp_path)
    kept.take(empty(1))
    with contextlib.suppress(KeyError), users.held():
        kept.take(empty(2))
        assert names(tmp_path) == {"1", "2"}
        raise KeyError
    kept.prune()
    assert names(tmp_path) == {"2"}


def test_the_newest_stays_locked_between_two_queries_and_no_longer_than_that(tmp_path: Path) -> None:
    """The next query needs it, too; once there is a newer one, the first query lets go of it."""
    kept, users = Snapshots(tmp_path, 1), reading(tmp_path)
    for number in (1, 2, 3):
        kept.take(empty(number))
        assert users.newest().number == number
        assert list(users._held) == [number]
        assert str(number) in names(tmp_path)
    kept.prune()
    assert names(tmp_path) == {"3"}


# ---- several processes

HOLD = """
import os, sys
from pathlib import Path
from kg.store.snapshots import HeldSnapshots
users = HeldSnapshots(Path(sys.argv[1]), lambda: 1)
with users.held(1) as snapshot:
    print(snapshot.number, flush=True)
    sys.stdin.read(1)
print("over", flush=True)
sys.stdin.read(1)
"""


@pytest.mark.parametrize("killed", [True, False])
def test_one_that_another_process_reads_stays_until_that_has_finished(tmp_path: Path, killed: bool) -> None:
    kept = Snapshots(tmp_path, 1)
    kept.take(empty(1))
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin and other.stdout
        assert other.stdout.readline() == "1\n"
        kept.take(empty(2))
        kept.prune()
        assert names(tmp_path) == {"1", "2"}
        if killed:
            other.kill()
        else:
            other.stdin.write("x")
            other.stdin.flush()
            # It may still hold the lock on what it takes for the newest, but gives it up with its end.
            assert other.stdout.readline() == "over\n"
            other.stdin.close()
        other.wait(60)
        kept.prune()
        assert names(tmp_path) == {"2"}


def test_one_that_is_being_removed_cannot_be_held(tmp_path: Path) -> None:
    """The owner has locked it, and renames it next: who comes then, finds it gone."""
    kept = Snapshots(tmp_path, 1)
    path = kept.take(empty(1)).path
    descriptor = os.open(path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        with pytest.raises(NotFound, match="Snapshot 1 is not available"), reading(tmp_path).held(1):
            pass
    finally:
        os.close(descriptor)
    assert reading(tmp_path).newest().number == 1


def test_the_newest_is_looked_up_again_if_it_was_removed_a_moment_ago(tmp_path: Path) -> None:
    kept, published = Snapshots(tmp_path, 1), iter([1, 1, 2, 2, 2, 2])
    for number in (1, 2):
        kept.take(empty(number))
    assert names(tmp_path) == {"2"}
    with HeldSnapshots(tmp_path, lambda: next(published)).held() as found:
        assert found.number == 2


# ---- the newest number


def test_the_newest_number_is_shared_with_who_has_the_memory(tmp_path: Path) -> None:
    ours = NewestNumber()
    theirs = NewestNumber(os.dup(ours.descriptor))
    assert (theirs.number, theirs.taken) == (0, 0.0)
    for number in (1, 2**40):
        ours.publish(Snapshot(number, tmp_path, number + 0.5))
        assert (theirs.number, theirs.taken) == (number, number + 0.5)
    assert NewestNumber().number == 0


@pytest.mark.parametrize("end", list(EndOfWriter))
def test_why_the_writer_has_ended_is_shared_too(tmp_path: Path, end: EndOfWriter) -> None:
    ours = NewestNumber()
    ours.publish(Snapshot(5, tmp_path, 1.0))
    ours.writer_ended(end)
    theirs = NewestNumber(os.dup(ours.descriptor))
    assert (theirs.last_end, theirs.number, theirs.taken) == (end, 5, 1.0)


# ---- removal


def test_one_that_is_removed_leaves_its_number_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is killed while it removes one must not leave a part of it to be asked for."""
    kept = Snapshots(tmp_path, 1)
    kept.take(empty(1))
    remove = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    kept.take(empty(2))
    monkeypatch.setattr(shutil, "rmtree", remove)
    assert len(names(tmp_path)) == 2
    Snapshots(tmp_path, 5)
    assert numbers(tmp_path) == [2]
    assert names(tmp_path) == {"2"}


def test_one_that_was_removed_by_hand_disturbs_nobody(tmp_path: Path) -> None:
    kept = Snapshots(tmp_path, 1)
    shutil.rmtree(kept.take(empty(1)).path)
    kept.take(empty(2))
    assert numbers(tmp_path) == [2]


def test_nothing_that_is_held_is_ever_removed(tmp_path: Path) -> None:
    """Readers in threads ask for the newest while a writer makes more, of which only one is kept."""
    kept, users = Snapshots(tmp_path, 1), reading(tmp_path)
    kept.take(empty(1))
    over = threading.Event()

    def read() -> int:
        count = 0
        while not over.is_set():
            with users.held() as snapshot:
                assert snapshot.path.is_dir()
                os.sched_yield()
                assert snapshot.path.is_dir()
            count += 1
        return count

    with ThreadPoolExecutor(4) as readers:
        at_work = [readers.submit(read) for _ in range(4)]
        try:
            for number in range(2, 400):
                kept.take(empty(number))
        finally:
            over.set()
        assert all(one.result(20) > 0 for one in at_work)
    kept.prune()
    assert names(tmp_path) == {"399"}


def test_a_copy_is_made_of_links_and_gives_them_back(tmp_path: Path, store: Store) -> None:
    kept = Snapshots(tmp_path, 1)
    kept.take(store.checkpoint)
    files = list((tmp_path / "store").glob("*.sst"))
    assert files and {file.stat().st_nlink for file in files} == {2}
    kept.take(empty(99))
    assert {file.stat().st_nlink for file in files} == {1}
