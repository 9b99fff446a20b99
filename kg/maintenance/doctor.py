"""`kg doctor`: look at everything that an installation rests on, change nothing, and say what to do.

Each check gives at least one finding, also when all is well, so that one sees what was looked at.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from kg.access.api_tokens import FILE as TOKENS
from kg.config import IGNORED, StoreSettings, from_environment, variables
from kg.errors import ClaimgraphError
from kg.files import disk_space
from kg.maintenance.python_requirements import unmet
from kg.maintenance.store_checks import check_store, newest_snapshot
from kg.reference import store_location
from kg.reference.reference_store import FILE as REFERENCE
from kg.reference.reference_store import ReferenceStore
from kg.store.directory_metadata import FILE as META
from kg.store.interrupted_restore import left_over
from kg.store.snapshots import FOLDER as SNAPSHOTS

Verdict = Literal["ok", "warning", "failed"]

_LOW = 1024 * disk_space.MIB
_FILES = 1024
_SKEW = 60.0
"""Seconds that two clocks may differ."""

_EARLIEST = 1735689600.0
"""2025, before which there was no Claimgraph to set a clock by."""

_PROBE = """
import socket, sys
from kg import sandbox
sandbox.limit_memory(512 * 1024 * 1024)
if not sandbox.forbid_sockets():
    sys.exit("the system has no filter for system calls (seccomp) here")
try:
    socket.socket()
except OSError:
    sys.exit(0)
sys.exit("a reader could still open sockets")
"""


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        check: its name.
        verdict: ``"failed"`` needs to be mended, ``"warning"`` ought to be looked at.
        what: what was found.
        remedy: what to do about it.
    """

    check: str
    verdict: Verdict
    what: str
    remedy: str = ""

    def to_json(self) -> dict[str, str]:
        """Give it as an object of JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Installation:
    """What is looked at: a data directory, the environment, and how thoroughly."""

    data: Path
    environ: Mapping[str, str]
    full: bool = False


def diagnose(patient: Installation) -> list[Finding]:
    """Run every check."""
    return [finding for check in _CHECKS for finding in check(patient)]


def patient(data: Path | None, environ: Mapping[str, str], *, full: bool = False) -> Installation:
    """Name the data directory even where another setting is wrong."""
    named = environ.get("KG_DATA_DIR", "").strip()
    return Installation(data or (Path(named) if named else StoreSettings().data_dir), environ, full)


# ---- the data directory


def _directory(patient: Installation) -> Iterator[Finding]:
    check, data = "data directory", patient.data
    if left := left_over(data):
        remedy = f"If the data directory lacks its store or {TOKENS}, move them back from there; then delete it."
        yield Finding(check, "failed", f"{left} is left from a restore that was interrupted.", remedy)
    if not data.is_dir():
        yield Finding(
            check, "failed", f"{data} is not there.", "Name it with --data or KG_DATA_DIR, or let `kg serve` make it."
        )
        return
    if not (data / META).is_file():
        yield Finding(
            check,
            "failed",
            f"There is no store in {data}.",
            "Name another, restore a backup, or let `kg serve` make it.",
        )
        return
    yield Finding(check, "ok", f"{data}")


def _rights(patient: Installation) -> Iterator[Finding]:
    check, data = "rights", patient.data
    if not data.is_dir():
        return
    found = []
    status = data.stat()
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        found.append(
            Finding(check, "failed", "The data directory cannot be written.", "Run as the account that owns it.")
        )
    elif status.st_uid != os.geteuid():
        remedy = "Run as the account that serves; files made by another may be out of its reach."
        found.append(Finding(check, "warning", "The data directory belongs to another account.", remedy))
    if status.st_mode & 0o077:
        what = f"The data directory is open to other accounts (mode {status.st_mode & 0o777:04o})."
        found.append(Finding(check, "warning", what, "chmod 0700 lets its owner alone in."))
    tokens = data / TOKENS
    if tokens.exists() and tokens.stat().st_mode & 0o077:
        what = f"{TOKENS} is open to other accounts (mode {tokens.stat().st_mode & 0o777:04o})."
        found.append(Finding(check, "failed", what, "chmod 0600 lets its owner alone read it."))
    yield from found or [Finding(check, "ok", "Only the owner reaches the data.")]


def _store(patient: Installation) -> Iterator[Finding]:
    if (patient.data / META).is_file():
        for check, fault, what, remedy in check_store(patient.data, full=patient.full):
            yield Finding(check, "failed" if fault else "ok", what, remedy)


def _reference(patient: Installation) -> Iterator[Finding]:
    check, file = "reference data", patient.data / REFERENCE
    if not file.exists():
        return
    try:
        if patient.full:
            store_location.check(file)
        with ReferenceStore.open(file) as reference:
            packs = reference.packs()
    except ClaimgraphError as error:
        yield Finding(check, "failed", error.message, error.remedy)
        return
    how = "every page was read" if patient.full else "--full reads every page"
    yield Finding(check, "ok", f"{len(packs)} packs of records to link to ({how}).")


def _disk(patient: Installation) -> Iterator[Finding]:
    left = disk_space.free(patient.data)
    what = f"{left // disk_space.MIB} MiB are free."
    if left < disk_space.RESERVE:
        remedy = "Free space on the disk of the data directory."
        yield Finding(
            "disk", "failed", f"{what} Writes are refused below {disk_space.RESERVE // disk_space.MIB} MiB.", remedy
        )
    elif left < _LOW:
        yield Finding("disk", "warning", what, "Free space before writes are refused.")
    else:
        yield Finding("disk", "ok", what)


def _clock(patient: Installation) -> Iterator[Finding]:
    now = time.time()
    if now < _EARLIEST:
        yield Finding("clock", "failed", f"The clock says {time.strftime('%Y-%m-%d', time.gmtime(now))}.", "Set it.")
        return
    places = [patient.data / META, *(patient.data / SNAPSHOTS).glob("*")]
    ahead = [path for path in places if path.exists() and path.stat().st_mtime > now + _SKEW]
    if ahead:
        what = f"{ahead[0].relative_to(patient.data)} was written in the future: the clock has gone back."
        yield Finding("clock", "warning", what, "Set the clock, and keep it by NTP.")
    else:
        newest = newest_snapshot(patient.data)
        taken = (
            time.strftime(" The newest snapshot is of %F %TZ.", time.gmtime(newest.stat().st_mtime)) if newest else ""
        )
        yield Finding("clock", "ok", f"Nothing is dated in the future.{taken}")


# ---- the system


def _open_files(patient: Installation) -> Iterator[Finding]:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    store = patient.data / "store"
    needed = max(_FILES, 4 * sum(1 for _ in store.glob("*.sst")) if store.is_dir() else 0)
    if soft != resource.RLIM_INFINITY and soft < needed:
        what = f"A process may open {soft} files; {needed} are advisable for this store."
        yield Finding("open files", "warning", what, "Raise it with ulimit -n, or LimitNOFILE= of systemd.")
    else:
        yield Finding("open files", "ok", f"A process may open {'any' if soft < 0 else soft} files.")


def _software(_patient: Installation) -> Iterator[Finding]:
    try:
        product = metadata.version("claimgraph")
        required = metadata.requires("claimgraph") or []
    except metadata.PackageNotFoundError:
        yield Finding("software", "warning", "Claimgraph is not installed as a package.", "Install it with pip.")
        return
    wrong = [f"{name} {found or 'is missing'} (needed: {wanted})" for name, found, wanted in unmet(required)]
    if wrong:
        yield Finding("software", "failed", "; ".join(wrong) + ".", f"pip install --upgrade claimgraph=={product}")
        return
    python = ".".join(map(str, sys.version_info[:3]))
    named = ", ".join(f"{name} {metadata.version(name)}" for name in ("pyoxigraph", "rdflib", "pyshacl", "owlrl"))
    yield Finding("software", "ok", f"Claimgraph {product}, Python {python}, {named}; every requirement is met.")


def _isolation(_patient: Installation) -> Iterator[Finding]:
    command = [sys.executable, "-c", _PROBE]
    try:
        tried = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our own
    except (OSError, subprocess.TimeoutExpired):
        tried = None
    if tried and tried.returncode == 0:
        yield Finding("isolation", "ok", "Readers get limits of memory, and no network.")
        return
    said = (tried.stderr.strip().splitlines() if tried else []) or ["a process cannot be started"]
    what = f"Readers are less isolated than they should be: {said[-1]}."
    yield Finding("isolation", "warning", what, "Use Linux on x86-64 or arm64, and a container that allows seccomp.")


def _settings(patient: Installation) -> Iterator[Finding]:
    known = {row.name for row in variables()}
    given = sorted(name for name in patient.environ if name.startswith("KG_"))
    try:
        from_environment(patient.environ)
    except ClaimgraphError as error:
        yield Finding("settings", "failed", error.message, error.remedy)
    past = [name for name in given if name in IGNORED]
    if past:
        yield Finding("settings", "ok", f"Without effect since it is of an earlier version: {', '.join(past)}.")
    strange = [name for name in given if name not in known | IGNORED]
    if strange:
        yield Finding(
            "settings",
            "warning",
            f"Nothing reads {', '.join(strange)}.",
            "Check the spelling; the guide lists every setting (configuration).",
        )
    names = [name for name in given if name in known]
    yield Finding("settings", "ok", f"Set: {', '.join(names)}." if names else "All have their defaults.")


_CHECKS: tuple[Callable[[Installation], Iterator[Finding]], ...] = (
    _directory,
    _rights,
    _store,
    _reference,
    _disk,
    _clock,
    _open_files,
    _software,
    _isolation,
    _settings,
)
