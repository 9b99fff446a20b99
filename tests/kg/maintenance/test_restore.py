"""Restore: the restored store equals the backup; a damaged backup changes nothing."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import random
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.access.api_tokens import TokenFile, TokenGrant
from kg.errors import BadInput, StorageFull, StoreInUse, StoreUnavailable
from kg.files import disk_space as disks
from kg.maintenance import backup, backup_archive, doctor
from kg.maintenance.restore import restore
from kg.rdf import oxigraph, oxigraph_queries
from kg.reference import reference_lookup_and_backup
from kg.reference.pack_metadata import PackMetadata
from kg.reference.records import Record, RecordKind, RecordName
from kg.reference.reference_store import FILE as REFERENCE
from kg.reference.reference_store import ReferenceStore
from kg.store.store import Store, StoreOptions
from tests.cases import stores


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stores.seeded(tmp_path_factory.mktemp("seeded") / "data")


@pytest.fixture(scope="module")
def file(seeded: Path) -> Path:
    """A backup of a store with the seed article."""
    made = seeded.parent / "seeded.tar"
    backup.backup(seeded, made)
    return made


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of another, small store."""
    place = tmp_path_factory.mktemp("small")
    backup.backup(stores.plain(place / "data", "new"), place / "small.tar")
    return place / "small.tar"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """An existing data directory, with tokens and a file of its owner."""
    data = stores.plain(tmp_path / "data", "old")
    TokenFile(data).create("mine", TokenGrant())
    (data / "notes.txt").write_text("mine", "utf-8")
    return data


def identity(data: Path) -> str:
    return str(json.loads((data / "claimgraph.json").read_text("utf-8"))["id"])


def only(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


# ---- round trips


def test_every_quad_comes_back(seeded: Path, file: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    told = restore(file, tmp_path / "a" / "data", progress=lambda *done: seen.append(done))
    data = tmp_path / "a" / "data"
    assert stores.quads(data) == stores.quads(seeded)
    assert stores.names(data) == stores.names(seeded)
    assert (told.quads, told.graphs) == (len(stores.quads(data)), len(stores.names(data)))
    assert sum(done for done, _ in seen) == seen[0][1]
    assert only(tmp_path / "a") == ["data"]
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert all(finding.verdict != "failed" for finding in doctor.diagnose(doctor.installation(data, {}, full=True)))


def test_it_is_another_dataset_than_the_one_that_was_backed_up(seeded: Path, file: Path, tmp_path: Path) -> None:
    """Else an ETag of one would pass for the other's once both have been written to."""
    for name in ("one", "two"):
        restore(file, tmp_path / name)
    assert len({identity(data) for data in (seeded, tmp_path / "one", tmp_path / "two")}) == 3
    known = [json.loads((data / "claimgraph.json").read_text("utf-8")) for data in (seeded, tmp_path / "one")]
    assert {**known[0], "id": ""} == {**known[1], "id": ""}


def test_it_is_written_to_and_backed_up_again(file: Path, tmp_path: Path) -> None:
    restore(file, tmp_path / "one")
    store = Store(StoreOptions(tmp_path / "one"))
    store.update("INSERT DATA { GRAPH <urn:more> { <urn:a> <urn:b> 3 } }")
    del store
    backup.backup(tmp_path / "one", tmp_path / "b.tar")
    restore(tmp_path / "b.tar", tmp_path / "two")
    assert stores.quads(tmp_path / "two") == stores.quads(tmp_path / "one")
    assert "urn:more" in stores.names(tmp_path / "two")


def test_an_empty_store(tmp_path: Path) -> None:
    backup.backup(stores.plain(tmp_path / "data"), tmp_path / "b.tar")
    assert restore(tmp_path / "b.tar", tmp_path / "new").quads == 0
    assert stores.quads(tmp_path / "new") == set()


def test_tokens_come_back_for_their_owner_alone(tmp_path: Path) -> None:
    data = stores.plain(tmp_path / "data", "x")
    TokenFile(data).create("mine", TokenGrant("write", ("urn:x",)))
    backup.backup(data, tmp_path / "b.tar")
    before = os.umask(0)
    try:
        restore(tmp_path / "b.tar", tmp_path / "new")
    finally:
        os.umask(before)
    assert TokenFile(tmp_path / "new").tokens() == TokenFile(data).tokens()
    assert stat.S_IMODE((tmp_path / "new" / "tokens.json").stat().st_mode) == 0o600


@settings(max_examples=10, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "urn:g", "urn:h"]),
            st.one_of(
                st.text(max_size=20, alphabet=st.characters(exclude_categories=["Cs"])).map(oxigraph.Literal),
                st.integers(-(2**70), 2**70).map(oxigraph.Literal),
                st.floats(allow_nan=False).map(oxigraph.Literal),
                st.sampled_from(["a", "b"]).map(oxigraph.BlankNode),
            ),
        ),
        max_size=8,
    )
)
def test_any_dataset_comes_back(
    tmp_path_factory: pytest.TempPathFactory, content: list[tuple[str, oxigraph.Term]]
) -> None:
    place = tmp_path_factory.mktemp("any")
    stores.plain(place / "data")
    store = oxigraph.open_store(place / "data" / "store")
    subject, predicate = oxigraph.NamedNode("urn:s"), oxigraph.NamedNode("urn:p")
    for graph, value in content:
        store.add(
            oxigraph.Quad(subject, predicate, value, oxigraph.NamedNode(graph) if graph else oxigraph.DefaultGraph())
        )
    expected = set(store)
    store.flush()
    del store
    backup.backup(place / "data", place / "b.tar")
    restore(place / "b.tar", place / "new")
    assert stores.quads(place / "new") == expected
    shutil.rmtree(place)


# ---- what is damaged


def check_refused(damaged: Path, data: Path) -> str:
    """Check that restoring fails with one sentence, over a store and next to it, and changes nothing."""
    before = stores.tree(data.parent)
    with pytest.raises(BadInput) as caught:
        restore(damaged, data, replace=True)
    assert stores.tree(data.parent) == before
    with pytest.raises(BadInput) as again:
        restore(damaged, data.parent / "new")
    assert stores.tree(data.parent) == before
    assert stores.names(data) == {"urn:old"}
    assert caught.value.message == again.value.message
    assert caught.value.message.startswith(f"{damaged.name} is ")
    assert caught.value.remedy
    return caught.value.message


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    return tmp_path / "files" / "damaged.tar"


def test_a_bit_that_has_flipped(small: Path, old: Path, damaged: Path) -> None:
    chance, whole = random.Random(7), small.read_bytes()
    places = {0, 124, 511, 512, len(whole) - 1, *(chance.randrange(len(whole)) for _ in range(30))}
    shutil.copy(small, damaged)
    for place in places:
        content = bytearray(whole)
        content[place] ^= 1 << chance.randrange(8)
        damaged.write_bytes(content)
        check_refused(damaged, old)


def test_bits_that_have_flipped_in_a_large_one(file: Path, old: Path, damaged: Path) -> None:
    chance, size = random.Random(8), file.stat().st_size
    shutil.copy(file, damaged)
    for _ in range(12):
        place = chance.randrange(size)
        with damaged.open("r+b") as stream:
            stream.seek(place)
            was = stream.read(1)[0]
            stream.seek(place)
            stream.write(bytes([was ^ (1 << chance.randrange(8))]))
            stream.flush()
            check_refused(damaged, old)
            stream.seek(place)
            stream.write(bytes([was]))
    restore(damaged, old, replace=True)


def test_a_copy_that_is_cut_off(file: Path, old: Path, damaged: Path) -> None:
    chance, size = random.Random(9), file.stat().st_size
    for length in {0, 1, 511, 512, size - 1, size - 10240, *(chance.randrange(size) for _ in range(10))}:
        shutil.copy(file, damaged)
        os.truncate(damaged, length)
        check_refused(damaged, old)


def test_a_copy_of_which_half_is_still_empty(file: Path, old: Path, damaged: Path) -> None:
    """So it looks while some programs copy it: of full length from the start."""
    size = file.stat().st_size
    for share in (0, 1, 5, 9):
        shutil.copy(file, damaged)
        os.truncate(damaged, size * share // 10)
        os.truncate(damaged, size)
        check_refused(damaged, old)


def test_two_backups_in_one_file(file: Path, small: Path, old: Path, damaged: Path) -> None:
    damaged.write_bytes(small.read_bytes() + file.read_bytes())
    assert "data after its end" in check_refused(damaged, old)
    damaged.write_bytes(file.read_bytes()[: small.stat().st_size] + small.read_bytes())
    check_refused(damaged, old)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_other_edit_is_let_through(
    tmp_path_factory: pytest.TempPathFactory, small: Path, data: st.DataObject
) -> None:
    place = tmp_path_factory.mktemp("edit")
    whole = small.read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 3000)))
    changed = whole[:start] + data.draw(st.binary(max_size=600)) + whole[end:]
    (place / "b.tar").write_bytes(changed)
    if changed == whole:
        restore(place / "b.tar", place / "new")
    else:
        with pytest.raises(BadInput):
            restore(place / "b.tar", place / "new")
        assert only(place) == ["b.tar"]
    shutil.rmtree(place)


Change = Callable[[Path, backup_archive.BackupSummary], backup_archive.BackupSummary]


def _without_graph(place: Path, told: backup_archive.BackupSummary) -> backup_archive.BackupSummary:
    store = oxigraph.open_store(place / "store")
    oxigraph_queries.update(store, "DROP ALL")
    store.flush()
    return told


def _damaged_engine(place: Path, told: backup_archive.BackupSummary) -> backup_archive.BackupSummary:
    for path in (place / "store").glob("MANIFEST-*"):
        path.write_bytes(b"x" * 100)
    return told


def _without_manifest(place: Path, told: backup_archive.BackupSummary) -> backup_archive.BackupSummary:
    for path in (place / "store").glob("MANIFEST-*"):
        path.unlink()
    return told


def _other_description(place: Path, told: backup_archive.BackupSummary) -> backup_archive.BackupSummary:
    (place / "claimgraph.json").write_text('{"base": "http://other.example/", "bare": true}', "utf-8")
    return told


def _no_description(place: Path, told: backup_archive.BackupSummary) -> backup_archive.BackupSummary:
    (place / "claimgraph.json").write_text("{", "utf-8")
    return told


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_without_graph, "its store does not match its manifest"),
        (lambda _, told: dataclasses.replace(told, quads=2), "its store does not match its manifest"),
        (lambda _, told: dataclasses.replace(told, graphs=0), "its store does not match its manifest"),
        (lambda _, told: dataclasses.replace(told, bare=False), "its store does not match its manifest"),
        (_other_description, "its store does not match its manifest"),
        (_no_description, "cannot be opened"),
        (_damaged_engine, "cannot be opened"),
        (_without_manifest, "cannot be opened"),
    ],
)
def test_a_whole_file_of_a_broken_store(change: Change, said: str, old: Path, damaged: Path, tmp_path: Path) -> None:
    """Its digests are right, so that only opening the store tells."""
    place = stores.plain(damaged.parent / "broken", "x")
    backup.backup(place, damaged)
    with damaged.open("rb") as stream:
        told = change(place, backup_archive.ArchiveReader(stream, "x").summary)
    paths = [*place.glob("*.json"), *(p for p in (place / "store").iterdir() if not p.name.startswith("LO"))]
    made = backup_archive.BackupArchive(told, {str(path.relative_to(place)): path for path in paths})
    damaged.write_bytes(b"".join(made.blocks()))
    shutil.rmtree(place)
    assert said in check_refused(damaged, old)


# ---- where to


def test_it_needs_a_free_place(file: Path, old: Path, tmp_path: Path) -> None:
    before = stores.tree(tmp_path)
    with pytest.raises(BadInput, match="is not empty") as caught:
        restore(file, old)
    assert "--replace" in caught.value.remedy
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.odt").write_text("years of work", "utf-8")
    for replace in (False, True):
        with pytest.raises(BadInput):
            restore(file, tmp_path / "other", replace=replace)
        with pytest.raises(BadInput, match="is not a directory"):
            restore(file, old / "notes.txt", replace=replace)
    (tmp_path / "link").symlink_to(old)
    with pytest.raises(BadInput, match="is not a directory"):
        restore(file, tmp_path / "link", replace=True)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(BadInput, match="is not a directory"):
        restore(file, tmp_path / "dangling")
    assert before.items() <= stores.tree(tmp_path).items()
    assert (tmp_path / "other" / "thesis.odt").read_text("utf-8") == "years of work"


@pytest.mark.parametrize("content", [(), ("lost+found",), (".new.restore-left",)])
def test_a_directory_that_is_as_good_as_empty(content: tuple[str, ...], small: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    for name in content:
        (tmp_path / "new" / name).mkdir()
    restore(small, tmp_path / "new")
    assert stores.names(tmp_path / "new") == {"urn:new"}
    assert only(tmp_path) == ["new"]


@pytest.mark.parametrize("what", ["nothing", "directory"])
def test_what_is_no_file(what: str, old: Path, tmp_path: Path) -> None:
    if what == "directory":
        (tmp_path / "b.tar").mkdir()
    with pytest.raises(BadInput, match="is not a file"):
        restore(tmp_path / "b.tar", old, replace=True)
    assert stores.names(old) == {"urn:old"}


def test_a_store_that_is_in_use_is_not_replaced(small: Path, old: Path) -> None:
    holder = Store(StoreOptions(old, bare=True))
    with pytest.raises(StoreInUse):
        restore(small, old, replace=True)
    holder.update("INSERT DATA { GRAPH <urn:old> { <urn:s> <urn:p> 2 } }")
    assert holder.count("urn:old") == 2
    assert only(old.parent) == ["data"]


_HOLDER = """
import sys
from pathlib import Path
from kg.store.store import Store, StoreOptions
store = Store(StoreOptions(Path(sys.argv[1]), bare=True))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(old: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _HOLDER, str(old)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_store_that_another_process_has_is_not_replaced(
    small: Path, old: Path, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(StoreInUse):
        restore(small, old, replace=True)
    assert only(old.parent) == ["data"]
    holder.kill()
    holder.wait(60)
    restore(small, old, replace=True)
    assert stores.names(old) == {"urn:new"}


def test_nobody_opens_a_store_while_it_is_replaced(small: Path, old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that starts just then gets the old store refused, and does not write into files that go away."""
    found: list[int] = []
    rename = Path.rename

    def spied(path: Path, target: Path) -> Path:
        if path == old:
            command = [sys.executable, "-c", _HOLDER, str(old)]
            tried = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, input="")
            found.append(tried.returncode)
            assert "StoreInUse" in tried.stderr
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", spied)
    restore(small, old, replace=True)
    assert found == [1]
    assert stores.names(old) == {"urn:new"}


def test_replacing_keeps_what_is_not_the_stores(small: Path, old: Path) -> None:
    tokens = TokenFile(old).tokens()
    (old / "snapshots" / "7").mkdir(parents=True)
    (old / "backups").mkdir()
    restore(small, old, replace=True)
    assert only(old) == ["backups", "claimgraph.json", "notes.txt", "store", "tokens.json"]
    assert stores.names(old) == {"urn:new"}
    assert TokenFile(old).tokens() == tokens
    assert only(old.parent) == ["data"]


def test_replacing_brings_the_tokens_of_the_backup(old: Path, tmp_path: Path) -> None:
    backup.backup(old, tmp_path / "b.tar")
    tokens = TokenFile(old).tokens()
    TokenFile(old).create("later", TokenGrant())
    TokenFile(old).revoke("mine")
    restore(tmp_path / "b.tar", old, replace=True)
    assert TokenFile(old).tokens() == tokens


def test_a_damaged_store_is_replaced_all_the_more(small: Path, old: Path) -> None:
    for path in (old / "store").glob("MANIFEST-*"):
        path.write_bytes(b"x")
    (old / "claimgraph.json").write_text("{", "utf-8")
    restore(small, old, replace=True)
    assert stores.names(old) == {"urn:new"}


def test_what_serves_owns_what_an_administrator_restores(small: Path, old: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only the administrator may give files away")
    os.chown(old, 12345, 12346)
    restore(small, old, replace=True)
    made = [old, old / "claimgraph.json", old / "store", *(old / "store").iterdir()]
    assert {(path.stat().st_uid, path.stat().st_gid) for path in made} == {(12345, 12346)}


@pytest.mark.parametrize("inside", [False, True])
def test_a_restore_that_was_interrupted_is_told_of(inside: bool, small: Path, old: Path) -> None:
    before = old / ".before-restore" if inside else old.with_name("data.before-restore")
    before.mkdir()
    with pytest.raises(BadInput, match="interrupted") as caught:
        restore(small, old, replace=True)
    assert "and restore again" in caught.value.remedy
    assert stores.names(old) == {"urn:old"}
    before.rmdir()
    restore(small, old, replace=True)


# ---- on a disk of its own


def test_a_disk_without_room_stays_as_it_was(small: Path, tmp_path: Path) -> None:
    with stores.small_disk(tmp_path / "disk", 60) as disk:
        stores.plain(disk / "data", "old")
        stores.fill(disk, leave=30 * disks.MIB)
        before = stores.tree(disk)
        for target in (disk / "data", disk / "new", disk):
            with pytest.raises((StorageFull, BadInput)) as caught:
                restore(small, target, replace=True)
            assert isinstance(caught.value, StorageFull) == (target != disk)
        assert stores.tree(disk) == before


def test_a_disk_that_fills_up_meanwhile_stays_as_it_was(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disks, "require", lambda *_: None)
    with stores.small_disk(tmp_path / "disk", 3) as disk:
        stores.plain(disk / "data", "old")
        before = stores.tree(disk)
        for target in (disk / "data", disk / "new"):
            with pytest.raises(StorageFull):
                restore(file, target, replace=True)
            assert stores.tree(disk) == before


def test_a_mount_point_which_cannot_be_renamed(file: Path, small: Path, tmp_path: Path) -> None:
    with stores.small_disk(tmp_path / "data", 80) as data:
        (data / "lost+found").mkdir()
        restore(small, data)
        assert only(data) == ["claimgraph.json", "lost+found", "store"]
        assert stores.names(data) == {"urn:new"}
        TokenFile(data).create("mine", TokenGrant())
        first = identity(data)
        restore(file, data, replace=True)
        assert only(data) == ["claimgraph.json", "lost+found", "store", "tokens.json"]
        assert "urn:mine" in stores.names(data)
        assert identity(data) != first
        assert only(tmp_path) == ["data"]


@pytest.mark.parametrize("inside", [False, True])
def test_a_swap_that_fails_is_taken_back(inside: bool, small: Path, old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever of the renamings it is that the system refuses."""
    monkeypatch.setattr(Path, "is_mount", lambda path: inside and path == old)
    before, rename = (only(old), only(old.parent)), Path.rename
    said: list[str] = []
    for last in range(20):
        calls = itertools.count()

        def some(path: Path, target: Path, last: int = last, calls: Iterator[int] = calls) -> Path:
            if next(calls) == last:
                raise OSError(5, "Input/output error")
            return rename(path, target)

        monkeypatch.setattr(Path, "rename", some)
        try:
            restore(small, old, replace=True)
        except StoreUnavailable as error:
            said.append(error.message)
            assert (only(old), only(old.parent)) == before
            assert stores.names(old) == {"urn:old"}
        else:
            break
    assert said == ["The directory of data cannot be written: Input/output error."] * 4
    assert only(old) == ["claimgraph.json", "notes.txt", "store", "tokens.json"]
    assert only(old.parent) == ["data"]
    assert stores.names(old) == {"urn:new"}


def with_reference(data: Path, identifier: str) -> Path:
    """Add reference data with one record, without leftover auxiliary files of SQLite."""
    record = Record("wikidata", identifier, RecordKind.person, (RecordName("x", "en", True),))
    with ReferenceStore.open(data / REFERENCE, writable=True) as reference:
        reference.add(PackMetadata("mine", "1", "wikidata"), [record])
    return data


def test_reference_data_goes_along(old: Path, tmp_path: Path) -> None:
    made = tmp_path / "b.tar"
    backup.backup(with_reference(stores.plain(tmp_path / "other", "new"), "Q1"), made)
    with_reference(old, "Q2")
    for left in ("wal", "shm"):  # as a process that was killed leaves them
        (old / f"{REFERENCE}-{left}").write_bytes(b"of the old file")
    restore(made, old, replace=True)
    assert sorted(path.name for path in old.iterdir() if path.name.startswith(REFERENCE)) == [REFERENCE]
    assert stat.S_IMODE((old / REFERENCE).stat().st_mode) == 0o600
    with ReferenceStore.open(old / REFERENCE) as reference:
        assert reference.get("wikidata", "Q1") is not None
        assert reference.get("wikidata", "Q2") is None


def test_reference_data_stays_where_a_backup_has_none(old: Path, small: Path) -> None:
    with_reference(old, "Q2")
    restore(small, old, replace=True)
    with ReferenceStore.open(old / REFERENCE) as reference:
        assert reference.get("wikidata", "Q2") is not None


def test_damaged_reference_data_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoilt(_data: Path, target: Path) -> None:
        target.write_bytes(b"SQLite format 3\0" + bytes(4096))

    monkeypatch.setattr(reference_lookup_and_backup, "copy", spoilt)
    backup.backup(stores.plain(tmp_path / "data", "one"), tmp_path / "b.tar")
    with pytest.raises(BadInput, match="is damaged"):
        restore(tmp_path / "b.tar", tmp_path / "new")
    assert not (tmp_path / "new").exists()
