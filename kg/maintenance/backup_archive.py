"""Backup files: plain tar archives of which every byte follows from what they hold.

::

    manifest.json       what the store is, and size and SHA-256 of every file; at most 16 MiB
    claimgraph.json     what the store knows of itself
    tokens.json         hashes of tokens, if any
    reference.sqlite    the reference store that links lead into, if any
    store/…             the engine's files, as they lie in an immutable checkpoint
    SHA256              the digest of every byte before this member

Any tar program unpacks it. Reading is stricter than tar: once the manifest is read, each header, each filling zero
and the length of the whole are known and are compared, so there is nothing in which a link, a second file of a name,
a path that leads elsewhere or a changed bit could hide.

So :mod:`tarfile` makes the headers and names what stands where another should be, but :class:`tarfile.TarFile` reads no
archive here: it loads extended headers of any size into memory before they can be refused, and takes a header that is
broken for the end.

It is not compressed: the engine's files are already, and gzip at its fastest took 23 % off a million statements in 25
times the time.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

from kg.errors import BadInput, StoreUnavailable

FORMAT = 1
"""Raised when an older version could not read what a newer one writes."""

Progress = Callable[[int, int], None]
"""Is told of every so many bytes that are done, and of how many there are in all."""


def unseen(_done: int, _total: int) -> None:
    """Show no progress."""


_CHUNK = 1024 * 1024
_MANIFEST = "manifest.json"
_DIGEST = "SHA256"
_LARGEST_MANIFEST = 16 * 1024 * 1024
_NAME = re.compile(r"(claimgraph|tokens)\.json|reference\.sqlite|store/[A-Za-z0-9][A-Za-z0-9._-]{0,80}")
_SHOWABLE = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]*")
_KINDS = {
    tarfile.REGTYPE: "a file",
    tarfile.LNKTYPE: "a hard link",
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.DIRTYPE: "a directory",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
}
_AGAIN = "Copy the file again from where it was made, or use another backup."


@dataclass(frozen=True)
class ArchivedFile:
    """One file of the store: its name in the archive, its size in bytes and its SHA-256 (hexadecimal)."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class BackupSummary:
    """What a backup says of the store it was made of.

    Attributes:
        store: the identity of the dataset.
        base: its base IRI.
        bare: whether it is a plain SPARQL store.
        made: when the backup was made (RFC 3339).
        version: of the product that made it.
        quads: number of quads, those of the default graph included.
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
    """A backup that can be written: the summary, and the files of a checkpoint that nobody changes meanwhile.

    Attributes:
        size: bytes that :meth:`blocks` will give in all.
    """

    def __init__(self, summary: BackupSummary, files: dict[str, Path], progress: Progress = unseen) -> None:
        """Take the digest of each file.

        Args:
            summary: what the manifest says of the store.
            files: where each member lies, by its name in the archive.
            progress: is told of the bytes read, now and when they are given.
        """
        self._files = files
        total = 2 * sum(file.stat().st_size for file in files.values())

        def counted(done: int) -> None:
            progress(done, total)

        self._counted = counted
        entries = [ArchivedFile(name, file.stat().st_size, _digest(file, counted)) for name, file in files.items()]
        manifest = {"format": FORMAT, "product": "claimgraph", **asdict(summary), "files": [*map(asdict, entries)]}
        self._entries = entries
        self._manifest = json.dumps(manifest, indent=1).encode()
        self.size = _length(len(self._manifest), entries)

    def blocks(self) -> Iterator[bytes]:
        """Give the bytes of the archive in order, in blocks none of which is empty.

        Raises:
            StoreUnavailable: a file is shorter than it was.
        """
        digest, done = hashlib.sha256(), 0
        for block in filter(None, self._members()):
            digest.update(block)
            done += len(block)
            yield block
        yield _ending(digest.hexdigest(), self.size - done)

    def _members(self) -> Iterator[bytes]:
        yield _header(_MANIFEST, len(self._manifest)) + self._manifest + _filling(len(self._manifest))
        for entry in self._entries:
            yield _header(entry.name, entry.size)
            with self._files[entry.name].open("rb") as stream:
                try:
                    for chunk in _pieces(stream, entry.size):
                        yield chunk
                        self._counted(len(chunk))
                except EOFError:
                    raise StoreUnavailable(f"{entry.name} has become shorter.", remedy="Check the disk.") from None
            yield _filling(entry.size)


def _digest(file: Path, progress: Callable[[int], None]) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            progress(len(chunk))
    return digest.hexdigest()


def _pieces(stream: BinaryIO, size: int) -> Iterator[bytes]:
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


def _filling(size: int) -> bytes:
    """Return the zeros that fill the last block of a member."""
    return bytes(-size % tarfile.BLOCKSIZE)


def _length(manifest: int, entries: list[ArchivedFile]) -> int:
    """Return the bytes of a whole archive, its manifest being so long."""
    sizes = [manifest, *(entry.size for entry in entries), len(_trailer(""))]
    used = sum(tarfile.BLOCKSIZE + size + -size % tarfile.BLOCKSIZE for size in sizes) + 2 * tarfile.BLOCKSIZE
    return used + -used % tarfile.RECORDSIZE


def _trailer(digest: str) -> bytes:
    return f"{digest:64}\n".encode()


def _ending(digest: str, size: int) -> bytes:
    """Make everything after the last file: the digest of all before, and zeros up to the end."""
    trailer = _trailer(digest)
    return (_header(_DIGEST, len(trailer)) + trailer).ljust(size, b"\0")


def _header(name: str, size: int) -> bytes:
    """Make the header of a regular file: POSIX ustar, but from 8 GiB on the size as GNU tar writes it.

    Fields that versions of :mod:`tarfile` fill in one way or another are set, as archives are compared byte by byte.
    """
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.uname, member.gname = size, 0o600, "root", "root"
    block = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    block[257:265] = tarfile.POSIX_MAGIC
    block[329:345] = b"0000000\0" * 2  # the device
    block[148:156] = b" " * 8  # the sum, counted as if it were spaces
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


class ArchiveReader:
    """Reads an archive and believes nothing.

    Attributes:
        summary: what the manifest says of the store.
        entries: the files that the manifest lists; their digests are true once they were unpacked.
        size: bytes of all files together.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        """Read the manifest, and check that the archive is as long as it must be.

        Args:
            stream: the archive, which can be read at any place.
            name: what to call it in errors.

        Raises:
            BadInput: it is no backup, not whole, or made by a newer version.
        """
        self._stream, self._name = stream, name
        self._sum = hashlib.sha256()
        found = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        content = self._read_manifest()
        self.summary, self.entries = self._understand(content)
        self.size = sum(entry.size for entry in self.entries)
        self._whole = _length(len(content), self.entries)
        if found != self._whole:
            raise self._broken("its end is missing" if found < self._whole else "there is something after its end")

    def _read_manifest(self) -> bytes:
        first = self._stream.read(tarfile.BLOCKSIZE)
        self._stream.seek(0)
        if not first:
            raise BadInput(f"{self._name} is empty.", remedy=_AGAIN)
        if first.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):
            raise BadInput(f"{self._name} is compressed.", remedy="Unpack it (gunzip, unzstd) and restore what comes.")
        header = _parsed(first)
        if header is None or header.name != _MANIFEST or header.size < 0:
            raise self._foreign()
        if header.size > _LARGEST_MANIFEST:
            raise self._broken("its manifest is larger than any can be")
        self._expect(_header(_MANIFEST, header.size), f"the header of {_MANIFEST}")
        content = b"".join(self._content(header.size, _MANIFEST))
        self._expect(_filling(header.size), f"what fills the end of {_MANIFEST}")
        return content

    def _understand(self, content: bytes) -> tuple[BackupSummary, list[ArchivedFile]]:
        try:
            known = json.loads(content)
            if known["product"] != "claimgraph":
                raise self._foreign()
            number: int = _typed(known["format"], "int")
            if number > FORMAT:
                raise BadInput(
                    f"{self._name} is of format {number}; this version reads up to {FORMAT}.",
                    remedy=f"Restore it with Claimgraph {_typed(known['version'], 'str')[:40]} or newer.",
                )
            if number < 1:
                raise ValueError(number)
            summary = BackupSummary(
                **{field.name: _typed(known[field.name], str(field.type)) for field in fields(BackupSummary)}
            )
            entries = [
                ArchivedFile(*(_typed(row[f.name], str(f.type)) for f in fields(ArchivedFile)))
                for row in known["files"]
            ]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise self._broken("its manifest cannot be read") from None
        self._check_names([entry.name for entry in entries])
        if any(entry.size < 0 for entry in entries):
            raise self._broken("its manifest lists a size below nothing")
        return summary, entries

    def _check_names(self, names: list[str]) -> None:
        for name in names:
            if not _NAME.fullmatch(name):
                raise self._broken(f"its manifest lists “{name[:80]}”, which no backup holds")
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise self._broken(f"its manifest lists {twice[0]} twice")
        for needed in ("claimgraph.json", "store/CURRENT"):
            if needed not in names:
                raise self._broken(f"its manifest does not list {needed}")

    def unpack(self, target: Path | None, progress: Progress = unseen) -> None:
        """Check every byte, once, and with a ``target`` write the files into that directory.

        Raises:
            BadInput: something is not as it was written; what was unpacked so far is to be thrown away.
        """
        for entry in self.entries:
            self._expect(_header(entry.name, entry.size), f"the header of {entry.name}")
            self._member(entry, target, progress)
            self._expect(_filling(entry.size), f"what fills the end of {entry.name}")
        ending = _ending(self._sum.hexdigest(), self._whole - self._stream.tell())
        if self._stream.read(len(ending)) != ending:
            raise self._broken("it does not end with its own digest")

    def _member(self, entry: ArchivedFile, target: Path | None, progress: Progress) -> None:
        digest = hashlib.sha256()
        with (target / entry.name).open("xb") if target else nullcontext() as written:
            for chunk in self._content(entry.size, entry.name):
                digest.update(chunk)
                if written:
                    written.write(chunk)
                progress(len(chunk), self.size)
        if digest.hexdigest() != entry.sha256:
            raise self._broken(f"the content of {entry.name} does not have the digest that its manifest gives")

    def _content(self, size: int, name: str) -> Iterator[bytes]:
        try:
            for chunk in _pieces(self._stream, size):
                self._sum.update(chunk)
                yield chunk
        except EOFError:
            raise self._broken(f"it ends within {name}") from None

    def _expect(self, expected: bytes, what: str) -> None:
        """Read the next bytes, which can be no others than those."""
        found = self._stream.read(len(expected))
        if found != expected:
            raise self._broken(f"{what} is not what it has to be{_described(found)}")
        self._sum.update(found)

    def _broken(self, how: str) -> BadInput:
        return BadInput(f"{self._name} is damaged: {how}.", remedy=_AGAIN)

    def _foreign(self) -> BadInput:
        return BadInput(f"{self._name} is not a backup.", remedy="Name a file that `kg backup` has written.")


def _typed(value: object, wanted: str) -> Any:
    """Pass a value of the manifest on if it is of the type that its field has, and can be shown."""
    if type(value).__name__ != wanted or not _SHOWABLE.fullmatch(str(value)):
        raise TypeError(wanted)
    return value


def _parsed(header: bytes) -> tarfile.TarInfo | None:
    try:
        return tarfile.TarInfo.frombuf(header, "utf-8", "replace")
    except tarfile.HeaderError:
        return None


def _described(block: bytes) -> str:
    """Describe the member that begins where something else should be."""
    header = _parsed(block[: tarfile.BLOCKSIZE])
    if header is None or not _SHOWABLE.fullmatch(header.name):
        return ""
    return f" ({_KINDS.get(header.type, 'something odd')} named “{header.name}” is there)"
