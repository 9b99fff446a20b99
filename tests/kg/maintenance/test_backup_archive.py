"""Backup archive: readable by any tar program, and any change in it is detected."""

from __future__ import annotations

import hashlib
import io
import json
import random
import shutil
import subprocess
import tarfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.errors import BadInput, StoreUnavailable
from kg.maintenance import backup_archive
from kg.maintenance.backup_archive import ArchiveReader, BackupArchive, BackupSummary

SUMMARY = BackupSummary("0123abcd", "https://news.example/", False, "2025-01-01T00:00:00+00:00", "1.0", 12, 3)
CONTENT = {
    "claimgraph.json": b"{}",
    "tokens.json": b"",
    "store/CURRENT": b"MANIFEST-1\n",
    "store/000007.sst": bytes(range(256)) * 4,
    "store/000008.log": b"x" * 700,
}


def written(place: Path, content: dict[str, bytes]) -> BackupArchive:
    """Make an archive of some files."""
    files = {}
    for number, (name, data) in enumerate(content.items()):
        files[name] = place / f"file{number}"
        files[name].write_bytes(data)
    return BackupArchive(SUMMARY, files)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return b"".join(written(tmp_path_factory.mktemp("files"), CONTENT).blocks())


def forged(manifest: object, members: list[tuple[str, bytes]] | None = None) -> bytes:
    """Make an archive whose digests all fit, with what a manifest does not say by itself."""
    text = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    parts = [("manifest.json", text), *(CONTENT.items() if members is None else members)]
    data = b""
    for name, content in parts:
        data += backup_archive._header(name, len(content)) + content + bytes(-len(content) % 512)
    trailer = hashlib.sha256(data).hexdigest().encode() + b"\n"
    data += backup_archive._header("SHA256", 65) + trailer + bytes(512 - 65)
    return data + bytes(1024) + bytes(-(len(data) + 1024) % 10240)


def listed(**other: Any) -> dict[str, Any]:
    """Make the manifest of :data:`CONTENT`, with other things in it."""
    files = [{"name": n, "size": len(c), "sha256": hashlib.sha256(c).hexdigest()} for n, c in CONTENT.items()]
    return {"format": 1, "product": "claimgraph", **vars(SUMMARY), "files": files} | other


def read(data: bytes) -> ArchiveReader:
    """Check every byte of an archive."""
    reader = ArchiveReader(io.BytesIO(data), "b.tar")
    reader.unpack(None)
    return reader


def refused(data: bytes) -> str:
    with pytest.raises(BadInput) as caught:
        read(data)
    assert caught.value.message.startswith("b.tar is ")
    assert caught.value.remedy
    return caught.value.message


# ---- what is written


def test_what_was_written_is_read(whole: bytes, tmp_path: Path) -> None:
    reader = ArchiveReader(io.BytesIO(whole), "b.tar")
    (tmp_path / "store").mkdir()
    done: list[tuple[int, int]] = []
    reader.unpack(tmp_path, lambda more, total: done.append((more, total)))
    assert reader.summary == SUMMARY
    assert {name: (tmp_path / name).read_bytes() for name in CONTENT} == CONTENT
    assert sum(more for more, _ in done) == reader.size == sum(map(len, CONTENT.values()))
    assert {total for _, total in done} == {reader.size}


def test_the_forgery_of_these_tests_is_a_faultless_one(whole: bytes) -> None:
    assert read(forged(listed())).summary == SUMMARY
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        manifest = tar.extractfile("manifest.json")
        assert manifest
        assert json.load(manifest) == listed()


def test_any_tar_program_reads_it(whole: bytes, tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        members = tar.getmembers()
        assert [member.name for member in members] == ["manifest.json", *CONTENT, "SHA256"]
        assert all(member.isreg() and member.mode == 0o600 and member.uid == 0 for member in members)
        tar.extractall(tmp_path, filter="data")
    assert {name: (tmp_path / name).read_bytes() for name in CONTENT} == CONTENT
    start = whole.index(b"SHA256\0")
    assert (tmp_path / "SHA256").read_text("utf-8") == hashlib.sha256(whole[:start]).hexdigest() + "\n"


def test_the_tar_of_the_system_reads_it(whole: bytes) -> None:
    program = shutil.which("tar")
    assert program
    found = subprocess.run([program, "-tf", "-"], input=whole, capture_output=True, check=True)
    assert found.stdout.decode().split() == ["manifest.json", *CONTENT, "SHA256"]
    assert found.stderr == b""


def test_the_bytes_of_an_archive_stay_the_same(whole: bytes) -> None:
    """Whatever version of the product or of Python wrote it; it could not be read otherwise."""
    assert hashlib.sha256(whole).hexdigest() == "d44193ab09fe343a8709b453de43fb800688acf3711d26531584e8e86cb47d13"
    large = backup_archive._header("store/000007.sst", 8**11 + 5)
    assert hashlib.sha256(large).hexdigest() == "c5d23526d8c6ef5c5d9e190e31c8546899c7d14ce159b708f36d7a03579cb6ae"


def test_it_is_as_long_as_it_says_beforehand(tmp_path: Path) -> None:
    for count in (0, 1, 17, 18, 19, 40):
        made = written(tmp_path, {f"store/{number}": b"x" * number for number in range(count)})
        blocks = list(made.blocks())
        assert sum(map(len, blocks)) == made.size
        assert made.size % 10240 == 0
        assert all(blocks)


def test_progress_reaches_its_total(tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    (tmp_path / "x").write_bytes(b"x" * 3_000_000)
    made = BackupArchive(SUMMARY, {"store/CURRENT": tmp_path / "x"}, lambda *seen: done.append(seen))
    for _ in made.blocks():
        pass
    assert sum(more for more, _ in done) == 6_000_000
    assert {total for _, total in done} == {6_000_000}


def test_a_file_that_becomes_shorter_ends_it(tmp_path: Path) -> None:
    made = written(tmp_path, CONTENT)
    (tmp_path / "file3").write_bytes(b"short")
    with pytest.raises(StoreUnavailable, match=r"store/000007\.sst has become shorter"):
        list(made.blocks())


def test_a_file_that_changes_or_grows_is_found_when_it_is_read(tmp_path: Path) -> None:
    made = written(tmp_path, CONTENT)
    (tmp_path / "file2").write_bytes(b"MANIFEST-2\n and more")
    data = b"".join(made.blocks())
    assert len(data) == made.size
    assert "the content of store/CURRENT" in refused(data)


@pytest.mark.parametrize("size", [0, 1, 8**11 - 1, 8**11, 10**13])
def test_headers_of_files_of_any_size(size: int) -> None:
    member = tarfile.TarInfo.frombuf(backup_archive._header("store/000007.sst", size), "utf-8", "strict")
    assert (member.name, member.size, member.type) == ("store/000007.sst", size, tarfile.REGTYPE)


# ---- what is damaged


def test_every_byte_counts(whole: bytes) -> None:
    chance = random.Random(3)
    data = bytearray(whole)
    for place, was in enumerate(whole):
        data[place] ^= 1 << chance.randrange(8)
        refused(bytes(data))
        data[place] = was
    assert read(bytes(data)).summary == SUMMARY


def test_every_length_counts(whole: bytes) -> None:
    for length in range(len(whole)):
        refused(whole[:length])
    for more in (b"\0", b"x", bytes(512), bytes(10240), whole):
        assert "data after its end" in refused(whole + more)


def test_a_copy_of_which_the_rest_is_still_empty(whole: bytes) -> None:
    end = whole.index(b"SHA256\0") + 600
    for length in range(0, end, 100):
        refused(whole[:length].ljust(len(whole), b"\0"))


def test_blocks_that_are_missing_doubled_or_swapped(whole: bytes) -> None:
    blocks = [whole[start : start + 512] for start in range(0, len(whole), 512)]
    for place in range(len(blocks) - 1):
        for changed in (
            blocks[:place] + blocks[place + 1 :],
            blocks[: place + 1] + blocks[place:],
            [*blocks[:place], blocks[place + 1], blocks[place], *blocks[place + 2 :]],
        ):
            if changed != blocks:
                refused(b"".join(changed))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_edit_goes_unnoticed(whole: bytes, data: st.DataObject) -> None:
    start, end = sorted(data.draw(st.lists(st.integers(0, len(whole)), min_size=2, max_size=2)))
    put = data.draw(st.one_of(st.binary(max_size=2000), st.integers(0, end).map(lambda at: whole[at:end])))
    changed = whole[:start] + put + whole[end:]
    if changed == whole:
        assert read(changed)
    else:
        refused(changed)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=3000))
def test_noise_is_no_backup(noise: bytes) -> None:
    refused(noise)
    refused(b"manifest.json\0" + noise)


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(list(listed())), _JSON)
def test_a_manifest_may_hold_anything(key: str, value: object) -> None:
    manifest = listed(**{key: value})
    with suppress(BadInput):
        reader = read(forged(manifest))
        assert vars(reader.summary) == {name: manifest[name] for name in vars(SUMMARY)}
        assert manifest["product"] == "claimgraph"
        assert (manifest["format"], manifest["files"]) == (1, listed()["files"])


# ---- what is whole, and yet nothing that we write


@pytest.mark.parametrize(
    "name",
    [
        "../claimgraph.json",
        "/etc/passwd",
        "store/../../x",
        "store/a/b",
        "store/",
        "store",
        "store/.hidden",
        "manifest.json",
        "SHA256",
        "x.json",
        "store/" + "a" * 90,
        "",
    ],
)
def test_names_that_lead_elsewhere(name: str) -> None:
    manifest = listed()
    manifest["files"].append({"name": name, "size": 0, "sha256": hashlib.sha256().hexdigest()})
    assert "which is not a file of a backup" in refused(forged(manifest, [*CONTENT.items(), (name, b"")]))


def test_a_name_that_comes_twice() -> None:
    manifest = listed()
    manifest["files"].append(manifest["files"][0])
    first = next(iter(CONTENT.items()))
    assert "claimgraph.json twice" in refused(forged(manifest, [*CONTENT.items(), first]))


@pytest.mark.parametrize("needed", ["claimgraph.json", "store/CURRENT"])
def test_what_every_backup_holds(needed: str) -> None:
    files = [row for row in listed()["files"] if row["name"] != needed]
    members = [(name, content) for name, content in CONTENT.items() if name != needed]
    assert f"does not list {needed}" in refused(forged(listed(files=files), members))


@pytest.mark.parametrize("kind", [b"1", b"2", b"3", b"5", b"7", b"L", b"x"])
def test_links_directories_and_devices(whole: bytes, kind: bytes) -> None:
    start = whole.index(b"store/CURRENT\0")
    header = bytearray(whole[start : start + 512])
    header[156:157], header[157:168] = kind, b"/etc/passwd"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    said = refused(whole[:start] + header + whole[start + 512 :])
    assert "the header of store/CURRENT" in said
    assert "named “store/CURRENT”)" in said


def test_another_order_or_a_file_that_is_not_listed() -> None:
    assert "the header of claimgraph.json" in refused(forged(listed(), list(CONTENT.items())[::-1]))
    refused(forged(listed(), [*CONTENT.items(), ("store/more", b"")]))
    refused(forged(listed(), list(CONTENT.items())[:-1]))


@pytest.mark.parametrize("size", [-1, 10**15, True, "2", 2.0, None])
def test_sizes_that_are_none(size: object) -> None:
    files = listed()["files"]
    files[0]["size"] = size
    refused(forged(listed(files=files)))


def test_a_digest_that_does_not_fit_its_file() -> None:
    files = listed()["files"]
    files[3]["sha256"] = "0" * 64
    assert "the content of store/000007.sst" in refused(forged(listed(files=files)))


def test_types_are_not_stretched() -> None:
    formats: list[object] = [float("inf"), float("nan"), 1.5, 1.0, True, "1", 0, -1, None, []]
    others: list[dict[str, object]] = [{"quads": True}, {"quads": 1.0}, {"bare": 1}, {"base": None}, {"store": 3}]
    for other in [*others, *({"format": form} for form in formats)]:
        assert "its manifest cannot be read" in refused(forged(listed(**other)))


@pytest.mark.parametrize("text", ["a\n", "\0", "\x1b[2J", "\x9b", "\ud800"])
def test_what_a_terminal_could_not_show_or_would_obey(text: str) -> None:
    files = [*listed()["files"], {"name": text, "size": 0, "sha256": ""}]
    for other in ({"base": text}, {"version": text}, {"files": files}, {"format": 2, "version": text}):
        assert "its manifest cannot be read" in refused(forged(listed(**other)))


def test_a_newer_format_names_what_reads_it() -> None:
    with pytest.raises(BadInput, match="has format 2; this version reads formats up to 1") as caught:
        read(forged(listed(format=2, version="9.1", more="x")))
    assert caught.value.remedy == "Restore it with Claimgraph 9.1 or newer."


def test_what_a_newer_version_adds_is_passed_over() -> None:
    assert read(forged(listed(more=[1]))).summary == SUMMARY


def test_what_something_else_has_written(tmp_path: Path) -> None:
    assert refused(b"") == "b.tar is empty."
    assert refused(forged(listed(product="other"))) == "b.tar is not a backup."
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        tar.add(__file__, "test.py")
    assert refused((tmp_path / "x.tar").read_bytes()) == "b.tar is not a backup."
    for start in (b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"):
        assert refused(start + bytes(600)) == "b.tar is compressed."


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"null", b"1", b"\xff", b"[" * 100_000, b'{"format": 1}', b"1" * 5000]
)
def test_a_manifest_that_is_none(text: bytes) -> None:
    assert refused(forged(text)) == "b.tar is damaged: its manifest cannot be read."


def test_a_manifest_too_large_to_be_one_is_not_read() -> None:
    head = backup_archive._header("manifest.json", 16 * 1024 * 1024 + 1)
    assert "larger than the limit" in refused(head + bytes(10240))
    assert refused(backup_archive._header("manifest.json", -1) + bytes(10240)) == "b.tar is not a backup."
