"""Backup: the whole store at one moment, whichever process holds it; or no file."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kg import __version__
from kg.access.api_tokens import TokenFile, TokenGrant
from kg.errors import BadInput, Forbidden, NotFound, StorageFull, StoreInUse, StoreUnavailable
from kg.files import disk_space as disks
from kg.maintenance import backup, backup_archive
from kg.maintenance.restore import restore
from kg.store.store import Store, StoreOptions
from tests.cases import peers, stores
from tests.cases.writers import Writer, held
from tests.processes import TOKEN, Server, running, wait_until


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return stores.plain(tmp_path / "data", "one", "two")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that has a store open."""
    with running(tmp_path_factory.mktemp("server")) as found:
        yield found


def summary(file: Path) -> backup_archive.BackupSummary:
    """Check a backup to its last byte and return its own description."""
    with file.open("rb") as stream:
        reader = backup_archive.ArchiveReader(stream, file.name)
        reader.unpack(None)
        return reader.summary


def members(file: Path) -> list[str]:
    with file.open("rb") as stream:
        return [entry.name for entry in backup_archive.ArchiveReader(stream, file.name).entries]


def source(url: str, token: str | None = TOKEN, *, tokens: bool = True) -> backup.BackupServer:
    return backup.BackupServer(url, token, tokens=tokens)


# ---- of a store that nobody holds


def test_it_says_what_it_holds(data: Path, tmp_path: Path) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    file = tmp_path / "b.tar"
    assert backup.backup(data, file) == file.stat().st_size
    told = summary(file)
    known = json.loads((data / "claimgraph.json").read_text("utf-8"))
    assert (told.store, told.base, told.bare) == (known["id"], known["base"], True)
    assert (told.quads, told.graphs, told.version) == (2, 2, __version__)
    assert before <= datetime.fromisoformat(told.made) <= datetime.now(UTC)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert members(file)[0] == "claimgraph.json"
    assert not any("LOCK" in name or "LOG" in name for name in members(file))


def test_the_store_stays_as_it_was(data: Path, tmp_path: Path) -> None:
    before, known = stores.quads(data), (data / "claimgraph.json").read_bytes()
    backup.backup(data, tmp_path / "b.tar")
    assert stores.quads(data) == before
    assert (data / "claimgraph.json").read_bytes() == known
    assert sorted(path.name for path in data.iterdir()) == ["backups", "claimgraph.json", "store"]
    assert list((data / "backups").iterdir()) == []
    assert stat.S_IMODE((data / "backups").stat().st_mode) == 0o700
    Store(StoreOptions(data, bare=True)).update("INSERT DATA { <urn:a> <urn:b> 3 }")
    assert len(stores.quads(data)) == len(before) + 1


def test_tokens_go_along_unless_they_are_not_wanted(data: Path, tmp_path: Path) -> None:
    backup.backup(data, tmp_path / "without.tar")
    assert "tokens.json" not in members(tmp_path / "without.tar")
    secret = TokenFile(data).create("a", TokenGrant()).split("_", 2)[2]
    backup.backup(data, tmp_path / "with.tar")
    backup.backup(data, tmp_path / "left-out.tar", tokens=False)
    assert "tokens.json" in members(tmp_path / "with.tar")
    assert "tokens.json" not in members(tmp_path / "left-out.tar")
    assert secret.encode() not in (tmp_path / "with.tar").read_bytes()


@pytest.mark.parametrize("how", ["nothing", "empty", "no description"])
def test_where_there_is_no_store(how: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    if how == "empty":
        data.mkdir()
    elif how != "nothing":
        stores.plain(data)
        (data / "claimgraph.json").unlink()
    with pytest.raises(NotFound, match="There is no store in"):
        backup.backup(data, tmp_path / "b.tar")
    assert [path.name for path in tmp_path.iterdir()] == ([] if how == "nothing" else ["data"])


def test_a_store_whose_files_are_gone(data: Path, tmp_path: Path) -> None:
    (data / "store/CURRENT").unlink()
    with pytest.raises(StoreUnavailable, match="A file of the store is damaged"):
        backup.backup(data, tmp_path / "b.tar")
    assert not (tmp_path / "b.tar").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"base": "http://x/"}', b"\xff", b"null"])
def test_a_description_that_is_damaged(content: bytes, data: Path, tmp_path: Path) -> None:
    (data / "claimgraph.json").write_bytes(content)
    with pytest.raises(StoreUnavailable, match=r"claimgraph\.json is damaged"):
        backup.backup(data, tmp_path / "b.tar")
    assert not (tmp_path / "b.tar").exists()
    assert list((data / "backups").iterdir()) == []


def test_one_who_holds_it_without_snapshots(data: Path, tmp_path: Path) -> None:
    holder = Store(StoreOptions(data, bare=True))
    with pytest.raises(StoreInUse):
        backup.backup(data, tmp_path / "b.tar")
    assert holder.count("urn:one") == 1
    assert not (tmp_path / "b.tar").exists()


def test_the_newest_snapshot_is_the_one_with_the_highest_number(tmp_path: Path) -> None:
    assert backup.newest_snapshot_number(tmp_path) is None
    for name in ("9", "10", "unfinished", "11x", "-12"):
        (tmp_path / "snapshots" / name).mkdir(parents=True)
    assert backup.newest_snapshot_number(tmp_path) == 10


def test_snapshots_that_go_faster_than_they_can_be_linked(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of a snapshot is taken only if that still is the newest, for then none of it was removed meanwhile."""
    holder = Store(StoreOptions(data, bare=True))
    (data / "snapshots").mkdir()
    holder.checkpoint(data / "snapshots" / "1")
    numbers = iter(range(1, 1000))
    monkeypatch.setattr(backup, "newest_snapshot_number", lambda _: next(numbers))
    monkeypatch.setattr(backup, "_TRIES", 3)
    with pytest.raises(StoreUnavailable, match="too fast"):
        backup.backup(data, tmp_path / "b.tar")
    assert list((data / "backups").iterdir()) == []
    monkeypatch.undo()
    backup.backup(data, tmp_path / "b.tar")
    assert summary(tmp_path / "b.tar").quads == 2


# ---- the file


def test_a_file_that_is_there_is_kept_unless_one_says_otherwise(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "b.tar"
    file.write_text("mine", "utf-8")
    with pytest.raises(BadInput, match="already exists"):
        backup.backup(data, file)
    assert file.read_text("utf-8") == "mine"
    backup.backup(data, file, overwrite=True)
    assert summary(file).quads == 2


def test_places_where_no_file_can_be(data: Path, tmp_path: Path) -> None:
    for place in (tmp_path / "nowhere" / "b.tar", tmp_path, tmp_path / "data" / "claimgraph.json" / "b.tar"):
        with pytest.raises(BadInput):
            backup.backup(data, place, overwrite=True)


def test_a_failure_leaves_the_file_that_was_there(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "b.tar"
    file.write_text("mine", "utf-8")
    (data / "claimgraph.json").write_bytes(b"{")
    with pytest.raises(StoreUnavailable):
        backup.backup(data, file, overwrite=True)
    assert file.read_text("utf-8") == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar", "data"]


def test_a_disk_that_is_full_gets_no_file(data: Path, tmp_path: Path) -> None:
    with stores.small_disk(tmp_path / "disk", 4) as disk:
        filling = stores.fill(disk, leave=16 * 1024)
        with pytest.raises(StorageFull, match="0 MiB are free, and 1 MiB are needed"):
            backup.backup(data, disk / "b.tar")
        assert list(disk.iterdir()) == [filling]
        filling.unlink()
        backup.backup(data, disk / "b.tar")
        assert summary(disk / "b.tar").quads == 2


def test_a_disk_that_fills_up_meanwhile_gets_no_file(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disks, "require", lambda *_: None)
    with stores.small_disk(tmp_path / "disk", 4) as disk:
        filling = stores.fill(disk, leave=16 * 1024)
        with pytest.raises(StorageFull, match="The disk is full"):
            backup.backup(data, disk / "b.tar")
        assert list(disk.iterdir()) == [filling]


_KILLED = """
import sys, time
from pathlib import Path
from kg.maintenance import backup

def blocks(archive):
    yield b"the beginning" * 1000
    print("begun", flush=True)
    time.sleep(60)

backup.BackupArchive.blocks = blocks
backup.backup(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_what_a_killed_backup_left_is_removed_by_the_next(data: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    command = [sys.executable, "-c", _KILLED, str(data), str(place / "b.tar")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        process.kill()
    assert [path.name[:12] for path in place.iterdir()] == [".b.tar.part-"]
    assert [path.name[:5] for path in (data / "backups").iterdir()] == [".tmp-"]
    backup.backup(data, place / "b.tar")
    assert [path.name for path in place.iterdir()] == ["b.tar"]
    assert list((data / "backups").iterdir()) == []


# ---- of a store that a server holds


@pytest.mark.parametrize("how", ["directory", "server"])
def test_every_write_from_before_is_in_a_backup_while_writes_go_on(how: str, server: Server, tmp_path: Path) -> None:
    writer = Writer()
    server.update("DROP GRAPH <urn:l> ; DROP GRAPH <urn:r>")
    with writer.writing(server):
        for turn in range(6):
            wait_until(lambda wanted=turn * 3: writer.acknowledged > wanted, "writes go on")  # type: ignore[misc]
            file, before = tmp_path / f"{turn}.tar", writer.acknowledged
            if how == "directory":
                backup.backup(server.data, file)
            else:
                backup.download(source(server.base), file)
            after = writer.acknowledged
            told = restore(file, tmp_path / str(turn))
            count = held(tmp_path / str(turn))
            assert before <= count <= after + 1
            assert told.quads == len(stores.quads(tmp_path / str(turn)))
    assert list((server.data / "backups").iterdir()) == []


def test_a_server_and_its_directory_give_the_same(server: Server, tmp_path: Path) -> None:
    server.update("INSERT DATA { <urn:a> <urn:says> [ <urn:b> 'x'@uk, 1.50 ] }")
    backup.backup(server.data, tmp_path / "here.tar")
    told = backup.download(source(server.base), tmp_path / "there.tar")
    assert told == summary(tmp_path / "there.tar")
    for name in ("here", "there"):
        restore(tmp_path / f"{name}.tar", tmp_path / name)
    assert stores.quads(tmp_path / "here") == stores.quads(tmp_path / "there")


@pytest.mark.parametrize("scope", [None, "wrong", "read", "write", "limited"])
def test_those_who_do_not_administer_get_none(scope: str | None, server: Server, tmp_path: Path) -> None:
    tokens = TokenFile(server.data)
    token = None
    if scope == "wrong":
        token = "kg_0123456789abcdef_wrong"
    elif scope == "limited":
        token = tokens.create(scope, TokenGrant("admin", ("urn:l",)))
    elif scope:
        token = tokens.create(scope, TokenGrant("read" if scope == "read" else "write"))
    with pytest.raises(Forbidden) as caught:
        backup.download(source(server.base, token), tmp_path / "b.tar")
    assert caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_one_of_scope_admin_gets_one_with_or_without_tokens(server: Server, tmp_path: Path) -> None:
    token = TokenFile(server.data).create("keeper", TokenGrant("admin"))
    seen: list[tuple[int, int]] = []
    file = tmp_path / "b.tar"
    backup.download(source(server.base.rstrip("/"), token), file, progress=lambda *done: seen.append(done))
    assert "tokens.json" in members(file)
    assert sum(done for done, _ in seen) == file.stat().st_size == seen[0][1]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(BadInput, match="already exists"):
        backup.download(source(server.base, token), file)
    backup.download(source(server.base, token, tokens=False), file, overwrite=True)
    assert "tokens.json" not in members(file)


# ---- of what only says that it is a server


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://127.0.0.1/", "127.0.0.1:8000", "", "data:,x", "http://[::1/"]
)
def test_addresses_of_no_server(url: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not an address of a server"):
        backup.download(source(url), tmp_path / "b.tar")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://127.0.0.1:99999/", "http://a..b/", "http://a b/"])
def test_addresses_where_nobody_answers(url: str, tmp_path: Path) -> None:
    with pytest.raises((StoreUnavailable, BadInput)):
        backup.download(source(url), tmp_path / "b.tar")
    assert list(tmp_path.iterdir()) == []


def test_tokens_of_any_letters_are_sent_and_no_line_more(tmp_path: Path) -> None:
    with peers.serving(lambda _: peers.Reply(status=404)) as peer:
        with pytest.raises(StoreUnavailable):
            backup.download(source(peer.address, "жетон"), tmp_path / "b.tar")
        with pytest.raises(BadInput, match="No request can be sent") as caught:
            backup.download(source(peer.address, "x\r\nX-More: y"), tmp_path / "b.tar")
    assert "X-More" not in caught.value.message
    (asked,) = peer.asked
    assert asked.headers["Authorization"].encode("latin-1").decode() == "Bearer жетон"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_token_is_not_sent_on(status: int, tmp_path: Path) -> None:
    with peers.serving(lambda _: peers.Reply()) as other:
        moved = peers.Reply(status=status, headers={"Location": f"{other.address}/admin/backup"})
        with peers.serving(lambda _: moved) as first, pytest.raises(StoreUnavailable, match=str(status)):
            backup.download(source(first.address), tmp_path / "b.tar")
        assert [asked.headers["Authorization"] for asked in first.asked] == [f"Bearer {TOKEN}"]
        assert other.asked == []
    assert list(tmp_path.iterdir()) == []


def test_what_comes_damaged_or_not_whole_is_not_kept(data: Path, tmp_path: Path) -> None:
    backup.backup(data, tmp_path / "b.tar")
    whole = (tmp_path / "b.tar").read_bytes()
    middle = len(whole) // 2
    wrong = [b"", b"<html>", whole[:-1], whole[:middle], whole[:middle] + b"x" + whole[middle + 1 :], whole + whole]
    file = tmp_path / "got" / "b.tar"
    file.parent.mkdir()
    file.write_text("mine", "utf-8")
    for content in wrong:
        with (
            peers.serving(lambda _, said=content: peers.Reply(said, "application/x-tar")) as peer,  # type: ignore[misc]
            pytest.raises(BadInput, match=r"^The download is "),
        ):
            backup.download(source(peer.address), file, overwrite=True)
        assert [path.name for path in file.parent.iterdir()] == ["b.tar"]
        assert file.read_text("utf-8") == "mine"
    with peers.serving(lambda _: peers.Reply(whole, "application/x-tar")) as peer:
        backup.download(source(peer.address), file, overwrite=True)
    assert file.read_bytes() == whole


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot hex\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"noise",
        b"",
        b"HTTP/1.1 500 Internal\r\nContent-Type: application/json\r\n\r\n[]",
        b'HTTP/1.1 401 No\r\n\r\n{"detail": 3}',
        b"HTTP/1.1 404 Not Found\r\n\r\n\xff",
    ],
)
def test_servers_that_say_something_odd(said: bytes, tmp_path: Path) -> None:
    with (
        peers.saying(lambda connection: connection.sendall(said)) as peer,
        pytest.raises((StoreUnavailable, BadInput, Forbidden)) as caught,
    ):
        backup.download(source(peer.address), tmp_path / "b.tar")
    assert caught.value.message
    assert list(tmp_path.iterdir()) == []


def test_a_backup_that_has_no_room_is_not_begun(tmp_path: Path) -> None:
    said = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % 10**15
    with peers.saying(lambda connection: connection.sendall(said)) as peer, pytest.raises(StorageFull):
        backup.download(source(peer.address), tmp_path / "b.tar")
    assert list(tmp_path.iterdir()) == []
