"""Format of backup files: plain tar archives in which the content determines every byte.

::

    manifest.json       description of the store, with size and SHA-256 of every file; at most 16 MiB
    claimgraph.json     metadata of the data directory
    tokens.json         hashes of tokens, if there are any
    reference.sqlite    the reference store that links lead to, if there is one
    store/…             the engine's files of an immutable checkpoint
    SHA256              the digest of all bytes before this member

Any tar program can unpack it. The reader is stricter than tar: the manifest determines each header, each padding byte
and the total length, and the reader compares them. A link, a second file of the same name, a path that leads elsewhere
or a changed bit is therefore always detected.

For the same reason :mod:`tarfile` only writes headers and describes unexpected ones; :class:`tarfile.TarFile` does not
read archives here. It loads extended headers of any size into memory before they can be rejected, and treats a broken
header as the end of the archive.

Archives are not compressed: the engine's files are compressed already, and gzip at its fastest level saved 23 % of a
million statements in 25 times the time.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

from kg.errors import BadInput, StoreUnavailable

FORMAT = 1
"""Version of the format; incremented when older versions of the program cannot read what a newer one writes."""

Progress = Callable[[int, int], None]
"""Callback for progress: bytes done since the last call, and total bytes."""


def no_progress(_done: int, _total: int) -> None:
    """Ignore progress."""


_CHUNK = 1024 * 1024
_MANIFEST = "manifest.json"
_DIGEST = "SHA256"
_LARGEST_MANIFEST = 16 * 1024 * 1024
_NAME = re.compile(r"(claimgraph|tokens)\.json|reference\.sqlite|store/[A-Za-z0-9][A-Za-z0-9._-]{0,80}")
# Text that is safe to print: no control characters, no lone surrogates.
_SHOWABLE = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]*")
_KINDS = {
    tarfile.REGTYPE: "a file",
    tarfile.LNKTYPE: "a hard link",
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.DIRTYPE: "a directory",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
}
_COPY_AGAIN = "Copy the file again from its source, or use another backup."


@dataclass(frozen=True)
class ArchivedFile:
    """One file of the store in an archive.

    Attributes:
        name: name in the archive (``store/CURRENT``).
        size: size in bytes.
        sha256: SHA-256 in hexadecimal.
    """

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class BackupSummary:
    """Summary of the store in a backup.

    Attributes:
        store: identity of the dataset.
        base: base IRI of the dataset.
        bare: whether it is a plain SPARQL store, without vocabulary and gate.
        made: time at which the backup was made (RFC 3339).
        version: version of the product that made it.
        quads: number of quads, including those of the default graph.
        graphs: number of named graphs.
    """

    store: str
    base: str
    bare: bool
    made: str
    version: str
    quads: int
    graphs: int


class BackupArchive:
    """Backup that can be written: a summary and the files of an immutable checkpoint.

    Attributes:
        size: total number of bytes that :meth:`blocks` yields.
    """

    def __init__(self, summary: BackupSummary, files: dict[str, Path], progress: Progress = no_progress) -> None:
        """Compute the digest of each file.

        Args:
            summary: summary of the store, for the manifest.
            files: paths of the members, by name in the archive.
            progress: called with the bytes read, for the digests now and for the archive later.
        """
        self._files = files
        total = 2 * sum(file.stat().st_size for file in files.values())  # read for the digests, then for the archive

        def report_progress(done: int) -> None:
            progress(done, total)

        self._report_progress = report_progress
        entries = [
            ArchivedFile(name, file.stat().st_size, _digest(file, report_progress)) for name, file in files.items()
        ]
        manifest = {"format": FORMAT, "product": "claimgraph", **asdict(summary), "files": [*map(asdict, entries)]}
        self._entries = entries
        self._manifest = json.dumps(manifest, indent=1).encode()
        self.size = _length(len(self._manifest), entries)

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes of the archive in order, in blocks that are never empty.

        Raises:
            StoreUnavailable: a file has become shorter since its digest was computed.
        """
        digest, done = hashlib.sha256(), 0
        for block in filter(None, self._members()):
            digest.update(block)
            done += len(block)
            yield block
        yield _ending(digest.hexdigest(), self.size - done)

    def _members(self) -> Iterator[bytes]:
        yield _header(_MANIFEST, len(self._manifest)) + self._manifest + _padding(len(self._manifest))
        for entry in self._entries:
            yield _header(entry.name, entry.size)
            with self._files[entry.name].open("rb") as stream:
                try:
                    for chunk in _chunks(stream, entry.size):
                        yield chunk
                        self._report_progress(len(chunk))
                except EOFError:
                    raise StoreUnavailable(f"{entry.name} has become shorter.", remedy="Check the disk.") from None
            yield _padding(entry.size)


def _digest(file: Path, progress: Callable[[int], None]) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            progress(len(chunk))
    return digest.hexdigest()


def _chunks(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """Read exactly ``size`` bytes.

    Raises:
        EOFError: there are fewer.
    """
    while size:
        chunk = stream.read(min(size, _CHUNK))
        if not chunk:
            raise EOFError
        size -= len(chunk)
        yield chunk


def _padding(size: int) -> bytes:
    """Return the zeros that pad a member of ``size`` bytes to whole blocks: 412 of them for 100 bytes."""
    return bytes(-size % tarfile.BLOCKSIZE)


def _length(manifest: int, entries: list[ArchivedFile]) -> int:
    """Return the size of a whole archive in bytes.

    Args:
        manifest: size of the manifest in bytes.
        entries: the files.
    """
    sizes = [manifest, *(entry.size for entry in entries), len(_trailer(""))]
    # Each member has a header block and padding; two zero blocks end the archive, which is padded to whole records.
    used = sum(tarfile.BLOCKSIZE + size + -size % tarfile.BLOCKSIZE for size in sizes) + 2 * tarfile.BLOCKSIZE
    return used + -used % tarfile.RECORDSIZE


def _trailer(digest: str) -> bytes:
    return f"{digest:64}\n".encode()


def _ending(digest: str, size: int) -> bytes:
    """Return the end of an archive: the member with the digest of everything before it, and zeros up to ``size``."""
    trailer = _trailer(digest)
    return (_header(_DIGEST, len(trailer)) + trailer).ljust(size, b"\0")


def _header(name: str, size: int) -> bytes:
    """Return the header of a regular file: POSIX ustar, with sizes from 8 GiB encoded as by GNU tar.

    Fields that versions of :mod:`tarfile` fill in differently are set here, as archives are compared byte by byte.
    """
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.uname, member.gname = size, 0o600, "root", "root"
    block = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    block[257:265] = tarfile.POSIX_MAGIC
    block[329:345] = b"0000000\0" * 2  # major and minor number of a device
    block[148:156] = b" " * 8  # the checksum is computed with spaces in its own field
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


class ArchiveReader:
    """Reader of an archive that does not trust its content.

    Attributes:
        summary: summary of the store, from the manifest.
        entries: files listed in the manifest; their digests are verified by :meth:`unpack`.
        size: total size of the files in bytes.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        """Read the manifest, and check the length of the archive.

        Args:
            stream: the archive; it must be seekable.
            name: name of the archive in errors.

        Raises:
            BadInput: the file is not a backup, is incomplete, or was made by a newer version.
        """
        self._stream, self._name = stream, name
        self._sum = hashlib.sha256()
        found = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        content = self._read_manifest()
        self.summary, self.entries = self._parse_manifest(content)
        self.size = sum(entry.size for entry in self.entries)
        self._whole = _length(len(content), self.entries)
        if found != self._whole:
            raise self._damaged("its end is missing" if found < self._whole else "there is data after its end")

    def _read_manifest(self) -> bytes:
        first = self._stream.read(tarfile.BLOCKSIZE)
        self._stream.seek(0)
        if not first:
            raise BadInput(f"{self._name} is empty.", remedy=_COPY_AGAIN)
        if first.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):
            raise BadInput(
                f"{self._name} is compressed.", remedy="Decompress it (gunzip, unzstd) and restore the result."
            )
        header = _parsed(first)
        if header is None or header.name != _MANIFEST or header.size < 0:
            raise self._not_a_backup()
        if header.size > _LARGEST_MANIFEST:
            raise self._damaged("its manifest is larger than the limit")
        self._expect(_header(_MANIFEST, header.size), f"the header of {_MANIFEST}")
        content = b"".join(self._content(header.size, _MANIFEST))
        self._expect(_padding(header.size), f"the padding of {_MANIFEST}")
        return content

    def _parse_manifest(self, content: bytes) -> tuple[BackupSummary, list[ArchivedFile]]:
        try:
            known = json.loads(content)
            if known["product"] != "claimgraph":
                raise self._not_a_backup()
            self._check_format(_typed(known["format"], "int"), known)
            summary = BackupSummary(
                **{field.name: _typed(known[field.name], str(field.type)) for field in fields(BackupSummary)}
            )
            entries = [
                ArchivedFile(*(_typed(row[f.name], str(f.type)) for f in fields(ArchivedFile)))
                for row in known["files"]
            ]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise self._damaged("its manifest cannot be read") from None
        self._check_names([entry.name for entry in entries])
        if any(entry.size < 0 for entry in entries):
            raise self._damaged("its manifest lists a negative size")
        return summary, entries

    def _check_format(self, number: int, known: Mapping[str, object]) -> None:
        if number > FORMAT:
            raise BadInput(
                f"{self._name} has format {number}; this version reads formats up to {FORMAT}.",
                remedy=f"Restore it with Claimgraph {_typed(known['version'], 'str')[:40]} or newer.",
            )
        if number < 1:
            raise ValueError(number)

    def _check_names(self, names: list[str]) -> None:
        for name in names:
            if not _NAME.fullmatch(name):
                raise self._damaged(f"its manifest lists “{name[:80]}”, which is not a file of a backup")
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise self._damaged(f"its manifest lists {twice[0]} twice")
        for needed in ("claimgraph.json", "store/CURRENT"):
            if needed not in names:
                raise self._damaged(f"its manifest does not list {needed}")

    def unpack(self, target: Path | None, progress: Progress = no_progress) -> None:
        """Check every byte, and write the files into a directory.

        Args:
            target: the directory; ``None`` to check only.
            progress: called with the bytes checked.

        Raises:
            BadInput: the archive is damaged; the caller must delete the files that were written.
        """
        for entry in self.entries:
            self._expect(_header(entry.name, entry.size), f"the header of {entry.name}")
            self._member(entry, target, progress)
            self._expect(_padding(entry.size), f"the padding of {entry.name}")
        ending = _ending(self._sum.hexdigest(), self._whole - self._stream.tell())
        if self._stream.read(len(ending)) != ending:
            raise self._damaged("it does not end with its own digest")

    def _member(self, entry: ArchivedFile, target: Path | None, progress: Progress) -> None:
        digest = hashlib.sha256()
        with (target / entry.name).open("xb") if target else nullcontext() as written:
            for chunk in self._content(entry.size, entry.name):
                digest.update(chunk)
                if written:
                    written.write(chunk)
                progress(len(chunk), self.size)
        if digest.hexdigest() != entry.sha256:
            raise self._damaged(f"the content of {entry.name} does not have the digest in its manifest")

    def _content(self, size: int, name: str) -> Iterator[bytes]:
        try:
            for chunk in _chunks(self._stream, size):
                self._sum.update(chunk)
                yield chunk
        except EOFError:
            raise self._damaged(f"it ends within {name}") from None

    def _expect(self, expected: bytes, what: str) -> None:
        """Read the next bytes and compare them with the only possible ones."""
        found = self._stream.read(len(expected))
        if found != expected:
            raise self._damaged(f"{what} is not as expected{_described(found)}")
        self._sum.update(found)

    def _damaged(self, how: str) -> BadInput:
        return BadInput(f"{self._name} is damaged: {how}.", remedy=_COPY_AGAIN)

    def _not_a_backup(self) -> BadInput:
        return BadInput(f"{self._name} is not a backup.", remedy="Name a file that `kg backup` has written.")


def _typed(value: object, wanted: str) -> Any:
    """Return a value of the manifest that has the wanted type and can be printed.

    Raises:
        TypeError: it does not, or it cannot.
    """
    if type(value).__name__ != wanted or not _SHOWABLE.fullmatch(str(value)):
        raise TypeError(wanted)
    return value


def _parsed(header: bytes) -> tarfile.TarInfo | None:
    try:
        return tarfile.TarInfo.frombuf(header, "utf-8", "replace")
    except tarfile.HeaderError:
        return None


def _described(block: bytes) -> str:
    """Return the description of an unexpected header; empty if it is not a header."""
    header = _parsed(block[: tarfile.BLOCKSIZE])
    if header is None or not _SHOWABLE.fullmatch(header.name):
        return ""
    return f" (found {_KINDS.get(header.type, 'an unknown member')} named “{header.name}”)"
